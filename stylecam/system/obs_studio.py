"""Looks for OBS Studio on this computer, and for what its package contains."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

_PLUGIN = "obs-browser"
_LINUX = (
    "usr/lib/obs-plugins",
    "usr/lib64/obs-plugins",
    "usr/lib/*-linux-gnu*/obs-plugins",
    "usr/local/lib/obs-plugins",
    "usr/local/lib/*-linux-gnu*/obs-plugins",
    "snap/obs-studio/current/usr/lib/obs-plugins",
    "snap/obs-studio/current/usr/lib/*-linux-gnu*/obs-plugins",
    "var/lib/flatpak/app/com.obsproject.Studio/current/active/files/lib/obs-plugins",
)
_LINUX_HOME = ".local/share/flatpak/app/com.obsproject.Studio/current/active/files/lib/obs-plugins"
_MACOS = "Applications/OBS.app/Contents/PlugIns"
_WINDOWS = "obs-studio/obs-plugins/64bit"
_WINDOWS_ROOTS = ("ProgramW6432", "ProgramFiles")


def has_browser_source(
    environment: Mapping[str, str] = os.environ, root: Path = Path("/"), home: Path | None = None
) -> bool | None:
    """Return whether an installed OBS has the plugin for Browser sources; None if no OBS is found.

    Args:
        environment: has the program folders of Windows.
        root: where the file system begins.
        home: the user's home folder; None to find it.
    """
    folders = list(_plugin_folders(environment, root, home or Path.home()))
    if not folders:
        return None
    return any(any(folder.glob(f"{_PLUGIN}.*")) for folder in folders)


def _plugin_folders(environment: Mapping[str, str], root: Path, home: Path) -> Iterator[Path]:
    for pattern in (*_LINUX, _MACOS):
        yield from (folder for folder in root.glob(pattern) if folder.is_dir())
    candidates = [home / _LINUX_HOME, home / _MACOS]
    candidates += [Path(environment[name]) / _WINDOWS for name in _WINDOWS_ROOTS if environment.get(name)]
    yield from (folder for folder in candidates if folder.is_dir())
