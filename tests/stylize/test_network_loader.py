"""Tests of loading a small network off the frame path."""

from __future__ import annotations

import threading

import pytest

from stylecam.errors import EngineRunError
from stylecam.stylize.network_loader import RETRY_S, NetworkLoader
from stylecam.utils.clock import ManualClock
from tests.doubles import until


def test_it_is_loaded_on_a_thread_of_its_own_when_it_is_first_asked_for(clock: ManualClock) -> None:
    threads: list[str] = []
    loader = NetworkLoader(lambda: threads.append(threading.current_thread().name), clock, lambda *_: None, "loading")
    assert threads == []
    loader.is_ready()
    assert until(loader.is_ready)
    assert threads == ["loading"]


def test_it_is_loaded_at_once_where_there_is_time(clock: ManualClock) -> None:
    calls: list[int] = []
    loader = NetworkLoader(lambda: calls.append(1), clock, lambda *_: None, "loading")
    loader.load()
    loader.load()
    assert loader.is_ready()
    assert calls == [1]


@pytest.mark.parametrize(
    ("failure", "message"), [(EngineRunError("no such file"), "no such file"), (MemoryError(), "MemoryError")]
)
def test_a_failure_is_reported_and_tried_again_later(clock: ManualClock, failure: Exception, message: str) -> None:
    faults: list[str] = []

    def fail() -> None:
        raise failure

    loader = NetworkLoader(fail, clock, lambda _, message: faults.append(message), "loading")
    assert not loader.is_ready()
    assert until(lambda: faults == [message])
    assert not loader.is_ready()
    assert faults == [message]
    clock.advance(RETRY_S)
    loader.is_ready()
    assert until(lambda: len(faults) == 2)


def test_without_a_network_it_is_never_ready(clock: ManualClock) -> None:
    loader = NetworkLoader(None, clock, lambda *_: None, "loading")
    loader.load()
    assert not loader.is_ready()
