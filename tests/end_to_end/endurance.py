"""`python -m tests.end_to_end.endurance`: half an hour of a real stylecam under everything that goes wrong in a call.

One `stylecam run` with the demo at 1280x720 is watched as a browser watches it. Minute by minute, other programs flood
its port, the disk fills up under a recording, the user panics, turns the camera off, holds the picture and changes the
style. It is killed while it is covered, twice at the start and once at the end, and started again. In between it lives
long enough for its memory to be judged.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click
import numpy as np
import psutil

from stylecam.media.frame import Image
from tests.end_to_end.outside import (
    ALIKE,
    HOST,
    TOKEN,
    Program,
    difference,
    environment,
    free_port,
    run_command,
    snapshot,
    stream,
)

WARM_UP_S = 300.0
"""From here on memory is judged: every style has been loaded once by then."""
KILLS_AT_S = (70.0, 190.0)
"""Seconds at which it is killed during a panic; once more at the end, with the camera off."""
FLOOD = 300
"""Connections of strangers at once."""
DISK_KB = 2048
"""The size of the disk that snapshots and recordings go to."""
GAP_MS = 100.0


@dataclass
class Findings:
    """What was seen, in milliseconds, megabytes and counts."""

    seconds: float = 0.0
    frames: int = 0
    published_fps: float = 0.0
    longest_gap_ms: float = 0.0
    gaps_over_100_ms: list[tuple[float, float]] = field(default_factory=list)
    memory_mb_per_10_min: float | None = None
    memory_interval: tuple[float, float] | None = None
    rss_mb_first: float | None = None
    rss_mb_last: float | None = None
    panic_under_flood_ms: list[float] = field(default_factory=list)
    injected: dict[str, int] = field(default_factory=dict)
    live_frames_while_covered: int = 0
    problems: list[str] = field(default_factory=list)

    def count(self, what: str) -> None:
        self.injected[what] = self.injected.get(what, 0) + 1


def slope(times_s: np.ndarray, megabytes: np.ndarray) -> tuple[float, tuple[float, float]]:
    """Return the growth in MB in ten minutes by least squares of half-minute medians, and its 95 % interval."""
    bins = (times_s // 30).astype(int)
    t = np.array([times_s[bins == one].mean() for one in np.unique(bins)])
    mb = np.array([np.median(megabytes[bins == one]) for one in np.unique(bins)])
    growth, start = np.polyfit(t, mb, 1)
    rest = mb - (growth * t + start)
    error = math.sqrt(rest @ rest / max(1, len(t) - 2) / ((t - t.mean()) @ (t - t.mean())))
    return growth * 600, ((growth - 2.05 * error) * 600, (growth + 2.05 * error) * 600)


class Watcher(threading.Thread):
    """Reads the stream as a browser does, connects again after a kill, and judges what it sees while covered."""

    def __init__(self, port: int, findings: Findings) -> None:
        super().__init__(daemon=True)
        self._port, self._findings = port, findings
        self._lock = threading.Lock()
        self._cover: Image | None = None
        self.outage = True
        """A gap is expected now: the program was killed or is starting, or cards have ended."""
        self.cards = False
        """Cards are shown, which are published twice a second."""
        self.stopping = threading.Event()

    def cover(self, picture: Image | None) -> None:
        """From now on every frame must look like `picture`; None: the live picture may be seen."""
        with self._lock:
            self._cover = picture

    @contextlib.contextmanager
    def showing_cards(self) -> Iterator[None]:
        """Judge no gaps meanwhile."""
        self.cards = True
        try:
            yield
        finally:
            self.cards, self.outage = False, True

    def run(self) -> None:
        began = time.monotonic()
        last: float | None = None
        while not self.stopping.is_set():
            try:
                for arrived, image in stream(self._port):
                    if last is not None and not self.outage and not self.cards:
                        self._gap(arrived - began, (arrived - last) * 1000)
                    self.outage, last = False, arrived
                    self._findings.frames += 1
                    with self._lock:
                        hidden = self._cover is not None and difference(image, self._cover) > ALIKE
                    if hidden:
                        self._findings.live_frames_while_covered += 1
                    if self.stopping.is_set():
                        return
            except (OSError, AssertionError, http.client.HTTPException):
                self.outage, last = True, None
                time.sleep(0.05)

    def _gap(self, at: float, milliseconds: float) -> None:
        self._findings.longest_gap_ms = max(self._findings.longest_gap_ms, milliseconds)
        if milliseconds > GAP_MS:
            self._findings.gaps_over_100_ms.append((round(at, 1), round(milliseconds)))


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Yield a folder on a disk of its own of `DISK_KB`; on this machine's disk where it may not be mounted."""
    folder.mkdir()
    mounted = os.geteuid() == 0 and subprocess.call(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_KB}k", "tmpfs", str(folder)]) == 0  # fmt: skip
    try:
        yield folder
    finally:
        if mounted:
            subprocess.call(["umount", "-l", str(folder)])


