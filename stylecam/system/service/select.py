"""Which of them this system has."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import platformdirs

from stylecam.system.service.base import Manager


def manager(environment: Mapping[str, str]) -> Manager:
    """What starts programs at login here; on any other system systemd is looked for, and says that it is not there."""
    if sys.platform == "darwin":
        from stylecam.system.service.launchd import Launchd

        return Launchd(Path.home(), os.getuid())
    if sys.platform == "win32":
        from stylecam.system.service.windows import TaskScheduler

        user = f"{environment.get('USERDOMAIN', '.')}\\{environment.get('USERNAME', '')}"
        return TaskScheduler(platformdirs.user_data_path("stylecam", appauthor=False), user)
    from stylecam.system.service.systemd import Systemd

    return Systemd(platformdirs.user_config_path("systemd", appauthor=False) / "user")
