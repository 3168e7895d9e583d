"""Where the server listens."""

from __future__ import annotations

import pytest

from stylecam.control.http.address import Address, is_ip, seen_from_outside, url
from stylecam.errors import UsageError


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1", "127.0.0.1", None), ("0.0.0.0:9000", "0.0.0.0", 9000), (":9000", "127.0.0.1", 9000),
        ("[::1]:80", "::1", 80), ("[::]", "::", None), (" my-laptop.local:1 ", "my-laptop.local", 1),
    ],
)  # fmt: skip
def test_an_address_is_read_as_people_write_it(text: str, host: str, port: int | None) -> None:
    assert Address.parse(text) == Address(host, port)


@pytest.mark.parametrize("text", ["", " ", "::1", "a:b", "127.0.0.1:0", "127.0.0.1:65536", "http://x", "a b", "x:1:2"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--listen"):
        Address.parse(text)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost", "::1"])
def test_loopback_is_private(host: str) -> None:
    assert Address(host).private


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "::", "my-laptop.local", "example.org"])
def test_everything_else_is_not(host: str) -> None:
    assert not Address(host).private


@pytest.mark.parametrize(
    ("host", "shown"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::1", "[::1]"), ("::", "[::1]"), ("pc", "pc")],
)
def test_the_page_has_an_address_that_a_browser_takes(host: str, shown: str) -> None:
    assert url(host, 8765) == f"http://{shown}:8765/"


@pytest.mark.parametrize("host", ["192.168.1.7", "my-laptop.local"])
def test_others_use_the_very_address_that_was_asked_for(host: str) -> None:
    assert seen_from_outside(host) == host


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_where_it_listens_everywhere_others_are_told_one_address_if_there_is_any(host: str) -> None:
    seen = seen_from_outside(host)
    assert seen is None or (is_ip(seen) and seen != host)
