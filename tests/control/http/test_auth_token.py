"""The token."""

from __future__ import annotations

import re

import pytest

from stylecam.control.http.auth import check_token, new_token
from stylecam.errors import UsageError


def test_tokens_are_long_and_never_the_same() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", check_token(token)) for token in tokens)


@pytest.mark.parametrize("text", ["", "short", "with space in it", "päckchen-mit-umlaut", "a&b=c&d=e", "x" * 129])
def test_a_token_that_cannot_stand_in_an_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--token must have"):
        check_token(text)
