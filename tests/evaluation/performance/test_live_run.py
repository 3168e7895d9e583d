"""Tests of a live run in a process of its own, and of its result."""

from __future__ import annotations

import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from stylecam.errors import BenchError
from stylecam.evaluation.performance.config import BenchConfig
from stylecam.evaluation.performance.live_run import (
    LiveRunConfig,
    LiveRunResult,
    ScheduledEvent,
    new_entries,
    run_live,
)
from stylecam.evaluation.performance.live_worker import SampleLog, settings_of
from stylecam.live.settings import Settings
from stylecam.media.frame import Size
from stylecam.models.catalog import shipped_models
from stylecam.utils.clock import SystemClock
from tests.evaluation.performance.fixtures import live_result, sample


def test_a_configuration_arrives_as_it_was_sent() -> None:
    config = LiveRunConfig(
        "samples",
        3.0,
        style="a:0.5,b:0.5",
        scale=0.5,
        script=(ScheduledEvent(1.0, "order", "next"),),
        folders=("x", "y"),
    )
    assert LiveRunConfig.parse(config.to_json()) == config
    assert "\n" not in config.to_json()[:-1]


def test_a_run_combines_the_shared_configuration_with_its_own_changes() -> None:
    bench_config = BenchConfig(size=Size(320, 180), fps=25.0, engines=("openvino",), threads=1, seconds=7.0)
    config = LiveRunConfig.of(bench_config, Path("s"), "live", camera="clip.mp4")
    assert (config.size, config.fps, config.engine, config.threads, config.seconds) == (
        (320, 180),
        25.0,
        "openvino",
        1,
        7.0,
    )
    assert config.camera == "clip.mp4"


def test_settings_that_are_left_open_are_the_defaults_of_a_live_run() -> None:
    assert settings_of(LiveRunConfig("s", 5.0)) == Settings(
        camera="demo", seconds=5.0, outputs=("null",), hotkeys=False
    )
    assert settings_of(LiveRunConfig("s", 5.0, cpu=40.0, scale=0.5, strength=0.0)).strength == 0.0


def test_each_line_can_be_read_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with path.open("ab+") as samples, path.open("a") as file:
        log = SampleLog(file)
        assert list(new_entries(samples)) == []
        log.write("sample", t=1.0)
        assert list(new_entries(samples)) == [{"kind": "sample", "t": 1.0}]
        log.write("sample", t=2.0)
        assert [entry["t"] for entry in new_entries(samples)] == [2.0]
        assert list(new_entries(samples)) == []


