"""Observes a running stylecam from outside: its process, files, page and streams."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import cv2
import numpy as np

import stylecam
from stylecam.media.frame import Image

T = TypeVar("T")

PATIENCE_S = 25.0
"""How long anything may take on a busy machine before the test fails."""
START_S = 60.0
"""How long a start may take there: it loads everything and tries out the engines."""
POLL_S = 0.02
HOST = "127.0.0.1"
TOKEN = "a-token-of-the-tests"
STREAM = f"/stream.mjpg?token={TOKEN}"
PORTRAIT = Path(stylecam.__file__).parent / "assets" / "astronaut.jpg"
"""A still picture. With it as the source, every change of the published picture comes from stylecam."""
STILL = ("--camera", str(PORTRAIT), "--size", "320x180", "--scale", "1")
"""A run whose picture depends on its look alone. On a smaller rung it depends on the load too: the camera's detail is
added only while there is time for it."""


def wait_for(what: str, look: Callable[[], T | None], seconds: float = PATIENCE_S) -> T:
    """Call `look` until its result is true, and return that; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s in vain for {what}")
        time.sleep(POLL_S)
    return found


class Program:
    """One started `stylecam run`, with its output and files."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], folder: Path, terminal: int | None = None
    ) -> None:
        """`terminal` is the descriptor of a terminal it runs in; without one its output is kept."""
        self._errors, self._output = folder / "stderr.txt", folder / "stdout.txt"
        self.stats_file = folder / "stats.json"
        with self._errors.open("wb") as errors, self._output.open("wb") as output:
            self.process = subprocess.Popen(
                # always on: most of these tests watch the statistics, and not the picture
                [*command, "--always-on", "--token", TOKEN, "--stats", str(self.stats_file)],
                env=dict(environment),
                cwd=folder,
                stdin=subprocess.DEVNULL if terminal is None else terminal,
                stdout=output if terminal is None else terminal,
                stderr=errors if terminal is None else terminal,
                start_new_session=terminal is not None,  # it must not use the terminal of the tests
            )

    @property
    def errors(self) -> str:
        """Everything it has written to standard error."""
        return self._errors.read_text("utf-8")

    @property
    def output(self) -> str:
        """Everything it has written to standard output."""
        return self._output.read_text("utf-8")

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def stats(self) -> dict[str, Any]:
        """Return its statistics, or an empty dict before there are any."""
        with contextlib.suppress(FileNotFoundError):
            return cast(dict[str, Any], json.loads(self.stats_file.read_text("utf-8")))
        return {}

    def wait_until(
        self, what: str, holds: Callable[[dict[str, Any]], object], seconds: float = PATIENCE_S
    ) -> dict[str, Any]:
        """Wait for statistics that satisfy `holds`, and return them; fail with its error output if it ends before."""

        def look() -> dict[str, Any] | None:
            running, stats = self.running, self.stats()
            if stats and holds(stats):
                return stats
            assert running, f"stylecam ended with {self.process.returncode} before {what}:\n{self.errors}"
            return None

        return wait_for(f"{what}; stylecam said:\n{self.errors}", look, seconds)

    def wait_until_published(self) -> dict[str, Any]:
        """Wait until styled frames are published, not only the card shown before the first."""
        return self.wait_until("the first picture", lambda stats: stats["published"] - stats["repeats"] > 0, START_S)

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it, as a power cut would, and wait until it has ended."""
        self.process.kill()
        self.process.wait(PATIENCE_S)

    def finish(self, seconds: float = PATIENCE_S) -> int:
        """Wait for its end, and return its exit status."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # Python's fault handler tells where each thread is
            self.process.wait(PATIENCE_S)
            raise AssertionError(f"still running after {seconds:g} s; stylecam said:\n{self.errors}") from None


shared_cache: Path | None = None
"""Where all programs of a run of the tests keep their findings, so that the engines are measured once; None: each user
of `environment` has a cache of their own."""


def environment(home: Path) -> dict[str, str]:
    """Return this process's environment for a user without display, session bus, settings or files."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("STYLECAM_", "XDG_", "NOTIFY_", "WATCHDOG_"))
    }
    for key in ("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS"):
        kept.pop(key, None)
    root = Path(stylecam.__file__).parents[1]
    running, temporary = home / "running", home / "tmp"
    for folder in (running, temporary):
        folder.mkdir(mode=0o700, exist_ok=True)
    return (
        kept
        | ({"XDG_CACHE_HOME": str(shared_cache)} if shared_cache else {})
        | {
            "PYTHONFAULTHANDLER": "1",
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_DATA_HOME": str(home / "data"),
            "XDG_RUNTIME_DIR": str(running),
            "TMPDIR": str(temporary),
            "PYTHONPATH": os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH", "")))),
            "NO_PROXY": HOST,
            "no_proxy": HOST,
        }
    )


def run_command(*arguments: str) -> list[str]:
    """Return the command line of `stylecam run` with `arguments`."""
    return [sys.executable, "-m", "stylecam", "run", *arguments]


