"""The first start as a person sees it: in a terminal, on a desktop with a browser."""

from __future__ import annotations

import http.client
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.browser import Host, hosted
from tests.end_to_end.conftest import Start
from tests.end_to_end.outside import HOST, PATIENCE_S, TOKEN, free_port, wait_for
from tests.end_to_end.test_terminal import Terminal

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(sys.platform != "linux", reason="terminals and xdg-open are Linux's"),
]

DEMO = ("--camera", "demo", "--style", "none", "--size", "320x180", "--no-hotkeys")
NO_DISPLAY = ":4099"


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal()
    yield terminal
    terminal.close()


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which the desktop's `xdg-open` writes the address it is to open."""
    folder, opened = tmp_path / "bin", tmp_path / "opened"
    folder.mkdir()
    (folder / "xdg-open").write_text(f'#!/bin/sh\nprintf "%s" "$1" > {opened}.part\nmv {opened}.part {opened}\n')
    (folder / "xdg-open").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    for name in ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"):
        monkeypatch.delenv(name, raising=False)
    return opened


def test_in_a_terminal_of_a_desktop_the_page_opens_by_a_link_that_works_once(
    stylecam: Start, opened: Path, terminal: Terminal
) -> None:
    port = free_port()
    program = stylecam(*DEMO, "--output", f"web:{port}", display=NO_DISPLAY, terminal=terminal.theirs)
    address = wait_for("the page to be opened", lambda: opened.exists() and opened.read_text())
    place, _, code = str(address).partition("?code=")
    assert place == f"http://{HOST}:{port}/"
    answers = []
    for _ in range(2):
        connection = http.client.HTTPConnection(HOST, port, timeout=PATIENCE_S)
        connection.request("POST", "/api/code", code)
        response = connection.getresponse()
        answers.append((response.status, json.loads(response.read()).get("token")))
        connection.close()
    assert answers == [(200, TOKEN), (401, None)]
    wait_for("the keys to be named", lambda: "? for keys" in terminal.shown)
    assert f"Page: http://{HOST}:{port}/?token={TOKEN} " in terminal.shown
    assert "engine:" not in terminal.shown
    program.interrupt()
    assert program.finish() == 0


@pytest.mark.parametrize("how", ["no terminal", "over SSH", "no display", "--no-open"])
def test_it_stays_closed_where_nobody_would_see_it(
    stylecam: Start, opened: Path, terminal: Terminal, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how == "over SSH":
        monkeypatch.setenv("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22")
    program = stylecam(
        *DEMO, "--output", f"web:{free_port()}", "--seconds", "1", *(["--no-open"] if how == "--no-open" else []),
        display=None if how == "no display" else NO_DISPLAY,
        terminal=None if how == "no terminal" else terminal.theirs, wait=False,
    )  # fmt: skip
    assert program.finish(60) == 0
    assert not opened.exists()


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with hosted(tmp_path_factory.mktemp("first"), *DEMO[:-1]) as host:
        yield host


def test_the_page_that_was_opened_by_a_code_works_and_outlives_a_reload(browser: Browser, host: Host) -> None:
    page = browser.new_context().new_page()
    asked: list[str] = []

    def exchange(route: Route) -> None:
        asked.append(str(route.request.post_data))
        route.fulfill(json={"token": TOKEN})

    page.route("**/api/code", exchange)
    page.goto(f"http://{HOST}:{host.port}/?code=once")
    page.wait_for_selector(".tile", timeout=PATIENCE_S * 1000)
    wait_for("an address without the code", lambda: page.url == f"http://{HOST}:{host.port}/")
    page.reload()
    page.wait_for_selector(".tile", timeout=PATIENCE_S * 1000)
    assert asked == ["once"]
    page.context.close()
