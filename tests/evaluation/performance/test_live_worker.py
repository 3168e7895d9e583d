"""A camera lost on demand."""

from __future__ import annotations

import pytest

from stylecam.errors import SourceLostError
from stylecam.evaluation.performance.live_worker import FaultySource
from stylecam.media.frame import Size
from stylecam.testing import ScriptedSource, gray_image
from stylecam.utils.clock import ManualClock

SIZE = Size(128, 96)


@pytest.fixture
def source(clock: ManualClock) -> FaultySource:
    made = FaultySource(ScriptedSource([gray_image()], clock), clock)
    made.open(SIZE, 30)
    return made


def test_it_delivers_what_the_other_one_does(source: FaultySource, clock: ManualClock) -> None:
    frames = [source.read(), source.read()]
    assert [frame.index for frame in frames if frame] == [0, 1]
    assert frames[1] is not None
    assert frames[1].captured_at == clock.now()


def test_lost_it_neither_reads_nor_opens_until_it_is_back(source: FaultySource, clock: ManualClock) -> None:
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
