"""The page of a session: the sink that feeds it, what its server may know of the session, and its address."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from stylecam.control.command_queue import CommandQueue
from stylecam.control.http.address import Address, seen_from_outside, url
from stylecam.control.http.context import ServerContext
from stylecam.control.http.instances import socket_path
from stylecam.control.http.server import Server
from stylecam.control.http.thumbnails import Thumbnails
from stylecam.control.own_styles import ImprovementRunner, OwnStyles
from stylecam.control.state import LiveState
from stylecam.engines.autotune import sample_picture
from stylecam.errors import ServerUnavailableError, UsageError
from stylecam.live.before import unpainted_jpeg
from stylecam.live.notifications import notices_on_page
from stylecam.live.picture_chooser import COVER_INDEX
from stylecam.live.settings import Settings
from stylecam.live.startup import Devices, OpenParts
from stylecam.media.frame import Frame, Size
from stylecam.media.sinks.base import Sink
from stylecam.media.sinks.mjpeg import MjpegSink
from stylecam.models.catalog import Catalog
from stylecam.stylize.look import Content
from stylecam.stylize.style_learning import StyleLearner
from stylecam.utils import paths
from stylecam.utils.clock import Clock
from stylecam.utils.message import Message

logger = logging.getLogger(__name__)

THUMBNAIL_SAMPLE = Size(640, 360)
"""The size of the picture that is painted for the tiles of the page while the room is hidden."""


def find_page_sink(settings: Settings, sinks: Sequence[Sink]) -> MjpegSink | None:
    """Return the sink that feeds the page: the one among `sinks` or a new one; None without a server.

    Raises:
        UsageError: a page is requested without a server, or the server's address makes no sense.
    """
    requested = next((sink for sink in sinks if isinstance(sink, MjpegSink)), None)
    if settings.server:
        sink = requested or MjpegSink()
        _server_address(settings, sink)
        return sink
    if requested is not None:
        raise UsageError(Message("--output web and --no-server cannot be together; leave one of them out"))
    return None


def server_context(
    page: MjpegSink,
    settings: Settings,
    catalog: Catalog,
    control: CommandQueue,
    clock: Clock,
    parts: Callable[[], OpenParts | None],
    *,
    describe: Callable[[LiveState], dict[str, Any]],
    report: Callable[[], dict[str, Any]],
    hotkeys: Mapping[str, str],
    improvements: ImprovementRunner,
) -> ServerContext:
    """Return what the server may know of a session.

    Args:
        page: has the pictures.
        settings: have the language.
        catalog: the styles.
        control: takes commands.
        clock: the session's.
        parts: returns what is open of the session; None until everything is, while the page is there already.
        describe: returns a state with all that the page shows.
        report: returns the figures of a session that is open.
        hotkeys: command to global key combination, as text.
        improvements: trains own styles further.
    """

    def unpainted() -> bytes | None:
        opened = parts()
        return None if opened is None else unpainted_jpeg(opened.pipeline, control, clock.now())

    @cache
    def sample() -> Frame:
        return Frame(sample_picture(THUMBNAIL_SAMPLE), COVER_INDEX, 0.0)

    own_styles = OwnStyles(paths.user_styles(), cache(StyleLearner), catalog.taken_names, improvements)
    thumbnails = Thumbnails(
        catalog, lambda: None if (opened := parts()) is None else opened.pipeline.newest, clock,
        covered=lambda: control.state.requested_content is Content.COVERED,
        stand_in=lambda: sample() if control.state.look.hides_room else None,
    )  # fmt: skip
    return ServerContext(
        control, catalog, page.broadcast, describe, lambda: {} if parts() is None else report(), hotkeys, thumbnails,
        page.video, unpainted=unpainted, language=settings.language,
        cameras=lambda: [] if (opened := parts()) is None else opened.switches.camera.choices(),
        outputs=lambda: {} if (opened := parts()) is None else opened.switches.choices(), own_styles=own_styles,
    )  # fmt: skip


def open_page(
    settings: Settings,
    context: ServerContext,
    page: MjpegSink,
    devices: Devices,
    closing: contextlib.ExitStack,
    runtime_folder: Path | None,
) -> Server | None:
    """Start the server that shows `page`, show what is logged there, and open that sink if nobody asked for it.

    Other programs of this user find it in `runtime_folder`, if there is one.

    Returns, raises: as `start_server` does.
    """
    required = page in devices.sinks
    path = None if runtime_folder is None else socket_path(runtime_folder)
    server = start_server(settings, context, page, closing, required=required, socket_path=path)
    if server is not None:
        closing.enter_context(notices_on_page(server))
        if not required:
            devices.open_sink(page)
    return server


def start_server(
    settings: Settings,
    context: ServerContext,
    sink: MjpegSink,
    closing: contextlib.ExitStack,
    *,
    required: bool,
    socket_path: Path | None = None,
) -> Server | None:
    """Start the server that shows the frames of `sink`, name the sink after its address and let `closing` stop it.

    With a `socket_path` it listens at a Unix socket too.

    Returns:
        The server; None if it cannot start, the page is not `required` and no port was requested.

    Raises:
        ServerUnavailableError: the requested port or address cannot be used.
    """
    server = Server(context, _server_address(settings, sink), settings.token, socket_path)
    closing.callback(server.stop)  # before it starts: an interrupt may come between the two
    try:
        server.start()
    except ServerUnavailableError as error:
        if required or server.address.port is not None:
            raise
        logger.warning(Message("there is no page: {error}", error=error))
        return None
    sink.name = f"web {server.url}"
    if not server.address.private:
        host = seen_from_outside(server.host) or "THIS-COMPUTER"
        logger.warning(
            Message(
                "the page can be reached from other computers and phones: {link} "
                "(unencrypted: whoever sees this link on the network can watch and control; without --listen nobody "
                "can)",
                link=f"{url(host, server.port)}?token={server.token}",
            ),
            extra={"is_link": True},
        )
    return server


def _server_address(settings: Settings, sink: MjpegSink) -> Address:
    """Return where to listen: the host and port of `--listen`, or the port of `--output web:PORT`."""
    address = Address() if settings.listen is None else Address.parse(settings.listen)
    if sink.port is None:
        return address
    if address.port not in (None, sink.port):
        raise UsageError(
            Message(
                "--output web:{port} and --listen {address} name two ports; there is one page",
                port=sink.port,
                address=settings.listen,
            )
        )
    return replace(address, port=sink.port)
