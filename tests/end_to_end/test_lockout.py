"""The owner of a running stylecam is never locked out: `ctl panic` works whatever strangers, clock and disk do."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stylecam.control.command import Command
from stylecam.control.http.client import Client, find_instance
from stylecam.utils import runtime_folder
from tests.end_to_end.conftest import Start
from tests.end_to_end.outside import PATIENCE_S, environment, free_port

pytestmark = pytest.mark.system

STRANGERS = 300
REQUESTS = 60
GOAL_MS = 300.0
DEMO = ("--camera", "demo", "--style", "none", "--size", "128x96", "--fps", "30", "--no-hotkeys")


@pytest.fixture
def flooded() -> Iterator[Callable[[int], None]]:
    """Let strangers hold connections to a port until the test ends."""
    floods: list[subprocess.Popen[str]] = []

    def start(port: int) -> None:
        flood = subprocess.Popen(
            [sys.executable, "-m", "tests.end_to_end.strangers", str(port), str(STRANGERS)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
        )  # fmt: skip
        floods.append(flood)
        assert flood.stdout is not None
        assert flood.stdout.readline() == "holding\n"

    yield start
    for flood in floods:
        flood.kill()
        flood.communicate()


def panic_times_ms() -> list[float]:
    """Switch panic on and off as `stylecam ctl` does, on a new connection each time; return how long each took."""
    times = []
    for number in range(REQUESTS):
        began = time.perf_counter()
        with Client(find_instance()) as running:
            state = running.send(Command("panic", {"on": number % 2 == 0}))["state"]
        times.append((time.perf_counter() - began) * 1000)
        assert state["panic"] is (number % 2 == 0)
    return times


def ctl(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stylecam", "ctl", *words],
        env=environment(home), capture_output=True, text=True, timeout=PATIENCE_S, check=False,
    )  # fmt: skip


def test_panic_is_quick_while_strangers_hold_three_hundred_connections(
    stylecam: Start,
    flooded: Callable[[int], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    port = free_port()
    stylecam(*DEMO, "--output", f"web:{port}")
    monkeypatch.setattr(runtime_folder, "_candidates", lambda: [tmp_path / "running" / "stylecam"])
    alone = panic_times_ms()
    flooded(port)
    times = panic_times_ms()
    began = time.perf_counter()
    done = ctl(tmp_path, "panic", "on")
    whole_ms = (time.perf_counter() - began) * 1000
    assert done.returncode == 0, done.stderr
    figures = {
        "alone p50": statistics.median(alone),
        "alone p99": max(alone),
        "flooded p50": statistics.median(times),
        "flooded p99": max(times),
        "whole command": whole_ms,
    }
    for name, milliseconds in figures.items():
        record_property(name, round(milliseconds, 1))
    print({name: f"{milliseconds:.0f} ms" for name, milliseconds in figures.items()})
    assert statistics.median(times) < GOAL_MS + 3 * max(alone), figures  # of a busy machine no more can be asked


@pytest.mark.skipif(sys.platform != "linux" or os.getuid() != 0, reason="only root can mount a small disk")
def test_panic_works_while_the_disk_is_full(stylecam: Start, tmp_path: Path) -> None:
    runtime = tmp_path / "running"
    runtime.mkdir(mode=0o700)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", str(runtime)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"mount is not allowed here: {mounted.stderr.decode()}")
    try:
        (runtime / "stylecam").mkdir(mode=0o700)
        fill(runtime / "filler")
        with pytest.raises(OSError, match="No space left"):
            (runtime / "more").write_bytes(b"x" * 8192)
        program = stylecam(*DEMO, "--output", "null", wait=False)
        program.wait_until_published()
        done = ctl(tmp_path, "panic", "on")
        assert done.returncode == 0, done.stderr
        assert "panic picture" in done.stdout
        program.wait_until("panic", lambda stats: stats["panic"])
        assert ctl(tmp_path, "quit").returncode == 0
        assert program.finish() == 0
    finally:
        subprocess.run(["umount", "--lazy", str(runtime)], check=False)


def fill(path: Path) -> None:
    """Write until the disk is full, to the last byte."""
    with path.open("wb", buffering=0) as file:
        for size in (4096, 1):
            while True:
                try:
                    if file.write(b"x" * size) == 0:
                        break
                except OSError:
                    break
