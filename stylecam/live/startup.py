"""Open what a session starts with: the first state, the source and the sinks, each with its fallback."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from stylecam.control.http.server import Server
from stylecam.control.state import LiveState
from stylecam.errors import (
    CameraNotFoundError,
    SinkUnavailableError,
    SoundUnavailableError,
    UsageError,
)
from stylecam.live.config.keeper import ConfigKeeper
from stylecam.live.context import PipelineContext
from stylecam.live.engine_choice import EngineChooser
from stylecam.live.own_styles import OwnStyleWatcher
from stylecam.live.pipeline import Pipeline
from stylecam.live.recording import MediaSaver
from stylecam.live.reload import Reloader
from stylecam.live.report import MissingCamera
from stylecam.live.settings import Settings
from stylecam.live.switches import Switches
from stylecam.live.viewers import Viewers
from stylecam.media.frame import Size
from stylecam.media.sinks.base import Sink
from stylecam.media.sinks.mjpeg import MjpegSink
from stylecam.media.sinks.recorder import RecorderSink
from stylecam.media.sinks.virtual_camera import VirtualCameraSink
from stylecam.media.sinks.window import WindowSink
from stylecam.media.sound.microphone import Microphone
from stylecam.media.sound.source import make_sound_source
from stylecam.media.sources.base import Source
from stylecam.media.sources.demo import DemoSource
from stylecam.media.sources.factory import make_source
from stylecam.models.catalog import Catalog, is_style_file
from stylecam.models.style_mix import StyleMix
from stylecam.models.tier import AUTO
from stylecam.stylize.look import Look
from stylecam.stylize.room import resolve_room
from stylecam.stylize.session_pool import SessionPool
from stylecam.stylize.style_file import resolve_style
from stylecam.utils.clock import Clock
from stylecam.utils.message import Message
from stylecam.utils.optional import require

logger = logging.getLogger(__name__)


class Devices:
    """Opens the source and the sinks, and closes them where the pipeline's threads, once started, do not.

    Attributes:
        sinks: the open sinks.
        pipeline: to be set before the pipeline starts.
    """

    def __init__(self, size: Size, fps: float, closing: contextlib.ExitStack) -> None:
        self._size, self._fps, self._closing = size, fps, closing
        self.sinks: list[Sink] = []
        self.pipeline: Pipeline | None = None

    def open_source(self, source: Source, *, off: bool = False) -> Source:
        """Open `source` and return it. With `off` a camera stays closed, until the capture thread opens it."""
        self._closing.callback(self._close_source, source)  # before it opens: an interrupt may come between the two
        if not (off and source.live):
            source.open(self._size, self._fps)
        return source

    def open_sink(self, sink: Sink) -> None:
        """Open `sink` and add it to `sinks`."""
        self._closing.callback(self._discard_sink, sink)
        sink.open(self._size, self._fps)
        self.sinks.append(sink)

    def _close_source(self, source: Source) -> None:
        if self.pipeline is None or not self.pipeline.owns_source:  # its thread may still hang in a read
            source.close()

    def _discard_sink(self, sink: Sink) -> None:
        if self.pipeline is None or not self.pipeline.owns_sinks:
            sink.discard()


@dataclass(frozen=True, slots=True)
class OpenParts:
    """What exists only once a session is open.

    Attributes:
        context: what the pipeline's threads share.
        engines: knows the engine of each network.
        tier_reason: why this tier was chosen; None where there was nothing to choose.
    """

    context: PipelineContext
    server: Server | None
    pool: SessionPool
    engines: EngineChooser
    tier_reason: str | None
    pipeline: Pipeline
    media_saver: MediaSaver
    switches: Switches
    reloader: Reloader
    config_keeper: ConfigKeeper
    own_styles: OwnStyleWatcher

    @property
    def windows(self) -> list[WindowSink]:
        """The preview windows."""
        return [sink for sink in self.switches.outputs.sinks if isinstance(sink, WindowSink)]

    @property
    def ended(self) -> bool:
        """True if nothing is left to run: the pipeline stopped, a window was closed or every output has failed."""
        runners = self.switches.outputs.runners
        return (
            self.pipeline.stopping.is_set()
            or any(window.closed_by_user for window in self.windows)
            or (bool(runners) and all(runner.given_up for runner in runners))
        )

    def reload(self) -> None:
        """Read the configuration again and apply what can change."""
        self.reloader.reload()
        self.send_state()

    def send_state(self) -> None:
        """Send the state to the page, where there is one."""
        if self.server is not None:
            self.server.send_state()


def initial_state(settings: Settings, catalog: Catalog) -> LiveState:
    """Return the state before the first command: with the style of the settings, or the first of the catalog.

    The catalog prefers the tier of the settings from then on; `auto` changes nothing yet.

    Raises:
        UsageError: no network of the tier is installed.
        StylecamError: the style or blend, or that of the room, cannot be parsed or does not exist; or a file, of the
            style or of the room, is not what it should be.
    """
    if settings.tier != AUTO:
        catalog.prefer(settings.tier)
    mix = initial_mix(settings, catalog)
    return LiveState(Look.start(mix, settings, resolve_room(settings.room, catalog)).paired(catalog))


def initial_mix(settings: Settings, catalog: Catalog) -> StyleMix | None:
    """Return the style of the settings, or the first of the catalog, from the tier that the catalog prefers.

    Raises:
        StylecamError: as for `initial_state`.
    """
    if settings.style is None:
        return catalog.mix_of(catalog.cards[0]) if catalog.cards else None
    mix = resolve_style(settings.style, catalog)
    if mix is not None and is_style_file(settings.style):
        catalog.add(mix.model)  # it is then listed and chosen like all others
    return mix


def choose_source(settings: Settings, clock: Clock) -> Source:
    """Return the source that the settings name, not open; the demo where none is named and no camera exists.

    Raises:
        SourceError: the source asked for does not exist.
    """
    try:
        return make_source(settings.camera, clock)
    except CameraNotFoundError as error:
        if settings.camera is not None or not settings.demo:
            raise
        logger.warning(
            Message(
                "{error}; showing the built-in demo. Plug a camera in and choose it on the page, or start with "
                "--camera",
                error=error,
            )
        )
        return DemoSource(clock)


def open_sinks(
    sinks: Sequence[Sink], page: MjpegSink | None, settings: Settings, devices: Devices
) -> MissingCamera | None:
    """Open all of `sinks`; without any, the virtual camera, or `page` where there is no virtual camera.

    Returns:
        Why `page` had to take the place of the virtual camera; None if it had not.

    Raises:
        SinkUnavailableError: one of them cannot be opened.
        UsageError: one of them would overwrite the video that is read.
    """
    for sink in sinks:
        if isinstance(sink, RecorderSink) and settings.camera and _is_same_file(sink.path, settings.camera):
            raise UsageError(
                Message("--output file:{path} is the video being read; choose another name", path=sink.path)
            )
        devices.open_sink(sink)
    if sinks:
        return None
    try:
        devices.open_sink(VirtualCameraSink())
    except SinkUnavailableError as error:
        if page is None:
            raise
        news = Message("{error}. Until then the picture is on a web page.", error=error)
        logger.warning(news, extra={"is_detail": True})
        devices.open_sink(page)
        return MissingCamera.of(error)
    return None


def open_microphone(settings: Settings, clock: Clock, closing: contextlib.ExitStack) -> Microphone | None:
    """Start the microphone that the settings name, which records once a sink needs sound; return None without one.

    Raises:
        SoundUnavailableError: PyAV is not installed, or there is no such device.
    """
    if settings.audio in (None, "none"):
        return None
    require("av", purpose="--audio", extra="video", error=SoundUnavailableError)
    microphone = Microphone(make_sound_source(settings.audio), clock)
    closing.callback(microphone.close)
    microphone.start()
    return microphone


def make_viewers(settings: Settings, sinks: Sequence[Sink], state: Callable[[], LiveState], now: float) -> Viewers:
    """Return what decides whether anybody watches `sinks`; `state` tells whether the camera is off."""
    idle_after_s = None if settings.idle_after is None else settings.idle_after * 60
    return Viewers(sinks, state, now, always_on=settings.always_on, idle_after_s=idle_after_s)


def _is_same_file(path: Path, camera: str) -> bool:
    try:
        return path.samefile(camera)
    except (OSError, ValueError):
        return False
