"""Predict the norm rows of a style from its painting alone, in about a second and without training.

A small network maps what VGG-16's feature maps hold of a painting to the rows with which the shipped bodies paint in
its manner (Ghiasi et al. 2017, https://arxiv.org/abs/1705.06830). It was trained with the losses of the bodies.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from stylecam.engines.opencv import OpenCVEngine
from stylecam.errors import ModelFormatError
from stylecam.media.frame import Image, Size
from stylecam.media.transforms import resize, to_tensor
from stylecam.models import vgg
from stylecam.models.catalog import shipped_models
from stylecam.models.model import Model
from stylecam.models.onnx.proto import FloatArray
from stylecam.utils.npz import read_npz

AREAS = (2**17, 2**15)
"""Pixels of the two sizes at which a painting is looked at."""
_LONGEST = 2.5
"""Pictures that are longer than this many times their short side are squeezed."""
LIMIT = 4.0
"""Statistics further from their mean than so many deviations count as that far."""
_DAMAGE_ERRORS = (OSError, ValueError, KeyError, TypeError)


@dataclass(frozen=True)
class _Head:
    """The last layer, for one body: rows = base + spread · (W·h + b), sizes of strokes × values."""

    base: FloatArray
    spread: FloatArray
    weights: FloatArray
    biases: FloatArray

    def rows(self, hidden: FloatArray) -> FloatArray:
        """Return the rows for the last hidden values."""
        return np.asarray(
            self.base + self.spread * (self.weights @ hidden + self.biases).reshape(self.base.shape), np.float32
        )


class StylePredictor:
    """Predicts rows for every body that it was trained for. It keeps no picture; one thread at a time may use it.

    Attributes:
        bodies: their digests, see `stylecam.models.rewrite.style_rows.StyleRows`.
    """

    def __init__(self, arrays: dict[str, FloatArray], bodies: tuple[str, ...], network: Model) -> None:
        """Take the arrays of the predictor's file and the network that measures a picture's style."""
        self._mean, self._deviation = arrays["mean"], arrays["deviation"]
        self._layers = [(arrays[f"{name}.w"], arrays[f"{name}.b"]) for name in ("first", "second")]
        parts = ("base", "spread", "w", "b")
        self._heads = {body: _Head(*(arrays[f"{body}.{part}"] for part in parts)) for body in bodies}
        self._network = network
        self.bodies = bodies

    @classmethod
    def load(cls) -> StylePredictor:
        """Read the files that come with stylecam; about 10 MB, 45 MB in memory.

        Raises:
            ModelFormatError: one is missing or damaged.
        """
        path, network = predictor_path(), vgg.statistics_network(vgg.read_weights(vgg.shipped_vgg()))
        try:
            stored = read_npz(path)
            arrays = {name: _values(stored, name) for name in stored if name.endswith(_STORED)}
            return cls(arrays, tuple(json.loads(str(stored["bodies"]))), network)
        except _DAMAGE_ERRORS as error:
            raise ModelFormatError(f"{path} is missing or damaged ({error}); install stylecam again") from error

    def rows(self, picture: Image) -> dict[str, FloatArray]:
        """Return by each body's digest the rows for `picture` (H×W×3 uint8 BGR), sizes of strokes × values, float32.

        Raises:
            EngineError: OpenCV cannot run the network.
        """
        found = np.concatenate([self._statistics(picture, area) for area in AREAS])
        value = np.clip((found - self._mean) / self._deviation, -LIMIT, LIMIT)
        (first, first_bias), (second, second_bias) = self._layers
        hidden = np.maximum(first @ value + first_bias, 0)
        hidden = hidden + np.maximum(second @ hidden + second_bias, 0)
        return {body: head.rows(hidden) for body, head in self._heads.items()}

    def _statistics(self, picture: Image, area: int) -> FloatArray:
        """Return mean and deviation of each channel of each feature map of `picture`, reduced to `area` pixels."""
        size = size_of(picture, area)
        session = OpenCVEngine().session(self._network, *size)
        found = session.run(to_tensor(resize(picture, size)), ())[0, :, 0, 0]
        parts: list[FloatArray] = []
        start = 0
        for channels in vgg.CHANNELS:
            mean, power = found[start : start + channels], found[start + channels : start + 2 * channels]
            parts += [mean, np.sqrt(np.maximum(power - mean * mean, 0))]
            start += 2 * channels
        return np.concatenate(parts)


def predicted_bodies() -> frozenset[str]:
    """Return the digests of the bodies that rows are predicted for; the rest of the file is not read.

    Raises:
        ModelFormatError: it is missing or damaged.
    """
    path = predictor_path()
    try:
        return frozenset(json.loads(str(read_npz(path, ["bodies"])["bodies"])))
    except _DAMAGE_ERRORS as error:
        raise ModelFormatError(f"{path} is missing or damaged ({error}); install stylecam again") from error


def predictor_path() -> Path:
    """Return the predictor's file that comes with stylecam."""
    return shipped_models() / "predictor.npz"


_STORED = (".w", ".b", ".base", ".spread", "mean", "deviation")


def _values(stored: dict[str, FloatArray], name: str) -> FloatArray:
    """Return the array `name` as float32: matrices are stored in eight bits, with a scale for each row."""
    values = np.asarray(stored[name], np.float32)
    return values * stored[f"{name}.scale"][:, None] if f"{name}.scale" in stored else values


def size_of(picture: Image, area: int) -> Size:
    """Return the size at which `picture` is looked at: about `area` pixels, in its own shape."""
    height, width = picture.shape[:2]
    shape = min(max(width / height, 1 / _LONGEST), _LONGEST)
    across, down = (
        max(vgg.ALIGNMENT, round(math.sqrt(side) / vgg.ALIGNMENT) * vgg.ALIGNMENT)
        for side in (area * shape, area / shape)
    )
    return Size(across, down)
