"""What the user is told of a run's troubles."""

from __future__ import annotations

import pytest

from stylecam.control.commands import Ticket
from stylecam.errors import UsageError
from stylecam.live.notifications import News


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def news(said: list[str]) -> News:
    return News(said.append)


def test_a_trouble_is_said_when_it_comes_and_when_it_goes(news: News, said: list[str]) -> None:
    changes = [news.tell(troubles) for troubles in ({}, {"web": "lost"}, {"web": "lost"}, {}, {})]
    assert changes == [False, True, False, True, False]
    assert said == ["lost", "web is back"]


def test_a_trouble_whose_words_change_is_not_said_again_but_shown(news: News, said: list[str]) -> None:
    news.tell({"the camera": "gone"})
    assert news.tell({"the camera": "in use by zoom"})
    assert said == ["gone"]
    assert news.notice == "in use by zoom"


def test_the_notice_is_the_trouble_of_this_moment(news: News) -> None:
    notices = []
    for troubles in ({}, {"a": "one", "b": "two"}, {"b": "two"}, {}):
        news.tell(troubles)
        notices.append(news.notice)
    assert notices == [None, "one", "two", None]


def test_a_refused_key_is_said_on_the_thread_that_tells(news: News, said: list[str]) -> None:
    ticket = Ticket()
    ticket.refuse(UsageError("there is no style 99"))
    news.hear(ticket)
    assert said == []
    news.tell({})
    assert said == ["there is no style 99"]


def test_what_happens_again_and_again_is_said_once(news: News, said: list[str]) -> None:
    for _ in range(3):
        news.once("the network failed")
    assert said == ["the network failed"]
