"""Tests of the code that opens the page once."""

from __future__ import annotations

from stylecam.control.http.one_time_code import VALID_S, OneTimeCodes
from stylecam.utils.clock import ManualClock
from tests.control.running_server import TOKEN, RunningServer


def test_a_code_is_good_once(clock: ManualClock) -> None:
    codes = OneTimeCodes(clock.now)
    code = codes.make()
    assert not codes.use(f"{code}x")
    assert not codes.use("")
    assert codes.use(code)
    assert not codes.use(code)


def test_each_link_has_a_code_of_its_own(clock: ManualClock) -> None:
    codes = OneTimeCodes(clock.now)
    one, other = codes.make(), codes.make()
    assert codes.use(other)
    assert codes.use(one)


def test_an_old_code_opens_nothing(clock: ManualClock) -> None:
    codes = OneTimeCodes(clock.now)
    code = codes.make()
    clock.advance(VALID_S + 1)
    assert not codes.use(code)


def test_the_server_exchanges_a_code_for_the_token_once(running_server: RunningServer) -> None:
    link = running_server.server.one_time_link
    assert TOKEN not in link
    code = link.partition("?code=")[2]
    assert running_server.request("/api/code", "POST", "a-wrong-code", token=None).status == 401
    answer = running_server.request("/api/code", "POST", code, token=None)
    assert (answer.status, answer.json) == (200, {"token": TOKEN})
    refused = running_server.request("/api/code", "POST", code, token=None)
    assert refused.status == 401
    assert "open the link that stylecam prints" in refused.json["error"]


def test_another_page_cannot_use_a_code(running_server: RunningServer) -> None:
    code = running_server.server.one_time_link.partition("?code=")[2]
    foreign = {"Origin": "http://evil.example"}
    assert running_server.request("/api/code", "POST", code, foreign, token=None).status == 403
    assert running_server.request("/api/code", "POST", code, {"Host": "evil.example"}, token=None).status == 403
    assert running_server.request("/api/code", "POST", code, token=None).status == 200
