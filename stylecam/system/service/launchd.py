"""launchd, on macOS. Written from its manual pages; not yet run on a real system."""

from __future__ import annotations

import plistlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import CompletedProcess

from stylecam.system.service.base import NO_VARIABLES, CommandRunner, ServiceManager, ServiceStatus

LABEL = "org.stylecam.stylecam"


def agent(command: Sequence[str], log: Path, variables: Mapping[str, str] = NO_VARIABLES) -> bytes:
    """Return the property list of the agent that runs `command` with `variables`, see launchd.plist(5)."""
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
            **({"EnvironmentVariables": dict(variables)} if variables else {}),
        }
    )


class Launchd(ServiceManager):
    """A launch agent of the user."""

    name = "launchd"
    tested = False
    missing = "launchctl is not here"

    def __init__(self, home: Path, user: int, run: CommandRunner) -> None:
        """`user` is the number of the user whose session it is."""
        super().__init__(home / "Library" / "LaunchAgents" / f"{LABEL}.plist", run)
        self._log = home / "Library" / "Logs" / "stylecam.log"
        self._domain = f"gui/{user}"

    def install(self, command: Sequence[str], variables: Mapping[str, str] = NO_VARIABLES) -> list[str]:
        """See `ServiceManager.install`."""
        self._write_description(agent(command, self._log, variables), private=True)
        return [
            f"{self._path} is written; stylecam starts with your login",
            f"`stylecam service start` starts it now; its messages go to {self._log}",
        ]

    def uninstall(self) -> list[str]:
        """See `ServiceManager.uninstall`."""
        self._check_installed()
        if self._print_agent().returncode == 0:
            self._launchctl("bootout", f"{self._domain}/{LABEL}")
        self._path.unlink(missing_ok=True)
        return [f"{self._path} is removed; stylecam no longer starts by itself"]

    def start(self) -> list[str]:
        """See `ServiceManager.start`."""
        self._check_installed()
        if self._print_agent().returncode != 0:
            self._launchctl("bootstrap", self._domain, str(self._path))
        else:
            self._launchctl("kickstart", f"{self._domain}/{LABEL}")
        return [self.status().words]

    def stop(self) -> list[str]:
        """See `ServiceManager.stop`. It is unloaded, since launchd restarts an agent that is only killed."""
        self._check_installed()
        if self._print_agent().returncode == 0:
            self._launchctl("bootout", f"{self._domain}/{LABEL}")
        return ["stopped; it starts again at the next login, unless you `stylecam service uninstall`"]

    def status(self) -> ServiceStatus:
        """See `ServiceManager.status`."""
        shown = self._print_agent()
        state = re.search(r"^\s*state = (.+)$", shown.stdout, re.MULTILINE)
        pid = re.search(r"^\s*pid = (\d+)$", shown.stdout, re.MULTILINE)
        words = state[1] if state else "not loaded"
        return ServiceStatus(self._path.exists(), pid is not None, words, int(pid[1]) if pid else None)

    def _print_agent(self) -> CompletedProcess[str]:
        return self._run("launchctl", "print", f"{self._domain}/{LABEL}")

    def _launchctl(self, *words: str) -> None:
        self._run_checked("launchctl", *words)
