"""What each system is given to start stylecam with."""

from __future__ import annotations

import os
import plistlib
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from stylecam.errors import ServiceError, UsageError
from stylecam.system.service.launchd import LABEL, Launchd
from stylecam.system.service.systemd import Systemd, quote, unit
from stylecam.system.service.windows import TaskScheduler, task

COMMAND = ["/opt/my apps/py thon", "-m", "stylecam", "run", "--camera", 'the "best" 100% $HOME', "--size", "128x96"]


class FakeProgram:
    """Stands for the system's own program: answers each command with a status, and records the commands."""

    def __init__(self, **statuses: int) -> None:
        self.commands: list[str] = []
        self._statuses = statuses

    def __call__(self, command: Sequence[str]) -> CompletedProcess[str]:
        self.commands.append(" ".join(command[1:]))
        status = next((code for word, code in self._statuses.items() if word in command), 0)
        return CompletedProcess(command, status, "ActiveState=inactive", "the system's own message" if status else "")


def test_the_unit_runs_the_command_waits_for_its_word_and_watches_it() -> None:
    text = unit(["/usr/bin/python3", "-m", "stylecam", "run"], "default.target")
    lines = text.splitlines()
    assert "ExecStart=/usr/bin/python3 -m stylecam run" in lines
    assert {"Type=notify", "WatchdogSec=20", "Restart=on-failure", "RestartPreventExitStatus=2"} <= set(lines)
    assert "WantedBy=default.target" in lines
    assert "PartOf" not in text


def test_with_a_desktop_it_comes_and_goes_with_it() -> None:
    lines = unit(["x"], "graphical-session.target").splitlines()
    assert "PartOf=graphical-session.target" in lines
    assert "WantedBy=graphical-session.target" in lines


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("plain", "plain"),
        ("", '""'),
        ("two words", '"two words"'),
        ("100%", "100%%"),
        ("$HOME", "$$HOME"),
        ('a"b', '"a\\"b"'),
        ("a\\b", '"a\\\\b"'),
        ("it's", '"it\'s"'),
        ("a;b", '"a;b"'),
    ],
)
def test_a_word_stays_one_word_whatever_is_in_it(word: str, written: str) -> None:
    assert quote(word) == written


@pytest.mark.parametrize("target", ["default.target", "graphical-session.target"])
def test_systemd_itself_finds_no_fault_in_the_unit(target: str, tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    path = tmp_path / "stylecam.service"
    path.write_text(unit([sys.executable, *COMMAND[1:]], target))
    (tmp_path / "run").mkdir(mode=0o700)
    verified = subprocess.run(
        [program, "--user", "verify", "--man=no", str(path)],
        capture_output=True, text=True, check=False,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path / "run")},
    )  # fmt: skip
    about_ours = [line for line in verified.stderr.splitlines() if "stylecam" in line]
    assert about_ours == []
    assert verified.returncode == 0, verified.stderr


def test_installing_writes_the_unit_and_enables_it(tmp_path: Path) -> None:
    systemctl = FakeProgram()
    said = Systemd(tmp_path / "user", systemctl).install(COMMAND)
    path = tmp_path / "user" / "stylecam.service"
    assert path.exists()
    assert str(path) in said[0]
    assert systemctl.commands[1:] == ["--user daemon-reload", "--user reenable stylecam.service"]


def test_uninstalling_leaves_nothing_and_touches_no_other_service(tmp_path: Path) -> None:
    systemctl = FakeProgram()
    manager = Systemd(tmp_path, systemctl)
    manager.install(COMMAND)
    manager.uninstall()
    assert list(tmp_path.iterdir()) == []
    for command in systemctl.commands[3:]:
        assert command.endswith("stylecam.service") or command == "--user daemon-reload"


def test_a_system_without_systemd_is_told_what_to_do_and_nothing_is_written(tmp_path: Path) -> None:
    def missing(command: Sequence[str]) -> CompletedProcess[str]:
        raise FileNotFoundError(command[0])

    with pytest.raises(ServiceError, match="Autostart"):
        Systemd(tmp_path / "user", missing).install(COMMAND)
    assert list(tmp_path.iterdir()) == []


def test_what_systemd_refuses_is_told_in_its_own_words(tmp_path: Path) -> None:
    manager = Systemd(tmp_path, FakeProgram(start=1))
    manager.install(COMMAND)
    with pytest.raises(ServiceError, match=r"start stylecam\.service: the system's own message"):
        manager.start()


@pytest.mark.parametrize("ask", ["start", "stop", "uninstall"])
@pytest.mark.parametrize("kind", ["systemd", "launchd", "windows"])
def test_what_was_never_installed_cannot_be_steered_and_it_says_how(ask: str, kind: str, tmp_path: Path) -> None:
    manager = {
        "systemd": Systemd(tmp_path, FakeProgram()),
        "launchd": Launchd(tmp_path, 501, FakeProgram()),
        "windows": TaskScheduler(tmp_path, "me", FakeProgram()),
    }[kind]
    with pytest.raises(ServiceError, match="`stylecam service install` makes it one"):
        getattr(manager, ask)()


def test_the_launch_agent_is_a_property_list_with_the_command(tmp_path: Path) -> None:
    Launchd(tmp_path, 501, FakeProgram()).install(COMMAND)
    agent = plistlib.loads((tmp_path / "Library" / "LaunchAgents" / f"{LABEL}.plist").read_bytes())
    assert agent["ProgramArguments"] == COMMAND
    assert agent["KeepAlive"] == {"SuccessfulExit": False}
    assert agent["Label"] == LABEL


