"""Load a small network that only some looks need, when one first does, off the frame path."""

from __future__ import annotations

import threading
from collections.abc import Callable

from stylecam.errors import StylecamError
from stylecam.utils.clock import Clock
from stylecam.utils.optional import error_summary

RETRY_S = 10.0
"""Seconds between two attempts to load a network that failed."""


class NetworkLoader:
    """Loads one network: in the calling thread, or on a thread of its own. A failure is reported and tried again."""

    def __init__(
        self, prepare: Callable[[], None] | None, clock: Clock, report: Callable[[str, str], None], thread_name: str
    ) -> None:
        """Load with `prepare`, which raises where it cannot; None for a network that never comes."""
        self._prepare, self._clock, self._report, self._thread_name = prepare, clock, report, thread_name
        self._loaded = False
        self._thread: threading.Thread | None = None
        self._again_at = float("-inf")

    def load(self) -> None:
        """Load it in the calling thread, unless it is there."""
        if self._prepare is None or self._loaded:
            return
        try:
            self._prepare()
        except StylecamError as error:
            self._report("engine", str(error))
        except Exception as error:  # noqa: BLE001 - memory included; the thread would end without a word to the user
            self._report("engine", error_summary(error))
        else:
            self._loaded = True

    def is_ready(self) -> bool:
        """Return whether it is there; if not, it is being loaded, and a later call will say so."""
        now = self._clock.now()
        loading = self._thread is not None and self._thread.is_alive()
        if self._prepare is not None and not self._loaded and not loading and now >= self._again_at:
            self._again_at = now + RETRY_S
            self._thread = threading.Thread(target=self.load, name=self._thread_name, daemon=True)
            self._thread.start()
        return self._loaded
