"""Find faces in camera pictures with BlazeFace (Bazarevsky et al. 2019), which is shipped with stylecam."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from stylecam.engines.base import Engine
from stylecam.errors import EngineRunError
from stylecam.media.frame import Image, Size
from stylecam.media.transforms import resize, to_tensor
from stylecam.models.catalog import shipped_models
from stylecam.models.model import Model

INPUT = Size(128, 128)
"""The network's input."""
LANDMARKS = 6
"""Of each face: right eye, left eye, tip of the nose, middle of the mouth, right ear, left ear."""
_SCORE = 4 + 2 * LANDMARKS
"""Where the score is in a row of the result, after the box (middle, width, height) and the landmarks."""
_SAME_FACE = 0.3
"""Boxes that overlap by this share are of one face."""

Landmarks = npt.NDArray[np.float64]
"""6×2: x and y of each, in pixels of the camera picture, see `LANDMARKS`."""


@dataclass(frozen=True, slots=True)
class Square:
    """A square of the camera picture, in its pixels. It may reach beyond the picture."""

    x: float
    y: float
    side: float


@dataclass(frozen=True, slots=True)
class FaceDetection:
    """A face in the camera picture, in its pixels.

    Attributes:
        score: how sure the network is, 0..1.
        box: left, top, right and bottom, float64: from the brows to the chin.
        landmarks: see `Landmarks`.
    """

    score: float
    box: npt.NDArray[np.float64]
    landmarks: Landmarks

    def overlap(self, box: npt.NDArray[np.float64]) -> float:
        """Return which share of both boxes together they have in common."""
        return float(_overlaps(self.box, box[None])[0])


class BlazeFace:
    """Finds the faces in squares of the camera picture.

    A face must be higher than a tenth of the square; in a square of three times its size it is seen best.
    """

    def __init__(self, engine: Engine) -> None:
        """Load the network and run it once; too slow for the frame path.

        Raises:
            EngineError: the engine cannot run it.
            ModelFormatError: the shipped file is missing or damaged.
        """
        self._session = engine.session(Model.read_measuring(network_path()), *INPUT)
        self._canvas = np.zeros((INPUT.height, INPUT.width, 3), np.uint8)
        self.find(self._canvas, Square(64, 64, 128), 1.0)

    def find(self, image: Image, square: Square, least: float) -> Sequence[FaceDetection]:
        """Return the faces in `square` of `image` (H×W×3 uint8 BGR) with a score of at least `least`, the best first.

        Raises:
            EngineRunError: the network failed, or its result holds NaN or infinite values.
        """
        scale, shift = self._look(image, square)
        rows = np.array(self._session.run(to_tensor(self._canvas), ())[0], np.float64)
        if not np.isfinite(rows).all():
            raise EngineRunError("the face detector's result holds NaN or infinite values; try another --engine")
        rows = rows[rows[:, _SCORE] >= least]
        middles = rows[:, :2] * INPUT * scale + shift
        sizes = rows[:, 2:4] * INPUT * scale
        boxes = np.concatenate((middles - sizes / 2, middles + sizes / 2), axis=1)
        landmarks = rows[:, 4:_SCORE].reshape(-1, LANDMARKS, 2) * INPUT * scale + shift
        return _merged(rows[:, _SCORE], boxes, landmarks)

    def _look(self, image: Image, square: Square) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Fill the canvas with the square, black where there is no picture.

        Returns:
            What a pixel of the canvas is in the picture, and where its corner is there: x and y of both.
        """
        height, width = image.shape[:2]
        side = max(1, round(square.side))
        left, top = round(square.x - side / 2), round(square.y - side / 2)
        right, bottom = left + side, top + side
        inner = image[max(0, top) : max(0, min(height, bottom)), max(0, left) : max(0, min(width, right))]
        self._canvas[:] = 0
        if not inner.size:
            return np.zeros(2), np.zeros(2)
        sides = np.array(inner.shape[1::-1])
        fitted = np.maximum(1, np.round(sides * INPUT.width / side).astype(int))
        start = np.round(np.maximum((0, 0), (-left, -top)) * INPUT.width / side).astype(int)
        start = np.minimum(start, INPUT.width - fitted)
        (column, row), (columns, rows) = start, fitted
        self._canvas[row : row + rows, column : column + columns] = resize(inner, Size(int(columns), int(rows)))
        scale = sides / fitted
        return scale, np.maximum((0, 0), (left, top)) - start * scale


def network_path() -> Path:
    """Return the file of the shipped network."""
    return shipped_models() / "person" / "blazeface_128x128.onnx"


def _merged(
    scores: npt.NDArray[np.float64], boxes: npt.NDArray[np.float64], landmarks: npt.NDArray[np.float64]
) -> list[FaceDetection]:
    """Return one detection a face: the mean of those that overlap, weighted by their scores."""
    found = []
    rest = np.argsort(-scores)
    while rest.size:
        same = _overlaps(boxes[rest[0]], boxes[rest]) > _SAME_FACE
        same[0] = True  # also a box without any area
        ours, weights = rest[same], scores[rest[same]]
        found.append(
            FaceDetection(
                float(weights[0]),
                np.average(boxes[ours], axis=0, weights=weights),
                np.average(landmarks[ours], axis=0, weights=weights),
            )
        )
        rest = rest[~same]
    return found


def _overlaps(box: npt.NDArray[np.float64], boxes: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return intersection over union of `box` with each of `boxes`."""
    inner = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    common = np.prod(np.maximum(inner, 0), axis=1)
    areas = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)
    area = np.prod(np.maximum(box[2:] - box[:2], 0))
    return np.asarray(common / np.maximum(area + areas - common, 1e-9), np.float64)
