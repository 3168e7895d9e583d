"""What a server needs of the running program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stylecam.control.commands import CommandQueue
from stylecam.control.http.thumbnails import Thumbnails
from stylecam.control.state import LiveState
from stylecam.media.sinks.mjpeg import JpegBroadcast
from stylecam.models.catalog import Catalog


@dataclass(frozen=True, slots=True)
class ServerContext:
    """The running program as a server sees it. All functions may be called from any thread, and return at once.

    Attributes:
        control: takes orders.
        catalog: the styles there are.
        broadcast: the pictures that are published.
        describe: a state, with what is true of the program beside it, ready for JSON.
        report: all figures of this moment, ready for JSON.
        hotkeys: orders to the global combinations that are listened to.
        thumbnails: you in every style, for the gallery; they belong to the server's event loop.
    """

    control: CommandQueue
    catalog: Catalog
    broadcast: JpegBroadcast
    describe: Callable[[LiveState], dict[str, Any]] = LiveState.describe
    report: Callable[[], dict[str, Any]] = dict
    hotkeys: Mapping[str, str] = field(default_factory=dict)
    thumbnails: Thumbnails | None = None

    def state(self) -> dict[str, Any]:
        """The state of this moment, ready for JSON."""
        return self.describe(self.control.state)
