"""Tests of the client of a running stylecam."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stylecam.control.command import Command
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
def server(own_settings: Path, catalog: Catalog) -> Iterator[RunningServerWithPresets]:
    with RunningServerWithPresets(catalog).discoverable() as running:
        yield running


def test_the_state_can_be_requested(server: RunningServerWithPresets) -> None:
    with Client(server.instance) as running:
        assert running.state()["style"] == server.control.state.look.label
        assert running.state(stats=True)["stats"] == REPORT


def test_a_command_is_applied_before_the_response(server: RunningServerWithPresets) -> None:
    with Client(server.instance) as running:
        answer = running.send(Command.parse("select:great_wave"))
        assert server.control.state.look.label == answer["state"]["style"] == "great_wave"
        assert running.send(Command.parse("strength:0.25"))["state"]["strength"] == 0.25


def test_the_result_of_a_command_is_returned(server: RunningServerWithPresets) -> None:
    with Client(server.instance) as running:
        assert running.send(Command.parse("snapshot"))["result"] == {"file": "/pictures/one.png"}


def test_the_styles_can_be_requested(server: RunningServerWithPresets, catalog: Catalog) -> None:
    with Client(server.instance) as running:
        assert [style["name"] for style in running.styles()] == [card.name for card in catalog.cards]


def test_an_invalid_command_is_refused_with_the_servers_message(server: RunningServerWithPresets) -> None:
    with Client(server.instance) as running, pytest.raises(UsageError, match="did you mean great_wave"):
        running.send(Command.parse("select:grate_wave"))


def test_a_command_that_is_not_possible_now_is_refused_with_the_servers_message(
    server: RunningServerWithPresets,
) -> None:
    with Client(server.instance) as running, pytest.raises(CommandRefusedError, match="no room for a recording"):
        running.send(Command.parse("record"))


def test_a_wrong_token_is_refused(server: RunningServerWithPresets) -> None:
    with Client(replace(server.instance, token="wrong")) as running, pytest.raises(UsageError):
        running.state()


def test_the_newest_instance_is_found_unless_another_is_named(server: RunningServerWithPresets) -> None:
    older = replace(server.instance, pid=1, started=0.0)
    with registered(older):
        assert client.find_instance() == server.instance
        assert client.find_instance(1) == older


def test_without_an_instance_it_says_how_to_start_one() -> None:
    with pytest.raises(NotRunningError, match="start one with `stylecam run`"):
        client.find_instance()


def test_an_instance_without_a_server_is_refused_with_the_reason() -> None:
    with registered(current_instance([], [])), pytest.raises(NotRunningError, match="--no-server"):
        client.find_instance()


def test_an_unknown_process_is_named() -> None:
    with pytest.raises(NotRunningError, match="process 1 is no running stylecam"):
        client.find_instance(1)


def test_a_port_without_a_server_is_reported() -> None:
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
def test_another_program_at_the_port_is_refused(answer: bytes) -> None:
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


def test_watching_reports_the_state_at_once_and_after_each_change(catalog: Catalog) -> None:
    received: list[dict[str, Any]] = []
    with RunningServerWithPresets(catalog).discoverable() as server:
        watcher = threading.Thread(target=client.watch, args=(server.instance, received.append))
        watcher.start()
        assert until(lambda: bool(received))
        with Client(server.instance) as running:
            running.send(Command.parse("select:great_wave"))
        assert until(lambda: received[-1]["state"]["style"] == "great_wave")
    watcher.join(10)
    assert not watcher.is_alive()
    assert received[0]["state"]["version"] == 0


def test_commands_of_two_clients_are_all_applied(server: RunningServerWithPresets) -> None:
    def write(value: str) -> None:
        with Client(server.instance) as running:
            for _ in range(20):
                running.send(Command.parse(f"strength:{value}"))

    threads = [threading.Thread(target=write, args=(value,)) for value in ("0.25", "0.75")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.control.state.version == 40
    assert server.control.state.look.strength in (0.25, 0.75)


def test_the_state_is_described_as_text() -> None:
    state = {"style": "udnie", "strength": 0.5, "steadiness": 0.8, "frozen": True, "cycle_s": 30, "recording": "a.mp4"}
    description = ", ".join(client.describe_state(state))
    assert description == "udnie, strength 0.5, steadiness 0.8, frozen, changes every 30 s, recording a.mp4"
