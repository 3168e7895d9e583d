"""Tests of the charts of `stylecam bench`."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from stylecam.evaluation.plots import write_bench_chart
from tests.evaluation.performance.fixtures import REPORT, crashed_report, full_report, live_result


def test_each_kind_has_a_panel(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    write_bench_chart(tmp_path / "a.png", full_report())
    drawn = cv2.imread(str(tmp_path / "a.png"))
    assert drawn is not None
    assert drawn.shape[0] > 2000


def test_a_report_of_crashed_runs_is_drawn_as_far_as_it_is_known(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    write_bench_chart(tmp_path / "a.png", crashed_report())
    assert (tmp_path / "a.png").stat().st_size > 0


def test_a_run_that_published_no_camera_picture_has_no_bar(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    found = full_report()
    nothing = {**REPORT, "latency_ms": {"p50": None, "p95": None, "p99": None}}
    found.live = [live_result([], report=nothing), *found.live]
    write_bench_chart(tmp_path / "a.png", found)
    assert (tmp_path / "a.png").stat().st_size > 0
