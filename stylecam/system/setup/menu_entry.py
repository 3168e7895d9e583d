"""The menu entry by which a desktop knows stylecam, where it was not installed by a package of the system."""

from __future__ import annotations

from collections.abc import Sequence

from stylecam.system.probe import HostProbe
from stylecam.system.setup.steps import SetupStep, write_file_step

_ENTRY = """\
[Desktop Entry]
Type=Application
Name=stylecam
Comment=A virtual webcam that paints you live
Exec={command} run
Terminal=true
Categories=AudioVideo;Video;
"""


def menu_entry_steps(host: HostProbe, app_id: str, program: Sequence[str]) -> tuple[SetupStep, ...]:
    """Return the steps that write the user's menu entry `app_id`.desktop, which runs `program`."""
    folder = f"{host.environment.get('XDG_DATA_HOME') or host.user.home + '/.local/share'}/applications"
    text = _ENTRY.format(command=" ".join(map(_quoted, program)))
    return (
        SetupStep("the folder of your menu entries", ("mkdir", "-p", folder)),
        write_file_step(
            "a menu entry, by which the desktop knows stylecam", f"{folder}/{app_id}.desktop", text, root=False
        ),
    )


def _quoted(word: str) -> str:
    """Return `word` as an argument of `Exec` (https://specifications.freedesktop.org/desktop-entry-spec/latest/)."""
    word = word.replace("%", "%%")
    for letter in ("\\", '"', "`", "$"):
        word = word.replace(letter, "\\" + letter)
    return '"' + word.replace("\\", "\\\\") + '"' if any(c in word for c in " \t\"'\\><~|&;$*?#()`") else word
