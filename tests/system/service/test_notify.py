"""What a service tells systemd, over a real datagram socket."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stylecam.system.service.notify import Notifier

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="this system has no such sockets")


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.setblocking(False)
        yield receiver


def heard(manager: socket.socket) -> list[str]:
    found = []
    while True:
        try:
            found.append(manager.recv(4096).decode())
        except BlockingIOError:
            return found


def test_the_manager_hears_what_the_protocol_says(manager: socket.socket) -> None:
    notifier = Notifier.from_environment({"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "1000000"}, 1)
    notifier.ready()
    notifier.set_status("painting\nudnie")
    notifier.feed_watchdog(1, 0.0)
    notifier.stopping()
    assert heard(manager) == ["READY=1", "STATUS=painting udnie", "WATCHDOG=1", "STOPPING=1"]


def test_the_same_words_are_told_once(manager: socket.socket) -> None:
    notifier = Notifier(manager.getsockname())
    for words in ("one", "one", "two", "one"):
        notifier.set_status(words)
    assert heard(manager) == ["STATUS=one", "STATUS=two", "STATUS=one"]


@pytest.mark.skipif(sys.platform != "linux", reason="abstract names are Linux's")
def test_an_abstract_name_is_understood() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind("")
        name = receiver.getsockname().decode()
        receiver.setblocking(False)
        Notifier(f"@{name[1:]}").ready()
        assert heard(receiver) == ["READY=1"]


def test_without_a_manager_nothing_happens(tmp_path: Path) -> None:
    for address in ("", str(tmp_path / "nobody"), "@nobody-here", "vsock:2:1"):
        Notifier(address).ready()


def test_a_manager_that_does_not_read_holds_up_nothing(manager: socket.socket) -> None:
    notifier = Notifier(manager.getsockname())
    for _ in range(5000):
        notifier.ready()
    assert 0 < len(heard(manager)) < 5000


@pytest.mark.parametrize(
    ("variables", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "20000000"}, 20.0),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "7"}, 20.0),
        ({"WATCHDOG_USEC": "20000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdogs_time_is_the_managers_and_for_this_process(
    variables: dict[str, str], seconds: float | None
) -> None:
    assert Notifier.from_environment(variables, 7).watchdog_s == seconds


def test_the_watchdog_is_fed_only_while_the_publisher_works(manager: socket.socket) -> None:
    notifier = Notifier(manager.getsockname(), 20.0)
    for quarter in range(80):
        notifier.feed_watchdog(quarter, quarter * 0.25)
    assert len(heard(manager)) == 4
    for quarter in range(80, 400):
        notifier.feed_watchdog(79, quarter * 0.25)
    assert heard(manager) == []
    notifier.feed_watchdog(80, 100.0)
    assert heard(manager) == ["WATCHDOG=1"]


def test_without_a_watchdog_nothing_is_sent(manager: socket.socket) -> None:
    Notifier(manager.getsockname()).feed_watchdog(1, 1.0)
    assert heard(manager) == []
