"""Tests of opening the page in the browser: for whom, and by what."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from stylecam.cli.browser import is_wanted, open_address
from tests.doubles import until

DESKTOP = {"DISPLAY": ":0"}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is always a display")
@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        (DESKTOP, True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, True),
        ({}, False),
        ({"DISPLAY": ""}, False),
        (DESKTOP | {"SSH_CONNECTION": "192.0.2.1 5 192.0.2.2 22"}, False),
        (DESKTOP | {"SSH_TTY": "/dev/pts/1"}, False),
    ],
)
def test_the_page_opens_on_a_desktop_and_not_over_ssh(environment: dict[str, str], wanted: bool) -> None:
    assert is_wanted(environment, output_is_terminal=True) is wanted
    assert not is_wanted(environment, output_is_terminal=False)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems open addresses themselves")
@pytest.mark.parametrize("opener", ["xdg-open", "gio"])
def test_the_desktop_opens_the_address(opener: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, program = tmp_path / "opened", tmp_path / opener
    program.write_text(f'#!/bin/sh\nprintf "%s " "$@" > {opened}.part; /bin/mv {opened}.part {opened}\n')
    program.chmod(0o700)
    monkeypatch.setitem(os.environ, "PATH", str(tmp_path))
    open_address("http://127.0.0.1:8765/?code=once")
    assert until(opened.exists)
    assert opened.read_text().split()[-1] == "http://127.0.0.1:8765/?code=once"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems open addresses themselves")
def test_without_a_browser_nothing_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "PATH", str(tmp_path))
    open_address("http://127.0.0.1:8765/")
