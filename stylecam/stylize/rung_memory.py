"""Remember from one run to the next which rung each network has held, so that a run begins there and does not climb."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from stylecam.models.model import Model
from stylecam.stylize.governor import Rung
from stylecam.utils.hint_file import HintFile

HELD_S = 5.0
"""A rung has held once frames were painted at it for this long without a change, in seconds."""
MAX_NETWORKS = 24
"""The number of networks that are remembered for the same conditions."""


class RungMemory:
    """The rungs that have held under the same conditions, such as size and rate.

    What is remembered is a hint: the governor leaves a rung that does not hold, as any other. `painted` belongs to the
    thread that stylizes; any thread may call the others.
    """

    def __init__(
        self,
        path: Path | None = None,
        conditions: Mapping[str, Any] | None = None,
        name: Callable[[Model], str] = lambda model: model.key,
    ) -> None:
        """Read what the file `path` holds for the same `conditions`; None remembers nothing.

        `name` returns what a network is remembered by: its key, and what else its speed depends on.
        """
        self._path, self._conditions, self._name = path, conditions or {}, name
        self._before = {} if path is None else _read(path, self._conditions)
        self._suggested: dict[str, Rung] = {}
        self._held: dict[str, Rung] = {}
        self._present: tuple[str, Rung] | None = None
        self._since = 0.0

    def recall(self, model: Model) -> Rung | None:
        """Return the rung that `model` held last, in this run or before; None where that is not known.

        For a network of two styles that is not known, it is the rung of its bank, which takes little less time.
        """
        names = dict.fromkeys((self._name(model), self._name(model.base)))
        known = (
            rungs[name] for name in names for rungs in (self._held, self._before, self._suggested) if name in rungs
        )
        return next(known, None)

    def suggest(self, model: Model, rung: Rung) -> None:
        """Recall `rung` for `model` where nothing is known of it."""
        self._suggested[self._name(model)] = rung

    def painted(self, model: Model, rung: Rung, now: float) -> None:
        """Take note that a frame of `model` was painted at `rung` at the time `now` (s)."""
        name = self._name(model)
        if self._present != (name, rung):
            self._present, self._since = (name, rung), now
        elif now - self._since >= HELD_S:
            self._held[name] = rung

    def save(self) -> None:
        """Write down what has held, for the next run."""
        if self._path is None or not self._held:
            return
        held = dict(self._held)
        newest_first = held | {network: rung for network, rung in self._before.items() if network not in held}
        rungs = {network: list(rung.size) for network, rung in islice(newest_first.items(), MAX_NETWORKS)}
        HintFile(self._path).keep(self._conditions, {"rungs": rungs})


def _read(path: Path, conditions: Mapping[str, Any]) -> dict[str, Rung]:
    """Return the rungs in the file by the name of their network, as far as they can be read."""
    rungs = {}
    for found in HintFile(path).find(conditions):
        for network, size in found["rungs"].items() if isinstance(found.get("rungs"), dict) else ():
            if isinstance(size, list) and len(size) == 2 and all(isinstance(side, int) and side > 0 for side in size):
                rungs[network] = Rung(*size)
    return rungs
