"""Starts stylecam with the computer, by systemd, launchd or the Windows task scheduler."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import CompletedProcess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stylecam.system.service.base import ServiceManager


def find_service_manager(environment: Mapping[str, str]) -> ServiceManager:
    """Return this system's service manager. On an unknown system it is systemd, which then reports that it is missing.

    `environment` holds the user's variables.
    """
    import platformdirs

    from stylecam.system.probe import run_program
    from stylecam.system.service.base import COMMAND_TIMEOUT_S

    def run(command: Sequence[str]) -> CompletedProcess[str]:
        plain = {**environment, "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0"}
        return run_program(command, plain, COMMAND_TIMEOUT_S)

    if sys.platform == "darwin":
        from stylecam.system.service.launchd import Launchd

        return Launchd(Path.home(), os.getuid(), run)
    if sys.platform == "win32":
        from stylecam.system.service.windows import TaskScheduler

        user = f"{environment.get('USERDOMAIN', '.')}\\{environment.get('USERNAME', '')}"
        return TaskScheduler(platformdirs.user_data_path("stylecam", appauthor=False), user, run)
    from stylecam.system.service.systemd import Systemd

    return Systemd(platformdirs.user_config_path("systemd", appauthor=False) / "user", run)
