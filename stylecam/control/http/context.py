"""Give the server access to the live session."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stylecam.control.command_queue import CommandQueue
from stylecam.control.http.thumbnails import Thumbnails
from stylecam.control.own_styles import OwnStyles
from stylecam.control.state import LiveState
from stylecam.media.sinks.mjpeg import JpegBroadcast
from stylecam.media.sinks.video_broadcast import VideoBroadcast
from stylecam.models.catalog import Catalog


@dataclass(frozen=True, slots=True)
class ServerContext:
    """The live session as the server sees it. All functions may be called from any thread.

    Attributes:
        describe: returns a state, with everything else that the page shows, as a JSON object.
        report: returns the current statistics as a JSON object.
        hotkeys: command to global key combination, as text.
        thumbnails: used on the server's event loop only.
        video: the same pictures as those of `broadcast`, for WebRTC.
        language: the language of the page; None for the one that each browser asks for.
        cameras: returns the cameras that may be chosen, as JSON objects; unlike the others it may take a moment.
        unpainted: returns the newest camera picture as a JPEG; None unless a painting is published. It is for the
            person in front of the camera alone.
        own_styles: makes and keeps the user's own styles; None for a server without them.
        outputs: returns the sizes, rates and outputs that may be chosen, as a JSON object; it may take a moment too.
    """

    control: CommandQueue
    catalog: Catalog
    broadcast: JpegBroadcast
    describe: Callable[[LiveState], dict[str, Any]] = LiveState.describe
    report: Callable[[], dict[str, Any]] = dict
    hotkeys: Mapping[str, str] = field(default_factory=dict)
    thumbnails: Thumbnails | None = None
    video: VideoBroadcast = field(default_factory=VideoBroadcast)
    cameras: Callable[[], list[dict[str, Any]]] = list
    unpainted: Callable[[], bytes | None] = lambda: None
    language: str | None = None
    outputs: Callable[[], dict[str, Any]] = dict
    own_styles: OwnStyles | None = None

    def state(self) -> dict[str, Any]:
        """Return the current state as a JSON object."""
        return self.describe(self.control.state)
