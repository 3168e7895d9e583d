"""Remember which networks have failed, and when each of them is tried again."""

from __future__ import annotations

from dataclasses import dataclass

MAX_FAILURES = 3
"""The number of failed runs in a row after which a network rests."""
PAUSES_S = (2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
"""Seconds for which a network rests after its first, second, … failed attempt. The last one repeats."""
SELECT_AGAIN_S = 0.5
"""Selecting a network again ends its rest, but not sooner than this after it began."""


@dataclass(slots=True)
class _Record:
    reason: str
    in_a_row: int = 0
    attempts: int = 0
    rests_since: float | None = None
    selected: bool = False


class NetworkFailures:
    """Counts the failures of networks, which are named by their keys. Used by one thread; times are clock seconds.

    A network that fails `MAX_FAILURES` times in a row rests: it is not run. After a pause it is tried again, and rests
    for longer if it fails again at once. One success ends all this.

    Attributes:
        retries: how often a network that rested was tried again.
    """

    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}
        self.retries = 0

    def count(self, key: str, reason: str) -> bool:
        """Count a failed run; return whether it was one too many. Then call `start_over` or `give_up`."""
        record = self._record(key, reason)
        record.in_a_row += 1
        return record.in_a_row >= MAX_FAILURES or record.attempts > 0

    def start_over(self, key: str) -> None:
        """Forget the failures in a row, because the network goes on at another size."""
        if key in self._records:
            self._records[key].in_a_row = 0

    def give_up(self, key: str, reason: str, now: float) -> None:
        """Let the network rest."""
        self._record(key, reason).rests_since = now

    def succeeded(self, key: str) -> None:
        """Forget all failures of a network that has painted."""
        self._records.pop(key, None)

    def rests(self, key: str) -> bool:
        """Return whether the network must not be run now."""
        record = self._records.get(key)
        return record is not None and record.rests_since is not None

    def reason(self, key: str) -> str | None:
        """Return why the network rests, or is on trial after a rest; None for one that is not in trouble."""
        record = self._records.get(key)
        return record.reason if record is not None and (self.rests(key) or record.attempts > 0) else None

    def try_again(self, key: str, now: float, *, selected: bool) -> bool:
        """End the rest of a network if its pause is over or it was `selected` again; return whether it has ended."""
        record = self._records.get(key)
        if record is None:
            return False
        record.selected = record.selected or selected  # on trial too: then it has another one soon
        if record.rests_since is None:
            return False
        pause_s = SELECT_AGAIN_S if record.selected else PAUSES_S[min(record.attempts, len(PAUSES_S) - 1)]
        if now - record.rests_since < pause_s:
            return False
        record.rests_since, record.selected = None, False
        record.in_a_row = 0
        record.attempts += 1
        self.retries += 1
        return True

    def _record(self, key: str, reason: str) -> _Record:
        record = self._records.setdefault(key, _Record(reason))
        record.reason = reason
        return record
