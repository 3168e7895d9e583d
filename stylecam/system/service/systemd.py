"""The user's own systemd, on Linux."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stylecam.errors import ServiceError
from stylecam.system.probe import Ran
from stylecam.system.service.base import NAME, Execute, Manager, Status, execute, installed, run, write

UNIT = f"{NAME}.service"
WATCHDOG_S = 20
_MISSING = (
    "systemd is not here; have your desktop start `stylecam run` at login instead (its settings call it Autostart)"
)
_DESKTOP = "graphical-session.target"


def unit(command: Sequence[str], target: str) -> str:
    """The text of the unit that runs `command` with `target`.

    Status 2 is a mistake in flags or file, which starting again does not mend. A camera that is not there may come at
    any time, so there is no limit to that.
    """
    part_of = f"PartOf={_DESKTOP}\n" if target == _DESKTOP else ""
    return f"""\
[Unit]
Description=stylecam, the camera that paints
After={_DESKTOP} pipewire.service wireplumber.service
{part_of}StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={" ".join(quoted(word) for word in command)}
ExecReload=kill -HUP $MAINPID
Restart=on-failure
RestartSec=5
RestartPreventExitStatus=2
WatchdogSec={WATCHDOG_S}
TimeoutStartSec=120
TimeoutStopSec=20
NoNewPrivileges=yes

[Install]
WantedBy={target}
"""


def quoted(word: str) -> str:
    """`word` as one word of an ExecStart line, see systemd.service(5): %, $, quotes and spaces are taken literally."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    escaped = escaped.replace("\n", "\\n").replace("\t", "\\t")
    plain = word and not set(word) & set(" \t\n\"'\\;")
    return escaped if plain else f'"{escaped}"'


class Systemd(Manager):
    """A unit in the user's folder, told to `systemctl --user`."""

    name = "systemd"
    tried = True

    def __init__(self, folder: Path, execute: Execute = execute) -> None:
        """`folder` is where the user's units lie, `~/.config/systemd/user`."""
        self._path = folder / UNIT
        self._execute = execute

    def install(self, command: Sequence[str]) -> list[str]:
        """See `Manager.install`."""
        target = _DESKTOP if self._has_desktop() else "default.target"
        write(self._path, unit(command, target).encode())
        self._systemctl("daemon-reload")
        self._systemctl("reenable", UNIT)
        return [
            f"{self._path} is written; stylecam starts with {'your desktop' if target == _DESKTOP else 'your login'}",
            "`stylecam service start` starts it now; `journalctl --user -u stylecam` shows what it says",
        ]

    def uninstall(self) -> list[str]:
        """See `Manager.uninstall`."""
        installed(self._path)
        self._systemctl("disable", "--now", UNIT)
        self._path.unlink(missing_ok=True)
        self._systemctl("daemon-reload")
        self._systemctl("reset-failed", UNIT, must=False)  # without a name, everybody's
        return [f"{self._path} is gone; stylecam starts by itself no more"]

    def start(self) -> list[str]:
        """See `Manager.start`."""
        installed(self._path)
        self._systemctl("start", UNIT)
        return [self.status().words]

    def stop(self) -> list[str]:
        """See `Manager.stop`."""
        installed(self._path)
        self._systemctl("stop", UNIT)
        return ["stopped; it starts again at the next login, unless you `stylecam service uninstall`"]

    def status(self) -> Status:
        """See `Manager.status`."""
        names = ("ActiveState", "SubState", "MainPID", "NRestarts", "StatusText", "UnitFileState", "Result")
        shown = self._systemctl("show", UNIT, f"--property={','.join(names)}").out
        told = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
        active = told.get("ActiveState", "")
        pid = int(told["MainPID"]) if told.get("MainPID", "0").isdecimal() and told.get("MainPID") != "0" else None
        words = f"{active} ({told.get('SubState', '')})"
        if told.get("Result", "success") != "success":
            words += f", because of: {told['Result']}; see journalctl --user -u stylecam"
        if pid is not None:
            words += f", process {pid}"
        if told.get("NRestarts", "0") not in ("0", ""):
            words += f", started again {told['NRestarts']} times"
        if told.get("StatusText"):
            words += f": {told['StatusText']}"
        return Status(self._path.exists(), active in ("active", "reloading"), words, pid)

    def _has_desktop(self) -> bool:
        """True where the desktop is a target: only then has the service its display, and ends with it."""
        told = self._systemctl("show", _DESKTOP, "--property=ActiveState")
        return told.out.strip() == "ActiveState=active"

    def _systemctl(self, *words: str, must: bool = True) -> Ran:
        command = ("systemctl", "--user", *words)
        if not must:
            try:
                return self._execute(command)
            except OSError:
                return Ran(127, "")
        try:
            return run(self._execute, _MISSING, *command)
        except ServiceError as error:
            if "Failed to connect" in str(error) or "not been booted with systemd" in str(error):
                raise ServiceError(f"{_MISSING}. {error}") from error
            raise
