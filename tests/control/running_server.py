"""A running HTTP server whose commands are applied, and requests to it."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from stylecam.control.command_queue import CommandQueue
from stylecam.control.http.address import HOST, Address
from stylecam.control.http.context import ServerContext
from stylecam.control.http.instances import Instance, current_instance, registered
from stylecam.control.http.server import Server
from stylecam.control.http.thumbnails import Thumbnails
from stylecam.control.own_styles import OwnStyles
from stylecam.control.state import LiveState
from stylecam.errors import CommandRefusedError
from stylecam.media.frame import Frame, Size
from stylecam.media.sinks.mjpeg import MjpegSink
from stylecam.media.testing import gray_image
from stylecam.models.catalog import Catalog
from stylecam.stylize.look import Look

TOKEN = "a-token-of-the-tests"
SIZE = Size(128, 96)
REPORT = {
    "recent": {"published_fps": 30.0, "styled_fps": 29.5, "latency_ms": {"p50": 40.0, "p95": 55.0}},
    "style_ms": {"p50": 12.5, "p95": 20.0}, "rung": [768, 432], "size": [1280, 720], "fps": 30.0, "cpu_cores": 1.5,
    "engine": "opencv", "device": "cpu", "tier": "lean", "painting": True, "publishing": "painted", "waiting_for": None,
    "repeats": 3, "drops": 1, "faults": {"total": 0}, "source": {"name": "demo", "kind": "demo"}, "outputs": [],
    "missing_camera": None, "viewers": [], "server": None,
}  # fmt: skip
CAMERAS = [{"which": "demo", "name": "demo", "kind": "demo", "current": True, "problem": None}]
PATIENCE_S = 20


class Response:
    """The status, headers and body of a response."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class RunningServer:
    """A server whose commands are applied by a thread, as a pipeline does, and an open web sink."""

    def __init__(
        self,
        catalog: Catalog,
        address: Address | None = None,
        thumbnails: Thumbnails | None = None,
        socket_path: Path | None = None,
        unpainted: Callable[[], bytes | None] = lambda: None,
        language: str | None = None,
        own_styles: OwnStyles | None = None,
    ) -> None:
        self.control = CommandQueue(catalog, LiveState(Look(catalog.mix_of(catalog.cards[0]))))
        self.sink = MjpegSink()
        self.sink.open(SIZE, 30)
        context = ServerContext(
            self.control,
            catalog,
            self.sink.broadcast,
            self.describe,
            lambda: REPORT,
            {"next": "ctrl+alt+right"},
            thumbnails,
            self.sink.video,
            lambda: CAMERAS,
            unpainted,
            language=language,
            own_styles=own_styles,
        )
        self.recording: str | None = None
        self.notice: str | None = None
        self.server = Server(context, address or Address(HOST, free_port()), TOKEN, socket_path)
        self._woken, self._stopped = threading.Event(), threading.Event()
        self.control.wake = self._woken.set
        self._applier = threading.Thread(target=self._apply_commands)

    def describe(self, state: LiveState) -> dict[str, Any]:
        return {
            **state.describe(),
            "recording": self.recording,
            "presets": [],
            "publishing": "painted",
            "notice": self.notice,
        }

    def _apply_commands(self) -> None:
        while not self._stopped.is_set():
            self._woken.wait()
            self._woken.clear()
            self.control.apply()
            self.run_deferred()

    def run_deferred(self) -> None:
        """Execute deferred commands; this server executes none."""

    def __enter__(self) -> RunningServer:
        self.server.start()
        self._applier.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._woken.set()
        self._applier.join()
        self.sink.close()
        self.server.stop()

    def request(
        self,
        path: str,
        method: str = "GET",
        body: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = TOKEN,
    ) -> Response:
        """Send a request, with `token` as bearer token unless it is None."""
        connection = http.client.HTTPConnection(HOST, self.server.port, timeout=PATIENCE_S)
        bearer = {} if token is None else {"Authorization": f"Bearer {token}"}
        try:
            connection.request(method, path, body, {**bearer, **(headers or {})})
            return Response(connection.getresponse())
        finally:
            connection.close()

    def act(self, name: str, arguments: Any = None) -> Response:
        """Post an action, as the page does."""
        body = None if arguments is None else json.dumps(arguments)
        return self.request(f"/api/actions/{name}", "POST", body, {"Content-Type": "application/json"})

    def send_raw(self, request: str) -> bytes:
        """Send `request` as it is and return everything received until the server closes."""
        with socket.create_connection((HOST, self.server.port), timeout=PATIENCE_S) as connection:
            connection.sendall(request.encode("latin-1"))
            received = b""
            while part := connection.recv(65536):
                received += part
        return received

    @contextmanager
    def publishing(self, level: int = 128, index: int = 0) -> Iterator[None]:
        """Write frames from another thread during the block, as the publisher does."""
        stop = threading.Event()

        def publish() -> None:
            while not stop.wait(0.005):
                self.sink.write(Frame(gray_image(level, SIZE), index, 0.0))

        thread = threading.Thread(target=publish)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()


class RunningServerWithPresets(RunningServer):
    """A running server with presets and deferred commands: a snapshot returns a file name, a recording is refused."""

    def __init__(self, catalog: Catalog, socket_path: Path | None = None) -> None:
        super().__init__(catalog, socket_path=socket_path)
        self.control.presets = {"calm": {"style": "great_wave", "strength": 0.5}, "wild": {"style": "the_scream"}}

    def __enter__(self) -> RunningServerWithPresets:
        super().__enter__()
        return self

    @cached_property
    def instance(self) -> Instance:
        path = str(self.server.socket_path or "")
        return current_instance(["web"], ["web"], HOST, self.server.port, self.server.token, path)

    def describe(self, state: LiveState) -> dict[str, Any]:
        return {**super().describe(state), "presets": list(self.control.presets)}

    def run_deferred(self) -> None:
        for pending in self.control.take_deferred():
            if pending.command.action == "camera":
                pending.finish(self.control.state, {"camera": str(pending.command.arguments["which"])})
            elif pending.command.action == "snapshot":
                pending.finish(self.control.state, {"file": "/pictures/one.png"})
            elif pending.command.action == "size":
                kept = ["virtual camera stays at 1280x720 while it is read, and gets the picture scaled"]
                pending.finish(self.control.state, {"size": "1920x1080", "fps": 30.0, "kept": kept})
            elif pending.command.action == "output":
                pending.finish(self.control.state, {"outputs": ["virtual", "pipewire"]})
            else:
                pending.refuse(CommandRefusedError("there is no room for a recording"))

    @contextlib.contextmanager
    def discoverable(self) -> Iterator[RunningServerWithPresets]:
        """Serve and be registered as a running instance during the block."""
        with self, registered(self.instance):
            yield self


def free_port() -> int:
    """Return a port that is free at the moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
