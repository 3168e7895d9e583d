"""A house that `stylecam ctl` finds."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from stylecam.control.http.address import HOST
from stylecam.control.http.instances import Instance, published, this_process
from stylecam.control.state import LiveState
from stylecam.errors import CommandRefusedError
from stylecam.models.catalog import Catalog
from tests.control.house import House


class Served(House):
    """With presets, and errands that are carried out: a snapshot gives a file, a recording is refused."""

    def __init__(self, catalog: Catalog) -> None:
        super().__init__(catalog)
        self.control.presets = {"calm": {"style": "great_wave", "strength": 0.5}, "wild": {"style": "the_scream"}}

    @property
    def instance(self) -> Instance:
        return this_process(["web"], ["web"], HOST, self.server.port, self.server.token)

    def describe(self, state: LiveState) -> dict[str, Any]:
        return {**super().describe(state), "presets": list(self.control.presets)}

    def run_deferred(self) -> None:
        for pending in self.control.take_deferred():
            if pending.command.action == "snapshot":
                pending.finish(self.control.state, {"file": "/pictures/one.png"})
            else:
                pending.refuse(CommandRefusedError("there is no room for a recording"))

    @contextlib.contextmanager
    def running(self) -> Iterator[Served]:
        """Serve, for as long as the block lasts, and be found."""
        with self, published(self.instance):
            yield self
