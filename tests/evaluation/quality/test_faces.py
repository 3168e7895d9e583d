"""Tests of finding faces again. The detector's own file is not in the repository, so its answers are given here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from stylecam.errors import TrainingDataError
from stylecam.evaluation.quality.faces import count_found_again
from stylecam.training.faces import FaceDetector

POINTS = np.array([[20, 20], [60, 20], [40, 45], [25, 65], [55, 65]], np.float32)


def row(left: float, height: float, points: Any = POINTS) -> list[float]:
    return [left, 10, 0.8 * height, height, *np.add(points, [left, 0]).ravel(), 0.9]


class GivenAnswers:
    """Answers like `cv2.FaceDetectorYN`; a test sets the rows of the next pictures."""

    def __init__(self) -> None:
        self.rows: list[list[float]] = []

    def setInputSize(self, size: tuple[int, int]) -> None:  # noqa: N802 (OpenCV's name)
        self.size = size

    def detect(self, image: Any) -> tuple[int, Any]:
        assert image.dtype == np.uint8
        assert self.size == (image.shape[1], image.shape[0])
        return 1, np.array(self.rows, np.float32) if self.rows else None


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GivenAnswers:
    found = GivenAnswers()
    monkeypatch.setattr(cv2.FaceDetectorYN, "create", lambda *_: found)
    (tmp_path / "faces.onnx").write_bytes(b"")
    return found


PHOTO = np.zeros((120, 200, 3), np.uint8)
PAINTED = np.full((120, 200, 3), 300.5, np.float32)


def test_faces_are_found_again_where_their_landmarks_hardly_moved(tmp_path: Path, answers: GivenAnswers) -> None:
    detector = FaceDetector(tmp_path / "faces.onnx")
    answers.rows = [row(0, 90), row(100, 90), row(50, 20)]
    faces = detector.find(PHOTO)
    assert len(faces) == 2  # the third is too small to count
    answers.rows = [row(104, 90), row(40, 90)]  # 4 pixels of 90 are less than 6 %, 40 are more
    assert count_found_again(detector, faces, PAINTED) == 1
    answers.rows = []
    assert count_found_again(detector, faces, PAINTED) == 0


def test_a_face_with_its_mouth_elsewhere_is_not_the_same(tmp_path: Path, answers: GivenAnswers) -> None:
    detector = FaceDetector(tmp_path / "faces.onnx")
    answers.rows = [row(0, 90)]
    faces = detector.find(PHOTO)
    moved = POINTS.copy()
    moved[3:, 1] += 20
    answers.rows = [row(0, 90, moved)]
    assert count_found_again(detector, faces, PAINTED) == 0


def test_a_missing_detector_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match=r"no such file; give face_detection_yunet"):
        FaceDetector(tmp_path / "none.onnx")


def test_a_file_that_is_no_detector_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"nothing of the kind")
    with pytest.raises(TrainingDataError, match="not a face detector"):
        FaceDetector(tmp_path / "bad.onnx")
