"""Ratios and the limit."""

from __future__ import annotations

import threading

import cv2
import pytest

from stylecam.engines.base import Engine
from stylecam.engines.opencv import OpenCVEngine
from stylecam.errors import EngineUnavailableError, UsageError
from stylecam.evaluation.performance import engines as room
from stylecam.evaluation.performance.config import BenchConfig
from stylecam.evaluation.performance.engines import CaseTimings, compare_engines, select_engines
from stylecam.models.model import Model
from stylecam.utils.clock import ManualClock
from tests.doubles import TintEngine
from tests.evaluation.performance.fixtures import SIZE, ranking


def test_ratios_are_to_the_classic_network_of_the_same_size() -> None:
    ours, classic, large = ranking().rows
    assert ours["picture_times_faster"] == pytest.approx(25.0)
    assert ours["network_times_faster"] == pytest.approx(20.0)
    assert classic["baseline"]
    assert classic["picture_times_faster"] == 1.0
    assert large["picture_times_faster"] is None


def test_arithmetic_a_second_is_told_beside_the_limit() -> None:
    ours, classic, _ = ranking().rows
    assert ours["gmac_per_s"] == pytest.approx(50.0)
    assert ours["of_peak"] == pytest.approx(0.5)
    assert classic["of_peak"] is None, "its arithmetic is not known"


def test_what_was_not_measured_is_none() -> None:
    found = ranking()
    found.times[0] = CaseTimings(found.times[0].entry, SIZE, problem="broken")
    assert found.rows[0]["picture_times_faster"] is None
    assert found.rows[0]["gmac_per_s"] is None


def test_the_bank_and_the_classic_network_are_really_run(
    bank: Model, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "matmul_peak", lambda _: 100.0)
    plan = BenchConfig(engines=("opencv",), device="cpu", size=SIZE, seconds=0.5)
    engine = TintEngine(clock)
    monkeypatch.setattr(room, "select_engines", lambda *_: [OpenCVEngine("cpu"), engine])
    told: list[float] = []
    found = compare_engines(plan, bank, clock, lambda done, _: told.append(done), threading.Event())
    assert [row["model"] for row in found.rows] == [bank.path.stem, bank.path.stem, "johnson"]
    assert found.rows[0]["gmac"] == pytest.approx(1.17 * 64 * 48 / (640 * 360), abs=0.001)
    assert told == sorted(told)


@pytest.mark.parametrize(("engines", "device"), [(("abacus",), "auto"), (("opencv",), "abacus")])
def test_what_is_asked_for_must_be_there(engines: tuple[str, ...], device: str) -> None:
    with pytest.raises(UsageError, match="abacus"):
        select_engines(BenchConfig(engines=engines, device=device), [])


def broken(name: str, device: str, threads: int | None) -> Engine:
    if name == "opencv" and device == "cpu":
        return OpenCVEngine("cpu")
    raise EngineUnavailableError(f"{name} on {device} is broken")


def test_a_broken_engine_nobody_asked_for_is_left_out_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "installed", lambda: ("opencv", "openvino"))
    monkeypatch.setattr(room, "make_engine", broken)
    problems: list[str] = []
    assert [engine.name for engine in select_engines(BenchConfig(), problems)] == ["opencv"]
    assert problems == ["openvino: openvino on cpu is broken"]


def test_a_broken_engine_asked_for_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "make_engine", broken)
    with pytest.raises(EngineUnavailableError, match="broken"):
        select_engines(BenchConfig(engines=("openvino",)), [])


def test_an_engine_may_be_asked_for_with_its_device() -> None:
    plan = BenchConfig(engines=("opencv:cpu", "opencv"), device="cpu")
    assert [(engine.name, engine.device) for engine in select_engines(plan, [])] == [("opencv", "cpu")] * 2
    with pytest.raises(UsageError, match="abacus"):
        select_engines(BenchConfig(engines=("opencv:abacus",)), [])


def test_opencv_has_the_threads_asked_for_while_it_is_measured(
    bank: Model, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: set[int] = set()
    monkeypatch.setattr(room, "matmul_peak", lambda count: float(threads.add(count) or 1))  # type: ignore[func-returns-value]
    monkeypatch.setattr(room, "usable_cores", lambda: 2)
    monkeypatch.setattr(room, "select_engines", lambda *_: [TintEngine(clock)])

    def listener(_: float, what: str) -> None:
        if what.startswith("opencv"):
            threads.add(cv2.getNumThreads())

    before = cv2.getNumThreads()
    compare_engines(BenchConfig(size=SIZE, seconds=0.5, threads=1), bank, clock, listener, threading.Event())
    assert threads == {1}
    assert cv2.getNumThreads() == before


def test_a_graphics_card_is_not_held_against_the_processors_limit() -> None:
    found = ranking()
    found.times[0].entry.engine.device = "cuda"
    assert found.rows[0]["gmac_per_s"] == pytest.approx(50.0)
    assert found.rows[0]["of_peak"] is None
