"""Make what stylizes the frames of a run, for a size and rate, and remember which rungs have held."""

from __future__ import annotations

from typing import Any

from stylecam.engines.autotune import cache_path
from stylecam.engines.remote import RemoteEngine
from stylecam.live.cpu_budget import CpuBudget
from stylecam.live.settings import Settings
from stylecam.media.frame import Size
from stylecam.models.catalog import Catalog
from stylecam.models.model import Model
from stylecam.stylize.face import FaceTracker
from stylecam.stylize.frame_stylizer import PADDING, FrameStylizer
from stylecam.stylize.governor import Rung
from stylecam.stylize.mask import PersonMasker
from stylecam.stylize.relay import Relay
from stylecam.stylize.rung_memory import RungMemory
from stylecam.stylize.session_chooser import FaultReport, SessionChooser
from stylecam.stylize.session_pool import SessionPool
from stylecam.utils.clock import Clock
from stylecam.utils.metrics import StageTimes
from stylecam.utils.resources import processor_name, usable_cores


class StylizerMaker:
    """Makes the stylizers of one run, and keeps what they learn of the computer for the next run."""

    def __init__(
        self, settings: Settings, catalog: Catalog, clock: Clock, cpu_budget: CpuBudget, report: FaultReport
    ) -> None:
        """Make stylizers for the networks of `catalog`; `report` takes each failure to load or run one."""
        self._settings, self._catalog = settings, catalog
        self._clock, self._cpu_budget, self._report = clock, cpu_budget, report
        self._memories: dict[str, RungMemory] = {}
        """By their conditions: a run that comes back to a size goes on with what it knows of it."""
        self._stages = StageTimes(clock)
        self._remote: RemoteEngine | None = None
        self._remote_pool: SessionPool | None = None

    def use_server(self, remote: RemoteEngine) -> SessionPool:
        """Let the stylizers made from now on paint on `remote` while it is up; return the pool of its sessions."""
        self._remote, self._remote_pool = remote, SessionPool(lambda _: remote, PADDING)
        return self._remote_pool

    def make(self, pool: SessionPool, size: Size, fps: float, held: tuple[Model, Rung] | None = None) -> FrameStylizer:
        """Return a stylizer that uses the sessions of `pool`.

        Args:
            pool: keeps the sessions.
            size: of the pictures.
            fps: pictures a second.
            held: a network and a rung that ought to hold, where nothing better is known.
        """
        memory = self._memory(pool, self._conditions(size, fps))
        if held is not None:
            memory.suggest(*held)
        models = self._catalog.cycled_models
        engine = pool.engine_of(models[0]) if models else None  # without any, nobody is found, and more is hidden
        return FrameStylizer(
            pool, size, fps, self._clock, self._report, models,
            busy_budget_ms=self._cpu_budget.frame_budget_ms(fps), memory=memory, stages=self._stages,
            masker=None if engine is None else PersonMasker(engine),
            tracker=None if engine is None else FaceTracker(engine),
            relay=self._relay(size, fps),
        )  # fmt: skip

    def _relay(self, size: Size, fps: float) -> Relay[Any] | None:
        if self._remote is None or self._remote_pool is None:
            return None
        memory = self._memory(self._remote_pool, {**self._conditions(size, fps), "server": self._remote.device})
        return Relay(
            self._remote,
            self._remote_pool,
            lambda pool: SessionChooser(pool, size, fps, self._report, memory=memory),
            self._clock,
        )

    def _memory(self, pool: SessionPool, conditions: dict[str, object]) -> RungMemory:
        """Return what is remembered of the networks of `pool` under `conditions`."""

        def name(model: Model) -> str:
            engine = pool.engine_of(model)
            return f"{model.key} {engine.name} {engine.device}"

        path = cache_path().with_name("rungs.json")
        return self._memories.setdefault(repr(conditions), RungMemory(path, conditions, name))

    def save(self) -> None:
        """Write down which rungs have held."""
        for memory in self._memories.values():
            memory.save()

    def _conditions(self, size: Size, fps: float) -> dict[str, object]:
        """Return all that a rung depends on besides its network and the engine of that."""
        return {
            "processor": processor_name(),
            "cores": usable_cores(),
            "threads": self._settings.threads,
            "cpu": self._settings.cpu,
            "size": list(size),
            "fps": fps,
        }
