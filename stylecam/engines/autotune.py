"""Which engine is the fastest here: measured once for a machine, its libraries and a network, and remembered.

All engines paint the same picture, but which does it soonest depends on the processor. So those that are installed run
the network to be used, on the same picture, in turns; one that is broken, or paints something else, is passed over with
its reason.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import platformdirs

from stylecam.engines.base import Engine, InferenceSession
from stylecam.engines.factory import candidates, installed, make_engine
from stylecam.engines.names import AUTO, LIBRARY_NAMES, PACKAGES, REDUCED_PRECISION, title
from stylecam.errors import EngineError, EngineUnavailableError
from stylecam.media.frame import Image, Size
from stylecam.media.transforms import fit
from stylecam.models.model import Model
from stylecam.utils.clock import Clock
from stylecam.utils.files import write_json
from stylecam.utils.resources import processor_name, usable_cores
from stylecam.utils.version import __version__

MEASURE_SIZE = Size(640, 360)
"""What is measured: a picture fine enough for a call,"""
SMALL_MEASURE_SIZE = Size(256, 144)
"""or this one, where one run of the first engine takes longer than"""
SLOW_RUN_S = 0.1
ROUND_S = 0.07
"""Each engine runs for so long at a time,"""
ROUNDS = 2
"""so many times, in turns, so that a busy moment of the computer does not decide."""
MAX_DIFFERENCE, MAX_DIFFERENCE_REDUCED = 2, 4
"""How far max_difference, of 255, the same picture may be by full and by reduced precision."""
OUTLIER_SHARE = 1e-5
"""Reduced precision may leave this share of the numbers further off: sums of rounding errors have no hard limit."""
MAX_ENTRIES = 24
"""Answers in the file."""

Make = Callable[[str, str, int | None], Engine]


@dataclass(frozen=True, slots=True)
class EngineTiming:
    """How an engine did.

    Attributes:
        engine, device: its names.
        milliseconds: for one picture; None where it did not run.
        trouble: why it is not to be used; None where it may.
    """

    engine: str
    device: str
    milliseconds: float | None = None
    trouble: str | None = None

    @property
    def title(self) -> str:
        """What people call it."""
        return title(self.engine, self.device)


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """The engine to use.

    Attributes:
        engine: ready to load networks.
        reason: why this one, in one line; None where there was nothing to choose from.
    """

    engine: Engine
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Autotuner:
    """Chooses engines, and remembers what it measured in the file `path`.

    Attributes:
        path: the file with the answers.
        clock: what times are taken from.
        make: what makes engines of their names.
        names: the engines to choose from.
    """

    path: Path
    clock: Clock
    make: Make = make_engine
    names: Sequence[str] = field(default_factory=installed)

    def choose(
        self,
        model: Model,
        device: str = AUTO,
        threads: int | None = None,
        *,
        exact: bool = False,
        retune: bool = False,
    ) -> EngineChoice:
        """The fastest engine for `model` on `device` with `threads`; about a second's work where it is not known yet.

        Args:
            model: the network to be run.
            device: `auto` for all devices, or the only one to look at.
            threads: as for `make_engine`.
            exact: engines of reduced precision are not good enough, for instance for still pictures.
            retune: measure also what is known.

        Raises:
            UsageError: no engine has such a device.
            EngineUnavailableError: no engine that is installed can be used; the message says why.
        """
        question = self._question(model, device, threads)
        known = None if retune else self._answer(question)  # first: looking for candidates imports their libraries
        if known is not None:
            size, measured = known
            try:
                return self._chosen(measured, size, threads, exact)
            except EngineError:  # it worked then
                pass
        wanted = candidates(self.names, device)
        if len(wanted) == 1:
            return EngineChoice(self.make(*wanted[0], threads))
        size, measured = self._measure(model, wanted, threads)
        self._remember(question, size, measured)
        return self._chosen(measured, size, threads, exact)

    def _chosen(self, measured: Sequence[EngineTiming], size: Size, threads: int | None, exact: bool) -> EngineChoice:
        usable = [one for one in measured if one.trouble is None and not (exact and one.device in REDUCED_PRECISION)]
        if not usable:
            reasons = "; ".join(f"{one.title}: {one.trouble}" for one in measured if one.trouble)
            raise EngineUnavailableError(f"no engine can be used here: {reasons}")
        ranked = sorted(usable, key=_milliseconds)
        best, others = ranked[0], [f"{one.title} {one.milliseconds:.1f}" for one in ranked[1:]]
        others += [f"without {one.title}: {one.trouble}" for one in measured if one.trouble is not None]
        told = f" ({', '.join(others)})" if others else ""
        reason = f"{best.milliseconds:.1f} ms at {size.width}×{size.height}{told}"
        return EngineChoice(self.make(best.engine, best.device, threads), reason)

    def _measure(
        self, model: Model, wanted: Sequence[tuple[str, str]], threads: int | None
    ) -> tuple[Size, list[EngineTiming]]:
        weights = model.one_hot()
        runners: list[_Runner] = []
        troubled: list[EngineTiming] = []
        size, reference = MEASURE_SIZE, None
        for name, device in wanted:
            try:
                engine = self.make(name, device, threads)
                runner = _Runner(name, device, engine.session(model, *size), _picture(size), weights, self.clock)
                painted = runner.first()
                if not runners and runner.best_s > SLOW_RUN_S:
                    size = SMALL_MEASURE_SIZE
                    runner = _Runner(name, device, engine.session(model, *size), _picture(size), weights, self.clock)
                    painted = runner.first()
            except EngineError as error:
                troubled.append(EngineTiming(name, device, None, str(error)))
                continue
            trouble = engine.trouble or (None if reference is None else _unlike(painted, reference, device))
            reference = painted if reference is None else reference
            if trouble is None:
                runners.append(runner)
            else:
                troubled.append(EngineTiming(name, device, None, trouble))
        for _ in range(ROUNDS):
            for runner in runners:
                runner.spell()
        done = [EngineTiming(one.name, one.device, round(one.best_s * 1000, 2)) for one in runners]
        return size, [*done, *troubled]

    def _question(self, model: Model, device: str, threads: int | None) -> dict[str, Any]:
        """All that the answer depends on."""
        packages = {name: _versions(name) for name in self.names if name in PACKAGES}
        return {
            "stylecam": __version__,
            "processor": processor_name(),
            "cores": usable_cores(),
            "threads": threads,
            "device": device,
            "network": model.key,
            "libraries": {"opencv": cv2.__version__, **packages},
        }

    def _answer(self, question: dict[str, Any]) -> tuple[Size, list[EngineTiming]] | None:
        """What is remembered; None where nothing is, or not to be made sense of."""
        for entry in self._entries():
            try:
                if entry["for"] == question:
                    return Size(*map(int, entry["size"])), [_measured(told) for told in entry["measured"]]
            except (KeyError, TypeError, ValueError):
                continue
        return None

    def _remember(self, question: dict[str, Any], size: Size, measured: Sequence[EngineTiming]) -> None:
        others = [entry for entry in self._entries() if entry.get("for") != question]
        entry = {"for": question, "size": list(size), "measured": [asdict(one) for one in measured]}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self.path, [entry, *others][:MAX_ENTRIES])
        except OSError:  # then it is measured again next time
            return

    def _entries(self) -> list[dict[str, Any]]:
        try:
            told = json.loads(self.path.read_text("utf-8"))
        except (OSError, ValueError):  # ValueError: no JSON, or no text
            return []
        return [entry for entry in told if isinstance(entry, dict)] if isinstance(told, list) else []


def cache_path() -> Path:
    """Where the answers lie on this system (`~/.cache/stylecam/engines.json` on Linux)."""
    return platformdirs.user_cache_path("stylecam", appauthor=False) / "engines.json"


def max_difference(one: Image, other: Image, outliers: float = OUTLIER_SHARE) -> int:
    """How many levels of 255 two pictures differ at most, a share of `outliers` of their numbers max_difference."""
    counts = np.bincount(cv2.absdiff(one, other).ravel(), minlength=256)
    further = counts.sum() - np.cumsum(counts)
    return int(np.argmax(further <= outliers * counts.sum()))


class _Runner:
    """One engine's session, and the shortest time it took."""

    def __init__(
        self, name: str, device: str, session: InferenceSession, image: Image, weights: tuple[float, ...], clock: Clock
    ) -> None:
        self.name, self.device = name, device
        self.best_s = float("inf")
        self._session, self._image, self._weights, self._clock = session, image, weights, clock

    def first(self) -> Image:
        """The picture it paints, after a run that allocates."""
        self._session.stylize(self._image, self._weights)
        return self._run()

    def spell(self) -> None:
        """Run for a while."""
        end = self._clock.now() + ROUND_S
        while True:
            self._run()
            if self._clock.now() >= end:
                return

    def _run(self) -> Image:
        began = self._clock.now()
        painted = self._session.stylize(self._image, self._weights)
        self.best_s = min(self.best_s, self._clock.now() - began)
        return painted


