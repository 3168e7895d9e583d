"""Tests of following faces for looks that frame them or keep them clear."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest

from stylecam.errors import EngineRunError
from stylecam.media.frame import Box, Frame, Image, Size
from stylecam.models.style_mix import StyleMix
from stylecam.stylize.face import FaceTracker
from stylecam.stylize.face_follower import FaceFollower
from stylecam.stylize.frame_stylizer import PADDING, FrameStylizer
from stylecam.stylize.look import Look
from stylecam.stylize.room import Framing, Paint
from stylecam.utils.clock import ManualClock
from stylecam.utils.metrics import StageTimes
from tests.doubles import ManualSessionPool, TintEngine, model, until
from tests.engines.fixtures import engine_on, photo

SIZE = Size(160, 90)
STYLE = StyleMix(model(), (1.0,), "style")
CAMERA, PAINT = 200, 20


class FixedFace:
    """A tracker that sees one face at a fixed place, or fails."""

    def __init__(self) -> None:
        self.fails = False
        self.updates = 0
        self.faces = [Box(0.6, 0.3, 0.1, 0.2)]

    def prepare(self) -> None:
        pass

    def forget(self) -> None:
        pass

    def update(self, image: Image, now: float) -> None:
        self.updates += 1
        if self.fails:
            raise EngineRunError("the network does not run")

    @property
    def presences(self) -> tuple[float, ...]:
        return (1.0,)

    def share(self, view: object, size: Size) -> Image:
        share = np.zeros((size.height, size.width), np.uint8)
        share[40:50, 100:110] = 255
        return share


class Followed:
    """A follower with a tracker of a fixed face, and what it reports."""

    def __init__(self, clock: ManualClock) -> None:
        self.tracker, self.faults = FixedFace(), list[str]()
        self.follower = FaceFollower(
            SIZE, cast(FaceTracker, self.tracker), clock, StageTimes(clock), lambda _, text: self.faults.append(text)
        )

    def ready(self, look: Look) -> None:
        """Wait until the tracker is in use."""
        assert until(lambda: (self.follower.view(frame(0), look), self.tracker.updates)[1] > 0)


@pytest.fixture
def followed(clock: ManualClock) -> Followed:
    return Followed(clock)


def frame(number: int) -> Frame:
    return Frame(np.full((90, 160, 3), CAMERA, np.uint8), number, 1000 + number / 30)


def test_a_look_without_faces_needs_no_network(followed: Followed) -> None:
    view = followed.follower.view(frame(0), Look(STYLE))
    assert followed.tracker.updates == 0
    assert view.at(SIZE).shape == (90, 160, 3)
    painted = np.full((90, 160, 3), PAINT, np.uint8)
    assert followed.follower.clear(painted, view, followed.follower.share(view, Look(STYLE))) is painted


@pytest.mark.parametrize(("face", "level"), [(1.0, CAMERA), (0.5, (CAMERA + PAINT) // 2)])
def test_eyes_and_mouth_stay_as_clear_as_the_look_wants(followed: Followed, face: float, level: int) -> None:
    look = Look(STYLE, face=face)
    followed.ready(look)
    painted = np.full((90, 160, 3), PAINT, np.uint8)
    view = followed.follower.view(frame(1), look)
    cleared = followed.follower.clear(painted, view, followed.follower.share(view, look))
    assert abs(int(cleared[45, 105, 0]) - level) <= 1
    assert int(cleared[45, 80, 0]) == PAINT
    assert int(painted[45, 105, 0]) == PAINT


def test_a_person_who_is_not_painted_needs_no_clear_face(followed: Followed) -> None:
    look = Look(STYLE, face=1.0, paint=Paint.ROOM)
    assert followed.follower.share(followed.follower.view(frame(1), look), look) is None


def test_the_picture_follows_the_face_and_goes_back(followed: Followed) -> None:
    look = Look(STYLE, framing=Framing.CLOSE)
    followed.ready(look)
    regions = [followed.follower.view(frame(number), look).region for number in range(1, 300)]
    assert regions[-1].left > regions[0].left
    assert regions[-1].width < 0.8
    back = [followed.follower.view(frame(number), Look(STYLE)).region for number in range(300, 900)]
    assert back[-1].width == 1
    followed.follower.forget()
    assert followed.follower.view(frame(901), look).region.width == 1


def test_a_network_that_fails_is_reported_and_the_picture_goes_on(followed: Followed) -> None:
    look = Look(STYLE, face=1.0)
    followed.ready(look)
    followed.tracker.fails = True
    view = followed.follower.view(frame(1), look)
    assert followed.faults == ["the network does not run"]
    assert int(view.at(SIZE)[0, 0, 0]) == CAMERA


def test_a_face_that_is_found_while_nothing_moves_becomes_clear(clock: ManualClock) -> None:
    size = Size(640, 360)
    camera = np.full((360, 640, 3), 90, np.uint8)
    camera[50:270, 200:420] = photo(512, 512)[20:240, 110:330]
    tracker = FaceTracker(engine_on("opencv", "cpu"))
    tracker.prepare()
    pool = ManualSessionPool(TintEngine(), PADDING)
    stylizer = FrameStylizer(pool, size, 30, clock, lambda _, text: pytest.fail(text), tracker=tracker)
    look = Look(STYLE, face=1.0)
    stylizer.prepare(look)
    mouth = []
    assert until(lambda: _shown(stylizer, camera, look, clock) is not None and bool(tracker.faces))
    for _ in range(30):
        shown = _shown(stylizer, camera, look, clock)
        assert shown is not None
        mouth.append(bool((shown[175, 312] == camera[175, 312]).all()))
    assert mouth[-1]
    assert stylizer.result.reused


def _shown(stylizer: FrameStylizer, camera: Image, look: Look, clock: ManualClock) -> Image | None:
    clock.advance(1 / 30)
    styled = stylizer.stylize(Frame(camera, 0, clock.now()), look)
    return None if styled is None else styled.frame.image
