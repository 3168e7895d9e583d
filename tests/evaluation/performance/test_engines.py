"""Engines in turns."""

from __future__ import annotations

import threading

import pytest

from stylecam.evaluation.performance.engines import LEAST_ROUNDS, CaseTimings, Entry, time_interleaved
from stylecam.media.frame import Size
from stylecam.utils.clock import ManualClock
from tests.doubles import TintEngine, model

SIZE = Size(64, 48)


def nothing(_: float, __: str) -> None:
    pass


def engine(clock: ManualClock, cost_ms: float, name: str = "tint") -> TintEngine:
    made = TintEngine(clock, lambda _: cost_ms)
    made.name = name
    return made


def contest(clock: ManualClock, *entries: Entry, stop: threading.Event | None = None) -> list[CaseTimings]:
    return time_interleaved(entries, SIZE, 1.0, clock, nothing, stop or threading.Event())


def test_each_entry_s_own_time_is_told(clock: ManualClock) -> None:
    found = contest(clock, *(Entry(engine(clock, ms), model()) for ms in (5.0, 80.0, 400.0)))
    assert [times.paint_ms for times in found] == pytest.approx([5.0, 80.0, 400.0])
    assert [times.network_ms for times in found] == pytest.approx([5.0, 80.0, 400.0])


def test_all_are_measured_in_every_round(clock: ManualClock) -> None:
    order: list[str] = []
    entries = []
    for name in ("a", "b"):
        one = engine(clock, 300.0, name)
        one.on_run = lambda name=name: order.append(name)  # type: ignore[misc]
        entries.append(Entry(one, model()))
    contest(clock, *entries)
    turns = [name for name, before in zip(order, ["", *order], strict=False) if name != before]
    assert turns == ["a", "b"] * (LEAST_ROUNDS + 1)  # the first one is the warm-up


def test_a_slow_one_has_its_rounds_also_when_the_time_is_over(clock: ManualClock) -> None:
    (times,) = contest(clock, Entry(engine(clock, 5000.0), model()))
    assert len(times.paint) == LEAST_ROUNDS


def test_one_that_cannot_be_loaded_is_left_out_with_its_reason(clock: ManualClock) -> None:
    broken = engine(clock, 5.0)
    broken.unloadable.add("plain")
    left_out, other = contest(clock, Entry(broken, model()), Entry(engine(clock, 5.0), model()))
    assert left_out.problem == "plain cannot be loaded"
    assert left_out.paint_ms is None
    assert other.paint


def test_one_that_fails_later_keeps_what_it_has(clock: ManualClock) -> None:
    weak = engine(clock, 10.0)

    def fail_late() -> None:
        if len(weak.runs) > 20:
            weak.failing.add("plain")

    weak.on_run = fail_late
    first, other = contest(clock, Entry(weak, model()), Entry(engine(clock, 5.0), model()))
    assert first.problem == "plain does not run"
    assert first.paint_ms == pytest.approx(10.0)
    assert len(other.paint) > len(first.paint)


def test_it_ends_when_all_have_failed(clock: ManualClock) -> None:
    broken = engine(clock, 5.0)
    broken.unloadable.add("plain")
    assert contest(clock, Entry(broken, model()))[0].as_dict()["paint_ms"] is None


def test_stopped_it_tells_what_is_known(clock: ManualClock) -> None:
    stop = threading.Event()
    first, second = engine(clock, 5.0), engine(clock, 5.0)
    second.on_run = lambda: stop.set() if len(second.runs) > 6 else None
    found = contest(clock, Entry(first, model()), Entry(second, model()), stop=stop)
    assert found[0].paint
    assert len(second.runs) < 20
