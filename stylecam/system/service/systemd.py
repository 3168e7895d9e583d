"""The user's own systemd, on Linux."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import CompletedProcess

from stylecam.errors import UsageError
from stylecam.system.service.base import NAME, NO_VARIABLES, CommandRunner, ServiceManager, ServiceStatus
from stylecam.utils.files import write_private

UNIT = f"{NAME}.service"
WATCHDOG_S = 20
_UNREACHABLE = ("Failed to connect", "not been booted with systemd")
"""What systemctl prints in the C locale if no systemd runs. Its exit status does not tell."""
_HEADER = "# written by stylecam service install; stylecam service uninstall removes it"
_DESCRIPTION = "Description=stylecam, the camera that paints"
_DESKTOP = "graphical-session.target"


def unit(command: Sequence[str], target: str, secrets: Path | None = None) -> str:
    """Return the text of the unit that runs `command` with `target`, and with the variables in the file `secrets`.

    Exit status 2 is a mistake in flags or configuration, which a restart does not repair. A missing camera may appear
    at any time, so the number of restarts is not limited.
    """
    part_of = f"PartOf={_DESKTOP}\n" if target == _DESKTOP else ""
    environment = "" if secrets is None else f"EnvironmentFile={str(secrets).replace('%', '%%')}\n"
    return f"""\
{_HEADER}
[Unit]
{_DESCRIPTION}
After={_DESKTOP} pipewire.service wireplumber.service
{part_of}StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
{environment}ExecStart={" ".join(quote(word) for word in command)}
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


def quote_variable(value: str) -> str:
    """Quote the value of a variable in an EnvironmentFile, see systemd.exec(5)."""
    return '"' + re.sub(r'(["\\`$])', r"\\\1", value) + '"'


def quote(word: str) -> str:
    """Quote `word` as one word of an ExecStart line, see systemd.service(5); %, $ and quotes are taken literally."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    escaped = escaped.replace("\n", "\\n").replace("\t", "\\t")
    plain = word and not set(word) & set(" \t\n\"'\\;")
    return escaped if plain else f'"{escaped}"'


class Systemd(ServiceManager):
    """A unit in the user's folder, controlled by `systemctl --user`."""

    name = "systemd"
    tested = True
    missing = (
        "systemd is not here; have your desktop start `stylecam run` at login instead (its settings call it Autostart)"
    )

    def __init__(self, folder: Path, run: CommandRunner) -> None:
        """`folder` holds the user's units, `~/.config/systemd/user`."""
        super().__init__(folder / UNIT, run)
        self._secrets = folder.parent.parent / NAME / "service.env"

    def install(self, command: Sequence[str], variables: Mapping[str, str] = NO_VARIABLES) -> list[str]:
        """See `ServiceManager.install`."""
        desktop = self._has_desktop()
        self._write_secrets(variables)
        text = unit(command, _DESKTOP if desktop else "default.target", self._secrets if variables else None)
        kept = self._write_description(text.encode())
        self._systemctl("daemon-reload")
        self._systemctl("reenable", UNIT)
        if variables:
            kept.append(f"tokens and passwords are in {self._secrets}, which only you can read")
        return [
            *kept,
            f"{self._path} is written; stylecam starts with {'your desktop' if desktop else 'your login'}",
            "`stylecam service start` starts it now; `journalctl --user -u stylecam` shows its messages",
        ]

    def uninstall(self) -> list[str]:
        """See `ServiceManager.uninstall`."""
        self._check_installed()
        self._systemctl("disable", "--now", UNIT)
        put_back = self._remove_description()
        self._secrets.unlink(missing_ok=True)
        self._systemctl("daemon-reload")
        self._run("systemctl", "--user", "reset-failed", UNIT)  # fails where nothing had failed
        return [f"{self._path} is removed; stylecam no longer starts by itself", *put_back]

    def start(self) -> list[str]:
        """See `ServiceManager.start`."""
        self._check_installed()
        self._systemctl("start", UNIT)
        return [self.status().words]

    def stop(self) -> list[str]:
        """See `ServiceManager.stop`."""
        self._check_installed()
        self._systemctl("stop", UNIT)
        return ["stopped; it starts again at the next login, unless you `stylecam service uninstall`"]

    def status(self) -> ServiceStatus:
        """See `ServiceManager.status`."""
        names = ("ActiveState", "SubState", "MainPID", "NRestarts", "StatusText", "UnitFileState", "Result")
        output = self._systemctl("show", UNIT, f"--property={','.join(names)}").stdout
        values = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
        active, pid_text = values.get("ActiveState", ""), values.get("MainPID", "0")
        pid = int(pid_text) if pid_text.isdecimal() and pid_text != "0" else None
        words = f"{active} ({values.get('SubState', '')})"
        if values.get("Result", "success") != "success":
            words += f", because of: {values['Result']}; see journalctl --user -u stylecam"
        if pid is not None:
            words += f", process {pid}"
        if values.get("NRestarts", "0") not in ("0", ""):
            words += f", restarted {values['NRestarts']} times"
        if values.get("StatusText"):
            words += f": {values['StatusText']}"
        return ServiceStatus(self._path.exists(), active in ("active", "reloading"), words, pid)

    def _is_ours(self, content: bytes) -> bool:
        """See `ServiceManager._is_ours`; older versions wrote the description without the first line."""
        return _HEADER.encode() in content or _DESCRIPTION.encode() in content

    def _write_secrets(self, variables: Mapping[str, str]) -> None:
        try:
            if variables:
                self._secrets.parent.mkdir(parents=True, exist_ok=True)
                lines = (f"{name}={quote_variable(value)}\n" for name, value in variables.items())
                write_private(self._secrets, "".join(lines).encode())
            else:
                self._secrets.unlink(missing_ok=True)
        except OSError as error:
            raise UsageError(f"{self._secrets} cannot be written: {error.strerror or error}") from error

    def _has_desktop(self) -> bool:
        """Return True if the desktop is a systemd target: only then does the service have a display and end with it."""
        shown = self._systemctl("show", _DESKTOP, "--property=ActiveState")
        return shown.stdout.strip() == "ActiveState=active"

    def _systemctl(self, *words: str) -> CompletedProcess[str]:
        return self._run_checked("systemctl", "--user", *words)

    def _failure_hint(self, done: CompletedProcess[str]) -> str:
        """See `ServiceManager._failure_hint`."""
        return f"{self.missing}. " if any(text in done.stderr for text in _UNREACHABLE) else ""
