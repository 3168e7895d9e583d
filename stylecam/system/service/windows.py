"""The task scheduler, on Windows. Written from its documentation; not yet run by us."""

from __future__ import annotations

import contextlib
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from pathlib import Path, PureWindowsPath

from stylecam.errors import ServiceError
from stylecam.system.probe import Ran
from stylecam.system.service.base import NAME, Execute, Manager, Status, execute, installed, run, write

_SPACE = "http://schemas.microsoft.com/windows/2004/02/mit/task"
_MISSING = "schtasks is not here"


def task(command: Sequence[str], user: str) -> bytes:
    """The description of the task that runs `command` when `user` logs on, as `schtasks /XML` takes it.

    `pythonw` in place of `python`: no window of a console stays open.
    """
    program = PureWindowsPath(command[0])
    if program.name.lower() == "python.exe":
        program = program.with_name("pythonw.exe")
    root = ElementTree.Element("Task", {"version": "1.2", "xmlns": _SPACE})
    trigger = _under(root, "Triggers", "LogonTrigger")
    _text(trigger, Enabled="true", UserId=user)
    principal = _under(root, "Principals", "Principal")
    principal.set("id", "Author")
    _text(principal, UserId=user, LogonType="InteractiveToken", RunLevel="LeastPrivilege")
    settings = ElementTree.SubElement(root, "Settings")
    _text(
        settings,
        MultipleInstancesPolicy="IgnoreNew",
        DisallowStartIfOnBatteries="false",
        StopIfGoingOnBatteries="false",
        ExecutionTimeLimit="PT0S",
    )
    _text(ElementTree.SubElement(settings, "RestartOnFailure"), Interval="PT1M", Count="5")
    actions = ElementTree.SubElement(root, "Actions", {"Context": "Author"})
    arguments = subprocess.list2cmdline(list(command[1:]))
    _text(ElementTree.SubElement(actions, "Exec"), Command=str(program), Arguments=arguments)
    text: bytes = ElementTree.tostring(root, "UTF-16", xml_declaration=True)
    return text


class TaskScheduler(Manager):
    """A task that runs when the user logs on."""

    name = "the task scheduler"
    tried = False

    def __init__(self, folder: Path, user: str, execute: Execute = execute) -> None:
        """`folder` keeps the task's description."""
        self._path = folder / "service.xml"
        self._user = user
        self._execute = execute

    def install(self, command: Sequence[str]) -> list[str]:
        """See `Manager.install`."""
        write(self._path, task(command, self._user))
        self._schtasks("/Create", "/TN", NAME, "/XML", str(self._path), "/F")
        return ["stylecam starts when you log on; `stylecam service start` starts it now"]

    def uninstall(self) -> list[str]:
        """See `Manager.uninstall`."""
        installed(self._path)
        with contextlib.suppress(ServiceError):  # it does not run; whether it does, is told in the system's language
            self._schtasks("/End", "/TN", NAME)
        self._schtasks("/Delete", "/TN", NAME, "/F")
        self._path.unlink(missing_ok=True)
        return ["the task is gone; stylecam starts by itself no more"]

    def start(self) -> list[str]:
        """See `Manager.start`."""
        installed(self._path)
        self._schtasks("/Run", "/TN", NAME)
        return ["started"]

    def stop(self) -> list[str]:
        """See `Manager.stop`."""
        installed(self._path)
        self._schtasks("/End", "/TN", NAME)
        return ["stopped; it starts again when you log on, unless you `stylecam service uninstall`"]

    def status(self) -> Status:
        """See `Manager.status`. What state it is in comes third in the line, in the system's language."""
        try:
            shown = self._execute(("schtasks", "/Query", "/TN", NAME, "/FO", "CSV", "/NH"))
        except OSError as error:
            raise ServiceError(_MISSING) from error
        if shown.status != 0:
            return Status(False, False, "not installed")
        words = shown.out.strip().rsplit(",", 1)[-1].strip('" ')
        return Status(True, words.lower() == "running", words)

    def _schtasks(self, *words: str) -> Ran:
        return run(self._execute, _MISSING, "schtasks", *words)


def _under(root: ElementTree.Element, outer: str, inner: str) -> ElementTree.Element:
    return ElementTree.SubElement(ElementTree.SubElement(root, outer), inner)


def _text(parent: ElementTree.Element, **texts: str) -> None:
    for name, text in texts.items():
        ElementTree.SubElement(parent, name).text = text
