"""Progress bars with the time left, on standard error; plain lines now and then where that is no terminal."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from stylecam.errors import UsageError
from stylecam.training.events import Event, Missed, Step
from stylecam.utils.files import check_writable, user_path

# ---- cli.progress
PLAIN_EVERY_S = 10.0


class Bar:
    """Counts `total` things, named `what`."""

    def __init__(self, what: str, total: int | None) -> None:
        self._what, self._total = what, total
        self._console = Console(stderr=True, highlight=False)
        self._progress = Progress(
            TextColumn("painting"),
            BarColumn(40),
            MofNCompleteColumn() if total is None or total > 1 else TextColumn("{task.percentage:.0f} %"),
            TextColumn(what if total is None or total > 1 else ""),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._progress.add_task(what, total=total)
        self._done = 0
        self._started = self._told = time.monotonic()

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def within(self, share: float) -> None:
        """Of the thing at hand, `share` 0..1 is done."""
        self._progress.update(self._task, completed=self._done + min(share, 0.999))

    def reach(self, done: int, total: int | None) -> None:
        """So many are done, of a total that may only be known now."""
        self._total = total
        self._done = done - 1
        self._progress.update(self._task, total=total)
        self.advance()

    def advance(self) -> None:
        """One more thing is done."""
        self._done += 1
        self._progress.update(self._task, completed=self._done)
        now = time.monotonic()
        if self._progress.disable and self._total and self._done < self._total and now - self._told >= PLAIN_EVERY_S:
            self._told = now
            left = (now - self._started) / self._done * (self._total - self._done)
            self.say(f"{self._done} of {self._total} {self._what}, about {left:.0f} s left")

    def say(self, message: str) -> None:
        """A line above the bar."""
        self._console.print(Text(message), soft_wrap=True)


class ShareBar:
    """Shows what share of a long piece of work is done, and what is at hand; call it with both."""

    def __init__(self, plain_every_s: float, first: str = "") -> None:
        """`first` is at hand until it is told otherwise."""
        self._plain_every_s = plain_every_s
        self._console = Console(stderr=True, highlight=False)
        self._progress = Progress(
            BarColumn(30),
            TextColumn("{task.percentage:5.1f} %"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            TextColumn("{task.fields[what]}", markup=False),
            console=self._console,
            disable=not self._console.is_terminal,
            refresh_per_second=2,
            transient=True,
        )
        self._task = self._progress.add_task("work", total=1.0, left="", what=first)
        self._started = self._told = time.monotonic()

    def __enter__(self) -> ShareBar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, done: float, what: str) -> None:
        """So much, 0..1, is done."""
        now = time.monotonic()
        left_s = (now - self._started) / done * (1 - done) if done > 0.02 else None
        left = "" if left_s is None else f"{left_s:.0f} s left" if left_s < 90 else f"{left_s / 60:.0f} min left"
        self._progress.update(self._task, completed=done, left=left, what=what)
        if self._progress.disable and now - self._told >= self._plain_every_s:
            self._told = now
            self._console.print(f"{done:.0%} {left} {what}", markup=False, soft_wrap=True)


# ---- cli.work
def _expanded(_: click.Context, __: click.Parameter, value: Any) -> Any:
    """The path or paths as users write them, `~` included."""
    if value is None or isinstance(value, tuple):
        return value and tuple(user_path(str(path)) for path in value)
    return user_path(str(value))


FILE: dict[str, Any] = {"type": click.Path(path_type=Path), "callback": _expanded}
"""Of an option or argument that names a file or folder."""


def check_picture(*paths: Path | None) -> None:
    """See that plots and sheets can be written there.

    Raises:
        UsageError: one cannot, or its name is no PNG's.
    """
    for path in paths:
        if path is not None:
            if path.suffix.lower() != ".png":
                raise UsageError(f"{path}: the name of a plot or sheet ends in .png")
            check_writable(path)


def console_for_tables(width: int) -> Console:
    """Standard output; `width` columns of it where it is no terminal."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(width=width, highlight=False)


@contextmanager
def stopped_by_ctrl_c() -> Iterator[threading.Event]:
    """The first Ctrl-C, or closing the terminal, ends after the current step and saves; the second one ends at once."""
    stop = threading.Event()

    def handle(number: int, _: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        with contextlib.suppress(OSError):  # straight to the terminal: a handler may come amidst another line
            os.write(2, b"\nstopping when this step is done; Ctrl-C again stops at once, and nothing is saved\n")

    numbers = [signal.SIGINT, signal.SIGTERM]
    hangup = getattr(signal, "SIGHUP", None)  # the terminal was closed; Windows has no such signal
    if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:  # which is how `nohup` is told
        numbers.append(hangup)
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield stop
    finally:
        for number, old in before.items():
            signal.signal(number, old)


class Screen:
    """Shows progress on standard error; plain lines every so many seconds where that is no terminal.

    Args:
        unit: what is counted.
        told_every_s: seconds between plain lines.
        smooth: losses are running means of which so much is the past, where one step says little.
        files: the kinds of `Saved` that are told of, and in which words.

    Attributes:
        losses: the last.
        elapsed_s: time spent so far.
    """

    def __init__(self, unit: str, told_every_s: float, files: Mapping[str, str], *, smooth: float = 0.0) -> None:
        self._unit, self._told_every_s, self._files, self._smooth = unit, told_every_s, files, smooth
        self._console = Console(stderr=True)
        self._progress = Progress(
            BarColumn(30),
            TextColumn("{task.percentage:5.1f} %"),
            TextColumn(unit + " {task.fields[step]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            TextColumn("{task.fields[losses]}"),
            console=self._console,
            disable=not self._console.is_terminal,
            refresh_per_second=2,
        )
        self._task = self._progress.add_task("work", total=1.0, step=0, left="", losses="")
        self._told_at = 0.0
        self.losses: dict[str, float] = {}
        self.elapsed_s = 0.0

    def __enter__(self) -> Screen:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def wait(self) -> None:
        """On a terminal, say that some seconds pass before the first step: PyTorch alone takes a few to load."""
        if self._console.is_terminal:
            self._note("getting ready …")

    def __call__(self, event: Event) -> None:
        """Take in what a trainer or a studio tells."""
        if isinstance(event, Step):
            self._show(event)
        elif isinstance(event, Missed):
            self._note(f"{event.path} cannot be written now ({event.reason}); going on without it")
        elif event.kind in self._files:
            self._note(f"{self._files[event.kind]}: {event.path}")

    def _note(self, text: str) -> None:
        """A line of its own, above the bar."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _show(self, step: Step) -> None:
        self.elapsed_s = step.elapsed_s
        for name, value in step.losses.items():
            old = value if step.number == 1 else self.losses.get(name, value)
            self.losses[name] = self._smooth * old + (1 - self._smooth) * value
        left = _left(step.left_s)
        losses = " ".join(f"{name} {value:.3f}" for name, value in self.losses.items())
        self._progress.update(self._task, completed=step.done, step=step.number, left=left, losses=losses)
        if self._progress.disable and step.elapsed_s - self._told_at >= self._told_every_s:
            self._told_at = step.elapsed_s
            self._note(f"{self._unit} {step.number} {step.done:.0%} {left} {losses}")


def _left(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds >= 3 * 3600:
        return f"{seconds / 3600:.0f} h left"
    return f"{seconds / 60:.0f} min left" if seconds >= 100 else f"{seconds:.0f} s left"
