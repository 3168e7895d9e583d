"""Measure how soon a command shows in the picture, and what many viewers cost, on a real live run.

    python -m benchmarks.actions                     # everything, about 3 minutes
    python -m benchmarks.actions --only latency --samples 20
    python -m benchmarks.actions --only crowd --seconds 8 --json

`latency`: milliseconds from a key press or the start of a request to the first published frame that differs. The camera
shows a still picture, so only the command changes it. The ways are `key` (typed into a terminal), `ctl` (the program
`stylecam ctl`, from its start), `post` (HTTP with JSON), `get` (the address alone, a new connection each time) and
`socket` (the WebSocket).
`crowd`: published rate and memory without viewers, and with fifty viewers of the stream, half of which never read.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
import logging
import multiprocessing
import os
import pty
import random
import selectors
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import psutil

import stylecam
from stylecam.control.http.instances import current_instance, registered
from stylecam.live.session import Session
from stylecam.live.settings import Settings
from stylecam.media.frame import Frame, Size
from stylecam.media.sinks.base import NullSink, Sink
from stylecam.models.catalog import Catalog, shipped_models

PORTRAIT = Path(stylecam.__file__).parent / "assets" / "astronaut.jpg"
TOKEN = "token-of-the-benchmark"
SURFACES = ("key", "ctl", "post", "get", "socket")
CTL = (sys.executable, "-m", "stylecam", "ctl", "--pid", str(os.getpid()), "bypass")
VIEWERS, READERS = 50, 25
APART_S = (0.5, 0.9)
"""The pause between two commands, in seconds: longer than a change of style takes."""
SETTLE_S, PATIENCE_S = 4.0, 10.0


class Watcher(NullSink):
    """Remembers when the published picture last changed."""

    name = "watcher"

    def __init__(self) -> None:
        super().__init__()
        self._last: Any = None
        self.changed = threading.Event()
        self.changed_at = 0.0

    def _write(self, frame: Frame) -> None:
        now = time.perf_counter()
        pixels = frame.image[::16, ::16].astype(np.int16)
        if self._last is not None and np.abs(pixels - self._last).mean() > 0.5 and not self.changed.is_set():
            self.changed_at = now
            self.changed.set()
        self._last = pixels


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=("latency", "crowd"), default=["latency", "crowd"])
    parser.add_argument("--samples", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    size = Size.parse(options.size)
    results: dict[str, Any] = {}
    if "latency" in options.only:
        results["latency_ms"] = latency(size, options.samples)
    if "crowd" in options.only:
        results["crowd"] = crowd(size, options.seconds)
    print(json.dumps({"size": str(size), **results}, indent=2) if options.json else table(results))


@contextlib.contextmanager
def running(size: Size, camera: str, sink: Sink) -> Iterator[Session]:
    """Run a live session with a server in another thread."""
    settings = Settings(camera=camera, style="great_wave", size=size, token=TOKEN, hotkeys=False, always_on=True)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with Session(settings, Catalog.load([shipped_models()]), sinks=[sink]) as live:
        thread = threading.Thread(target=live.run)
        thread.start()
        time.sleep(SETTLE_S)
        try:
            yield live
        finally:
            live.interrupt()
            thread.join()


def latency(size: Size, samples: int) -> dict[str, dict[str, float]]:
    """Measure the milliseconds from command to changed frame, for each way to send it."""
    keyboard, terminal = pty.openpty()
    watcher, results = Watcher(), {}
    with os.fdopen(terminal, "r") as sys.stdin, running(size, str(PORTRAIT), watcher) as live:
        assert live.server is not None
        server = live.server
        loop = asyncio.new_event_loop()
        listener = Listener(live.server.port)
        ways: dict[str, Callable[[], object]] = {
            "key": lambda: os.write(keyboard, b"b"),
            "ctl": lambda: subprocess.run(CTL, stdout=subprocess.DEVNULL, check=True),
            "post": lambda: ask(live, "POST", "/api/actions/bypass"),
            "get": lambda: ask(live, "GET", f"/api/do/bypass?token={TOKEN}"),
            "socket": lambda: loop.run_until_complete(listener.send({"id": 1, "action": "bypass"})),
        }
        with registered(current_instance([], [], server.host, server.port, server.token)):
            for surface in SURFACES:
                if surface == "socket":  # only now, because a client that does not answer pings is disconnected
                    loop.run_until_complete(listener.connect())
                results[surface] = [sample(watcher, ways[surface]) for _ in range(samples)]
        loop.run_until_complete(listener.close())
        loop.close()
    os.close(keyboard)
    return {surface: spread(times) for surface, times in results.items()}


def sample(watcher: Watcher, act: Callable[[], object]) -> float:
    """Return the milliseconds from one command to the first frame that shows it."""
    time.sleep(random.uniform(*APART_S))
    watcher.changed.clear()
    began = time.perf_counter()
    act()
    if not watcher.changed.wait(PATIENCE_S):
        raise SystemExit("a command did not show in the picture")
    return (watcher.changed_at - began) * 1000


def ask(live: Session, method: str, path: str) -> None:
    """Send one request on a connection of its own and wait for the answer."""
    assert live.server is not None
    connection = http.client.HTTPConnection("127.0.0.1", live.server.port, timeout=PATIENCE_S)
    connection.request(method, path, headers={"Authorization": f"Bearer {TOKEN}"})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status != 200:
        raise SystemExit(f"{path} was answered with {answer.status}")


class Listener:
    """A WebSocket connection."""

    def __init__(self, port: int) -> None:
        self._url = f"ws://127.0.0.1:{port}/api/live?token={TOKEN}"

    async def connect(self) -> None:
        """Open it."""
        self._session = aiohttp.ClientSession()
        self._socket = await self._session.ws_connect(self._url)

    async def send(self, message: dict[str, Any]) -> None:
        """Send a command and wait for its result."""
        await self._socket.send_json(message)
        while (await self._socket.receive_json())["type"] != "done":
            pass

    async def close(self) -> None:
        """Close it."""
        await self._socket.close()
        await self._session.close()


def spread(times: list[float]) -> dict[str, float]:
    """Return the percentiles of `times`."""
    p50, p95, largest = np.percentile(times, (50, 95, 100))
    return {"p50": round(p50, 1), "p95": round(p95, 1), "max": round(largest, 1)}


def crowd(size: Size, seconds: float) -> dict[str, Any]:
    """Measure rate and memory without viewers, and with many, which are a process of their own."""
    with running(size, "demo", NullSink()) as live:
        assert live.server is not None
        alone = during(live, seconds)
        taken = multiprocessing.get_context("spawn").Value("q", 0)
        viewers = multiprocessing.get_context("spawn").Process(target=view, args=(live.server.port, taken))
        viewers.start()
        time.sleep(SETTLE_S)
        before = taken.value
        together = during(live, seconds)
        megabytes = (taken.value - before) / 2**20
        viewers.terminate()
        viewers.join()
    return {"alone": alone, "with_viewers": {**together, "sent_mb_per_s": round(megabytes / seconds, 1)}}


def during(live: Session, seconds: float) -> dict[str, Any]:
    """Measure what is published and styled in the next `seconds`, and the most memory in use."""
    process, began, most = psutil.Process(), time.perf_counter(), 0.0
    before = live.pipeline.report()
    while time.perf_counter() - began < seconds:
        most = max(most, process.memory_info().rss / 2**20)
        time.sleep(0.25)
    after, took = live.pipeline.report(), time.perf_counter() - began
    return {
        "published_fps": round((after.frames.published - before.frames.published) / took, 2),
        "painted_fps": round((after.frames.styled - before.frames.styled) / took, 2),
        "latency_p95_ms": after.frames.recent.latency_ms.p95,
        "rung": None if after.rung is None else list(after.rung.size),
        "rss_mb": round(most),
    }


def view(port: int, taken: Any) -> None:
    """Open the stream `VIEWERS` times, read `READERS` of them, and count the received bytes in `taken`."""
    selector, connections = selectors.DefaultSelector(), []
    for number in range(VIEWERS):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.sendall(f"GET /stream.mjpg?token={TOKEN} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        connections.append(connection)
        if number < READERS:
            selector.register(connection, selectors.EVENT_READ)
    buffer = bytearray(2**20)
    while True:
        for key, _ in selector.select():
            assert isinstance(key.fileobj, socket.socket)
            taken.value += key.fileobj.recv_into(buffer)


def table(results: dict[str, Any]) -> str:
    """Return the results as text."""
    lines = []
    for surface, times in results.get("latency_ms", {}).items():
        lines.append(f"{surface:<8} p50 {times['p50']:6.1f}  p95 {times['p95']:6.1f}  max {times['max']:6.1f} ms")
    for name, figures in results.get("crowd", {}).items():
        lines.append(f"{name:<13}" + "  ".join(f"{key} {value}" for key, value in figures.items()))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