class Endurance:
    """The program under test, and the hand that steers it."""

    def __init__(self, home: Path, media: Path, findings: Findings, rss_from: Callable[[], float]) -> None:
        self.home, self.media, self.findings, self._now = home, media, findings, rss_from
        self.port = free_port()
        self.samples: list[tuple[float, float]] = []
        self.watcher = Watcher(self.port, findings)
        self.program = self._start()

    def _start(self) -> Program:
        folders = "".join(f'XDG_{kind}_DIR="{self.media}"\n' for kind in ("PICTURES", "VIDEOS"))
        (self.home / "config").mkdir(exist_ok=True)
        (self.home / "config" / "user-dirs.dirs").write_text(folders)
        arguments = ("--camera", "demo", "--size", "1280x720", "--no-hotkeys", "--output", f"web:{self.port}")
        return Program(run_command(*arguments), environment(self.home), self.home)

    def post(self, action: str, **arguments: Any) -> int:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=20)
        try:
            connection.request("POST", f"/api/actions/{action}", json.dumps(arguments),
                               {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"})  # fmt: skip
            return connection.getresponse().status
        finally:
            connection.close()

    def expect(self, action: str, status: int = 200, **arguments: Any) -> None:
        found = self.post(action, **arguments)
        if found != status:
            self.findings.problems.append(f"{self._now():.0f} s: {action} {arguments} answered {found}, not {status}")

    def sample(self) -> None:
        with contextlib.suppress(psutil.Error):
            self.samples.append((self._now(), psutil.Process(self.program.process.pid).memory_info().rss / 2**20))

    def covered(self, action: str, switch: str, seconds: float) -> None:
        """Cover the picture for a while, and see that nothing live comes through."""
        self.findings.count(action)
        with self.watcher.showing_cards():
            self.expect(action, **{switch: True})
            time.sleep(1.0)
            card = snapshot(self.port)
            self.watcher.cover(card)
            time.sleep(seconds)
            self.watcher.cover(None)
            self.expect(action, **{switch: False})

    def kill_while_covered(self, action: str, switch: str) -> None:
        """Kill it under cover, start it again, and see that the cover is still there."""
        self.findings.count(f"kill -9 during {action}")
        with self.watcher.showing_cards():
            self.expect(action, **{switch: True})
            time.sleep(1.0)
            self.watcher.outage = True
            self.program.kill()
            self.program = self._start()
            self.program.wait_until("frames after the kill", lambda stats: stats["published"] > 30, 90)
            time.sleep(2.0)
            card = snapshot(self.port)
            self.watcher.cover(card)
            time.sleep(4.0)
            self.watcher.cover(None)
            state = self.program.stats()
            if not (state.get("panic") or state.get("resting") or state.get("waiting_for")):
                self.findings.problems.append(f"{self._now():.0f} s: started uncovered after a kill during {action}")
            self.expect(action, **{switch: False})
            self.program.wait_until("a painting after the kill", lambda stats: stats["painting"], 90)

    def flood(self, seconds: float) -> None:
        """Hold `FLOOD` connections of strangers, and panic through them."""
        self.findings.count("flood")
        strangers = []
        for _ in range(FLOOD):
            with contextlib.suppress(OSError):
                one = socket.create_connection((HOST, self.port), 1)
                one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                strangers.append(one)
        time.sleep(seconds)
        with self.watcher.showing_cards():
            self._panic(seconds)
        for one in strangers:
            one.close()

    def _panic(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for switch in ("on", "off"):
                started = time.monotonic()
                done = subprocess.run(
                    [sys.executable, "-m", "stylecam", "ctl", "--pid", str(self.program.process.pid), "panic", switch],
                    env=environment(self.home), capture_output=True, text=True, check=False, timeout=60)  # fmt: skip
                self.findings.panic_under_flood_ms.append(round((time.monotonic() - started) * 1000))
                if done.returncode:
                    self.findings.problems.append(f"{self._now():.0f} s: ctl panic {switch}: {done.stderr.strip()}")

    def full_disk(self) -> None:
        """Fill the disk under a recording, ask for a snapshot, and make room again."""
        self.findings.count("full disk")
        self.expect("record", on=True)
        time.sleep(1.0)
        filler = self.media / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(4096)):
                pass
        if self.post("snapshot") == 200:
            self.findings.problems.append(f"{self._now():.0f} s: a snapshot was kept on a full disk")
        time.sleep(2.0)
        self.post("record", on=False)
        self._empty_disk()
        self.expect("snapshot")
        self._empty_disk()

    def _empty_disk(self) -> None:
        for path in self.media.rglob("*"):
            if path.is_file():
                path.unlink()

    def minute(self, end: float) -> None:
        """Go once through all that may happen."""
        steps: tuple[Callable[[], None], ...] = (
            lambda: self.expect("next"),
            lambda: self.covered("panic", "on", 3.0),
            lambda: self.covered("rest", "on", 3.0),
            lambda: self.flood(3.0),
            self.full_disk,
            lambda: self.covered("freeze", "on", 2.0),
            lambda: self.expect("previous"),
            lambda: self.expect("random"),
        )
        for step in steps:
            if self._now() > end:
                return
            step()
            self.sample()
            for _ in range(4):
                time.sleep(0.7)
                self.sample()


def endure(seconds: float, folder: Path) -> Findings:
    """Run it for `seconds`, and return what was found."""
    findings = Findings()
    began = time.monotonic()
    with small_disk(folder / "media") as media:
        test = Endurance(folder, media, findings, lambda: time.monotonic() - began)
        try:
            test.program.wait_until_published()
            test.watcher.start()
            kills = [at for at in KILLS_AT_S if at < seconds / 3]
            while time.monotonic() - began < seconds:
                if kills and time.monotonic() - began > kills[0]:
                    kills.pop(0)
                    test.samples.clear()
                    test.kill_while_covered("panic", "on")
                test.minute(seconds)
            findings.published_fps = test.program.stats()["published_fps"]
            judged = np.array([one for one in test.samples if one[0] > min(WARM_UP_S, seconds / 2)])
            test.kill_while_covered("rest", "on")
            test.watcher.stopping.set()
            test.program.interrupt()
            status = test.program.finish()
            if status:
                findings.problems.append(f"it ended with status {status}")
        finally:
            test.program.process.kill()
    findings.seconds = round(time.monotonic() - began, 1)
    if len(judged) > 3:
        findings.memory_mb_per_10_min, findings.memory_interval = slope(judged[:, 0], judged[:, 1])
        findings.rss_mb_first, findings.rss_mb_last = float(judged[0, 1]), float(judged[-1, 1])
    return findings


@click.command()
@click.option("--seconds", default=1800.0, show_default=True, help="How long.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def main(seconds: float, as_json: bool) -> None:
    """Run a real stylecam under kills, panics, floods and a full disk; exit with 1 if it did not hold."""
    folder = Path(tempfile.mkdtemp(prefix="stylecam-endurance-"))
    try:
        found = endure(seconds, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if as_json:
        print(json.dumps(asdict(found), indent=1))
    else:
        panics = sorted(found.panic_under_flood_ms)
        print(f"{platform.node()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
        print(f"{found.seconds:.0f} s, {found.frames} frames seen, published {found.published_fps} a second")
        print(f"longest gap {found.longest_gap_ms:.0f} ms; over {GAP_MS:.0f} ms: {found.gaps_over_100_ms or 'none'}")
        if found.memory_interval is not None:
            low, high = found.memory_interval
            print(
                f"memory {found.rss_mb_first:.0f} → {found.rss_mb_last:.0f} MB, "
                f"{found.memory_mb_per_10_min:+.2f} MB in ten minutes (95 %: {low:+.2f} to {high:+.2f})"
            )
        if panics:
            print(
                f"ctl panic under {FLOOD} connections, process start included: median {panics[len(panics) // 2]} ms, "
                f"p99 {panics[min(len(panics) - 1, len(panics) * 99 // 100)]} ms of {len(panics)}"
            )
        print(f"injected: {', '.join(f'{what} {count}' for what, count in found.injected.items())}")
        print(f"live frames while covered: {found.live_frames_while_covered}")
        print("\n".join(found.problems) or "no problems")
    sys.exit(1 if found.problems or found.live_frames_while_covered else 0)


if __name__ == "__main__":
    main()
