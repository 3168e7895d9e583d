"""Tests of playing video files in a loop and of streams that do not answer."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from stylecam.errors import SourceLostError, SourceUnreadableError
from stylecam.media.frame import Frame, Size
from stylecam.media.sources.base import Source
from stylecam.media.sources.video import VideoSource
from stylecam.utils.clock import ManualClock

SIZE = Size(192, 128)


def read(source: Source) -> Frame:
    frame = source.read()
    assert frame is not None
    return frame


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Write a video of ten frames at 10 fps, each brighter than the previous one."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, SIZE)
    for i in range(10):
        writer.write(np.full((SIZE.height, SIZE.width, 3), 20 * i + 20, np.uint8))
    writer.release()
    return path


def frame_number(frame: Frame) -> int:
    return round((float(frame.image.mean()) - 20) / 20)


@pytest.mark.parametrize(
    "text",
    [
        "#EXTM3U\n#EXTINF:10,\n{}\n",
        "\ufeff#EXTM3U\n/dev/zero\n",
        "ffconcat version 1.0\nfile '{}'\n",
        "v=0\r\nm=video 5 RTP 9\r\n",
    ],
    ids=["itself", "a device", "concat", "sdp"],
)
@pytest.mark.parametrize("suffix", [".m3u8", ".mp4", ""])
def test_a_playlist_is_refused_before_what_it_names_is_opened(
    text: str, suffix: str, tmp_path: Path, clock: ManualClock
) -> None:
    path = tmp_path / f"list{suffix}"
    path.write_text(text.format(path), newline="")
    with pytest.raises(SourceUnreadableError, match="is a playlist; name the video or the address"):
        VideoSource(str(path), clock).open(SIZE, 30)


@pytest.mark.parametrize("address", ["{}/f\udcff.mp4", "rtsp://127.0.0.1:1/\udcff"])
def test_a_name_that_is_not_utf8_is_refused(address: str, tmp_path: Path, clock: ManualClock, clip: Path) -> None:
    address = address.format(tmp_path)
    if address.endswith(".mp4"):
        os.link(clip, address)
    with pytest.raises(SourceUnreadableError, match="this name is not UTF-8, which video cannot have; rename it"):
        VideoSource(address, clock).open(SIZE, 30)


def test_a_relative_name_with_a_colon_is_a_file(
    tmp_path: Path, clock: ManualClock, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    os.link(clip, "concat:a.mp4")
    source = VideoSource("concat:a.mp4", clock)
    source.open(SIZE, 30)
    assert frame_number(read(source)) == 0
    source.close()


def test_a_video_plays_all_its_frames_in_order(clip: Path, clock: ManualClock) -> None:
    source = VideoSource(str(clip), clock)
    source.open(SIZE, 30)
    assert [frame_number(read(source)) for _ in range(10)] == list(range(10))
    source.close()


def test_a_video_plays_at_its_own_rate(clip: Path, clock: ManualClock) -> None:
    source = VideoSource(str(clip), clock)
    source.open(SIZE, 30)
    times = [read(source).captured_at for _ in range(9)]
    source.close()
    assert np.diff(times) == pytest.approx([0.1] * 8, abs=0.002)


def test_a_video_starts_again_at_its_end(clip: Path, clock: ManualClock) -> None:
    source = VideoSource(str(clip), clock)
    source.open(SIZE, 30)
    numbers = [frame_number(read(source)) for _ in range(30)]
    source.close()
    start = numbers.index(0)
    assert numbers[start : start + 20] == list(range(10)) * 2


def test_a_loop_keeps_the_rate(clip: Path, clock: ManualClock) -> None:
    source = VideoSource(str(clip), clock)
    source.open(SIZE, 30)
    times = [read(source).captured_at for _ in range(30)]
    source.close()
    assert times[-1] - times[0] == pytest.approx(2.9, abs=0.15)


def test_the_frame_index_keeps_counting_through_the_loop(clip: Path, clock: ManualClock) -> None:
    source = VideoSource(str(clip), clock)
    source.open(SIZE, 30)
    assert [read(source).index for _ in range(15)] == list(range(15))
    source.close()


def test_a_slow_reader_skips_frames(clip: Path, clock: ManualClock) -> None:
    source = VideoSource(str(clip), clock)
    source.open(SIZE, 30)
    read(source)
    clock.advance(0.55)
    assert 4 <= frame_number(read(source)) <= 6
    source.close()


def test_after_a_long_pause_the_video_continues_at_its_rate(clip: Path, clock: ManualClock) -> None:
    source = VideoSource(str(clip), clock)
    source.open(SIZE, 30)
    read(source)
    clock.advance(3600)
    times = [read(source).captured_at for _ in range(5)]
    assert np.diff(times) == pytest.approx([0.1] * 4, abs=0.02)
    source.close()


def test_a_file_is_not_a_live_source(clip: Path, clock: ManualClock) -> None:
    source = VideoSource(str(clip), clock)
    source.open(SIZE, 30)
    assert not source.live
    source.close()


def test_a_closed_video_may_be_opened_again(clip: Path, clock: ManualClock) -> None:
    source = VideoSource(str(clip), clock)
    for _ in range(2):
        source.open(SIZE, 30)
        assert frame_number(read(source)) <= 1
        source.close()
        source.close()


@pytest.mark.parametrize("data", [b"", b"no video at all" * 50, bytes(5000)], ids=["empty", "text", "zeros"])
def test_a_file_that_is_not_a_video_is_named(data: bytes, tmp_path: Path, clock: ManualClock) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(data)
    with pytest.raises(SourceUnreadableError, match=r"clip\.mp4 holds no video"):
        VideoSource(str(path), clock).open(SIZE, 30)


def test_a_missing_video_is_named(tmp_path: Path, clock: ManualClock) -> None:
    with pytest.raises(SourceUnreadableError, match="there is no file"):
        VideoSource(str(tmp_path / "clip.mp4"), clock).open(SIZE, 30)


def test_an_address_that_does_not_answer_is_named(clock: ManualClock) -> None:
    with pytest.raises(SourceUnreadableError, match="does not send a video stream"):
        VideoSource("http://127.0.0.1:9/stream.mjpg", clock).open(SIZE, 30)


def test_a_video_deleted_while_playing_raises_source_lost(
    clip: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = VideoSource(str(clip), clock)
    source.open(SIZE, 30)
    read(source)

    class EndedCapture:
        def grab(self, *_: object) -> bool:
            return False

        set = open = grab

        def release(self) -> None:
            pass

    monkeypatch.setattr(source, "_capture", EndedCapture())
    with pytest.raises(SourceLostError, match="ended or cannot be read"):
        source.read()
