"""Put the man page into the wheel where `python packaging/reference.py` has made it; part of the build by Hatchling."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MAN_PAGE = "packaging/stylecam.1"


class ManPageHook(BuildHookInterface):  # type: ignore[type-arg, misc, unused-ignore]
    """Ships the man page with releases; a checkout has none, so that it can never be out of date."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the file before the wheel is made."""
        if (Path(self.root) / MAN_PAGE).is_file():
            build_data["shared_data"][MAN_PAGE] = "share/man/man1/stylecam.1"
