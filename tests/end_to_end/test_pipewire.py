"""The PipeWire camera with a real PipeWire, a real WirePlumber and real readers, without a desktop."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from stylecam.errors import SinkLostError, SinkUnavailableError
from stylecam.media.frame import Frame, Image, Size
from stylecam.media.sinks.pipewire import PipeWireSink
from tests.end_to_end.conftest import Need, Start, unavailable
from tests.end_to_end.outside import PATIENCE_S, difference, wait_for

pytestmark = pytest.mark.system

SIZE = Size(320, 240)
NEAR = 8
"""Levels that two colour conversions may take away."""


class Session:
    """A PipeWire of the test's own, in a folder of its own."""

    def __init__(self, need: Need, folder: Path) -> None:
        self._commands = [[need("pipewire")], [need("dbus-run-session"), "--", need("wireplumber")]]
        self._started: list[subprocess.Popen[bytes]] = []
        self.socket = folder / "pipewire-0"

    def start(self) -> None:
        for command in self._commands:
            quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            self._started.append(subprocess.Popen(command, start_new_session=True, **quiet))  # type: ignore[call-overload]
            wait_for("PipeWire", lambda: self.socket.exists() and self.graph())
        wait_for("WirePlumber", lambda: "WirePlumber" in json.dumps(self.graph()))

    def stop(self) -> None:
        while self._started:
            program = self._started.pop()
            program.terminate()
            program.wait(PATIENCE_S)

    def graph(self) -> list[dict[str, object]]:
        done = subprocess.run(["pw-dump"], capture_output=True, timeout=PATIENCE_S, check=False)
        return list(json.loads(done.stdout)) if done.returncode == 0 and done.stdout.strip() else []


@pytest.fixture
def session(need: Need, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Session]:
    for program in ("gst-launch-1.0", "pw-dump"):
        need(program)
    if subprocess.run(["gst-inspect-1.0", "pipewiresink"], capture_output=True, check=False).returncode:
        unavailable("GStreamer's PipeWire plugin (gstreamer1.0-pipewire) is not installed")
    with tempfile.TemporaryDirectory(prefix="pw-") as folder:  # short: a socket's path may have about 100 letters
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
            monkeypatch.setenv(name, str(tmp_path))
        monkeypatch.setenv("GST_REGISTRY", str(tmp_path / "registry.bin"))
        for name in ("PIPEWIRE_REMOTE", "PIPEWIRE_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY"):
            monkeypatch.delenv(name, raising=False)
        own = Session(need, Path(folder))
        try:
            own.start()
            yield own
        finally:
            own.stop()


@pytest.fixture
def camera(session: Session) -> Iterator[PipeWireSink]:
    sink = PipeWireSink()
    sink.open(SIZE, 30)
    yield sink
    sink.close()


def picture() -> Image:
    """Red, green, blue and grey, from left to right."""
    image = np.empty((SIZE.height, SIZE.width, 3), np.uint8)
    image.reshape(SIZE.height, 4, -1, 3)[:] = np.array([[0, 0, 200], [0, 200, 0], [200, 0, 0], [128] * 3])[:, None]
    return image


class Reader:
    """A program that reads `frames` pictures of the camera, or endlessly."""

    def __init__(self, path: Path, frames: int = -1) -> None:
        self._path = path
        pipeline = ["pipewiresrc", "target-object=stylecam", f"num-buffers={frames}", "!", "videoconvert", "!"]
        pipeline += ["video/x-raw,format=BGR", "!", "filesink", f"location={path}", "buffer-mode=unbuffered"]
        self.process = subprocess.Popen(["gst-launch-1.0", "-q", *pipeline], stderr=subprocess.PIPE)

    def images(self) -> list[Image]:
        whole = SIZE.width * SIZE.height * 3
        content = self._path.read_bytes() if self._path.exists() else b""
        pictures = len(content) // whole
        return list(np.frombuffer(content[: pictures * whole], np.uint8).reshape(-1, SIZE.height, SIZE.width, 3))

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=PATIENCE_S)


