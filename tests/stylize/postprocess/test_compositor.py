"""Tests of putting the person and the room together: what is shown of each, and that a hidden room stays hidden."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from stylecam.media.frame import Image, Size
from stylecam.models.model import Model
from stylecam.models.style_mix import StyleMix
from stylecam.stylize.look import Look
from stylecam.stylize.postprocess.compositor import RoomCompositor, blurred, hiding, mixed
from stylecam.stylize.room import Paint, Room

SIZE = Size(320, 180)
STYLE = StyleMix(Model(Path("style.onnx"), b"", 1, False, {}, "key"), (1.0,), "style")
WALL, SHIRT, PAINT = (40, 200, 90), (10, 20, 30), (240, 240, 240)


def scene() -> tuple[Image, npt.NDArray[np.uint8]]:
    """Return a camera picture of somebody before a wall, and where they are; with a soft edge."""
    view: Image = np.full((180, 320, 3), WALL, np.uint8)
    view[60:, 120:200] = SHIRT
    share = np.zeros((180, 320), np.uint8)
    share[60:, 120:200] = 255
    return view, np.asarray(cv2.blur(share, (5, 5)), np.uint8)


def composed(look: Look, share: npt.NDArray[np.uint8] | None, painted: bool = True) -> Image:
    """Return the picture of the scene for `look`."""
    view, _ = scene()
    painting: Image | None = np.full_like(view, PAINT) if painted else None
    faults: list[str] = []
    picture = RoomCompositor(SIZE, lambda kind, message: faults.append(message)).compose(
        painting, view, share, look, 0.0
    )
    assert not faults
    return picture


def at(picture: Image, place: str) -> tuple[int, ...]:
    """Return the color in the middle of the person or of the wall."""
    y, x = {"person": (130, 160), "wall": (90, 40)}[place]
    return tuple(int(value) for value in picture[y, x])


@pytest.mark.parametrize(
    ("paint", "room", "person", "wall"),
    [
        (Paint.EVERYTHING, "camera", PAINT, PAINT),
        (Paint.PERSON, "camera", PAINT, WALL),
        (Paint.ROOM, "camera", SHIRT, PAINT),
        (Paint.ROOM, "color:black", SHIRT, PAINT),
        (Paint.PERSON, "color:#010203", PAINT, (3, 2, 1)),
        (Paint.EVERYTHING, "color:#010203", PAINT, (3, 2, 1)),
        (Paint.PERSON, "none", PAINT, (0, 0, 0)),
        (Paint.PERSON, "blur", PAINT, WALL),
    ],
)
def test_person_and_room_are_shown_as_the_look_says(paint: Paint, room: str, person: Any, wall: Any) -> None:
    picture = composed(Look(STYLE, paint=paint, room=Room.parse(room)), scene()[1])
    assert at(picture, "person") == person
    assert np.abs(np.subtract(at(picture, "wall"), wall)).max() <= 1


def test_a_person_without_a_painting_stands_before_the_hidden_room() -> None:
    picture = composed(Look(room=Room.parse("color:#010203")), scene()[1], painted=False)
    assert (at(picture, "person"), at(picture, "wall")) == (SHIRT, (3, 2, 1))


@pytest.mark.parametrize("painted", [True, False])
@pytest.mark.parametrize("room", ["color:#010203", "none", "blur:0", "blur:1"])
def test_without_a_mask_a_hidden_room_covers_everything(room: str, painted: bool) -> None:
    view, _ = scene()
    view[20:40, 20:60:2] = 255  # writing on the wall
    picture = RoomCompositor(SIZE, lambda *_: None).compose(
        np.full_like(view, PAINT) if painted else None, view, None, Look(room=Room.parse(room)), 0.0
    )
    assert int(picture[25:35, 30:50].std(axis=1).max()) <= 2


@pytest.mark.parametrize("paint", list(Paint))
def test_without_a_mask_everything_is_painted_where_nothing_is_hidden(paint: Paint) -> None:
    picture = composed(Look(STYLE, paint=paint), None)
    assert (at(picture, "person"), at(picture, "wall")) == (PAINT, PAINT)


def test_a_backdrop_that_cannot_be_read_is_reported_once_and_something_else_hides_the_room(tmp_path: Path) -> None:
    view, share = scene()
    faults: list[str] = []
    compositor = RoomCompositor(SIZE, lambda kind, message: faults.append(message))
    look = Look(room=Room.parse(f"picture:{tmp_path / 'gone.png'}"))
    pictures = [compositor.compose(None, view, share, look, now) for now in (0.0, 0.1)]
    assert len(faults) == 1
    assert "gone.png" in faults[0]
    assert all(at(picture, "wall") != WALL and at(picture, "person") == SHIRT for picture in pictures)


def test_a_backdrop_stands_in_place_of_the_room(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "beach.png"), np.full((360, 640, 3), (200, 150, 100), np.uint8))
    view, share = scene()
    compositor = RoomCompositor(SIZE, lambda *_: None)
    look = Look(room=Room.parse(f"picture:{tmp_path / 'beach.png'}"))
    picture = compositor.compose(None, view, share, look, 0.0)
    assert (at(picture, "person"), at(picture, "wall")) == (SHIRT, (200, 150, 100))
    compositor.forget()
    assert np.array_equal(compositor.compose(None, view, share, look, 0.0), picture)


def test_the_edge_of_a_person_is_soft_but_a_hidden_room_does_not_shine_through_far_from_it() -> None:
    _, share = scene()
    hidden = hiding(share)
    assert hidden.max() == 255
    assert (hidden[share <= 64] == 0).all()
    assert np.count_nonzero((hidden > 0) & (hidden < 255)) > 0


def test_a_blur_keeps_the_colors_of_the_person_out() -> None:
    view, share = scene()
    soft = blurred(view, 0.5, share)
    assert np.abs(soft[100, 105].astype(int) - WALL).max() <= 3  # close to the person, whose shirt is dark
    assert np.abs(blurred(view, 0.5)[100, 112].astype(int) - WALL).max() > 20


def test_the_weakest_blur_leaves_no_stripe_that_could_be_read() -> None:
    view: Image = np.zeros((720, 1280, 3), np.uint8)
    width = 24  # the strokes of letters a sixth of the picture high
    view[:, (np.arange(1280) // width) % 2 == 0] = 255
    assert float(blurred(view, 0.0)[:, 100:-100].std()) < 255 / 2 * 0.1


def test_two_pictures_are_mixed_by_their_shares_to_the_level() -> None:
    rng = np.random.default_rng(0)
    below, above = (rng.integers(0, 256, (40, 60, 3), dtype=np.uint8) for _ in range(2))
    share = rng.integers(0, 256, (40, 60), dtype=np.uint8)
    share[:10], share[10:20] = 0, 255
    exact = below + (above.astype(float) - below) * (share / 255)[..., None]
    assert np.abs(mixed(below, above, share) - exact).max() <= 0.51
    assert np.array_equal(mixed(below, above, share)[:10], below[:10])
    assert np.array_equal(mixed(below, above, share)[10:20], above[10:20])
