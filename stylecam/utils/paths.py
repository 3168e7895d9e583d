"""Where stylecam keeps its files on this system."""

from __future__ import annotations

from pathlib import Path

import platformdirs


def config_file() -> Path:
    """Return the path of the configuration file (`~/.config/stylecam/config.toml` on Linux)."""
    return platformdirs.user_config_path("stylecam", appauthor=False) / "config.toml"


def token_file() -> Path:
    """Return the path of the file that keeps the token of links (`~/.local/state/stylecam/token` on Linux)."""
    return platformdirs.user_state_path("stylecam", appauthor=False) / "token"


def user_pictures() -> Path:
    """Return the folder for snapshots (`~/Pictures/stylecam` on Linux)."""
    return platformdirs.user_pictures_path() / "stylecam"


def user_videos() -> Path:
    """Return the folder for recordings that are started while the camera runs (`~/Videos/stylecam` on Linux)."""
    return platformdirs.user_videos_path() / "stylecam"


def user_styles() -> Path:
    """Return the folder of the user's own styles (`~/.local/share/stylecam/styles` on Linux)."""
    return platformdirs.user_data_path("stylecam", appauthor=False) / "styles"


def improving_file() -> Path:
    """Return the path of the file that is locked while a style is improved."""
    return platformdirs.user_state_path("stylecam", appauthor=False) / "improving"
