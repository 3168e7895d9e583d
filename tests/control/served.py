"""A real server over a real control, whose orders a thread carries out as the pipeline's do."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

from stylecam.control.actions import Preset
from stylecam.control.address import Address
from stylecam.control.control import Control
from stylecam.control.desk import Desk
from stylecam.control.instance import Instance, published, this_process
from stylecam.control.server import Server
from stylecam.control.state import LiveState
from stylecam.errors import RefusedError
from stylecam.sinks.broadcast import Broadcast
from stylecam.styles.catalogue import Catalogue

HOST = "127.0.0.1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class Served:
    """One that runs, without pictures. Errands: a snapshot gives a file, a recording is refused."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.control = Control(catalogue, LiveState(catalogue.mix_of(catalogue.cards[0])))
        self.control.presets = {"calm": Preset("great_wave", strength=0.5), "wild": Preset("the_scream")}
        self.server = Server(Desk(self.control, catalogue, Broadcast(), self._describe), Address(HOST, free_port()))
        self._stop = threading.Event()
        self._wanted = threading.Event()
        self.control.wake = self._wanted.set
        self._thread = threading.Thread(target=self._work)

    @property
    def instance(self) -> Instance:
        return this_process(["web"], ["web"], HOST, self.server.port, self.server.token)

    def _describe(self, state: LiveState) -> dict[str, Any]:
        return {**state.describe(), "presets": list(self.control.presets), "recording": None, "notice": None}

    def _work(self) -> None:
        while not self._stop.is_set():
            self._wanted.wait()
            self._wanted.clear()
            self.control.apply()
            for errand in self.control.errands():
                if errand.order.action == "snapshot":
                    errand.ticket.finish(self.control.state, {"file": "/pictures/one.png"})
                else:
                    errand.ticket.refuse(RefusedError("there is no room for a recording"))

    @contextlib.contextmanager
    def running(self) -> Iterator[Served]:
        """Serve, for as long as the block lasts, and be found."""
        self.server.start()
        self._thread.start()
        try:
            with published(self.instance):
                yield self
        finally:
            self.server.stop()
            self._stop.set()
            self._wanted.set()
            self._thread.join()
