"""Tests of finding OBS Studio and its Browser source."""

from __future__ import annotations

from pathlib import Path

import pytest

from stylecam.system.obs_studio import has_browser_source

FLATPAK = ".local/share/flatpak/app/com.obsproject.Studio/current/active/files/lib/obs-plugins"


@pytest.mark.parametrize(
    "folder",
    [
        "usr/lib/x86_64-linux-gnu/obs-plugins",
        "usr/lib64/obs-plugins",
        "snap/obs-studio/current/usr/lib/obs-plugins",
        f"home/me/{FLATPAK}",
        "Applications/OBS.app/Contents/PlugIns",
        "Programs/obs-studio/obs-plugins/64bit",
    ],
)
def test_the_browser_source_is_found_where_obs_is_installed(tmp_path: Path, folder: str) -> None:
    environment = {"ProgramFiles": str(tmp_path / "Programs")}

    def found() -> bool | None:
        return has_browser_source(environment, tmp_path, tmp_path / "home" / "me")

    assert found() is None
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / "obs-ffmpeg.so").touch()
    assert found() is False
    (tmp_path / folder / "obs-browser.so").touch()
    assert found() is True
