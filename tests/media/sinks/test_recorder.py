"""Tests of recordings: content, timing, part files and failures."""

from __future__ import annotations

import logging
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
    """Record with PyAV, or without it with OpenCV."""
    if request.param == "cv2":
        monkeypatch.setitem(sys.modules, "av", None)
    else:
        pytest.importorskip("av")
    return str(request.param)


def test_a_recording_that_is_saved_is_named_in_the_terminal(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "stylecam")
    sink = RecorderSink(tmp_path / "talk.mp4")
    sink.open(SIZE, 10)
    sink.write(colored_frame(0))
    sink.close()
    saved = caplog.records[-1]
    assert saved.getMessage() == f"recording saved: {tmp_path / 'talk.mp4'}"
    assert getattr(saved, "only_on_terminal", False)


def test_without_pyav_it_says_how_to_record_for_browsers(
    encoder: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "stylecam")
    sink = RecorderSink(tmp_path / "talk.mp4")
    sink.open(SIZE, 10)
    sink.discard()
    assert ("which browsers do not play; for H.264: pip install" in caplog.text) is (encoder == "cv2")


def colored_frame(index: int) -> Frame:
    """Return a frame whose red grows and blue shrinks with the index; green marks the left half."""
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
    """Write `frames` frames as fast as the encoder takes them, so that none is dropped."""
    for index in range(frames):
        until(lambda: sink._queue.empty())
        sink.write(colored_frame(index))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".m4v"])
def test_a_recording_is_read_back(encoder: str, suffix: str, tmp_path: Path) -> None:
    sink = RecorderSink(tmp_path / f"talk{suffix}")
    sink.open(SIZE, 30)
    write_all(sink, 30)
    sink.close()
    frames, rate = decoded(tmp_path / f"talk{suffix}")
    assert len(frames) == 30
    assert rate == pytest.approx(30)
    for index in (0, 15, 29):
        expected = colored_frame(index).image
        assert frames[index].shape == expected.shape
        assert np.abs(frames[index].astype(int) - expected).mean() < 12


@pytest.mark.parametrize("fps", [24.0, 25.0, 29.97, 60.0])
def test_a_recording_plays_at_its_rate(encoder: str, fps: float, tmp_path: Path) -> None:
    sink = RecorderSink(tmp_path / "talk.mp4")
    sink.open(SIZE, fps)
    write_all(sink, 12)
    sink.close()
    assert decoded(tmp_path / "talk.mp4")[1] == pytest.approx(fps, rel=0.01)


def test_an_unfinished_recording_is_a_part_file(encoder: str, tmp_path: Path) -> None:
    sink = RecorderSink(tmp_path / "talk.mp4")
    sink.open(SIZE, 30)
    write_all(sink, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["talk.part.mp4"]
    sink.close()
    assert [path.name for path in tmp_path.iterdir()] == ["talk.mp4"]


def test_an_older_recording_is_kept_and_the_new_one_gets_a_number(
    encoder: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "talk.mp4").write_text("an older talk")
    sink = RecorderSink(tmp_path / "talk.mp4")
    sink.open(SIZE, 30)
    assert sink.name == f"file {tmp_path / 'talk-2.mp4'}"
    assert "talk.mp4 exists or is being recorded; this recording is" in caplog.text
    write_all(sink, 3)
    sink.close()
    assert (tmp_path / "talk.mp4").read_text() == "an older talk"
    assert len(decoded(tmp_path / "talk-2.mp4")[0]) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["talk-2.mp4", "talk.mp4"]


def test_two_recordings_of_one_file_get_two_names(encoder: str, tmp_path: Path) -> None:
    first, second = RecorderSink(tmp_path / "talk.mp4"), RecorderSink(tmp_path / "talk.mp4")
    first.open(SIZE, 30)
    second.open(SIZE, 30)
    write_all(first, 4)
    write_all(second, 7)
    second.close()
    first.close()
    assert (first.path.name, second.path.name) == ("talk.mp4", "talk-2.mp4")
    assert [len(decoded(sink.path)[0]) for sink in (first, second)] == [4, 7]


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

    def interrupt(thread: threading.Thread) -> None:
        if when == "after it has started":
            start(thread)
        raise KeyboardInterrupt

    sink = RecorderSink(tmp_path / "talk.mp4")
    monkeypatch.setattr(threading.Thread, "start", interrupt)
    with pytest.raises(KeyboardInterrupt):
        sink.open(SIZE, 30)
    sink.discard()
    assert list(tmp_path.iterdir()) == []
    assert not any(thread.name == "stylecam-recorder" for thread in threading.enumerate())


def test_a_part_file_left_by_a_crash_can_be_played(tmp_path: Path) -> None:
    pytest.importorskip("av")
    sink = RecorderSink(tmp_path / "talk.mp4")
    sink.open(SIZE, 10)
    rng = np.random.default_rng(1)
    for index in range(35):
        until(lambda: sink._queue.empty())
        sink.write(Frame(rng.integers(0, 256, (SIZE.height, SIZE.width, 3), np.uint8), index, 0.0))
    assert until(lambda: (tmp_path / "talk.part.mp4").stat().st_size > 300_000)
    shutil.copy(tmp_path / "talk.part.mp4", tmp_path / "left.mp4")
    sink.close()
    assert len(decoded(tmp_path / "left.mp4")[0]) >= 10


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("talk.avi", r"write .*talk\.avi\.mp4"),
        ("talk", r"recordings are \.mp4"),
        ("missing/talk.mp4", "there is no folder .*missing; create it"),
        ("folder.mp4", "is a folder; name a file"),
    ],
)
def test_an_invalid_path_is_refused(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "folder.mp4").mkdir()
    sink = RecorderSink(tmp_path / name)
    with pytest.raises(SinkUnavailableError, match=message):
        sink.open(SIZE, 30)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.mp4"]


