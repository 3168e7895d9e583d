"""How networks encode colors: range, mean subtraction and channel order."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from stylecam.models.onnx.proto import FloatArray


@dataclass(frozen=True, slots=True)
class ColorRange:
    """A color encoding: `value = rgb · scale + shift` for `rgb` in 0..1, per channel.

    Attributes:
        name: as users write it.
        scale: three factors, in the network's own channel order.
        shift: three offsets, in the same order.
        order: for each channel of the network, which of red, green and blue (0, 1, 2) it is.
    """

    name: str
    scale: tuple[float, float, float]
    shift: tuple[float, float, float]
    order: tuple[int, int, int] = (0, 1, 2)

    def with_order(self, order: str | None) -> ColorRange:
        """Return the same encoding with the channel order `rgb` or `bgr`, or itself for None."""
        requested = {"rgb": (0, 1, 2), "bgr": (2, 1, 0), None: self.order}[order]
        if requested == self.order:
            return self
        return replace(self, scale=self.scale[::-1], shift=self.shift[::-1], order=requested)

    @property
    def description(self) -> str:
        """The name and channel order, for messages."""
        return f"{self.name}, {'BGR' if self.order == (2, 1, 0) else 'RGB'}"

    def from_unit_rgb(self) -> tuple[FloatArray, FloatArray]:
        """Return weight (3×3×1×1) and bias of the convolution that encodes RGB 0..1."""
        weight = np.zeros((3, 3, 1, 1), np.float32)
        weight[range(3), self.order, 0, 0] = self.scale
        return weight, np.array(self.shift, np.float32)

    def to_unit_rgb(self) -> tuple[FloatArray, FloatArray]:
        """Return weight (3×3×1×1) and bias of the convolution that decodes to RGB 0..1."""
        weight, bias = np.zeros((3, 3, 1, 1), np.float32), np.zeros(3, np.float32)
        weight[self.order, range(3), 0, 0] = 1 / np.array(self.scale)
        bias[list(self.order)] = -np.array(self.shift) / self.scale
        return weight, bias


UNIT = ColorRange("0..1", (1, 1, 1), (0, 0, 0))
BYTES = ColorRange("0..255", (255, 255, 255), (0, 0, 0))
SIGNED = ColorRange("-1..1", (2, 2, 2), (-1, -1, -1))
CAFFE = ColorRange("caffe", (255, 255, 255), (-103.939, -116.779, -123.68), (2, 1, 0))
"""Caffe's VGG networks: BGR 0..255 minus the mean over ImageNet."""
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
RESNET = ColorRange(
    "resnet",
    (1 / _DEVIATION[0], 1 / _DEVIATION[1], 1 / _DEVIATION[2]),
    (-_MEAN[0] / _DEVIATION[0], -_MEAN[1] / _DEVIATION[1], -_MEAN[2] / _DEVIATION[2]),
)
"""Networks of torchvision and fb.resnet.torch: RGB 0..1 minus mean, over standard deviation."""
COLOR_RANGES = {colors.name: colors for colors in (UNIT, BYTES, SIGNED, CAFFE, RESNET)}
