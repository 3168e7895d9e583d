"""Tests of processing pictures in strips of rows on several threads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial

import cv2
import pytest

from stylecam.stylize.postprocess.parallel_rows import ParallelRows, strip_rows
from stylecam.utils.resources import allowed_threads, limit_threads

WIDTH = 640


@pytest.fixture(params=[1, 2, 8])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """Allow so many threads."""
    before = allowed_threads()
    limit_threads(request.param, opencv=1)
    yield request.param
    limit_threads(before)


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


def test_every_task_is_done_once_and_the_error_of_one_is_raised(threads: int) -> None:
    done: list[int] = []
    ParallelRows().run_all([partial(done.append, task) for task in range(5)])
    assert sorted(done) == list(range(5))
    with pytest.raises(ZeroDivisionError):
        ParallelRows().run_all([lambda: 1, lambda: 1 // 0])


@pytest.mark.parametrize("width", [1, 64, 640, 4096, 100_000])
def test_the_rows_of_a_strip_are_a_multiple_of_8(width: int) -> None:
    assert strip_rows(width) >= 8
    assert strip_rows(width) % 8 == 0


def test_opencv_resizes_exactly_again_when_the_work_is_done(threads: int) -> None:
    seen: list[bool] = []
    ParallelRows().run_all([lambda: seen.append(cv2.ipp.useIPP_NotExact())] * 3)
    assert len(set(seen)) == 1  # on every thread alike
    assert not cv2.ipp.useIPP_NotExact()
