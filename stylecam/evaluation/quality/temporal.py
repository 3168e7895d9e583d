"""Measure how steady a style is, on a still picture with camera noise and on moving clips; needs no PyTorch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from stylecam.errors import TrainingDataError
from stylecam.evaluation.quality.model_runner import StyleFunction
from stylecam.media.file_check import utf8_name
from stylecam.media.frame import Image, Size
from stylecam.media.transforms import fit
from stylecam.stylize.postprocess.temporal_history import pixel_places, remapped

SIZE = Size(640, 360)
STILL_FRAMES, SIGMA = 8, 3.0
MOVING_FRAMES = 20
_PAN_FRAMES, _PAN_PX, _PAN_SIGMA, _DETAIL_SIGMA = 6, 3, 2.0, 16.0
_SEARCHED = 900
"""How many frames of a clip are searched for the part that moves most."""
_CUT = 30.0
"""A larger mean difference of consecutive thumbnails, in levels, is a cut."""
_THUMBNAIL = Size(80, 45)

Mask = npt.NDArray[np.bool_]
Flow = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class WarpedError:
    """Changes from frame to frame that the motion of the scene does not explain, in levels of 0..255.

    Attributes:
        styled: of the painted clip.
        camera: of the clip itself, which no style can avoid.
        valid: the share of pixels seen in both frames; only these count.
    """

    styled: float
    camera: float
    valid: float


def flicker(paint: StyleFunction, still: Image, *, sigma: float = SIGMA, seed: int = 0) -> float:
    """Measure how much sensor noise shows in the painting of a still picture; 1 is as much as in the picture itself.

    The picture gets Gaussian noise of `sigma` levels, rounded to whole levels. The result is the standard deviation of
    each value over time, averaged over the picture: that of the unrounded painting divided by that of the input.
    """
    chance = np.random.default_rng(seed)
    noised, painted = [], []
    for _ in range(STILL_FRAMES):
        noise = sigma * chance.standard_normal(still.shape, dtype=np.float32)
        frame = (still + noise).round().clip(0, 255).astype(np.uint8)
        noised.append(frame.astype(np.float32))
        painted.append(paint(frame))
    return float(np.std(painted, axis=0).mean() / max(1e-6, float(np.std(noised, axis=0).mean())))


def pan_shimmer(paint: StyleFunction, still: Image, *, seed: int = 0) -> float:
    """Measure how much of the painting is painted anew while the camera pans, by 3 pixels a frame; 0 is nothing.

    A window moves over `still`, with Gaussian noise of 2 levels. The result is the rms difference of consecutive
    paintings, aligned, divided by the rms of the painting's own detail (what a Gaussian blur of 16 pixels removes).
    """
    chance = np.random.default_rng(seed)
    width = (still.shape[1] - _PAN_PX * (_PAN_FRAMES - 1)) // 8 * 8
    differences, details = [], []
    before = None
    for number in range(_PAN_FRAMES):
        left = _PAN_PX * number
        noise = _PAN_SIGMA * chance.standard_normal((still.shape[0], width, 3), dtype=np.float32)
        now = paint((still[:, left : left + width] + noise).round().clip(0, 255).astype(np.uint8))
        details.append(np.square(now - cv2.GaussianBlur(now, (0, 0), _DETAIL_SIGMA)).mean())
        if before is not None:
            differences.append(np.square(before[:, _PAN_PX:] - now[:, :-_PAN_PX]).mean())
        before = now
    return float(np.sqrt(np.mean(differences) / max(1e-6, float(np.mean(details)))))


class ClipMotion:
    """A clip with its motion, which is computed once for all styles.

    The motion is dense inverse search flow (https://arxiv.org/abs/1603.03590) between the camera's grey frames. Pixels
    for which forward and backward flow disagree (Sundaram et al. 2010, as Ruder et al. 2016 use it,
    https://arxiv.org/abs/1604.08610), or that come from outside the picture, count as not seen in both frames.
    """

    def __init__(self, clip: Sequence[Image]) -> None:
        search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        greys = [cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) for frame in clip]
        self.clip = tuple(clip)
        self._backs: list[Flow] = []
        self._seen: list[Mask] = []
        for before, now in pairwise(greys):
            back = cast(Flow, search.calc(now, before, None))  # type: ignore[call-overload]
            forth = cast(Flow, search.calc(before, now, None))  # type: ignore[call-overload]
            self._backs.append(back)
            self._seen.append(_seen_in_both(back, forth))
        self._camera = self._error(lambda image: image.astype(np.float32))

    def warped_error(self, paint: StyleFunction) -> WarpedError:
        """Paint each frame by itself and compare it with the painting of the frame before, warped by the motion.

        The error is the mean absolute difference over what is seen in both.
        """
        valid = float(np.mean([seen.mean() for seen in self._seen]))
        return WarpedError(self._error(paint), self._camera, valid)

    def _error(self, paint: StyleFunction) -> float:
        errors = []
        before = paint(self.clip[0])
        for frame, back, seen in zip(self.clip[1:], self._backs, self._seen, strict=True):
            now = paint(frame)
            errors.append(_difference(before, now, back, seen))
            before = now
        return float(np.mean(errors))


def read_clip(path: Path, count: int = MOVING_FRAMES, size: Size = SIZE) -> list[Image]:
    """Read `count` consecutive frames of the video `path`: the part without a cut that moves most.

    The middle of each frame is cropped to the shape of `size` and resized to it.

    Raises:
        TrainingDataError: it cannot be read, or is too short.
    """
    thumbnails = [cv2.cvtColor(fit(frame, _THUMBNAIL), cv2.COLOR_BGR2GRAY) for frame in _frames(path, 0, _SEARCHED)]
    if len(thumbnails) < count:
        raise TrainingDataError(f"{path} has {len(thumbnails)} frames; a clip needs at least {count}")
    changes = np.array([cv2.absdiff(a, b).mean() for a, b in pairwise(thumbnails)])
    motion = [np.median(changes[at : at + count - 1]) for at in range(len(thumbnails) - count + 1)]
    whole = [changes[at : at + count - 1].max(initial=0) <= _CUT for at in range(len(motion))]
    start = int(np.argmax(np.where(whole, motion, -1.0) if any(whole) else motion))
    return [np.ascontiguousarray(fit(frame, size)) for frame in _frames(path, start, count)]


def _frames(path: Path, start: int, count: int) -> Iterator[Image]:
    """Yield frames, decoded from the beginning: seeking is inexact with some files."""
    if not path.is_file():
        raise TrainingDataError(f"--clips {path}: there is no such file")
    capture = cv2.VideoCapture(utf8_name(path, TrainingDataError), cv2.CAP_FFMPEG)
    decoded = 0
    try:
        while decoded < start + count and capture.grab():
            decoded += 1
            if decoded > start:
                done, frame = capture.retrieve()
                if not done:
                    break
                yield cast(Image, frame)
    finally:
        capture.release()
    if not decoded:
        raise TrainingDataError(f"--clips {path} holds no video that OpenCV's FFmpeg can read; try it in a player")


def _seen_in_both(back: Flow, forth: Flow) -> Mask:
    height, width = back.shape[:2]
    places = pixel_places(back.shape) + back
    right, down = places[..., 0], places[..., 1]
    inside = (right >= 0) & (right <= width - 1) & (down >= 0) & (down <= height - 1)
    returned = remapped(forth, places)
    gap = np.square(back + returned).sum(2)
    longest = np.square(back).sum(2) + np.square(returned).sum(2)
    return cast(Mask, inside & (gap <= 0.01 * longest + 0.5))


def _difference(before: npt.NDArray[np.float32], now: npt.NDArray[np.float32], back: Flow, seen: Mask) -> float:
    moved = remapped(before, pixel_places(back.shape) + back)
    return float(np.abs(moved - now)[seen].mean()) if seen.any() else 0.0
