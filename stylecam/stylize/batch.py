"""Stylize many image files: plan which file becomes which, and report the result of each."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stylecam.errors import StylecamError, UsageError
from stylecam.media import image_file, video_file, video_segments
from stylecam.media.frame import Size
from stylecam.media.image_file import ImageFile
from stylecam.media.transforms import resize
from stylecam.stylize.image import Stylist
from stylecam.stylize.recipe import Recipe, check_visible
from stylecam.utils.resources import lacks_memory

Progress = Callable[[float], None]


class FileKind(NamedTuple):
    """A kind of files that are painted.

    Attributes:
        name: what people call several of them.
        suffixes: those of the files that count as such in a folder.
        result_suffix: returns the suffix of the result for a file.
        check_target: raises if such a result cannot be written.
    """

    name: str
    suffixes: frozenset[str]
    result_suffix: Callable[[Path], str]
    check_target: Callable[[Path], object]


PICTURES = FileKind("pictures", image_file.READABLE_SUFFIXES, image_file.result_suffix, image_file.check_suffix)
CLIPS = FileKind("clips", video_segments.SUFFIXES, video_file.result_suffix, video_file.check_target)


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One file to stylize and the file to write; `data` is the encoded image where it lies in no file."""

    source: Path
    target: Path
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The result of one item: its size or an error, never both.

    Attributes:
        item: what was to be done.
        seconds: how long it took.
        size: of the written image.
        error: why there is none, in one line.
        notes: what the image has lost, each to be read after its name.
    """

    item: BatchItem
    seconds: float
    size: Size | None = None
    error: str | None = None
    notes: tuple[str, ...] = ()


def plan(
    sources: Sequence[Path], output: Path, overwrite: bool = False, kind: FileKind = PICTURES
) -> tuple[BatchItem, ...]:
    """Plan which file becomes which; nothing is read or written.

    A single file becomes the file `output`, or one of its name in the folder `output` (one that exists, or written with
    no suffix). Several files, and what lies in folders at any depth, go to the folder `output`, a folder's tree kept.

    Raises:
        UsageError: nothing to paint, two sources for one name, a result that exists already, or a suffix that
            cannot be written.
    """
    several = len(sources) > 1 or any(source.is_dir() for source in sources)
    if several and (output.is_file() or (output.suffix and not output.is_dir())):
        raise UsageError(f"{output} would be one file, and several {kind.name} are to be painted; name a folder")
    folder = several or output.is_dir() or not output.suffix
    items = [item for source in sources for item in _items(source, output, folder, kind)]
    if not items:
        raise UsageError(
            f"{', '.join(map(str, sources))}: no {kind.name} in there ({', '.join(sorted(kind.suffixes))})"
        )
    targets: dict[Path, BatchItem] = {}
    for item in items:
        kind.check_target(item.target)
        twin = targets.setdefault(item.target, item)
        if twin is not item:
            raise UsageError(f"{twin.source} and {item.source} would both become {item.target}; paint them one by one")
    there = [item.target for item in items if item.target.exists()]
    if there and not overwrite:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise UsageError(f"{there[0]}{more} is there already; --overwrite replaces it, --skip-existing keeps it")
    return tuple(items)


def pending(items: Iterable[BatchItem]) -> tuple[BatchItem, ...]:
    """Return the items whose results are not there yet."""
    return tuple(item for item in items if not item.target.exists())


def paint(
    items: Iterable[BatchItem], stylist: Stylist, max_size: int | None, progress: Progress
) -> Iterator[BatchResult]:
    """Stylize every item; one that fails is reported as such, and the others go on.

    Args:
        items: as `plan` returns them.
        stylist: stylizes them.
        max_size: images with a longer side, in pixels, are reduced to it first.
        progress: called with 0..1 while one image is stylized.
    """
    for item in items:
        started = time.perf_counter()
        size: Size | None = None
        error: str | None = None
        notes: tuple[str, ...] = ()
        try:
            data = item.source if item.data is None else item.data
            picture = painted(ImageFile.read(data), stylist, max_size, progress)
            item.target.parent.mkdir(parents=True, exist_ok=True)
            picture.write(item.target)
            size, notes = Size(picture.image.shape[1], picture.image.shape[0]), picture.notes
        except StylecamError as failure:
            error = str(failure)
        except OSError as failure:
            error = f"{item.target} cannot be written: {failure.strerror or failure}"
        except Exception as failure:
            if not lacks_memory(failure):
                raise
            error = f"{item.source} does not fit into memory; make it smaller with --max-size"
        yield BatchResult(item, time.perf_counter() - started, size, error, notes)


def paint_apart(
    items: Sequence[BatchItem], recipe: Recipe, max_size: int | None, executor: Executor, width: int
) -> Iterator[BatchResult]:
    """Stylize every item by the processes of `executor`, as `paint` does; yield the results as they come.

    Args:
        items: absolute paths, which all processes see.
        recipe: how to paint.
        max_size: as for `paint`.
        executor: runs functions in other processes.
        width: how many calls to hand over at a time.

    Raises:
        ClusterError: the executor failed, or one of its computers cannot take part. What is painted stays.
        UsageError: the folder of the results cannot be written.
    """
    waiting, running = list(reversed(items)), set[Future[BatchResult]]()
    with _shared_folder(items) as shared:
        function = partial(paint_one, recipe, max_size, shared)
        while waiting or running:
            while waiting and len(running) < width:
                running.add(executor.submit(function, waiting.pop()))
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in ended)


def paint_one(recipe: Recipe, max_size: int | None, shared: Path, item: BatchItem) -> BatchResult:
    """Stylize one item in any process; `shared` is there where its results are seen. Raises as `paint_apart`."""
    check_visible(item.source, shared)
    return next(paint([item], recipe.kept_stylist(), max_size, lambda _: None))


@contextlib.contextmanager
def _shared_folder(items: Sequence[BatchItem]) -> Iterator[Path]:
    """Make an empty folder beside the results, by which other computers tell that they see the same place."""
    place = items[0].target.parent
    try:
        place.mkdir(parents=True, exist_ok=True)
        shared = Path(tempfile.mkdtemp(prefix=".stylecam-", dir=place))
    except OSError as error:
        raise UsageError(f"{place} cannot be written: {error.strerror}; choose another place") from error
    try:
        yield shared
    finally:
        with contextlib.suppress(OSError):
            shared.rmdir()


def painted(
    picture: ImageFile, stylist: Stylist, max_size: int | None = None, progress: Progress | None = None
) -> ImageFile:
    """Stylize the image of `picture` and return that very object, so that a large one lies in memory once."""
    longer = max(picture.image.shape[:2])
    if max_size is not None and longer > max_size:
        height, width = (max(1, round(side * max_size / longer)) for side in picture.image.shape[:2])
        picture.image = resize(picture.image, Size(width, height))
        if picture.alpha is not None:
            picture.alpha = resize(picture.alpha, Size(width, height))
    limit = stylist.reduction_note(Size(picture.image.shape[1], picture.image.shape[0]))
    picture.notes += () if limit is None else (limit,)
    styled = stylist.stylize(picture.image, progress)
    picture.image = styled.image
    picture.notes += () if styled.note is None else (styled.note,)
    if styled.alpha is not None:
        picture.alpha = styled.alpha if picture.alpha is None else np.minimum(picture.alpha, styled.alpha)
    return picture


def _items(source: Path, output: Path, folder: bool, kind: FileKind) -> Iterator[BatchItem]:
    if not source.is_dir():
        yield BatchItem(source, output / _writable(source.name, kind) if folder else output)
        return
    results = output.resolve()
    inside = source.resolve() in results.parents
    for path in image_file.files_in(source, kind.suffixes):
        if inside and results in path.resolve().parents:
            continue  # what an earlier run painted, with the results inside the folder of pictures
        yield BatchItem(path, output / path.relative_to(source).parent / _writable(path.name, kind))


def _writable(name: str, kind: FileKind) -> str:
    """Return `name`, with another suffix appended if its format can only be read."""
    path = Path(name)
    suffix = kind.result_suffix(path)
    return name if suffix == path.suffix else f"{name}{suffix}"
