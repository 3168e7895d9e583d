"""Choose the engine of a session: the one requested, or the fastest, or OpenCV, which always works."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from stylecam.engines.autotune import Autotuner, EngineChoice, cache_path
from stylecam.engines.base import Engine
from stylecam.engines.factory import make_engine
from stylecam.engines.names import AUTO
from stylecam.engines.opencv import OpenCVEngine
from stylecam.errors import EngineError
from stylecam.live.settings import Settings
from stylecam.models.model import Model
from stylecam.stylize.frame_stylizer import FrameStylizer
from stylecam.stylize.look import Look
from stylecam.stylize.session_pool import SessionPool
from stylecam.utils.clock import Clock
from stylecam.utils.message import Message
from stylecam.utils.resources import usable_cores

logger = logging.getLogger(__name__)


class EngineChooser:
    """Chooses the engine of a session as its settings say.

    Attributes:
        threads: the processor threads that a network may use; None for the library's own choice.
        reason: why the autotuner chose this engine; None where there was nothing to choose.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self.threads = _usable_threads(settings.threads)
        self.reason: str | None = None
        self._choices: dict[str, EngineChoice] = {}

    def requested(self) -> Engine | None:
        """Return the engine requested by name; None for `auto`.

        Raises:
            EngineUnavailableError: it is not installed, or the device does not exist.
        """
        settings = self._settings
        return None if settings.engine == AUTO else make_engine(settings.engine, settings.device, self.threads)

    def fastest(self, models: Sequence[Model]) -> Engine:
        """Return the fastest engine for the first of `models`: a cached choice, or measured in about a second.

        Raises:
            EngineUnavailableError: none can be used.
        """
        if not models:
            return OpenCVEngine()
        choice = self._choose(models[0])
        self.reason = choice.reason
        return choice.engine

    def speed(self, engine: Engine | None, model: Model) -> float:
        """Return the milliseconds that `engine`, None for the fastest one, takes for a megapixel of `model`.

        They are cached, or measured in about a second.

        Raises:
            EngineError: none can run it.
        """
        if engine is None:
            choice = self._choose(model)
            if choice.ms_per_megapixel is not None:
                return choice.ms_per_megapixel
            engine = choice.engine
        return self._tuner().speed(model, engine, self.threads, retune=self._settings.retune)

    def _choose(self, model: Model) -> EngineChoice:
        """Return the fastest engine for `model`, measured at most once in a run."""
        if model.key not in self._choices:
            retune = self._settings.retune
            self._choices[model.key] = self._tuner().choose(model, self._settings.device, self.threads, retune=retune)
        return self._choices[model.key]

    def _tuner(self) -> Autotuner:
        return Autotuner(cache_path(), self._clock)

    def fallback_for(self, engine: Engine, error: EngineError) -> Engine:
        """Return OpenCV on the processor in place of `engine`, which failed with `error`.

        Raises:
            EngineError: `error`, where the engine or its device was requested, or nothing else is left.
        """
        settings = self._settings
        requested = settings.engine != AUTO and (settings.device != AUTO or engine.device == "cpu")
        if requested or _is_last_resort(engine):
            raise error
        failed = Message(
            "{engine} on {device} does not work ({error}); going on with OpenCV",
            engine=engine.version, device=engine.device, error=error,
        )  # fmt: skip
        logger.warning(failed, extra={"is_detail": True})
        self.reason = None
        return OpenCVEngine("cpu")

    def load(
        self,
        engine: Engine | None,
        look: Look,
        models: Sequence[Model],
        start: Callable[[Engine], tuple[SessionPool, FrameStylizer]],
    ) -> tuple[SessionPool, FrameStylizer]:
        """Load the network of `look` with `engine` (None for the fastest), or with its fallback.

        Args:
            engine: the requested engine, or None.
            look: names the network.
            models: measured where the look names none.
            start: makes a pool and a stylizer for an engine; called again where the first engine fails.

        Raises:
            EngineError: the network cannot be run, and there is nothing else to try.
        """
        if engine is None:
            engine = self.fastest(models if look.mix is None else [look.mix.model])
        pool, stylizer = start(engine)
        try:
            stylizer.prepare(look)
        except EngineError as error:
            other = self.fallback_for(engine, error)
            pool.close()
            pool, stylizer = start(other)
            stylizer.prepare(look)
        pool.fallback = self.spare_for(pool.engine)
        return pool, stylizer

    def spare_for(self, engine: Engine) -> Engine | None:
        """Return what runs networks that `engine` cannot; None where it was requested or nothing else is left."""
        return None if self._settings.engine != AUTO or _is_last_resort(engine) else OpenCVEngine("cpu")


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


def _is_last_resort(engine: Engine) -> bool:
    return (engine.name, engine.device) == ("opencv", "cpu")
