"""Which engine drives a live run: the one asked for, or the fastest, or the one that always works."""

from __future__ import annotations

from collections.abc import Sequence

from stylecam.engines.autotune import Autotuner, cache_path
from stylecam.engines.base import Engine
from stylecam.engines.factory import make_engine
from stylecam.engines.names import AUTO
from stylecam.engines.opencv import OpenCVEngine
from stylecam.errors import EngineError
from stylecam.live.settings import Settings
from stylecam.models.model import Model
from stylecam.utils.clock import Clock
from stylecam.utils.resources import usable_cores
from stylecam.utils.text import Say


class Motor:
    """Chooses a live run's engine as `settings` say.

    Attributes:
        threads: how many threads the engine and OpenCV may use; None for one a core.
        reason: why this one; None where there was nothing to choose from.
    """

    def __init__(self, settings: Settings, clock: Clock, say: Say) -> None:
        """`say` is told in one line what the user should know."""
        self._settings, self._clock, self._say = settings, clock, say
        self.threads = self._threads_to_use()
        self.reason: str | None = None

    def requested(self) -> Engine | None:
        """The engine that was asked for by name; None for `auto`.

        Raises:
            EngineUnavailableError: it is not installed, or the device is not there.
        """
        settings = self._settings
        return None if settings.engine == AUTO else make_engine(settings.engine, settings.device, self.threads)

    def fastest(self, models: Sequence[Model]) -> Engine:
        """The fastest one for the first of `models`; about a second's work where it is not known yet.

        Raises:
            EngineUnavailableError: none can be used.
        """
        if not models:
            return OpenCVEngine()
        tuner = Autotuner(cache_path(), self._clock)
        choice = tuner.choose(models[0], self._settings.device, self.threads, retune=self._settings.retune)
        self.reason = choice.reason
        return choice.engine

    def fallback_for(self, engine: Engine, error: EngineError) -> Engine:
        """The processor with OpenCV, in place of an engine or device that nobody asked for and that failed.

        Raises:
            EngineError: `error`: it was asked for, or there is nothing else.
        """
        settings = self._settings
        wanted = settings.engine != AUTO and (settings.device != AUTO or engine.device == "cpu")
        if wanted or _always_works(engine):
            raise error
        self._say(f"{engine.version} on {engine.device} does not work ({error}); going on with OpenCV")
        self.reason = None
        return OpenCVEngine("cpu")

    def spare_for(self, engine: Engine) -> Engine | None:
        """What runs networks that `engine` cannot; None where it was asked for, or there is nothing else."""
        return None if self._settings.engine != AUTO or _always_works(engine) else OpenCVEngine("cpu")

    def _threads_to_use(self) -> int | None:
        """Those asked for, but no more than there are cores: more would only wait for each other."""
        asked, cores = self._settings.threads, usable_cores()
        if asked is not None and asked > cores:
            self._say(f"--threads {asked}: stylecam may run on {cores} cores; using {cores} threads")
            return cores
        return asked


def _always_works(engine: Engine) -> bool:
    return (engine.name, engine.device) == ("opencv", "cpu")
