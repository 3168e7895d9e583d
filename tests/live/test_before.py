"""The unpainted camera picture for the comparison on the page: only while a painting is published."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from stylecam.live import before
from stylecam.live.before import FRESH_S, unpainted_jpeg
from stylecam.media.frame import Box, Image, Size
from stylecam.media.testing import gray_image
from stylecam.utils.clock import ManualClock
from tests.live.fixtures import SIZE
from tests.live.test_pipeline import SteppedPipeline


def half_lit(size: Size) -> Image:
    """A camera picture whose left half is dark."""
    image = gray_image(250, size)
    image[:, : size.width // 2] = 10
    return image


@pytest.fixture
def running(clock: ManualClock) -> SteppedPipeline:
    running = SteppedPipeline([half_lit(Size(SIZE.width * 2, SIZE.height))] * 40, clock)
    running.step()
    return running


def jpeg_of(running: SteppedPipeline) -> bytes | None:
    return unpainted_jpeg(running.pipeline, running.control, running.clock.now())


def test_it_has_the_size_and_the_sides_of_the_published_picture(running: SteppedPipeline) -> None:
    for mirror, (left, right) in ((False, (10, 250)), (True, (250, 10))):
        running.press(f"mirror:{'on' if mirror else 'off'}")
        running.step()
        jpeg = jpeg_of(running)
        assert jpeg is not None
        shown = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert shown is not None
        assert shown.shape == running.newest.image.shape
        assert shown[:, 10].mean() == pytest.approx(left, abs=3)
        assert shown[:, -10].mean() == pytest.approx(right, abs=3)


def test_it_shows_the_part_of_the_camera_picture_that_the_published_one_shows(running: SteppedPipeline) -> None:
    running.pipeline._stylizer.region = Box(0.0, 0.0, 0.25, 0.5)  # of a picture that is twice as wide as the output
    jpeg = jpeg_of(running)
    assert jpeg is not None
    shown = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    assert shown.shape == running.newest.image.shape
    assert shown.max() < 20


@pytest.mark.parametrize(
    "command", ["panic:on", "rest:on", "freeze:on", "bypass:on", "select:none", "strength:0", "room"]
)
def test_there_is_none_from_the_moment_on_when_no_painting_is_asked_for(running: SteppedPipeline, command: str) -> None:
    assert jpeg_of(running) is not None
    running.press(command)
    running.control.apply()
    assert jpeg_of(running) is None


def test_one_that_was_encoded_while_panic_was_pressed_is_dropped(
    running: SteppedPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def encode(_: Image) -> bytes:
        running.press("panic:on")
        running.control.apply()
        return b"the camera"

    monkeypatch.setattr(before, "encode_jpeg", encode)
    assert jpeg_of(running) is None


def test_an_old_one_is_not_shown(running: SteppedPipeline, clock: ManualClock) -> None:
    clock.advance(FRESH_S * 1.1)
    assert jpeg_of(running) is None


def test_nothing_of_it_is_published(running: SteppedPipeline) -> None:
    published = len(running.sink.frames)
    assert jpeg_of(running) is not None
    assert len(running.sink.frames) == published
    running.step()
    assert running.newest.image.mean() != pytest.approx(half_lit(SIZE).mean(), abs=3)