def test_a_launch_agent_is_loaded_to_start_and_unloaded_to_stop(tmp_path: Path) -> None:
    launchctl = FakeProgram(print=113)
    manager = Launchd(tmp_path, 501, launchctl)
    manager.install(COMMAND)
    manager.start()
    assert f"bootstrap gui/501 {tmp_path}/Library/LaunchAgents/{LABEL}.plist" in launchctl.commands
    assert not manager.status().running


def test_the_task_runs_the_command_without_a_console_and_for_ever() -> None:
    root = ElementTree.fromstring(task(["C:\\py\\python.exe", "-m", "stylecam", "run", "--camera", "HD Cam"], "PC\\me"))
    space = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}
    assert root.findtext("t:Actions/t:Exec/t:Command", None, space) == "C:\\py\\pythonw.exe"
    assert root.findtext("t:Actions/t:Exec/t:Arguments", None, space) == '-m stylecam run --camera "HD Cam"'
    assert root.findtext("t:Triggers/t:LogonTrigger/t:UserId", None, space) == "PC\\me"
    assert root.findtext("t:Settings/t:ExecutionTimeLimit", None, space) == "PT0S"


def test_a_task_that_does_not_run_is_deleted_all_the_same(tmp_path: Path) -> None:
    schtasks = FakeProgram(**{"/End": 1})
    manager = TaskScheduler(tmp_path, "PC\\me", schtasks)
    manager.install(COMMAND)
    manager.uninstall()
    assert "/Delete /TN stylecam /F" in schtasks.commands


def test_a_task_is_made_run_ended_and_deleted(tmp_path: Path) -> None:
    schtasks = FakeProgram()
    manager = TaskScheduler(tmp_path, "PC\\me", schtasks)
    manager.install(COMMAND)
    manager.start()
    manager.stop()
    manager.uninstall()
    words = [command.split()[0] for command in schtasks.commands]
    assert words == ["/Create", "/Run", "/End", "/End", "/Delete"]
    assert list(tmp_path.iterdir()) == []


SECRETS = {"STYLECAM_TOKEN": "a-secret-token", "STYLECAM_OBS": 'ws://:pa"ss $HOME\\`x@127.0.0.1:4455'}


@pytest.mark.skipif(sys.platform == "win32", reason="systemd is of Linux")
def test_secrets_are_in_a_file_that_only_the_user_can_read(tmp_path: Path) -> None:
    folder, secrets = tmp_path / "systemd" / "user", tmp_path / "stylecam" / "service.env"
    secrets.parent.mkdir()
    secrets.write_text("an older one, which everybody could read")
    secrets.chmod(0o644)
    manager = Systemd(folder, FakeProgram())
    manager.install(COMMAND, SECRETS)
    assert secrets.stat().st_mode & 0o777 == 0o600
    text = (folder / "stylecam.service").read_text()
    assert f"EnvironmentFile={secrets}" in text.splitlines()
    assert not any(secret in text for secret in SECRETS.values())
    read = subprocess.run(
        ["sh", "-c", f". {secrets}; printf '%s\\n%s\\n' \"$STYLECAM_TOKEN\" \"$STYLECAM_OBS\""],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert read.stdout.splitlines() == list(SECRETS.values())
    manager.uninstall()
    assert not secrets.exists()


def test_without_secrets_there_is_no_such_file(tmp_path: Path) -> None:
    manager = Systemd(tmp_path / "systemd" / "user", FakeProgram())
    manager.install(COMMAND, SECRETS)
    manager.install(COMMAND)
    assert list((tmp_path / "stylecam").iterdir()) == []
    assert "EnvironmentFile" not in (tmp_path / "systemd" / "user" / "stylecam.service").read_text()


def test_a_unit_of_the_users_own_is_kept_and_put_back(tmp_path: Path) -> None:
    folder = tmp_path / "systemd" / "user"
    folder.mkdir(parents=True)
    own = folder / "stylecam.service"
    own.write_text("[Service]\nExecStart=/home/anna/bin/mine\n")
    manager = Systemd(folder, FakeProgram())
    with pytest.raises(ServiceError, match="was not written by stylecam"):
        manager.uninstall()
    assert "kept as" in manager.install(COMMAND)[0]
    manager.install(COMMAND)
    assert "back" in manager.uninstall()[-1]
    assert own.read_text() == "[Service]\nExecStart=/home/anna/bin/mine\n"
    assert [path.name for path in folder.iterdir()] == ["stylecam.service"]


def test_the_task_scheduler_takes_no_secrets(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="stylecam config edit"):
        TaskScheduler(tmp_path, "me", FakeProgram()).install(COMMAND, SECRETS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are of Unix")
def test_a_launch_agent_has_its_secrets_in_a_file_of_its_own_user(tmp_path: Path) -> None:
    Launchd(tmp_path, 501, FakeProgram()).install(COMMAND, SECRETS)
    path = tmp_path / "Library" / "LaunchAgents" / f"{LABEL}.plist"
    assert plistlib.loads(path.read_bytes())["EnvironmentVariables"] == SECRETS
    assert path.stat().st_mode & 0o777 == 0o600
