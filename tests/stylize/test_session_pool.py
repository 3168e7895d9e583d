"""Tests of keeping sessions warm and of building them on another thread."""

from __future__ import annotations

import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator

import pytest

from stylecam.engines.base import InferenceSession
from stylecam.errors import EngineError, EngineRunError
from stylecam.media.frame import Size
from stylecam.media.testing import gray_image
from stylecam.models.model import Model
from stylecam.stylize.governor import Rung
from stylecam.stylize.session_pool import RETURN_MEMORY_EVERY_S, WARM_RUNS, SessionPool
from tests.doubles import TintEngine, model, until

SMALL, LARGE = Rung(128, 72), Rung(256, 144)
PLAIN = model("plain")


class GatedEngine(TintEngine):
    """An engine that loads networks only after its gate was opened."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.threads: list[str] = []
        self.built: list[weakref.ref[InferenceSession]] = []

    def session(self, model: Model, width: int, height: int) -> InferenceSession:
        self.threads.append(threading.current_thread().name)
        self.gate.wait(60)
        session = super().session(model, width, height)
        self.built.append(weakref.ref(session))
        return session


@pytest.fixture
def engine() -> GatedEngine:
    return GatedEngine()


@pytest.fixture
def pool(engine: GatedEngine) -> Iterator[SessionPool]:
    pool = SessionPool(lambda _: engine, padding=8, capacity_megapixels=3 * SMALL.megapixels)
    yield pool
    engine.gate.set()
    pool.close()


def test_the_first_request_for_a_session_returns_at_once_without_one(pool: SessionPool) -> None:
    assert pool.get(PLAIN, SMALL) is None


def test_a_requested_session_is_built_later(pool: SessionPool, engine: GatedEngine) -> None:
    pool.get(PLAIN, SMALL)
    engine.gate.set()
    assert until(lambda: pool.get(PLAIN, SMALL) is not None)


def test_repeated_requests_build_one_session(pool: SessionPool, engine: GatedEngine) -> None:
    for _ in range(50):
        pool.get(PLAIN, SMALL)
    engine.gate.set()
    assert until(lambda: pool.get(PLAIN, SMALL) is not None)
    assert len(engine.loaded) == 1


def test_sessions_are_built_on_another_thread(pool: SessionPool, engine: GatedEngine) -> None:
    pool.prefetch(PLAIN, SMALL)
    engine.gate.set()
    assert until(lambda: bool(engine.threads))
    assert engine.threads[0] != threading.current_thread().name


def test_building_is_true_while_a_session_is_built(pool: SessionPool, engine: GatedEngine) -> None:
    assert not pool.building
    pool.prefetch(PLAIN, SMALL)
    assert until(lambda: pool.building)
    engine.gate.set()
    assert until(lambda: not pool.building)


def test_a_session_is_loaded_with_padding_and_has_run_before_it_is_returned(
    pool: SessionPool, engine: GatedEngine
) -> None:
    engine.gate.set()
    warm = pool.build(PLAIN, SMALL)
    assert engine.loaded == [("plain", SMALL.width + 16, SMALL.height + 16)]
    assert len(engine.runs) == 1 + WARM_RUNS
    assert warm.rung == SMALL


def test_a_session_built_in_advance_is_returned_at_once(pool: SessionPool, engine: GatedEngine) -> None:
    engine.gate.set()
    built = pool.build(PLAIN, LARGE)
    assert pool.get(PLAIN, LARGE) is built


def test_each_rung_has_its_own_session(pool: SessionPool, engine: GatedEngine) -> None:
    engine.gate.set()
    assert pool.build(PLAIN, SMALL) is not pool.build(PLAIN, LARGE)


def test_the_least_recently_used_session_is_dropped_first(pool: SessionPool, engine: GatedEngine) -> None:
    engine.gate.set()
    networks = [model(name) for name in "abc"]
    for network in networks:
        pool.build(network, SMALL)
    pool.get(networks[0], SMALL)
    pool.build(model("d"), SMALL)
    loaded = len(engine.loaded)
    assert pool.get(networks[0], SMALL) is not None
    pool.build(networks[1], SMALL)
    assert len(engine.loaded) == loaded + 1


def test_the_capacity_is_counted_in_megapixels(pool: SessionPool, engine: GatedEngine) -> None:
    engine.gate.set()
    for network in (model("a"), model("b")):
        pool.build(network, SMALL)
    large = pool.build(PLAIN, LARGE)
    assert pool.get(PLAIN, LARGE) is large
    assert pool.get(model("a"), SMALL) is None
    assert pool.get(model("b"), SMALL) is None


def test_sessions_are_dropped_before_the_next_one_is_built(pool: SessionPool, engine: GatedEngine) -> None:
    engine.gate.set()
    for name in "abc":
        pool.build(model(name), SMALL)
    alive: list[bool] = []
    engine.on_run = lambda: alive.append(engine.built[0]() is not None)
    pool.prefetch(PLAIN, SMALL)
    assert until(lambda: len(alive) == 1 + WARM_RUNS)
    assert alive == [False] * (1 + WARM_RUNS)


def test_sessions_to_keep_warm_are_never_dropped(pool: SessionPool, engine: GatedEngine) -> None:
    engine.gate.set()
    pool.keep_warm([(PLAIN, LARGE), (PLAIN, SMALL)])
    assert until(lambda: pool.get(PLAIN, LARGE) is not None and pool.get(PLAIN, SMALL) is not None)
    kept = pool.get(PLAIN, LARGE), pool.get(PLAIN, SMALL)
    for name in "abcdef":
        pool.build(model(name), SMALL)
    assert (pool.get(PLAIN, LARGE), pool.get(PLAIN, SMALL)) == kept


def test_sessions_no_longer_kept_warm_are_dropped_on_the_building_thread(
    pool: SessionPool, engine: GatedEngine
) -> None:
    engine.gate.set()
    gone: list[str] = []
    pool.keep_warm([(PLAIN, LARGE), (model("a"), SMALL)])
    assert until(lambda: pool.get(PLAIN, LARGE) is not None and pool.get(model("a"), SMALL) is not None)
    large = pool.get(PLAIN, LARGE)
    assert large is not None
    weakref.finalize(large.session, lambda: gone.append(threading.current_thread().name))
    del large
    assert pool.get(model("a"), SMALL)
    pool.keep_warm([(model("a"), SMALL)])
    assert until(lambda: bool(gone))
    assert gone == ["stylecam-warm-up"]


@pytest.fixture
def trim_threads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace `malloc.trim` and return the names of the threads that call it."""
    names: list[str] = []
    monkeypatch.setattr(
        "stylecam.stylize.session_pool.malloc.trim", lambda: names.append(threading.current_thread().name)
    )
    return names


