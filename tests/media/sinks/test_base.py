"""Tests of opening, writing to and closing any sink."""

from __future__ import annotations

import pytest

from stylecam.errors import SinkClosedError, SinkUnavailableError
from stylecam.media.frame import Size
from stylecam.media.sinks.base import NullSink
from stylecam.media.testing import CollectingSink
from tests.doubles import frame

SIZE = Size(128, 96)


def test_opening_twice_opens_once() -> None:
    sink = CollectingSink()
    sink.open(SIZE, 30)
    sink.open(SIZE, 30)
    assert sink.opened_count == 1


def test_closing_twice_closes_once() -> None:
    sink = CollectingSink()
    sink.open(SIZE, 30)
    sink.close()
    sink.close()
    assert sink.closed_count == 1


def test_closing_a_sink_that_was_never_opened_does_nothing() -> None:
    sink = CollectingSink()
    sink.close()
    assert sink.closed_count == 0


@pytest.mark.parametrize("closed", [False, True])
def test_writing_to_a_sink_that_is_not_open_raises(closed: bool) -> None:
    sink = CollectingSink()
    if closed:
        sink.open(SIZE, 30)
        sink.close()
    with pytest.raises(SinkClosedError, match="before it was opened"):
        sink.write(frame())


def test_a_sink_that_failed_to_open_is_not_open() -> None:
    sink = CollectingSink(failing=lambda _: SinkUnavailableError("no"))
    with pytest.raises(SinkUnavailableError):
        sink.open(SIZE, 30)
    assert not sink.opened


def test_a_closed_sink_can_be_opened_again() -> None:
    sink = CollectingSink()
    sink.open(SIZE, 30)
    sink.close()
    sink.open(SIZE, 30)
    sink.write(frame(5))
    assert sink.frames[0].index == 5


def test_the_null_sink_accepts_frames() -> None:
    sink = NullSink()
    sink.open(SIZE, 30)
    sink.write(frame())
    sink.close()
    assert not sink.opened
