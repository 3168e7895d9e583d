"""Recordings: whole, true in time, and never half there."""

from __future__ import annotations

import shutil
import sys
import threading
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from stylecam.errors import SinkLostError, SinkUnavailableError
from stylecam.media.frame import Frame, Image, Size
from stylecam.media.sinks import recorder as recorder_module
from stylecam.media.sinks.recorder import RecorderSink
from tests.doubles import until

SIZE = Size(192, 128)


@pytest.fixture(params=["av", "cv2"])
def encoder(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With PyAV, and without."""
    if request.param == "cv2":
        monkeypatch.setitem(sys.modules, "av", None)
    else:
        pytest.importorskip("av")
    return str(request.param)


def coloured(index: int) -> Frame:
    """Red grows and blue shrinks with the index; green marks the left half."""
    image: Image = np.zeros((SIZE.height, SIZE.width, 3), np.uint8)
    image[:] = (220 - 6 * index, 0, 30 + 6 * index)
    image[:, : SIZE.width // 2, 1] = 200
    return Frame(image, index, 0.0)


def decoded(path: Path) -> tuple[list[Image], float]:
    capture = cv2.VideoCapture(str(path))
    frames = []
    while True:
        ok, image = capture.read()
        if not ok:
            break
        frames.append(image)
    rate = capture.get(cv2.CAP_PROP_FPS)
    capture.release()
    return frames, rate  # type: ignore[return-value]


def write_all(sink: RecorderSink, frames: int) -> None:
    """At the encoder's own speed, so that nothing is left out."""
    for index in range(frames):
        until(lambda: sink._queue.empty())
        sink.write(coloured(index))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".m4v"])
def test_what_was_recorded_is_read_back(encoder: str, suffix: str, tmp_path: Path) -> None:
    sink = RecorderSink(tmp_path / f"talk{suffix}")
    sink.open(SIZE, 30)
    write_all(sink, 30)
    sink.close()
    frames, rate = decoded(tmp_path / f"talk{suffix}")
    assert len(frames) == 30
    assert rate == pytest.approx(30)
    for index in (0, 15, 29):
        expected = coloured(index).image
        assert frames[index].shape == expected.shape
        assert np.abs(frames[index].astype(int) - expected).mean() < 12


@pytest.mark.parametrize("fps", [24.0, 25.0, 29.97, 60.0])
def test_a_recording_plays_at_its_rate(encoder: str, fps: float, tmp_path: Path) -> None:
    sink = RecorderSink(tmp_path / "talk.mp4")
    sink.open(SIZE, fps)
    write_all(sink, 12)
    sink.close()
    assert decoded(tmp_path / "talk.mp4")[1] == pytest.approx(fps, rel=0.01)


def test_until_it_is_finished_it_does_not_carry_its_name(encoder: str, tmp_path: Path) -> None:
    sink = RecorderSink(tmp_path / "talk.mp4")
    sink.open(SIZE, 30)
    write_all(sink, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["talk.part.mp4"]
    sink.close()
    assert [path.name for path in tmp_path.iterdir()] == ["talk.mp4"]


def test_a_discarded_recording_leaves_no_file_and_keeps_an_older_one(encoder: str, tmp_path: Path) -> None:
    (tmp_path / "talk.mp4").write_text("an older talk")
    sink = RecorderSink(tmp_path / "talk.mp4")
    sink.open(SIZE, 30)
    sink.discard()
    assert [path.name for path in tmp_path.iterdir()] == ["talk.mp4"]
    assert (tmp_path / "talk.mp4").read_text() == "an older talk"


@pytest.mark.parametrize("when", ["before it starts", "after it has started"])
def test_an_interrupt_while_it_opens_leaves_no_file(
    when: str, encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        if when == "after it has started":
            start(thread)
        raise KeyboardInterrupt

    sink = RecorderSink(tmp_path / "talk.mp4")
    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sink.open(SIZE, 30)
    sink.discard()
    assert list(tmp_path.iterdir()) == []
    assert not any(thread.name == "stylecam-recorder" for thread in threading.enumerate())


def test_what_a_crash_leaves_can_be_played(tmp_path: Path) -> None:
    pytest.importorskip("av")
    sink = RecorderSink(tmp_path / "talk.mp4")
    sink.open(SIZE, 10)
    draw = np.random.default_rng(1)
    for index in range(35):
        until(lambda: sink._queue.empty())
        sink.write(Frame(draw.integers(0, 256, (SIZE.height, SIZE.width, 3), np.uint8), index, 0.0))
    assert until(lambda: (tmp_path / "talk.part.mp4").stat().st_size > 300_000)
    shutil.copy(tmp_path / "talk.part.mp4", tmp_path / "left.mp4")
    sink.close()
    assert len(decoded(tmp_path / "left.mp4")[0]) >= 10


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("talk.avi", r"write .*talk\.avi\.mp4"),
        ("talk", r"recordings are \.mp4"),
        ("missing/talk.mp4", "there is no folder .*missing; create it"),
        ("folder.mp4", "is a folder; name a file"),
    ],
)
def test_a_place_that_cannot_be_recorded_to_is_refused(name: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "folder.mp4").mkdir()
    sink = RecorderSink(tmp_path / name)
    with pytest.raises(SinkUnavailableError, match=says):
        sink.open(SIZE, 30)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.mp4"]


