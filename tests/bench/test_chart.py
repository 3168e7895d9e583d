"""The plot."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import pytest

from stylecam.bench import chart
from stylecam.bench.burden import Burden, phases
from stylecam.bench.endurance import Endurance
from stylecam.bench.host import Host
from stylecam.bench.suite import Report
from stylecam.errors import BenchError
from tests.bench.material import entry, run
from tests.bench.test_ranking import ranking


def report() -> Report:
    samples = [entry(t) for t in range(61)]
    events = [{"kind": "event", "t": 15.1, "what": "load", "argument": "1"}]
    seen = run(samples, events=events, pixels={"p50": 20.0, "p95": 30.0, "p99": 33.0, "max": 40.0})
    return Report(
        Host.here(), "great_wave", (), ranking(), seen, [seen, seen], Burden(seen, phases(60, 2)), [seen, seen],
        Endurance(seen),
    )  # fmt: skip


def test_each_kind_has_a_panel(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    chart.write_chart(tmp_path / "a.png", report())
    drawn = cv2.imread(str(tmp_path / "a.png"))
    assert drawn is not None
    assert drawn.shape[0] > 2000


def test_what_was_cut_short_is_drawn_as_far_as_it_is_known(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    nothing = run([], report=None)
    cut = Report(
        Host.here(), "great_wave", (), None, nothing, [nothing], Burden(nothing, phases(60, 2)), [nothing],
        Endurance(nothing), stopped=True,
    )  # fmt: skip
    chart.write_chart(tmp_path / "a.png", cut)
    assert (tmp_path / "a.png").stat().st_size > 0


def test_without_matplotlib_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(BenchError, match=r"pip install \"stylecam\[bench\]\""):
        chart.check_installed()
