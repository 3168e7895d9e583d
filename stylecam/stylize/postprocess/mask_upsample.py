"""Enlarge a person mask along the edges of the full-size camera picture.

The fast guided filter (He and Sun 2015, https://arxiv.org/abs/1505.00996): around each pixel the mask is a linear
function of two guides, the camera's light and its warmth, which is how much more red there is than blue. On composed
pictures, whose true mask is known, these two are worth as much as all three colours, and cost less. The function is
fitted at a sixth of the output's size, where that is cheap. The light is then taken from the full-size picture, and the
warmth from the picture that the mask was made of, because cameras have no finer one. The result stays within what the
mask has nearby, so that nothing far from its edge becomes person.
"""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from stylecam.media.frame import Image, Size

_SHRINK = 6
"""How much smaller than the output the picture is at which the mask is fitted."""
_WINDOW = (7, 7)
"""The window over which the mask is fitted, in pixels of the shrunken picture."""
_NOISE = 8.0
"""Variance of a guide, in levels², that counts as half an edge."""
_GAIN = 2.0
"""How much steeper than the fitted edge the result is: averaged over windows, an edge becomes flatter than it was."""
_NEARBY = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
"""The neighbourhood whose least and largest share of person bound the result, in pixels of the shrunken picture."""

Share = npt.NDArray[np.uint8]
"""H×W uint8: 255 where the person is, 0 where the room is."""
_Floats = npt.NDArray[np.float32]


