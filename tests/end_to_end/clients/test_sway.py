"""A key binding of Sway, a Wayland compositor, that runs `stylecam ctl next`, pressed by a virtual keyboard."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.browser import Host, hosted
from tests.end_to_end.conftest import Need
from tests.end_to_end.outside import PATIENCE_S, PORTRAIT, environment, wait_for

pytestmark = pytest.mark.system

STILL = (
    "--camera",
    str(PORTRAIT),
    "--size",
    "320x180",
    "--scale",
    "0.35",
    "--style",
    "great_wave",
    "--engine",
    "opencv",
)


class Sway:
    """A Sway without a screen, with key bindings."""

    def __init__(self, command: list[str], folder: Path, variables: dict[str, str], bindings: dict[str, str]) -> None:
        lines = [f"bindsym {keys} exec {command}" for keys, command in bindings.items()]
        (folder / "sway.conf").write_text("\n".join(["xwayland disable", *lines, ""]))
        self.variables = variables
        self._running = Path(variables["XDG_RUNTIME_DIR"])
        self._log = folder / "sway.txt"
        self._process: subprocess.Popen[bytes]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--config", str(folder / "sway.conf")],
                env=variables | {"WLR_BACKENDS": "headless", "WLR_LIBINPUT_NO_DEVICES": "1", "WLR_RENDERER": "pixman"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self.display = wait_for("Sway", self._display)
        except BaseException:
            self.kill()
            raise

    def _display(self) -> str | None:
        assert self._process.poll() is None, f"Sway ended:\n{self._log.read_text()}"
        ready = any(self._running.glob("sway-ipc.*.sock"))
        return next((path.name for path in self._running.glob("wayland-*") if ready and path.suffix != ".lock"), None)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(PATIENCE_S)


@pytest.fixture
def still(tmp_path: Path) -> Iterator[Host]:
    with hosted(tmp_path, *STILL) as host:
        yield host


def test_a_key_binding_changes_the_style_and_another_covers_the_picture(
    still: Host, need: Need, tmp_path: Path
) -> None:
    sway, wtype = need("sway"), need("wtype")
    control = f"{sys.executable} -m stylecam ctl"
    bindings = {"Ctrl+Alt+n": f"{control} next", "Ctrl+Alt+x": f"{control} panic on"}
    # It refuses to be root; in a namespace of its own root is somebody else, whose files these still are.
    command = [need("unshare"), "--user", "--map-user=1000", "--map-group=1000", "--"] if os.geteuid() == 0 else []
    compositor = Sway([*command, sway], tmp_path, environment(tmp_path), bindings)
    try:
        variables = compositor.variables | {"WAYLAND_DISPLAY": compositor.display}

        def press(key: str) -> None:
            command = [wtype, "-M", "ctrl", "-M", "alt", "-k", key, "-m", "alt", "-m", "ctrl"]
            subprocess.run(command, env=variables, check=True, timeout=PATIENCE_S)

        before = still.state()["weights"]
        press("n")
        wait_for("the next style", lambda: still.state()["weights"] != before)
        press("x")
        wait_for("the cover", lambda: still.state()["panic"])
    finally:
        compositor.kill()
