"""Pictures worked through strip by strip, on several threads, instead of operation by operation.

An operation on a whole picture fetches it from memory and writes it back; a strip stays in the processor's cache from
the first operation to the last. OpenCV and numpy let go of the interpreter while they work, so plain threads suffice,
and a strip is too small for OpenCV to split it once more among its own, which go on spinning for a while after each.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, TypeVar, cast

import cv2
import numpy as np
import numpy.typing as npt

_PIXELS = 90000
"""In a strip, at most. Where they are smaller, threads wait for the interpreter; OpenCV splits those of 98304."""
_UNIT = 8
"""Of which the rows of a strip are a multiple, so that pictures of a half, quarter and eighth size have strips too."""
_MOST = 4
"""Threads. More would wait for one another."""

_Scratch = TypeVar("_Scratch")
_Values = TypeVar("_Values", bound="npt.NDArray[np.integer[Any] | np.floating[Any]]")


class ParallelRows:
    """Works through pictures for one thread, which is helped by as many as OpenCV may have (`cv2.setNumThreads`)."""

    def __init__(self) -> None:
        self._helpers = ThreadPoolExecutor(_MOST - 1, "strips")

    def each(
        self, height: int, width: int, scratch: Callable[[int], list[_Scratch]], work: Callable[[slice, _Scratch], None]
    ) -> None:
        """Call `work` with the rows of each strip of height×width; each thread has one of `scratch(threads)` to itself.

        What a call raises is raised here, when all have ended.
        """
        step = rows(width)
        todo = deque(slice(top, min(height, top + step)) for top in range(0, height, step))
        own, *others = scratch(max(1, min(_MOST, cv2.getNumThreads(), len(todo))))

        def take(with_: _Scratch) -> None:
            while todo:
                try:
                    strip = todo.popleft()
                except IndexError:  # another thread was faster
                    return
                work(strip, with_)

        helping = [self._helpers.submit(take, other) for other in others]
        try:
            take(own)
        finally:
            todo.clear()
            wait(helping)
        for helper in helping:
            helper.result()


def rows(width: int) -> int:
    """How many rows a strip of a picture of `width` has, at most."""
    return max(_UNIT, _PIXELS // width // _UNIT * _UNIT)


def part(strip: slice, height: int, small: int) -> slice:
    """The rows of a picture `small` rows high which the rows `strip` are made of when it is resized to `height`."""
    step = height / small
    return slice(max(0, int(strip.start / step) - 1), min(small, math.ceil(strip.stop / step) + 1))


def enlarged(small: _Values, strip: slice, height: int, width: int) -> _Values:
    """The rows `strip` of `small` (h×w×any), bilinearly resized to height×width."""
    factor, rest = divmod(height, len(small))
    if rest:  # no part of it would do
        return cast(_Values, cv2.resize(small, (width, height))[strip])
    taken = part(strip, height, len(small))
    made = cv2.resize(small[taken], (width, (taken.stop - taken.start) * factor))
    return cast(_Values, made[strip.start - taken.start * factor : strip.stop - taken.start * factor])
