"""Events that a training run or an optimization reports to its listener."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class StepEvent:
    """One step has ended.

    Attributes:
        number: steps so far, including those before a resume.
        done: share of the whole run, 0..1.
        elapsed_s: seconds spent so far.
        left_s: expected seconds until the end, or None before an estimate is possible.
        losses: each weighted loss by name, and their sum as `total`.
    """

    number: int
    done: float
    elapsed_s: float
    left_s: float | None
    losses: dict[str, float]


@dataclass(frozen=True, slots=True)
class FileSaved:
    """A file was written; its kind is `bank`, `style`, `checkpoint`, `sheet`, `plot`, `preview` or `picture`."""

    kind: str
    path: Path


@dataclass(frozen=True, slots=True)
class FileSkipped:
    """A file that only shows progress could not be written, for `reason`; the run continues."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class RowsChecked:
    """The rows of an own style were compared with those at the beginning.

    Attributes:
        gain: by which share their style loss is lower, 0..1.
        steps: steps so far.
    """

    gain: float
    steps: int


Event = StepEvent | FileSaved | FileSkipped | RowsChecked
Listener = Callable[[Event], None]


@contextmanager
def skipping_on_error(path: Path, listener: Listener) -> Iterator[None]:
    """Report an OSError while writing `path` as `FileSkipped` instead of raising it.

    A viewer that holds a progress picture open must not end hours of work.
    """
    try:
        yield
    except OSError as error:
        listener(FileSkipped(path, error.strerror or str(error)))
