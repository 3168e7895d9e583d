"""The API of a running stylecam: asked anything, by many, and by several at once."""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
import subprocess
import sys
import threading
from importlib.util import find_spec

import psutil
import pytest

from tests.end_to_end.conftest import Start, unavailable
from tests.end_to_end.outside import (
    HOST,
    STREAM,
    TOKEN,
    Program,
    act,
    difference,
    free_port,
    get,
    shows_change,
    snapshot,
    wait_for,
)

pytestmark = pytest.mark.system

DEMO = ("--camera", "demo", "--style", "udnie", "--size", "320x180", "--engine", "opencv")
CHECKS = (
    "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
    "negative_data_rejection",
)  # fmt: skip
VIEWERS, READERS = 50, 25


@pytest.fixture
def program(stylecam: Start) -> tuple[Program, int]:
    """A running stylecam and its port."""
    port = free_port()
    return stylecam(*DEMO, "--output", "null", "--listen", f"{HOST}:{port}"), port


def test_whatever_it_is_asked_it_answers_as_it_says_it_does(program: tuple[Program, int]) -> None:
    if find_spec("schemathesis") is None:
        unavailable("schemathesis is not installed")
    running, port = program
    command = [sys.executable, "-W", "ignore", "-m", "schemathesis.cli", "run", "--no-color", "--continue-on-failure"]
    command += [f"http://{HOST}:{port}/api/openapi.json", "-H", f"Authorization: Bearer {TOKEN}"]
    # It cannot write SDP or pictures; tests.control.http.test_whep and test_own_styles do.
    command += ["--exclude-path-regex", "quit$|^/whep", "--phases", "examples,coverage,fuzzing", "--max-examples", "10"]
    command += ["--checks", ",".join(CHECKS), "--request-timeout", "20", "--seed", "1"]
    asked = subprocess.run(command, cwd=running.stats_file.parent, capture_output=True, text=True, timeout=110)
    assert asked.returncode == 0, asked.stdout[-6000:] + asked.stderr[-2000:]
    assert running.running
    assert json.loads(get(port, "/api/stats"))["faults"]["total"] == 0


def test_an_order_over_the_network_changes_the_published_picture(program: tuple[Program, int]) -> None:
    _, port = program
    act(port, "freeze", on=True)
    wait_for("a held picture", lambda: difference(snapshot(port), snapshot(port)) == 0)
    before = snapshot(port)
    status, answer = act(port, "panic", on=True)
    assert (status, answer["state"]["panic"]) == (200, True)
    shows_change(port, before)
    act(port, "panic", on=False)
    wait_for("the held picture again", lambda: difference(snapshot(port), before) < 1)


def test_many_viewers_of_whom_half_never_read_do_not_slow_it(program: tuple[Program, int]) -> None:
    running, port = program
    process = psutil.Process(running.process.pid)
    stop = threading.Event()
    with contextlib.ExitStack() as closing:
        selector = closing.enter_context(selectors.DefaultSelector())
        for number in range(VIEWERS):
            connection = closing.enter_context(socket.create_connection((HOST, port)))
            connection.sendall(f"GET {STREAM} HTTP/1.1\r\nHost: {HOST}:{port}\r\n\r\n".encode())
            if number < READERS:
                selector.register(connection, selectors.EVENT_READ)

        def read() -> None:
            room = bytearray(2**20)
            while not stop.is_set():
                for key, _ in selector.select(0.1):
                    assert isinstance(key.fileobj, socket.socket)
                    key.fileobj.recv_into(room)

        reader = threading.Thread(target=read)
        reader.start()
        try:
            seen = running.stats()
            began = running.wait_until("a second", lambda stats: stats["seconds"] > seen["seconds"] + 1)
            memory = process.memory_info().rss
            ended = running.wait_until("four seconds more", lambda stats: stats["seconds"] > began["seconds"] + 4)
            grown = (process.memory_info().rss - memory) / 2**20
            still = snapshot(port)
        finally:
            stop.set()
            reader.join()
    rate = (ended["published"] - began["published"]) / (ended["seconds"] - began["seconds"])
    assert rate > 25
    assert grown < 90
    assert still.shape == (180, 320, 3)


def test_two_that_write_at_once_never_mix_their_orders(program: tuple[Program, int]) -> None:
    _, port = program
    looks = {"great_wave": 0.25, "the_scream": 0.75}
    wrong: list[object] = []

    def write(style: str, strength: float) -> None:
        for _ in range(20):
            for name, arguments in (("select", {"style": style}), ("strength", {"value": strength})):
                status, answer = act(port, name, **arguments)
                key, value = next(iter(arguments.items()))
                if status != 200 or answer["state"][{"value": "strength"}.get(key, key)] != value:
                    wrong.append(answer)

    writers = [threading.Thread(target=write, args=look) for look in looks.items()]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    state = json.loads(get(port, "/api/state"))
    assert wrong == []
    assert state["version"] == 80
    assert (state["style"], state["strength"]) in {(s, v) for s in looks for v in looks.values()}
