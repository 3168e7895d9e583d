"""Open the page in the user's browser, where there is somebody who would see it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import webbrowser
from collections.abc import Mapping

_REMOTE = ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY")
_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")
_OPENERS = (("xdg-open",), ("gio", "open"))
"""What opens an address in the desktop's browser. Python's `webbrowser` would also take one that runs in the terminal,
over the keys and the status line."""


def is_wanted(environment: Mapping[str, str], output_is_terminal: bool) -> bool:
    """Return whether a person sits before this computer's screen: not over SSH, without a display, or by a script."""
    if not output_is_terminal or any(environment.get(name) for name in _REMOTE):
        return False
    return sys.platform != "linux" or any(environment.get(name) for name in _DISPLAYS)


def open_address(address: str) -> None:
    """Open `address` in the browser, and return at once. Where there is no browser, nothing happens."""
    threading.Thread(target=_open, args=(address,), name="browser", daemon=True).start()


def _open(address: str) -> None:
    if sys.platform != "linux":
        webbrowser.open(address)
        return
    opener = next((words for words in _OPENERS if shutil.which(words[0])), None)
    if opener is not None:
        nowhere = subprocess.DEVNULL
        # It may be the browser itself, which shall outlive Ctrl-C in this terminal.
        subprocess.run(
            [*opener, address], stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True, check=False
        )
