"""What a look shows of the person and of the room, and what may stand for it."""

from __future__ import annotations

import itertools

import pytest

from stylecam.models.style_mix import StyleMix
from stylecam.stylize.look import ALL_BARE, ALL_PAINTED, Content, Exposure, Look, Visibility
from stylecam.stylize.room import Paint, Room
from tests.doubles import model

BANK = model("bank", 2)
MAIN, OTHER = StyleMix(BANK, (1.0, 0.0), "main"), StyleMix(BANK, (0.0, 1.0), "other")
HIDDEN, PAINTED, BARE = Visibility
HIDING = ("blur", "color:#00ff00", "picture:a.png", "none")


def look(paint: str, room: str, mix: StyleMix | None = MAIN, strength: float = 1.0) -> Look:
    return Look(
        mix, OTHER if room.startswith("style") else None, paint=Paint(paint), room=Room.parse(room), strength=strength
    )


@pytest.mark.parametrize(
    ("paint", "room", "shown", "mask"),
    [
        ("everything", "camera", (PAINTED, PAINTED), False),
        ("person", "camera", (PAINTED, BARE), True),
        ("everything", "style:other", (PAINTED, PAINTED), True),
        ("person", "style:other", (PAINTED, PAINTED), True),
        *((paint, room, (PAINTED, HIDDEN), True) for paint in ("everything", "person") for room in HIDING),
        *(("room", room, (BARE, PAINTED), True) for room in ("camera", "style:other", *HIDING)),
    ],
)
def test_a_style_paints_what_paint_and_room_say(
    paint: str, room: str, shown: tuple[Visibility, Visibility], mask: bool
) -> None:
    made = look(paint, room)
    assert (made.exposure, made.needs_mask) == (shown, mask)
    assert made.paints
    assert made.exposure.content is Content.PAINTED


@pytest.mark.parametrize("plain", [{"mix": None}, {"strength": 0.0}], ids=["style none", "strength 0"])
@pytest.mark.parametrize("paint", ["everything", "person"])
@pytest.mark.parametrize("room", HIDING)
def test_a_hidden_room_stays_hidden_behind_a_person_who_is_not_painted(
    paint: str, room: str, plain: dict[str, float]
) -> None:
    made = look(paint, room, **plain)  # type: ignore[arg-type]
    assert (made.hides_room, made.needs_mask, made.paints) == (True, True, False)
    assert made.exposure == (BARE, HIDDEN)
    assert made.exposure.content is Content.PERSON


@pytest.mark.parametrize("paint", ["everything", "person", "room"])
def test_the_plain_camera_is_shown_only_where_nothing_is_painted_or_hidden(paint: str) -> None:
    made = look(paint, "camera", None)
    assert (made.exposure.content, made.needs_mask) == (Content.RAW, False)


def test_the_room_can_be_painted_behind_a_person_in_no_style() -> None:
    made = look("person", "style:other", None)
    assert (made.exposure, made.paints, made.needs_mask) == ((BARE, PAINTED), True, True)
    assert look("person", "style:other", None, strength=0.0).exposure == ALL_BARE


def test_a_picture_may_stand_for_a_look_only_if_it_shows_no_more() -> None:
    everything = [Exposure(*pair) for pair in itertools.product(Visibility, repeat=2)]
    assert [shown for shown in everything if shown.within(ALL_BARE)] == everything
    assert not ALL_BARE.within(ALL_PAINTED)
    assert [shown for shown in everything if shown.within(Exposure(BARE, HIDDEN))] == [
        (HIDDEN, HIDDEN), (PAINTED, HIDDEN), (BARE, HIDDEN)
    ]  # fmt: skip


def test_what_shows_nothing_of_the_camera_is_covered() -> None:
    assert Exposure(HIDDEN, HIDDEN).content is Content.COVERED
