"""Enlarge a person mask along the edges of the full-size camera picture.

The fast guided filter (He and Sun 2015, https://arxiv.org/abs/1505.00996): around each pixel the mask is a linear
function of the camera's light. It is fitted at a quarter of the output's size, where that is cheap, and applied to the
light at full size. The result stays within what the mask has nearby, so that nothing far from its edge becomes person.
"""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from stylecam.media.frame import Image, Size

_SHRINK = 4
"""How much smaller than the output the picture is at which the mask is fitted to the light."""
_WINDOW = (9, 9)
"""The window over which the mask is fitted, in pixels of the shrunken picture."""
_NOISE = 40.0
"""Variance of the light, in levels², that counts as half an edge."""
_NEARBY = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
"""The neighbourhood whose least and largest share of person bound the result, in pixels of the shrunken picture."""

Floats = npt.NDArray[np.float32]
Share = npt.NDArray[np.uint8]
"""H×W uint8: 255 where the person is, 0 where the room is."""


class MaskUpsampler:
    """Enlarges masks to one size. Used by one thread; its scratch arrays are kept from call to call."""

    def __init__(self, size: Size) -> None:
        """Enlarge to `size`, the output's."""
        self.size = size
        self._small = Size(max(1, size.width // _SHRINK), max(1, size.height // _SHRINK))
        plane = (size.height, size.width)
        self._light, self._bound = np.empty(plane, np.uint8), np.empty(plane, np.uint8)
        self._slope, self._offset = np.empty(plane, np.float32), np.empty(plane, np.float32)

    def enlarge(self, share: Share, camera: Image, view: Image) -> Share:
        """Enlarge `share` to the output's size H×W with the edges of `view`.

        Args:
            share: the mask of any size.
            camera: the picture it was made of, of any size, uint8 BGR.
            view: that picture at the output's size, H×W×3 uint8 BGR.

        Returns:
            A new array, H×W uint8.
        """
        grey = cv2.resize(cv2.cvtColor(camera, cv2.COLOR_BGR2GRAY), self._small, interpolation=cv2.INTER_AREA)
        small = cv2.resize(share, self._small, interpolation=cv2.INTER_LINEAR)
        light, mask = np.asarray(grey, np.float32), np.asarray(small, np.float32)
        light_mean, mask_mean = cv2.blur(light, _WINDOW), cv2.blur(mask, _WINDOW)
        variance = cv2.blur(light * light, _WINDOW) - light_mean * light_mean
        covariance = cv2.blur(light * mask, _WINDOW) - light_mean * mask_mean
        slope = covariance / (variance + _NOISE)
        offset = mask_mean - slope * light_mean
        cv2.cvtColor(view, cv2.COLOR_BGR2GRAY, dst=self._light)
        cv2.resize(cv2.blur(slope, _WINDOW), self.size, dst=self._slope)
        cv2.resize(cv2.blur(offset, _WINDOW), self.size, dst=self._offset)
        np.multiply(self._slope, self._light, out=self._slope)
        result = cv2.add(self._slope, self._offset, dtype=cv2.CV_8U)
        cv2.min(result, cv2.resize(cv2.dilate(small, _NEARBY), self.size, dst=self._bound), dst=result)
        cv2.max(result, cv2.resize(cv2.erode(small, _NEARBY), self.size, dst=self._bound), dst=result)
        return cast(Share, result)
