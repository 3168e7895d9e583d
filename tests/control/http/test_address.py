"""Tests of the addresses that the server listens on and shows."""

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
def test_an_invalid_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--listen"):
        Address.parse(text)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "localhost", "::1"])
def test_loopback_is_private(host: str) -> None:
    assert Address(host).private


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "::", "my-laptop.local", "example.org"])
def test_every_other_address_is_not_private(host: str) -> None:
    assert not Address(host).private


@pytest.mark.parametrize(
    ("host", "host_in_url"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::1", "[::1]"), ("::", "[::1]"), ("pc", "pc")],
)
def test_the_url_has_an_address_that_browsers_accept(host: str, host_in_url: str) -> None:
    assert url(host, 8765) == f"http://{host_in_url}:8765/"


@pytest.mark.parametrize("host", ["192.168.1.7", "my-laptop.local"])
def test_the_address_for_others_is_the_requested_one(host: str) -> None:
    assert seen_from_outside(host) == host


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_when_it_listens_everywhere_others_get_one_address_of_this_machine(host: str) -> None:
    address = seen_from_outside(host)
    assert address is None or (is_ip(address) and address != host)
