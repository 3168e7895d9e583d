"""What a training run tells while it goes on."""

from __future__ import annotations

from collections.abc import Callable
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
        corrupt: photographs that could not be read so far.
    """

    number: int
    done: float
    elapsed_s: float
    left_s: float | None
    losses: dict[str, float]
    corrupt: int = 0


@dataclass(frozen=True, slots=True)
class Saved:
    """A file was written: `kind` is bank, checkpoint, sheet or plot."""

    kind: str
    path: Path


Event = Step | Saved
Listener = Callable[[Event], None]
