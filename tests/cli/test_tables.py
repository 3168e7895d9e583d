"""Tests of the tables of `stylecam bench`."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from stylecam.cli.tables import bench_tables
from stylecam.evaluation.performance.suite import BenchReport
from tests.evaluation.performance.fixtures import comparison, crashed_report, full_report


def shown(found: BenchReport) -> str:
    console = Console(width=200, file=StringIO())
    for table, note in bench_tables(found):
        console.print(table)
        console.print(note, markup=False, soft_wrap=True)
    written = console.file
    assert isinstance(written, StringIO)
    return written.getvalue()


def test_every_kind_has_its_table() -> None:
    text = shown(full_report())
    for title in ("Networks and engines", "Stages of a frame", "Live, 1280×720", "The governor", "Latency", "Soak"):
        assert title in text


def test_ratios_and_the_limit_stand_beside_the_times() -> None:
    (line,) = [line for line in shown(full_report()).splitlines() if "ours" in line and "64×48" in line]
    assert line.split()[-5:] == ["0.20", "50", "50%", "25.0", "20.0"]
    assert "peak: 100 GMAC/s" in shown(full_report())


def test_crashes_are_told_and_what_is_unknown_is_a_dash() -> None:
    text = shown(crashed_report())
    assert text.count("it ended with SIGSEGV") == 5
    assert "None" not in text
    assert "–" in text


def test_an_engine_left_out_is_named_with_its_reason() -> None:
    found = full_report()
    found.engines = comparison()
    found.engines.problems.append("openvino: it is broken")
    found.engines.timings[0].paint, found.engines.timings[0].run = [], []
    found.engines.timings[0].problem = "there is no memory"
    text = shown(found)
    assert "left out: openvino: it is broken" in text
    assert "there is no memory" in text
