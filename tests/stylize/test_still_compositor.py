"""Tests of person and room in single pictures: the real network, on a photograph of an astronaut."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import stylecam
from stylecam.engines.base import Engine
from stylecam.errors import SourceUnreadableError
from stylecam.media.frame import Image, Size
from stylecam.media.transforms import resize
from stylecam.models.style_mix import StyleMix
from stylecam.stylize.look import Look
from stylecam.stylize.matte import Matte
from stylecam.stylize.room import Paint, Room
from stylecam.stylize.still_compositor import StillCompositor, StyledImage
from tests.doubles import model
from tests.engines.fixtures import engine_on

STYLE, OTHER = (StyleMix(model(name), (1.0,), name) for name in ("style", "other"))
PAINT, ROOM_PAINT = (250, 0, 250), (0, 250, 0)
FACE, FLAG = (90, 230), (140, 30)
"""Row and column of the astronaut's face, and of the flag behind her, in a picture of 512×512 pixels."""


@pytest.fixture(scope="module")
def engine() -> Engine:
    return engine_on("opencv", "cpu")


@pytest.fixture(scope="module")
def portrait() -> Image:
    read = cv2.imread(str(Path(stylecam.__file__).parent / "assets" / "astronaut.jpg"))
    assert read is not None
    return resize(np.asarray(read, np.uint8), Size(512, 512))


def composed(engine: Engine, picture: Image, look: Look) -> StyledImage:
    """Return `picture` as `look` wants it, painted in two plain colors."""
    painted, room = (np.full_like(picture, color) for color in (PAINT, ROOM_PAINT))
    return StillCompositor(engine, look).compose(picture, painted, lambda: room)


def at(picture: Image, place: tuple[int, int]) -> tuple[int, ...]:
    return tuple(int(value) for value in picture[place])


@pytest.mark.parametrize(
    ("look", "face_painted", "flag"),
    [
        (Look(STYLE, paint=Paint.PERSON), True, "camera"),
        (Look(STYLE, paint=Paint.ROOM), False, PAINT),
        (Look(STYLE, room=Room.parse("color:#102030")), True, (0x30, 0x20, 0x10)),
        (Look(STYLE, OTHER, room=Room.parse("style:other")), True, ROOM_PAINT),
        (Look(STYLE, OTHER, paint=Paint.ROOM, room=Room.parse("style:other")), False, PAINT),
    ],
    ids=["person", "room", "color", "two paintings", "the main style in the room"],
)
def test_person_and_room_are_told_apart(
    engine: Engine, portrait: Image, look: Look, face_painted: bool, flag: object
) -> None:
    styled = composed(engine, portrait, look)
    assert at(styled.image, FACE) == (PAINT if face_painted else at(portrait, FACE))
    assert at(styled.image, FLAG) == (at(portrait, FLAG) if flag == "camera" else flag)
    assert (styled.alpha, styled.note) == (None, None)


def test_a_room_that_is_left_out_is_transparent_and_holds_nothing_of_it(engine: Engine, portrait: Image) -> None:
    styled = composed(engine, portrait, Look(STYLE, room=Room.parse("none")))
    assert styled.alpha is not None
    assert (styled.alpha[FACE], styled.alpha[FLAG]) == (255, 0)
    assert not styled.image[styled.alpha == 0].any()
    assert at(styled.image, FACE) == PAINT


def test_a_picture_without_anybody_says_so(engine: Engine) -> None:
    empty: Image = np.full((300, 400, 3), 170, np.uint8)
    styled = composed(engine, empty, Look(STYLE, room=Room.parse("color:black")))
    assert styled.note == "shows nobody, as far as can be told"
    assert not styled.image.any()


@pytest.mark.parametrize(("room", "covered"), [("color:black", True), ("none", True), ("camera", False)])
def test_where_the_person_cannot_be_told_a_hidden_room_covers_everything(
    monkeypatch: pytest.MonkeyPatch, engine: Engine, portrait: Image, room: str, covered: bool
) -> None:
    monkeypatch.setattr(Matte, "find", lambda *_: None)
    styled = composed(engine, portrait, Look(STYLE, paint=Paint.PERSON, room=Room.parse(room)))
    assert styled.note is not None
    assert at(styled.image, FACE) == ((0, 0, 0) if covered else PAINT)
    assert at(styled.image, FLAG) == ((0, 0, 0) if covered else PAINT)


def test_a_missing_backdrop_is_an_error(engine: Engine, portrait: Image, tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadableError, match=r"gone\.png"):
        composed(engine, portrait, Look(STYLE, room=Room.parse(f"picture:{tmp_path / 'gone.png'}")))


def test_somebody_small_is_looked_at_from_close_by(engine: Engine, portrait: Image) -> None:
    large = np.full((1024, 1536, 3), 150, np.uint8)
    large[500:756, 700:956] = resize(portrait, Size(256, 256))
    share, close = Matte(engine, steady=False).find(large), Matte(engine, steady=False).find(portrait)
    assert share is not None
    assert close is not None
    found, expected = share[500:756, 700:956] > 127, resize(close, Size(256, 256)) > 127
    assert (found & expected).sum() > 0.85 * (found | expected).sum()
    assert not share[:450].any()


def test_the_frames_of_a_clip_belong_together(engine: Engine, portrait: Image) -> None:
    steady = StillCompositor(engine, Look(STYLE, paint=Paint.PERSON, steadiness=0.5))
    noise = np.random.default_rng(1)
    frames = [np.clip(portrait + noise.normal(0, 4, portrait.shape), 0, 255).astype(np.uint8) for _ in range(4)]
    painted = np.full_like(portrait, PAINT)
    assert all(at(steady.compose(frame, painted, lambda: painted).image, FACE) == PAINT for frame in frames)
    steady.forget()
    assert at(steady.compose(frames[0], painted, lambda: painted).image, FACE) == PAINT
