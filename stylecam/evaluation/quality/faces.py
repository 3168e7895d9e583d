"""Measure whether faces survive being painted: they must be found again, with eyes and mouth in place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stylecam.evaluation.quality.model_runner import FloatImage
from stylecam.training.faces import Face, FaceDetector

TOLERANCE = 0.06
"""How far eyes, nose and corners of the mouth may have moved in the mean, as a share of the face's height."""


def count_found_again(detector: FaceDetector, faces: Sequence[Face], painted: FloatImage) -> int:
    """Return how many of `faces` are found in `painted` (H×W×3 float32 BGR) with their landmarks in place."""
    seen = detector.find(painted.round().clip(0, 255).astype(np.uint8))
    return sum(any(_distance(face, other) <= TOLERANCE for other in seen) for face in faces)


def _distance(face: Face, other: Face) -> float:
    """Return how far the landmarks are apart in the mean, as a share of the height of `face`."""
    return float(np.linalg.norm(face.landmarks - other.landmarks, axis=1).mean() / face.height)
