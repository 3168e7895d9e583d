"""Test scenes: a still picture, camera noise, a moving square and changing light."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from stylecam.media.frame import Image

HEIGHT, WIDTH = 144, 256


def scene(seed: int = 5) -> Image:
    """Return soft coloured blots with some edges."""
    small = np.random.default_rng(seed).integers(40, 200, (9, 16, 3), dtype=np.uint8)
    image = cv2.resize(small, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    cv2.rectangle(image, (20, 30), (70, 110), (200, 180, 90), 3)
    return image


def noisy_frames(image: Image, sigma: float, seed: int = 0) -> Iterator[Image]:
    """Yield `image` endlessly with new noise of `sigma` levels each time."""
    rng = np.random.default_rng(seed)
    while True:
        noise = sigma * rng.standard_normal(image.shape, dtype=np.float32)
        frame: Image = (image + noise).round().clip(0, 255).astype(np.uint8)
        yield frame


def with_square(image: Image, left: int, side: int = 40) -> Image:
    """Return a copy of `image` with a bright square in it."""
    copy: Image = image.copy()
    copy[50 : 50 + side, left : left + side] = (235, 240, 230)
    return copy


def fake_styled(camera: Image) -> Image:
    """Return a stand-in for a network's result: inverted colours, each pixel influenced by its neighbours."""
    return np.asarray(cv2.bitwise_not(cv2.blur(camera, (3, 3))), np.uint8)


def brighter(image: Image, levels: float) -> Image:
    """Return `image` brightened by `levels`, rounded."""
    lit: Image = (image + levels).round().clip(0, 255).astype(np.uint8)
    return lit
