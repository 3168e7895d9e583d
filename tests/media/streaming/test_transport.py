"""Tests of how streams reach their receivers: UDP, SRT between two real sockets, and the failures of RTMP."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from stylecam.errors import SinkUnavailableError
from stylecam.media.streaming import libsrt, srt
from stylecam.media.streaming.address import StreamAddress
from stylecam.media.streaming.rtmp import RtmpTransport
from stylecam.media.streaming.srt import SrtCaller, SrtListener
from stylecam.media.streaming.transport import DATAGRAM_BYTES, Transport, UdpTransport, datagrams
from tests.doubles import until
from tests.end_to_end.conftest import unavailable
from tests.end_to_end.outside import free_port

FRAME = bytes(range(188)) * 20
PASSPHRASE = "a-passphrase-of-the-tests"


@pytest.fixture
def stopping() -> threading.Event:
    return threading.Event()


def test_datagrams_are_whole_packets_and_lose_nothing() -> None:
    pieces = datagrams(FRAME)
    assert b"".join(pieces) == FRAME
    assert [len(piece) for piece in pieces] == [DATAGRAM_BYTES, DATAGRAM_BYTES, 6 * 188]


def test_udp_sends_to_its_address(stopping: threading.Event) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        transport = UdpTransport(StreamAddress.parse(f"udp:127.0.0.1:{receiver.getsockname()[1]}"))
        transport.connect(b"", stopping)
        transport.send(FRAME, key=True)
        assert b"".join(receiver.recv(2000) for _ in range(3)) == FRAME
        transport.close()


def test_udp_to_nobody_is_no_error(stopping: threading.Event) -> None:
    transport = UdpTransport(StreamAddress.parse(f"udp:127.0.0.1:{free_port()}"))
    transport.connect(b"", stopping)
    for _ in range(5):
        transport.send(FRAME, key=True)
    transport.close()


def test_an_unknown_host_is_told(stopping: threading.Event) -> None:
    with pytest.raises(OSError, match=r"there is no host no-such-host\.invalid"):
        UdpTransport(StreamAddress.parse("udp:no-such-host.invalid:5000")).connect(b"", stopping)


@pytest.fixture
def closing() -> Iterator[Callable[[Transport], Transport]]:
    """Closes the transports that are passed to it."""
    opened: list[Transport] = []

    def add(transport: Transport) -> Transport:
        opened.append(transport)
        return transport

    yield add
    for transport in opened:
        transport.close()


@pytest.fixture
def _srt() -> None:
    try:
        libsrt.load_libsrt()
    except SinkUnavailableError as error:
        unavailable(str(error))


Open = Callable[..., tuple[SrtListener, "Callable[[str], SrtCaller]"]]


@pytest.fixture
def pair(_srt: None, closing: Callable[[Transport], Transport]) -> Open:
    """Opens a listener, and returns it with a function that makes callers of it, both with options in the address."""

    def open_pair(options: str = "") -> tuple[SrtListener, Callable[[str], SrtCaller]]:
        port = free_port()
        listener = SrtListener(StreamAddress.parse(f"srt://127.0.0.1:{port}?mode=listener{options}"))
        closing(listener)
        listener.open()

        def caller(own_options: str = "") -> SrtCaller:
            made = SrtCaller(StreamAddress.parse(f"srt://127.0.0.1:{port}?mode=caller{own_options}"))
            closing(made)
            made.open()
            return made

        return listener, caller

    return open_pair


def has_receivers(listener: SrtListener, count: int) -> bool:
    def look() -> bool:
        listener.poll()
        return listener.receivers == count

    return until(look)


def test_srt_callers_come_and_go(pair: Open, stopping: threading.Event) -> None:
    listener, caller = pair()
    first, second = caller(""), caller("")
    assert has_receivers(listener, 0)
    first.connect(b"", stopping)
    second.connect(b"", stopping)
    assert has_receivers(listener, 2)
    first.disconnect()
    assert has_receivers(listener, 1)
    listener.send(FRAME, key=True)
    second.disconnect()
    assert has_receivers(listener, 0)
    listener.send(FRAME, key=True)


def test_a_new_srt_client_waits_for_a_key_frame(pair: Open, stopping: threading.Event) -> None:
    listener, caller = pair()
    caller("").connect(b"", stopping)
    assert has_receivers(listener, 1)
    assert listener.needs_key
    listener.send(FRAME, key=False)
    assert listener.needs_key
    listener.send(FRAME, key=True)
    assert not listener.needs_key


def test_an_srt_client_that_takes_nothing_misses_frames_and_blocks_nobody(
    pair: Open, stopping: threading.Event
) -> None:
    listener, caller = pair()
    caller("").connect(b"", stopping)
    assert has_receivers(listener, 1)
    flood = bytes(13_000_000)  # more than its buffer holds

    def misses_frames() -> bool:
        listener.send(flood, key=True)
        return listener.needs_key

    assert until(misses_frames)
    assert listener.receivers == 1


def test_more_srt_clients_than_allowed_are_turned_away(
    pair: Open, stopping: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(srt, "MAX_CLIENTS", 1)
    listener, caller = pair()
    first, second = caller(""), caller("")
    first.connect(b"", stopping)
    assert has_receivers(listener, 1)
    second.connect(b"", stopping)

    def turned_away() -> bool:
        listener.poll()
        try:
            second.poll()
        except OSError:
            return True
        return False

    assert until(turned_away)
    assert listener.receivers == 1
    first.poll()


def test_a_wrong_passphrase_is_refused_with_its_reason(pair: Open, stopping: threading.Event) -> None:
    listener, caller = pair(f"&passphrase={PASSPHRASE}")
    with pytest.raises(OSError, match=r"(?i)password|secret|passphrase"):
        caller("&passphrase=another-one-that-is-wrong").connect(b"", stopping)
    caller(f"&passphrase={PASSPHRASE}").connect(b"", stopping)
    assert has_receivers(listener, 1)


@pytest.mark.usefixtures("_srt")
def test_a_call_that_nobody_answers_ends_with_its_reason(
    stopping: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(srt, "CONNECT_TIMEOUT_S", 0.3)
    alone = SrtCaller(StreamAddress.parse(f"srt://127.0.0.1:{free_port()}"))
    alone.open()
    with pytest.raises(OSError, match=r"no answer|refused|timer|timeout|Connection"):
        alone.connect(b"", stopping)
    stopping.set()
    with pytest.raises(OSError, match="stopping"):
        alone.connect(b"", stopping)


def test_an_srt_server_that_ends_is_noticed(pair: Open, stopping: threading.Event) -> None:
    listener, caller = pair()
    calling = caller("")
    calling.connect(b"", stopping)
    assert has_receivers(listener, 1)
    listener.close()

    def ended() -> bool:
        try:
            calling.poll()
        except OSError:
            return True
        return False

    assert until(ended)


def test_a_port_in_use_is_told(pair: Open, stopping: threading.Event) -> None:
    listener, _ = pair()
    with pytest.raises(SinkUnavailableError, match="is the port in use"):
        SrtListener(listener.address).open()


def test_without_libsrt_the_way_to_install_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libsrt, "_find", lambda: None)
    libsrt.load_libsrt.cache_clear()
    with pytest.raises(SinkUnavailableError, match=r"SRT needs the library libsrt, not found here; .*udp:HOST:PORT"):
        SrtListener(StreamAddress.parse("srt:9000")).open()


@pytest.fixture
def silent_server() -> Iterator[int]:
    """The port of a server that accepts connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_an_rtmp_server_that_says_nothing_holds_up_no_other_thread(
    silent_server: int, stopping: threading.Event, closing: Callable[[Transport], Transport]
) -> None:
    transport = closing(RtmpTransport(StreamAddress.parse(f"rtmp://127.0.0.1:{silent_server}/app/key")))
    failures: list[OSError] = []

    def connect() -> None:
        try:
            transport.connect(flv_start(), stopping)
        except OSError as error:
            failures.append(error)

    thread = threading.Thread(target=connect)
    thread.start()
    assert not until(lambda: bool(failures), 1.5)
    transport.interrupt()
    thread.join(10)
    assert "does not answer" in str(failures[0])


def test_an_rtmp_connection_that_is_refused_is_told(
    stopping: threading.Event, closing: Callable[[Transport], Transport]
) -> None:
    transport = closing(RtmpTransport(StreamAddress.parse(f"rtmp://127.0.0.1:{free_port()}/app/hunter22")))
    with pytest.raises(OSError, match="refused") as refused:
        transport.connect(flv_start(), stopping)
    assert "hunter22" not in str(refused.value)


def flv_start() -> bytes:
    """Return the header and the first picture of a stream."""
    from stylecam.media.frame import Size
    from stylecam.media.streaming.muxer import StreamMuxer
    from stylecam.media.testing import gray_image

    pytest.importorskip("av")
    image = gray_image()
    muxer = StreamMuxer("flv", Size(image.shape[1], image.shape[0]), 30, 1_000_000)
    return muxer.header + muxer.encode(image, 0.0)[0]
