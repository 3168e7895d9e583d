"""launchd, on macOS. Written from its manual pages; not yet run by us."""

from __future__ import annotations

import plistlib
import re
from collections.abc import Sequence
from pathlib import Path

from stylecam.errors import ServiceError
from stylecam.system.probe import Ran
from stylecam.system.service.base import Execute, Manager, Status, execute, installed, run, write

LABEL = "org.stylecam.stylecam"
_MISSING = "launchctl is not here"


def agent(command: Sequence[str], log: Path) -> bytes:
    """The property list of the agent that runs `command`, see launchd.plist(5)."""
    return plistlib.dumps(
        {
            "Label": LABEL,
            "ProgramArguments": list(command),
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "ThrottleInterval": 10,
            "LimitLoadToSessionType": "Aqua",
            "ProcessType": "Interactive",
            "StandardErrorPath": str(log),
        }
    )


class Launchd(Manager):
    """A launch agent of the user."""

    name = "launchd"
    tried = False

    def __init__(self, home: Path, user: int, execute: Execute = execute) -> None:
        """`user` is the number of the user whose session it is."""
        self._path = home / "Library" / "LaunchAgents" / f"{LABEL}.plist"
        self._log = home / "Library" / "Logs" / "stylecam.log"
        self._domain = f"gui/{user}"
        self._execute = execute

    def install(self, command: Sequence[str]) -> list[str]:
        """See `Manager.install`."""
        write(self._path, agent(command, self._log))
        return [
            f"{self._path} is written; stylecam starts with your login",
            f"`stylecam service start` starts it now; what it says goes to {self._log}",
        ]

    def uninstall(self) -> list[str]:
        """See `Manager.uninstall`."""
        installed(self._path)
        if self._shown().status == 0:
            self._launchctl("bootout", f"{self._domain}/{LABEL}")
        self._path.unlink(missing_ok=True)
        return [f"{self._path} is gone; stylecam starts by itself no more"]

    def start(self) -> list[str]:
        """See `Manager.start`."""
        installed(self._path)
        if self._shown().status != 0:
            self._launchctl("bootstrap", self._domain, str(self._path))
        else:
            self._launchctl("kickstart", f"{self._domain}/{LABEL}")
        return [self.status().words]

    def stop(self) -> list[str]:
        """See `Manager.stop`. Unloaded, as one that is only killed would be started again."""
        installed(self._path)
        if self._shown().status == 0:
            self._launchctl("bootout", f"{self._domain}/{LABEL}")
        return ["stopped; it starts again at the next login, unless you `stylecam service uninstall`"]

    def status(self) -> Status:
        """See `Manager.status`."""
        shown = self._shown()
        state = re.search(r"^\s*state = (.+)$", shown.out, re.MULTILINE)
        pid = re.search(r"^\s*pid = (\d+)$", shown.out, re.MULTILINE)
        words = state[1] if state else "not loaded"
        return Status(self._path.exists(), pid is not None, words, int(pid[1]) if pid else None)

    def _shown(self) -> Ran:
        try:
            return self._execute(("launchctl", "print", f"{self._domain}/{LABEL}"))
        except OSError as error:
            raise ServiceError(_MISSING) from error

    def _launchctl(self, *words: str) -> None:
        run(self._execute, _MISSING, "launchctl", *words)
