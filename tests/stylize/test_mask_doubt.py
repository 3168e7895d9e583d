"""Tests of the doubt about masks: who vanishes without the camera seeing a change has not left."""

from __future__ import annotations

import numpy as np
import pytest

from stylecam.media.frame import Image
from stylecam.stylize.mask_doubt import MaskDoubt
from stylecam.stylize.postprocess.mask_filter import Mask, seen_by

NOBODY: Mask = np.zeros((256, 256), np.float32)


def person(left: int = 60, width: int = 100) -> Mask:
    mask: Mask = NOBODY.copy()
    mask[80:, left : left + width] = 1
    return mask


def picture_of(mask: Mask, light: int = 0) -> Image:
    """A patterned room, and a person in dark clothes where the mask is."""
    rows, columns = np.mgrid[0:256, 0:256]
    room = (120 + 60 * np.sin(columns / 9) * np.sin(rows / 7) + light).astype(np.uint8)
    image: Image = np.where(mask > 0.5, np.uint8(40 + light), room)[..., None].repeat(3, 2)
    return image


def after(*believed: Mask) -> MaskDoubt:
    """Doubt after masks that agree with the camera."""
    doubt = MaskDoubt()
    for at, mask in enumerate(believed):
        assert doubt.believes(mask, seen_by(picture_of(mask)), at / 30)
    return doubt


def test_a_person_who_leaves_is_believed_to_have_left() -> None:
    doubt = after(person())
    assert doubt.believes(NOBODY, seen_by(picture_of(NOBODY)), 0.1)


def test_a_person_who_walks_out_is_believed_to_have_left() -> None:
    after(*(person(left) for left in range(60, 260, 20)), NOBODY, NOBODY)


def test_a_person_who_vanishes_while_the_camera_still_sees_them_has_not_left() -> None:
    doubt = after(person())
    for at in range(1, 300):
        assert not doubt.believes(NOBODY, seen_by(picture_of(person())), at / 30), "however long it lasts"
    assert doubt.believes(person(), seen_by(picture_of(person())), 11)


def test_that_they_sway_or_the_light_flickers_does_not_make_them_leave() -> None:
    doubt = after(person())
    assert not doubt.believes(NOBODY, seen_by(picture_of(person(66), light=3)), 0.1)


def test_a_failure_between_does_not_make_them_leave() -> None:
    doubt = after(person())
    assert not doubt.believes(np.full_like(NOBODY, np.nan), seen_by(picture_of(person())), 0.1)
    assert not doubt.believes(NOBODY, seen_by(picture_of(person())), 0.2)


def test_what_rounding_adds_to_a_share_is_no_failure() -> None:
    after(person() * np.float32(1.0000001))


def test_the_room_is_not_taken_for_the_person_around_it() -> None:
    assert not MaskDoubt().believes(1 - person(), seen_by(picture_of(person())), 0.0)
    doubt = after(person())
    for at in range(1, 200):
        place = person(60 + at % 90)
        assert not doubt.believes(1 - place, seen_by(picture_of(place)), at / 30), "however long it lasts"


def test_a_person_close_to_the_camera_is_believed() -> None:
    after(person(0, 250), person(0, 250))


def test_an_empty_room_stays_empty() -> None:
    after(NOBODY, NOBODY, NOBODY)


def test_a_person_who_comes_is_believed_at_once() -> None:
    after(NOBODY, person(), person())


def test_what_becomes_person_although_nothing_changed_is_believed_only_after_a_while() -> None:
    doubt = after(person())
    more, seen = person(0, 250), seen_by(picture_of(person()))
    assert not any(doubt.believes(more, seen, 1 + at / 30) for at in range(14))
    assert doubt.believes(more, seen, 1.6)


def test_what_flashes_up_again_and_again_is_never_believed() -> None:
    doubt = after(person())
    more, seen = person(0, 250), seen_by(picture_of(person()))
    for at in range(60):
        assert not doubt.believes(more, seen, at)
        assert doubt.believes(person(), seen, at + 0.1)


def test_what_appears_between_failures_is_not_believed() -> None:
    doubt = after(person())
    more, seen = person(0, 250), seen_by(picture_of(person()))
    for at in range(60):
        assert not doubt.believes(more, seen, at)
        assert not doubt.believes(np.full_like(NOBODY, np.nan), seen, at + 0.1)


def test_after_forgetting_the_next_mask_is_judged_by_itself() -> None:
    doubt = after(person())
    doubt.forget()
    assert doubt.believes(NOBODY, seen_by(picture_of(person())), 0.1)


@pytest.mark.parametrize("light", [-30, 25])
def test_a_person_stays_believed_when_the_light_changes(light: int) -> None:
    doubt = after(person())
    assert doubt.believes(person(), seen_by(picture_of(person(), light)), 0.1)
