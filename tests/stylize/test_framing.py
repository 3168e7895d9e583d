"""Tests of auto-framing: calm, smooth, within its limits, and everybody in the picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stylecam.media.frame import Box, Size
from stylecam.stylize.framing import LOST_S, MAX_ACCELERATION, MAX_ENLARGEMENT, MAX_SPEED, Framer
from stylecam.stylize.room import Framing

SHAPE = Size(1280, 720)
FRAME_S = 1 / 30
WHOLE = Box(0, 0, 1, 1)
FOLLOWING = [Framing.GENTLE, Framing.CLOSE]


def face(x: float, y: float = 0.4, height: float = 0.16) -> Box:
    """Return a face around `x`, `y`, square in a picture of 16:9."""
    width = height * 9 / 16
    return Box(x - width / 2, y - height / 2, width, height)


@dataclass
class Evening:
    """Plays a framer through time and keeps every region."""

    picture: Size = SHAPE
    framer: Framer = field(default_factory=lambda: Framer(SHAPE))
    now: float = 5000.0
    regions: list[Box] = field(default_factory=list)

    def play(self, seconds: float, *faces: Box, framing: Framing = Framing.CLOSE, step: float = FRAME_S) -> Box:
        return self.follow(seconds, lambda _: faces, framing, step)

    def follow(
        self,
        seconds: float,
        faces: Callable[[float], tuple[Box, ...]],
        framing: Framing = Framing.CLOSE,
        step: float = FRAME_S,
    ) -> Box:
        for number in range(round(seconds / step)):
            self.now += step
            region = self.framer.crop(faces(number * step), framing, self.picture, self.now)
            self.regions.append(region or self.whole)
        return self.regions[-1]

    @property
    def whole(self) -> Box:
        ratio = (SHAPE.width / SHAPE.height) / (self.picture.width / self.picture.height)
        width, height = min(1.0, ratio), min(1.0, 1 / ratio)
        return Box((1 - width) / 2, (1 - height) / 2, width, height)

    def states(self) -> np.ndarray:
        """Return x, y and size of every region."""
        rows = [
            (one.left + one.width / 2, one.top + one.height / 2, one.width / self.whole.width) for one in self.regions
        ]
        return np.array(rows)


def holds(region: Box, inner: Box) -> bool:
    return (
        region.left <= inner.left
        and inner.right <= region.right
        and region.top <= inner.top
        and inner.bottom <= region.bottom
    )


def test_off_is_the_whole_picture() -> None:
    assert Framer(SHAPE).crop([face(0.2)], Framing.OFF, SHAPE, 1.0) is None


@pytest.mark.parametrize("framing", FOLLOWING)
@pytest.mark.parametrize("x", [0.1, 0.35, 0.5, 0.8])
def test_a_person_comes_into_the_middle(framing: Framing, x: float) -> None:
    region = Evening().play(8, face(x), framing=framing)
    reach = region.width / 2
    assert region.left + reach == pytest.approx(min(max(x, reach), 1 - reach), abs=0.02)
    assert holds(region, face(x))


def test_close_leaves_less_headroom_than_gentle() -> None:
    gentle, close = (Evening().play(8, face(0.5, 0.5, 0.25), framing=framing) for framing in FOLLOWING)
    assert close.width < gentle.width
    assert 0 < face(0.5, 0.5, 0.25).top - close.top < face(0.5, 0.5, 0.25).top - gentle.top


def test_somebody_far_away_is_enlarged_by_no_more_than_the_limit() -> None:
    assert Evening().play(8, face(0.5, 0.5, 0.04)).width == pytest.approx(1 / MAX_ENLARGEMENT)


def test_a_face_that_fills_the_picture_is_shown_whole() -> None:
    assert Evening().play(8, face(0.5, 0.5, 0.7)).width == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("framing", FOLLOWING)
def test_a_talking_head_does_not_move_the_picture(framing: Framing) -> None:
    evening = Evening()
    rest = evening.play(8, face(0.4), framing=framing)

    def talk(at: float) -> tuple[Box, ...]:
        nod, sway = math.sin(9 * at), math.sin(2 * at)
        return (face(0.4 + 0.02 * sway, 0.4 + 0.02 * nod, 0.16 * (1 + 0.08 * nod)),)

    evening.follow(60, talk, framing)
    assert set(evening.regions[-1700:]) == {rest}


def test_a_lean_to_the_side_that_is_taken_back_at_once_does_not_move_the_picture() -> None:
    evening = Evening()
    rest = evening.play(8, face(0.4))
    evening.play(0.3, face(0.55))
    assert evening.play(2, face(0.4)) == rest


def test_a_walk_is_followed_and_the_picture_rests_after_it() -> None:
    evening = Evening()
    evening.play(8, face(0.3))
    evening.follow(4, lambda at: (face(0.3 + 0.1 * at),))
    assert holds(evening.regions[-1], face(0.7))
    evening.play(6, face(0.7))
    assert len(set(evening.regions[-30:])) == 1
    middle = evening.regions[-1].left + evening.regions[-1].width / 2
    assert middle == pytest.approx(1 - evening.regions[-1].width / 2, abs=0.03)


@pytest.mark.parametrize("framing", FOLLOWING)
def test_two_people_are_both_in_the_picture(framing: Framing) -> None:
    region = Evening().play(8, face(0.3), face(0.68), framing=framing)
    assert holds(region, face(0.3))
    assert holds(region, face(0.68))
    assert region.width < 1


def test_two_people_at_both_ends_are_shown_in_the_whole_picture() -> None:
    assert Evening().play(8, face(0.06), face(0.94)) == WHOLE


def test_one_of_two_who_is_not_seen_for_a_moment_stays_in_the_picture() -> None:
    evening = Evening()
    rest = evening.play(8, face(0.3), face(0.68))
    assert evening.play(LOST_S - 0.5, face(0.3)) == rest
    assert evening.play(12, face(0.3)).left < rest.left


def test_without_anybody_it_goes_back_slowly() -> None:
    evening = Evening()
    rest = evening.play(8, face(0.3))
    assert evening.play(LOST_S - 0.5) == rest
    evening.play(2)
    assert not np.isclose(evening.regions[-1].width, 1)
    assert evening.play(20) == WHOLE


def test_switched_off_it_glides_back() -> None:
    evening = Evening()
    evening.play(8, face(0.3))
    assert evening.play(FRAME_S, face(0.3), framing=Framing.OFF).width < 0.75
    assert evening.play(6, face(0.3), framing=Framing.OFF) == WHOLE


@pytest.mark.parametrize("change", ["forget", "picture"])
def test_another_camera_is_shown_whole_at_once(change: str) -> None:
    evening = Evening()
    evening.play(8, face(0.3))
    if change == "forget":
        evening.framer.forget()
    else:
        evening.picture = Size(1920, 1080)
    assert evening.play(FRAME_S, face(0.3)) == WHOLE


def test_a_head_that_the_shape_of_the_output_would_cut_off_is_shown() -> None:
    evening = Evening(Size(640, 480))  # of its height the output shows three quarters
    head = Box(0.45, 0.06, 0.1, 0.133)
    assert not holds(evening.whole, head)
    assert holds(evening.play(8, head), head)


def test_a_pause_is_no_jump() -> None:
    evening = Evening()
    evening.play(2, face(0.3))
    before = evening.regions[-1]
    evening.now += 60
    assert evening.play(FRAME_S, face(0.3)).left - before.left <= MAX_SPEED


faces = st.lists(st.builds(face, st.floats(0, 1), st.floats(0, 1), st.floats(0.02, 1.2)), max_size=3).map(tuple)
scenes = st.lists(
    st.tuples(faces, st.sampled_from(Framing), st.floats(0.1, 4), st.sampled_from([1 / 60, FRAME_S, 0.2])),
    min_size=1, max_size=5,
)  # fmt: skip
pictures = st.sampled_from([SHAPE, Size(640, 480), Size(720, 1280), Size(1920, 1080)])


def play(picture: Size, played: list[tuple[tuple[Box, ...], Framing, float, float]]) -> Iterator[tuple[Evening, float]]:
    """Play each scene and yield the evening so far and the seconds between its frames."""
    evening = Evening(picture)
    for shown, framing, seconds, step in played:
        evening.regions.clear()
        evening.play(seconds + 3 * step, *shown, framing=framing, step=step)
        yield evening, step


@settings(max_examples=50)
@given(pictures, scenes)
def test_it_is_always_inside_the_camera_picture_and_of_the_shape_of_the_output(
    picture: Size, played: list[tuple[tuple[Box, ...], Framing, float, float]]
) -> None:
    for evening, _ in play(picture, played):
        for region in evening.regions:
            assert region.left >= 0
            assert region.top >= 0
            assert region.right <= 1 + 1e-9
            assert region.bottom <= 1 + 1e-9
            shape = region.width * picture.width / (region.height * picture.height)
            assert shape == pytest.approx(SHAPE.width / SHAPE.height)
            assert 1 / MAX_ENLARGEMENT - 1e-9 <= region.width / evening.whole.width <= 1 + 1e-9


@settings(max_examples=50)
@given(pictures, scenes)
def test_it_is_never_faster_than_its_limits(
    picture: Size, played: list[tuple[tuple[Box, ...], Framing, float, float]]
) -> None:
    for evening, step in play(picture, played):
        speeds = np.diff(evening.states(), axis=0) / step
        assert np.abs(speeds).max() <= MAX_SPEED * 1.01
        assert np.abs(np.diff(speeds, axis=0)).max(initial=0) / step <= MAX_ACCELERATION * 1.05


@settings(max_examples=30)
@given(pictures, faces, faces, st.sampled_from(FOLLOWING))
def test_it_goes_from_rest_to_rest_without_swinging(
    picture: Size, before: tuple[Box, ...], after: tuple[Box, ...], framing: Framing
) -> None:
    evening = Evening(picture)
    for shown in before, after:
        evening.regions.clear()
        evening.play(20, *shown, framing=framing, step=0.1)
        assert len(set(evening.regions[-10:])) == 1
        for way in np.diff(evening.states(), axis=0).T:
            assert (way >= -1e-9).all() or (way <= 1e-9).all()
