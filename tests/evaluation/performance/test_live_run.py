"""A job on its way to another process."""

from __future__ import annotations

from pathlib import Path

from stylecam.evaluation.performance.config import BenchConfig
from stylecam.evaluation.performance.live_run import LiveRunConfig, ScheduledEvent
from stylecam.evaluation.performance.live_worker import settings_of
from stylecam.live.settings import Settings
from stylecam.media.frame import Size


def test_a_job_arrives_as_it_was_sent() -> None:
    job = LiveRunConfig(
        "samples",
        3.0,
        style="a:0.5,b:0.5",
        scale=0.5,
        script=(ScheduledEvent(1.0, "order", "next"),),
        folders=("x", "y"),
    )
    assert LiveRunConfig.parse(job.line()) == job
    assert "\n" not in job.line()[:-1]


def test_what_the_plan_says_is_in_all_its_jobs_and_the_run_s_own_beside() -> None:
    plan = BenchConfig(size=Size(320, 180), fps=25.0, engines=("openvino",), threads=1, seconds=7.0)
    job = LiveRunConfig.of(plan, Path("s"), "live", camera="clip.mp4")
    assert (job.size, job.fps, job.engine, job.threads, job.seconds) == ((320, 180), 25.0, "openvino", 1, 7.0)
    assert job.camera == "clip.mp4"


def test_what_is_left_open_is_as_for_a_live_run() -> None:
    assert settings_of(LiveRunConfig("s", 5.0)) == Settings(
        camera="demo", seconds=5.0, outputs=("null",), hotkeys=False
    )
    assert settings_of(LiveRunConfig("s", 5.0, cpu=40.0, scale=0.5, strength=0.0)).strength == 0.0
