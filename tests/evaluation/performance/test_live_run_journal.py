"""What is seen, line by line."""

from __future__ import annotations

from pathlib import Path

from stylecam.evaluation.performance.live_run import EventLogReader, EventLogWriter, LiveRunResult


def test_each_entry_can_be_read_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    follower = EventLogReader(path)
    assert list(follower.news()) == []
    with path.open("a") as file:
        journal = EventLogWriter(file)
        journal.write("sample", t=1.0)
        assert list(follower.news()) == [{"kind": "sample", "t": 1.0}]
        journal.write("sample", t=2.0)
        assert [entry["t"] for entry in follower.news()] == [2.0]
    assert list(follower.news()) == []


def test_half_a_line_waits_for_its_other_half(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    follower = EventLogReader(path)
    path.write_text('{"kind": "sample", "t": 1.0}\n{"kind": "sam')
    assert [entry["t"] for entry in follower.news()] == [1.0]
    path.write_text('{"kind": "sample", "t": 1.0}\n{"kind": "sample", "t": 2.0}\n')
    assert [entry["t"] for entry in follower.news()] == [2.0]


def test_an_outcome_is_put_together_from_entries() -> None:
    outcome = LiveRunResult()
    for entry in (
        {"kind": "sample", "t": 1.0},
        {"kind": "event", "t": 1.5, "what": "load", "argument": "1"},
        {"kind": "said", "text": "the camera is back"},
        {"kind": "sample", "t": 4.0},
        {"kind": "final", "report": {"published": 3}, "pixels": None},
    ):
        outcome.add(entry)
    assert outcome.seconds == 3.0
    assert outcome.said == ["the camera is back"]
    assert outcome.report == {"published": 3}
    assert len(outcome.events) == 1
