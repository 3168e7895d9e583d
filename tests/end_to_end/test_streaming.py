"""Streams, as the programs that receive them see them: ffmpeg, GStreamer and a real RTMP server."""

from __future__ import annotations

import contextlib
import io
import socket
import statistics
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from stylecam.errors import SinkUnavailableError
from stylecam.media.frame import Frame, Image, Size
from stylecam.media.sinks.stream import StreamSink
from stylecam.media.streaming.address import StreamAddress
from stylecam.media.streaming.libsrt import load_libsrt
from tests.end_to_end.conftest import Need, Start, unavailable
from tests.end_to_end.outside import HOST, PATIENCE_S, free_port, probe, wait_for

pytestmark = pytest.mark.system

av: Any = pytest.importorskip("av")
SIZE = Size(320, 180)
FPS = 30
KEY = "hunter22"
QUICK = ["-probesize", "50000", "-analyzeduration", "100000"]
"""Options with which ffmpeg begins at once."""
COPY = ["-c", "copy", "-flush_packets", "1"]
UNBUFFERED = ["-fflags", "nobuffer", "-flags", "low_delay", "-threads", "1"]
Picture = Callable[[float], Image]


@pytest.fixture(autouse=True)
def programs(need: Need) -> None:
    need("ffmpeg")
    need("ffprobe")


@pytest.fixture
def srt_port() -> int:
    """A port for SRT; skips where there is no libsrt."""
    try:
        load_libsrt()
    except SinkUnavailableError as error:
        unavailable(str(error))
    return free_port()


def pattern(_: float = 0.0) -> Image:
    """Colored fields, the same at all times."""
    image: Image = np.zeros((SIZE.height, SIZE.width, 3), np.uint8)
    fields = [[40, 40, 200], [60, 180, 60], [200, 60, 40], [128] * 3]
    image.reshape(SIZE.height, 4, -1, 3)[:] = np.array(fields)[:, None]
    return image


class Publishing:
    """A sink with a thread that writes to it at the publishing rate, as the publisher does."""

    def __init__(self, address: str, picture: Picture = pattern) -> None:
        self.sink = StreamSink(StreamAddress.parse(address))
        self.sink.open(SIZE, FPS)
        self.longest_write_s = 0.0
        self._picture = picture
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(PATIENCE_S)
        self.sink.close()

    def _write(self) -> None:
        deadline = time.perf_counter()
        while not self._stopping.wait(max(0.0, deadline - time.perf_counter())):
            before = time.perf_counter()
            self.sink.write(Frame(self._picture(before), 0, before))
            self.longest_write_s = max(self.longest_write_s, time.perf_counter() - before)
            deadline += 1 / FPS


@pytest.fixture
def publish() -> Iterator[Callable[..., Publishing]]:
    """Streams to an address until the test ends."""
    with contextlib.ExitStack() as ending:

        def start(address: str, picture: Picture = pattern) -> Publishing:
            started = Publishing(address, picture)
            ending.callback(started.stop)
            return started

        yield start


