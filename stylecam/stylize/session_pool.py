"""Keep sessions warm: build and run them on a thread of their own, so that the frame path never waits for one."""

from __future__ import annotations

import atexit
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from stylecam.engines.base import Engine, InferenceSession
from stylecam.errors import EngineError, EngineRunError
from stylecam.models.model import Model
from stylecam.stylize.governor import Rung
from stylecam.utils import malloc
from stylecam.utils.message import Message
from stylecam.utils.optional import error_summary
from stylecam.utils.resources import lower_thread_priority

Key = tuple[str, Rung]

RETURN_MEMORY_EVERY_S = 30.0
"""Seconds between two returns of freed memory while no session comes or goes; a reopened camera frees some."""

EXIT_S = 10.0
"""The longest that the end of the process waits for a session that is being built: exiting under it would abort."""
WARM_RUNS = 2
"""The number of runs of a new session whose shortest time is taken, after a first one that allocates."""
CAPACITY_MEGAPIXELS = 2.5
"""Megapixels of all sessions that are kept: enough for a whole ladder up to 1024×576.

The memory of a session grows with them: 36 MB per megapixel in OpenVINO (bfloat16), 92 MB in OpenCV, and 10 MB on top.
"""


@dataclass(frozen=True, slots=True)
class WarmSession:
    """A session that has run, and how long a run took in milliseconds."""

    session: InferenceSession
    rung: Rung
    milliseconds: float


