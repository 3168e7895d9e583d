"""Sessions kept warm, built off the hot path."""

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
from stylecam.models.model import Model
from stylecam.stylize.governor import Rung
from stylecam.stylize.session_pool import RETURN_MEMORY_EVERY_S, WARM_RUNS, SessionPool
from stylecam.testing import gray_image
from tests.doubles import TintEngine, model, until

SMALL, LARGE = Rung(128, 72), Rung(256, 144)
PLAIN = model("plain")


class GatedEngine(TintEngine):
    """Loads a network only once the gate is open."""

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
    pool = SessionPool(engine, padding=8, capacity_megapixels=3 * SMALL.megapixels)
    yield pool
    engine.gate.set()
    pool.close()


def test_a_session_asked_for_the_first_time_is_not_waited_for(pool: SessionPool) -> None:
    assert pool.get(PLAIN, SMALL) is None


def test_a_session_asked_for_is_there_some_time_later(pool: SessionPool, engine: GatedEngine) -> None:
    pool.get(PLAIN, SMALL)
    engine.gate.set()
    assert until(lambda: pool.get(PLAIN, SMALL) is not None)


def test_asking_again_and_again_builds_it_once(pool: SessionPool, engine: GatedEngine) -> None:
    for _ in range(50):
        pool.get(PLAIN, SMALL)
    engine.gate.set()
    assert until(lambda: pool.get(PLAIN, SMALL) is not None)
    assert len(engine.loaded) == 1


def test_sessions_are_built_on_a_thread_of_their_own(pool: SessionPool, engine: GatedEngine) -> None:
    pool.prefetch(PLAIN, SMALL)
    engine.gate.set()
    assert until(lambda: bool(engine.threads))
    assert engine.threads[0] != threading.current_thread().name


def test_it_says_while_it_is_building(pool: SessionPool, engine: GatedEngine) -> None:
    assert not pool.building
    pool.prefetch(PLAIN, SMALL)
    assert until(lambda: pool.building)
    engine.gate.set()
    assert until(lambda: not pool.building)


def test_a_session_is_loaded_with_its_rim_and_has_run_before_it_is_handed_out(
    pool: SessionPool, engine: GatedEngine
) -> None:
    engine.gate.set()
    warm = pool.build(PLAIN, SMALL)
    assert engine.loaded == [("plain", SMALL.width + 16, SMALL.height + 16)]
    assert len(engine.runs) == 1 + WARM_RUNS
    assert warm.rung == SMALL


def test_a_session_built_in_advance_is_handed_out_at_once(pool: SessionPool, engine: GatedEngine) -> None:
    engine.gate.set()
    assert pool.get(PLAIN, SMALL) is None or True
    built = pool.build(PLAIN, LARGE)
    assert pool.get(PLAIN, LARGE) is built


def test_each_rung_has_its_own_session(pool: SessionPool, engine: GatedEngine) -> None:
    engine.gate.set()
    assert pool.build(PLAIN, SMALL) is not pool.build(PLAIN, LARGE)


def test_the_session_unused_for_longest_goes_first(pool: SessionPool, engine: GatedEngine) -> None:
    engine.gate.set()
    names = [model(name) for name in "abc"]
    for network in names:
        pool.build(network, SMALL)
    pool.get(names[0], SMALL)
    pool.build(model("d"), SMALL)
    loaded = len(engine.loaded)
    assert pool.get(names[0], SMALL) is not None
    pool.build(names[1], SMALL)
    assert len(engine.loaded) == loaded + 1


def test_it_is_megapixels_that_take_room(pool: SessionPool, engine: GatedEngine) -> None:
    engine.gate.set()
    for network in (model("a"), model("b")):
        pool.build(network, SMALL)
    large = pool.build(PLAIN, LARGE)
    assert pool.get(PLAIN, LARGE) is large
    assert pool.get(model("a"), SMALL) is None
    assert pool.get(model("b"), SMALL) is None


def test_room_is_made_before_the_next_one_is_built(pool: SessionPool, engine: GatedEngine) -> None:
    engine.gate.set()
    for name in "abc":
        pool.build(model(name), SMALL)
    there: list[bool] = []
    engine.on_run = lambda: there.append(engine.built[0]() is not None)
    pool.prefetch(PLAIN, SMALL)
    assert until(lambda: len(there) == 1 + WARM_RUNS)
    assert there == [False] * (1 + WARM_RUNS)


