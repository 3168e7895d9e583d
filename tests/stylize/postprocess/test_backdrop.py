"""Tests of the picture or video in place of the room."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from stylecam.errors import SourceUnreadableError
from stylecam.media.frame import Size
from stylecam.stylize.postprocess.backdrop import Backdrop

SIZE = Size(160, 90)


def test_a_picture_is_cropped_to_the_shape_of_the_output(tmp_path: Path) -> None:
    picture = np.zeros((200, 200, 3), np.uint8)
    picture[44:156] = 200
    cv2.imwrite(str(tmp_path / "room.png"), picture)
    image = Backdrop(tmp_path / "room.png", SIZE).at(0.0)
    assert image.shape == (90, 160, 3)
    assert image.mean() > 195  # the dark parts above and below are cut off


def test_a_picture_that_was_fitted_is_not_fitted_again(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "room.jpg"), np.full((90, 160, 3), 90, np.uint8))
    backdrop = Backdrop(tmp_path / "room.jpg", SIZE)
    assert backdrop.at(0.0) is backdrop.at(5.0)
    backdrop.close()


def test_a_video_moves(tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "room.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for level in (20, 220):
        writer.write(np.full((48, 64, 3), level, np.uint8))
    writer.release()
    backdrop = Backdrop(tmp_path / "room.avi", SIZE)
    assert [round(float(backdrop.at(index / 10 + 0.01).mean()), -1) for index in range(3)] == [20, 220, 20]
    assert backdrop.at(0.21).shape == (90, 160, 3)
    backdrop.close()
    backdrop.close()


@pytest.mark.parametrize("name", ["room.png", "room.mp4", "room"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceUnreadableError, match="there is no file"):
        Backdrop(tmp_path / name, SIZE)
