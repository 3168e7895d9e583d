"""Messages to the user about the troubles of a run."""

from __future__ import annotations

import logging
from concurrent.futures import Future
from typing import cast

import pytest

from stylecam.control.command_queue import CommandResult
from stylecam.control.http.server import Server
from stylecam.control.state import LiveState
from stylecam.errors import UsageError
from stylecam.live.notifications import Notifications, log_refusal, notices_on_page


@pytest.fixture(autouse=True)
def _log_from_info_on(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "stylecam")


@pytest.fixture
def notifications() -> Notifications:
    return Notifications()


def test_a_trouble_is_logged_when_it_comes_and_when_it_goes(
    notifications: Notifications, caplog: pytest.LogCaptureFixture
) -> None:
    changes = [notifications.update(troubles) for troubles in ({}, {"web": "lost"}, {"web": "lost"}, {"web": None}, {})]
    assert changes == [False, True, False, True, False]
    assert caplog.messages == ["lost", "web is back"]


def test_what_failed_and_is_gone_is_not_reported_as_back(
    notifications: Notifications, caplog: pytest.LogCaptureFixture
) -> None:
    changes = [
        notifications.update(parts) for parts in ({"file talk.mp4": "the disk is full", "web": None}, {"web": None})
    ]
    assert changes == [True, True]
    assert (caplog.messages, notifications.notice) == (["the disk is full"], None)


def test_a_trouble_whose_words_change_is_shown_but_not_logged_again(
    notifications: Notifications, caplog: pytest.LogCaptureFixture
) -> None:
    notifications.update({"the camera": "gone"})
    assert notifications.update({"the camera": "in use by zoom"})
    assert caplog.messages == ["gone"]
    assert notifications.notice == "in use by zoom"


def test_the_notice_is_the_present_trouble(notifications: Notifications) -> None:
    notices = []
    for troubles in ({}, {"a": "one", "b": "two"}, {"a": None, "b": "two"}, {"a": None, "b": None}):
        notifications.update(troubles)
        notices.append(notifications.notice)
    assert notices == [None, "one", "two", None]


def test_a_refused_command_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    refused: Future[CommandResult] = Future()
    refused.set_exception(UsageError("there is no style 99"))
    log_refusal(refused)
    assert caplog.messages == ["there is no style 99"]


def test_a_command_that_was_carried_out_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    done: Future[CommandResult] = Future()
    done.set_result(CommandResult(LiveState()))
    log_refusal(done)
    assert caplog.messages == []


def test_what_happens_again_and_again_is_logged_once(
    notifications: Notifications, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        notifications.warn_once("the network failed")
    assert caplog.messages == ["the network failed"]


def test_what_is_for_the_terminal_alone_is_no_notice_on_the_page() -> None:
    class PageServer:
        def __init__(self) -> None:
            self.notices: list[str] = []

        def send_notice(self, text: str) -> None:
            self.notices.append(text)

    server, log = PageServer(), logging.getLogger("stylecam.live")
    with notices_on_page(cast(Server, server)):
        log.info("for all")
        log.info("for one", extra={"only_on_terminal": True})
    assert server.notices == ["for all"]
