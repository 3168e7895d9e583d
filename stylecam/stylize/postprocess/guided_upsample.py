"""Enlarge a styled picture with the edges of the full-size camera picture.

A local linear model (He, Sun, Tang 2013, "Guided image filtering"; He and Sun 2015, "Fast guided filter"): around each
pixel the styled picture follows the camera's light with some slope, positive or negative. Slopes are fitted at the
small size, where that is cheap, and enlarged. The camera's light at full size, minus its own neighbourhood, times the
slope is what an enlargement lacks. Unlike the filter, which replaces the picture by the model, this adds to it: strokes
stay, and where the styled picture does not follow the camera the slope is zero and no photograph shines through.

Each channel then stays within what the styled picture has nearby, so that edges become steep but have no halos. Light
that differs little from its neighbourhood is sensor noise and is left out.
"""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from stylecam.media.frame import Image, Size
from stylecam.media.transforms import resize
from stylecam.stylize.postprocess.parallel_rows import ParallelRows

GAIN = 6.0
"""How much steeper than the camera's edges the styled ones become, before they reach their neighbourhood's colours."""
NOISE = 800.0
"""Variance of the light, in levels², that counts as half an edge; a camera's noise is far below."""
NOISE_LEVELS = 4
"""Levels of difference from the neighbourhood that count as noise: three sigma of a usual camera's, smoothed."""
SMOOTH = 0.8
"""Sigma, in full-size pixels, of the smoothing that most of the camera's noise does not survive."""
NEIGHBOURHOOD = (7, 7)
"""The neighbourhood that an edge is measured against, in pixels of the small picture."""
WINDOW = (3, 3)
"""The window over which a slope is fitted, in pixels of the small picture."""
NEARBY = cv2.getStructuringElement(cv2.MORPH_RECT, (5, 5))
"""The neighbourhood whose darkest and lightest colours bound the result, in pixels of the small picture."""

_FRACTIONS = 8
"""Fractions of one to which slopes are kept at full size."""
_MAX_SLOPE = 128
"""The steepest slope, in those fractions; with the largest difference of light it fills 16 bits."""
_RIM = 3
"""Rows around a strip that its neighbourhoods reach into, at either size."""

_Slopes = npt.NDArray[np.int16]
_Floats = npt.NDArray[np.float32]


class GuidedUpsampler:
    """Enlarges styled pictures to one size. Used by one thread; its scratch arrays are kept from call to call.

    What needs only the neighbourhood of a pixel is done strip by strip, on several threads (see `ParallelRows`). Strips
    cannot be enlarged on their own, so whole pictures are, each by one of the threads.
    """

    def __init__(self, size: Size) -> None:
        """Enlarge to `size`, the output's."""
        self._size = size
        self._rows = ParallelRows()
        self._model = _LocalModel(Size(0, 0), self._rows)
        plane, picture = (size.height, size.width), (size.height, size.width, 3)
        self._around, self._slopes = np.empty(plane, np.uint8), np.empty(plane, np.int16)
        self._lowest, self._highest = np.empty(picture, np.uint8), np.empty(picture, np.uint8)
        self._noise_levels = np.full(plane, NOISE_LEVELS, np.uint8)

    def enlarge(self, styled: Image, camera: Image, view: Image) -> Image:
        """Enlarge `styled` to the output's size H×W with the edges of `view`.

        Args:
            styled: h×w×3 uint8 BGR. One that is not smaller than the output is only resized.
            camera: the picture it was made of, h×w×3 uint8 BGR.
            view: that picture at the output's size, H×W×3 uint8 BGR.

        Returns:
            A new array, H×W×3 uint8 BGR, C-contiguous.

        Raises:
            ValueError: `camera` does not have the size of `styled`, or `view` that of the output.
        """
        if camera.shape != styled.shape or view.shape != self._lowest.shape:
            raise ValueError(
                f"painting {styled.shape}, camera {camera.shape} and view {view.shape} do not belong together; "
                f"the first two must be alike and the last {self._lowest.shape}"
            )
        size, small = self._size, Size(styled.shape[1], styled.shape[0])
        growth = max(size.width / small.width, size.height / small.height)
        if growth <= 1:
            resized = resize(styled, size)
            return resized.copy() if resized is styled else np.ascontiguousarray(resized)
        if self._model.size != small:
            self._model = _LocalModel(small, self._rows)
        model = self._model
        model.fit(camera, styled, GAIN * min(1.0, growth - 1))
        result: Image = np.empty(view.shape, np.uint8)
        self._rows.run_all(
            (
                lambda: cv2.resize(styled, size, dst=result, interpolation=cv2.INTER_CUBIC),
                lambda: cv2.resize(model.lowest, size, dst=self._lowest),
                lambda: cv2.resize(model.highest, size, dst=self._highest),
                lambda: cv2.resize(model.around, size, dst=self._around),
                lambda: cv2.resize(model.slopes, size, dst=self._slopes),
            )
        )
        self._rows.run(size.height, size.width, _no_scratch, lambda strip, _: self._add_detail(result, view, strip))
        return result

    def _add_detail(self, result: Image, view: Image, strip: slice) -> None:
        """Make the rows `strip` of `result` lighter or darker where the light of `view` says so."""
        outer, inner = _with_rim(strip, self._size.height)
        light = cv2.GaussianBlur(cv2.cvtColor(view[outer], cv2.COLOR_BGR2GRAY), (3, 3), SMOOTH)[inner]
        around, noise, rows = self._around[strip], self._noise_levels[strip], result[strip]
        lighter = cv2.subtract(cv2.subtract(light, around), noise)
        darker = cv2.subtract(cv2.subtract(around, light), noise)
        detail = np.subtract(lighter, darker, dtype=np.int16)
        np.multiply(detail, self._slopes[strip], out=detail)
        change = cv2.convertScaleAbs(detail, alpha=1 / _FRACTIONS)
        fall = cv2.bitwise_and(change, cv2.compare(detail, 0, cv2.CMP_LT))  # type: ignore[call-overload]
        cv2.add(rows, cv2.cvtColor(cv2.subtract(change, fall), cv2.COLOR_GRAY2BGR), dst=rows)
        cv2.subtract(rows, cv2.cvtColor(fall, cv2.COLOR_GRAY2BGR), dst=rows)
        cv2.min(rows, self._highest[strip], dst=rows)
        cv2.max(rows, self._lowest[strip], dst=rows)


