"""The task scheduler, on Windows. Written from its documentation; not yet run on a real system."""

from __future__ import annotations

import contextlib
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from pathlib import Path, PureWindowsPath

from stylecam.errors import ServiceError, UsageError
from stylecam.system.service.base import NAME, NO_VARIABLES, CommandRunner, ServiceManager, ServiceStatus

_NAMESPACE = "http://schemas.microsoft.com/windows/2004/02/mit/task"


def task(command: Sequence[str], user: str) -> bytes:
    """Return the description of the task that runs `command` when `user` logs on, as `schtasks /XML` reads it.

    It runs `pythonw` in place of `python`, so that no console window stays open.
    """
    program = PureWindowsPath(command[0])
    if program.name.lower() == "python.exe":
        program = program.with_name("pythonw.exe")
    root = ElementTree.Element("Task", {"version": "1.2", "xmlns": _NAMESPACE})
    trigger = _add_elements(root, "Triggers", "LogonTrigger")
    _add_texts(trigger, Enabled="true", UserId=user)
    principal = _add_elements(root, "Principals", "Principal")
    principal.set("id", "Author")
    _add_texts(principal, UserId=user, LogonType="InteractiveToken", RunLevel="LeastPrivilege")
    settings = ElementTree.SubElement(root, "Settings")
    _add_texts(
        settings,
        MultipleInstancesPolicy="IgnoreNew",
        DisallowStartIfOnBatteries="false",
        StopIfGoingOnBatteries="false",
        ExecutionTimeLimit="PT0S",
    )
    _add_texts(ElementTree.SubElement(settings, "RestartOnFailure"), Interval="PT1M", Count="5")
    actions = ElementTree.SubElement(root, "Actions", {"Context": "Author"})
    arguments = subprocess.list2cmdline(list(command[1:]))
    _add_texts(ElementTree.SubElement(actions, "Exec"), Command=str(program), Arguments=arguments)
    text: bytes = ElementTree.tostring(root, "UTF-16", xml_declaration=True)
    return text


class TaskScheduler(ServiceManager):
    """A task that runs when the user logs on."""

    name = "the task scheduler"
    tested = False
    missing = "schtasks is not here"

    def __init__(self, folder: Path, user: str, run: CommandRunner) -> None:
        """`folder` keeps the task's description."""
        super().__init__(folder / "service.xml", run)
        self._user = user

    def install(self, command: Sequence[str], variables: Mapping[str, str] = NO_VARIABLES) -> list[str]:
        """See `ServiceManager.install`. A task has no variables of its own, so secrets are refused."""
        if variables:
            raise UsageError(
                "a task of Windows shows its command line to others; set tokens and passwords in the configuration "
                "file instead: stylecam config edit"
            )
        self._write_description(task(command, self._user))
        self._schtasks("/Create", "/TN", NAME, "/XML", str(self._path), "/F")
        return ["stylecam starts when you log on; `stylecam service start` starts it now"]

    def uninstall(self) -> list[str]:
        """See `ServiceManager.uninstall`."""
        self._check_installed()
        with contextlib.suppress(ServiceError):  # it fails if the task does not run
            self._schtasks("/End", "/TN", NAME)
        self._schtasks("/Delete", "/TN", NAME, "/F")
        self._path.unlink(missing_ok=True)
        return ["the task is removed; stylecam no longer starts by itself"]

    def start(self) -> list[str]:
        """See `ServiceManager.start`."""
        self._check_installed()
        self._schtasks("/Run", "/TN", NAME)
        return ["started"]

    def stop(self) -> list[str]:
        """See `ServiceManager.stop`."""
        self._check_installed()
        self._schtasks("/End", "/TN", NAME)
        return ["stopped; it starts again when you log on, unless you `stylecam service uninstall`"]

    def status(self) -> ServiceStatus:
        """See `ServiceManager.status`. The state is the third field, in the system's language."""
        shown = self._run("schtasks", "/Query", "/TN", NAME, "/FO", "CSV", "/NH")
        if shown.returncode != 0:
            return ServiceStatus(False, False, "not installed")
        words = shown.stdout.strip().rsplit(",", 1)[-1].strip('" ')
        return ServiceStatus(True, words.lower() == "running", words)

    def _schtasks(self, *words: str) -> None:
        self._run_checked("schtasks", *words)


def _add_elements(root: ElementTree.Element, outer: str, inner: str) -> ElementTree.Element:
    return ElementTree.SubElement(ElementTree.SubElement(root, outer), inner)


def _add_texts(parent: ElementTree.Element, **texts: str) -> None:
    for name, text in texts.items():
        ElementTree.SubElement(parent, name).text = text
