"""Tests of the source that fails on demand and of the sink that measures latency."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from stylecam.errors import SourceLostError
from stylecam.evaluation.performance.live_worker import TIMESTAMP_STRENGTH, FaultySource, LatencySink
from stylecam.media.frame import Frame, Image, Size
from stylecam.media.testing import ScriptedSource, gray_image
from stylecam.media.timestamp import draw_timestamp, read_timestamp
from stylecam.utils.clock import ManualClock

SIZE = Size(128, 96)


@pytest.fixture
def source(clock: ManualClock) -> FaultySource:
    made = FaultySource(ScriptedSource([gray_image()], clock), clock)
    made.open(SIZE, 30)
    return made


def test_it_delivers_the_frames_of_the_wrapped_source(source: FaultySource, clock: ManualClock) -> None:
    frames = [source.read(), source.read()]
    assert [frame.index for frame in frames if frame] == [0, 1]
    assert frames[1] is not None
    assert frames[1].captured_at == clock.now()


def test_while_it_is_lost_it_neither_reads_nor_opens(source: FaultySource, clock: ManualClock) -> None:
    source.fail(2.5)
    with pytest.raises(SourceLostError, match="script is lost"):
        source.read()
    source.close()
    clock.advance(2.4)
    with pytest.raises(SourceLostError):
        source.open(SIZE, 30)
    clock.advance(0.2)
    source.open(SIZE, 30)
    assert source.read() is not None


STAMP_SIZE = Size(640, 360)


def stamped(seconds: float, index: int = 0) -> Frame:
    image = gray_image(90, STAMP_SIZE)
    draw_timestamp(image, seconds)
    return Frame(image, index, seconds)


@pytest.fixture
def sink(clock: ManualClock) -> LatencySink:
    made = LatencySink(clock)
    made.open(STAMP_SIZE, 30)
    return made


def test_the_time_from_capture_to_the_output_is_measured(sink: LatencySink, clock: ManualClock) -> None:
    for index in range(10):
        sink.write(stamped(clock.now() - 0.020, index))
        clock.advance(1 / 30)
    seen = sink.snapshot()
    assert seen["count"] == 10
    assert seen["p50"] == pytest.approx(20.0, abs=0.3)
    assert (seen["unreadable"], seen["backwards"]) == (0, 0)


def test_a_repeated_picture_is_not_measured_again(sink: LatencySink, clock: ManualClock) -> None:
    frame = stamped(clock.now())
    sink.write(frame)
    clock.advance(5.0)
    sink.write(frame)
    assert sink.snapshot()["max"] < 1.0


def test_cards_are_ignored_and_unreadable_pictures_are_counted(sink: LatencySink) -> None:
    sink.write(Frame(gray_image(), -1, 0.0))
    sink.write(Frame(gray_image(), 3, 0.0))
    assert sink.snapshot()["unreadable"] == 1
    assert sink.snapshot()["count"] == 0


def test_pictures_out_of_order_are_counted(sink: LatencySink, clock: ManualClock) -> None:
    for ago in (0.02, 0.03):
        sink.write(stamped(clock.now() - ago))
    assert sink.snapshot()["backwards"] == 1


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_time_painted_over_can_still_be_read(level: int) -> None:
    frame = stamped(1234.5)
    painted: Image = cv2.addWeighted(
        frame.image, 1 - TIMESTAMP_STRENGTH, gray_image(level, STAMP_SIZE), TIMESTAMP_STRENGTH, 0.0
    )  # type: ignore[assignment]
    noise = np.random.default_rng(0).integers(-6, 7, painted.shape, np.int16)
    noisy = np.clip(painted.astype(np.int16) + noise, 0, 255).astype(np.uint8)
    assert read_timestamp(noisy) == pytest.approx(1234.5, abs=1e-4)
