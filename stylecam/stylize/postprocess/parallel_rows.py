"""Work through pictures strip by strip, on several threads.

An operation on a whole picture fetches it from memory and writes it back; a strip stays in the processor's cache from
the first operation to the last. OpenCV and numpy release the interpreter while they work, so plain threads suffice. A
strip is too small for OpenCV to split it once more among its own threads, which spin for a while after each operation.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

import cv2

from stylecam.utils.resources import allowed_threads

_STRIP_PIXELS = 90000
"""Pixels in a strip, at most. With smaller ones threads wait for the interpreter; OpenCV splits those of 98304."""
_ROW_UNIT = 8
"""The rows of a strip are a multiple of this, so that pictures of a half, quarter and eighth size have strips too."""
_MAX_THREADS = 4
"""Threads that work at once, the caller's included. More would wait for one another."""

_WorkT = TypeVar("_WorkT")
_ScratchT = TypeVar("_ScratchT")


class ParallelRows:
    """Works through pictures for one thread, with the help of as many as it may have (`allowed_threads`)."""

    def __init__(self) -> None:
        self._helpers = ThreadPoolExecutor(_MAX_THREADS - 1, "strips")

    def run(
        self,
        height: int,
        width: int,
        scratch: Callable[[int], list[_ScratchT]],
        work: Callable[[slice, _ScratchT], None],
    ) -> None:
        """Call `work` with the rows of each strip of height×width; each thread has one of `scratch(threads)` to itself.

        What a call raises is raised here, when all have ended.
        """
        step = strip_rows(width)
        strips = deque(slice(top, min(height, top + step)) for top in range(0, height, step))
        self._share_out(strips, scratch(_threads(len(strips))), work)

    def run_all(self, tasks: Sequence[Callable[[], object]]) -> None:
        """Call all `tasks`, each on one of the threads; what one raises is raised here, when all have ended."""
        self._share_out(deque(tasks), [None] * _threads(len(tasks)), lambda task, _: task())

    def _share_out(
        self, todo: deque[_WorkT], scratches: list[_ScratchT], work: Callable[[_WorkT, _ScratchT], object]
    ) -> None:
        """Call `work` with each of `todo`, on as many threads as there are `scratches`, the caller's included."""

        def take(scratch: _ScratchT) -> None:
            with faster_resizing():
                while todo:
                    try:
                        piece = todo.popleft()
                    except IndexError:  # another thread was faster
                        return
                    work(piece, scratch)

        own, *others = scratches
        helping = [self._helpers.submit(take, other) for other in others]
        try:
            take(own)
        finally:
            todo.clear()
            wait(helping)
        for helper in helping:
            helper.result()


@contextlib.contextmanager
def faster_resizing() -> Iterator[None]:
    """Let OpenCV resize with Intel's library where it has it: a third faster, off by one level at most.

    The setting is the calling thread's own.
    """
    before = cv2.ipp.useIPP_NotExact()
    cv2.ipp.setUseIPP_NotExact(True)
    try:
        yield
    finally:
        cv2.ipp.setUseIPP_NotExact(before)


def _threads(pieces: int) -> int:
    return max(1, min(_MAX_THREADS, allowed_threads(), pieces))


def strip_rows(width: int) -> int:
    """Return how many rows a strip of a picture of `width` has, at most."""
    return max(_ROW_UNIT, _STRIP_PIXELS // width // _ROW_UNIT * _ROW_UNIT)