def test_half_a_line_waits_for_its_other_half(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with path.open("ab+") as samples:
        path.write_text('{"kind": "sample", "t": 1.0}\n{"kind": "sam')
        assert [entry["t"] for entry in new_entries(samples)] == [1.0]
        path.write_text('{"kind": "sample", "t": 1.0}\n{"kind": "sample", "t": 2.0}\n')
        assert [entry["t"] for entry in new_entries(samples)] == [2.0]


def test_a_result_is_put_together_from_log_entries() -> None:
    result = LiveRunResult(LiveRunConfig("samples.jsonl", 60.0))
    for entry in (
        {"kind": "sample", "t": 1.0},
        {"kind": "event", "t": 1.5, "what": "load", "argument": "1"},
        {"kind": "said", "text": "the camera is back"},
        {"kind": "sample", "t": 4.0},
        {"kind": "final", "report": {"published": 3}, "pixels": None},
    ):
        result.add(entry)
    assert result.seconds == 3.0
    assert result.said == ["the camera is back"]
    assert result.report == {"published": 3}
    assert len(result.events) == 1


def nothing(_: dict[str, Any]) -> None:
    pass


@pytest.fixture
def config(tmp_path: Path) -> LiveRunConfig:
    """A configuration for a small picture and one second."""
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


def test_samples_are_reported_and_kept(config: LiveRunConfig, stop: threading.Event) -> None:
    entries: list[dict[str, Any]] = []
    result = run_live(config, SystemClock(), stop, entries.append)
    assert result.crash is None
    assert result.report is not None
    assert result.report["published"] > 0
    assert result.report["stages"]["network"]["mean"] > 0
    assert [entry["t"] for entry in result.samples] == sorted(entry["t"] for entry in result.samples)
    assert len(Path(config.samples).read_text().splitlines()) == len(entries)


def test_the_running_stylecam_is_measured_whatever_the_working_directory(
    config: LiveRunConfig, stop: threading.Event, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stylecam").mkdir()
    (tmp_path / "stylecam" / "__init__.py").write_text("raise SystemExit('another stylecam')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    result = run_live(config, SystemClock(), stop, nothing)
    assert result.crash is None
    assert result.report is not None


def test_the_script_is_executed(config: LiveRunConfig, stop: threading.Event) -> None:
    script = (
        ScheduledEvent(0.2, "order", "next"),
        ScheduledEvent(0.3, "fault", "0.2"),
        ScheduledEvent(0.4, "load", "1"),
    )
    result = run_live(replace(config, script=script, seconds=2.0), SystemClock(), stop, nothing)
    assert [event["what"] for event in result.events] == ["order", "fault", "load"]
    assert len({entry["style"] for entry in result.samples}) == 2
    assert result.report is not None
    assert result.report["faults"]["source"] == 1
    assert result.report["source_trouble"] is None, "the camera did not come back"


def test_time_stamps_are_read_from_painted_pixels(config: LiveRunConfig, stop: threading.Event) -> None:
    seen = replace(
        config, camera="demo:timestamp", reads_timestamps=True, strength=0.3, steadiness=0.0, size=(640, 360)
    )
    result = run_live(seen, SystemClock(), stop, nothing)
    assert result.pixels is not None
    assert result.pixels["count"] > 0
    assert result.pixels["unreadable"] == result.pixels["backwards"] == 0
    assert result.report is not None
    assert result.report["painting"]


def test_after_a_stop_the_statistics_so_far_are_reported(config: LiveRunConfig, stop: threading.Event) -> None:
    def on_entry(entry: dict[str, Any]) -> None:
        if entry["kind"] == "sample":
            stop.set()

    result = run_live(replace(config, seconds=600.0), SystemClock(), stop, on_entry)
    assert result.report is not None
    assert result.crash is None
    assert result.report["seconds"] < 600


def test_ctrl_c_that_reaches_the_live_process_too_loses_no_statistics(
    config: LiveRunConfig, stop: threading.Event
) -> None:
    def on_entry(entry: dict[str, Any]) -> None:
        if entry["kind"] == "sample" and not stop.is_set():
            (run,) = psutil.Process().children()
            run.send_signal(signal.SIGINT)
            stop.set()

    result = run_live(replace(config, seconds=600.0), SystemClock(), stop, on_entry)
    assert result.crash is None
    assert result.report is not None


def test_a_run_that_cannot_be_opened_says_why(config: LiveRunConfig, stop: threading.Event) -> None:
    with pytest.raises(BenchError, match=r"there is no file nowhere\.mp4"):
        run_live(replace(config, camera="nowhere.mp4"), SystemClock(), stop, nothing)


def test_a_crash_is_reported_with_the_last_line_of_standard_error(config: LiveRunConfig, stop: threading.Event) -> None:
    script = (ScheduledEvent(0.0, "load", "many"),)
    result = run_live(replace(config, script=script), SystemClock(), stop, nothing)
    assert result.report is None
    assert result.crash is not None
    assert result.crash.startswith("it ended with status 1: ValueError")


def test_samples_of_an_earlier_run_stay_and_are_not_counted(config: LiveRunConfig, stop: threading.Event) -> None:
    before = 'notes of mine\n{"kind": "sample", "t": 99.0}\n'
    Path(config.samples).write_text(before)
    result = run_live(config, SystemClock(), stop, nothing)
    assert result.samples
    assert all(entry["t"] < 99 for entry in result.samples)
    assert Path(config.samples).read_text().startswith(before)


def test_cores_are_counted_once_the_run_has_settled() -> None:
    starting = [sample(t, busy_s=2.0 * t) for t in (0, 1, 2, 3, 4)]
    settled = [sample(t, busy_s=10.0 + 0.5 * (t - 5)) for t in range(5, 60)]
    assert live_result(starting + settled).cores_busy == pytest.approx(0.5)


def test_the_load_of_other_programs_is_reported_separately() -> None:
    samples = [sample(t, busy_s=0.5 * t, machine_busy_s=1.25 * t) for t in range(20)]
    assert live_result(samples).others_busy == pytest.approx(0.75)


def test_the_rung_used_most_comes_first() -> None:
    samples = (
        [sample(t, rung=[512, 288]) for t in range(3)] + [sample(t) for t in range(3, 12)] + [sample(12, rung=None)]
    )
    assert live_result(samples).rungs == [((640, 360), 0.75), ((512, 288), 0.25)]
    assert live_result(samples).as_dict()["rung"] == [640, 360]


def test_a_crashed_run_is_described_by_its_last_sample() -> None:
    shown = live_result(
        [sample(0), sample(1, published_fps=29.0)], report=None, crash="it ended with SIGSEGV"
    ).as_dict()
    assert shown["published_fps"] == 29.0
    assert shown["latency_ms"] is None
    assert shown["crash"] == "it ended with SIGSEGV"


def test_a_run_that_never_began_has_no_figures() -> None:
    shown = live_result([], report=None, crash="it ended with status 1").as_dict()
    assert (shown["rung"], shown["cores_busy"], shown["published_fps"]) == (None, None, None)
