"""Tests of frames and sizes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylecam.errors import UsageError
from stylecam.media.frame import MAX_SIDE, MIN_SIDE, Frame, Size


@pytest.mark.parametrize("text", ["1280x720", " 1280 x 720 ", "1280X720", "1280×720"])
def test_a_size_is_parsed_in_several_spellings(text: str) -> None:
    assert Size.parse(text) == (1280, 720)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("720p", (1280, 720)),
        ("1080P", (1920, 1080)),
        (" 1440p", (2560, 1440)),
        ("4k", (3840, 2160)),
        ("4K", (3840, 2160)),
    ],
)
def test_a_size_has_the_name_that_screens_and_clips_have(text: str, size: tuple[int, int]) -> None:
    assert Size.parse(text) == size


@given(st.integers(MIN_SIDE // 2, MAX_SIDE // 2), st.integers(MIN_SIDE // 2, MAX_SIDE // 2))
def test_every_even_size_in_range_is_read_back_as_written(half_width: int, half_height: int) -> None:
    size = Size(2 * half_width, 2 * half_height)
    assert Size.parse(str(size)) == size


@pytest.mark.parametrize("text", ["", "1280", "1280x", "x720", "-1280x720", "12.8x720", "700p", "1280x720x3", "axb"])
def test_an_invalid_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="write for instance 1280x720"):
        Size.parse(text)


@pytest.mark.parametrize("text", ["62x64", "0x0", "4098x720", "999999x2", "100000x100000"])
def test_a_size_out_of_range_is_refused_with_the_range(text: str) -> None:
    with pytest.raises(UsageError, match=f"between {MIN_SIDE} and {MAX_SIDE}"):
        Size.parse(text)


@pytest.mark.parametrize(("text", "even"), [("641x480", "642x480"), ("640x481", "640x482"), ("641x481", "642x482")])
def test_an_odd_size_is_refused_with_the_even_one(text: str, even: str) -> None:
    with pytest.raises(UsageError, match=f"write {even}"):
        Size.parse(text)


@given(st.text(max_size=20))
def test_any_text_is_a_size_or_a_usage_error(text: str) -> None:
    try:
        size = Size.parse(text)
    except UsageError:
        return
    assert size.width % 2 == size.height % 2 == 0


def test_a_frame_has_a_size() -> None:
    assert Frame(np.zeros((72, 128, 3), np.uint8), 0, 0.0).size == Size(128, 72)


def test_a_frame_cannot_be_changed() -> None:
    frame = Frame(np.zeros((72, 128, 3), np.uint8), 0, 0.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        frame.index = 1  # type: ignore[misc]
