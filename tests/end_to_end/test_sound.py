"""Sound in recordings and streams, with a real PulseAudio whose microphone gets clicks in step with flashes."""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import stylecam
from stylecam.errors import SoundUnavailableError
from stylecam.live.report import LatencyPercentiles
from stylecam.media.frame import Image
from stylecam.media.sources.base import PacedSource
from stylecam.utils.clock import SystemClock
from tests.end_to_end.conftest import Need
from tests.end_to_end.outside import HOST, free_port, wait_for
from tests.end_to_end.sound_server import MICROPHONE, RATE, Clicks, SoundServer

pytestmark = pytest.mark.system

av: Any = pytest.importorskip("av")
FLASH_S = 0.2
SOUND_THREADS = {"stylecam-sound", "stylecam-recorder"}
Times = npt.NDArray[np.float64]


@pytest.fixture
def server(need: Need, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoundServer]:
    for program in ("parec", "pactl"):
        need(program)
    with tempfile.TemporaryDirectory(prefix="pa-") as folder:
        started = SoundServer(Path(folder), need("pulseaudio"))
        for name, value in started.environment.items():
            monkeypatch.setenv(name, value)
        try:
            started.start()
            yield started
        finally:
            started.stop()


class Flashes(PacedSource):
    """A dark picture with a flash about every second; the click is heard at the time of the frame that flashes."""

    name, live = "flashes", True

    def __init__(self, clicks: Clicks) -> None:
        super().__init__(SystemClock())
        self._clicks = clicks
        self._flash_at = 0.0

    def _draw(self, now: float) -> Image:
        if now - self._flash_at > 1.0:
            self._flash_at = now
            self._clicks.at.append(now)
        level = 250 if now - self._flash_at < FLASH_S else 20
        image = np.full((self._size.height, self._size.width, 3), level, np.uint8)
        image[::16, :, 1] = int(now * 100) % 200  # something always moves, so that every frame is painted
        return image


@pytest.fixture
def clicks(server: SoundServer) -> Iterator[Callable[..., Clicks]]:
    with contextlib.ExitStack() as ending:

        def start(hum: float = 0.0) -> Clicks:
            started = Clicks(server.pipe, hum=hum)
            ending.callback(started.stop)
            return started

        yield start


def live(source: PacedSource, outputs: list[str], **more: Any) -> stylecam.Live:
    # At half strength the brightness of the camera picture shows through the painting.
    settings: dict[str, Any] = {"style": "udnie", "strength": 0.5, "steadiness": 0.0, "size": (320, 180)}
    settings |= {"always_on": True, "audio": MICROPHONE} | more
    return stylecam.Live(source=source, outputs=outputs, **settings)


