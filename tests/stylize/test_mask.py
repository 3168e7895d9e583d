"""Tests of the person mask: found, steady, and None where it cannot be trusted."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import pytest

from stylecam.engines.base import Engine, InferenceSession, Mask, StyleInput
from stylecam.errors import EngineRunError
from stylecam.media.frame import Image, Size
from stylecam.media.transforms import Tensor
from stylecam.models.model import Model
from stylecam.stylize.mask import INPUT, PersonMasker
from stylecam.stylize.postprocess.chain import FrameView
from tests.engines.fixtures import engine_on, photo

SIZE = Size(640, 360)


class FakeEngine(Engine):
    """Its network's masks are what `answer` returns of the picture (H×W×3, RGB 0..1): H×W, 0..1."""

    name, device, version = "fake", "cpu", "fake"

    def __init__(self, answer: Callable[[Any], Any]) -> None:
        self.answer = answer

    def session(self, model: Model, width: int, height: int) -> InferenceSession:
        return FakeSession(self)


class FakeSession(InferenceSession):
    def __init__(self, engine: FakeEngine) -> None:
        self._engine = engine

    def run(
        self, image: Tensor, style: StyleInput, origin: tuple[int, int] = (0, 0), mask: Mask | None = None
    ) -> Tensor:
        made = self._engine.answer(image[0].transpose(1, 2, 0))
        return np.asarray(made, np.float32)[None, None]


def masker_of(answer: Callable[[Any], Any]) -> PersonMasker:
    masker = PersonMasker(FakeEngine(answer))
    masker.prepare()
    return masker


def white(picture: Any) -> Any:
    """The white things in the picture are the person."""
    return (picture.min(-1) > 0.9).astype(np.float32)


def scene(left: int, width: int = 160) -> FrameView:
    """A grey room with a white person, who begins `left` pixels from the edge."""
    image: Image = np.full((SIZE.height, SIZE.width, 3), 90, np.uint8)
    image[60:, left : left + width] = 255
    return FrameView(image, SIZE)


@pytest.mark.parametrize("engine", ["opencv", "onnxruntime", "openvino"])
def test_the_shipped_network_finds_a_person(engine: str) -> None:
    masker = PersonMasker(engine_on(engine, "cpu"))
    masker.prepare()
    found = masker.mask(FrameView(photo(*SIZE), SIZE), SIZE, 0.0)
    assert found is not None
    assert found.share.shape == (SIZE.height, SIZE.width)
    assert found.share[120:240, 280:330].mean() > 230, "the astronaut's face"
    assert found.share[:, 600:].mean() < 10


def test_before_it_is_prepared_there_is_no_mask() -> None:
    assert PersonMasker(FakeEngine(white)).mask(scene(100), SIZE, 0.0) is None


def test_the_person_is_where_the_network_says() -> None:
    found = masker_of(white).mask(scene(100), SIZE, 0.0)
    assert found is not None
    assert found.share[200, 120:240].min() == 255
    assert found.share[200, 300:].max() == 0
    assert found.share[:40].max() == 0


def test_an_empty_room_has_a_mask_of_zeros() -> None:
    found = masker_of(white).mask(scene(0, 0), SIZE, 0.0)
    assert found is not None
    assert found.share.max() == 0


def fails(picture: Any) -> Any:
    raise EngineRunError("the device is gone")


@pytest.mark.parametrize(
    "answer",
    [
        fails,
        lambda picture: np.full(picture.shape[:2], np.nan),
        lambda picture: np.full(picture.shape[:2], np.inf),
        lambda picture: np.ones(picture.shape[:2]),
        lambda picture: np.full(picture.shape[:2], 0.5),
        lambda picture: np.full(picture.shape[:2], -1.0),
        lambda picture: np.full(picture.shape[:2], 7.0),
        lambda picture: np.random.default_rng(0).random(picture.shape[:2]),
        lambda picture: np.zeros((9, 9)),
    ],
    ids=["fails", "nan", "inf", "ones", "undecided", "negative", "too large", "noise", "wrong shape"],
)
def test_what_is_no_mask_of_a_person_is_not_trusted(answer: Callable[[Any], Any]) -> None:
    good = True
    masker = masker_of(lambda picture: white(picture) if good else answer(picture))
    assert masker.mask(scene(100), SIZE, 0.0) is not None
    good = False
    assert masker.mask(scene(100), SIZE, 0.03) is None
    good = True
    assert masker.mask(scene(100), SIZE, 0.06) is not None, "it recovers"


def test_a_moving_person_is_followed_at_once() -> None:
    masker = masker_of(white)
    for at, left in enumerate(range(0, 300, 30)):
        found = masker.mask(scene(left), SIZE, at / 30)
        assert found is not None
        assert found.share[200, left + 8 : left + 152].min() > 250
        assert found.share[200, left + 168 :].max() < 5
        assert found.share[200, : max(0, left - 8)].max(initial=0) < 5


