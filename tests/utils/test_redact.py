"""Passwords, tokens and stream keys in URLs, wherever they stand in a text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylecam.utils.redact import redact

SECRETS = st.text(st.characters(codec="utf-8", exclude_categories=("Z", "C")), min_size=6, max_size=20).filter(
    lambda text: not any(text in known for known in ("rtsp://camera.example:554/live/main.sdp?x=1", "viewer***"))
)
HOSTS = st.sampled_from(["camera.example", "192.0.2.7", "[2001:db8::1]", "127.0.0.1:8554"])
PATHS = st.sampled_from(["", "/", "/live", "/live/main.sdp", "/live?channel=1", "/h264#t"])
AROUND = st.sampled_from(
    ["{}", "{} cannot be opened; check the address", "--camera {}: refused", "see <{} >, or '{} '"]
)
PLAIN = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_%.~", min_size=6, max_size=20)


@given(st.sampled_from(["rtsp", "http", "https", "ws", "RTSP", "srt"]), PLAIN, SECRETS, HOSTS, PATHS, AROUND)
def test_no_password_is_left_whatever_is_in_it(
    scheme: str, user: str, password: str, host: str, path: str, around: str
) -> None:
    shown = redact(around.format(*[f"{scheme}://{user}:{password}@{host}{path}"] * 2))
    assert password not in shown
    assert f"***@{host}{path}" in shown


@given(SECRETS.filter(lambda text: "@" not in text), HOSTS)
def test_a_password_without_a_user_is_hidden(password: str, host: str) -> None:
    assert redact(f"ws://:{password}@{host}") == f"ws://***@{host}"


@given(st.sampled_from(["rtmp", "rtmps", "RTMP"]), HOSTS, PLAIN)
def test_no_stream_key_is_left(scheme: str, host: str, key: str) -> None:
    assert redact(f"{scheme}://{host}/live2/{key} is away") == f"{scheme}://{host}/live2/*** is away"
    assert redact(f"{scheme}://{host}/live2/x/{key}?a=b") == f"{scheme}://{host}/live2/***"
    assert redact(f"{scheme}://{host}/{key}") == f"{scheme}://{host}/***"


@given(
    st.sampled_from(["token", "access_token", "passphrase", "password", "key", "streamid", "Signature"]), PLAIN, HOSTS
)
def test_no_secret_parameter_is_left(name: str, value: str, host: str) -> None:
    assert redact(f"http://{host}/a?x=1&{name}={value}&y=2") == f"http://{host}/a?x=1&{name}=***&y=2"


@pytest.mark.parametrize(
    "text",
    ["", "no camera is called 'x'", "http://127.0.0.1:8765/", "rtsp://192.0.2.7/live", "mail me@example.org",
     "https://example.org/@artist", "file:talk.mp4", "rtmp://host", "srt://host:9000?mode=caller"],
)  # fmt: skip
def test_a_text_without_a_secret_stays_as_it_is(text: str) -> None:
    assert redact(text) == text