def test_freed_memory_is_returned_once_by_the_calling_thread(
    pool: SessionPool, engine: GatedEngine, trim_threads: list[str]
) -> None:
    engine.gate.set()
    pool.build(PLAIN, LARGE)
    pool.return_memory(0.0)
    pool.return_memory(1.0)
    pool.keep_warm([(PLAIN, LARGE)])
    pool.return_memory(2.0)
    pool.keep_warm([(PLAIN, LARGE)])
    pool.return_memory(3.0)
    assert trim_threads == [threading.current_thread().name] * 2


def test_memory_is_returned_periodically(pool: SessionPool, trim_threads: list[str]) -> None:
    for second in range(round(3 * RETURN_MEMORY_EVERY_S)):
        pool.return_memory(float(second))
    assert len(trim_threads) == 3


def test_no_memory_is_returned_while_a_session_is_built(
    pool: SessionPool, engine: GatedEngine, trim_threads: list[str]
) -> None:
    pool.prefetch(PLAIN, SMALL)
    assert until(lambda: pool.building)
    pool.keep_warm([(PLAIN, SMALL)])
    pool.return_memory(0.0)
    assert trim_threads == []
    engine.gate.set()
    assert until(lambda: not pool.building)
    pool.return_memory(0.0)
    assert len(trim_threads) == 1


def refused(pool: SessionPool) -> bool:
    try:
        pool.get(PLAIN, SMALL)
    except EngineRunError:
        return True
    return False


