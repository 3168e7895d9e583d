"""Choose the fastest engine by running the network on a photo with all installed engines in turns.

Which one is the fastest depends on the processor. An engine that fails, or whose picture differs, is left out. At
reduced precision every style is compared, because a rounding that nobody sees in one may leave spots in another, and
always at the same size, so that a busy computer, where a smaller picture is measured, comes to the same verdict.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, cast

import cv2
import platformdirs

from stylecam.engines.base import Engine
from stylecam.engines.factory import candidates, installed, make_engine
from stylecam.engines.likeness import exact_fault, visible_fault
from stylecam.engines.names import AUTO, PACKAGES, REDUCED_PRECISION
from stylecam.engines.timings import EngineTiming, TimingFile
from stylecam.errors import EngineError, EngineUnavailableError
from stylecam.media.frame import Image, Size
from stylecam.media.transforms import fit
from stylecam.models.card import read_cards
from stylecam.models.model import Model
from stylecam.utils.clock import Clock
from stylecam.utils.resources import is_busy, processor_name, usable_cores
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
MAX_COMPARED_STYLES = 32
"""The number of styles of a bank that are compared at reduced precision."""
_METHOD = 4
"""Grows when engines are measured or judged in another way, so that older measurements are not used."""

Make = Callable[[str, str, int | None], Engine]


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """The engine to use.

    Attributes:
        reason: why it was chosen, in one line; None if there was no choice.
        ms_per_megapixel: the time that it takes for a megapixel, in milliseconds; None if nothing was measured.
    """

    engine: Engine
    reason: str | None = None
    ms_per_megapixel: float | None = None


@dataclass(frozen=True, slots=True)
class Autotuner:
    """Chooses between the engines `names`, which `make` makes, and keeps its measurements in the file `path`.

    What was measured while the computer was `busy` is measured again once it is not.
    """

    path: Path
    clock: Clock
    make: Make = make_engine
    names: Sequence[str] = field(default_factory=installed)
    busy: Callable[[], bool] = is_busy

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
        busy = self.busy()
        # Looked up first, because finding candidates imports their libraries.
        recalled = None if retune else self.recall(model, device, threads, exact=exact)
        if recalled is not None:
            return recalled
        pairs = candidates(self.names, device)
        if len(pairs) == 1:
            return EngineChoice(self.make(*pairs[0], threads))
        size, measured = self._measure(model, pairs, threads)
        TimingFile(self.path).keep(self._key(model, device, threads), size, measured, busy=busy)
        return self._chosen(measured, size, threads, exact)

    def recall(
        self, model: Model, device: str = AUTO, threads: int | None = None, *, exact: bool = False
    ) -> EngineChoice | None:
        """Return what `choose` would choose by what was measured before; None where it would measure."""
        cached = TimingFile(self.path).find(self._key(model, device, threads), busy=self.busy())
        if cached is None:
            return None
        size, measured = cached
        try:
            return self._chosen(measured, size, threads, exact)
        except EngineError:  # it worked when it was measured
            return None

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
        return EngineChoice(self.make(best.engine, best.device, threads), reason, _per_megapixel(best, size))

    def speed(self, model: Model, engine: Engine, threads: int | None = None, *, retune: bool = False) -> float:
        """Return how many milliseconds `engine` takes for a megapixel of `model`.

        Measuring takes about half a second the first time.

        Raises:
            EngineError: the engine cannot load or run the network.
        """
        key, timings = {**self._key(model, engine.device, threads), "engine": engine.name}, TimingFile(self.path)
        busy = self.busy()
        cached = None if retune else timings.find(key, busy=busy)
        if cached is not None and len(cached[1]) == 1 and cached[1][0].trouble is None:
            return _per_megapixel(cached[1][0], cached[0])
        runner, _, size = self._started(engine, engine.name, engine.device, model, MEASURE_SIZE)
        for _ in range(ROUNDS):
            runner.run_round()
        timings.keep(key, size, [runner.timing], busy=busy)
        return _per_megapixel(runner.timing, size)

    def _started(self, engine: Engine, name: str, device: str, model: Model, size: Size) -> tuple[_Runner, Image, Size]:
        """Return a runner, its first picture and the size: the smaller one where the network is slow."""
        runner = _Runner(engine, name, device, model, size, self.clock)
        painted = runner.first()
        if size == MEASURE_SIZE and runner.best_s > SLOW_RUN_S:
            return self._started(engine, name, device, model, SMALL_MEASURE_SIZE)
        return runner, painted, size

    def _measure(
        self, model: Model, pairs: Sequence[tuple[str, str]], threads: int | None
    ) -> tuple[Size, list[EngineTiming]]:
        runners: list[_Runner] = []
        troubled: list[EngineTiming] = []
        size, reference = MEASURE_SIZE, None
        for name, device in pairs:
            try:
                engine = self.make(name, device, threads)
                if runners:  # all are measured at the size of the first one
                    runner = _Runner(engine, name, device, model, size, self.clock)
                    painted = runner.first()
                else:
                    runner, painted, size = self._started(engine, name, device, model, size)
                trouble = engine.trouble
                if trouble is None and reference is not None:
                    trouble = _fault(runner, painted, reference, runners)
            except EngineError as error:
                troubled.append(EngineTiming(name, device, None, str(error)))
                continue
            reference = painted if reference is None else reference
            if trouble is None:
                runners.append(runner)
            else:
                troubled.append(EngineTiming(name, device, None, trouble))
        for _ in range(ROUNDS):
            for runner in runners:
                runner.run_round()
        return size, [*(one.timing for one in runners), *troubled]

    def _key(self, model: Model, device: str, threads: int | None) -> dict[str, Any]:
        """Return all that the measurement depends on."""
        packages = {name: _versions(name) for name in self.names if name in PACKAGES}
        return {
            "stylecam": __version__,
            "method": _METHOD,
            "processor": processor_name(),
            "cores": usable_cores(),
            "threads": threads,
            "device": device,
            "network": model.key,
            "libraries": {"opencv": cv2.__version__, **packages},
        }


def cache_path() -> Path:
    """Return where the measurements lie on this system (`~/.cache/stylecam/engines.json` on Linux)."""
    return platformdirs.user_cache_path("stylecam", appauthor=False) / "engines.json"


class _Runner:
    """Runs one engine's session of `model` on the sample picture and keeps the shortest time.

    Raises:
        EngineError: the engine cannot load or run the network; each method may raise it.
    """

    def __init__(self, engine: Engine, name: str, device: str, model: Model, size: Size, clock: Clock) -> None:
        self.name, self.device, self.model = name, device, model
        self.best_s = float("inf")
        self._engine, self._size = engine, size
        self._session, self._image, self._clock = engine.session(model, *size), sample_picture(size), clock

    def at(self, size: Size) -> _Runner:
        """Return a runner of the same engine for pictures of `size`."""
        if size == self._size:
            return self
        return _Runner(self._engine, self.name, self.device, self.model, size, self._clock)

    @property
    def timing(self) -> EngineTiming:
        """The shortest time so far."""
        return EngineTiming(self.name, self.device, round(self.best_s * 1000, 2))

    def first(self) -> Image:
        """Return the picture of the second run in the first style; the first run allocates."""
        self.paint(0)
        return self._run()

    def paint(self, style: int) -> Image:
        """Return the picture in the style of that number, without taking the time."""
        rows = self.model.rows(self.model.one_hot(style), min(self._image.shape[:2]))
        return self._session.stylize(self._image, rows)

    def run_round(self) -> None:
        """Run for `ROUND_S` seconds."""
        end = self._clock.now() + ROUND_S
        while True:
            self._run()
            if self._clock.now() >= end:
                return

    def _run(self) -> Image:
        began = self._clock.now()
        painted = self.paint(0)
        self.best_s = min(self.best_s, self._clock.now() - began)
        return painted


def _per_megapixel(timing: EngineTiming, size: Size) -> float:
    assert timing.milliseconds is not None
    return timing.milliseconds / (size.width * size.height / 1e6)


def _fault(runner: _Runner, painted: Image, reference: Image, others: Sequence[_Runner]) -> str | None:
    """Return why what `runner` paints is not what the engines before it paint; None if it is.

    `painted` and `reference` show the first style.
    """
    if runner.device not in REDUCED_PRECISION:
        fault = exact_fault(painted, reference)
        return None if fault is None else f"its picture {fault}"
    fault = visible_fault(painted, reference)
    exact_ones = [one for one in others if one.device not in REDUCED_PRECISION]
    if fault is not None or not exact_ones:
        return None if fault is None else f"its picture {fault}"
    exact = min(exact_ones, key=lambda one: one.best_s).at(MEASURE_SIZE)
    reduced = runner.at(MEASURE_SIZE)
    shipped = runner.model.style_count - runner.model.own_count  # the verdict must hold whatever own styles there are
    for style in range(min(shipped, MAX_COMPARED_STYLES)):
        fault = visible_fault(reduced.paint(style), exact.paint(style))
        if fault is not None:
            name = f" in {read_cards(runner.model)[style].name}" if runner.model.style_count > 1 else ""
            return f"its picture{name} {fault}"
    return None


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
