"""Measure how a live run begins, and for how long its picture stands still while something is changed.

    python -m benchmarks.changes --camera clip.mkv               # about 4 minutes
    python -m benchmarks.changes --camera clip.mkv --only start --json

`start`: the size that is painted after 1, 2 and 20 seconds of a run that knows nothing of this computer, and of the
next one, which remembers. `camera`, `size`, `fps`, `output`: the longest time between two pictures of the stream around
each of so many changes, in milliseconds. It needs ffmpeg.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

TOKEN = "token-of-the-benchmark"
STREAM = "udp:127.0.0.1:9"
PARTS = ("start", "camera", "size", "fps", "output")
MOMENTS_S = (1, 2, 20)
WARM_UP_S, AROUND_S, PATIENCE_S = 8.0, 1.5, 30.0


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--camera", required=True, help="a clip; `camera` changes between it and the demo")
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--changes", type=int, default=50, help="of the camera; a fifth as many of everything else")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    width, height = (int(side) for side in options.size.split("x"))
    values: dict[str, list[Any]] = {
        "camera": ["demo", Path(options.camera).name],
        "size": [f"{width // 2}x{height // 2}", options.size],
        "fps": [25.0, 30.0],
        "output": [STREAM, STREAM],
    }
    results: dict[str, Any] = {"machine": f"{os.cpu_count()} processors", "opencv": cv2.__version__}
    with tempfile.TemporaryDirectory() as folder:
        if "start" in options.only:
            results["start"] = {name: sizes_of_a_start(Path(folder), options) for name in ("first", "second")}
        if changed := [part for part in PARTS[1:] if part in options.only]:
            with running(Path(folder), options) as run:
                time.sleep(WARM_UP_S)
                for part in changed:
                    count = options.changes if part == "camera" else max(2, options.changes // 5)
                    results[part] = spread([run.gap_around(part, values[part][n % 2]) for n in range(count)])
    print(json.dumps(results, indent=2) if options.json else "\n".join(f"{k:<8} {v}" for k, v in results.items()))


class Run:
    """A run of stylecam in a process of its own, and a reader of its stream."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._arrivals: list[float] = []
        threading.Thread(target=self._read, daemon=True).start()

    def ask(self, method: str, path: str, **fields: Any) -> Any:
        """Send one request and return the JSON of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        connection.request(method, path, json.dumps(fields) if fields else None, headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if answer.status != 200:
            raise SystemExit(f"{path} was answered with {answer.status}: {body[:200]!r}")
        return json.loads(body)

    def gap_around(self, action: str, value: Any) -> float:
        """Change something and return the longest time between two pictures from then on, in milliseconds."""
        time.sleep(AROUND_S)
        began = time.perf_counter()
        self.ask("POST", f"/api/actions/{action}", **{"which" if action in ("camera", "output") else "value": value})
        time.sleep(AROUND_S)
        arrived = [at for at in self._arrivals if at > began - 0.1]
        return float(np.diff([*arrived, time.perf_counter()]).max() * 1000)

    def _read(self) -> None:
        with socket.create_connection(("127.0.0.1", self._port), PATIENCE_S) as connection:
            connection.sendall(f"GET /stream.mjpg?token={TOKEN} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            with contextlib.suppress(OSError):
                while data := connection.recv(2**20):
                    if b"\xff\xd8\xff" in data:
                        self._arrivals.append(time.perf_counter())


@contextlib.contextmanager
def running(folder: Path, options: argparse.Namespace) -> Iterator[Run]:
    """Run stylecam with an empty home in `folder`."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "stylecam", "run", "--camera", options.camera, "--size", options.size]
    command += [
        "--output",
        "null",
        "--output",
        STREAM,
        "--listen",
        f"127.0.0.1:{port}",
        "--token",
        TOKEN,
        "--always-on",
        "--no-hotkeys",
        "--no-open",
    ]
    home = {name: str(folder) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME")}
    with subprocess.Popen(
        command, env=os.environ | home, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            deadline = time.monotonic() + PATIENCE_S
            while True:
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                if time.monotonic() > deadline or process.poll() is not None:
                    raise SystemExit("stylecam did not start")
                time.sleep(0.05)
            yield Run(port)
        finally:
            process.terminate()


def sizes_of_a_start(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Return the painted size at some seconds after the first picture."""
    with running(folder, options) as run:
        began, found = time.perf_counter(), {}
        for moment in MOMENTS_S:
            time.sleep(max(0.0, began + moment - time.perf_counter()))
            found[f"{moment} s"] = run.ask("GET", "/api/stats").get("rung")
        return found


def spread(times: list[float]) -> dict[str, Any]:
    """Return the number of changes and the percentiles of `times`."""
    p50, p95, largest = np.percentile(times, (50, 95, 100))
    return {"changes": len(times), "p50": round(p50), "p95": round(p95), "max": round(largest)}


if __name__ == "__main__":
    main()
