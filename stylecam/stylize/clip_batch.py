"""Paint many clips in many processes: segments of them at the same time, and each clip put together at the end.

A network's picture depends on its frame alone, and takes most of the time; so segments are painted in any order, by any
process. What depends on the frames before (steadiness, person, faces) is done by one process that goes through the
whole clip, takes the networks' pictures from the segments' files and encodes the result once. So the result is the one
that a single process paints, pixel for pixel, wherever the clip was cut.

The segments' files lie in the folder `RESULT.segments` until their clip is complete, for a run that goes on after this
one. All processes see the clips and the results under the same paths.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import time
import zipfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from stylecam.errors import ClusterError, SinkUnavailableError, StylecamError
from stylecam.media.video_file import VideoResult, transform_video
from stylecam.media.video_segments import Segment, expected_frames, segment_frames, split_video
from stylecam.stylize.batch import BatchItem
from stylecam.stylize.network_pictures import NetworkPictures, write_network_pictures
from stylecam.stylize.recipe import Recipe, check_visible
from stylecam.stylize.still_look import painted_style
from stylecam.utils.files import resolve_target

Progress = Callable[[float], None]
_OWN_FILE = re.compile(r"\.?(?:[0-9a-f]{16}-\d{5}\.zip|[0-9a-f]{32}\.)")
"""How the names of segments, of clips that are put together and of unfinished ones of both begin."""


@dataclass(frozen=True, slots=True)
class ClipResult:
    """The result of one clip.

    Attributes:
        item: what was to be done.
        style: the name of the style.
        seconds: from its first segment to its end.
        made: what was written; None if it failed.
        error: why it failed, in one line.
        note: what the clip has lost, to be read after its name.
    """

    item: BatchItem
    style: str
    seconds: float
    made: VideoResult | None = None
    error: str | None = None
    note: str | None = None

    @property
    def frames(self) -> int:
        """How many frames were painted."""
        return 0 if self.made is None else self.made.frames


def segments_folder(target: Path) -> Path:
    """Return where the segments of the clip `target` lie until it is complete."""
    return target.with_name(f"{target.name}.segments")


def paint_clips(
    items: Sequence[BatchItem], recipe: Recipe, executor: Executor, width: int, progress: Progress
) -> Iterator[ClipResult]:
    """Paint clips by the processes of `executor`; yield the result of each as soon as it is there.

    Args:
        items: absolute paths of clips and results.
        recipe: how to paint.
        executor: runs functions in other processes, and runs them again if one dies.
        width: how many calls to hand over at a time.
        progress: called with the share of the work done, 0..1.

    Raises:
        ClusterError: the executor failed, or one of its computers cannot take part. What is finished stays.
    """
    return _ClipBatch(items, recipe, executor, width, progress).run()


def paint_segment(recipe: Recipe, source: Path, segment: Segment, path: Path) -> None:
    """Write the networks' pictures of `segment` of the clip `source` to the file `path`; runs in any process.

    Raises:
        ClusterError: the clip or the folder cannot be seen from this computer.
        StylecamError: the clip cannot be decoded, or the engine failed.
    """
    stylist = recipe.kept_stylist()
    check_visible(source, path.parent)
    try:
        write_network_pictures(path, segment_frames(source, segment), stylist)
    except StylecamError:
        raise
    except OSError as error:
        raise SinkUnavailableError(f"{path} cannot be written: {error.strerror or error}") from error


def join_clip(recipe: Recipe, source: Path, target: Path, segments: Sequence[Path]) -> tuple[VideoResult, str | None]:
    """Write the clip `target` from the clip `source` and the files of its segments; runs in any process.

    A frame that is in none of them, because the clip was damaged or its times are wrong, is painted here.

    Returns:
        What was written, and what it has lost.
    """
    stylist, folder = recipe.stylist(), segments[0].parent
    check_visible(source, folder)
    whole = folder / f"{uuid4().hex}{target.suffix}"
    try:
        with contextlib.closing(NetworkPictures(segments)) as pictures:
            made = transform_video(
                source, whole, lambda frame: stylist.stylize(frame, None, pictures.find(frame)).image, lambda *_: None
            )
        whole.replace(resolve_target(target))
    except StylecamError:
        raise
    except zipfile.BadZipFile as error:
        raise SinkUnavailableError(f"{folder} is damaged ({error}); remove it and paint {source} again") from error
    except OSError as error:
        raise SinkUnavailableError(f"{target} cannot be written: {error.strerror or error}") from error
    finally:
        whole.unlink(missing_ok=True)
    return made, stylist.reduction_note(made.size)


class _Clip:
    """A clip in the work: its segments, and which of them still have to be painted."""

    def __init__(self, item: BatchItem, recipe: Recipe) -> None:
        self.item, self.style, self.started = item, painted_style(recipe.look), time.perf_counter()
        self.folder = segments_folder(item.target)
        segments = split_video(item.source)
        seen = item.source.stat()
        key = hashlib.sha256(f"{recipe.key} {item.source} {seen.st_size} {seen.st_mtime_ns}".encode()).hexdigest()[:16]
        self.files = [self.folder / f"{key}-{number:05}.zip" for number in range(len(segments))]
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for stale in set(_remains(self.folder)) - set(self.files):
                stale.unlink()
        except OSError as error:
            raise SinkUnavailableError(f"{self.folder} cannot be written: {error.strerror}") from error
        pairs = list(zip(segments, self.files, strict=True))
        self.todo = deque((segment, file) for segment, file in pairs if not file.exists())
        self.kept_frames = sum(segment.frames for segment, file in pairs if file.exists())
        self.frames = sum(segment.frames for segment in segments)
        self.running = 0
        self.error: str | None = None

    def result(self, made: VideoResult | None = None, note: str | None = None) -> ClipResult:
        """Return the result, and remove the folder unless it has segments that another run can use."""
        if made is not None:
            with contextlib.suppress(OSError):
                for file in _remains(self.folder):
                    file.unlink()
        self.remove_folder_if_empty()
        return ClipResult(self.item, self.style, time.perf_counter() - self.started, made, self.error, note)

    def remove_folder_if_empty(self) -> None:
        """Leave no trace of a clip of which nothing was painted."""
        with contextlib.suppress(OSError):
            self.folder.rmdir()


class _ClipBatch:
    """Hands out the work on several clips, in their order; a clip is put together before more segments are begun."""

    def __init__(
        self, items: Sequence[BatchItem], recipe: Recipe, executor: Executor, width: int, progress: Progress
    ) -> None:
        self._items, self._recipe, self._executor, self._width = deque(items), recipe, executor, width
        self._paint, self._join = partial(paint_segment, recipe), partial(join_clip, recipe)
        self._running: dict[Future[Any], tuple[_Clip, int, bool]] = {}
        self._to_join: deque[_Clip] = deque()
        self._clip: _Clip | None = None
        self._progress, self._done, self._total = progress, 0, 0

    def run(self) -> Iterator[ClipResult]:
        """Do everything, see `paint_clips`."""
        for item in self._items:
            self._total += 2 * _expected(item.source)  # a frame is painted by a network, and then finished
        try:
            while True:
                while len(self._running) < self._width and (self._clip or self._items or self._to_join):
                    failed = self._hand_out()
                    if failed is not None:
                        yield failed
                if not self._running:
                    return
                ended, _ = wait(self._running, return_when=FIRST_COMPLETED)
                for future in ended:
                    result = self._take_in(future)
                    if result is not None:
                        yield result
        finally:
            for clip, *_ in self._running.values():
                clip.remove_folder_if_empty()

    def _hand_out(self) -> ClipResult | None:
        """Begin the next piece of work; return the result of a clip that cannot be begun."""
        if self._to_join:
            clip = self._to_join.popleft()
            future = self._executor.submit(self._join, clip.item.source, clip.item.target, tuple(clip.files))
            self._running[future] = clip, clip.frames, True
        elif self._clip is None:
            item = self._items.popleft()
            expected = _expected(item.source)
            try:
                clip = self._clip = _Clip(item, self._recipe)
            except StylecamError as error:
                self._total -= 2 * expected
                return ClipResult(item, painted_style(self._recipe.look), 0.0, error=str(error))
            self._total += 2 * (clip.frames - expected) - clip.kept_frames
            self._close_if_handed_out(clip)
        else:
            clip = self._clip
            segment, file = clip.todo.popleft()
            clip.running += 1
            painting = self._executor.submit(self._paint, clip.item.source, segment, file)
            self._running[painting] = clip, segment.frames, False
            self._close_if_handed_out(clip)
        return None

    def _close_if_handed_out(self, clip: _Clip) -> None:
        if clip.todo:
            return
        if self._clip is clip:
            self._clip = None
        if not clip.running and clip.error is None:
            self._to_join.append(clip)

    def _take_in(self, future: Future[Any]) -> ClipResult | None:
        """Take the outcome of a piece of work; return the result of a clip that ends with it."""
        clip, frames, joined = self._running.pop(future)
        self._done += frames
        try:
            outcome = future.result()
        except ClusterError:
            raise
        except StylecamError as error:
            clip.error = clip.error or str(error)
            clip.todo.clear()
        if joined:
            if clip.error is not None:
                return clip.result()
            self._report()
            return clip.result(*outcome)
        clip.running -= 1
        self._close_if_handed_out(clip)
        self._report()
        return clip.result() if clip.error is not None and not clip.running else None

    def _report(self) -> None:
        self._progress(min(1.0, self._done / max(1, self._total)))


def _remains(folder: Path) -> list[Path]:
    """Return what runs have written into the folder of segments; anything else in there is not ours to remove."""
    return [path for path in folder.iterdir() if _OWN_FILE.match(path.name)]


def _expected(path: Path) -> int:
    try:
        return expected_frames(path)
    except StylecamError:
        return 0