class MaskUpsampler:
    """Enlarges masks to one size. Used by one thread; its scratch arrays are kept from call to call."""

    def __init__(self, size: Size) -> None:
        """Enlarge to `size`, the output's."""
        self.size = size
        self._model = _LocalModel(Size(max(1, size.width // _SHRINK), max(1, size.height // _SHRINK)))
        self._middle: _Middle | None = None
        plane = (size.height, size.width)
        self._light, self._bound = np.empty(plane, np.uint8), np.empty(plane, np.uint8)
        self._slope, self._rest = np.empty(plane, np.float32), np.empty(plane, np.float32)

    def enlarge(self, share: Share, camera: Image, view: Image) -> Share:
        """Enlarge `share` to the output's size H×W with the edges of `view`.

        Args:
            share: the mask, h×w uint8.
            camera: the picture it was made of, h×w×3 uint8 BGR.
            view: that picture at the output's size, H×W×3 uint8 BGR.

        Returns:
            A new array, H×W uint8.
        """
        small = Size(share.shape[1], share.shape[0])
        if self._middle is None or self._middle.size != small:
            self._middle = _Middle(small)
        light, warmth = self._middle.guides(camera)
        fitted_size, size = self._model.size, self.size
        mask = cv2.resize(share, fitted_size, interpolation=cv2.INTER_LINEAR)
        by_light, by_warmth, offset = self._model.fit(
            cv2.resize(light, fitted_size), cv2.resize(warmth, fitted_size), mask
        )
        cv2.resize(self._middle.rest(by_warmth, offset), size, dst=self._rest)
        cv2.cvtColor(view, cv2.COLOR_BGR2GRAY, dst=self._light)
        cv2.resize(by_light, size, dst=self._slope)
        np.multiply(self._slope, self._light, out=self._slope)
        result = cv2.add(self._slope, self._rest, dtype=cv2.CV_8U)
        cv2.min(result, cv2.resize(cv2.dilate(mask, _NEARBY), size, dst=self._bound), dst=result)
        cv2.max(result, cv2.resize(cv2.erode(mask, _NEARBY), size, dst=self._bound), dst=result)
        return cast(Share, result)


class _Middle:
    """What is computed at the size of the picture that the mask was made of."""

    def __init__(self, size: Size) -> None:
        self.size = size
        plane = (size.height, size.width)
        self._light, self._warmth, self._blue = (np.empty(plane, np.uint8) for _ in range(3))
        self._rest, self._offset = np.empty(plane, np.float32), np.empty(plane, np.float32)

    def guides(self, camera: Image) -> tuple[Share, Share]:
        """Return light and warmth of `camera`; the warmth is half of red minus blue, and 128 for grey."""
        cv2.cvtColor(camera, cv2.COLOR_BGR2GRAY, dst=self._light)
        cv2.extractChannel(camera, 0, dst=self._blue)
        cv2.extractChannel(camera, 2, dst=self._warmth)
        cv2.addWeighted(self._warmth, 0.5, self._blue, -0.5, 128, dst=self._warmth)
        return self._light, self._warmth

    def rest(self, by_warmth: _Floats, offset: _Floats) -> _Floats:
        """Return what the mask is besides its part that follows the light."""
        cv2.resize(by_warmth, self.size, dst=self._rest)
        cv2.resize(offset, self.size, dst=self._offset)
        np.multiply(self._rest, self._warmth, out=self._rest)
        return np.add(self._rest, self._offset, out=self._rest)


class _LocalModel:
    """Fits how a mask of `size` follows light and warmth."""

    def __init__(self, size: Size) -> None:
        self.size = size
        planes = np.empty((14, size.height, size.width), np.float32)
        self._light, self._warmth, self._mask, self._product = planes[:4]
        self._means, self._variances, self._covariances = planes[4:7], planes[7:10], planes[10:12]
        self._slopes = planes[12:14]

    def fit(
        self, light: cv2.typing.MatLike, warmth: cv2.typing.MatLike, mask: cv2.typing.MatLike
    ) -> tuple[_Floats, _Floats, _Floats]:
        """Return the slopes by light and by warmth, and the offset, all h×w, for inputs of h×w uint8."""
        planes = (self._light, self._warmth, self._mask)
        for plane, values, mean in zip(planes, (light, warmth, mask), self._means, strict=True):
            np.copyto(plane, values)
            self._mean(plane, mean)
        light_mean, warmth_mean, mask_mean = self._means
        by_light, by_warmth, shared = self._variances
        self._covariance(self._light, self._light, light_mean, light_mean, by_light)
        self._covariance(self._warmth, self._warmth, warmth_mean, warmth_mean, by_warmth)
        self._covariance(self._light, self._warmth, light_mean, warmth_mean, shared)
        with_light, with_warmth = self._covariances
        self._covariance(self._light, self._mask, light_mean, mask_mean, with_light)
        self._covariance(self._warmth, self._mask, warmth_mean, mask_mean, with_warmth)
        by_light += _NOISE
        by_warmth += _NOISE
        determinant = np.multiply(by_light, by_warmth, out=self._mask)
        determinant -= np.multiply(shared, shared, out=self._product)
        light_slope, warmth_slope = self._slopes
        np.multiply(by_warmth, with_light, out=light_slope)
        light_slope -= np.multiply(shared, with_warmth, out=self._product)
        np.multiply(by_light, with_warmth, out=warmth_slope)
        warmth_slope -= np.multiply(shared, with_light, out=self._product)
        for slope in (light_slope, warmth_slope):
            cv2.divide(slope, determinant, dst=slope, scale=_GAIN)
        offset = np.multiply(mask_mean, _GAIN, out=mask_mean)
        offset += 127.5 * (1 - _GAIN)
        offset -= np.multiply(light_slope, light_mean, out=self._product)
        offset -= np.multiply(warmth_slope, warmth_mean, out=self._product)
        return (
            self._mean(light_slope, self._light),
            self._mean(warmth_slope, self._warmth),
            self._mean(offset, self._mask),
        )

    def _mean(self, plane: _Floats, mean: _Floats) -> _Floats:
        return cast(_Floats, cv2.blur(plane, _WINDOW, dst=mean))

    def _covariance(self, one: _Floats, other: _Floats, mean: _Floats, other_mean: _Floats, result: _Floats) -> None:
        self._mean(np.multiply(one, other, out=self._product), result)
        result -= np.multiply(mean, other_mean, out=self._product)
