"""Choose the engine of each network of a session: the one requested, or its fastest, or OpenCV, which always works."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from functools import cache

from stylecam.engines.autotune import Autotuner, EngineChoice, cache_path
from stylecam.engines.base import Engine
from stylecam.engines.factory import make_engine
from stylecam.engines.names import AUTO, REDUCED_PRECISION, REMOTE
from stylecam.engines.remote import RemoteEngine
from stylecam.errors import EngineError
from stylecam.live.report import EngineStatus
from stylecam.live.settings import Settings
from stylecam.models.model import Model
from stylecam.stylize.frame_stylizer import FrameStylizer
from stylecam.stylize.look import Look
from stylecam.stylize.session_pool import SessionPool
from stylecam.utils.clock import Clock
from stylecam.utils.message import Message
from stylecam.utils.resources import limit_threads, usable_cores

logger = logging.getLogger(__name__)


class EngineChooser:
    """Chooses the engine of each network as the settings of a session say.

    Networks differ in which engine is the fastest for them, and in whether reduced precision can be seen in their
    pictures. A network that was never measured here runs in full precision.

    Attributes:
        threads: the processor threads that a network may use; None for the library's own choice.
        remote: the server that paints while it is up; None where this computer alone paints. What this computer
            paints with is then chosen as if nothing was requested.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Make the engine that the settings request by name; nothing is measured yet.

        Raises:
            EngineUnavailableError: it is not installed, or the device does not exist.
        """
        self._settings = settings
        self.threads = _usable_threads(settings.threads)
        self._make = cache(make_engine)  # one object for each, so that networks share what it learns of its device
        self._tuner = Autotuner(cache_path(), clock, self._make)
        target = settings.remote_target
        self.remote = None if target is None else RemoteEngine(target, clock)
        self._is_named = settings.engine not in (AUTO, REMOTE)
        self._requested = self._make(settings.engine, settings.device, self.threads) if self._is_named else None
        self._default = self._requested or self._opencv()
        self._choices: dict[str, EngineChoice] = {}

    def engine_of(self, model: Model) -> Engine:
        """Return the engine that runs `model`. Nothing is measured; any thread may call it.

        A network of two styles is run by the engine of its bank.
        """
        choice = self._choices.get(model.base.key)
        return self._default if choice is None else choice.engine

    def status(self, model: Model | None) -> EngineStatus:
        """Describe the engine that runs `model`, or for None the one of a network that was not measured."""
        choice = None if model is None else self._choices.get(model.base.key)
        engine = self._default if choice is None else choice.engine
        return EngineStatus(engine.name, engine.device, engine.version, None if choice is None else choice.reason)

    def troubles(self) -> list[str]:
        """Return why devices of the engines in use have failed, in one line each."""
        engines = [self._default, *(choice.engine for choice in self._choices.values())]
        return [engine.trouble for engine in dict.fromkeys(engines) if engine.trouble is not None]

    def server_troubles(self) -> dict[str, str | None]:
        """Return why the server does not paint, by its name; None where it does, and nothing without one."""
        if self.remote is None:
            return {}
        trouble = self.remote.link.trouble
        name = Message("the server {place}", place=self.remote.device)
        return {
            name: None if trouble is None else Message("{trouble}; this computer paints meanwhile", trouble=trouble)
        }

    def speed(self, model: Model) -> tuple[Engine, float]:
        """Return the engine that runs `model`, and the milliseconds that a megapixel takes with it.

        They are remembered, or measured in about a second.

        Raises:
            EngineError: none can run it.
        """
        if self.remote is not None and self.remote.link.up:
            with contextlib.suppress(EngineError):
                return self.remote, self.remote.speed(model)
        engine = self._requested
        if engine is None:
            choice = self._choose(model)
            if choice.ms_per_megapixel is not None:
                return choice.engine, choice.ms_per_megapixel
            engine = choice.engine
        return engine, self._tuner.speed(model, engine, self.threads, retune=self._settings.retune)

    def load(
        self,
        look: Look,
        models: Sequence[Model],
        start: Callable[[Callable[[Model], Engine]], tuple[SessionPool, FrameStylizer]],
    ) -> tuple[SessionPool, FrameStylizer]:
        """Choose the engines, and load the network of `look`, with OpenCV where its engine fails.

        Args:
            look: names the network.
            models: those that the user may switch to; the first one of each tier is measured before frames flow.
            start: makes a pool and a stylizer for what returns the engine of a network; called again where the first
                engine fails.

        Raises:
            EngineError: the network cannot be run, and there is nothing else to try.
        """
        if self._requested is None:
            self._choose_all(look, models)
        pool, stylizer = start(self.engine_of)
        try:
            stylizer.prepare(look)
        except EngineError as error:
            assert look.mix is not None  # without a style nothing is loaded
            self._fall_back(self.engine_of(look.mix.model), error)
            pool.close()
            pool, stylizer = start(self.engine_of)
            stylizer.prepare(look)
        pool.fallback = None if self._is_named else self._opencv()
        return pool, stylizer

    def spare_threads(self) -> None:
        """Take OpenCV's own threads where it runs no network.

        Waiting for one another on pictures as small as a frame, they use twice the processor time and save none.
        """
        engines = (self._default, *(choice.engine for choice in self._choices.values()))
        if all(engine.name != "opencv" for engine in engines):
            limit_threads(self.threads or usable_cores(), opencv=1)

    def restore_threads(self) -> None:
        """Give OpenCV its own threads again, because it runs a network that another engine could not."""
        limit_threads(self.threads or usable_cores())

    def _choose_all(self, look: Look, models: Sequence[Model]) -> None:
        """Choose for the network of `look`, for the first of each tier, and for those measured before."""
        first = next(iter(models), None) if look.mix is None else look.mix.model
        if first is not None:
            self._default = self._choose(first).engine
            if self._default.device in REDUCED_PRECISION and self._settings.device == AUTO:
                with contextlib.suppress(EngineError):
                    self._default = self._tuner.choose(first, AUTO, self.threads, exact=True).engine
        tiers = {model.tier: model for model in reversed(models)}
        for model in models:
            if model is tiers[model.tier]:
                with contextlib.suppress(EngineError):  # when its turn comes, the pool says why it cannot be run
                    self._choose(model)
            elif (choice := self._tuner.recall(model, self._settings.device, self.threads)) is not None:
                self._choices.setdefault(model.key, choice)

    def _choose(self, model: Model) -> EngineChoice:
        """Return the fastest engine for `model`, measured at most once in a run."""
        bank, retune = model.base, self._settings.retune
        if bank.key not in self._choices:
            self._choices[bank.key] = self._tuner.choose(bank, self._settings.device, self.threads, retune=retune)
        return self._choices[bank.key]

    def _fall_back(self, engine: Engine, error: EngineError) -> None:
        """Run everything with OpenCV on the processor, because `engine` failed with `error`.

        Raises:
            EngineError: `error`, where the engine or its device was requested, or nothing else is left.
        """
        settings = self._settings
        requested = self._is_named and (settings.device != AUTO or engine.device == "cpu")
        if requested or (engine.name, engine.device) == ("opencv", "cpu"):
            raise error
        failed = Message(
            "{engine} on {device} does not work ({error}); going on with OpenCV",
            engine=engine.version, device=engine.device, error=error,
        )  # fmt: skip
        logger.warning(failed, extra={"is_detail": True})
        self._requested = self._default = self._opencv()
        self._choices.clear()

    def _opencv(self) -> Engine:
        return self._make("opencv", "cpu", self.threads)


def _usable_threads(requested: int | None) -> int | None:
    """Return the requested threads, at most one per core: more would only wait for each other."""
    cores = usable_cores()
    if requested is None or requested <= cores:
        return requested
    logger.warning(
        Message(
            "--threads {requested}: stylecam may run on {cores} cores; using {cores} threads",
            requested=requested,
            cores=cores,
        )
    )
    return cores
