"""Tests of the face detector: what it finds, where, and what it leaves alone."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylecam.engines.base import InferenceSession, Mask, StyleInput
from stylecam.engines.opencv import OpenCVEngine
from stylecam.errors import EngineRunError
from stylecam.media.frame import Image
from stylecam.media.transforms import Tensor
from stylecam.models.model import Model
from stylecam.stylize.face_detector import BlazeFace, Square
from tests.engines.fixtures import engine_on, photo

PICTURE = photo(512, 512)
WHOLE = Square(256, 256, 512)
FACE = np.array((180, 82, 273, 175))
"""Where the astronaut's face is: left, top, right, bottom."""


@pytest.fixture(scope="module")
def detector() -> BlazeFace:
    return BlazeFace(engine_on("opencv", "cpu"))


def test_a_face_is_found_with_its_eyes_above_nose_and_mouth(detector: BlazeFace) -> None:
    (face,) = detector.find(PICTURE, WHOLE, 0.5)
    assert face.score > 0.8
    assert face.overlap(FACE) > 0.7
    right_eye, left_eye, nose, mouth, right_ear, left_ear = face.landmarks
    assert max(right_eye[1], left_eye[1]) < nose[1] < mouth[1]
    assert right_ear[0] < right_eye[0] < left_eye[0] < left_ear[0]


@pytest.mark.parametrize("square", [Square(226, 128, 280), Square(300, 60, 400), Square(256, 256, 700)], ids=str)
def test_the_face_is_found_in_the_same_place_in_every_square(detector: BlazeFace, square: Square) -> None:
    (face,) = detector.find(PICTURE, square, 0.5)
    assert face.overlap(FACE) > 0.7


def test_a_face_in_a_wide_picture_is_not_distorted(detector: BlazeFace) -> None:
    wide = cv2.copyMakeBorder(PICTURE, 0, 0, 600, 0, cv2.BORDER_REPLICATE)
    (face,) = detector.find(np.asarray(wide, np.uint8), Square(600 + 256, 256, 512), 0.5)
    assert face.overlap(FACE + np.array((600, 0, 600, 0))) > 0.7
    width, height = face.box[2:] - face.box[:2]
    assert 0.9 < width / height < 1.1


def test_a_face_in_a_quarter_of_the_light_is_found(detector: BlazeFace) -> None:
    (face,) = detector.find(np.asarray(PICTURE // 4, np.uint8), Square(226, 128, 280), 0.5)
    assert face.overlap(FACE) > 0.6


@pytest.mark.parametrize("picture", ["noise", "plain", "torso"])
def test_where_no_face_is_none_is_found(detector: BlazeFace, picture: str) -> None:
    pictures: dict[str, Image] = {
        "noise": np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8),
        "plain": np.full((512, 512, 3), 128, np.uint8),
        "torso": np.ascontiguousarray(PICTURE[240:]),
    }
    assert not detector.find(pictures[picture], WHOLE, 0.5)


def test_beside_the_picture_is_nothing(detector: BlazeFace) -> None:
    assert not detector.find(PICTURE, Square(5000, -5000, 300), 0.5)


@given(
    st.builds(Square, st.floats(-200, 400), st.floats(-200, 400), st.floats(0.1, 900)),
    st.integers(1, 300),
    st.integers(1, 300),
)
def test_every_square_of_every_picture_can_be_looked_at(
    detector: BlazeFace, square: Square, width: int, height: int
) -> None:
    assert not detector.find(np.full((height, width, 3), 128, np.uint8), square, 0.9)


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_every_engine_finds_the_same(detector: BlazeFace, engine: str) -> None:
    (here,) = detector.find(PICTURE, WHOLE, 0.5)
    (there,) = BlazeFace(engine_on(engine, "cpu")).find(PICTURE, WHOLE, 0.5)
    assert there.score == pytest.approx(here.score, abs=1e-3)
    np.testing.assert_allclose(there.landmarks, here.landmarks, atol=0.1)


def test_a_result_that_is_no_number_is_a_failure() -> None:
    class BrokenSession(InferenceSession):
        def run(
            self, image: Tensor, style: StyleInput, origin: tuple[int, int] = (0, 0), mask: Mask | None = None
        ) -> Tensor:
            return np.full((1, 896, 17), np.nan, np.float32)

    class BrokenEngine(OpenCVEngine):
        def session(self, model: Model, width: int, height: int) -> InferenceSession:
            return BrokenSession()

    with pytest.raises(EngineRunError, match="NaN"):
        BlazeFace(BrokenEngine("cpu"))
