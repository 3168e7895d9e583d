"""Video files, pictures, and the sources that are always there."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from stylecam.errors import SourceLostError, SourceUnreadableError
from stylecam.media.frame import Frame, Image, Size
from stylecam.media.sources.base import Source
from stylecam.media.sources.demo import DemoSource, TimestampSource
from stylecam.media.sources.images import SECONDS_PER_IMAGE, ImageSource
from stylecam.media.sources.video import VideoSource
from stylecam.media.timestamp import read_timestamp
from stylecam.utils.clock import ManualClock

SIZE = Size(192, 128)


def read(source: Source) -> Frame:
    frame = source.read()
    assert frame is not None
    return frame


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Ten frames at 10 a second, each brighter than the one before."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, SIZE)
    for i in range(10):
        writer.write(np.full((SIZE.height, SIZE.width, 3), 20 * i + 20, np.uint8))
    writer.release()
    return path


def brightness(frame: Frame) -> int:
    return round((float(frame.image.mean()) - 20) / 20)


def test_a_video_plays_all_its_frames_in_order(clip: Path, clock: ManualClock) -> None:
    source = VideoSource(str(clip), clock)
    source.open(SIZE, 30)
    assert [brightness(read(source)) for _ in range(10)] == list(range(10))
    source.close()


def test_a_video_plays_at_its_own_rate(clip: Path, clock: ManualClock) -> None:
    source = VideoSource(str(clip), clock)
    source.open(SIZE, 30)
    times = [read(source).captured_at for _ in range(9)]
    source.close()
    assert np.diff(times) == pytest.approx([0.1] * 8, abs=0.002)


def test_a_video_begins_again_at_its_end(clip: Path, clock: ManualClock) -> None:
    source = VideoSource(str(clip), clock)
    source.open(SIZE, 30)
    shown = [brightness(read(source)) for _ in range(30)]
    source.close()
    start = shown.index(0)
    assert shown[start : start + 20] == list(range(10)) * 2


def test_a_loop_keeps_the_rate(clip: Path, clock: ManualClock) -> None:
    source = VideoSource(str(clip), clock)
    source.open(SIZE, 30)
    times = [read(source).captured_at for _ in range(30)]
    source.close()
    assert times[-1] - times[0] == pytest.approx(2.9, abs=0.15)


def test_frames_go_on_counting_through_the_loop(clip: Path, clock: ManualClock) -> None:
    source = VideoSource(str(clip), clock)
    source.open(SIZE, 30)
    assert [read(source).index for _ in range(15)] == list(range(15))
    source.close()


def test_a_slow_reader_skips_frames_and_the_video_keeps_its_time(clip: Path, clock: ManualClock) -> None:
    source = VideoSource(str(clip), clock)
    source.open(SIZE, 30)
    read(source)
    clock.advance(0.55)
    assert 4 <= brightness(read(source)) <= 6
    source.close()


def test_after_a_long_pause_the_video_goes_on_at_its_rate_and_does_not_race(clip: Path, clock: ManualClock) -> None:
    source = VideoSource(str(clip), clock)
    source.open(SIZE, 30)
    read(source)
    clock.advance(3600)
    times = [read(source).captured_at for _ in range(5)]
    assert np.diff(times) == pytest.approx([0.1] * 4, abs=0.02)
    source.close()


def test_a_file_is_no_live_source(clip: Path, clock: ManualClock) -> None:
    source = VideoSource(str(clip), clock)
    source.open(SIZE, 30)
    assert not source.live
    source.close()


def test_a_closed_video_may_be_opened_again(clip: Path, clock: ManualClock) -> None:
    source = VideoSource(str(clip), clock)
    for _ in range(2):
        source.open(SIZE, 30)
        assert brightness(read(source)) <= 1
        source.close()
        source.close()


@pytest.mark.parametrize("data", [b"", b"no video at all" * 50, bytes(5000)], ids=["empty", "text", "zeros"])
def test_a_file_that_is_no_video_is_named(data: bytes, tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(data)
    with pytest.raises(SourceUnreadableError, match=r"clip\.mp4 holds no video"):
        VideoSource(str(path), clock).open(SIZE, 30)


def test_a_missing_video_is_named(tmp_path: Path, clock: ManualClock) -> None:
    with pytest.raises(SourceUnreadableError, match="there is no file"):
        VideoSource(str(tmp_path / "clip.mp4"), clock).open(SIZE, 30)


def test_an_address_without_an_answer_is_named(clock: ManualClock) -> None:
    with pytest.raises(SourceUnreadableError, match="does not answer with a video stream"):
        VideoSource("http://127.0.0.1:9/stream.mjpg", clock).open(SIZE, 30)


def test_a_video_deleted_while_playing_is_a_loss_and_no_crash(
    clip: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = VideoSource(str(clip), clock)
    source.open(SIZE, 30)
    read(source)

    class Ended:
        def grab(self, *_: object) -> bool:
            return False

        set = open = grab

        def release(self) -> None:
            pass

    monkeypatch.setattr(source, "_capture", Ended())
    with pytest.raises(SourceLostError, match="ended or cannot be read"):
        source.read()


def picture(path: Path, level: int, size: tuple[int, int] = (300, 200)) -> Path:
    cv2.imwrite(str(path), np.full((size[1], size[0], 3), level, np.uint8))
    return path


def test_a_picture_is_shown_at_the_requested_rate(tmp_path: Path, clock: ManualClock) -> None:
    source = ImageSource(picture(tmp_path / "face.png", 90), clock)
    source.open(SIZE, 25)
    frames = [read(source) for _ in range(6)]
    assert np.diff([frame.captured_at for frame in frames]) == pytest.approx([0.04] * 5)
    assert all(frame.size == SIZE and frame.image.max() == 90 for frame in frames)


def shown(source: Source, clock: ManualClock, times: int) -> list[int]:
    levels = []
    for _ in range(times):
        levels.append(int(read(source).image[0, 0, 0]))
        clock.advance(SECONDS_PER_IMAGE)
    return levels


def test_a_folder_is_shown_in_the_order_of_names_and_again(tmp_path: Path, clock: ManualClock) -> None:
    for name, level in (("b.png", 20), ("a.jpg", 10), ("c.PNG", 30)):
        picture(tmp_path / name, level)
    (tmp_path / "notes.txt").write_text("no picture")
    source = ImageSource(tmp_path, clock)
    source.open(SIZE, 30)
    assert shown(source, clock, 4) == [10, 20, 30, 10]


def test_a_picture_that_cannot_be_read_is_skipped(tmp_path: Path, clock: ManualClock) -> None:
    picture(tmp_path / "a.png", 10)
    (tmp_path / "b.png").write_bytes(b"broken")
    picture(tmp_path / "c.png", 30)
    source = ImageSource(tmp_path, clock)
    source.open(SIZE, 30)
    assert shown(source, clock, 3) == [10, 30, 10]


def _broken(folder: Path) -> Path:
    (folder / "face.png").write_bytes(b"broken")
    return folder / "face.png"


def _empty(folder: Path) -> Path:
    return folder


def _missing(folder: Path) -> Path:
    return folder / "missing.png"


def _only_broken(folder: Path) -> Path:
    _broken(folder)
    return folder


@pytest.mark.parametrize("make", [_broken, _empty, _missing, _only_broken], ids=lambda make: make.__name__)
def test_a_path_without_a_picture_is_named(make: Callable[[Path], Path], tmp_path: Path, clock: ManualClock) -> None:
    path = make(tmp_path)
    with pytest.raises(SourceUnreadableError) as caught:
        ImageSource(path, clock).open(SIZE, 30)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("size", [(1, 2000), (2000, 1), (1, 1)], ids=str)
def test_a_picture_of_any_shape_fills_the_output(size: tuple[int, int], tmp_path: Path, clock: ManualClock) -> None:
    source = ImageSource(picture(tmp_path / "line.png", 50, size), clock)
    source.open(SIZE, 30)
    assert read(source).size == SIZE


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif", ".webp", ".ppm"])
def test_common_formats_are_read(suffix: str, tmp_path: Path, clock: ManualClock) -> None:
    source = ImageSource(picture(tmp_path / f"face{suffix}", 120), clock)
    source.open(SIZE, 30)
    assert abs(float(read(source).image.mean()) - 120) < 3


def opened(source: Source, size: Size = SIZE, fps: float = 30.0) -> Source:
    source.open(size, fps)
    return source


@pytest.mark.parametrize("make", [DemoSource, TimestampSource])
def test_built_in_sources_deliver_the_requested_rate_and_size(
    make: type[DemoSource] | type[TimestampSource], clock: ManualClock
) -> None:
    source = opened(make(clock), SIZE, 24)
    frames = [read(source) for _ in range(6)]
    assert np.diff([frame.captured_at for frame in frames]) == pytest.approx([1 / 24] * 5)
    assert all(frame.size == SIZE for frame in frames)


@pytest.mark.parametrize("size", [(64, 64), (1280, 720), (720, 1280), (2560, 720)], ids=str)
def test_the_demo_fills_any_size_without_a_border(size: tuple[int, int], clock: ManualClock) -> None:
    source = opened(DemoSource(clock), Size(*size))
    image = read(source).image
    assert image.shape == (size[1], size[0], 3)
    assert image.std() > 15


def test_the_demo_has_a_sensors_noise(clock: ManualClock) -> None:
    source = opened(DemoSource(clock), Size(640, 360))
    first, second = read(source).image, read(source).image
    assert 0.5 < float(cv2.absdiff(first, second).mean()) < 10


def test_the_demo_moves(clock: ManualClock) -> None:
    source = opened(DemoSource(clock), Size(640, 360))
    first = read(source).image
    clock.advance(5)
    assert float(cv2.absdiff(first, read(source).image).mean()) > 5


def test_after_a_pause_the_demo_does_not_catch_up(clock: ManualClock) -> None:
    source = opened(DemoSource(clock))
    read(source)
    clock.advance(60)
    times = [read(source).captured_at for _ in range(5)]
    assert times[-1] - times[0] >= 1.99 / 30


def _stamp(image: Image) -> float:
    seconds = read_timestamp(image)
    assert seconds is not None
    return seconds


def test_the_test_pattern_holds_its_capture_time(clock: ManualClock) -> None:
    source = opened(TimestampSource(clock), Size(1280, 720))
    for _ in range(5):
        frame = read(source)
        assert _stamp(frame.image) == pytest.approx(frame.captured_at, abs=2e-4)


def test_a_picture_that_claims_to_be_enormous_is_unreadable_and_no_crash(tmp_path: Path, clock: ManualClock) -> None:
    chunk = b"IHDR" + struct.pack(">2I5B", 100_000, 100_000, 8, 2, 0, 0, 0)
    path = tmp_path / "huge.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)))
    with pytest.raises(SourceUnreadableError, match="cannot be read as a picture"):
        ImageSource(path, clock).open(SIZE, 30)