@pytest.fixture
def read(tmp_path: Path) -> Iterator[Callable[..., Reader]]:
    readers: list[Reader] = []

    def start(frames: int = -1) -> Reader:
        readers.append(Reader(tmp_path / f"read-{len(readers)}.raw", frames))
        return readers[-1]

    yield start
    for reader in readers:
        reader.stop()


def publish(sink: PipeWireSink, what: str, until: Callable[[], object], image: Image | None = None) -> None:
    """Write frames until something holds."""
    shown = picture() if image is None else image

    def look() -> object:
        sink.write(Frame(shown, 0, 0.0))
        return until()

    wait_for(what, look)


def test_it_is_listed_as_a_camera(session: Session, camera: PipeWireSink) -> None:
    (node,) = [entry for entry in session.graph() if '"node.name": "stylecam"' in json.dumps(entry)]
    told = json.dumps(node)
    assert '"media.class": "Video/Source"' in told
    assert '"media.role": "Camera"' in told
    assert '"node.description": "stylecam"' in told


def test_readers_see_the_picture_and_come_and_go(camera: PipeWireSink, read: Callable[..., Reader]) -> None:
    publish(camera, "nobody watching", lambda: camera.has_viewers() is False)
    first, second = read(), read()
    publish(camera, "pictures for both", lambda: min(len(first.images()), len(second.images())) >= 5)
    assert camera.has_viewers() is True
    for image in (first.images()[-1], second.images()[-1]):
        assert int(np.abs(image.astype(int) - picture())[:, 8:72].max()) <= NEAR
        assert difference(image, picture()) < NEAR
    first.stop()
    second.stop()
    publish(camera, "the last one gone", lambda: camera.has_viewers() is False)
    again = read()
    publish(camera, "pictures for one who returns", lambda: len(again.images()) >= 5, picture()[:, ::-1].copy())
    assert difference(again.images()[0], picture()[:, ::-1]) < NEAR, "the first picture seen was an old one"


def test_pipewire_ending_is_told_and_the_camera_comes_back_with_it(session: Session, camera: PipeWireSink) -> None:
    session.stop()
    with pytest.raises(SinkLostError, match="PipeWire camera has gone"):
        publish(camera, "the loss", lambda: False)
    camera.close()
    with pytest.raises(SinkUnavailableError, match="systemctl --user start pipewire"):
        camera.open(SIZE, 30)
    session.start()
    camera.open(SIZE, 30)
    assert '"node.name": "stylecam"' in json.dumps(session.graph())


def test_closed_it_leaves_no_program_behind(session: Session, camera: PipeWireSink) -> None:
    def children() -> list[str]:
        return Path(f"/proc/self/task/{os.getpid()}/children").read_text("ascii").split()

    before = len(children())
    camera.close()
    assert len(children()) == before - 2
    wait_for("the camera's end", lambda: '"node.name": "stylecam"' not in json.dumps(session.graph()))


def test_a_run_has_one_without_being_asked_and_goes_on_when_pipewire_ends(
    session: Session, stylecam: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIPEWIRE_RUNTIME_DIR", str(session.socket.parent))
    program = stylecam("--camera", "demo", "--size", "320x240", "--scale", "0.5", "--no-hotkeys")

    def trouble(stats: dict[str, Any]) -> str | None:
        (found,) = [output["trouble"] for output in stats["outputs"] if output["kind"] == "pipewire"]
        return cast("str | None", found)

    program.wait_until("the camera", lambda stats: any(one["kind"] == "pipewire" for one in stats["outputs"]))
    early, late = (
        "browsers and OBS see the camera 'stylecam' through PipeWire",
        "the picture also goes to PipeWire camera",
    )
    wait_for("the line", lambda: early in program.errors or late in program.errors)
    assert '"node.name": "stylecam"' in json.dumps(session.graph())
    session.stop()
    lost = program.wait_until("the loss", trouble)
    program.wait_until("the picture", lambda stats: stats["published"] > lost["published"] + 60)
    assert program.errors.count("PipeWire camera has gone") == 1
    session.start()
    program.wait_until("its return", lambda stats: trouble(stats) is None)
    wait_for("the camera", lambda: '"node.name": "stylecam"' in json.dumps(session.graph()))
    program.interrupt()
    assert program.finish() == 0
