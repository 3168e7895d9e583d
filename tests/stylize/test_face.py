"""Tests of the face tracker: faces come, are followed steadily, and go; eyes and mouth are where they are."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest

from stylecam.engines.base import InferenceSession
from stylecam.errors import EngineRunError
from stylecam.media.frame import Box, Image, Size
from stylecam.media.transforms import Tensor
from stylecam.stylize.face import FaceTracker
from stylecam.stylize.postprocess.chain import FrameView
from tests.engines.fixtures import engine_on, photo

SIZE = Size(640, 360)
FRAME_S = 1 / 30
FACE = photo(512, 512)[20:240, 110:330]
"""The head of the astronaut; eyes at 95, 81 and 141, 90, mouth at 112, 125 pixels."""
MOUTH = np.array((112.0, 125.0))


def scene(x: float | None, y: float = 100.0, *, noise: int = 0) -> Image:
    """Return an empty room, or one in which the head's top left corner is at `x`, `y`."""
    image = np.full((SIZE.height, SIZE.width, 3), (90, 110, 120), np.uint8)
    if x is not None:
        shift = np.array([[1, 0, x], [0, 1, y]], np.float64)
        cv2.warpAffine(FACE, shift, SIZE, dst=image, borderMode=cv2.BORDER_TRANSPARENT)
    if noise:
        chance = np.random.default_rng(noise)
        image = np.clip(image + chance.normal(0, 4, image.shape), 0, 255).astype(np.uint8)
    return image


@dataclass
class Stream:
    """Feeds a tracker with frames, 30 a second."""

    tracker: FaceTracker
    now: float = 1000.0
    seen: list[Box | None] = field(default_factory=list)

    def show(self, image: Image, seconds: float = FRAME_S) -> None:
        for _ in range(round(seconds / FRAME_S)):
            self.now += FRAME_S
            self.tracker.update(image, self.now)
            self.seen.append(next(iter(self.tracker.faces), None))


@pytest.fixture
def stream() -> Stream:
    tracker = FaceTracker(engine_on("opencv", "cpu"))
    tracker.prepare()
    return Stream(tracker)


def share_of(stream: Stream, image: Image, *, mirror: bool = False, region: Box | None = None) -> Image | None:
    return stream.tracker.share(FrameView(image, SIZE, mirror, region), SIZE)


def test_a_face_is_there_within_a_second(stream: Stream) -> None:
    stream.show(scene(100), 1.0)
    (face,) = stream.tracker.faces
    assert abs((face.left + face.right) / 2 * SIZE.width - (100 + 116)) < 10
    assert abs((face.top + face.bottom) / 2 * SIZE.height - (100 + 108)) < 10


def test_an_empty_room_has_no_face_even_in_noise(stream: Stream) -> None:
    for number in range(60):
        stream.show(scene(None, noise=number + 1))
    assert not any(stream.seen)
    assert share_of(stream, scene(None)) is None


def test_a_face_that_leaves_has_faded_after_a_third_of_a_second(stream: Stream) -> None:
    stream.show(scene(100), 1.0)
    stream.show(scene(None), 0.3)
    assert not stream.tracker.faces
    assert share_of(stream, scene(None)) is None


def test_where_a_face_was_is_nothing_after_a_jump_between_two_slow_frames(stream: Stream) -> None:
    stream.show(scene(60), 1.0)
    for x in (300, 60, 300):
        stream.now += 0.4
        image = scene(x)
        stream.show(image)
        share = share_of(stream, image)
        column, row = round(MOUTH[0] + 360 - x), 100 + round(MOUTH[1])
        assert share is None or share[row, column] == 0


def test_a_face_that_jumps_is_found_again_at_once(stream: Stream) -> None:
    stream.show(scene(60), 1.0)
    stream.show(scene(130))
    (face,) = stream.tracker.faces
    assert abs((face.left + face.right) / 2 * SIZE.width - (130 + 116)) < 12


def test_a_face_fades_in_and_out_softly(stream: Stream) -> None:
    levels = []
    for image in [scene(100)] * 40 + [scene(None)] * 25:
        stream.show(image)
        share = share_of(stream, image)
        levels.append(0 if share is None else int(share.max()))
    assert max(levels) == 255
    assert np.abs(np.diff(levels)).max() < 80


def test_a_resting_face_is_steady_in_noise(stream: Stream) -> None:
    for number in range(90):
        stream.show(scene(100, noise=number + 1))
    lefts = [face.left * SIZE.width for face in stream.seen[45:] if face is not None]
    assert len(lefts) == 45
    assert np.abs(np.diff(lefts)).max() < 0.8


