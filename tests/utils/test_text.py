"""Tests of text as people read and write it."""

from __future__ import annotations

import pytest

from stylecam.utils.text import read_share


@pytest.mark.parametrize(("text", "share"), [("0.8", 0.8), ("80%", 0.8), (" 80 % ", 0.8), ("100%", 1.0), ("0%", 0.0)])
def test_a_share_is_a_number_or_a_percentage(text: str, share: float) -> None:
    assert read_share(text) == share


@pytest.mark.parametrize("text", ["", "%", "80%%", "half", "80 percent"])
def test_anything_else_is_no_share(text: str) -> None:
    with pytest.raises(ValueError, match="float"):
        read_share(text)
