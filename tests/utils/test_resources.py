"""Tests of limiting the threads of this process."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import pytest

from stylecam.live.engine_choice import EngineChooser
from stylecam.live.settings import Settings
from stylecam.utils import resources
from stylecam.utils.clock import ManualClock
from stylecam.utils.resources import limit_threads


@pytest.fixture
def threads() -> Iterator[int]:
    """Return OpenCV's number of threads and restore it afterwards."""
    before = cv2.getNumThreads()
    yield before
    cv2.setNumThreads(before)


def test_opencv_uses_the_requested_number_of_threads(threads: int) -> None:
    limit_threads(threads + 1)
    assert cv2.getNumThreads() == threads + 1


def test_choosing_an_engine_leaves_the_threads_of_the_process_alone(threads: int) -> None:
    cv2.setNumThreads(3)
    assert EngineChooser(Settings(threads=1), ManualClock()).threads == 1
    assert cv2.getNumThreads() == 3


@pytest.mark.parametrize(("load", "busy"), [(0.0, False), (2.0, False), (2.1, True), (30.0, True)])
def test_a_computer_is_busy_with_more_than_half_a_program_for_each_processor(
    load: float, busy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "load_average", lambda: load)
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    assert resources.is_busy() is busy
