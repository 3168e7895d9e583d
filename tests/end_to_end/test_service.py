"""stylecam as a service of a real systemd, the user's own, in a namespace that nothing leaves."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.end_to_end.conftest import Need, unavailable
from tests.end_to_end.outside import PATIENCE_S, PORTRAIT, environment, wait_for

pytestmark = pytest.mark.system

SYSTEMD = Path("/usr/lib/systemd/systemd")
FLAGS = ("--camera", "demo", "--style", "none", "--size", "128x96", "--output", "null", "--no-hotkeys", "--always-on")
BEGIN = f"""
mount --make-rprivate / && mount -t tmpfs run /run && mkdir -p /run/systemd/system || exit 77
{SYSTEMD} --user --log-target=console &
wait
"""
"""systemd looks for /run/systemd/system to see whether it is wanted."""


class Session:
    """A user's session with a systemd of its own; commands are run inside it."""

    def __init__(self, pid: int, home: Path, variables: dict[str, str]) -> None:
        self._enter = ["nsenter", "-t", str(pid), "-m", "-p", "--"]
        self.unit = home / "config" / "systemd" / "user" / "stylecam.service"
        self._variables = variables

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._enter, *command], env=self._variables, capture_output=True, text=True, timeout=90, check=False
        )

    def service(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run(sys.executable, "-m", "stylecam", "service", *words)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.service("status", "--json").stdout)
        return found

    def shown(self, name: str) -> str:
        return self.run(
            "systemctl", "--user", "show", "stylecam.service", f"--property={name}", "--value"
        ).stdout.strip()

    def runs_as_another(self, pid: str) -> str:
        """Wait until it runs again, as another process than `pid`; that one."""

        def look() -> str:
            now = self.shown("MainPID")
            return now if now not in ("0", pid) and self.shown("ActiveState") == "active" else ""

        return wait_for(f"another process than {pid}", look, 60)


@pytest.fixture
def session(tmp_path: Path, need: Need) -> Iterator[Session]:
    for program in ("unshare", "nsenter", "systemctl"):
        need(program)
    if not SYSTEMD.exists():
        unavailable("systemd is not installed")
    if os.getuid() != 0:
        pytest.skip("only root can start a systemd of its own")
    variables = {**environment(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    variables.pop("DBUS_SESSION_BUS_ADDRESS", None)
    log = (tmp_path / "systemd.log").open("wb")
    begun = subprocess.Popen(
        ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", BEGIN],
        env=variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
    )  # fmt: skip
    try:

        def started() -> Session | None:
            if begun.poll() is not None:
                pytest.skip(f"no systemd can be started here: {(tmp_path / 'systemd.log').read_text()[-300:]}")
            children = psutil.Process(begun.pid).children()
            found = Session(children[0].pid, tmp_path, variables) if children else None
            return found if found and found.run("systemctl", "--user", "is-system-running").stdout.strip() else None

        yield wait_for("a systemd that answers", started)
    finally:
        begun.kill()
        begun.wait(PATIENCE_S)
        log.close()


@pytest.fixture
def installed(session: Session) -> Session:
    done = session.service("install", *FLAGS)
    assert done.returncode == 0, done.stderr
    return session


def test_it_is_installed_started_stopped_and_taken_away(installed: Session) -> None:
    assert installed.unit.exists()
    assert installed.shown("UnitFileState") == "enabled"
    before = installed.service("status")
    assert (before.returncode, before.stdout) == (3, "installed, inactive (dead)\n")
    started = installed.service("start")
    assert started.returncode == 0, started.stderr
    assert installed.status() == {**installed.status(), "installed": True, "running": True}
    wait_for("its status", lambda: "painting none" in installed.shown("StatusText"))
    assert installed.service("stop").returncode == 0
    assert not installed.status()["running"]
    assert installed.shown("Result") == "success"
    assert installed.service("uninstall").returncode == 0
    assert not installed.unit.exists()
    assert not installed.status()["installed"]
    assert list(installed.unit.parent.rglob("stylecam*")) == []


def test_one_that_is_killed_is_started_again(installed: Session) -> None:
    assert installed.service("start").returncode == 0
    first = installed.shown("MainPID")
    installed.run("kill", "-KILL", first)
    installed.runs_as_another(first)
    assert installed.shown("NRestarts") == "1"


def test_one_that_hangs_is_started_again_by_the_watchdog(installed: Session) -> None:
    quick = installed.unit.with_name("stylecam.service.d")
    quick.mkdir()
    (quick / "quick.conf").write_text("[Service]\nWatchdogSec=3\nWatchdogSignal=KILL\n")
    installed.run("systemctl", "--user", "daemon-reload")
    assert installed.service("start").returncode == 0
    first, fed = installed.shown("MainPID"), installed.shown("WatchdogTimestampMonotonic")
    wait_for("the watchdog to be fed", lambda: installed.shown("WatchdogTimestampMonotonic") not in ("0", fed))
    installed.run("kill", "-STOP", first)
    installed.runs_as_another(first)


def test_a_camera_that_is_not_there_yet_is_waited_for(session: Session, tmp_path: Path) -> None:
    flags = list(FLAGS)
    flags[1] = str(tmp_path / "late.jpg")
    assert session.service("install", *flags).returncode == 0
    refused = session.service("start")
    assert refused.returncode == 2
    wait_for("the next try", lambda: session.shown("ActiveState") == "activating")
    (tmp_path / "late.jpg").write_bytes(PORTRAIT.read_bytes())
    wait_for("it to run", lambda: session.shown("ActiveState") == "active", 60)
    assert session.shown("ExecMainStatus") == "0"


def test_a_mistake_in_the_file_is_not_tried_again_and_again(installed: Session, tmp_path: Path) -> None:
    (tmp_path / "config" / "stylecam").mkdir()
    (tmp_path / "config" / "stylecam" / "config.toml").write_text("[run]\nfps = 'fast'\n")
    refused = installed.service("start")
    assert refused.returncode == 2
    assert "stylecam.service" in refused.stderr
    assert "exit-code" in installed.status()["words"]
    assert installed.shown("ExecMainStatus") == "2"
    assert installed.shown("NRestarts") == "0"
    assert installed.shown("ActiveState") == "failed"


def test_systemctl_reload_has_the_file_read_again(installed: Session, tmp_path: Path) -> None:
    assert installed.service("start").returncode == 0
    (tmp_path / "config" / "stylecam").mkdir()
    (tmp_path / "config" / "stylecam" / "config.toml").write_text("[run]\nstrength = 0.5\n")
    assert installed.run("systemctl", "--user", "reload", "stylecam").returncode == 0
    asked: Callable[[], bool] = lambda: (  # noqa: E731
        "strength 0.5" in installed.run(sys.executable, "-m", "stylecam", "ctl", "state").stdout
    )
    wait_for("the new strength", asked)


def test_without_systemd_it_says_what_to_do_instead_and_writes_nothing(tmp_path: Path) -> None:
    if shutil.which("systemctl") and Path("/run/systemd/system").exists():
        pytest.skip("this system has systemd")
    refused = subprocess.run(
        [sys.executable, "-m", "stylecam", "service", "install"],
        env=environment(tmp_path), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert refused.returncode == 2
    assert "systemd is not here" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert not (tmp_path / "config" / "systemd").exists()