class SessionPool:
    """Sessions by (model, rung): those to keep warm, and of the others the last used ones that fit the capacity.

    They are dropped on the thread that builds them, off the frame path.

    `padding` pixels are added on each side of a rung's input: the stylist pads the picture by reflection and crops.

    Attributes:
        engine_of: returns the engine of each network, always the same; any thread may call it.
        capacity_megapixels: megapixels of all sessions to keep; those to keep warm may exceed it.
        fallback: an engine for networks that their own cannot load or run; None if there is none.
        notices: what the user should know of fallbacks, in one line each, until the owner takes them out.
    """

    def __init__(
        self,
        engine_of: Callable[[Model], Engine],
        padding: int = 0,
        capacity_megapixels: float = CAPACITY_MEGAPIXELS,
    ) -> None:
        self.engine_of = engine_of
        self._padding = padding
        self.fallback: Engine | None = None
        self.notices: deque[str] = deque()
        self.capacity_megapixels = capacity_megapixels
        self._ready: OrderedDict[Key, WarmSession] = OrderedDict()
        self._kept_warm: set[Key] = set()
        self._freed = False
        self._given_back_at = float("-inf")
        self._failed: dict[Key, EngineError] = {}
        self._distrusted: set[str] = set()
        self._discarded: list[WarmSession] = []
        self._requested: deque[tuple[Model, Rung]] = deque()
        self._building: Key | None = None
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def building(self) -> bool:
        """Whether a session is being built, which takes processor time from frames."""
        return self._building is not None

    def get(self, model: Model, rung: Rung) -> WarmSession | None:
        """Return the warm session, or None; then it is being built, and a later call will find it.

        Raises:
            EngineError: it cannot be built; this was tried before.
        """
        with self._condition:
            key = (model.key, rung)
            if key in self._ready:
                self._ready.move_to_end(key)
                return self._ready[key]
            if key in self._failed:
                raise self._failed[key].with_traceback(None)
        self.prefetch(model, rung)
        return None

    def ready_below(self, model: Model, rung: Rung) -> WarmSession | None:
        """Return the finest warm session of `model` coarser than `rung`, or None."""
        with self._condition:
            found = [warm for (key, other), warm in self._ready.items() if key == model.key and other < rung]
        return max(found, key=lambda warm: warm.rung, default=None)

    def keep_warm(self, sessions: Sequence[tuple[Model, Rung]]) -> None:
        """Request these sessions, and keep all of them until the next call."""
        held = {(model.key, rung) for model, rung in sessions}
        with self._condition:
            if held != self._kept_warm:
                self._kept_warm, self._freed = held, True  # with another size, the frame path frees something too
                self._condition.notify()
        for model, rung in sessions:
            self.prefetch(model, rung)

    def prefetch(self, model: Model, rung: Rung) -> None:
        """Request that the session be built soon, if it is not there."""
        with self._condition:
            key = (model.key, rung)
            waiting = any((m.key, r) == key for m, r in self._requested)
            if self._closed or waiting or key == self._building or key in self._ready or key in self._failed:
                return
            self._requested.append((model, rung))
            if self._thread is None:
                self._thread = threading.Thread(target=self._build_all, name="stylecam-warm-up", daemon=True)
                self._thread.start()
            self._condition.notify()

    def renew(self, model: Model) -> None:
        """Forget what was built of `model`, and what failed, so that it is built anew when it is requested.

        A network that has failed is then built with the fallback engine first, if there is one.
        """
        with self._condition:
            self._distrusted.add(model.key)
            for key in [key for key in self._failed if key[0] == model.key]:
                del self._failed[key]
            for key in [key for key in self._ready if key[0] == model.key]:
                self._discarded.append(self._ready.pop(key))
            self._condition.notify()

    def build(self, model: Model, rung: Rung) -> WarmSession:
        """Build the session now, in the calling thread: for start-up, before there are frames to hold up.

        Raises:
            EngineError: the engine cannot load or run it.
        """
        with self._condition:
            ready = self._ready.get((model.key, rung))
        if ready is not None:
            return ready
        warm = self._warm(model, rung)
        with self._condition:
            self._ready[model.key, rung] = warm
        self._make_room()
        return warm

    def return_memory(self, now: float) -> None:
        """Return freed memory to the system at `now` (s), if nothing is being built.

        What was freed here is returned with the next call, what others freed every `RETURN_MEMORY_EVERY_S`. Call it on
        a thread that frames do not wait for, of normal priority, because allocation waits for it meanwhile.
        """
        if (self._freed or now - self._given_back_at >= RETURN_MEMORY_EVERY_S) and not self.building:
            self._freed, self._given_back_at = False, now
            malloc.trim()

    def stop_building(self) -> None:
        """Build no more sessions, except that the one being built is finished."""
        with self._condition:
            self._closed = True
            self._requested.clear()
            self._condition.notify_all()

    def close(self) -> None:
        """Stop building and drop all sessions. The one being built is finished, and the process ends after that."""
        self.stop_building()
        if self._thread is not None:
            self._thread.join(0.5)
            if self._thread.is_alive():
                atexit.register(self._thread.join, EXIT_S)
        with self._condition:
            self._ready.clear()

    def _warm(self, model: Model, rung: Rung) -> WarmSession:
        """Build and try the session with the network's engine or, where that fails, with the fallback.

        Raises:
            EngineError: none can; the error is that of the first one tried.
        """
        own = self.engine_of(model)
        engines = [own] if self.fallback in (None, own) else [own, self.fallback]
        if model.key in self._distrusted:
            engines.reverse()
        failure: EngineError | None = None
        for engine in engines:
            try:
                warm = self._warmed(engine, model, rung)
            except Exception as error:  # noqa: BLE001 - memory included; raised where this session is requested
                failure = failure or _as_engine_error(error, model)
                continue
            if failure is not None:
                self.notices.append(Message("{failure}; {version} paints it", failure=failure, version=engine.version))
            return warm
        assert failure is not None
        raise failure

    def _warmed(self, engine: Engine, model: Model, rung: Rung) -> WarmSession:
        width, height = rung.width + 2 * self._padding, rung.height + 2 * self._padding
        session = engine.session(model, width, height)
        image = np.full((height, width, 3), 128, np.uint8)
        weights = model.rows(model.one_hot(), min(rung.size))
        took = []
        for number in range(1 + WARM_RUNS):  # the first one allocates and, on a GPU, compiles
            if number > 1 and self._closed:
                break
            started = time.perf_counter()
            session.stylize(image, weights)
            took.append((time.perf_counter() - started) * 1000)
        return WarmSession(session, rung, min(took[1:]))

    def _excess(self, coming: float = 0.0) -> list[Key]:
        """Return the sessions to drop before `coming` more megapixels fit, the longest unused first.

        The session that was built or requested last is never among them.
        """
        taken = coming + sum(rung.megapixels for _, rung in self._ready)
        found = []
        for key in list(self._ready)[:-1]:
            if taken <= self.capacity_megapixels:
                break
            if key not in self._kept_warm:
                found.append(key)
                taken -= key[1].megapixels
        return found

    def _make_room(self, coming: float = 0.0) -> None:
        """Drop sessions until `coming` more megapixels fit."""
        with self._condition:
            gone = [*self._discarded, *(self._ready.pop(key) for key in self._excess(coming))]
            self._discarded = []
            self._freed = True  # by this, or by building
        gone.clear()

    def _build_all(self) -> None:
        lower_thread_priority()
        while True:
            with self._condition:
                while not (self._requested or self._closed or self._discarded or self._excess()):
                    self._condition.wait()
                if self._closed:
                    return
                task = self._requested.popleft() if self._requested else None
                self._building = None if task is None else (task[0].key, task[1])
            if task is not None:
                self._make_room(task[1].megapixels)  # first, so that the two are never there together
                self._try(*task)
            self._make_room()
            self._building = None

    def _try(self, model: Model, rung: Rung) -> None:
        key = (model.key, rung)
        try:
            warm = self._warm(model, rung)
        except EngineError as error:
            with self._condition:
                self._failed[key] = error.with_traceback(None)
        else:
            with self._condition:
                self._ready[key] = warm


def _as_engine_error(error: Exception, model: Model) -> EngineError:
    """Return `error` as one of ours, without its frames, which would keep what was built so far."""
    if not isinstance(error, EngineError):
        error = EngineRunError(f"{model.path.name}: {error_summary(error)}")
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