def test_requesting_a_network_that_cannot_be_loaded_raises(pool: SessionPool, engine: GatedEngine) -> None:
    engine.gate.set()
    engine.unloadable.add("plain")
    assert until(lambda: refused(pool))
    with pytest.raises(EngineError, match="plain cannot be loaded"):
        pool.get(PLAIN, SMALL)


def test_a_session_that_did_not_run_is_deleted(pool: SessionPool, engine: GatedEngine) -> None:
    engine.failing.add("plain")
    engine.gate.set()
    assert until(lambda: refused(pool))
    assert [session() for session in engine.built] == [None]


def test_one_broken_network_does_not_end_the_building_of_others(pool: SessionPool, engine: GatedEngine) -> None:
    engine.gate.set()
    engine.unloadable.add("plain")
    pool.prefetch(PLAIN, SMALL)
    pool.prefetch(model("good"), SMALL)
    assert until(lambda: pool.get(model("good"), SMALL) is not None)


def test_building_a_network_that_cannot_be_loaded_raises(pool: SessionPool, engine: GatedEngine) -> None:
    engine.gate.set()
    engine.unloadable.add("plain")
    with pytest.raises(EngineRunError):
        pool.build(PLAIN, SMALL)


def test_each_network_is_built_with_its_own_engine() -> None:
    engines = {"plain": TintEngine(), "good": TintEngine()}
    pool = SessionPool(lambda network: engines[network.key])
    for network in (PLAIN, model("good")):
        pool.build(network, SMALL)
    assert [[key for key, *_ in engines[name].loaded] for name in engines] == [["plain"], ["good"]]


def test_an_engine_that_is_the_fallback_itself_is_tried_once() -> None:
    tried: list[str] = []

    class Counting(TintEngine):
        def session(self, network: Model, width: int, height: int) -> InferenceSession:
            tried.append(network.key)
            return super().session(network, width, height)

    engine = Counting()
    engine.unloadable.add("plain")
    pool = SessionPool(lambda _: engine)
    pool.fallback = engine
    with pytest.raises(EngineRunError):
        pool.build(PLAIN, SMALL)
    assert tried == ["plain"]


def test_a_closed_pool_builds_nothing_more(engine: GatedEngine) -> None:
    pool = SessionPool(lambda _: engine)
    pool.close()
    pool.prefetch(PLAIN, SMALL)
    assert engine.threads == []


def test_closing_ends_its_thread(engine: GatedEngine) -> None:
    pool = SessionPool(lambda _: engine)
    engine.gate.set()
    pool.prefetch(PLAIN, SMALL)
    until(lambda: bool(engine.loaded))
    pool.close()
    assert not any(thread.name == "stylecam-warm-up" for thread in threading.enumerate())


PROGRAM = """
import threading, time
from stylecam.stylize.governor import Rung
from stylecam.stylize.session_pool import SessionPool
from tests.doubles import TintEngine, model

building = threading.Event()

class SlowEngine(TintEngine):
    def session(self, *arguments):
        building.set()
        time.sleep(1.5)
        print("built", flush=True)
        return super().session(*arguments)

pool = SessionPool(lambda _: SlowEngine(), 0)
pool.prefetch(model("plain"), Rung(128, 72))
building.wait()
pool.close()
print("closed", flush=True)
"""


def test_a_process_does_not_end_under_a_session_that_is_being_built() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=True)
    assert ended.stdout.split() == ["closed", "built"]


def test_a_network_the_engine_cannot_load_is_run_by_the_fallback_with_a_notice(
    pool: SessionPool, engine: GatedEngine
) -> None:
    engine.gate.set()
    engine.unloadable.add("plain")
    pool.fallback = TintEngine()
    warm = pool.build(PLAIN, SMALL)
    assert warm.session.stylize(gray_image(100, Size(SMALL.width + 16, SMALL.height + 16)), (1.0,)).any()
    assert list(pool.notices) == ["plain cannot be loaded; 1 paints it"]
    assert pool.build(model("good"), SMALL)
    assert len(pool.notices) == 1


def test_a_network_that_neither_engine_can_load_raises(pool: SessionPool, engine: GatedEngine) -> None:
    engine.gate.set()
    engine.unloadable.add("plain")
    pool.fallback = engine
    with pytest.raises(EngineRunError, match="plain cannot be loaded"):
        pool.build(PLAIN, SMALL)
