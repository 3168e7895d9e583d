"""All that was asked for."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from stylecam.errors import BenchError, StyleNotFoundError, UsageError
from stylecam.evaluation.performance import suite as room
from stylecam.evaluation.performance.config import MEASUREMENTS, BenchConfig
from stylecam.evaluation.performance.live_run import LiveRunConfig, LiveRunResult
from stylecam.evaluation.performance.suite import BenchSuite
from stylecam.media.frame import Size
from stylecam.models.catalog import shipped_models
from stylecam.utils.clock import Clock
from tests.evaluation.performance.fixtures import REPORT, entry

FOLDERS = (shipped_models(),)
LIVE = tuple(kind for kind in MEASUREMENTS if kind != "engines")


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[LiveRunConfig]:
    """The live runs that were asked for; each takes no time."""
    asked: list[LiveRunConfig] = []

    def run_live(job: LiveRunConfig, clock: Clock, stop: threading.Event, look: Any) -> LiveRunResult:
        asked.append(job)
        samples = [entry(t) for t in range(3)]
        for one in samples:
            look(one)
        return LiveRunResult(samples, report=REPORT, pixels={"count": 1} if job.reads else None)

    monkeypatch.setattr(room, "run_live", run_live)
    return asked


def test_each_kind_has_its_runs_and_its_figures(jobs: list[LiveRunConfig]) -> None:
    found = BenchSuite(BenchConfig(what=LIVE, folders=FOLDERS)).run().as_dict()
    assert all(found[kind] for kind in LIVE)
    assert [job.seconds for job in jobs] == [6.0, 60.0, 60.0, 6.0, 6.0, 1800.0]
    assert [job.style for job in jobs if job.reads] == ["none", None]
    assert [bool(job.script) for job in jobs] == [False, False, True, False, False, True]


def test_live_runs_are_made_for_each_camera_engine_and_scale(jobs: list[LiveRunConfig]) -> None:
    plan = BenchConfig(
        what=("live",),
        cameras=("demo", "clip.mp4"),
        engines=("opencv", "openvino:cpu-bf16"),
        scales=(None, 0.5),
        folders=FOLDERS,
    )
    assert len(BenchSuite(plan).run().as_dict()["live"]) == 8
    assert len({(job.camera, job.engine, job.scale) for job in jobs}) == 8
    assert {(job.engine, job.device) for job in jobs} == {("opencv", "auto"), ("openvino", "cpu-bf16")}


def test_progress_goes_from_nothing_to_the_end_and_never_back(jobs: list[LiveRunConfig]) -> None:
    told: list[float] = []
    BenchSuite(BenchConfig(what=LIVE, folders=FOLDERS), lambda done, _: told.append(done)).run()
    assert told == sorted(told)
    assert told[0] == 0
    assert told[-1] <= 1


def test_stopped_it_goes_no_further(jobs: list[LiveRunConfig]) -> None:
    stop = threading.Event()

    def listener(_: float, what: str) -> None:
        if what.startswith("demo with"):
            stop.set()

    report = BenchSuite(BenchConfig(what=LIVE, folders=FOLDERS), listener, stop).run()
    assert report.stopped
    assert report.live
    assert report.soak is None
    assert len(jobs) == 2


@pytest.mark.parametrize("good", [0, 1])
def test_a_run_that_cannot_be_opened_does_not_take_the_others_with_it(
    good: int, jobs: list[LiveRunConfig], monkeypatch: pytest.MonkeyPatch
) -> None:
    original: Any = vars(room)["run_live"]

    def second(job: LiveRunConfig, *others: Any) -> LiveRunResult:
        if len(jobs) == good:
            raise BenchError("there is no such camera")
        found: LiveRunResult = original(job, *others)
        return found

    monkeypatch.setattr(room, "run_live", second)
    suite = BenchSuite(BenchConfig(what=("live", "soak"), cameras=("demo", "7"), folders=FOLDERS))
    if not good:
        with pytest.raises(BenchError, match="no such camera"):
            suite.run()
        return
    report = suite.run()
    assert len(report.live) == 1
    assert report.soak is None
    assert report.as_dict()["failure"] == "there is no such camera"


def test_samples_are_kept_where_the_user_says(jobs: list[LiveRunConfig], tmp_path: Path) -> None:
    BenchSuite(BenchConfig(what=("soak",), folders=FOLDERS, samples=tmp_path / "s.jsonl")).run()
    assert jobs[0].samples == str(tmp_path / "s.jsonl")


@pytest.mark.parametrize(
    "wrong",
    [
        {"what": ("speed",)}, {"what": ()}, {"what": ("live", "live")}, {"seconds": 0.1}, {"seconds": float("nan")},
        {"fps": float("nan")}, {"style": "no_such"}, {"style": "none"}, {"samples": Path("nowhere/a.jsonl")},
        {"engines": ("abacus",)}, {"what": ("live",), "cameras": ("demo",) * 101}, {"folders": ()},
    ],
    ids=str,
)  # fmt: skip
def test_a_plan_that_makes_no_sense_is_refused_before_anything_is_measured(wrong: dict[str, Any]) -> None:
    with pytest.raises((UsageError, StyleNotFoundError)):
        BenchSuite(BenchConfig(**{"folders": FOLDERS, **wrong}))


def test_a_size_for_the_engines_is_one_they_can_have() -> None:
    assert BenchConfig(size=Size(642, 366)).engine_sizes == (Size(640, 360),)
    assert all(side % 8 == 0 for size in BenchConfig().engine_sizes for side in size)
