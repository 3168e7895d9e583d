"""Look after the server that paints, on a thread of its own."""

from __future__ import annotations

import threading

from stylecam.engines.remote import RemoteEngine
from stylecam.errors import EngineUnavailableError
from stylecam.utils.clock import Clock

LOOK_EVERY_S = 0.25
"""Seconds between two looks."""
STOP_S = 0.5
"""The longest that `stop` waits for the thread, whose question to the server has been given up."""


class ServerWatch:
    """Measures how far away the server is, and tries it again after it was late or gone."""

    def __init__(self, remote: RemoteEngine, clock: Clock) -> None:
        self._remote, self._clock = remote, clock
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="stylecam-server", daemon=True)

    def start(self) -> None:
        """Try the server in the calling thread, for a second or so, and then go on beside it.

        Raises:
            EngineUnavailableError: it does not let this computer in, and waiting does not help.
        """
        self._remote.look_after()
        if self._remote.mistake is not None:
            raise EngineUnavailableError(self._remote.mistake)
        self._thread.start()

    def stop(self) -> None:
        """Stop, and give up what is on its way. It may be called twice, and before `start`."""
        self._stopping.set()
        self._remote.close()
        if self._thread.ident is not None:
            self._thread.join(STOP_S)

    def _watch(self) -> None:
        while self._clock.wait_until(self._clock.now() + LOOK_EVERY_S, self._stopping):
            self._remote.look_after()