def test_what_flickers_where_nothing_moves_is_steadied() -> None:
    rng = np.random.default_rng(1)

    def boiling(picture: Any) -> Any:
        mask = cv2.GaussianBlur(white(picture), (0, 0), 3)
        edge = (mask > 0.1) & (mask < 0.9)
        return np.clip(mask + edge * rng.uniform(-0.3, 0.3, mask.shape), 0, 1)

    masker = masker_of(boiling)
    shares = [masker.mask(scene(100), SIZE, at / 30) for at in range(40)]
    kept = [np.asarray(found.share, np.float32) for found in shares if found is not None]
    assert len(kept) == 40
    raw = cv2.resize(np.asarray(boiling(np.zeros((*INPUT, 3))), np.float32), SIZE)
    assert raw.shape == kept[0].shape
    changes = [np.abs(b - a)[200, 60:300].max() for a, b in pairwise(kept[20:])]
    assert max(changes) < 40, "levels; a sixth of what the network changed"


def test_the_mask_is_enlarged_along_the_cameras_edges() -> None:
    output = Size(1280, 720)
    image: Image = np.full((output.height, output.width, 3), 90, np.uint8)
    image[120:, 402:700] = 255
    view = FrameView(image, output)
    masker = masker_of(lambda picture: cv2.GaussianBlur(white(picture), (0, 0), 2))
    found = masker.mask(view, SIZE, 0.0)
    assert found is not None
    large = masker.enlarged(found, view.at(SIZE), view.at(output))
    assert large.shape == (output.height, output.width)
    assert large[400, 408:694].min() > 190
    assert large[400, :396].max() < 55
    assert large[400, 730:].max() < 20


def test_a_person_whom_the_network_loses_is_not_taken_to_have_left() -> None:
    lost = False
    masker = masker_of(lambda picture: np.zeros(picture.shape[:2]) if lost else white(picture))
    assert masker.mask(scene(100), SIZE, 0.0) is not None
    lost = True
    assert masker.mask(scene(100), SIZE, 0.03) is None
    left = masker.mask(scene(0, 0), SIZE, 0.06)
    assert left is not None, "the camera sees that nobody is there"
    assert left.share.max() == 0


def test_a_person_who_leaves_leaves_nothing_behind() -> None:
    masker = masker_of(white)
    for at in range(10):
        assert masker.mask(scene(100), SIZE, at / 30) is not None
    found = masker.mask(scene(0, 0), SIZE, 10 / 30)
    assert found is not None
    assert found.share.max() == 0


def counted(runs: list[int]) -> Callable[[Any], Any]:
    def answer(picture: Any) -> Any:
        runs.append(1)
        return white(picture)

    return answer


def test_the_network_may_be_run_for_every_third_frame_only() -> None:
    runs: list[int] = []
    masker = masker_of(counted(runs))
    runs.clear()
    for at in range(9):
        assert masker.mask(scene(100), SIZE, at / 30, every=3) is not None
    assert len(runs) == 3


def test_an_old_mask_is_not_carried_on() -> None:
    runs: list[int] = []
    masker = masker_of(counted(runs))
    runs.clear()
    for at in range(3):
        assert masker.mask(scene(100), SIZE, at / 2, every=3) is not None
    assert len(runs) == 3


def test_a_mask_that_is_carried_on_follows_and_rather_takes_person_for_room() -> None:
    masker = masker_of(white)
    shown = []
    for at, left in enumerate(range(100, 160, 5)):
        found = masker.mask(scene(left), SIZE, at / 30, every=2)
        assert found is not None
        assert found.share[200, : left - 6].max() < 128, "no room at its left"
        assert found.share[200, left + 166 :].max() < 128, "nor at its right"
        shown.append((found.share[200, left : left + 160] > 127).mean())
    assert min(shown) > 0.85


def test_who_leaves_between_leaves_nothing_behind() -> None:
    masker = masker_of(white)
    assert masker.mask(scene(100), SIZE, 0.0, every=3) is not None
    found = masker.mask(scene(0, 0), SIZE, 0.03, every=3)
    assert found is not None
    assert found.share.max() == 0


def test_a_failure_is_not_carried_on() -> None:
    good = True
    masker = masker_of(lambda picture: white(picture) if good else fails(picture))
    assert masker.mask(scene(100), SIZE, 0.0, every=2) is not None
    assert masker.mask(scene(100), SIZE, 0.03, every=2) is not None
    good = False
    assert masker.mask(scene(100), SIZE, 0.06, every=2) is None
    assert masker.mask(scene(100), SIZE, 0.09, every=2) is None
