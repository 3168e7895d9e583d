"""Writes log lines and the status line to the terminal, on one thread that nothing else waits for."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
from collections import deque
from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from stylecam.cli import language
from stylecam.cli.streams import PatientStream
from stylecam.utils.message import message_of
from stylecam.utils.redact import redact

CAPACITY = 500
"""The most lines that wait for the terminal; further ones are dropped and counted."""
CLOSE_S = 1.0
"""The longest that the end of the program waits for the terminal to take the last lines."""


class TerminalConsole(Console):
    """Standard error as rich writes to it; a broken pipe raises BrokenPipeError instead of ending the program."""

    def __init__(self) -> None:
        super().__init__(file=PatientStream(sys.stderr), highlight=False)

    def on_broken_pipe(self) -> None:
        """See `Console.on_broken_pipe`, which closes standard output and exits."""
        raise BrokenPipeError


class TerminalWriter:
    """Owns the terminal: its thread writes lines, and below them a status line where there is a real terminal.

    Its methods may be called from any thread and never wait. While a terminal takes nothing (a full pipe, Ctrl-S),
    lines are dropped beyond `CAPACITY`; once it is closed, all are. On a full disk they are dropped while it is full.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._condition = threading.Condition()
        self._lines: deque[RenderableType] = deque()
        self._status: Text | None = None
        self._dropped = 0
        self._closing = self._lost = False
        self._live: Live | None = None
        self._thread = threading.Thread(target=self._run, name="stylecam-terminal", daemon=True)
        self._thread.start()

    @property
    def interactive(self) -> bool:
        """True where there is a real terminal, which can show a status line."""
        return self._console.is_terminal

    def write(self, line: RenderableType) -> None:
        """Write `line` when its turn comes; drop it where too many wait already."""
        with self._condition:
            if self._lost:
                return
            if len(self._lines) >= CAPACITY:
                self._dropped += 1
                return
            self._lines.append(line)
            self._condition.notify()

    def show_status(self, status: Text) -> None:
        """Show `status` below all lines, in place of the one before."""
        with self._condition:
            self._status = status
            self._condition.notify()

    def close(self, timeout_s: float = CLOSE_S) -> None:
        """Write what waits and take the status line away. Give up after `timeout_s`."""
        with self._condition:
            self._closing = True
            self._condition.notify()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            while self._wait():
                self._write_next()
            if self._live is not None:
                self._live.stop()
        except (OSError, ValueError):  # nobody reads any more, or the stream is closed
            with self._condition:
                self._lost = True
                self._lines.clear()

    def _wait(self) -> bool:
        """Wait for something to write; False when everything is written and the writer closes."""
        with self._condition:
            self._condition.wait_for(lambda: self._lines or self._status is not None or self._closing)
            return bool(self._lines) or not self._closing

    def _write_next(self) -> None:
        with self._condition:
            lines = list(self._lines)
            self._lines.clear()
            status, self._status = self._status, None
            dropped, self._dropped = self._dropped, 0
        for line in lines:
            self._console.print(line, soft_wrap=isinstance(line, Text))
        if dropped:
            self._console.print(Text(f"{dropped} lines are missing here: the terminal did not take them"))
        if status is None:
            return
        if self._live is None:
            # standard output is not redirected: what --json prints must not wait for the terminal or go there
            self._live = Live(console=self._console, auto_refresh=False, transient=True, redirect_stdout=False)
            self._live.start()
        self._live.update(status, refresh=True)


class TerminalHandler(logging.Handler):
    """Hands each log record to the writer as one line; with `verbose`, tracebacks follow.

    Records that ask nothing of the user (`extra={"is_detail": True}`) are shown with `verbose` only. Secrets are taken
    out, except for the token of a link that is meant to be opened (`extra={"is_link": True}`).
    """

    def __init__(self, writer: TerminalWriter, verbose: bool, show_links: bool) -> None:
        super().__init__()
        self._writer, self._verbose, self._show_links = writer, verbose, show_links

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler.emit`."""
        if getattr(record, "is_detail", False) and not self._verbose:
            return
        text = self.format(record) if self._verbose else language.say(message_of(record))
        self._writer.write(Text(text if self._show_links and getattr(record, "is_link", False) else redact(text)))


@contextlib.contextmanager
def terminal_log(console: Console, verbose: bool, show_links: bool = True) -> Iterator[TerminalWriter]:
    """Show what stylecam logs on `console` while the block lasts: from INFO on, with `verbose` from DEBUG on.

    Without `show_links` the token is taken out of links as well, as for a log that others may read.
    """
    writer = TerminalWriter(console)
    handler = TerminalHandler(writer, verbose, show_links)
    root = logging.getLogger("stylecam")
    level = root.level
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    root.addHandler(handler)
    try:
        yield writer
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        writer.close()
