"""Counters and percentiles, and the statistics file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylecam.live import stats as stats_module
from stylecam.live.stats import Stats, StatsFile
from stylecam.utils.metrics import Histogram, SlidingWindow


def publish(stats: Stats, count: int, fps: float = 30.0, start: float = 100.0, latency: float | None = 0.05) -> None:
    for i in range(count):
        now = start + i / fps
        stats.count_published(now, None if latency is None else now - latency)


@given(st.lists(st.floats(0, 1999, allow_subnormal=False), min_size=1), st.sampled_from([50, 95, 99]))
def test_a_histogram_gives_percentiles_to_half_a_millisecond(values: list[float], percent: int) -> None:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    exact = sorted(values)[max(0, int(np.ceil(len(values) * percent / 100)) - 1)]
    assert histogram.percentile(percent) == pytest.approx(exact, abs=0.5)


def test_an_empty_histogram_knows_nothing() -> None:
    assert Histogram().percentile(50) is None


def test_a_histogram_keeps_the_exact_maximum_beyond_its_bins() -> None:
    histogram = Histogram()
    histogram.add(123_456.7)
    assert histogram.maximum_ms == 123_456.7


def test_the_recent_rate_follows_the_last_seconds_only() -> None:
    recent = SlidingWindow(5.0)
    for i in range(100):
        recent.add(i / 10)
    for i in range(150):
        recent.add(10 + i / 30)
    assert recent.rate(15.0) == pytest.approx(30, abs=0.5)


def test_the_recent_rate_falls_to_nothing_when_frames_stop() -> None:
    recent = SlidingWindow(5.0)
    for i in range(100):
        recent.add(i / 30)
    assert recent.rate(60.0) == 0.0


def test_a_recent_percentile_forgets_old_values() -> None:
    recent = SlidingWindow(5.0)
    recent.add(0.0, 1000.0)
    recent.add(10.0, 20.0)
    assert recent.percentile(95, 10.0) == 20.0


def test_nothing_recent_has_no_percentile() -> None:
    assert SlidingWindow().percentile(50, 0.0) is None


def test_the_published_rate_counts_frames_over_time() -> None:
    stats = Stats()
    publish(stats, 301)
    assert stats.snapshot(110).published_fps == pytest.approx(30.0)


def test_latency_is_measured_on_fresh_frames_only() -> None:
    stats = Stats()
    publish(stats, 100, latency=0.05)
    publish(stats, 100, start=104, latency=None)
    snapshot = stats.snapshot(108)
    assert snapshot.latency_ms.p95 == pytest.approx(50, abs=0.5)
    assert snapshot.repeats == 100


def test_a_gap_in_publishing_is_the_maximum_shown() -> None:
    stats = Stats()
    publish(stats, 30)
    publish(stats, 30, start=102.0)
    assert stats.snapshot(103).gap_ms.max == pytest.approx((2 - 29 / 30) * 1000, abs=0.01)


def test_frames_replaced_before_styling_are_drops() -> None:
    stats = Stats()
    for replaced in (False, True, True, False):
        stats.count_captured(replaced)
    snapshot = stats.snapshot(0)
    assert (snapshot.captured, snapshot.drops) == (4, 2)


def test_faults_are_counted_by_kind_with_the_last_message() -> None:
    stats = Stats()
    for kind, message in (("sink", "a"), ("source", "b"), ("sink", "c")):
        stats.count_fault(kind, message)
    assert stats.snapshot(0).faults.to_json() == {"sink": 2, "source": 1, "total": 3, "last": "c"}


def test_styled_frames_are_counted_with_their_time() -> None:
    stats = Stats()
    for i in range(61):
        stats.count_styled(i / 20, 25.0)
    snapshot = stats.snapshot(3)
    assert (snapshot.styled, snapshot.styled_fps, snapshot.style_ms.p50) == (61, 20.0, 25.0)


def test_the_first_publication_is_remembered() -> None:
    stats = Stats()
    assert stats.first_published_at is None
    publish(stats, 3)
    assert stats.first_published_at == 100.0


@pytest.mark.parametrize("count", [0, 1, 50])
def test_a_snapshot_is_ready_for_json_at_any_time(count: int) -> None:
    stats = Stats()
    publish(stats, count)
    assert json.loads(json.dumps(stats.snapshot(200).to_json(), allow_nan=False))["published"] == count


def test_a_pause_is_no_gap_and_slows_no_rate() -> None:
    stats = Stats()
    publish(stats, 31)
    stats.pause()
    publish(stats, 31, start=5000.0)
    snapshot = stats.snapshot(5001.0)
    assert snapshot.published_fps == pytest.approx(30)
    assert snapshot.gap_ms.max is not None
    assert snapshot.gap_ms.max < 40
    assert snapshot.published == 62


def test_the_newest_figures_are_in_the_file(tmp_path: Path) -> None:
    file = StatsFile(tmp_path / "stats.json")
    for published in (1, 2):
        file.write({"published": published}, 0.0)
    assert json.loads((tmp_path / "stats.json").read_text()) == {"published": 2}


def test_the_statistics_file_is_written_every_second(tmp_path: Path) -> None:
    file = StatsFile(tmp_path / "stats.json")
    written = []
    for now in (100.0, 100.5, 101.0, 101.9, 102.5):
        if file.is_due(now):
            file.write({}, now)
            written.append(now)
    assert written == [100.0, 101.0, 102.5]


def test_without_a_path_nothing_is_ever_due_or_written() -> None:
    file = StatsFile(None)
    file.write({}, 0.0)
    assert not file.is_due(1e9)


def test_a_full_disk_is_logged_once_until_it_has_worked_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = [True]

    def write(*_: object) -> None:
        if full[0]:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(stats_module, "write_json", write)
    file = StatsFile(tmp_path / "stats.json")
    for full[0] in (True, True, False, True):
        file.write({}, 0.0)
    assert len(caplog.messages) == 2
    assert all("cannot be written any more: No space left on device" in line for line in caplog.messages)
