"""Cutting an axis into tiles."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylecam.stylize.tiling import Span, spans


@given(st.integers(1, 2000), st.integers(5, 40), st.integers(0, 2))
def test_what_is_kept_covers_the_axis_once_far_from_every_cut(length: int, tile: int, margin: int) -> None:
    length, tile, margin = 8 * length, 8 * tile, 8 * margin
    made = spans(length, tile, margin)
    assert [span.first for span in made] == [0, *(span.last for span in made[:-1])]
    assert made[-1].last == length
    for span in made:
        assert 0 <= span.start <= span.first < span.last <= span.end <= length
        assert span.start % 8 == 0
        assert span.end - span.start == min(tile, length)
        assert span.first - span.start >= margin or span.start == 0
        assert span.end - span.last >= margin or span.end == length


@pytest.mark.parametrize("length", [8, 1280])
def test_a_short_axis_is_one_tile(length: int) -> None:
    assert spans(length, 1280, 128) == (Span(0, length, 0, length),)
