"""What the camera shows, at the sizes asked for."""

from __future__ import annotations

import numpy as np

from stylecam.media.frame import Size
from stylecam.stylize.frame_view import FrameView


def test_a_view_has_the_shape_of_the_output_and_the_size_asked_for() -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    image[60:420] = 200  # the middle, of 16:9
    view = FrameView(image, Size(1280, 720))
    assert view.at(Size(320, 180)).shape == (180, 320, 3)
    assert view.at(Size(320, 180)).min() == 200


def test_a_picture_that_fits_is_not_copied() -> None:
    image = np.zeros((96, 128, 3), np.uint8)
    assert np.shares_memory(FrameView(image, Size(128, 96)).at(Size(128, 96)), image)


def test_each_size_is_made_once() -> None:
    view = FrameView(np.zeros((96, 128, 3), np.uint8), Size(128, 96), mirror=True)
    assert view.at(Size(64, 48)) is view.at(Size(64, 48))


def test_a_mirrored_view_exchanges_left_and_right() -> None:
    image = np.zeros((96, 128, 3), np.uint8)
    image[:, :64] = 255
    mirrored = FrameView(image, Size(128, 96), mirror=True).at(Size(128, 96))
    assert (mirrored[0, 0, 0], mirrored[0, -1, 0]) == (0, 255)
