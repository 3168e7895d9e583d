"""What the user is told of a run's troubles."""

from __future__ import annotations

from concurrent.futures import Future

import pytest

from stylecam.control.commands import CommandResult
from stylecam.errors import UsageError
from stylecam.live.notifications import Notifications


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def notifications(said: list[str]) -> Notifications:
    return Notifications(said.append)


def test_a_trouble_is_said_when_it_comes_and_when_it_goes(notifications: Notifications, said: list[str]) -> None:
    changes = [notifications.update(troubles) for troubles in ({}, {"web": "lost"}, {"web": "lost"}, {}, {})]
    assert changes == [False, True, False, True, False]
    assert said == ["lost", "web is back"]


def test_a_trouble_whose_words_change_is_shown_but_not_said_again(
    notifications: Notifications, said: list[str]
) -> None:
    notifications.update({"the camera": "gone"})
    assert notifications.update({"the camera": "in use by zoom"})
    assert said == ["gone"]
    assert notifications.notice == "in use by zoom"


def test_the_notice_is_the_trouble_of_this_moment(notifications: Notifications) -> None:
    notices = []
    for troubles in ({}, {"a": "one", "b": "two"}, {"b": "two"}, {}):
        notifications.update(troubles)
        notices.append(notifications.notice)
    assert notices == [None, "one", "two", None]


def test_a_refused_key_is_said_on_the_thread_that_tells(notifications: Notifications, said: list[str]) -> None:
    refused: Future[CommandResult] = Future()
    refused.set_exception(UsageError("there is no style 99"))
    notifications.note_refusal(refused)
    assert said == []
    notifications.update({})
    assert said == ["there is no style 99"]


def test_what_happens_again_and_again_is_said_once(notifications: Notifications, said: list[str]) -> None:
    for _ in range(3):
        notifications.notify_once("the network failed")
    assert said == ["the network failed"]