class _LocalModel:
    """Fits how the light of a styled picture of `size` follows the camera's.

    Attributes:
        slopes: by how much the one changes with the other, in `_FRACTIONS`, h×w.
        around: the camera's light in the neighbourhood, h×w.
        lowest, highest: the darkest and the lightest of each channel nearby in the styled picture, h×w×3.
    """

    def __init__(self, size: Size, rows: ParallelRows) -> None:
        self.size = size
        self._rows = rows
        plane, picture = (size.height, size.width), (size.height, size.width, 3)
        self.slopes: _Slopes = np.empty(plane, np.int16)
        self.around: Image = np.empty(plane, np.uint8)
        self.lowest: Image = np.empty(picture, np.uint8)
        self.highest: Image = np.empty(picture, np.uint8)

    def fit(self, camera: Image, styled: Image, gain: float) -> None:
        """Fit to two pictures of h×w×3 uint8 BGR; the slopes are taken times `gain`."""
        self._rows.run(
            self.size.height, self.size.width, _no_scratch, lambda strip, _: self._fit(camera, styled, gain, strip)
        )

    def _fit(self, camera: Image, styled: Image, gain: float, strip: slice) -> None:
        outer, inner = _with_rim(strip, self.size.height)
        light = cast(Image, cv2.cvtColor(camera[outer], cv2.COLOR_BGR2GRAY))
        self.slopes[strip] = _slopes(light, styled[outer], gain)[inner]
        self.around[strip] = cv2.blur(light, NEIGHBOURHOOD)[inner]
        self.lowest[strip] = cv2.erode(styled[outer], NEARBY)[inner]
        self.highest[strip] = cv2.dilate(styled[outer], NEARBY)[inner]


def _slopes(light: Image, styled: Image, gain: float) -> _Slopes:
    """Return by how much the light of `styled` (h×w×3) changes with `light` (h×w), times `gain`, in `_FRACTIONS`."""
    styled_light = cv2.cvtColor(styled, cv2.COLOR_BGR2GRAY)
    mean = cv2.boxFilter(light, cv2.CV_32F, WINDOW)
    covariance = _mean_product(light, styled_light)
    covariance -= mean * cv2.boxFilter(styled_light, cv2.CV_32F, WINDOW)
    variance = _mean_product(light, light)
    variance -= mean * mean
    variance += NOISE
    slopes = cv2.divide(covariance, variance, scale=gain * _FRACTIONS, dtype=cv2.CV_16S)
    return np.asarray(np.clip(slopes, -_MAX_SLOPE, _MAX_SLOPE), np.int16)


def _mean_product(one: cv2.typing.MatLike, other: cv2.typing.MatLike) -> _Floats:
    """Return the mean product of two pictures (h×w uint8) in the window around each pixel."""
    return cast(_Floats, cv2.boxFilter(cv2.multiply(one, other, dtype=cv2.CV_16U), cv2.CV_32F, WINDOW))


def _with_rim(strip: slice, height: int) -> tuple[slice, slice]:
    """Return the rows `strip` with up to `_RIM` more on either side, and where `strip` is in them."""
    first = max(0, strip.start - _RIM)
    return slice(first, min(height, strip.stop + _RIM)), slice(strip.start - first, strip.stop - first)


def _no_scratch(threads: int) -> list[None]:
    return [None] * threads
