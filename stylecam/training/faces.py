"""Find faces in pictures, with YuNet (Wu et al. 2023, https://doi.org/10.1007/s11633-023-1423-y), which OpenCV runs.

The detector's file is not shipped; it is face_detection_yunet_2023mar.onnx of the OpenCV Zoo. BlazeFace, which is
shipped, finds large faces only.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from stylecam.engines.opencv import OpenCVEngine
from stylecam.errors import TrainingDataError
from stylecam.media.frame import Image
from stylecam.stylize.face_detector import BlazeFace, FaceDetection, Square

_SCORE, _OVERLAP = 0.7, 0.3
_MIN_HEIGHT_PX = 32.0
_LEAST_SCORE = 0.75


@dataclass(frozen=True, slots=True)
class Face:
    """A face in a picture, in pixels.

    Attributes:
        left, top, width, height: its box.
        landmarks: 5×2 float32: x and y of both eyes, the nose and both corners of the mouth.
    """

    left: float
    top: float
    width: float
    height: float
    landmarks: npt.NDArray[np.float32]


class FindsFaces(Protocol):
    """A face detector."""

    def find(self, image: Image) -> list[Face]:
        """Return the faces of `image` (H×W×3 uint8 BGR) that are at least 32 pixels high."""


class ShippedFaceDetector:
    """Finds faces that are higher than a tenth of the picture's longer side, with BlazeFace."""

    def __init__(self) -> None:
        self._detector = BlazeFace(OpenCVEngine("cpu"))

    def find(self, image: Image) -> list[Face]:
        """Return the faces of `image` (H×W×3 uint8 BGR) that are at least 32 pixels high."""
        height, width = image.shape[:2]
        found = self._detector.find(image, Square(width / 2, height / 2, max(width, height)), _LEAST_SCORE)
        return [_blaze_face(one) for one in found if one.box[3] - one.box[1] >= _MIN_HEIGHT_PX]


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
        return [_face(row) for row in found if row[3] >= _MIN_HEIGHT_PX]


def _face(row: npt.NDArray[np.float32]) -> Face:
    left, top, width, height = map(float, row[:4])
    return Face(left, top, width, height, row[4:14].reshape(5, 2))


def _blaze_face(detection: FaceDetection) -> Face:
    left, top, right, bottom = map(float, detection.box)
    eyes_nose_mouth = detection.landmarks[[0, 1, 2, 3, 3]]  # it knows the middle of the mouth only
    return Face(left, top, right - left, bottom - top, eyes_nose_mouth.astype(np.float32))
