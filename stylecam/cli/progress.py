"""Progress bars with the time left, on standard error; plain lines now and then where that is no terminal."""

from __future__ import annotations

import time

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
