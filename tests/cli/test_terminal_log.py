"""The terminal: one thread writes to it, and nothing else ever waits for it."""

from __future__ import annotations

import io
import logging
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text

from stylecam.cli.terminal_log import CAPACITY, TerminalWriter, terminal_log
from stylecam.live.session import Session
from stylecam.live.settings import Settings
from stylecam.media.frame import Size
from stylecam.models.catalog import Catalog
from stylecam.stylize.frame_stylizer import FrameStylizer
from tests.doubles import until


class BlockedTerminal(io.StringIO):
    """Takes nothing until `released`, like a terminal after Ctrl-S or a full pipe."""

    def __init__(self) -> None:
        super().__init__()
        self.released = threading.Event()
        self.blocks = threading.Event()

    def write(self, text: str) -> int:
        self.blocks.set()
        self.released.wait(60)
        return super().write(text)


class ClosedTerminal(io.StringIO):
    """A terminal whose window was closed."""

    def write(self, _: str) -> int:
        raise OSError(5, "Input/output error")


@pytest.fixture
def blocked() -> Iterator[BlockedTerminal]:
    terminal = BlockedTerminal()
    yield terminal
    terminal.released.set()


def console(file: io.StringIO) -> Console:
    return Console(file=file, width=200)


def test_lines_are_written_in_their_order() -> None:
    file = io.StringIO()
    with terminal_log(console(file), verbose=False) as terminal:
        terminal.write(Text("first"))
        logging.getLogger("stylecam.live").warning("second")
        logging.getLogger("stylecam.live").debug("only with -v")
        terminal.write(Text("third"))
    assert file.getvalue().splitlines() == ["first", "second", "third"]


@pytest.mark.parametrize("verbose", [True, False])
def test_what_asks_nothing_of_the_user_is_written_with_verbose_only(verbose: bool) -> None:
    file = io.StringIO()
    with terminal_log(console(file), verbose):
        logging.getLogger("stylecam.live").warning("going on without hotkeys", extra={"is_detail": True})
    assert ("hotkeys" in file.getvalue()) is verbose


@pytest.mark.parametrize("verbose", [True, False])
def test_a_traceback_is_written_with_verbose_only(verbose: bool) -> None:
    file = io.StringIO()
    with terminal_log(console(file), verbose):
        try:
            raise ZeroDivisionError("a mistake of ours")
        except ZeroDivisionError:
            logging.getLogger("stylecam.live").exception("snapshot failed")
    assert ("Traceback" in file.getvalue()) is verbose
    assert "snapshot failed" in file.getvalue()


def test_afterwards_nothing_is_written_any_more() -> None:
    file = io.StringIO()
    with terminal_log(console(file), verbose=False):
        pass
    logging.getLogger("stylecam.live").warning("too late")
    assert file.getvalue() == ""


def test_standard_output_is_not_redirected_while_there_is_a_status_line() -> None:
    file, output = io.StringIO(), sys.stdout
    with terminal_log(Console(file=file, width=200, force_terminal=True), verbose=False) as terminal:
        terminal.show_status(Text("30.0 fps"))
        assert until(lambda: "30.0 fps" in file.getvalue())
        assert sys.stdout is output


def test_a_blocked_terminal_costs_lines_and_no_time(blocked: BlockedTerminal) -> None:
    writer = TerminalWriter(console(blocked))
    writer.write(Text("first"))
    assert blocked.blocks.wait(20)
    began = time.monotonic()
    for number in range(10 * CAPACITY):
        writer.write(Text(str(number)))
    writer.close(0.05)
    assert time.monotonic() - began < 5
    blocked.released.set()
    assert until(lambda: "lines are missing here" in blocked.getvalue())


def test_a_closed_terminal_costs_lines_and_no_more() -> None:
    writer = TerminalWriter(console(ClosedTerminal()))
    for number in range(10):
        writer.write(Text(str(number)))
    writer.close()
    writer.write(Text("nobody reads this"))


def test_with_a_blocked_terminal_frames_go_on(
    blocked: BlockedTerminal, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each frame has a fault that the style thread logs."""

    def style(stylizer: FrameStylizer, frame: Any, _: Any) -> Any:
        stylizer._sessions._report("engine", f"frame {frame.index} could not be painted")
        return original(stylizer, frame, _)

    original = FrameStylizer.stylize
    monkeypatch.setattr(FrameStylizer, "stylize", style)
    settings = Settings(
        camera="demo", style="none", outputs=("null",), size=Size(128, 96), hotkeys=False, server=False, seconds=1.0
    )
    with terminal_log(console(blocked), verbose=False), Session(settings, catalog) as session:
        report = session.run()
    assert blocked.blocks.is_set()
    assert report.pipeline.frames.faults.by_kind["engine"] > 5
    assert report.pipeline.frames.styled > 5
