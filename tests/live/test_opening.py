"""Opening a session: whatever ends it, an interrupt too, what was opened is closed in reverse order."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest

from stylecam.control.http.server import Server
from stylecam.errors import SessionNotOpenError, UsageError
from stylecam.live.session import Session
from stylecam.live.settings import Settings
from stylecam.media.testing import CollectingSink, ScriptedSource, gray_image
from stylecam.models.catalog import Catalog
from stylecam.stylize.frame_stylizer import FrameStylizer
from stylecam.stylize.session_pool import SessionPool
from stylecam.utils.clock import SystemClock
from tests.live.fixtures import SIZE

SETTINGS = Settings(style="none", size=SIZE, hotkeys=False, engine="opencv", device="cpu")
FILES = ("live/session.py", "live/startup.py", "live/engine_choice.py", "live/pipeline.py", "live/recording.py")


class Journal:
    """What was opened and closed, in order; closing what is not open is not noted."""

    def __init__(self) -> None:
        self.open: list[str] = []
        self.closed: list[str] = []

    def note_open(self, name: str) -> None:
        self.open.append(name)

    def note_close(self, name: str) -> None:
        if name in self.open:
            assert self.open[-1] == name, "not closed in reverse order"
            self.closed.append(self.open.pop())


class NotedSource(ScriptedSource):
    def __init__(self, journal: Journal) -> None:
        super().__init__([gray_image(1, SIZE)], SystemClock())
        self._journal = journal

    def _open(self, size: Any, fps: float) -> None:
        self._journal.note_open("source")

    def close(self) -> None:
        self._journal.note_close("source")


class NotedSink(CollectingSink):
    def __init__(self, name: str, journal: Journal) -> None:
        super().__init__()
        self.name, self._journal = name, journal

    def open(self, size: Any, fps: float) -> None:
        super().open(size, fps)
        self._journal.note_open(self.name)

    def close(self) -> None:
        super().close()
        self._journal.note_close(self.name)


@pytest.fixture
def journal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    """A journal of source, sinks, server and pool; the server is one in name only."""
    journal = Journal()
    monkeypatch.setattr(Server, "start", lambda _: journal.note_open("server"))
    monkeypatch.setattr(Server, "stop", lambda _: journal.note_close("server"))
    end = SessionPool.close

    def close_pool(pool: SessionPool) -> None:
        end(pool)
        journal.note_close("pool")

    monkeypatch.setattr(SessionPool, "close", close_pool)
    monkeypatch.setattr(FrameStylizer, "prepare", lambda *_: journal.note_open("pool"))  # it builds the first session
    yield journal
    assert journal.open == []


def session(journal: Journal) -> Session:
    sinks = [NotedSink("first", journal), NotedSink("second", journal)]
    return Session(SETTINGS, Catalog([]), source=NotedSource(journal), sinks=sinks)


class Interrupter:
    """Raises KeyboardInterrupt at one line of the modules that open a session, counted from the first."""

    def __init__(self, line: int) -> None:
        self.line, self.seen = line, 0

    def __enter__(self) -> None:
        self._before = sys.gettrace()
        sys.settrace(self._trace)

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)

    def _trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if not frame.f_code.co_filename.endswith(FILES):
            return None
        if event == "line":
            self.seen += 1
            if self.seen == self.line:
                raise KeyboardInterrupt
        return self._trace


def test_everything_is_closed_once_in_reverse_order(journal: Journal) -> None:
    with session(journal):
        assert journal.open[:4] == ["source", "first", "second", "server"]
        assert journal.open[-1] == "pool"
    assert journal.closed == ["pool", "server", "second", "first", "source"]


def test_an_interrupt_at_any_line_of_the_opening_closes_what_was_opened(journal: Journal) -> None:
    line = 0
    while True:
        line += 1
        opening = session(journal)
        interrupter = Interrupter(line)
        try:
            with interrupter:
                opening.open()
        except KeyboardInterrupt:
            pass
        opening.close()
        assert journal.open == [], f"left open after an interrupt at line {line}"
        if interrupter.seen < line:
            break
    assert line > 50
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("stylecam")]


def test_an_interrupt_between_opening_and_running_closes_everything(journal: Journal) -> None:
    with pytest.raises(KeyboardInterrupt), session(journal):
        raise KeyboardInterrupt
    assert journal.closed == ["pool", "server", "second", "first", "source"]


def test_a_mistake_while_running_closes_everything(journal: Journal) -> None:
    def broken() -> None:
        raise ZeroDivisionError("a mistake of ours")

    with session(journal) as opened:
        journal.open.clear()  # the threads close source and sinks in an order of their own
        with pytest.raises(ZeroDivisionError):
            opened.run(started=broken)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("stylecam")]


def test_closing_twice_is_closing_once(journal: Journal) -> None:
    opened = session(journal)
    opened.open()
    opened.close()
    opened.close()
    assert len(journal.closed) == 5


def test_what_was_submitted_and_never_run_is_refused_when_it_closes(journal: Journal) -> None:
    with session(journal) as opened:
        waiting = opened.control.submit("freeze")
    assert waiting.exception(0) is not None


def test_before_it_is_open_it_says_so(journal: Journal) -> None:
    unopened = session(journal)
    for use in (unopened.run, unopened.report, lambda: unopened.server, lambda: unopened.sinks):
        with pytest.raises(SessionNotOpenError):
            use()
    unopened.close()


def test_a_session_opens_once(journal: Journal) -> None:
    with session(journal) as opened, pytest.raises(SessionNotOpenError):
        opened.open()


def test_a_command_is_pressed_by_its_name_and_an_unknown_one_is_a_typed_error(journal: Journal) -> None:
    with session(journal) as opened:
        opened.press("freeze")
        assert opened.control.apply().frozen
        with pytest.raises(UsageError):
            opened.press("fly")
