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

_Floats = npt.NDArray[np.float32]


class GuidedUpsampler:
    """Enlarges styled pictures to one size. Used by one thread; its scratch arrays are kept from call to call."""

    def __init__(self, size: Size) -> None:
        """Enlarge to `size`, the output's."""
        self._size = size
        self._model = _LocalModel(Size(0, 0))
        plane, picture = (size.height, size.width), (size.height, size.width, 3)
        self._light, self._around = np.empty(plane, np.uint8), np.empty(plane, np.uint8)
        self._levels = np.empty(plane, np.uint8)
        self._edges, self._noise = np.empty(plane, np.int16), np.empty(plane, np.int16)
        self._slopes, self._detail = np.empty(plane, np.float32), np.empty(plane, np.float32)
        self._lift, self._bound = np.empty(picture, np.uint8), np.empty(picture, np.uint8)

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
        if camera.shape != styled.shape or view.shape != self._bound.shape:
            raise ValueError(
                f"painting {styled.shape}, camera {camera.shape} and view {view.shape} do not belong together; "
                f"the first two must be alike and the last {self._bound.shape}"
            )
        small = Size(styled.shape[1], styled.shape[0])
        growth = max(self._size.width / small.width, self._size.height / small.height)
        if growth <= 1:
            resized = resize(styled, self._size)
            return resized.copy() if resized is styled else np.ascontiguousarray(resized)
        if self._model.size != small:
            self._model = _LocalModel(small)
        light = cast(Image, cv2.cvtColor(camera, cv2.COLOR_BGR2GRAY))
        slopes = self._model.fit(light, styled, GAIN * min(1.0, growth - 1))
        self._find_detail(light, slopes, view)
        result = cast(Image, cv2.resize(styled, self._size, interpolation=cv2.INTER_CUBIC))
        cv2.add(result, self._lifted(1), dst=result)
        cv2.subtract(result, self._lifted(-1), dst=result)
        cv2.min(result, self._enlarged(cv2.dilate(styled, NEARBY)), dst=result)
        cv2.max(result, self._enlarged(cv2.erode(styled, NEARBY)), dst=result)
        return result

    def _find_detail(self, light: Image, slopes: _Floats, view: Image) -> None:
        """Find how much lighter than its enlargement each pixel should be, into `_detail`."""
        cv2.resize(cv2.blur(light, NEIGHBOURHOOD), self._size, dst=self._around)
        cv2.cvtColor(view, cv2.COLOR_BGR2GRAY, dst=self._light)
        cv2.GaussianBlur(self._light, (3, 3), SMOOTH, dst=self._light)
        np.subtract(self._light, self._around, out=self._edges, dtype=np.int16)
        np.clip(self._edges, -NOISE_LEVELS, NOISE_LEVELS, out=self._noise)
        np.subtract(self._edges, self._noise, out=self._edges)
        cv2.resize(slopes, self._size, dst=self._slopes)
        np.multiply(self._edges, self._slopes, out=self._detail)

    def _lifted(self, sign: int) -> Image:
        """Return the detail of one sign for all channels; it is only good until the next call."""
        cv2.addWeighted(self._detail, sign, self._detail, 0, 0, dst=self._levels, dtype=cv2.CV_8U)
        return cast(Image, cv2.cvtColor(self._levels, cv2.COLOR_GRAY2BGR, dst=self._lift))

    def _enlarged(self, image: cv2.typing.MatLike) -> Image:
        """Return a bound at full size; it is only good until the next call."""
        return cast(Image, cv2.resize(image, self._size, dst=self._bound))


class _LocalModel:
    """Fits how the light of a styled picture of `size` follows the camera's."""

    def __init__(self, size: Size) -> None:
        self.size = size
        plane = (size.height, size.width)
        self._products = np.empty(plane, np.uint16)
        self._mean, self._styled_light_mean = np.empty(plane, np.float32), np.empty(plane, np.float32)
        self._variance, self._covariance = np.empty(plane, np.float32), np.empty(plane, np.float32)

    def fit(self, light: Image, styled: Image, gain: float) -> _Floats:
        """Return by how much the light of `styled` (h×w×3) changes with `light` (h×w), times `gain`: h×w.

        It is only good until the next call.
        """
        styled_light = cv2.cvtColor(styled, cv2.COLOR_BGR2GRAY)
        cv2.multiply(light, styled_light, dst=self._products, dtype=cv2.CV_16U)
        cv2.boxFilter(self._products, cv2.CV_32F, WINDOW, dst=self._covariance)
        cv2.boxFilter(light, cv2.CV_32F, WINDOW, dst=self._mean)
        cv2.boxFilter(styled_light, cv2.CV_32F, WINDOW, dst=self._styled_light_mean)
        cv2.multiply(light, light, dst=self._products, dtype=cv2.CV_16U)
        cv2.boxFilter(self._products, cv2.CV_32F, WINDOW, dst=self._variance)
        self._styled_light_mean *= self._mean
        self._covariance -= self._styled_light_mean
        self._mean *= self._mean
        self._variance -= self._mean
        self._variance += NOISE
        return cast(_Floats, cv2.divide(self._covariance, self._variance, dst=self._covariance, scale=gain))
