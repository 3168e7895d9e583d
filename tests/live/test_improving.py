"""Tests of improving styles beside a live run: one at a time, and what is said when one ends."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from stylecam.errors import StyleNotFoundError, TrainingUnavailableError, UsageError
from stylecam.live import improving
from stylecam.live.improving import Improvements
from stylecam.models.own_style import OwnStyle


class Input(io.BytesIO):
    """Its end lets the program write what it has learned, and end."""

    def __init__(self, process: Process) -> None:
        super().__init__()
        self._process = process

    def close(self) -> None:
        super().close()
        self._process.asked_to_end.set()


class Process:
    """A program that does what the test says. Closing its input ends it, as the real one."""

    def __init__(self, command: Sequence[str], on_line: Callable[[str], None]) -> None:
        self.command, self._on_line = command, on_line
        self.input = Input(self)
        self.running, self.closed = True, False
        self.asked_to_end = threading.Event()

    def say(self, **values: Any) -> None:
        self._on_line(json.dumps(values) + "\n")

    def end(self) -> None:
        self.running = False
        self._on_line("")
        for thread in threading.enumerate():
            if thread.name == "stylecam-improving":
                thread.join(10)

    def close(self) -> None:
        self.closed = True


class Fixture:
    def __init__(self, folder: Path) -> None:
        self.folder, self.processes = folder, list[Process]()
        folder.mkdir(exist_ok=True)
        for name in ("harvest", "meadow"):
            OwnStyle(name, name, "nobody", "CC0-1.0", b"\xff\xd8\xff").write(folder / f"{name}.style")
        self.improvements = self.again()

    def again(self) -> Improvements:
        return Improvements(self.folder, self.folder / "state", start_process=self._start, check=lambda: None)

    def _start(self, command: Sequence[str], on_line: Callable[[str], None]) -> Process:
        self.processes.append(Process(command, on_line))
        return self.processes[-1]

    @property
    def progress(self) -> dict[str, Any]:
        return dict(self.improvements.progress or {})


@pytest.fixture
def fixture(tmp_path: Path) -> Fixture:
    return Fixture(tmp_path / "styles")


def test_its_progress_is_known_until_it_is_done(fixture: Fixture) -> None:
    assert fixture.improvements.progress is None
    fixture.improvements.start("harvest", 5)
    assert (fixture.progress["name"], fixture.progress["seconds_left"]) == ("harvest", None)
    assert fixture.progress["message"] == "getting ready"
    (process,) = fixture.processes
    assert str(fixture.folder / "harvest.style") in process.command
    process.say(share=0.25, seconds_left=225.0, steps=90)
    assert (fixture.progress["share"], fixture.progress["seconds_left"], fixture.progress["message"]) == (
        0.25,
        225.0,
        "",
    )
    process.say(gain=0.31, steps=90)
    process._on_line("a library prints this\n")
    process.say(done=True)
    process.end()
    assert (fixture.progress["ended"], fixture.progress["failed"]) == (True, False)
    assert fixture.progress["message"] == "31% nearer to the picture"
    assert process.closed


def test_one_is_improved_at_a_time_and_the_next_follows(fixture: Fixture) -> None:
    for name in ("harvest", "meadow", "harvest"):
        fixture.improvements.start(name, 5)
    assert len(fixture.processes) == 1
    assert fixture.progress["waiting"] == ["meadow"]
    fixture.processes[0].end()
    assert (fixture.progress["name"], fixture.progress["waiting"]) == ("meadow", [])
    fixture.improvements.stop("meadow")
    assert fixture.processes[1].input.closed
    fixture.processes[1].say(done=False)
    fixture.processes[1].end()
    assert (fixture.progress["message"], fixture.progress["failed"]) == ("stopped; what was learned is kept", False)


def test_what_is_waiting_can_be_taken_back(fixture: Fixture) -> None:
    fixture.improvements.start("harvest", 5)
    fixture.improvements.start("meadow", 5)
    fixture.improvements.stop("meadow")
    fixture.processes[0].end()
    assert len(fixture.processes) == 1


@pytest.mark.parametrize(
    ("last", "message"),
    [({"error": "No space left"}, "No space left"), ({"share": 0.5, "seconds_left": 9}, "the system ended it")],
    ids=["says why", "is killed"],
)
def test_one_that_fails_says_why(fixture: Fixture, last: dict[str, Any], message: str) -> None:
    fixture.improvements.start("harvest", 5)
    fixture.processes[0].say(**last)
    fixture.processes[0].end()
    assert (fixture.progress["ended"], fixture.progress["failed"]) == (True, True)
    assert message in fixture.progress["message"]


@pytest.mark.parametrize("killed", [False, True])
def test_the_next_run_says_that_the_last_one_ended_amidst_it(fixture: Fixture, killed: bool) -> None:
    fixture.improvements.start("harvest", 5)
    fixture.processes[0].say(share=0.4, seconds_left=180.0)
    fixture.processes[0].say(gain=0.2)
    if not killed:
        process = fixture.processes[0]

        def end_when_asked() -> None:
            assert process.asked_to_end.wait(10)
            process.end()

        ending = threading.Thread(target=end_when_asked)
        ending.start()
        fixture.improvements.close()
        ending.join(10)
        assert process.closed
    fixture.improvements = fixture.again()
    assert (fixture.progress["name"], fixture.progress["ended"]) == ("harvest", True)
    assert "stylecam ended when 40% of it was done" in fixture.progress["message"]
    fixture.improvements = fixture.again()
    assert fixture.improvements.progress is None  # said once


def test_what_cannot_begin_is_refused(fixture: Fixture, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StyleNotFoundError, match="harvest, meadow"):
        fixture.improvements.start("mosaic", 5)
    with pytest.raises(UsageError, match=r"0\.1 to 600"):
        fixture.improvements.start("harvest", 0)
    monkeypatch.setattr("stylecam.utils.optional.is_installed", lambda _: False)
    with pytest.raises(TrainingUnavailableError, match=r"PyTorch and onnx.*200 MB to download.*stylecam\[train\]"):
        improving.check_installed()
    assert not fixture.processes
