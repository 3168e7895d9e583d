"""Colours of the picture, light of the painting."""

from __future__ import annotations

import cv2
import numpy as np

from stylecam.stylize.postprocess.color import with_colors_of


def test_light_is_the_paintings_and_hue_the_pictures() -> None:
    original = np.full((8, 8, 3), (90, 120, 150), np.uint8)
    painted = np.full((8, 8, 3), (160, 100, 120), np.uint8)
    mixed = with_colors_of(original, painted)
    grey = [cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(int) for image in (mixed, painted)]
    assert np.abs(grey[0] - grey[1]).max() <= 2
    hues = [cv2.cvtColor(image, cv2.COLOR_BGR2YCrCb)[..., 1:].astype(int) for image in (mixed, original)]
    assert np.abs(hues[0] - hues[1]).max() <= 2
    assert (original == (90, 120, 150)).all()
