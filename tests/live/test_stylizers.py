"""What the stylizers of one run learn of the computer outlasts a change of the size, and the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stylecam.engines.autotune import cache_path
from stylecam.live import stylizers
from stylecam.live.cpu_budget import CpuBudget
from stylecam.live.settings import Settings
from stylecam.live.stylizers import StylizerMaker
from stylecam.media.frame import Size
from stylecam.models.catalog import Catalog
from stylecam.stylize.governor import Rung
from stylecam.stylize.rung_memory import HELD_S, RungMemory
from stylecam.utils.clock import ManualClock
from tests.doubles import ManualSessionPool, TintEngine, model

HD, SMALL = Size(1280, 720), Size(640, 360)


@pytest.fixture
def memories(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[RungMemory]:
    """The memories that stylizers were made with."""
    made: list[RungMemory] = []
    monkeypatch.setattr(stylizers, "FrameStylizer", lambda *_, memory, **__: made.append(memory))
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: tmp_path)
    return made


def test_what_held_at_a_size_is_known_when_the_run_comes_back_to_it(
    memories: list[RungMemory], clock: ManualClock
) -> None:
    pool = ManualSessionPool(TintEngine())
    maker = StylizerMaker(Settings(), Catalog([model()]), clock, CpuBudget(1.0, 1), lambda *_: None)
    for size, network in ((HD, "first"), (SMALL, "first"), (HD, "second")):
        maker.make(pool, size, 30.0)
        for now in (0.0, HELD_S):
            memories[-1].painted(model(network), Rung(512, 288), now)
    assert memories[-1].recall(model("first")) == Rung(512, 288)
    assert memories[1].recall(model("second")) is None
    maker.save()
    later = StylizerMaker(Settings(), Catalog([model()]), clock, CpuBudget(1.0, 1), lambda *_: None)
    later.make(pool, HD, 30.0)
    assert cache_path().with_name("rungs.json").exists()
    assert [memories[-1].recall(model(name)) for name in ("first", "second")] == [Rung(512, 288)] * 2


def test_what_held_on_one_engine_is_not_taken_for_another(memories: list[RungMemory], clock: ManualClock) -> None:
    maker = StylizerMaker(Settings(), Catalog([model()]), clock, CpuBudget(1.0, 1), lambda *_: None)
    engines = {"plain": TintEngine(), "lean": TintEngine(), "rich": TintEngine()}
    pool = ManualSessionPool(TintEngine())
    pool.engine_of = lambda network: engines[network.key]
    maker.make(pool, HD, 30.0)
    for network in ("lean", "rich"):
        for now in (0.0, HELD_S):
            memories[-1].painted(model(network), Rung(512, 288), now)
    engines["rich"].device = "cpu-bf16"
    assert memories[-1].recall(model("lean")) == Rung(512, 288)
    assert memories[-1].recall(model("rich")) is None


def test_what_held_on_a_server_is_known_in_the_next_run_for_that_server_alone(
    memories: list[RungMemory], clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stylizers, "Relay", lambda _server, pool, make_sessions, _clock: make_sessions(pool))
    monkeypatch.setattr(stylizers, "SessionChooser", lambda *_, memory: memories.append(memory))

    def on_server(place: str) -> tuple[StylizerMaker, RungMemory]:
        server: Any = TintEngine()
        server.device = place
        maker = StylizerMaker(Settings(), Catalog([model()]), clock, CpuBudget(1.0, 1), lambda *_: None)
        maker.use_server(server)
        maker.make(ManualSessionPool(TintEngine()), HD, 30.0)
        return maker, memories[-2]  # the last one is that of this computer

    maker, memory = on_server("near:8001")
    for now in (0.0, HELD_S):
        memory.painted(model(), Rung(512, 288), now)
    maker.save()
    assert on_server("near:8001")[1].recall(model()) == Rung(512, 288)
    assert on_server("far:8001")[1].recall(model()) is None
    assert memories[-1].recall(model()) is None