def test_a_name_that_is_not_utf8_is_refused(encoder: str, tmp_path: Path) -> None:
    with pytest.raises(SinkUnavailableError, match="this name is not UTF-8, which video cannot have; rename it"):
        RecorderSink(tmp_path / "t\udcff.mp4").open(SIZE, 30)
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.open

    def refuse(self: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if mode[0] in "wx" and self.parent == tmp_path:
            raise PermissionError(13, "Permission denied")
        return real(self, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SinkUnavailableError, match="cannot be written: Permission denied"):
        RecorderSink(tmp_path / "talk.mp4").open(SIZE, 30)


class SlowEncoder:
    """An encoder that waits until the test sets `go`, and fails on request."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.written: list[int] = []
        self.frame_numbers: list[int] = []
        self.closed = False
        self.failure: Exception | None = None

    def write(self, image: Image, number: int, at: float) -> None:
        self.go.wait(60)
        if self.failure is not None:
            raise self.failure
        self.frame_numbers.append(number)
        self.written.append(int(image[0, 0, 2]))

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def slow_encoder(monkeypatch: pytest.MonkeyPatch) -> SlowEncoder:
    slow_encoder = SlowEncoder()
    monkeypatch.setattr(recorder_module, "_make_encoder", lambda *_: slow_encoder)
    return slow_encoder


def test_a_slow_encoder_never_delays_writing(slow_encoder: SlowEncoder, tmp_path: Path) -> None:
    sink = RecorderSink(tmp_path / "talk.mp4")
    sink.open(SIZE, 30)
    for index in range(30):
        sink.write(colored_frame(index))
    slow_encoder.go.set()
    sink.close()
    assert 0 < len(set(slow_encoder.written)) < 30


def test_dropped_frames_do_not_shorten_the_recording(slow_encoder: SlowEncoder, tmp_path: Path) -> None:
    sink = RecorderSink(tmp_path / "talk.mp4")
    sink.open(SIZE, 30)
    for index in range(30):
        sink.write(colored_frame(index))
    slow_encoder.go.set()
    until(lambda: sink._queue.empty())
    sink.write(colored_frame(30))
    sink.close()
    assert slow_encoder.frame_numbers[-1] == 31
    assert len(slow_encoder.frame_numbers) < 31


def test_a_gap_of_dropped_frames_keeps_its_duration(encoder: str, tmp_path: Path) -> None:
    video_encoder = recorder_module._make_encoder(tmp_path / "talk.mp4", SIZE, 10, None)
    for number in (1, 2, 9, 10):
        video_encoder.write(colored_frame(number).image, number, 0.0)
    video_encoder.close()
    capture = cv2.VideoCapture(str(tmp_path / "talk.mp4"))
    times_ms = []
    while capture.grab():
        times_ms.append(capture.get(cv2.CAP_PROP_POS_MSEC))
    capture.release()
    assert times_ms[-1] == pytest.approx(900, abs=101)


def test_the_array_may_be_reused_after_writing(slow_encoder: SlowEncoder, tmp_path: Path) -> None:
    sink = RecorderSink(tmp_path / "talk.mp4")
    sink.open(SIZE, 30)
    frame = colored_frame(5)
    sink.write(frame)
    frame.image[:] = 0
    slow_encoder.go.set()
    sink.close()
    assert slow_encoder.written == [60]


def _write_until_lost(sink: RecorderSink, message: str) -> None:
    """Write frames until the sink is lost with `message`."""

    def lost() -> bool:
        try:
            sink.write(colored_frame(0))
        except SinkLostError as error:
            return message in str(error)
        return False

    assert until(lost, 10)


@pytest.mark.parametrize("failure", [OSError("no space left"), ValueError("bad"), RuntimeError("bad")])
def test_a_failing_encoder_is_reported_with_what_it_has_kept(
    slow_encoder: SlowEncoder, tmp_path: Path, failure: Exception
) -> None:
    slow_encoder.go.set()
    sink = RecorderSink(tmp_path / "talk.mp4")
    sink.open(SIZE, 15)
    write_all(sink, 30)
    until(lambda: len(slow_encoder.written) == 30)
    slow_encoder.failure = failure
    _write_until_lost(sink, f"stopped after 2 s: {failure}; {tmp_path / 'talk.mp4'} holds what came before")
    sink.close()
    assert slow_encoder.closed
    assert [path.name for path in tmp_path.iterdir()] == ["talk.mp4"]


def test_an_encoder_that_fails_at_once_leaves_nothing_and_says_so(slow_encoder: SlowEncoder, tmp_path: Path) -> None:
    slow_encoder.failure = OSError("no space left")
    slow_encoder.go.set()
    sink = RecorderSink(tmp_path / "talk.mp4")
    sink.open(SIZE, 30)
    _write_until_lost(sink, "stopped after 0 s: no space left; nothing is left of it")
    sink.close()
    assert list(tmp_path.iterdir()) == []


def test_a_nearly_full_disk_ends_the_recording_and_keeps_it(
    slow_encoder: SlowEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "free")
    full: Callable[[Any], Any] = lambda _: usage(1000)  # noqa: E731
    slow_encoder.go.set()
    sink = RecorderSink(tmp_path / "talk.mp4")
    sink.open(SIZE, 30)
    monkeypatch.setattr(shutil, "disk_usage", full)
    _write_until_lost(sink, f"the disk is nearly full; {tmp_path / 'talk.mp4'} holds what came before")
    sink.close()
    assert (tmp_path / "talk.mp4").exists()


def test_on_a_full_disk_no_recording_begins_and_no_file_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "free")
    full: Callable[[Any], Any] = lambda _: usage(1000)  # noqa: E731
    monkeypatch.setattr(shutil, "disk_usage", full)
    with pytest.raises(SinkUnavailableError, match="the disk is nearly full; free some space"):
        RecorderSink(tmp_path / "talk.mp4").open(SIZE, 30)
    assert not list(tmp_path.iterdir())


def test_a_disk_that_does_not_answer_is_not_waited_for_at_the_end(
    slow_encoder: SlowEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recorder_module, "FINISH_TIMEOUT_S", 0.05)
    sink = RecorderSink(tmp_path / "talk.mp4")
    sink.open(SIZE, 30)
    for index in range(2 * recorder_module.QUEUE_FRAMES):
        sink.write(colored_frame(index))
    with pytest.raises(SinkLostError, match=r"not finished after .* it is called .*talk\.part\.mp4"):
        sink.close()
    assert (tmp_path / "talk.part.mp4").exists()
    slow_encoder.go.set()
    assert until(lambda: "talk.mp4 is finished now" in caplog.text)
    assert [path.name for path in tmp_path.iterdir()] == ["talk.mp4"]


def test_a_recording_whose_file_was_deleted_names_no_file(encoder: str, tmp_path: Path) -> None:
    sink = RecorderSink(tmp_path / "talk.mp4")
    sink.open(SIZE, 30)
    (tmp_path / "talk.part.mp4").unlink()
    write_all(sink, 3)
    with pytest.raises(SinkLostError, match=r"could not be finished: .*; nothing is left of it"):
        sink.close()
    assert list(tmp_path.iterdir()) == []


def test_a_failed_recording_is_not_retried() -> None:
    assert RecorderSink(Path("talk.mp4")).retries is False


class UnfinishableEncoder:
    """An encoder that accepts frames and fails when it is closed."""

    def __init__(self, path: Path, size: Size, fps: float, sound: object) -> None:
        self._path = path

    def write(self, image: Image, number: int, at: float) -> None:
        self._path.write_bytes(b"frames without an index")

    def close(self) -> None:
        raise OSError("no space left on device")


def test_a_recording_that_cannot_be_finished_is_reported_and_keeps_the_older_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "talk.mp4"
    path.write_bytes(b"precious")
    monkeypatch.setattr(recorder_module, "_make_encoder", UnfinishableEncoder)
    recorder = RecorderSink(path)
    recorder.open(SIZE, 30)
    recorder.write(colored_frame(1))
    with pytest.raises(SinkLostError, match=r"could not be finished: no space left"):
        recorder.close()
    assert path.read_bytes() == b"precious"
    assert (tmp_path / "talk-2.part.mp4").read_bytes() == b"frames without an index"


def test_a_recording_without_a_frame_keeps_the_older_file(tmp_path: Path, encoder: str) -> None:
    path = tmp_path / "talk.mp4"
    path.write_bytes(b"precious")
    recorder = RecorderSink(path)
    recorder.open(SIZE, 30)
    recorder.close()
    assert path.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [path]
