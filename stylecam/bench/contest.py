"""Networks and engines against each other: in turns, so that whatever else goes on meets all alike."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from stylecam.bench.plan import Listener
from stylecam.clock import Clock
from stylecam.engines.base import Engine, Session
from stylecam.errors import EngineError
from stylecam.frame import Image, Size
from stylecam.styles.model import Model
from stylecam.tensor import Tensor, to_tensor

LEAST_ROUNDS = 3
REST_S = 0.03
"""Between two turns: threads of an engine may spin for a while, in wait of more work."""
TURN_MS = 60.0
"""Runs of one turn take about so long together,"""
MOST_RUNS = 5
"""but are never more. One before them is not counted: caches and branch predictors know another program yet."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One network on one engine."""

    engine: Engine
    model: Model

    @property
    def label(self) -> str:
        """For people and plots: what runs it, and on what."""
        return f"{self.engine.name} {self.engine.device}"


@dataclass(slots=True)
class Times:
    """What runs of an entry took at one size, in milliseconds.

    Attributes:
        paint: pictures in and out, uint8 BGR, as live frames are painted.
        run: the network alone, float32 in and out.
        problem: why it was not measured.
    """

    entry: Entry
    size: Size
    paint: list[float] = field(default_factory=list)
    run: list[float] = field(default_factory=list)
    problem: str | None = None

    @property
    def paint_ms(self) -> float | None:
        """The median of `paint`; None where nothing was measured."""
        return float(np.median(self.paint)) if self.paint else None

    @property
    def network_ms(self) -> float | None:
        """What the network takes at most: the smaller median, for some engines have a shorter way for pictures."""
        known = [float(np.median(took)) for took in (self.paint, self.run) if took]
        return min(known, default=None)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        engine = self.entry.engine
        return {
            "model": self.entry.model.path.stem,
            "engine": engine.name,
            "device": engine.device,
            "version": engine.version,
            "size": list(self.size),
            "paint_ms": _spread(self.paint),
            "run_ms": _spread(self.run),
            "problem": self.problem,
        }


def compete(
    entries: Sequence[Entry], size: Size, seconds: float, clock: Clock, listener: Listener, stop: threading.Event
) -> list[Times]:
    """Measure all `entries` at `size` for about `seconds`, at least `LEAST_ROUNDS` turns each.

    One whose engine fails is left out of further turns, with its reason. `stop` ends it after the turn at hand.
    """
    image = np.random.default_rng(0).integers(0, 256, (size.height, size.width, 3), np.uint8)
    players = [_Player(Times(entry, size), image, clock) for entry in entries]
    for player in players:
        if not stop.is_set():
            listener(0.0, f"{player.times.entry.label} at {size}: loading")
            player.warm_up()
    began, rounds = clock.now(), 0
    while (clock.now() - began < seconds or rounds < LEAST_ROUNDS) and not stop.is_set():
        for number, player in enumerate(players):
            spent = (clock.now() - began) / seconds
            turns = (rounds + number / len(players)) / LEAST_ROUNDS
            listener(min(spent, turns, 1.0), f"{player.times.entry.label} at {size}")
            player.turn()
            clock.wait_until(clock.now() + REST_S)
            if stop.is_set():
                break
        rounds += 1
        if all(player.times.problem for player in players):
            break
    return [player.times for player in players]


class _Player:
    """An entry with its session."""

    def __init__(self, times: Times, image: Image, clock: Clock) -> None:
        self.times = times
        self._clock = clock
        self._image = image
        self._tensor: Tensor = to_tensor(image)
        self._weights = (1.0,) + (0.0,) * (times.entry.model.styles - 1)
        self._session: Session | None = None

    def warm_up(self) -> None:
        """Load and run it: what is slow only once."""
        entry = self.times.entry
        try:
            self._session = entry.engine.session(entry.model, *self.times.size)
            for _ in range(2):
                self._session.paint(self._image, self._weights)
                self._session.run(self._tensor, self._weights)
        except EngineError as error:
            self.times.problem = str(error)
            self._session = None

    def turn(self) -> None:
        """Some runs, of pictures and of the network alone."""
        if self._session is None:
            return
        try:
            self._several(self.times.paint, lambda session: session.paint(self._image, self._weights))
            self._several(self.times.run, lambda session: session.run(self._tensor, self._weights))
        except EngineError as error:
            self.times.problem = str(error)
            self._session = None

    def _several(self, kept: list[float], once: Any) -> None:
        uncounted = self._timed(once)
        if uncounted > 2 * TURN_MS:  # so long that what came before it does not show
            kept.append(uncounted)
            return
        kept += [self._timed(once) for _ in range(max(1, min(MOST_RUNS, round(TURN_MS / max(uncounted, 1e-3)))))]

    def _timed(self, once: Any) -> float:
        began = self._clock.now()
        once(self._session)
        return (self._clock.now() - began) * 1000


def _spread(took: Sequence[float]) -> dict[str, float | int] | None:
    if not took:
        return None
    p50, p95 = np.percentile(took, (50, 95))
    return {"best": round(min(took), 3), "p50": round(float(p50), 3), "p95": round(float(p95), 3), "runs": len(took)}
