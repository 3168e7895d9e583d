"""The end of a run, and what it prints and leaves."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from stylecam.live.recording import SAVE_TIMEOUT_S
from tests.end_to_end.conftest import Start
from tests.end_to_end.outside import HOST, STREAM, TOKEN, free_port, port_is_free, snapshot, wait_for

pytestmark = pytest.mark.system

DEMO = ("--camera", "demo", "--style", "udnie", "--size", "320x180")
STOPS_S = 5.0
"""A second is promised; more than five is broken on any machine."""
PROMISED = {
    "published_fps", "styled_fps", "latency_ms", "gap_ms", "repeats", "drops", "rung", "size", "style", "engine",
    "device", "source", "outputs", "rss_mb", "seconds", "faults",
}  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: str(number.name))
def test_a_signal_ends_the_run_at_once_and_leaves_nothing_open(stylecam: Start, number: signal.Signals) -> None:
    port = free_port()
    program = stylecam(*DEMO, "--output", f"web:{port}")
    before = program.stats()
    program.process.send_signal(number)
    assert program.finish(STOPS_S) == 0
    assert port_is_free(port)
    assert program.stats()["seconds"] > before["seconds"]
    assert "Traceback" not in program.errors


def test_a_signal_ends_the_run_while_readers_hang_on_the_stream(stylecam: Start) -> None:
    port = free_port()
    program = stylecam(*DEMO, "--output", f"web:{port}")
    with socket.create_connection((HOST, port)) as reader:
        reader.sendall(f"GET {STREAM} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        assert reader.recv(100).startswith(b"HTTP/1.1 200")  # and then takes nothing more: the connection fills up
        seen = program.stats()["published"]
        program.wait_until("two seconds more", lambda stats: stats["published"] > seen + 60)
        program.interrupt()
        assert program.finish(STOPS_S) == 0
    assert "Traceback" not in program.errors


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_snapshot_on_a_disk_that_does_not_answer_is_named_and_not_waited_for(stylecam: Start, tmp_path: Path) -> None:
    """A pipe that nobody reads stands for the disk: to open it hangs in the kernel."""
    port, pipe, begun = free_port(), tmp_path / "pipe", tmp_path / "begun"
    os.mkfifo(pipe)
    code = (
        "import os, sys, pathlib, stylecam.live.recording as r; sys.argv[0] = 'stylecam'\n"
        f"r.write_bytes = lambda *_: (pathlib.Path({str(begun)!r}).touch(), os.open({str(pipe)!r}, os.O_WRONLY))\n"
        "import stylecam.cli; stylecam.cli.main()"
    )
    program = stylecam(
        *DEMO, "--engine", "opencv", "--output", f"web:{port}", command=[sys.executable, "-c", code, "run"]
    )
    with socket.create_connection((HOST, port)) as client:
        client.sendall(f"GET /api/do/snapshot?token={TOKEN} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        wait_for("the snapshot to be written", begun.exists)
        program.interrupt()
        assert program.finish(STOPS_S + SAVE_TIMEOUT_S) == 0
    assert f"snapshot was not finished within {SAVE_TIMEOUT_S:g} s: the disk of " in program.errors
    assert "Traceback" not in program.errors


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: str(number.name))
def test_a_signal_while_outputs_open_leaves_nothing_half_written(
    stylecam: Start, tmp_path: Path, number: signal.Signals
) -> None:
    begun = tmp_path / "out.part.mp4"
    program = stylecam(*DEMO, "--output", f"file:{tmp_path / 'out.mp4'}", wait=False)
    wait_for("the recording to be begun", begun.exists)
    program.process.send_signal(number)
    program.finish(STOPS_S)
    assert "Traceback" not in program.errors
    assert not begun.exists()


def test_a_second_stylecam_on_the_same_port_says_so_and_leaves_the_first_alone(stylecam: Start) -> None:
    port = free_port()
    first = stylecam(*DEMO, "--output", f"web:{port}")
    second = stylecam(*DEMO, "--output", f"web:{port}", wait=False)
    assert second.finish() == 2
    assert second.errors.splitlines() == [
        f"stylecam: stylecam is running already (process {first.process.pid}) and publishes to "
        f"web http://{HOST}:{port}/; steer it with `stylecam ctl` (stylecam ctl link for its page, "
        "stylecam ctl --help), end it with `stylecam ctl quit`, or give this one another --output"
    ]
    assert first.running
    assert snapshot(port).shape == (180, 320, 3)


def test_seconds_ends_the_run(stylecam: Start) -> None:
    program = stylecam(*DEMO, "--output", "null", "--seconds", "1")
    assert program.finish() == 0
    assert program.stats()["published"] >= 15
    assert "ended after " in program.errors.splitlines()[-1]


def test_json_prints_one_object_with_all_figures_and_nothing_else(stylecam: Start) -> None:
    program = stylecam(*DEMO, "--output", "null", "--seconds", "2", "--json")
    assert program.finish() == 0
    final = json.loads(program.output)
    assert final.keys() >= PROMISED
    assert final["latency_ms"].keys() >= {"p50", "p95", "p99"}
    assert final["gap_ms"].keys() >= {"p99", "max"}
    assert final["size"] == [320, 180]
    assert len(final["rung"]) == 2
    left = program.stats()
    assert {name: final[name] for name in ("published", "latency_ms", "gap_ms", "faults")} == {
        name: left[name] for name in ("published", "latency_ms", "gap_ms", "faults")
    }


def test_without_camera_and_driver_the_demo_is_on_a_page_and_it_says_so(stylecam: Start) -> None:
    if list(Path("/dev").glob("video*")):
        pytest.skip("this machine has a camera or a virtual camera")
    program = stylecam("--size", "320x180", "--seconds", "2")
    assert program.finish() == 0
    assert "showing the built-in demo" in program.errors
    assert f"Page: http://{HOST}:" in program.errors
    assert "No program can see you yet: stylecam setup" in program.errors
    assert "Until then the picture is on a web page" not in program.errors  # only with -v
