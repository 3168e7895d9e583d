"""The server of a live run: where it listens, whether there is to be one, and what it needs of the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from stylecam.control.http.address import Address, seen_from_outside, url
from stylecam.control.http.context import ServerContext
from stylecam.control.http.server import Server
from stylecam.control.state import LiveState
from stylecam.errors import CameraNotFoundError, ServerUnavailableError, SinkUnavailableError, UsageError
from stylecam.live.settings import Settings
from stylecam.media.sinks.base import Sink
from stylecam.media.sinks.mjpeg import MjpegSink
from stylecam.media.sinks.pipewire import is_available as pipewire_is_possible
from stylecam.media.sinks.recorder import RecorderSink
from stylecam.media.sinks.virtual_camera import VirtualCameraSink
from stylecam.media.sources.base import Source
from stylecam.media.sources.demo import DemoSource
from stylecam.media.sources.factory import make_source
from stylecam.models.catalog import Catalog
from stylecam.stylize.look import Look
from stylecam.utils.clock import Clock
from stylecam.utils.text import Say


# ---- serving
def find_web_sink(settings: Settings, sinks: Sequence[Sink]) -> MjpegSink | None:
    """The sink that feeds the server: the one among `sinks`, or one more; None if there is to be no server.

    Raises:
        UsageError: no server is wanted, and a page is; or its address or token cannot be meant.
    """
    wanted = next((sink for sink in sinks if isinstance(sink, MjpegSink)), None)
    if settings.server:
        sink = wanted or MjpegSink()
        _address(settings, sink)
        return sink
    if wanted is not None:
        raise UsageError("--output web and --no-server cannot be together; leave one of them out")
    return None


def serve(settings: Settings, desk: ServerContext, sink: MjpegSink, opened: list[Sink], say: Say) -> Server | None:
    """Start the server, and open `sink` if it is not among those `opened`.

    A page that nobody asked for, on a port that nobody chose, may be missing: that is said, and None returned.

    Raises:
        ServerUnavailableError: the port or address asked for cannot be had.
    """
    server = Server(desk, _address(settings, sink), settings.token)
    try:
        server.start()
    except ServerUnavailableError as error:
        if sink in opened or server.address.port is not None:
            raise
        say(f"there is no page: {error}")
        return None
    sink.name = f"web {server.url}"
    if not server.address.private:
        host = seen_from_outside(server.host) or "THIS-COMPUTER"
        say(
            f"the page can be reached from other computers and phones: {url(host, server.port)}?token={server.token} "
            "(unencrypted: whoever sees this link on the network can watch and steer; without --listen nobody can)"
        )
    if sink not in opened:
        opened.append(sink)
        sink.open(settings.size, settings.fps)
    return server


def _address(settings: Settings, sink: MjpegSink) -> Address:
    """Where to listen: `--listen`, with the port of `--output web:PORT`."""
    address = Address() if settings.listen is None else Address.parse(settings.listen)
    if sink.port is None:
        return address
    if address.port not in (None, sink.port):
        raise UsageError(f"--output web:{sink.port} and --listen {settings.listen} name two ports; there is one page")
    return replace(address, port=sink.port)


# ---- beginning
def initial_state(settings: Settings, catalog: Catalog) -> LiveState:
    """The state before the first order; without a style asked for, the first one there is.

    Raises:
        StyleNotFoundError: no style of the name asked for.
        UsageError: a blend that is none.
        ModelFormatError: the file asked for is no style.
    """
    if settings.style is not None:
        mix = catalog.parse(settings.style)
        if mix is not None:
            catalog.add(mix.model)  # a style given as a file is then listed and chosen like all others
    else:
        mix = catalog.mix_of(catalog.cards[0]) if catalog.cards else None
    return LiveState(Look.start(mix, settings))


def open_source(settings: Settings, clock: Clock, say: Say, own: Source | None = None) -> Source:
    """`own`, or what the settings name, opened; where no camera was asked for and there is none, the demo.

    Raises:
        SourceError: the one asked for cannot be had.
    """
    try:
        source = own or make_source(settings.camera, clock)
    except CameraNotFoundError as error:
        if settings.camera is not None or not settings.demo:
            raise
        say(f"{error}; showing the built-in demo. Choose one with --camera (stylecam cameras lists them).")
        source = DemoSource(clock)
    source.open(settings.size, settings.fps)
    return source


# ---- outputs
def open_sinks(sinks: Sequence[Sink], opened: list[Sink], page: MjpegSink | None, settings: Settings, say: Say) -> None:
    """Open all of `sinks` into `opened`, so that the caller can close those that were when one is refused.

    Without any, it is the virtual camera, or `page` if there is none, which is said.

    Raises:
        SinkUnavailableError: one cannot be opened.
        UsageError: one would overwrite the video that is read.
    """
    for sink in sinks or [_virtual_or(page, settings, say)]:
        if isinstance(sink, RecorderSink) and settings.camera and _same_file(sink.path, settings.camera):
            raise UsageError(f"--output file:{sink.path} is the video being read; choose another name")
        opened.append(sink)
        sink.open(settings.size, settings.fps)


def _virtual_or(page: MjpegSink | None, settings: Settings, say: Say) -> Sink:
    virtual = VirtualCameraSink()
    try:
        virtual.open(settings.size, settings.fps)
    except SinkUnavailableError as error:
        if page is None:
            raise
        more = (
            " --output pipewire needs no driver, for programs that ask PipeWire for cameras."
            if pipewire_is_possible()
            else ""
        )
        say(f"{error}. Until then the picture is on a web page.{more}")
        return page
    return virtual


def _same_file(path: Path, camera: str) -> bool:
    try:
        return path.samefile(camera)
    except (OSError, ValueError):
        return False
