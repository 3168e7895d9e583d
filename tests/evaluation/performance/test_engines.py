"""Tests of timing engines in turns, and of the figures derived from it."""

from __future__ import annotations

import sys
import threading

import cv2
import pytest

from stylecam.engines.base import Engine
from stylecam.engines.opencv import OpenCVEngine
from stylecam.errors import EngineUnavailableError, UsageError
from stylecam.evaluation.performance import engines as engines_module
from stylecam.evaluation.performance.config import BenchConfig
from stylecam.evaluation.performance.engines import (
    MIN_ROUNDS,
    BenchCase,
    CaseTimings,
    compare_engines,
    select_engines,
    time_interleaved,
)
from stylecam.models.model import Model
from stylecam.utils.clock import ManualClock
from tests.doubles import TintEngine, model
from tests.evaluation.performance.fixtures import SIZE, comparison


def nothing(_: float, __: str) -> None:
    pass


def engine(clock: ManualClock, cost_ms: float, name: str = "tint") -> TintEngine:
    made = TintEngine(clock, lambda _: cost_ms)
    made.name = name
    return made


def time_cases(clock: ManualClock, *cases: BenchCase, stop: threading.Event | None = None) -> list[CaseTimings]:
    return time_interleaved(cases, SIZE, 1.0, clock, nothing, stop or threading.Event())


def test_the_time_of_each_case_is_reported(clock: ManualClock) -> None:
    found = time_cases(clock, *(BenchCase(engine(clock, ms), model()) for ms in (5.0, 80.0, 400.0)))
    assert [times.paint_ms for times in found] == pytest.approx([5.0, 80.0, 400.0])
    assert [times.network_ms for times in found] == pytest.approx([5.0, 80.0, 400.0])


def test_every_case_has_a_turn_in_every_round(clock: ManualClock) -> None:
    order: list[str] = []
    cases = []
    for name in ("a", "b"):
        one = engine(clock, 300.0, name)
        one.on_run = lambda name=name: order.append(name)  # type: ignore[misc]
        cases.append(BenchCase(one, model()))
    time_cases(clock, *cases)
    turns = [name for name, before in zip(order, ["", *order], strict=False) if name != before]
    assert turns == ["a", "b"] * (MIN_ROUNDS + 1)  # the first one is the warm-up


def test_a_slow_case_gets_its_rounds_even_when_the_time_is_over(clock: ManualClock) -> None:
    (times,) = time_cases(clock, BenchCase(engine(clock, 5000.0), model()))
    assert len(times.paint) == MIN_ROUNDS


def test_a_case_that_cannot_be_loaded_is_left_out_with_its_reason(clock: ManualClock) -> None:
    broken = engine(clock, 5.0)
    broken.unloadable.add("plain")
    left_out, other = time_cases(clock, BenchCase(broken, model()), BenchCase(engine(clock, 5.0), model()))
    assert left_out.problem == "plain cannot be loaded"
    assert left_out.paint_ms is None
    assert other.paint


def test_a_case_that_fails_later_keeps_its_timings(clock: ManualClock) -> None:
    weak = engine(clock, 10.0)

    def fail_late() -> None:
        if len(weak.runs) > 20:
            weak.failing.add("plain")

    weak.on_run = fail_late
    first, other = time_cases(clock, BenchCase(weak, model()), BenchCase(engine(clock, 5.0), model()))
    assert first.problem == "plain does not run"
    assert first.paint_ms == pytest.approx(10.0)
    assert len(other.paint) > len(first.paint)


def test_it_ends_when_all_cases_have_failed(clock: ManualClock) -> None:
    broken = engine(clock, 5.0)
    broken.unloadable.add("plain")
    assert time_cases(clock, BenchCase(broken, model()))[0].paint_ms is None


def test_after_a_stop_the_timings_so_far_are_kept(clock: ManualClock) -> None:
    stop = threading.Event()
    first, second = engine(clock, 5.0), engine(clock, 5.0)
    second.on_run = lambda: stop.set() if len(second.runs) > 6 else None
    found = time_cases(clock, BenchCase(first, model()), BenchCase(second, model()), stop=stop)
    assert found[0].paint
    assert len(second.runs) < 20


def test_ratios_are_to_johnsons_network_of_the_same_size() -> None:
    ours, baseline, large = comparison().rows
    assert ours["picture_times_faster"] == pytest.approx(25.0)
    assert ours["network_times_faster"] == pytest.approx(20.0)
    assert baseline["baseline"]
    assert baseline["picture_times_faster"] == 1.0
    assert large["picture_times_faster"] is None


