"""Shows progress on standard error, with the time left; plain lines now and then where that is no terminal."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from stylecam.training.events import Event, FileSaved, FileSkipped, RowsChecked, StepEvent

PLAIN_EVERY_S = 10.0
"""Seconds between the plain lines of `CountProgress`."""
_Self = TypeVar("_Self", bound="ProgressDisplay")


class ProgressDisplay:
    """Shows what share of a long piece of work is done, and what is being done; call it with both.

    Args:
        plain_every_s: seconds between plain lines, where standard error is no terminal.
        what: what is done at first.
    """

    def __init__(self, plain_every_s: float, what: str = "") -> None:
        self._plain_every_s = plain_every_s
        self._console = Console(stderr=True, highlight=False)
        self._progress = Progress(
            BarColumn(30),
            TimeElapsedColumn(),
            TextColumn("{task.fields[text]}", markup=False),
            console=self._console,
            disable=not self._console.is_terminal,
            refresh_per_second=2,
            transient=True,
        )
        self._task = self._progress.add_task("work", total=1.0, text=what)
        self._started_at = time.monotonic()
        self._printed_at_s = 0.0

    def __enter__(self: _Self) -> _Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, done: float, what: str) -> None:
        """Show that `done` of 0..1 is done, and what is being done."""
        self._show(done, f"{done:.0%}", self._left(done), what)

    def wait(self) -> None:
        """On a terminal, say that the first step takes some seconds: loading PyTorch alone takes a few."""
        if self._console.is_terminal:
            self.note("getting ready …")

    def note(self, message: str) -> None:
        """Print a line above the bar."""
        self._console.print(message, markup=False, soft_wrap=True)

    def _left(self, done: float) -> str:
        """Estimate the time left, when enough is done."""
        return _duration(self._elapsed_s() / done * (1 - done) if done > 0.02 else None)

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._started_at

    def _show(self, done: float | None, *texts: str, elapsed_s: float | None = None, plain: bool = True) -> None:
        """Update the bar and the `texts` beside it; with `plain`, print them as a line when one is due.

        `done` is 0..1 or unknown; `elapsed_s` is by default the time since this display was created.
        """
        elapsed_s = self._elapsed_s() if elapsed_s is None else elapsed_s
        text = " ".join(filter(None, texts))
        self._progress.update(self._task, total=None if done is None else 1.0, completed=done or 0.0, text=text)
        if self._progress.disable and plain and elapsed_s - self._printed_at_s >= self._plain_every_s:
            self._printed_at_s = elapsed_s
            self.note(text)


class CountProgress(ProgressDisplay):
    """Counts `total` things that are called `unit`; the total may become known later."""

    def __init__(self, unit: str, total: int | None) -> None:
        super().__init__(PLAIN_EVERY_S, f"painting {unit}")
        self._unit, self._total = unit, total
        self._count = 0

    def set_share(self, share: float) -> None:
        """Show that `share` of 0..1 of the current thing is done."""
        self._show_count(min(share, 0.999), plain=False)

    def set_count(self, count: int, total: int | None) -> None:
        """Show that `count` things are done, of a total that may only be known now."""
        self._count, self._total = count, total
        self._show_count(0.0, plain=total is not None and count < total)

    def advance(self) -> None:
        """Show that one more thing is done."""
        self.set_count(self._count + 1, self._total)

    def _show_count(self, share: float, plain: bool) -> None:
        if not self._total:
            self._show(None, f"{self._count} {self._unit}", plain=False)
            return
        done = min(1.0, (self._count + share) / self._total)
        left = self._left(done)
        self._show(done, f"{self._count} of {self._total} {self._unit}" + (f", {left}" if left else ""), plain=plain)


class TrainingProgress(ProgressDisplay):
    """Shows the events of a training run or of `stylecam optimize`; call it with each.

    Args:
        unit: what is counted: `step` or `iteration`.
        plain_every_s: seconds between plain lines, where standard error is no terminal.
        files: the kinds of `FileSaved` that are shown, and their names.
        smooth: the weight of the past in the running mean of losses, for runs in which one step says little.

    Attributes:
        losses: the last ones.
        elapsed_s: time spent so far.
    """

    def __init__(self, unit: str, plain_every_s: float, files: Mapping[str, str], *, smooth: float = 0.0) -> None:
        super().__init__(plain_every_s)
        self._unit, self._files, self._smooth = unit, files, smooth
        self.losses: dict[str, float] = {}
        self.elapsed_s = 0.0

    def __call__(self, event: Event) -> None:  # type: ignore[override]
        """Show one event."""
        if isinstance(event, StepEvent):
            self._show_step(event)
        elif isinstance(event, FileSkipped):
            self.note(f"{event.path} cannot be written now ({event.reason}); going on without it")
        elif isinstance(event, FileSaved) and event.kind in self._files:
            self.note(f"{self._files[event.kind]}: {event.path}")

    def _show_step(self, step: StepEvent) -> None:
        self.elapsed_s = step.elapsed_s
        for name, value in step.losses.items():
            old = value if step.number == 1 else self.losses.get(name, value)
            self.losses[name] = self._smooth * old + (1 - self._smooth) * value
        losses = " ".join(f"{name} {value:.3f}" for name, value in self.losses.items())
        head = f"{self._unit} {step.number} {step.done:.0%}"
        self._show(step.done, head, _duration(step.left_s), losses, elapsed_s=step.elapsed_s)


class ImprovementProgress(ProgressDisplay):
    """Shows the events of `stylecam styles improve`; call it with each.

    Attributes:
        kept: what is kept if the command ends now.
    """

    def __init__(self) -> None:
        super().__init__(PLAIN_EVERY_S)
        self.kept = "the style is as it was"
        self._gain = ""
        self._shows_samples = False

    def __call__(self, event: Event) -> None:  # type: ignore[override]
        """Show one event."""
        if isinstance(event, StepEvent):
            head = f"step {event.number} {event.done:.0%}"
            self._show(event.done, head, _duration(event.left_s), self._gain, elapsed_s=event.elapsed_s)
        elif isinstance(event, RowsChecked):
            self._gain = f"{event.gain:.0%} nearer to the picture"
        elif isinstance(event, FileSkipped):
            self.note(f"{event.path} cannot be written now ({event.reason}); going on without it")
        elif event.kind == "style":
            self.kept = f"{event.path} has what was learned up to the last time that it was written"
        elif not self._shows_samples:
            self._shows_samples = True
            self.note(f"samples, drawn again and again: {event.path}")


@contextmanager
def stopped_by_ctrl_c() -> Iterator[threading.Event]:
    """Set an event at the first Ctrl-C, or when the terminal is closed; the second Ctrl-C ends the program at once."""
    stop = threading.Event()

    def handle(number: int, _: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        with contextlib.suppress(OSError):  # straight to the terminal: a handler may come amidst another line
            os.write(2, b"\nstopping when this step is done; Ctrl-C again stops at once, and saves nothing more\n")

    numbers = [signal.SIGINT, signal.SIGTERM]
    hangup = getattr(signal, "SIGHUP", None)  # the terminal was closed; Windows has no such signal
    if hangup is not None and signal.getsignal(hangup) is not signal.SIG_IGN:  # `nohup` sets it so
        numbers.append(hangup)
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield stop
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds >= 3 * 3600:
        return f"{seconds / 3600:.0f} h left"
    return f"{seconds / 60:.0f} min left" if seconds >= 100 else f"{seconds:.0f} s left"
