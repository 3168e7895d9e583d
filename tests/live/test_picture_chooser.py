"""Choosing what is published: a camera picture only where the look asks for it, and otherwise a painting or a cover."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from stylecam.control.state import LiveState
from stylecam.live.picture_chooser import PictureChooser
from stylecam.media.frame import Frame, Size
from stylecam.media.overlays import panic_cover, starting_cover
from stylecam.media.testing import gray_image
from stylecam.models.style_mix import StyleMix
from stylecam.stylize.look import ALL_BARE, ALL_PAINTED, Content, Exposure, Look, Visibility
from stylecam.stylize.room import Paint, Room
from stylecam.stylize.styled_frame import StyledFrame
from stylecam.utils.languages import Language
from tests.doubles import frame, model
from tests.live.fixtures import SIZE

BANK = model("bank", 2)
PAINTING = LiveState(Look(StyleMix(BANK, (1.0, 0.0), "bank")))
ASKS_FOR_RAW = {
    "style none": LiveState(Look(None)),
    "bypass": LiveState(PAINTING.look, bypass=True),
    "strength 0": PAINTING.with_look(strength=0.0),
}
LOUD = Language("xx", {}, {text: text.upper() for text in ("stylecam is starting", "the camera is off")})
PANIC = Frame(gray_image(9, SIZE), 0, 0.0)


def raw(index: int = 0) -> StyledFrame:
    return StyledFrame(frame(index, image=gray_image(255, SIZE)), ALL_BARE, 0.0)


def painted(index: int = 0) -> StyledFrame:
    return StyledFrame(frame(index, image=gray_image(51, SIZE)), ALL_PAINTED, 0.0)


@pytest.fixture
def chooser() -> PictureChooser:
    return PictureChooser(SIZE, PANIC)


@pytest.mark.parametrize("state", ASKS_FOR_RAW.values(), ids=ASKS_FOR_RAW)
def test_a_camera_picture_is_shown_where_the_look_asks_for_it(chooser: PictureChooser, state: LiveState) -> None:
    assert chooser.offer(raw(), state)
    assert chooser.choose(state).content is Content.RAW
    assert chooser.choose(state).frame.image.min() == 255


def test_a_camera_picture_is_refused_while_the_look_asks_for_a_painting(chooser: PictureChooser) -> None:
    assert not chooser.offer(raw(), PAINTING)
    assert chooser.choose(PAINTING).content is Content.COVERED
    assert chooser.choose(PAINTING).frame.index < 0


@pytest.mark.parametrize("state", ASKS_FOR_RAW.values(), ids=ASKS_FOR_RAW)
def test_a_camera_picture_is_gone_as_soon_as_the_look_asks_for_a_painting(
    chooser: PictureChooser, state: LiveState
) -> None:
    chooser.offer(painted(0), PAINTING)
    chooser.offer(raw(1), state)
    chosen = chooser.choose(PAINTING)
    assert (chosen.frame.index, chosen.content) == (0, Content.COVERED)


def test_a_frozen_camera_picture_is_gone_as_soon_as_the_look_asks_for_a_painting(chooser: PictureChooser) -> None:
    chooser.offer(raw(0), LiveState(PAINTING.look, bypass=True))
    frozen = LiveState(PAINTING.look, frozen=True)
    assert not chooser.holds_picture(frozen)
    assert chooser.choose(frozen).frame.index < 0
    assert chooser.offer(painted(1), frozen)
    assert chooser.choose(frozen).frame.index == 1


def test_while_frozen_no_new_picture_is_shown(chooser: PictureChooser) -> None:
    frozen = LiveState(PAINTING.look, frozen=True)
    chooser.offer(painted(0), PAINTING)
    chooser.offer(painted(1), frozen)
    assert chooser.choose(frozen).frame.index == 0
    assert chooser.choose(frozen).content is Content.COVERED


@pytest.mark.parametrize("state", [LiveState(panic=True), LiveState(resting=True)], ids=["panic", "camera off"])
def test_a_cover_goes_before_everything(chooser: PictureChooser, state: LiveState) -> None:
    chooser.offer(raw(), state)
    chosen = chooser.choose(state)
    assert chosen.content is Content.COVERED
    assert np.mean(chosen.frame.image) < 60


def test_where_nothing_is_painted_the_card_says_so_without_the_reason(chooser: PictureChooser) -> None:
    chooser.stopped = True
    card = chooser.choose(PAINTING)
    assert card.content is Content.COVERED
    assert np.array_equal(card.frame.image, panic_cover(SIZE, "the painting has stopped"))


def test_the_cards_speak_the_chosen_language_also_at_another_size() -> None:
    chooser = PictureChooser(SIZE, PANIC, language=LOUD)
    for size in (SIZE, Size(320, 180)):
        chooser.resize(size, PANIC)
        assert np.array_equal(chooser.choose(PAINTING).frame.image, starting_cover(size, "STYLECAM IS STARTING"))
        off = chooser.choose(LiveState(resting=True)).frame.image
        assert np.array_equal(off, starting_cover(size, "THE CAMERA IS OFF"))


def test_a_painting_that_is_held_counts_as_covered(chooser: PictureChooser) -> None:
    chooser.offer(painted(), PAINTING)
    assert chooser.choose(PAINTING).content is Content.PAINTED
    chooser.stopped = True
    assert chooser.choose(PAINTING).content is Content.COVERED


def test_what_is_forgotten_is_never_shown_again(chooser: PictureChooser) -> None:
    chooser.offer(painted(), PAINTING)
    chooser.forget(PAINTING)
    assert chooser.choose(PAINTING).frame.index < 0


@pytest.mark.parametrize(
    ("state", "content"),
    [
        (PAINTING, Content.PAINTED),
        *((state, Content.RAW) for state in ASKS_FOR_RAW.values()),
        (LiveState(panic=True), Content.COVERED),
        (LiveState(frozen=True), Content.COVERED),
        (LiveState(PAINTING.look, resting=True), Content.COVERED),
    ],
)
def test_a_live_state_says_what_others_are_to_see(state: LiveState, content: Content) -> None:
    assert state.requested_content is content


FROZEN = LiveState(PAINTING.look, frozen=True)


def test_a_frozen_picture_is_kept_while_nobody_watches(chooser: PictureChooser) -> None:
    chooser.offer(painted(0), PAINTING)
    chooser.forget(FROZEN)
    chooser.offer(painted(1), FROZEN)
    assert chooser.choose(FROZEN).frame.index == 0


def test_once_the_camera_was_off_a_card_stands_for_the_frozen_picture_until_the_freeze_ends(
    chooser: PictureChooser,
) -> None:
    chooser.offer(painted(0), PAINTING)
    chooser.forget(LiveState(PAINTING.look, frozen=True, resting=True))
    assert chooser.holds_picture(FROZEN)
    chooser.offer(painted(1), FROZEN)
    assert chooser.choose(FROZEN).frame.index < 0
    chooser.offer(painted(2), PAINTING)
    assert chooser.choose(PAINTING).frame.index == 2
    chooser.offer(painted(3), FROZEN)
    assert chooser.choose(FROZEN).frame.index == 2


def test_a_freeze_that_outlived_its_program_shows_a_card_and_no_new_picture() -> None:
    chooser = PictureChooser(SIZE, PANIC, frozen=True)
    assert chooser.holds_picture(FROZEN)
    chooser.offer(painted(0), FROZEN)
    chosen = chooser.choose(FROZEN)
    assert (chosen.frame.index, chosen.content) == (-1, Content.COVERED)
    chooser.offer(painted(1), PAINTING)
    assert chooser.choose(PAINTING).frame.index == 1


HIDING = PAINTING.with_look(room=Room.parse("blur"))
HIDDEN_BEHIND_PAINTING, HIDDEN_BEHIND_PERSON = HIDING.look.exposure, HIDING.with_look(strength=0.0).look.exposure
ROOM_PAINTED = PAINTING.with_look(paint=Paint.ROOM)


def picture(exposure: Exposure, index: int = 0) -> StyledFrame:
    return StyledFrame(frame(index, image=gray_image(51, SIZE)), exposure, 0.0)


@pytest.mark.parametrize("state", [HIDING, replace(HIDING, bypass=True)], ids=["painted", "bypass"])
@pytest.mark.parametrize("exposure", [ALL_BARE, ALL_PAINTED, ROOM_PAINTED.look.exposure])
def test_while_the_room_is_hidden_nothing_that_shows_it_is_chosen(
    chooser: PictureChooser, state: LiveState, exposure: Exposure
) -> None:
    chooser.offer(picture(exposure), ROOM_PAINTED.with_look(strength=0.0))
    assert not chooser.offer(picture(exposure), state)
    assert chooser.choose(state).frame.index < 0


def test_a_bypass_shows_the_person_and_goes_on_hiding_the_room(chooser: PictureChooser) -> None:
    bypass = replace(HIDING, bypass=True)
    assert bypass.requested_content is Content.PERSON
    assert chooser.offer(picture(HIDDEN_BEHIND_PERSON), bypass)
    assert chooser.choose(bypass).content is Content.PERSON
    assert not chooser.offer(picture(HIDDEN_BEHIND_PERSON, 1), HIDING)
    assert chooser.choose(HIDING).frame.index < 0


def test_a_frozen_picture_that_shows_the_room_is_gone_as_soon_as_the_room_is_hidden(chooser: PictureChooser) -> None:
    frozen = replace(PAINTING, frozen=True)
    chooser.offer(picture(ALL_PAINTED), PAINTING)
    assert chooser.choose(frozen).frame.index == 0
    assert chooser.choose(replace(HIDING, frozen=True)).frame.index < 0


def test_the_last_picture_that_may_be_shown_is_held(chooser: PictureChooser) -> None:
    chooser.offer(picture(HIDDEN_BEHIND_PAINTING, 1), HIDING)
    chooser.offer(picture(ALL_PAINTED, 2), PAINTING)
    assert chooser.choose(HIDING).frame.index == 1
    assert chooser.choose(HIDING).content is Content.COVERED


def test_a_person_as_the_camera_sees_them_is_gone_as_soon_as_all_is_to_be_painted(chooser: PictureChooser) -> None:
    assert ROOM_PAINTED.requested_content is Content.PAINTED
    assert chooser.offer(picture(Exposure(Visibility.BARE, Visibility.PAINTED)), ROOM_PAINTED)
    assert chooser.choose(ROOM_PAINTED).content is Content.PAINTED
    assert chooser.choose(PAINTING).frame.index < 0


def test_a_picture_may_be_offered_while_another_thread_chooses(chooser: PictureChooser) -> None:
    plain, seen = LiveState(Look(None)), [Visibility.HIDDEN, Visibility.PAINTED]

    class Watched(LiveState):
        @property
        def visible_look(self) -> Look:
            if seen:  # the publish thread comes in between
                chooser.offer(picture(Exposure(seen.pop(), Visibility.BARE)), plain)
            return HIDING.look

    chooser.offer(picture(ALL_PAINTED), plain)
    assert chooser.choose(Watched()).content is Content.COVERED
    assert not seen
