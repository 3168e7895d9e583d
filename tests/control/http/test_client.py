"""Talking to a running stylecam."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stylecam.control.actions import Command
from stylecam.control.http import client
from stylecam.control.http.address import HOST
from stylecam.control.http.client import Client
from stylecam.control.http.instances import current_instance, registered
from stylecam.errors import CommandRefusedError, NotRunningError, UsageError
from stylecam.models.catalog import Catalog
from tests.control.running_server import REPORT, RunningServerWithPresets, free_port
from tests.doubles import until

pytestmark = pytest.mark.usefixtures("own_settings")


@pytest.fixture
def served(own_settings: Path, catalog: Catalog) -> Iterator[RunningServerWithPresets]:
    with RunningServerWithPresets(catalog).discoverable() as running:
        yield running


def test_the_state_can_be_asked_for(served: RunningServerWithPresets) -> None:
    with Client(served.instance) as running:
        assert running.state()["style"] == served.control.state.look.label
        assert running.state(stats=True)["stats"] == REPORT


def test_an_order_is_carried_out_before_the_answer_comes(served: RunningServerWithPresets) -> None:
    with Client(served.instance) as running:
        answer = running.send(Command.parse("select:great_wave"))
        assert served.control.state.look.label == answer["state"]["style"] == "great_wave"
        assert running.send(Command.parse("strength:0.25"))["state"]["strength"] == 0.25


def test_what_came_of_an_order_is_told(served: RunningServerWithPresets) -> None:
    with Client(served.instance) as running:
        assert running.send(Command.parse("snapshot"))["result"] == {"file": "/pictures/one.png"}


def test_the_styles_can_be_asked_for(served: RunningServerWithPresets, catalog: Catalog) -> None:
    with Client(served.instance) as running:
        assert [style["name"] for style in running.styles()] == [card.name for card in catalog.cards]


def test_what_cannot_be_meant_is_refused_in_the_servers_words(served: RunningServerWithPresets) -> None:
    with Client(served.instance) as running, pytest.raises(UsageError, match="did you mean great_wave"):
        running.send(Command.parse("select:grate_wave"))


def test_what_cannot_be_done_now_is_refused_in_the_servers_words(served: RunningServerWithPresets) -> None:
    with Client(served.instance) as running, pytest.raises(CommandRefusedError, match="no room for a recording"):
        running.send(Command.parse("record"))


def test_a_wrong_token_is_refused(served: RunningServerWithPresets) -> None:
    with Client(replace(served.instance, token="wrong")) as running, pytest.raises(UsageError):
        running.state()


def test_the_newest_is_found_unless_another_is_named(
    served: RunningServerWithPresets, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stylecam.control.http.instances import Instance

    monkeypatch.setattr(Instance, "is_alive", True)
    older = replace(served.instance, pid=1, started=0.0)
    with registered(older):
        assert client.find_instance() == served.instance
        assert client.find_instance(1) == older


def test_without_any_it_says_how_to_start_one() -> None:
    with pytest.raises(NotRunningError, match="start one with `stylecam run`"):
        client.find_instance()


def test_one_without_a_server_cannot_be_reached_and_says_why() -> None:
    with registered(current_instance([], [])), pytest.raises(NotRunningError, match="--no-server"):
        client.find_instance()


def test_an_unknown_process_is_named() -> None:
    with pytest.raises(NotRunningError, match="process 1 is no running stylecam"):
        client.find_instance(1)


def test_nobody_at_the_port_is_said_in_words() -> None:
    gone = current_instance([], [], HOST, free_port())
    with pytest.raises(NotRunningError, match="does not answer at http"):
        Client(gone).state()
    with pytest.raises(NotRunningError, match="does not answer at http"):
        client.watch(gone, lambda _: None)


@pytest.mark.parametrize(
    "answer",
    [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
     b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"],
    ids=["nothing", "ssh", "text", "list", "half"],
)  # fmt: skip
def test_another_program_at_the_port_is_no_stylecam(answer: bytes) -> None:
    with socket.create_server((HOST, 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(NotRunningError), Client(current_instance([], [], HOST, server.getsockname()[1])) as running:
            running.state()
        thread.join()


def test_watching_gives_the_state_at_once_and_after_each_change_until_the_end(catalog: Catalog) -> None:
    heard: list[dict[str, Any]] = []
    with RunningServerWithPresets(catalog).discoverable() as served:
        watching = threading.Thread(target=client.watch, args=(served.instance, heard.append))
        watching.start()
        assert until(lambda: bool(heard))
        with Client(served.instance) as running:
            running.send(Command.parse("select:great_wave"))
        assert until(lambda: heard[-1]["state"]["style"] == "great_wave")
    watching.join(10)
    assert not watching.is_alive()
    assert heard[0]["state"]["version"] == 0


def test_two_racing_writers_are_both_carried_out(served: RunningServerWithPresets) -> None:
    def write(value: str) -> None:
        with Client(served.instance) as running:
            for _ in range(20):
                running.send(Command.parse(f"strength:{value}"))

    threads = [threading.Thread(target=write, args=(value,)) for value in ("0.25", "0.75")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert served.control.state.version == 40
    assert served.control.state.look.strength in (0.25, 0.75)


def test_the_state_is_described_in_words() -> None:
    state = {"style": "udnie", "strength": 0.5, "steadiness": 0.8, "frozen": True, "cycle_s": 30, "recording": "a.mp4"}
    told = ", ".join(client.describe_state(state))
    assert told == "udnie, strength 0.5, steadiness 0.8, frozen, changes every 30 s, recording a.mp4"
