"""Choose the fastest engine by running the network on a photo with all installed engines in turns.

Which one is the fastest depends on the processor. An engine that fails, or whose picture differs, is left out.
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
"""The size of the picture that is measured, fine enough for a call."""
SMALL_MEASURE_SIZE = Size(256, 144)
"""The size that is measured instead where one run of the first engine takes longer than `SLOW_RUN_S`."""
SLOW_RUN_S = 0.1
"""Seconds of one run above which the smaller size is measured."""
ROUND_S = 0.07
"""Seconds that each engine runs at a time."""
ROUNDS = 2
"""The number of times each engine runs, in turns, so that a busy moment of the computer does not decide."""
MAX_DIFFERENCE, MAX_DIFFERENCE_REDUCED = 2, 4
"""Levels of 255 that the same picture may differ by: at full precision, and at reduced precision."""
OUTLIER_SHARE = 1e-5
"""The share of numbers that may differ by more, because sums of rounding errors have no hard limit."""
MAX_ENTRIES = 24
"""The number of measurements kept in the file."""

Make = Callable[[str, str, int | None], Engine]


@dataclass(frozen=True, slots=True)
class EngineTiming:
    """What was measured of one engine.

    Attributes:
        milliseconds: the time of one picture; None if it did not run.
        trouble: why it is not to be used; None if it may be.
    """

    engine: str
    device: str
    milliseconds: float | None = None
    trouble: str | None = None

    @property
    def title(self) -> str:
        """The name that people read."""
        return title(self.engine, self.device)


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """The engine to use, and in one line why it was chosen; None if there was no choice."""

    engine: Engine
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Autotuner:
    """Chooses between the engines `names`, which `make` makes, and keeps its measurements in the file `path`."""

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
        """Return the fastest engine for `model` on `device`; measuring takes about a second the first time.

        Args:
            model: the network to be run.
            device: `auto` for all devices, or the only one to look at.
            threads: as for `make_engine`.
            exact: engines of reduced precision are not good enough, for instance for still pictures.
            retune: measure again what was measured before.

        Raises:
            UsageError: no engine has such a device.
            EngineUnavailableError: no engine that is installed can be used; the message says why.
        """
        key = self._key(model, device, threads)
        cached = None if retune else self._answer(key)  # first, because finding candidates imports their libraries
        if cached is not None:
            size, measured = cached
            try:
                return self._chosen(measured, size, threads, exact)
            except EngineError:  # it worked when it was measured
                pass
        pairs = candidates(self.names, device)
        if len(pairs) == 1:
            return EngineChoice(self.make(*pairs[0], threads))
        size, measured = self._measure(model, pairs, threads)
        self._remember(key, size, measured)
        return self._chosen(measured, size, threads, exact)

    def _chosen(self, measured: Sequence[EngineTiming], size: Size, threads: int | None, exact: bool) -> EngineChoice:
        usable = [one for one in measured if one.trouble is None and not (exact and one.device in REDUCED_PRECISION)]
        if not usable:
            reasons = "; ".join(f"{one.title}: {one.trouble}" for one in measured if one.trouble)
            raise EngineUnavailableError(f"no engine can be used here: {reasons}")
        ranked = sorted(usable, key=lambda one: one.milliseconds or 0.0)
        best, others = ranked[0], [f"{one.title} {one.milliseconds:.1f}" for one in ranked[1:]]
        others += [f"without {one.title}: {one.trouble}" for one in measured if one.trouble is not None]
        note = f" ({', '.join(others)})" if others else ""
        reason = f"{best.milliseconds:.1f} ms at {size.width}×{size.height}{note}"
        return EngineChoice(self.make(best.engine, best.device, threads), reason)

    def _measure(
        self, model: Model, pairs: Sequence[tuple[str, str]], threads: int | None
    ) -> tuple[Size, list[EngineTiming]]:
        weights = model.one_hot()
        runners: list[_Runner] = []
        troubled: list[EngineTiming] = []
        size, reference = MEASURE_SIZE, None
        for name, device in pairs:
            try:
                engine = self.make(name, device, threads)
                runner = _Runner(name, device, engine.session(model, *size), sample_picture(size), weights, self.clock)
                painted = runner.first()
                if not runners and runner.best_s > SLOW_RUN_S:
                    size = SMALL_MEASURE_SIZE
                    runner = _Runner(
                        name, device, engine.session(model, *size), sample_picture(size), weights, self.clock
                    )
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
                runner.run_round()
        done = [EngineTiming(one.name, one.device, round(one.best_s * 1000, 2)) for one in runners]
        return size, [*done, *troubled]

    def _key(self, model: Model, device: str, threads: int | None) -> dict[str, Any]:
        """Return all that the measurement depends on."""
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

    def _answer(self, key: dict[str, Any]) -> tuple[Size, list[EngineTiming]] | None:
        """Return what was measured before; None if there is nothing, or nothing that can be read."""
        for entry in self._entries():
            try:
                if entry["for"] == key:
                    return Size(*map(int, entry["size"])), [_parse_timing(values) for values in entry["measured"]]
            except (KeyError, TypeError, ValueError):
                continue
        return None

    def _remember(self, key: dict[str, Any], size: Size, measured: Sequence[EngineTiming]) -> None:
        others = [entry for entry in self._entries() if entry.get("for") != key]
        entry = {"for": key, "size": list(size), "measured": [asdict(one) for one in measured]}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self.path, [entry, *others][:MAX_ENTRIES])
        except OSError:  # then it is measured again next time
            return

    def _entries(self) -> list[dict[str, Any]]:
        try:
            entries = json.loads(self.path.read_text("utf-8"))
        except (OSError, ValueError):  # ValueError: no JSON, or no text
            return []
        return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def cache_path() -> Path:
    """Return where the measurements lie on this system (`~/.cache/stylecam/engines.json` on Linux)."""
    return platformdirs.user_cache_path("stylecam", appauthor=False) / "engines.json"


def max_difference(one: Image, other: Image, outliers: float = OUTLIER_SHARE) -> int:
    """Return how many levels of 255 two pictures differ at most, except for the share `outliers` of their numbers."""
    counts = np.bincount(cv2.absdiff(one, other).ravel(), minlength=256)
    further = counts.sum() - np.cumsum(counts)
    return int(np.argmax(further <= outliers * counts.sum()))


class _Runner:
    """Runs one engine's session and keeps the shortest time."""

    def __init__(
        self, name: str, device: str, session: InferenceSession, image: Image, weights: tuple[float, ...], clock: Clock
    ) -> None:
        self.name, self.device = name, device
        self.best_s = float("inf")
        self._session, self._image, self._weights, self._clock = session, image, weights, clock

    def first(self) -> Image:
        """Return the styled picture of the second run; the first one allocates."""
        self._session.stylize(self._image, self._weights)
        return self._run()

    def run_round(self) -> None:
        """Run for `ROUND_S` seconds."""
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


def _parse_timing(values: dict[str, Any]) -> EngineTiming:
    """Read a timing of the file; raises KeyError, TypeError or ValueError."""
    one = EngineTiming(str(values["engine"]), str(values["device"]), values["milliseconds"], values["trouble"])
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


def sample_picture(size: Size) -> Image:
    """Return the photo that networks are tried on, cropped and resized to `size`: H×W×3 uint8 BGR."""
    photo = cv2.imread(str(Path(__file__).parents[1] / "assets" / "astronaut.jpg"))
    if photo is None:
        raise EngineUnavailableError("stylecam/assets/astronaut.jpg is missing; install stylecam again")
    return fit(cast(Image, photo), size)


def _versions(name: str) -> list[str]:
    """Return the versions of the packages that bring an engine, without importing it."""
    found = []
    for package in PACKAGES[name]:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found.append(f"{package} {metadata.version(package)}")
    return found
