"""Tests of the addresses of streams."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylecam.errors import UsageError
from stylecam.media.streaming.address import LOCAL_SRT_LATENCY_MS, SRT_LATENCY_MS, StreamAddress


def test_a_bare_port_listens_on_this_computer_only() -> None:
    address = StreamAddress.parse("srt:9000")
    assert (address.host, address.port, address.listens, address.local) == ("127.0.0.1", 9000, True, True)
    assert address.latency_ms == LOCAL_SRT_LATENCY_MS


def test_a_host_is_called() -> None:
    address = StreamAddress.parse("srt://live.example:9000?latency=200&streamid=publish:key")
    assert (address.host, address.port, address.listens) == ("live.example", 9000, False)
    assert (address.latency_ms, address.stream_id) == (200, "publish:key")
    assert StreamAddress.parse("srt://live.example:9000").latency_ms == SRT_LATENCY_MS


@pytest.mark.parametrize("text", ["srt://0.0.0.0:9000?mode=listener", "srt://:9000"])
def test_a_listener_for_other_computers_is_asked_for_by_name(text: str) -> None:
    address = StreamAddress.parse(text)
    assert (address.host, address.listens, address.local) == ("0.0.0.0", True, False)


@pytest.mark.parametrize("text", ["udp:127.0.0.1:5000", "udp://127.0.0.1:5000"])
def test_udp_has_a_host_and_a_port(text: str) -> None:
    address = StreamAddress.parse(text)
    assert (address.protocol, address.host, address.port) == ("udp", "127.0.0.1", 5000)


def test_udp_takes_ipv6() -> None:
    address = StreamAddress.parse("udp:[ff02::1]:5000")
    assert (address.host, address.port, address.name) == ("ff02::1", 5000, "UDP [ff02::1]:5000")


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("rtmp://live.example/app/key", "live.example", 1935),
        ("rtmp:rtmp://live.example:1936/app/key", "live.example", 1936),
        ("rtmps://live.example/app/key", "live.example", 443),
        ("rtmp://user:password@live.example/app/instance/key", "live.example", 1935),
    ],
)
def test_rtmp_has_a_host_an_application_and_a_key(text: str, host: str, port: int) -> None:
    address = StreamAddress.parse(text)
    assert (address.protocol, address.host, address.port) == ("rtmp", host, port)
    assert address.url.startswith(("rtmp://", "rtmps://"))


@pytest.mark.parametrize(
    "text",
    [
        "srt",
        "srt:",
        "srt:0",
        "srt:70000",
        "srt:²",
        "srt:host",
        "srt://host",
        "srt://host:x",
        "srt://:9000?mode=caller",
        "srt://host:9000?mode=rendezvous",
        "srt://host:9000?latency=-1",
        "srt://host:9000?latency=fast",
        "srt://host:9000?passphrase=short",
        "srt://host:9000?colour=red",
        "srt://host:9000?mode",
        "udp",
        "udp:5000",
        "udp::5000",
        "udp:127.0.0.1:0",
        "udp:127.0.0.1:5000?ttl=3",
        "rtmp",
        "rtmp:",
        "rtmp://",
        "rtmp://host",
        "rtmp://host/app",
        "rtmp://host:0/app/key",
        "rtmp:///app/key",
        "rtmp://host/app/a key",
    ],
)
def test_a_wrong_address_is_refused_on_one_line_with_an_example(text: str) -> None:
    with pytest.raises(
        UsageError, match=r"^--output (srt|udp|rtmp): .*; write for example (srt|udp|rtmp):\S+"
    ) as refused:
        StreamAddress.parse(text)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "text", ["rtmp://host/hunter22", "rtmp://user:hunter22/app/key", "rtmp://host/app/hunter22 x", "srt://h:1?hunter22"]
)
def test_a_refusal_does_not_repeat_what_may_be_secret(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        StreamAddress.parse(text)
    assert "hunter22" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "rtmp://user:hunter22@live.example/app/hunter22",
        "srt://live.example:9000?passphrase=hunter22hunter22&streamid=hunter22",
        "srt://:9000?passphrase=hunter22hunter22",
    ],
)
def test_keys_and_passphrases_are_not_shown(text: str) -> None:
    address = StreamAddress.parse(text)
    assert "hunter22" not in address.name
    assert "hunter22" not in repr(address)
    assert "hunter22" not in address.redact(f"cannot open {text}: refused {address.url} {address.stream_id}\nagain")


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_refused(rest: str) -> None:
    for protocol in ("srt", "udp", "rtmp"):
        try:
            address = StreamAddress.parse(f"{protocol}:{rest}")
        except UsageError:
            continue
        assert address.protocol == protocol
        assert 1 <= address.port <= 65535