def _milliseconds(one: EngineTiming) -> float:
    return float("inf") if one.milliseconds is None else one.milliseconds


def _measured(told: dict[str, Any]) -> EngineTiming:
    """One of the file's. Raises KeyError, TypeError or ValueError."""
    one = EngineTiming(str(told["engine"]), str(told["device"]), told["milliseconds"], told["trouble"])
    if one.engine not in LIBRARY_NAMES or not isinstance(one.trouble, str | None):
        raise ValueError(one)
    if one.trouble is None and not (isinstance(one.milliseconds, float) and 0 < one.milliseconds < 1e6):
        raise ValueError(one)
    return one


def _unlike(painted: Image, reference: Image, device: str) -> str | None:
    levels, allowed = (
        max_difference(painted, reference),
        MAX_DIFFERENCE_REDUCED if device in REDUCED_PRECISION else MAX_DIFFERENCE,
    )
    return None if levels <= allowed else f"its picture differs by {levels} of 255 levels, and may by {allowed}"


def _picture(size: Size) -> Image:
    photo = cv2.imread(str(Path(__file__).parents[1] / "assets" / "astronaut.jpg"))
    if photo is None:
        raise EngineUnavailableError("stylecam/assets/astronaut.jpg is missing; install stylecam again")
    return fit(cast(Image, photo), size)


def _versions(name: str) -> list[str]:
    """Of the packages that bring an engine, without importing it."""
    found = []
    for package in PACKAGES[name]:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found.append(f"{package} {metadata.version(package)}")
    return found