def sound_of(path: Path) -> tuple[npt.NDArray[np.int16], float]:
    """Return the left channel of a file, and the time of its first sample."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    samples = np.concatenate([frame.to_ndarray()[0] for frame in frames])
    return (samples * 32767).clip(-32768, 32767).astype(np.int16), float(frames[0].pts * frames[0].time_base)


def click_times(path: Path) -> Times:
    samples, start = sound_of(path)
    loud = np.flatnonzero(np.abs(samples.astype(int)) > 6000)
    begins = loud[np.diff(loud, prepend=-RATE) > RATE // 4]
    return start + begins / RATE


def flash_times(path: Path) -> Times:
    levels, times = [], []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            levels.append(float(frame.to_ndarray(format="gray").mean()))
            times.append(float(frame.pts * frame.time_base))
    bright = np.array(levels) > (min(levels) + max(levels)) / 2
    return np.array(times)[np.flatnonzero(bright & ~np.roll(bright, 1) & (np.arange(len(bright)) > 0))]


def offsets_ms(path: Path) -> list[float]:
    """Return how much later than its flash each click is, in milliseconds."""
    heard = click_times(path)
    return [1000 * (heard[np.argmin(np.abs(heard - at))] - at) for at in flash_times(path)]


def test_sound_is_in_step_with_the_painted_picture_of_a_recording(
    clicks: Callable[..., Clicks], tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    path = tmp_path / "talk.mp4"
    with live(Flashes(clicks()), [f"file:{path}"]) as camera:
        camera.wait(8)
        latency_ms = camera.report().pipeline.frames.latency_ms
    found = offsets_ms(path)[1:]
    record_property("offset_ms", [round(each) for each in found])
    print(f"offsets {[round(each) for each in found]} ms, latency of the picture {latency_ms}")
    assert len(found) >= 4
    assert abs(statistics.median(found)) < 60 + allowance_ms(latency_ms)
    with av.open(str(path)) as container:
        assert container.streams.audio[0].codec_context.name == "aac"
        audio, video = container.streams.audio[0], container.streams.video[0]
        assert abs(float(audio.duration * audio.time_base) - float(video.duration * video.time_base)) < 1


def test_a_recording_begun_by_a_key_has_sound_too(clicks: Callable[..., Clicks], tmp_path: Path) -> None:
    with live(Flashes(clicks()), ["null"], videos=tmp_path) as camera:
        camera.press("record").result(20)
        camera.wait(4)
        camera.press("record").result(20)
    (path,) = tmp_path.glob("*.mp4")
    assert len(click_times(path)) >= 2


@pytest.mark.parametrize("protocol", ["srt", "rtmp"])
def test_sound_is_in_step_with_the_picture_of_a_stream(
    protocol: str, clicks: Callable[..., Clicks], need: Need, tmp_path: Path
) -> None:
    port = free_port()
    path = tmp_path / ("received.flv" if protocol == "rtmp" else "received.ts")
    where = f"rtmp://{HOST}:{port}/live/key" if protocol == "rtmp" else f"srt://{HOST}:{port}"
    listening = ["-listen", "1"] if protocol == "rtmp" else []
    copying = ["-i", where, "-t", "8", "-c", "copy", str(path)]
    command = [need("ffmpeg"), "-nostdin", "-v", "error", *listening, *copying]
    output = where if protocol == "rtmp" else f"srt:{port}"
    with contextlib.ExitStack() as ending, live(Flashes(clicks()), [output], style="none") as camera:
        if protocol == "rtmp":  # so the connection that stands is not the first one
            wait_for("a connection that is refused", lambda: camera.report().outputs[0].trouble)
        receiver = subprocess.Popen(command)
        ending.callback(receiver.wait)
        ending.callback(receiver.kill)
        wait_for("the receiver's end", lambda: camera.running and receiver.poll() is not None, 60)
        latency_ms = camera.report().pipeline.frames.latency_ms
    found = offsets_ms(path)[1:]
    print(f"{protocol}: offsets {[round(each) for each in found]} ms")
    assert len(found) >= 3
    assert abs(statistics.median(found)) < 60 + allowance_ms(latency_ms)


def allowance_ms(latency: LatencyPercentiles) -> float:
    """Return what is allowed because the latency of the pictures varies: much on a busy machine, little on others."""
    return 2 * ((latency.p95 or 0) - (latency.p50 or 0))


def levels_by_block(path: Path) -> list[float]:
    """Return the loudness of each twentieth of a second."""
    samples, _ = sound_of(path)
    size = RATE // 20
    return [float(np.abs(samples[at : at + size].astype(int)).mean()) for at in range(0, len(samples) - size, size)]


@pytest.mark.parametrize("command", ["panic", "rest"])
def test_during_panic_and_while_the_camera_is_off_nothing_is_heard(
    command: str, clicks: Callable[..., Clicks], tmp_path: Path
) -> None:
    path = tmp_path / "talk.mp4"
    with live(Flashes(clicks(hum=0.3)), [f"file:{path}"]) as camera:
        camera.wait(2.5)
        camera.press(command).result(20)
        camera.wait(2.5)
        camera.press(command).result(20)
        camera.wait(2.5)
    levels = levels_by_block(path)
    loud = [level > 500 for level in levels]
    first, last = loud.index(True), len(loud) - 1 - loud[::-1].index(True)
    silent = [not each for each in loud[first:last]]
    assert sum(silent) >= 36, levels  # 1.8 of 2.5 seconds and more
    began = first + silent.index(True)
    assert max(levels[began + 2 : began + 36]) < 30, "something is heard during the cover"
    assert not any(silent[: silent.index(True)])


def test_when_the_sound_server_ends_the_picture_goes_on_in_silence_and_the_sound_comes_back(
    server: SoundServer, clicks: Callable[..., Clicks], tmp_path: Path
) -> None:
    path = tmp_path / "talk.mp4"
    speaking = clicks(hum=0.3)
    with live(Flashes(speaking), [f"file:{path}"]) as camera:
        camera.wait(2)
        server.stop()
        session = camera._session
        wait_for("the notice", lambda: "there is no sound" in str(session.describe(camera.state)["notice"]))
        assert camera.running
        speaking.stop()
        server.start()
        clicks(hum=0.3)
        camera.wait(5)
        before = camera.report().pipeline.frames.published
    assert before > 120
    levels = levels_by_block(path)
    loud = [level > 500 for level in levels]
    assert any(loud[:40])
    assert not all(loud)
    assert any(loud[-40:])


def test_the_microphone_is_off_while_nothing_needs_sound(server: SoundServer, clicks: Callable[..., Clicks]) -> None:
    with live(Flashes(clicks()), ["null", f"srt:{free_port()}"]) as camera:
        camera.wait(1)
        assert "RUNNING" not in server.sources()


def test_everything_ends_within_about_a_second(clicks: Callable[..., Clicks], tmp_path: Path) -> None:
    with live(Flashes(clicks()), [f"file:{tmp_path / 'talk.mp4'}"]) as camera:
        camera.wait(1)
        before = time.monotonic()
    assert time.monotonic() - before < 5
    wait_for("the end", lambda: not SOUND_THREADS & {thread.name for thread in threading.enumerate()})


def test_a_wrong_device_is_refused_with_those_that_exist(server: SoundServer) -> None:
    with pytest.raises(SoundUnavailableError, match=f"no sound device 'list'; there are default, {MICROPHONE}"):
        stylecam.Live(camera="demo", outputs=["null"], audio="list").__enter__()


def test_without_a_sound_server_the_run_says_so(monkeypatch: pytest.MonkeyPatch, need: Need, tmp_path: Path) -> None:
    need("pactl")
    monkeypatch.setenv("PULSE_SERVER", f"unix:{tmp_path / 'nothing'}")
    with pytest.raises(SoundUnavailableError, match="no sound server answers"):
        stylecam.Live(camera="demo", outputs=["null"], audio="default").__enter__()