def test_a_moving_face_is_followed_without_lag(stream: Stream) -> None:
    stream.show(scene(60), 1.0)
    offsets = []
    for step in range(45):
        x = 60 + 6 * step  # 180 pixels a second, more than its own width
        stream.show(scene(x))
        (face,) = stream.tracker.faces
        offsets.append((face.left + face.right) / 2 * SIZE.width - (x + 116))
    assert np.abs(offsets).max() < 15


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("region", [None, Box(0.05, 0.2, 0.75, 0.75)], ids=["whole", "part"])
def test_mouth_and_eyes_are_clear_and_the_rest_is_not(stream: Stream, mirror: bool, region: Box | None) -> None:
    image = scene(100)
    stream.show(image, 1.2)
    share = share_of(stream, image, mirror=mirror, region=region)
    assert share is not None
    view = FrameView(image, SIZE, mirror, region)
    spots = np.array((MOUTH, (95.0, 81.0), (141.0, 90.0), (112.0, 20.0), (30.0, 200.0))) + 100
    mouth, right_eye, left_eye, hair, shoulder = (int(share[round(y), round(x)]) for x, y in view.locate(spots, SIZE))
    assert min(mouth, right_eye, left_eye) == 255
    assert max(hair, shoulder) == 0
    assert (share > 0).mean() < 0.1


def test_the_share_is_soft(stream: Stream) -> None:
    stream.show(scene(100), 1.2)
    share = share_of(stream, scene(100))
    assert share is not None
    across = share[100 + round(MOUTH[1])].astype(int)
    assert np.abs(np.diff(across)).max() < 60


def test_a_tilted_head_tilts_its_share(stream: Stream) -> None:
    turn = cv2.getRotationMatrix2D((216.0, 208.0), 25.0, 1.0)  # counterclockwise
    image = np.asarray(cv2.warpAffine(scene(100), turn, SIZE, borderMode=cv2.BORDER_REPLICATE), np.uint8)
    stream.show(image, 1.2)
    share = share_of(stream, image)
    assert share is not None
    eyes = turn @ np.array(((195.0, 181.0, 1.0), (241.0, 190.0, 1.0))).T
    assert all(share[round(y), round(x)] == 255 for x, y in eyes.T)


def test_two_faces_are_both_followed(stream: Stream) -> None:
    image = scene(20)
    image[:, SIZE.width // 2 :] = scene(20)[:, : SIZE.width // 2]
    stream.show(image, 1.8)
    assert len(stream.tracker.faces) == 2


def test_another_size_of_picture_forgets_the_faces(stream: Stream) -> None:
    stream.show(scene(100), 1.0)
    stream.show(np.zeros((480, 640, 3), np.uint8))
    assert not stream.tracker.faces


def test_without_a_network_there_is_no_face() -> None:
    tracker = FaceTracker(engine_on("opencv", "cpu"))
    Stream(tracker).show(scene(100), 0.5)
    assert not tracker.faces
    assert tracker.share(FrameView(scene(100), SIZE), SIZE) is None


def test_a_network_that_fails_leaves_no_face_behind_and_is_tried_again(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(session: InferenceSession, image: Tensor, weights: tuple[float, ...]) -> Tensor:
        raise MemoryError("no memory left")

    stream.show(scene(100), 1.0)
    assert stream.tracker.faces
    kind = type(stream.tracker._detector._session)  # type: ignore[union-attr]
    with monkeypatch.context() as broken:
        broken.setattr(kind, "run", fail)
        with pytest.raises(EngineRunError, match="no memory left"):
            stream.show(scene(100), 1.0)
    assert not stream.tracker.faces
    stream.show(scene(100), 7.0)
    assert stream.tracker.faces


def test_how_far_faces_have_faded_in_is_told(stream: Stream) -> None:
    told = []
    for image in [scene(None)] * 10 + [scene(100)] * 50 + [scene(None)] * 40:
        stream.show(image)
        told.append(stream.tracker.presences)
    assert told[9] == told[-1] == ()
    assert told[59] == (1.0,)
    assert any(0 < each[0] < 1 for each in told[10:60] if each)
    assert any(0 < each[0] < 1 for each in told[60:] if each)


def test_after_a_pause_no_face_is_where_one_was(stream: Stream) -> None:
    stream.show(scene(100), 1.0)
    stream.now += 5
    stream.show(scene(None))
    assert not stream.tracker.faces