@pytest.fixture
def receive(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts ffmpeg with arguments; it is ended after the test."""
    with contextlib.ExitStack() as ending:

        def start(*arguments: str, **options: Any) -> subprocess.Popen[bytes]:
            command = ["ffmpeg", "-nostdin", "-v", "error", "-y", *arguments]
            program = subprocess.Popen(command, **options)
            ending.callback(end, program)
            return program

        yield start


def end(program: subprocess.Popen[bytes]) -> None:
    program.kill()
    program.wait(PATIENCE_S)
    if program.stdout is not None:
        program.stdout.close()


def listens(port: int) -> bool:
    """Return whether a server on this computer listens at the TCP port, without connecting to it."""
    listening = Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]
    return any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A" for line in listening)


Received = Callable[[str, float], Path]


@pytest.fixture
def received(
    publish: Callable[..., Publishing], receive: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
) -> Received:
    """Streams the pattern over a protocol, and returns the file that ffmpeg has made of so many seconds of it."""

    def run(protocol: str, seconds: float) -> Path:
        port = free_port()
        path = tmp_path / ("received.flv" if protocol == "rtmp" else "received.ts")
        copying = ["-t", f"{seconds:g}", "-c", "copy", str(path)]
        if protocol == "srt":
            publish(f"srt:{port}")
            program = receive(*QUICK, "-i", f"srt://{HOST}:{port}", *copying)
        elif protocol == "udp":
            program = receive(*QUICK, "-i", f"udp://{HOST}:{port}", *copying)
            publish(f"udp:{HOST}:{port}")
        else:
            program = receive("-listen", "1", *QUICK, "-i", f"rtmp://{HOST}:{port}/live/{KEY}", *copying)
            wait_for("the RTMP server", lambda: listens(port))
            publish(f"rtmp://{HOST}:{port}/live/{KEY}")
        program.wait(2 * PATIENCE_S)
        return path

    return run


PROTOCOLS = ["srt", "udp", "rtmp"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_picture_arrives_with_a_key_frame_each_second_and_the_right_times(
    protocol: str, received: Received, srt_port: int
) -> None:
    path = received(protocol, 4.5)  # up to a second of it lies before the first key frame
    found = probe(path)
    assert (found["codec_name"], found["width"], found["height"]) == ("h264", *SIZE)
    assert int(found["has_b_frames"]) == 0
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.pts is not None]
    times = [float(packet.pts * packet.time_base) for packet in packets]
    keys = [at for at, packet in zip(times, packets, strict=True) if packet.is_keyframe]
    assert all(np.diff(times) > 0)
    assert times[-1] - times[0] > 3
    assert len(keys) >= 3
    assert all(0.8 < gap < 1.5 for gap in np.diff(keys)[1:])
    assert statistics.median(np.diff(times)) == pytest.approx(1 / FPS, abs=0.01)
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    shown = frames[-1].reformat(format="bgr24", src_colorspace=1).to_ndarray()
    assert cv2.PSNR(shown, pattern()) > 32


def test_several_srt_clients_receive_come_and_go(
    srt_port: int,
    publish: Callable[..., Publishing],
    receive: Callable[..., subprocess.Popen[bytes]],
    tmp_path: Path,
) -> None:
    sink = publish(f"srt:{srt_port}").sink
    assert sink.has_viewers() is False
    copying = ["-i", f"srt://{HOST}:{srt_port}", "-c", "copy"]
    first = receive(*QUICK, *copying, str(tmp_path / "first.ts"))
    wait_for("the first client", lambda: sink.has_viewers())
    second = receive(*QUICK, *copying, "-t", "1.5", str(tmp_path / "second.ts"))
    second.wait(PATIENCE_S)
    assert sink.has_viewers()
    first.kill()  # it says no goodbye
    wait_for("the end of the first client to be noticed", lambda: sink.has_viewers() is False)
    third = receive(*QUICK, *copying, "-t", "1.5", str(tmp_path / "third.ts"))
    third.wait(PATIENCE_S)
    for name in ("second", "third"):
        with av.open(str(tmp_path / f"{name}.ts")) as container:
            frames = list(container.decode(video=0))
        assert len(frames) > 10
        assert cv2.PSNR(frames[0].reformat(format="bgr24", src_colorspace=1).to_ndarray(), pattern()) > 25


def test_srt_is_encrypted_for_those_who_know_the_passphrase(
    srt_port: int,
    publish: Callable[..., Publishing],
    receive: Callable[..., subprocess.Popen[bytes]],
    tmp_path: Path,
) -> None:
    passphrase = "a-passphrase-of-the-tests"
    sink = publish(f"srt://{HOST}:{srt_port}?mode=listener&passphrase={passphrase}").sink
    copying = ["-c", "copy", "-t", "1"]
    wrong = f"srt://{HOST}:{srt_port}?passphrase=something-that-is-wrong"
    stranger = receive(*QUICK, "-i", wrong, *copying, str(tmp_path / "stranger.ts"), stderr=subprocess.DEVNULL)
    assert stranger.wait(PATIENCE_S) != 0
    assert sink.has_viewers() is False
    friend = receive(
        *QUICK, "-i", f"srt://{HOST}:{srt_port}?passphrase={passphrase}", *copying, str(tmp_path / "friend.ts")
    )
    assert friend.wait(PATIENCE_S) == 0
    assert probe(tmp_path / "friend.ts")["codec_name"] == "h264"


def test_srt_calls_a_server_and_calls_again_when_it_has_restarted(
    srt_port: int,
    publish: Callable[..., Publishing],
    receive: Callable[..., subprocess.Popen[bytes]],
    tmp_path: Path,
) -> None:
    sink = publish(f"srt://{HOST}:{srt_port}").sink
    wait_for("a complaint that nobody answers", lambda: sink.trouble)
    for attempt in range(2):
        path = tmp_path / f"{attempt}.ts"
        server = receive(*QUICK, "-i", f"srt://{HOST}:{srt_port}?mode=listener", *COPY, str(path))
        wait_for("the connection", lambda: sink.has_viewers() and sink.trouble is None, 2 * PATIENCE_S)
        wait_for("some of the stream", lambda path=path: path.exists() and path.stat().st_size > 4_000)  # type: ignore[misc]
        server.kill()
        server.wait()
        wait_for("the loss to be noticed", lambda: sink.trouble)


def test_gstreamer_receives_srt(srt_port: int, need: Need, publish: Callable[..., Publishing], tmp_path: Path) -> None:
    program = need("gst-launch-1.0")
    if subprocess.run(["gst-inspect-1.0", "srtsrc"], capture_output=True, check=False).returncode:
        unavailable("GStreamer's SRT plugin (gstreamer1.0-plugins-bad) is not installed")
    publish(f"srt:{srt_port}")
    path = tmp_path / "received.ts"
    source = ["srtsrc", f"uri=srt://{HOST}:{srt_port}", "num-buffers=120"]
    subprocess.run([program, "-q", *source, "!", "filesink", f"location={path}"], check=True, timeout=2 * PATIENCE_S)
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    assert cv2.PSNR(frames[-1].reformat(format="bgr24", src_colorspace=1).to_ndarray(), pattern()) > 32


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_flash_is_seen_soon(
    protocol: str,
    publish: Callable[..., Publishing],
    receive: Callable[..., subprocess.Popen[bytes]],
    srt_port: int,
    record_property: Callable[[str, object], None],
) -> None:
    """From the frame that is written to the decoded one. Its limit is wide: it runs on busy machines."""
    flashes: list[float] = []
    white = np.full((SIZE.height, SIZE.width, 3), 255, np.uint8)

    def picture(now: float) -> Image:
        phase = now % 1.0
        if phase < 0.1 and (not flashes or now - flashes[-1] > 0.5):
            flashes.append(now)
        return white if phase < 0.1 else pattern()

    arguments = {
        "srt": [*QUICK, "-i", f"srt://{HOST}:{srt_port}?latency=20000"],
        "udp": [*QUICK, "-i", f"udp://{HOST}:{srt_port}"],
        "rtmp": ["-listen", "1", *QUICK, "-i", f"rtmp://{HOST}:{srt_port}/live/{KEY}"],
    }[protocol]
    raw = ["-vf", "scale=16:8", "-f", "rawvideo", "-pix_fmt", "gray", "-vsync", "passthrough", "-"]
    address = {
        "srt": f"srt:{srt_port}",
        "udp": f"udp:{HOST}:{srt_port}",
        "rtmp": f"rtmp://{HOST}:{srt_port}/live/{KEY}",
    }
    if protocol == "srt":
        publish(address[protocol], picture)
    program = receive(*UNBUFFERED, *arguments, *raw, stdout=subprocess.PIPE, bufsize=0, stderr=subprocess.DEVNULL)
    if protocol == "rtmp":
        wait_for("the RTMP server", lambda: listens(srt_port))
    if protocol != "srt":
        publish(address[protocol], picture)
    assert program.stdout is not None
    seen: list[float] = []
    bright = True
    while len(seen) < 8:
        level = np.frombuffer(program.stdout.read(128), np.uint8).mean()
        if level > 220 and not bright:
            seen.append(time.perf_counter())
        bright = level > 220
    latencies = sorted(min(at - flash for flash in flashes if flash <= at) for at in seen[1:])
    median = statistics.median(latencies)
    record_property("latency_ms", [round(1000 * each) for each in latencies])
    print(f"{protocol}: p50 {1000 * median:.0f} ms, longest {1000 * latencies[-1]:.0f} ms")
    assert median < 0.7


class RefusingServer:
    """An RTMP server that knows no stream key: it answers `publish` with an error, as the public ones do."""

    def __init__(self) -> None:
        self._listening = socket.create_server((HOST, 0))
        self.port = self._listening.getsockname()[1]
        self.refused = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def stop(self) -> None:
        self._listening.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                with connection, contextlib.suppress(OSError):
                    self._refuse(connection)

    def _refuse(self, connection: socket.socket) -> None:
        stream = connection.makefile("rb")
        stream.read(1537)
        connection.sendall(b"\x03" + bytes(1536) + bytes(1536))
        stream.read(1536)
        null = b"\x05"
        connection.sendall(_chunk(b"\x02\x00", 1, struct.pack(">I", 65536)))
        heard = b""
        answered: set[bytes] = set()
        while piece := connection.recv(4096):
            heard += piece
            if b"connect" in heard and b"connect" not in answered:
                answered.add(b"connect")
                accepted = b"\x03" + _field("code") + _text("NetConnection.Connect.Success") + b"\x00\x00\x09"
                connection.sendall(_chunk(b"\x03", 20, _text("_result") + _number(1) + null + accepted))
            if b"createStream" in heard and b"create" not in answered:
                answered.add(b"create")
                number = heard[heard.index(b"createStream") + 12 :][:9]
                connection.sendall(_chunk(b"\x03", 20, _text("_result") + number + null + _number(1)))
            if b"publish" in heard.replace(b"FCPublish", b"").replace(b"FCUnpublish", b"") and b"live" in heard:
                details = _field("level") + _text("error") + _field("code") + _text("NetStream.Publish.BadName")
                details += _field("description") + _text("Stream key is unknown") + b"\x00\x00\x09"
                connection.sendall(_chunk(b"\x05", 20, _text("onStatus") + _number(0) + null + b"\x03" + details))
                self.refused += 1
                connection.recv(4096)
                return


def _text(value: str) -> bytes:
    return b"\x02" + struct.pack(">H", len(value)) + value.encode()


def _field(name: str) -> bytes:
    return struct.pack(">H", len(name)) + name.encode()


def _number(value: float) -> bytes:
    return b"\x00" + struct.pack(">d", value)


def _chunk(channel: bytes, kind: int, payload: bytes) -> bytes:
    """Return an RTMP message in one chunk of at most 128 bytes each."""
    header = bytes([channel[0] & 0x3F]) + bytes(3) + len(payload).to_bytes(3, "big") + bytes([kind]) + bytes(4)
    pieces = [payload[at : at + 128] for at in range(0, len(payload), 128)]
    return header + bytes([0xC0 | (channel[0] & 0x3F)]).join(pieces)


def test_a_wrong_stream_key_is_told_in_the_servers_words_and_not_shown(publish: Callable[..., Publishing]) -> None:
    server = RefusingServer()
    publishing = publish(f"rtmp://{HOST}:{server.port}/live/{KEY}")
    trouble = wait_for("the refusal", lambda: publishing.sink.trouble)
    server.stop()
    assert server.refused
    assert "Stream key is unknown" in trouble
    assert KEY not in trouble
    assert "\n" not in trouble
    assert publishing.longest_write_s < 1


def test_rtmp_is_sent_again_when_the_server_has_restarted(
    publish: Callable[..., Publishing], receive: Callable[..., subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    port = free_port()
    sink = publish(f"rtmp://{HOST}:{port}/live/{KEY}").sink
    assert "refused" in wait_for("the refusal", lambda: sink.trouble)
    for attempt in range(2):
        path = tmp_path / f"{attempt}.flv"
        server = receive("-listen", "1", *QUICK, "-i", f"rtmp://{HOST}:{port}/live/{KEY}", *COPY, str(path))
        wait_for("some of the stream", lambda path=path: path.exists() and path.stat().st_size > 4_000, 2 * PATIENCE_S)  # type: ignore[misc]
        assert sink.trouble is None
        server.kill()
        server.wait()
        wait_for("the loss to be noticed", lambda: sink.trouble)


def test_a_run_streams_paints_and_ends_within_its_time_beside_a_server_that_refuses(
    stylecam: Start, srt_port: int, tmp_path: Path
) -> None:
    refusing = f"rtmp://{HOST}:{free_port()}/live/{KEY}"
    program = stylecam(
        *("--camera", "demo", "--style", "udnie", "--size", "320x180"),
        *("--output", f"srt:{srt_port}", "--output", refusing, "--output", "null"),
    )
    path = tmp_path / "received.ts"
    source = [*QUICK, "-i", f"srt://{HOST}:{srt_port}", "-t", "3", "-c", "copy", str(path)]
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", *source], check=True, timeout=2 * PATIENCE_S)
    outputs = program.wait_until("the trouble to be told", lambda stats: stats["outputs"][1]["trouble"])["outputs"]
    assert [output["trouble"] is None for output in outputs] == [True, False, True]
    program.interrupt()
    before = time.monotonic()
    assert program.finish() == 0
    assert time.monotonic() - before < 10
    assert KEY not in program.errors + program.output + program.stats_file.read_text("utf-8")
    assert "RTMP" in program.errors
    with av.open(io.BytesIO(path.read_bytes())) as container:
        assert len(list(container.decode(video=0))) > 30
