"""What a training run tells while it goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Step:
    """One step is done.

    Attributes:
        number: steps so far, resumed ones included.
        done: share of the whole, 0 to 1.
        elapsed_s, left_s: time spent and expected; `left_s` is None before it can be told.
        losses: each weighted, and their `total`.
    """

    number: int
    done: float
    elapsed_s: float
    left_s: float | None
    losses: dict[str, float]


@dataclass(frozen=True, slots=True)
class Saved:
    """A file was written: `kind` is bank, checkpoint, sheet, plot, preview or picture."""

    kind: str
    path: Path


@dataclass(frozen=True, slots=True)
class Missed:
    """A file that only shows how it goes could not be written, and `reason` says why; the work goes on."""

    path: Path
    reason: str


Event = Step | Saved | Missed
Listener = Callable[[Event], None]


@contextmanager
def sparing(path: Path, listener: Listener) -> Iterator[None]:
    """Write `path`, or tell `listener` why not: a viewer that holds it open must not end hours of work."""
    try:
        yield
    except OSError as error:
        listener(Missed(path, error.strerror or str(error)))