def test_the_rate_of_multiply_adds_is_compared_with_the_peak() -> None:
    ours, baseline, _ = comparison().rows
    assert ours["gmac_per_s"] == pytest.approx(50.0)
    assert ours["of_peak"] == pytest.approx(0.5)
    assert baseline["of_peak"] is None, "its multiply-adds are unknown"


def test_figures_that_were_not_measured_are_none() -> None:
    found = comparison()
    found.timings[0] = CaseTimings(found.timings[0].case, SIZE, problem="broken")
    assert found.rows[0]["picture_times_faster"] is None
    assert found.rows[0]["gmac_per_s"] is None


def test_the_bank_and_johnsons_network_are_run(
    bank: Model, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines_module, "matmul_peak", lambda _: 100.0)
    config = BenchConfig(engines=("opencv",), device="cpu", size=SIZE, seconds=0.5)
    engine = TintEngine(clock)
    monkeypatch.setattr(engines_module, "select_engines", lambda *_: [OpenCVEngine("cpu"), engine])
    reported: list[float] = []
    found = compare_engines(config, bank, clock, lambda done, _: reported.append(done), threading.Event())
    assert [row["model"] for row in found.rows] == [bank.path.stem, bank.path.stem, "johnson"]
    assert found.rows[0]["gmac"] == pytest.approx(1.17 * 64 * 48 / (640 * 360), abs=0.001)
    assert reported == sorted(reported)


@pytest.mark.parametrize(("engines", "device"), [(("abacus",), "auto"), (("opencv",), "abacus")])
def test_an_unknown_engine_or_device_is_refused(engines: tuple[str, ...], device: str) -> None:
    with pytest.raises(UsageError, match="abacus"):
        select_engines(BenchConfig(engines=engines, device=device), [])


def broken(name: str, device: str, threads: int | None) -> Engine:
    if name == "opencv" and device == "cpu":
        return OpenCVEngine("cpu")
    raise EngineUnavailableError(f"{name} on {device} is broken")


def test_a_broken_engine_that_was_not_requested_is_left_out_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines_module, "installed", lambda: ("opencv", "openvino"))
    monkeypatch.setattr(engines_module, "make_engine", broken)
    problems: list[str] = []
    assert [engine.name for engine in select_engines(BenchConfig(), problems)] == ["opencv"]
    assert problems == ["openvino: openvino on cpu is broken"]


def test_a_broken_engine_that_was_requested_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines_module, "make_engine", broken)
    with pytest.raises(EngineUnavailableError, match="broken"):
        select_engines(BenchConfig(engines=("openvino",)), [])


def test_an_engine_may_be_requested_with_its_device() -> None:
    config = BenchConfig(engines=("opencv:cpu", "opencv"), device="cpu")
    assert [(engine.name, engine.device) for engine in select_engines(config, [])] == [("opencv", "cpu")] * 2
    with pytest.raises(UsageError, match="abacus"):
        select_engines(BenchConfig(engines=("opencv:abacus",)), [])


def test_opencv_uses_the_requested_threads_while_it_is_measured(
    bank: Model, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: set[int] = set()
    monkeypatch.setattr(engines_module, "matmul_peak", lambda count: float(threads.add(count) or 1))  # type: ignore[func-returns-value]
    monkeypatch.setattr(engines_module, "usable_cores", lambda: 2)
    monkeypatch.setattr(engines_module, "select_engines", lambda *_: [TintEngine(clock)])

    def listener(_: float, what: str) -> None:
        if what.startswith("opencv"):
            threads.add(cv2.getNumThreads())

    before = cv2.getNumThreads()
    compare_engines(BenchConfig(size=SIZE, seconds=0.5, threads=1), bank, clock, listener, threading.Event())
    assert threads == {1}
    assert cv2.getNumThreads() == before


def test_a_gpu_is_not_compared_with_the_peak_of_the_cpu() -> None:
    found = comparison()
    found.timings[0].case.engine.device = "cuda"
    assert found.rows[0]["gmac_per_s"] == pytest.approx(50.0)
    assert found.rows[0]["of_peak"] is None


def test_without_onnx_the_engines_are_timed_and_each_missing_figure_is_explained_once(
    bank: Model, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.setattr(engines_module, "matmul_peak", lambda _: 100.0)
    monkeypatch.setattr(engines_module, "select_engines", lambda *_: [TintEngine(clock)])
    result = compare_engines(BenchConfig(size=SIZE, seconds=0.5), bank, clock, lambda *_: None, threading.Event())
    assert result.rows[0]["paint_ms"] is not None
    assert result.rows[0]["gmac"] is None
    assert len(result.problems) == 2
    assert 'Johnson\'s network needs onnx, not installed here; run: pip install "stylecam[bench]"' in result.problems[0]
    assert 'pip install "stylecam[import]"' in result.problems[1]