def test_a_read_only_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.open

    def refuse(self: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if mode[0] in "wx" and self.parent == tmp_path:
            raise PermissionError(13, "Permission denied")
        return real(self, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SinkUnavailableError, match="cannot be written: Permission denied"):
        RecorderSink(tmp_path / "talk.mp4").open(SIZE, 30)


class Slow:
    """An encoder the test lets go on, or makes fail."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.written: list[int] = []
        self.numbers: list[int] = []
        self.closed = False
        self.failure: Exception | None = None

    def write(self, image: Image, number: int) -> None:
        self.go.wait(60)
        if self.failure is not None:
            raise self.failure
        self.numbers.append(number)
        self.written.append(int(image[0, 0, 2]))

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    slow = Slow()
    monkeypatch.setattr(recorder_module, "_make_encoder", lambda *_: slow)
    return slow


def test_an_encoder_that_cannot_keep_up_never_holds_up_the_call(slow: Slow, tmp_path: Path) -> None:
    sink = RecorderSink(tmp_path / "talk.mp4")
    sink.open(SIZE, 30)
    for index in range(30):
        sink.write(coloured(index))
    slow.go.set()
    sink.close()
    assert 0 < len(set(slow.written)) < 30


def test_frames_left_out_do_not_shorten_the_time_of_the_recording(slow: Slow, tmp_path: Path) -> None:
    sink = RecorderSink(tmp_path / "talk.mp4")
    sink.open(SIZE, 30)
    for index in range(30):
        sink.write(coloured(index))
    slow.go.set()
    until(lambda: sink._queue.empty())
    sink.write(coloured(30))
    sink.close()
    assert slow.numbers[-1] == 31
    assert len(slow.numbers) < 31


def test_where_frames_were_left_out_the_one_before_or_after_is_shown_longer(encoder: str, tmp_path: Path) -> None:
    made = recorder_module._make_encoder(tmp_path / "talk.mp4", SIZE, 10)
    for number in (1, 2, 9, 10):
        made.write(coloured(number).image, number)
    made.close()
    capture = cv2.VideoCapture(str(tmp_path / "talk.mp4"))
    stamps = []
    while capture.grab():
        stamps.append(capture.get(cv2.CAP_PROP_POS_MSEC))
    capture.release()
    assert stamps[-1] == pytest.approx(900, abs=101)


def test_the_array_may_be_reused_after_writing(slow: Slow, tmp_path: Path) -> None:
    sink = RecorderSink(tmp_path / "talk.mp4")
    sink.open(SIZE, 30)
    frame = coloured(5)
    sink.write(frame)
    frame.image[:] = 0
    slow.go.set()
    sink.close()
    assert slow.written == [60]


def _fails_with(slow: Slow, tmp_path: Path, failure: Exception) -> None:
    slow.failure = failure
    slow.go.set()
    sink = RecorderSink(tmp_path / "talk.mp4")
    sink.open(SIZE, 30)

    def lost() -> bool:
        try:
            sink.write(coloured(0))
        except SinkLostError as error:
            return "recording" in str(error)
        return False

    assert until(lost, 5)
    sink.close()


@pytest.mark.parametrize("failure", [OSError("no space left"), ValueError("bad"), RuntimeError("bad")])
def test_a_failing_encoder_is_reported(slow: Slow, tmp_path: Path, failure: Exception) -> None:
    _fails_with(slow, tmp_path, failure)
    assert slow.closed


def test_a_nearly_full_disk_ends_the_recording_and_keeps_it(
    slow: Slow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "free")
    full: Callable[[Any], Any] = lambda _: usage(1000)  # noqa: E731
    monkeypatch.setattr(shutil, "disk_usage", full)
    slow.go.set()
    sink = RecorderSink(tmp_path / "talk.mp4")
    sink.open(SIZE, 30)

    def lost() -> bool:
        try:
            sink.write(coloured(0))
        except SinkLostError as error:
            return "the disk is nearly full" in str(error)
        return False

    assert until(lost, 10)
    sink.close()
    assert (tmp_path / "talk.mp4").exists()


def test_a_recording_that_failed_is_not_tried_again() -> None:
    assert RecorderSink(Path("talk.mp4")).retries is False


class Unfinished:
    """An encoder that takes frames and cannot write its trailer."""

    def __init__(self, path: Path, size: Size, fps: float) -> None:
        self._path = path

    def write(self, image: Image, number: int) -> None:
        self._path.write_bytes(b"frames without an index")

    def close(self) -> None:
        raise OSError("no space left on device")


def test_a_recording_that_cannot_be_finished_leaves_the_older_file_alone_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "talk.mp4"
    path.write_bytes(b"precious")
    monkeypatch.setattr(recorder_module, "_make_encoder", Unfinished)
    recorder = RecorderSink(path)
    recorder.open(SIZE, 30)
    recorder.write(coloured(1))
    with pytest.raises(SinkLostError, match="could not be finished: no space left"):
        recorder.close()
    assert path.read_bytes() == b"precious"
    assert (tmp_path / "talk.part.mp4").exists()


def test_a_recording_without_a_frame_leaves_the_older_file_alone(tmp_path: Path, encoder: str) -> None:
    path = tmp_path / "talk.mp4"
    path.write_bytes(b"precious")
    recorder = RecorderSink(path)
    recorder.open(SIZE, 30)
    recorder.close()
    assert path.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [path]
