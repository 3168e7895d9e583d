"""Where stylecam keeps its files on this system."""

from __future__ import annotations

from pathlib import Path

import platformdirs


def config_file() -> Path:
    """Where the file lies on this system (`~/.config/stylecam/config.toml` on Linux)."""
    return platformdirs.user_config_path("stylecam", appauthor=False) / "config.toml"


def user_pictures() -> Path:
    """Where pictures go that the user keeps (`~/Pictures/stylecam` on Linux)."""
    return platformdirs.user_pictures_path() / "stylecam"


def user_videos() -> Path:
    """Where recordings go that the user starts while it runs (`~/Videos/stylecam` on Linux)."""
    return platformdirs.user_videos_path() / "stylecam"


def user_styles() -> Path:
    """Where the user's own styles lie on this system (`~/.local/share/stylecam/styles` on Linux)."""
    return platformdirs.user_data_path("stylecam", appauthor=False) / "styles"
