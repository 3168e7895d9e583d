"""From the network's picture to the published one: steadied, enlarged with detail, coloured and blended."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from stylecam.media.frame import Box, Image, Size
from stylecam.media.transforms import crop, cut, halved, resize
from stylecam.stylize.look import Look
from stylecam.stylize.postprocess.guided_upsample import GuidedUpsampler
from stylecam.stylize.postprocess.parallel_rows import ParallelRows
from stylecam.stylize.postprocess.temporal_filter import TemporalFilter
from stylecam.stylize.postprocess.temporal_history import resized_rows
from stylecam.stylize.postprocess.transition import TransitionStep
from stylecam.utils.metrics import StageTimes

MAX_DETAIL_PIXELS = 1_100_000
"""The camera's detail is added to at most so many pixels; a larger picture is made of that one by linear enlargement.

A picture of 1280×720 gets all there is, one of 1920×1080 that of 960×540; all of it would take four times as long.
"""

PARTS = 4
"""Parts in which such a picture is enlarged: for as many threads as `ParallelRows` has at most."""

Points = npt.NDArray[np.float64]
"""N×2: x and y of each, in pixels."""


class FrameView:
    """One camera picture, cropped to the output's shape and mirrored on request; each size is made once.

    Sizes share their halves: a large picture is read once, by the first of them.

    Attributes:
        region: the part of the camera picture that is shown.
    """

    def __init__(self, image: Image, shape: Size, mirror: bool = False, region: Box | None = None) -> None:
        """Show a part of `image` (H×W×3 uint8 BGR of any size, which nobody writes into).

        Args:
            image: the camera picture.
            shape: the output's size.
            mirror: whether left and right change places.
            region: the part that is shown, of the shape of the output, see `stylecam.stylize.framing`; None for the
                largest one in the middle.
        """
        inner = crop(image, shape)
        middle = _middle(image, inner)
        self.region = region or middle
        self._moved = self.region != middle
        self._image = image if self._moved else inner
        self._camera = Size(image.shape[1], image.shape[0])
        self._mirror = mirror
        self._halves = [inner]
        self._made: dict[Size, Image] = {}

    def at(self, size: Size) -> Image:
        """Return the picture at `size`: H×W×3 uint8 BGR, only to be read."""
        if size not in self._made:
            resized = cut(self._image, self.region, size) if self._moved else self._resized(size)
            self._made[size] = cast(Image, cv2.flip(resized, 1)) if self._mirror else resized
        return self._made[size]

    def _resized(self, size: Size) -> Image:
        while (half := halved(self._halves[-1], size)) is not None:
            self._halves.append(half)
        widths_and_heights = ((image, image.shape[1], image.shape[0]) for image in reversed(self._halves))
        larger = (image for image, width, height in widths_and_heights if width >= size.width and height >= size.height)
        return resize(next(larger, self._image), size, quick=True)

    def locate(self, points: Points, size: Size) -> Points:
        """Return where `points` of the camera picture are in the picture `at(size)`, both N×2 float in pixels."""
        left, top, width, height = self.region
        shares = (points / self._camera - (left, top)) / (width, height)
        if self._mirror:
            shares[:, 0] = 1 - shares[:, 0]
        return shares * size


@dataclass(frozen=True, slots=True)
class PostprocessResult:
    """A finished picture.

    Attributes:
        image: H×W×3 uint8 BGR, only to be read.
        detail_ms: how long adding detail took, in milliseconds; None if none was added.
    """

    image: Image
    detail_ms: float | None


class Postprocessor:
    """Finishes the styled pictures of one stream, one after the other, on one thread."""

    def __init__(self, size: Size, stages: StageTimes) -> None:
        """Make pictures of `size`, the output's; the time each stage takes goes into `stages`."""
        self._size = size
        self._stages = stages
        self._temporal_filter = TemporalFilter()
        self._detail_size = _detail_size(size)
        self._upsampler = GuidedUpsampler(self._detail_size)
        self._rows = ParallelRows()
        self._painted_with: TransitionStep | None = None
        self._switch_count = 0
        self._before_switch: Image | None = None

    def reset(self) -> None:
        """Forget the pictures before: the next one has nothing to do with them."""
        self._temporal_filter.reset()
        self._before_switch = None

    def apply(
        self,
        styled: Image,
        view: FrameView,
        step: TransitionStep,
        last: Image | None,
        *,
        look: Look,
        detail: bool,
    ) -> PostprocessResult:
        """Finish one picture.

        Args:
            styled: what the network made of `view` at this size: h×w×3 uint8 BGR.
            view: the camera picture.
            step: how this frame takes part in a change of style.
            last: the picture published before; it fades out after a switch to another network.
            look: its steadiness, strength and colours apply.
            detail: whether to enlarge with the camera's edges.
        """
        height, width = styled.shape[:2]
        small = view.at(Size(width, height))
        if self._painted_with is None or not step.paints_like(self._painted_with):
            self._temporal_filter.reset()  # on its way to another style, everything is to change
        self._painted_with = step
        with self._stages.time("steady"):
            styled = self._temporal_filter.apply(styled, small, look.steadiness)
        image, detail_ms = self._enlarge(styled, small, view, detail)
        if look.preserve_color:
            with self._stages.time("color"):
                image = with_colors_of(view.at(self._size), image)
        if look.strength < 1 or step.fading > 0 or step.switch_count != self._switch_count:
            with self._stages.time("compose"):
                image = self._compose(image, view, step, last, look.strength)
        return PostprocessResult(image, detail_ms)

    def _enlarge(self, styled: Image, small: Image, view: FrameView, detail: bool) -> tuple[Image, float | None]:
        """Bring `styled` to the output's size; also return the milliseconds that adding detail took, if it was."""
        if (styled.shape[1], styled.shape[0]) == self._size:
            return np.ascontiguousarray(styled), None
        if not detail or styled.shape[0] >= self._detail_size.height:
            with self._stages.time("enlarge"):
                return resize(styled, self._size), None
        with self._stages.time("detail") as timer:
            image = self._upsampler.enlarge(styled, small, view.at(self._detail_size))
            if self._detail_size != self._size:
                image = self._enlarged(image)
        return image, timer.milliseconds

    def _enlarged(self, image: Image) -> Image:
        """Return `image`, of the size for detail, at the output's size; each thread enlarges a part of it."""
        width, height = self._size
        if height % len(image):
            return cast(Image, cv2.resize(image, self._size))
        result: Image = np.empty((height, width, 3), np.uint8)
        ends = [height * part // PARTS for part in range(PARTS + 1)]
        parts = (slice(first, last) for first, last in pairwise(ends))

        def enlarge(rows: slice) -> None:
            np.copyto(result[rows], resized_rows(image, rows, height, width))

        self._rows.run_all([partial(enlarge, rows) for rows in parts])
        return result

    def _compose(
        self, image: Image, view: FrameView, step: TransitionStep, last: Image | None, strength: float
    ) -> Image:
        """Blend the camera picture below and, after a switch of networks, the old picture above."""
        if strength < 1:
            image = blend(view.at(self._size), image, strength)
        if step.switch_count != self._switch_count:
            self._switch_count, self._before_switch = step.switch_count, last
        if step.fading > 0 and self._before_switch is not None:
            return blend(image, self._before_switch, step.fading)
        self._before_switch = None
        return image


def _detail_size(size: Size) -> Size:
    """Return the size at which detail is added for an output of `size`: its own, or an integer fraction of it."""
    shrink = math.ceil(math.sqrt(size.width * size.height / MAX_DETAIL_PIXELS))
    return Size(size.width // shrink, size.height // shrink)


def _middle(image: Image, cropped: Image) -> Box:
    """Return which part of `image` its middle part `cropped` is."""
    width, height = cropped.shape[1] / image.shape[1], cropped.shape[0] / image.shape[0]
    return Box((1 - width) / 2, (1 - height) / 2, width, height)


def with_colors_of(original: Image, styled: Image) -> Image:
    """Return the light and dark of `styled` with the hues of `original`, both H×W×3 uint8 BGR of one size."""
    luma = cv2.cvtColor(styled, cv2.COLOR_BGR2GRAY)
    mixed = cv2.cvtColor(original, cv2.COLOR_BGR2YCrCb)
    cv2.insertChannel(luma, mixed, 0)
    return cast(Image, cv2.cvtColor(mixed, cv2.COLOR_YCrCb2BGR))


def blend(below: Image, above: Image, opacity: float) -> Image:
    """Lay `above` over `below` (both H×W×3 uint8 BGR) with `opacity` 0..1; at 0 and 1 return that very image."""
    if opacity <= 0:
        return below
    if opacity >= 1:
        return above
    return cast(Image, cv2.addWeighted(above, opacity, below, 1 - opacity, 0))
