"""Tests of the built-in portrait and of the timestamp pattern."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from stylecam.media.frame import Frame, Image, Size
from stylecam.media.sources.base import Source
from stylecam.media.sources.demo import DemoSource, TimestampSource
from stylecam.media.timestamp import read_timestamp
from stylecam.utils.clock import ManualClock

SIZE = Size(192, 128)


def read(source: Source) -> Frame:
    frame = source.read()
    assert frame is not None
    return frame


def opened(source: Source, size: Size = SIZE, fps: float = 30.0) -> Source:
    source.open(size, fps)
    return source


@pytest.mark.parametrize("make", [DemoSource, TimestampSource])
def test_built_in_sources_deliver_the_requested_rate_and_size(
    make: type[DemoSource] | type[TimestampSource], clock: ManualClock
) -> None:
    source = opened(make(clock), SIZE, 24)
    frames = [read(source) for _ in range(6)]
    assert np.diff([frame.captured_at for frame in frames]) == pytest.approx([1 / 24] * 5)
    assert all(frame.size == SIZE for frame in frames)


@pytest.mark.parametrize("size", [(64, 64), (1280, 720), (720, 1280), (2560, 720)], ids=str)
def test_the_demo_fills_any_size_without_a_border(size: tuple[int, int], clock: ManualClock) -> None:
    source = opened(DemoSource(clock), Size(*size))
    image = read(source).image
    assert image.shape == (size[1], size[0], 3)
    assert image.std() > 15


def test_the_demo_has_sensor_noise(clock: ManualClock) -> None:
    source = opened(DemoSource(clock), Size(640, 360))
    first, second = read(source).image, read(source).image
    assert 0.5 < float(cv2.absdiff(first, second).mean()) < 10


def test_the_demo_moves(clock: ManualClock) -> None:
    source = opened(DemoSource(clock), Size(640, 360))
    first = read(source).image
    clock.advance(5)
    assert float(cv2.absdiff(first, read(source).image).mean()) > 5


def test_after_a_pause_the_demo_does_not_catch_up(clock: ManualClock) -> None:
    source = opened(DemoSource(clock))
    read(source)
    clock.advance(60)
    times = [read(source).captured_at for _ in range(5)]
    assert times[-1] - times[0] >= 1.99 / 30


def _read_seconds(image: Image) -> float:
    seconds = read_timestamp(image)
    assert seconds is not None
    return seconds


def test_the_timestamp_pattern_shows_the_capture_time(clock: ManualClock) -> None:
    source = opened(TimestampSource(clock), Size(1280, 720))
    for _ in range(5):
        frame = read(source)
        assert _read_seconds(frame.image) == pytest.approx(frame.captured_at, abs=2e-4)
