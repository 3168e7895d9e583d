"""Tests of the whole benchmark."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from stylecam.errors import BenchError, StyleNotFoundError, UsageError
from stylecam.evaluation.performance import suite as suite_module
from stylecam.evaluation.performance.config import MEASUREMENTS, BenchConfig
from stylecam.evaluation.performance.live_run import LiveRunConfig, LiveRunResult
from stylecam.evaluation.performance.live_worker import settings_of
from stylecam.evaluation.performance.suite import BenchSuite
from stylecam.media.frame import Size
from stylecam.models.catalog import shipped_models
from stylecam.utils.clock import Clock
from tests.evaluation.performance.fixtures import REPORT, sample
from tests.models.networks import bank_of

FOLDERS = (shipped_models(),)
LIVE = tuple(kind for kind in MEASUREMENTS if kind != "engines")


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[LiveRunConfig]:
    """Replace live runs by ones that take no time; return the requested configurations."""
    requested: list[LiveRunConfig] = []

    def run_live(config: LiveRunConfig, clock: Clock, stop: threading.Event, on_entry: Any) -> LiveRunResult:
        requested.append(config)
        samples = [sample(t) for t in range(3)]
        for entry in samples:
            on_entry(entry)
        return LiveRunResult(config, samples, report=REPORT, pixels={"count": 1} if config.reads_timestamps else None)

    monkeypatch.setattr(suite_module, "run_live", run_live)
    return requested


def test_each_kind_has_its_runs_and_its_figures(runs: list[LiveRunConfig]) -> None:
    found = BenchSuite(BenchConfig(what=LIVE, folders=FOLDERS)).run().as_dict()
    assert all(found[kind] for kind in LIVE)
    assert [config.seconds for config in runs] == [6.0, 60.0, 60.0, 6.0, 6.0, 1800.0]
    assert [config.style for config in runs if config.reads_timestamps] == ["none", None]
    assert [bool(config.script) for config in runs] == [False, False, True, False, False, True]


def test_live_runs_are_made_for_each_camera_engine_and_scale(runs: list[LiveRunConfig]) -> None:
    bench_config = BenchConfig(
        what=("live",),
        cameras=("demo", "clip.mp4"),
        engines=("opencv", "openvino:cpu-bf16"),
        scales=(None, 0.5),
        folders=FOLDERS,
    )
    assert len(BenchSuite(bench_config).run().as_dict()["live"]) == 8
    assert len({(config.camera, config.engine, config.scale) for config in runs}) == 8
    assert {(config.engine, config.device) for config in runs} == {("opencv", "auto"), ("openvino", "cpu-bf16")}


def test_live_runs_and_engines_use_the_tier(runs: list[LiveRunConfig], tmp_path: Path) -> None:
    bank_of(tmp_path / "small.onnx", ["wave"])
    bank_of(tmp_path / "large.onnx", ["wave"], "rich")
    for tier, bank in (("auto", "small"), ("lean", "small"), ("rich", "large")):
        config = BenchConfig(what=("live",), folders=(tmp_path,), tier=tier)
        BenchSuite(config).run()
        assert (runs[-1].tier, settings_of(runs[-1]).tier) == (tier, tier)
        assert suite_module._mix(config).model.path.stem == bank


def test_progress_goes_from_nothing_to_the_end_and_never_back(runs: list[LiveRunConfig]) -> None:
    reported: list[float] = []
    BenchSuite(BenchConfig(what=LIVE, folders=FOLDERS), lambda done, _: reported.append(done)).run()
    assert reported == sorted(reported)
    assert reported[0] == 0
    assert reported[-1] <= 1


def test_after_a_stop_nothing_more_is_measured(runs: list[LiveRunConfig]) -> None:
    stop = threading.Event()

    def listener(_: float, what: str) -> None:
        if what.startswith("demo with"):
            stop.set()

    report = BenchSuite(BenchConfig(what=LIVE, folders=FOLDERS), listener, stop).run()
    assert report.stopped
    assert report.live
    assert report.soak is None
    assert len(runs) == 2


@pytest.mark.parametrize("successful", [0, 1])
def test_a_run_that_cannot_be_opened_keeps_the_results_of_the_others(
    successful: int, runs: list[LiveRunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    original: Any = vars(suite_module)["run_live"]

    def second(config: LiveRunConfig, *others: Any) -> LiveRunResult:
        if len(runs) == successful:
            raise BenchError("there is no such camera")
        found: LiveRunResult = original(config, *others)
        return found

    monkeypatch.setattr(suite_module, "run_live", second)
    suite = BenchSuite(BenchConfig(what=("live", "soak"), cameras=("demo", "7"), folders=FOLDERS))
    if not successful:
        with pytest.raises(BenchError, match="no such camera"):
            suite.run()
        return
    report = suite.run()
    assert len(report.live) == 1
    assert report.soak is None
    assert report.as_dict()["failure"] == "there is no such camera"


def test_samples_are_kept_where_the_user_says(runs: list[LiveRunConfig], tmp_path: Path) -> None:
    BenchSuite(BenchConfig(what=("soak",), folders=FOLDERS, samples=tmp_path / "s.jsonl")).run()
    assert runs[0].samples == str(tmp_path / "s.jsonl")


@pytest.mark.parametrize(
    "wrong",
    [
        {"what": ("speed",)}, {"what": ()}, {"what": ("live", "live")}, {"seconds": 0.1}, {"seconds": float("nan")},
        {"fps": float("nan")}, {"style": "no_such"}, {"style": "none"}, {"samples": Path("nowhere/a.jsonl")},
        {"engines": ("abacus",)}, {"what": ("live",), "cameras": ("demo",) * 101}, {"folders": ()},
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_configuration_is_refused_before_anything_is_measured(wrong: dict[str, Any]) -> None:
    with pytest.raises((UsageError, StyleNotFoundError)):
        BenchSuite(BenchConfig(**{"folders": FOLDERS, **wrong}))


def test_the_sizes_for_the_engines_are_multiples_of_8() -> None:
    assert BenchConfig(size=Size(642, 366)).engine_sizes == (Size(640, 360),)
    assert all(side % 8 == 0 for size in BenchConfig().engine_sizes for side in size)
