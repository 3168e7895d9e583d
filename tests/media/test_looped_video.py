"""Tests of a video that is looked at by time: real files, and times as numbers."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from stylecam.errors import SourceUnreadableError
from stylecam.media.looped_video import LoopedVideo

LEVELS = (20, 90, 160, 230)
RATE = 10.0


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A video of four frames of different brightness."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), RATE, (64, 48))
    for level in LEVELS:
        writer.write(np.full((48, 64, 3), level, np.uint8))
    writer.release()
    return path


def number(image: object) -> int:
    """Return which of the frames it is."""
    return int(np.argmin([abs(float(np.mean(image)) - level) for level in LEVELS]))  # type: ignore[call-overload]


def test_each_frame_is_due_at_its_time_and_the_end_is_followed_by_the_beginning(clip: Path) -> None:
    video = LoopedVideo(clip)
    assert [number(video.at(100 + index / RATE + 0.01)) for index in range(9)] == [0, 1, 2, 3, 0, 1, 2, 3, 0]
    video.close()


def test_the_same_picture_is_returned_while_no_other_is_due(clip: Path) -> None:
    video = LoopedVideo(clip)
    first = video.at(100.0)
    assert video.at(100.05) is first


def test_a_long_pause_is_not_caught_up_with(clip: Path) -> None:
    video = LoopedVideo(clip)
    video.at(100.0)
    video.at(200.0)
    shown = number(video.at(200.001))
    assert number(video.at(200.1 + 0.01)) == (shown + 1) % 4


def test_the_last_picture_stays_where_the_file_has_gone(clip: Path) -> None:
    video = LoopedVideo(clip)
    assert number(video.at(100.0)) == 0
    clip.unlink()
    for index in range(1, 12):
        image = video.at(100 + index / RATE + 0.01)
    assert number(image) == 3


@pytest.mark.parametrize(("content", "reason"), [(None, "there is no file"), (b"text", "holds no video")])
def test_a_file_without_a_video_is_named(tmp_path: Path, content: bytes | None, reason: str) -> None:
    path = tmp_path / "room.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceUnreadableError, match=reason):
        LoopedVideo(path)
