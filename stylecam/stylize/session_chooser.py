"""Choose the network, the rung and the session of each frame, and go on with another one where a network fails."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

from stylecam.errors import EngineError
from stylecam.media.frame import Size
from stylecam.models.model import Model
from stylecam.models.style_mix import StyleMix
from stylecam.stylize.governor import Governor, Rung, ladder
from stylecam.stylize.look import Look
from stylecam.stylize.network_failures import MAX_FAILURES, NetworkFailures
from stylecam.stylize.rung_memory import RungMemory
from stylecam.stylize.session_pool import SessionPool, WarmSession
from stylecam.utils.message import Message

PREFETCHED_NETWORKS = 4
"""The number of other networks for which a session is kept warm, so that a switch to them does not wait."""
ADJACENT_NETWORKS = 2
"""The number of networks kept warm even beyond the pool's capacity: the next and the previous one."""
PREFETCH_EVERY_S = 0.5
"""Seconds between two requests for the sessions that may be needed soon."""

FaultReport = Callable[[str, str], None]
"""Called with a kind of fault (`engine`) and a message of one line."""


class SessionChooser:
    """Chooses with which style mix and session a frame is painted. Used by one thread; times are clock seconds.

    It never waits for a session. Until the requested network is warm, and while it rests after failures, the style
    goes on that has painted last; if that one fails too, the style of another network before it.
    """

    def __init__(
        self,
        pool: SessionPool,
        size: Size,
        fps: float,
        report: FaultReport,
        models: Sequence[Model] = (),
        busy_budget_ms: float = math.inf,
        memory: RungMemory | None = None,
    ) -> None:
        """Choose sessions of `pool` for pictures of `size`; see `FrameStylizer` for the rest."""
        self._pool = pool
        self._size = size
        self._fps = fps
        self._report = report
        self._models = list(models)
        self._busy_budget_ms = busy_budget_ms
        self._memory = memory or RungMemory()
        self._governors: dict[tuple[str, tuple[Rung, ...]], Governor] = {}
        self._active: dict[str, WarmSession] = {}
        self._replaced: dict[str, WarmSession] = {}  # the active session before, until the new one has painted
        self._unusable: set[tuple[str, Rung]] = set()
        self._failures = NetworkFailures()
        self._requested: StyleMix | None = None
        self._painting: StyleMix | None = None
        self._before: StyleMix | None = None
        self._prefetched_at = float("-inf")

    @property
    def retries(self) -> int:
        """How often a network that had failed was tried again."""
        return self._failures.retries

    def prepare(self, look: Look, now: float) -> None:
        """Warm the first session of `look` in the calling thread.

        Raises:
            EngineError: the network cannot be run.
        """
        if look.mix is None:
            return
        model = look.mix.model
        governor = self.governor(model, look)
        first = governor.choose(now).rung
        self._active[model.key] = warm = self._pool.build(model, first)
        governor.start(first, warm.milliseconds)
        if governor.choose(now).rung == first:
            return
        try:
            self._active[model.key] = self._pool.build(model, governor.choose(now).rung)
        except EngineError as error:
            governor.exclude(governor.choose(now).rung)
            self._report("engine", str(error))

    def choose(self, look: Look, now: float) -> tuple[StyleMix, WarmSession] | None:
        """Return the mix and the session to paint with; None while nothing can paint."""
        assert look.mix is not None
        selected, self._requested = look.mix is not self._requested, look.mix
        if self._failures.try_again(look.mix.model.key, now, selected=selected):
            self._renew(look.mix.model)
        for mix in self._candidates(look.mix):
            warm = self._session(mix.model, look, now)
            if warm is not None:
                return mix, warm
        return None

    def painted(self, mix: StyleMix, look: Look, now: float) -> None:
        """Take note that `mix` was painted with the active session of its network."""
        key = mix.model.key
        if look.scale is None and key in self._active:
            rung, known = self._active[key].rung, self._memory.recall(mix.model)
            # A rung that is coarse only because of a large brush does not say that a finer one is too much.
            if known is None or rung >= known or rung != self._rungs(mix.model, look)[-1]:
                self._memory.painted(mix.model, rung, now)
        self._failures.succeeded(key)
        self._replaced.pop(key, None)
        if self._painting is not None and self._painting.model.key != key:
            self.governor(mix.model, look).forget_recent()
            self._before = self._painting
        self._painting = mix

    def failed(self, mix: StyleMix, warm: WarmSession, look: Look, reason: str, now: float) -> None:
        """Count a failed run; after some in a row another size of the network goes on, or the network rests."""
        self._report("engine", reason)
        model, rung = mix.model, warm.rung
        if not self._failures.count(model.key, reason):
            return
        self._unusable.add((model.key, rung))
        other = self._replaced.pop(model.key, None) or self._pool.ready_below(model, rung)
        if other is None or other.rung == rung or (model.key, other.rung) in self._unusable:
            self._active.pop(model.key, None)
            self._failures.give_up(model.key, reason, now)
            self._report(
                "engine",
                Message(
                    "{name} has failed {count} times; it is tried again later",
                    name=model.path.name,
                    count=MAX_FAILURES,
                ),
            )
            return
        if other.rung < rung:
            self.governor(model, look).exclude(rung)
        self._active[model.key] = other
        self._failures.start_over(model.key)

    def trouble(self, requested: StyleMix, *, painted: bool) -> str | None:
        """Return why `requested` is not what is painted, for people; None if nothing is wrong."""
        reason = self._failures.reason(requested.model.key)
        if reason is None:
            return None
        if painted and self._painting is not None:
            return Message(
                "{label} cannot be painted ({reason}); {other} goes on",
                label=requested.label,
                reason=reason,
                other=self._painting.label,
            )
        return Message("the painting has stopped: {reason}", reason=reason)

    def governor(self, model: Model, look: Look) -> Governor:
        """Return what chooses the rung of `model` for the scale and the brush of `look`."""
        rungs = self._rungs(model, look)
        key = (model.key, rungs)
        if key not in self._governors:
            held = self._memory.recall(model) if look.scale is None else None
            self._governors[key] = Governor(rungs, self._fps, self._busy_budget_ms, held, output=self._size)
        return self._governors[key]

    def _rungs(self, model: Model, look: Look) -> tuple[Rung, ...]:
        """Return the ladder of `model`, without the rungs that are too fine for strokes as large as `look` wants."""
        if look.scale is not None:
            return (Rung.at(self._size, look.scale),)
        rungs = ladder(self._size)
        finest = model.largest_side(min(self._size), look.brush)
        return tuple(rung for rung in rungs if min(rung.size) <= finest) or rungs[:1]

    def prefetch(self, look: Look, now: float) -> None:
        """Now and then request the sessions that may be needed next, also while nothing is styled."""
        if now - self._prefetched_at < PREFETCH_EVERY_S:
            return
        self._prefetched_at = now
        current = look.mix.model if look.mix is not None else None
        shown = self._painting.model if self._painting is not None else None
        requested: list[tuple[Model, Rung]] = []
        if current is not None:
            requested += self._needed(current, look, now)
        if shown is not None and (current is None or shown.key != current.key):
            requested += self._needed(shown, look, now)[:1]
        for number, model in enumerate(self._neighbours(current)):
            needed = self._needed(model, look, now)[:1]
            if (
                number >= ADJACENT_NETWORKS
                and sum(rung.megapixels for _, rung in (*requested, *needed)) > self._pool.capacity_megapixels
            ):
                break
            self._session(model, look, now)
            requested += needed
        self._pool.keep_warm(requested)
        kept = {model.key for model, _ in requested}
        self._active = {key: warm for key, warm in self._active.items() if key in kept}

    def _candidates(self, requested: StyleMix) -> Iterator[StyleMix]:
        """Yield the requested mix, then the last one that painted, then the last one of another network before."""
        yield requested
        for mix in (self._painting, self._before):
            if mix is not None and mix.model.key != requested.model.key:
                yield mix

    def _session(self, model: Model, look: Look, now: float) -> WarmSession | None:
        """Return the active session of `model`, changed to the rung that its governor chooses as soon as it is warm."""
        if self._failures.rests(model.key):
            return None
        governor = self.governor(model, look)
        chosen = governor.choose(now).rung
        active = self._active.get(model.key)
        if active is not None and (active.rung == chosen or (model.key, chosen) in self._unusable):
            return active
        try:
            warm = self._pool.get(model, chosen)
        except EngineError as error:
            self._cannot_load(model, governor, chosen, str(error), now)
            return active
        if warm is None and active is not None and chosen < active.rung:
            # Too slow now: any coarser one helps at once, one no finer than the chosen one helps enough.
            warm = self._pool.ready_below(model, chosen) or self._pool.ready_below(model, active.rung)
        if warm is None or (model.key, warm.rung) in self._unusable:
            return active
        if governor.predict(chosen) is None:
            governor.start(chosen, warm.milliseconds)
        if active is not None and active.rung != warm.rung:
            self._replaced[model.key] = active
        self._active[model.key] = warm
        return warm

    def _cannot_load(self, model: Model, governor: Governor, rung: Rung, reason: str, now: float) -> None:
        self._report("engine", reason)
        self._unusable.add((model.key, rung))
        governor.exclude(rung)
        if governor.choose(now).rung == rung and model.key not in self._active:  # the coarsest: nothing is left to try
            self._failures.give_up(model.key, reason, now)

    def _renew(self, model: Model) -> None:
        """Have the sessions of a network that failed built anew, at all sizes."""
        self._pool.renew(model)
        self._active.pop(model.key, None)
        self._replaced.pop(model.key, None)
        self._unusable = {each for each in self._unusable if each[0] != model.key}
        self._governors = {each: governor for each, governor in self._governors.items() if each[0] != model.key}

    def _needed(self, model: Model, look: Look, now: float) -> list[tuple[Model, Rung]]:
        """Return the sessions of `model` to keep warm: the present one, the next coarser one, and the coarsest.

        A finer one is built when it is chosen; until then the present one is good enough.
        """
        if self._failures.rests(model.key):
            return []
        active = self._active.get(model.key)
        at = self.governor(model, look).choose(now).rung if active is None else active.rung
        rungs = self._rungs(model, look)
        below = [rung for rung in rungs if rung < at]
        return [(model, rung) for rung in dict.fromkeys((at, *below[-1:], rungs[0]))]

    def _neighbours(self, current: Model | None) -> list[Model]:
        """Return the networks a few presses of next or previous away, nearest first."""
        keys = [model.key for model in self._models]
        at = keys.index(current.base.key) if current is not None and current.base.key in keys else -1
        count = max(1, len(keys))
        distance = {key: min((i - at) % count, (at - i) % count) for i, key in enumerate(keys)}
        others = [model for model in self._models if current is None or model.key != current.key]
        return sorted(others, key=lambda model: distance[model.key])[:PREFETCHED_NETWORKS]
