"""Sessions kept warm: built and run once on a thread of their own, so the frame path never waits for one."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Sequence

import numpy as np

from stylecam.engines.base import Engine, InferenceSession
from stylecam.errors import EngineError, EngineRunError
from stylecam.models.model import Model
from stylecam.stylize.governor import Rung
from stylecam.utils import malloc

Key = tuple[str, Rung]

RETURN_MEMORY_EVERY_S = 30.0
"""So often memory is given back also where no session came or went: a camera opened again takes some and frees it."""

WARM_RUNS = 2
CAPACITY_MEGAPIXELS = 2.5
"""Megapixels of sessions that are kept, all together. What a session takes grows with them: 36 MB each in OpenVINO
(bfloat16), 92 MB in OpenCV, and 10 MB for being there. This is room for a whole ladder up to 1024×576."""


class WarmSession:
    """A session that has run, and what a run took."""

    __slots__ = ("milliseconds", "rung", "session")

    def __init__(self, session: InferenceSession, rung: Rung, milliseconds: float) -> None:
        self.session = session
        self.rung = rung
        self.milliseconds = milliseconds


class SessionPool:
    """Sessions by (model, rung): those that are held, and as many others as there is room for, the last used ones.

    They are let go where they are built, off the frame path.

    `padding` pixels are added on each side of a rung's input: the stylist pads the picture by reflection and crops.

    Attributes:
        capacity_megapixels: megapixels of sessions to keep, all together; what is held is kept beyond that.
        fallback: an engine for networks that the engine cannot load or run; None for none.
        notices: what the user should know of it, in one line each, until somebody takes them out.
    """

    def __init__(self, engine: Engine, padding: int = 0, capacity_megapixels: float = CAPACITY_MEGAPIXELS) -> None:
        self._engine = engine
        self._padding = padding
        self.fallback: Engine | None = None
        self.notices: deque[str] = deque()
        self.capacity_megapixels = capacity_megapixels
        self._ready: OrderedDict[Key, WarmSession] = OrderedDict()
        self._held: set[Key] = set()
        self._freed = False
        self._given_back_at = float("-inf")
        self._failed: dict[Key, EngineError] = {}
        self._wanted: deque[tuple[Model, Rung]] = deque()
        self._building: Key | None = None
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def engine(self) -> Engine:
        """What runs the sessions."""
        return self._engine

    @property
    def building(self) -> bool:
        """True while a session is being built: it takes processor time from the frames of this moment."""
        return self._building is not None

    def get(self, model: Model, rung: Rung) -> WarmSession | None:
        """The warm session, or None; then it is being built and a later call will find it.

        Raises:
            EngineError: it was tried and cannot be built.
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
        """The finest warm session of `model` coarser than `rung`, or None."""
        with self._condition:
            found = [warm for (key, other), warm in self._ready.items() if key == model.key and other < rung]
        return max(found, key=lambda warm: warm.rung, default=None)

    def keep_warm(self, wanted: Sequence[tuple[Model, Rung]]) -> None:
        """Have these sessions built, if they are not there, and let none of them go until the next call."""
        held = {(model.key, rung) for model, rung in wanted}
        with self._condition:
            if held != self._held:
                self._held, self._freed = held, True  # with another size, the frame path frees something too
                self._condition.notify()
        for model, rung in wanted:
            self.prefetch(model, rung)

    def prefetch(self, model: Model, rung: Rung) -> None:
        """Have the session built some time soon, if it is not there."""
        with self._condition:
            key = (model.key, rung)
            waiting = any((m.key, r) == key for m, r in self._wanted)
            if self._closed or waiting or key == self._building or key in self._ready or key in self._failed:
                return
            self._wanted.append((model, rung))
            if self._thread is None:
                self._thread = threading.Thread(target=self._build_all, name="stylecam-warm-up", daemon=True)
                self._thread.start()
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
        self._keep((model.key, rung), warm)
        self._tidy()
        return warm

    def return_memory(self, now: float) -> None:
        """Give the system back what was freed, at `now` (s), if nothing is being built.

        What was freed here is given back with the next call, what others freed every `RETURN_MEMORY_EVERY_S`.

        For a thread that frames do not wait for, but not for a lower priority: allocation waits for it meanwhile.
        """
        if (self._freed or now - self._given_back_at >= RETURN_MEMORY_EVERY_S) and not self.building:
            self._freed, self._given_back_at = False, now
            malloc.trim()

    def stop_building(self) -> None:
        """Build no more sessions; the one being built is still finished."""
        with self._condition:
            self._closed = True
            self._wanted.clear()
            self._condition.notify_all()

    def close(self) -> None:
        """Stop building and let all sessions go."""
        self.stop_building()
        if self._thread is not None:
            self._thread.join(0.5)
        with self._condition:
            self._ready.clear()

    def _warm(self, model: Model, rung: Rung) -> WarmSession:
        try:
            return self._warmed(self._engine, model, rung)
        except EngineError as error:
            if self.fallback is None:
                raise
            warm = self._warmed(self.fallback, model, rung)
            self.notices.append(f"{error}; {self.fallback.version} paints it")
            return warm

    def _warmed(self, engine: Engine, model: Model, rung: Rung) -> WarmSession:
        width, height = rung.width + 2 * self._padding, rung.height + 2 * self._padding
        session = engine.session(model, width, height)
        image = np.full((height, width, 3), 128, np.uint8)
        weights = model.one_hot()
        took = []
        for number in range(1 + WARM_RUNS):  # the first one allocates and, on a GPU, compiles
            if number > 1 and self._closed:
                break
            started = time.perf_counter()
            session.stylize(image, weights)
            took.append((time.perf_counter() - started) * 1000)
        return WarmSession(session, rung, min(took[1:]))

    def _keep(self, key: Key, warm: WarmSession) -> None:
        with self._condition:
            self._ready[key] = warm

    def _crowding(self, coming: float = 0.0) -> list[Key]:
        """What there is no room for, the longest unused first; never the one that was built or asked for last.

        `coming` megapixels are to be built.
        """
        taken = coming + sum(rung.megapixels for _, rung in self._ready)
        found = []
        for key in list(self._ready)[:-1]:
            if taken <= self.capacity_megapixels:
                break
            if key not in self._held:
                found.append(key)
                taken -= key[1].megapixels
        return found

    def _tidy(self, coming: float = 0.0) -> None:
        """Let go of what there is no capacity_megapixels for."""
        with self._condition:
            gone = [self._ready.pop(key) for key in self._crowding(coming)]
            self._freed = True  # by this, or by building
        gone.clear()

    def _build_all(self) -> None:
        _lower_priority()
        while True:
            with self._condition:
                while not (self._wanted or self._closed or self._crowding()):
                    self._condition.wait()
                if self._closed:
                    return
                task = self._wanted.popleft() if self._wanted else None
                self._building = None if task is None else (task[0].key, task[1])
            if task is not None:
                self._tidy(task[1].megapixels)  # first, so that the two are never there together
                self._try(*task)
            self._tidy()
            self._building = None

    def _try(self, model: Model, rung: Rung) -> None:
        key = (model.key, rung)
        try:
            self._keep(key, self._warm(model, rung))
        except Exception as error:  # noqa: BLE001 - memory included; told to whoever asks for this session
            known = error if isinstance(error, EngineError) else EngineRunError(f"{model.path.name}: {error}")
            known.__cause__ = known.__context__ = None  # their frames would keep what was built so far
            with self._condition:
                self._failed[key] = known.with_traceback(None)


def _lower_priority() -> None:
    """Let frames go first; on Linux niceness belongs to the thread."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