def test_what_is_held_stays_whatever_comes(pool: SessionPool, engine: GatedEngine) -> None:
    engine.gate.set()
    pool.keep_warm([(PLAIN, LARGE), (PLAIN, SMALL)])
    assert until(lambda: pool.get(PLAIN, LARGE) is not None and pool.get(PLAIN, SMALL) is not None)
    held = pool.get(PLAIN, LARGE), pool.get(PLAIN, SMALL)
    for name in "abcdef":
        pool.build(model(name), SMALL)
    assert (pool.get(PLAIN, LARGE), pool.get(PLAIN, SMALL)) == held


def test_what_is_held_no_longer_goes_where_sessions_are_built(pool: SessionPool, engine: GatedEngine) -> None:
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
def given_back(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The threads on which memory was given back."""
    given: list[str] = []
    monkeypatch.setattr(
        "stylecam.stylize.session_pool.malloc.trim", lambda: given.append(threading.current_thread().name)
    )
    return given


def test_what_was_freed_is_given_back_once_by_the_thread_that_asks(
    pool: SessionPool, engine: GatedEngine, given_back: list[str]
) -> None:
    engine.gate.set()
    pool.build(PLAIN, LARGE)
    pool.return_memory(0.0)
    pool.return_memory(1.0)
    pool.keep_warm([(PLAIN, LARGE)])
    pool.return_memory(2.0)
    pool.keep_warm([(PLAIN, LARGE)])
    pool.return_memory(3.0)
    assert given_back == [threading.current_thread().name] * 2


def test_what_others_freed_is_given_back_now_and_then(pool: SessionPool, given_back: list[str]) -> None:
    for second in range(round(3 * RETURN_MEMORY_EVERY_S)):
        pool.return_memory(float(second))
    assert len(given_back) == 3


def test_nothing_is_given_back_while_more_is_about_to_be_freed(
    pool: SessionPool, engine: GatedEngine, given_back: list[str]
) -> None:
    pool.prefetch(PLAIN, SMALL)
    assert until(lambda: pool.building)
    pool.keep_warm([(PLAIN, SMALL)])
    pool.return_memory(0.0)
    assert given_back == []
    engine.gate.set()
    assert until(lambda: not pool.building)
    pool.return_memory(0.0)
    assert len(given_back) == 1


def refused(pool: SessionPool) -> bool:
    try:
        pool.get(PLAIN, SMALL)
    except EngineRunError:
        return True
    return False


def test_a_network_that_cannot_be_loaded_is_an_error_where_it_is_wanted(pool: SessionPool, engine: GatedEngine) -> None:
    engine.gate.set()
    engine.unloadable.add("plain")
    assert until(lambda: refused(pool))
    with pytest.raises(EngineError, match="plain cannot be loaded"):
        pool.get(PLAIN, SMALL)


def test_nothing_stays_of_a_session_that_did_not_run(pool: SessionPool, engine: GatedEngine) -> None:
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


def test_at_the_start_a_network_that_cannot_be_loaded_is_an_error(pool: SessionPool, engine: GatedEngine) -> None:
    engine.gate.set()
    engine.unloadable.add("plain")
    with pytest.raises(EngineRunError):
        pool.build(PLAIN, SMALL)


def test_a_closed_pool_builds_nothing_more(engine: GatedEngine) -> None:
    pool = SessionPool(engine)
    pool.close()
    pool.prefetch(PLAIN, SMALL)
    assert engine.threads == []


def test_closing_ends_its_thread(engine: GatedEngine) -> None:
    pool = SessionPool(engine)
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

pool = SessionPool(SlowEngine(), 0)
pool.prefetch(model("plain"), Rung(128, 72))
building.wait()
pool.close()
print("closed", flush=True)
"""


def test_a_process_does_not_end_under_a_session_that_is_being_built() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=120, check=True)
    assert ended.stdout.split() == ["closed", "built"]


def test_a_network_the_engine_cannot_load_is_run_by_the_spare_one_and_it_says_so(
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


def test_what_neither_engine_can_load_is_an_error(pool: SessionPool, engine: GatedEngine) -> None:
    engine.gate.set()
    engine.unloadable.add("plain")
    pool.fallback = engine
    with pytest.raises(EngineRunError, match="plain cannot be loaded"):
        pool.build(PLAIN, SMALL)
