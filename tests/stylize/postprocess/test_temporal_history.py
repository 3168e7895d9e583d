"""Tests of processing pictures in strips of rows on several threads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from stylecam.stylize.postprocess.temporal_history import ParallelRows, resized_rows, strip_rows

WIDTH = 640


@pytest.fixture(params=[1, 2, 8])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """Set OpenCV's number of threads."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(request.param)
    yield request.param
    cv2.setNumThreads(before)


def strips_of(height: int, width: int = WIDTH) -> list[slice]:
    step = strip_rows(width)
    return [slice(top, min(height, top + step)) for top in range(0, height, step)]


@pytest.mark.parametrize("height", [1, 8, 143, 720, 2160])
def test_every_row_is_processed_once(threads: int, height: int) -> None:
    rows: list[int] = []
    ParallelRows().run(height, WIDTH, lambda count: [None] * count, lambda strip, _: rows.extend(range(height)[strip]))
    assert sorted(rows) == list(range(height))


def test_each_thread_has_its_own_scratch_memory(threads: int) -> None:
    allocated: list[list[int]] = []
    used: Counter[int] = Counter()

    def scratch(count: int) -> list[int]:
        allocated.append(list(range(count)))
        return allocated[-1]

    ParallelRows().run(2160, WIDTH, scratch, lambda _, scratch_index: used.update([scratch_index]))
    assert len(allocated) == 1
    assert 1 <= len(allocated[0]) <= threads
    assert set(used) <= set(allocated[0])
    assert sum(used.values()) == len(strips_of(2160))


def test_an_error_in_one_strip_is_raised_and_the_next_picture_is_processed(threads: int) -> None:
    strips = ParallelRows()

    def fail(strip: slice, _: None) -> None:
        raise ValueError(f"rows from {strip.start}")

    with pytest.raises(ValueError, match="rows from"):
        strips.run(2160, WIDTH, lambda count: [None] * count, fail)
    rows: list[int] = []
    strips.run(2160, WIDTH, lambda count: [None] * count, lambda strip, _: rows.append(strip.start))
    assert sorted(rows) == [strip.start for strip in strips_of(2160)]


@pytest.mark.parametrize("width", [1, 64, 640, 4096, 100_000])
def test_the_rows_of_a_strip_are_a_multiple_of_8(width: int) -> None:
    assert strip_rows(width) >= 8
    assert strip_rows(width) % 8 == 0


@pytest.mark.parametrize("factor", [1, 2, 4])
@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_strips_are_resized_as_the_whole_is(factor: int, kind: type[np.uint16] | type[np.float32]) -> None:
    size = 720, WIDTH
    values = np.random.default_rng(3).uniform(0, 250, (size[0] // factor, size[1] // factor))
    small: npt.NDArray[np.uint16 | np.float32] = values.astype(kind)
    whole = cv2.resize(small, size[::-1])
    for strip in strips_of(size[0]):
        assert np.allclose(resized_rows(small, strip, *size), whole[strip], atol=1 if kind is np.uint16 else 1e-3)


def test_sizes_that_do_not_divide_are_resized_too() -> None:
    small = np.random.default_rng(3).uniform(0, 250, (35, 25)).astype(np.float32)
    whole = cv2.resize(small, (101, 143))
    for strip in (slice(0, 64), slice(64, 143)):
        assert np.allclose(resized_rows(small, strip, 143, 101), whole[strip], atol=1e-3)