def free_port() -> int:
    """Return a port that is free at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def port_is_free(port: int) -> bool:
    """Return True if a server could listen on this port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def get(port: int, path: str) -> bytes:
    """Return the body of `path` on stylecam's server."""
    connection = http.client.HTTPConnection(HOST, port, timeout=PATIENCE_S)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}"})
        response = connection.getresponse()
        body = response.read()
        assert response.status == 200, f"{path} answered {response.status}: {body[:200]!r}"
        return body
    finally:
        connection.close()


def act(port: int, name: str, **arguments: Any) -> tuple[int, dict[str, Any]]:
    """Carry out an action; status and answer."""
    connection = http.client.HTTPConnection(HOST, port, timeout=PATIENCE_S)
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    try:
        connection.request("POST", f"/api/actions/{name}", json.dumps(arguments), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def snapshot(port: int) -> Image:
    """Return the picture published now."""
    return decoded(get(port, "/snapshot.jpg"))


def decoded(jpeg: bytes) -> Image:
    """Return the pixels of a JPEG."""
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None, f"{len(jpeg)} bytes are no picture"
    return cast(Image, image)


def stream(port: int) -> Generator[tuple[float, Image], None, None]:
    """Yield pictures of `/stream.mjpg`, each with the monotonic time at which its last byte arrived."""
    connection = http.client.HTTPConnection(HOST, port, timeout=PATIENCE_S)
    try:
        connection.request("GET", STREAM)
        response = connection.getresponse()
        assert response.status == 200
        assert response.headers.get_content_type() == "multipart/x-mixed-replace"
        boundary = f"--{response.headers.get_param('boundary')}".encode()
        while True:
            assert response.readline().strip() == boundary
            length = 0
            while line := response.readline().strip():
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            jpeg = response.read(length)
            arrived = time.monotonic()
            assert response.readline() == b"\r\n"
            yield arrived, decoded(jpeg)
    finally:
        connection.close()


class Watcher:
    """Reads the stream from its first picture on, also before the page is there, and keeps what it has seen."""

    def __init__(self, port: int) -> None:
        self.pictures: list[Image] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, args=(port,))
        self._thread.start()

    def _watch(self, port: int) -> None:
        while not self._stopped.wait(0.01):
            with contextlib.suppress(OSError, AssertionError, ValueError):
                for _, picture in stream(port):
                    self.pictures.append(picture)
                    if self._stopped.is_set():
                        return

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(PATIENCE_S)


def ctl(home: Path, *words: str) -> str:
    """Run `stylecam ctl` with `words`, which must succeed, and return what it prints."""
    done = run(home, "ctl", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def run(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `stylecam` with `words` for the user of `environment(home)` until it ends."""
    return subprocess.run(
        [sys.executable, "-m", "stylecam", *words],
        env=environment(home), cwd=home, capture_output=True, text=True, timeout=START_S, check=False,
    )  # fmt: skip


def difference(one: Image, other: Image) -> float:
    """Return the mean absolute difference of two pictures, in levels of 0..255."""
    return float(cv2.absdiff(one, other).mean())


ALIKE, CHANGED = 1.5, 6.0
"""Levels: the most that JPEG and rounding change a picture, and the least that is a visible change."""


def shows_change(port: int, before: Image) -> Image:
    """Wait until the published picture clearly differs from `before`, and return it."""

    def look() -> list[Image]:
        now = snapshot(port)
        return [now] if difference(before, now) > CHANGED else []

    return wait_for("a changed picture", look)[0]


def shows_again(port: int, earlier: Image) -> None:
    """Wait until the published picture is the same as `earlier`."""
    wait_for("the earlier picture", lambda: difference(earlier, snapshot(port)) < ALIKE)


SETTLING_FRAMES = 5
"""The first may have been begun before the last command; the second is clearly on its way to the new look."""


def settled(port: int) -> Image:
    """Return the published picture once it no longer changes, of a run that paints a still picture.

    Two looks at it may show one and the same frame. So it must stay the same while several more are painted, at the
    rung that the governor wants.
    """

    def figures() -> dict[str, Any]:
        return cast(dict[str, Any], json.loads(get(port, "/api/stats")))

    def look() -> list[Image]:
        before, painted = snapshot(port), figures()["styled"]
        now = wait_for("more frames", lambda: (now := figures())["styled"] >= painted + SETTLING_FRAMES and now)
        arrived = now["governor"] is None or now["governor"]["wanted"] == now["rung"]
        picture = snapshot(port)
        return [picture] if arrived and difference(before, picture) < ALIKE / 5 else []

    return wait_for("a picture that holds still", look)[0]


def probe(address: str | Path, *more: str) -> dict[str, Any]:
    """Return what ffprobe says about the first video track of a file or stream."""
    command = [
        "ffprobe",
        "-v",
        "error",
        "-select_streams",
        "v:0",
        *more,
        "-show_streams",
        "-show_format",
        "-of",
        "json",
    ]
    shown = subprocess.run(
        [*command, str(address)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    found = json.loads(shown.stdout)
    return {**found.get("format", {}), **found["streams"][0]}


def complaints(path: Path) -> str:
    """Decode all of a file with ffmpeg, and return its errors; empty for a sound file."""
    done = subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-i", str(path), "-f", "null", "-"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return done.stderr.strip() or ("" if done.returncode == 0 else f"ffmpeg ended with {done.returncode}")
