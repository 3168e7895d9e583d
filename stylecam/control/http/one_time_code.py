"""A code that opens the page once.

The address that a browser is started with can be read by every user of this computer, as can all arguments of programs.
So it has no token, but a code, which the page exchanges for the token. Nobody else can then use it.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections.abc import Callable

VALID_S = 120.0
"""How long a code may be used: a browser that was not running yet may take a while."""


class OneTimeCodes:
    """The codes of one server. Any thread may call the methods."""

    def __init__(self, now: Callable[[], float]) -> None:
        """`now` returns seconds on a steady clock."""
        self._now = now
        self._codes: list[tuple[str, float]] = []
        self._lock = threading.Lock()

    def make(self) -> str:
        """Return a new code."""
        code = secrets.token_urlsafe(16)
        now = self._now()
        with self._lock:
            self._codes = [known for known in self._codes if known[1] >= now] + [(code, now + VALID_S)]
        return code

    def use(self, text: str) -> bool:
        """Return whether `text` is a code that is still valid; from now on it is not."""
        now = self._now()
        with self._lock:
            found = next((known for known in self._codes if _equal(known[0], text)), None)
            self._codes = [known for known in self._codes if known is not found and known[1] >= now]
        return found is not None and found[1] >= now


def _equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode("utf-8", "surrogatepass"))
