"""Runs in processes of their own."""

from __future__ import annotations

import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from stylecam.errors import BenchError
from stylecam.evaluation.performance.live_run import LiveRunConfig, ScheduledEvent, run_live
from stylecam.models.catalog import shipped_models
from stylecam.utils.clock import SystemClock


def nothing(_: dict[str, Any]) -> None:
    pass


@pytest.fixture
def job(tmp_path: Path) -> LiveRunConfig:
    """Small and short."""
    return LiveRunConfig(
        str(tmp_path / "samples.jsonl"),
        1.0,
        size=(128, 96),
        engine="opencv",
        device="cpu",
        every_s=0.25,
        folders=(str(shipped_models()),),
    )


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


def test_what_a_run_saw_is_told_and_kept(job: LiveRunConfig, stop: threading.Event) -> None:
    looks: list[dict[str, Any]] = []
    outcome = run_live(job, SystemClock(), stop, looks.append)
    assert outcome.crash is None
    assert outcome.report is not None
    assert outcome.report["published"] > 0
    assert outcome.report["stages"]["network"]["mean"] > 0
    assert [entry["t"] for entry in outcome.samples] == sorted(entry["t"] for entry in outcome.samples)
    assert len(Path(job.samples).read_text().splitlines()) == len(looks)


def test_the_program_that_was_started_is_measured_wherever_one_stands(
    job: LiveRunConfig, stop: threading.Event, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stylecam").mkdir()
    (tmp_path / "stylecam" / "__init__.py").write_text("raise SystemExit('another stylecam')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    outcome = run_live(job, SystemClock(), stop, nothing)
    assert outcome.crash is None
    assert outcome.report is not None


def test_the_script_is_carried_out(job: LiveRunConfig, stop: threading.Event) -> None:
    script = (
        ScheduledEvent(0.2, "order", "next"),
        ScheduledEvent(0.3, "fault", "0.2"),
        ScheduledEvent(0.4, "load", "1"),
    )
    outcome = run_live(replace(job, script=script, seconds=2.0), SystemClock(), stop, nothing)
    assert [event["what"] for event in outcome.events] == ["order", "fault", "load"]
    assert len({entry["style"] for entry in outcome.samples}) == 2
    assert outcome.report is not None
    assert outcome.report["faults"]["source"] == 1
    assert outcome.report["source_trouble"] is None, "the camera did not come back"


def test_time_stamps_are_read_from_painted_pixels(job: LiveRunConfig, stop: threading.Event) -> None:
    seen = replace(job, camera="demo:timestamp", reads=True, strength=0.3, steadiness=0.0, size=(640, 360))
    outcome = run_live(seen, SystemClock(), stop, nothing)
    assert outcome.pixels is not None
    assert outcome.pixels["count"] > 0
    assert outcome.pixels["unreadable"] == outcome.pixels["backwards"] == 0
    assert outcome.report is not None
    assert outcome.report["painting"]


def test_stopped_it_tells_the_statistics_so_far(job: LiveRunConfig, stop: threading.Event) -> None:
    def look(entry: dict[str, Any]) -> None:
        if entry["kind"] == "sample":
            stop.set()

    outcome = run_live(replace(job, seconds=600.0), SystemClock(), stop, look)
    assert outcome.report is not None
    assert outcome.crash is None
    assert outcome.report["seconds"] < 600


def test_ctrl_c_that_reaches_the_run_too_does_not_cost_its_figures(job: LiveRunConfig, stop: threading.Event) -> None:
    def look(entry: dict[str, Any]) -> None:
        if entry["kind"] == "sample" and not stop.is_set():
            (run,) = psutil.Process().children()
            run.send_signal(signal.SIGINT)
            stop.set()

    outcome = run_live(replace(job, seconds=600.0), SystemClock(), stop, look)
    assert outcome.crash is None
    assert outcome.report is not None


def test_a_run_that_cannot_be_opened_says_why(job: LiveRunConfig, stop: threading.Event) -> None:
    with pytest.raises(BenchError, match=r"there is no file nowhere\.mp4"):
        run_live(replace(job, camera="nowhere.mp4"), SystemClock(), stop, nothing)


def test_a_crash_is_told_in_the_program_s_last_words(job: LiveRunConfig, stop: threading.Event, tmp_path: Path) -> None:
    outcome = run_live(replace(job, samples=str(tmp_path / "no" / "where")), SystemClock(), stop, nothing)
    assert outcome.report is None
    assert outcome.crash is not None
    assert outcome.crash.startswith("it ended with status 1: FileNotFoundError")


def test_samples_of_an_earlier_run_stay_and_are_not_taken_for_this_one_s(
    job: LiveRunConfig, stop: threading.Event
) -> None:
    before = 'notes of mine\n{"kind": "sample", "t": 99.0}\n'
    Path(job.samples).write_text(before)
    outcome = run_live(job, SystemClock(), stop, nothing)
    assert outcome.samples
    assert all(entry["t"] < 99 for entry in outcome.samples)
    assert Path(job.samples).read_text().startswith(before)
