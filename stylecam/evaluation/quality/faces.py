"""Measure whether faces survive being painted: a detector must find them again, with eyes and mouth in place.

The detector is YuNet (Wu et al. 2023, https://doi.org/10.1007/s11633-023-1423-y), which OpenCV runs. Its file is not
shipped; it is face_detection_yunet_2023mar.onnx of the OpenCV Zoo.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from stylecam.errors import TrainingDataError
from stylecam.evaluation.quality.model_runner import FloatImage
from stylecam.media.frame import Image

TOLERANCE = 0.06
"""How far eyes, nose and corners of the mouth may have moved in the mean, as a share of the face's height."""
_SCORE, _OVERLAP = 0.7, 0.3
_MIN_HEIGHT_PX = 32.0


@dataclass(frozen=True, slots=True)
class Face:
    """A face in a picture.

    Attributes:
        height: of its box, in pixels.
        landmarks: 5×2 float32: x and y of both eyes, the nose and both corners of the mouth.
    """

    height: float
    landmarks: npt.NDArray[np.float32]


class FaceDetector:
    """Finds faces with YuNet.

    Args:
        file: YuNet as an ONNX file.

    Raises:
        TrainingDataError: it cannot be read.
    """

    def __init__(self, file: Path) -> None:
        advice = "give face_detection_yunet_2023mar.onnx of the OpenCV Zoo"
        if not file.is_file():
            raise TrainingDataError(f"--face-model {file}: there is no such file; {advice}")
        try:
            self._detector: Any = cv2.FaceDetectorYN.create(str(file), "", (320, 320), _SCORE, _OVERLAP)
            self.find(np.zeros((64, 64, 3), np.uint8))
        except cv2.error as error:
            raise TrainingDataError(
                f"--face-model {file} is not a face detector that OpenCV can run; {advice}"
            ) from error

    def find(self, image: Image) -> list[Face]:
        """Return the faces of `image` (H×W×3 uint8 BGR) that are at least 32 pixels high."""
        height, width = image.shape[:2]
        self._detector.setInputSize((width, height))
        rows = self._detector.detect(image)[1]
        found = [] if rows is None else rows
        return [Face(float(row[3]), row[4:14].reshape(5, 2)) for row in found if row[3] >= _MIN_HEIGHT_PX]

    def found_again(self, faces: list[Face], painted: FloatImage) -> int:
        """Return how many of `faces` are found in `painted` (H×W×3 float32 BGR) with their landmarks in place."""
        seen = self.find(painted.round().clip(0, 255).astype(np.uint8))
        return sum(any(_distance(face, other) <= TOLERANCE for other in seen) for face in faces)


def _distance(face: Face, other: Face) -> float:
    """Return how far the landmarks are apart in the mean, as a share of the height of `face`."""
    return float(np.linalg.norm(face.landmarks - other.landmarks, axis=1).mean() / face.height)
