"""Stylize many image files: plan which file becomes which, and tell the result of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stylecam.errors import StylecamError, UsageError
from stylecam.media.frame import Size
from stylecam.media.image_file import READABLE_SUFFIXES, ImageFile, check_suffix
from stylecam.media.transforms import resize
from stylecam.stylize.image import Stylist

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One image to stylize and the file to write; `data` is the encoded image where it lies in no file."""

    source: Path
    target: Path
    data: bytes | None = None


@dataclass(frozen=True, slots=True)
class BatchResult:
    """The result of one item: its size or an error, never both.

    Attributes:
        job: the item.
        seconds: how long it took.
        size: of the written image.
        error: why there is none, in one line.
        notes: what of the image is lost, to be read after its name.
    """

    job: BatchItem
    seconds: float
    size: Size | None = None
    error: str | None = None
    notes: tuple[str, ...] = ()


def plan(sources: Sequence[Path], output: Path, overwrite: bool = False) -> tuple[BatchItem, ...]:
    """Plan which file becomes which; nothing is read or written.

    A single file becomes the file `output`, or one of its name in the folder `output` (one that exists, or written with
    no suffix). Several files, and what lies in folders at any depth, go to the folder `output`, a folder's tree kept.

    Raises:
        UsageError: nothing to paint, two pictures for one name, a result that is there already, or a suffix that
            cannot be written.
    """
    several = len(sources) > 1 or any(source.is_dir() for source in sources)
    if several and (output.is_file() or (output.suffix and not output.is_dir())):
        raise UsageError(f"{output} would be one file, and several pictures are to be painted; name a folder")
    folder = several or output.is_dir() or not output.suffix
    jobs = [job for source in sources for job in _jobs(source, output, folder)]
    if not jobs:
        raise UsageError(
            f"{', '.join(map(str, sources))}: no pictures in there ({', '.join(sorted(READABLE_SUFFIXES))})"
        )
    targets: dict[Path, BatchItem] = {}
    for job in jobs:
        check_suffix(job.target)
        twin = targets.setdefault(job.target, job)
        if twin is not job:
            raise UsageError(f"{twin.source} and {job.source} would both become {job.target}; paint them one by one")
    there = [job.target for job in jobs if job.target.exists()]
    if there and not overwrite:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise UsageError(f"{there[0]}{more} is there already; --overwrite replaces it, --skip-existing keeps it")
    return tuple(jobs)


def pending(jobs: Iterable[BatchItem]) -> tuple[BatchItem, ...]:
    """Return the items whose results are not there yet."""
    return tuple(job for job in jobs if not job.target.exists())


def paint(
    jobs: Iterable[BatchItem], painter: Stylist, max_size: int | None, progress: Progress
) -> Iterator[BatchResult]:
    """Stylize every item; one that fails is reported as such, and the others go on.

    Args:
        jobs: as `plan` gives them.
        painter: paints them.
        max_size: pictures with a longer side are made smaller first; the result then has that size.
        progress: called with 0..1 while one picture is painted.
    """
    for job in jobs:
        started = time.perf_counter()
        try:
            picture = painted(ImageFile.read(job.source if job.data is None else job.data), painter, max_size, progress)
            size = Size(picture.image.shape[1], picture.image.shape[0])
            job.target.parent.mkdir(parents=True, exist_ok=True)
            picture.write(job.target)
        except StylecamError as error:
            yield BatchResult(job, time.perf_counter() - started, error=str(error))
        except OSError as error:
            reason = f"{job.target} cannot be written: {error.strerror or error}"
            yield BatchResult(job, time.perf_counter() - started, error=reason)
        except MemoryError:
            reason = f"{job.source} does not fit into memory; make it smaller with --max-size"
            yield BatchResult(job, time.perf_counter() - started, error=reason)
        else:
            yield BatchResult(job, time.perf_counter() - started, size=size, notes=picture.notes)


def painted(
    picture: ImageFile, painter: Stylist, max_size: int | None = None, progress: Progress | None = None
) -> ImageFile:
    """Stylize the image of `picture` and return that very object, so that a large one lies in memory once."""
    longer = max(picture.image.shape[:2])
    if max_size is not None and longer > max_size:
        height, width = (max(1, round(side * max_size / longer)) for side in picture.image.shape[:2])
        picture.image = resize(picture.image, Size(width, height))
        if picture.alpha is not None:
            picture.alpha = resize(picture.alpha, Size(width, height))
    limit = painter.reduction_note(Size(picture.image.shape[1], picture.image.shape[0]))
    picture.notes += () if limit is None else (limit,)
    picture.image = painter(picture.image, progress)
    return picture


def _jobs(source: Path, output: Path, folder: bool) -> Iterator[BatchItem]:
    if not source.is_dir():
        yield BatchItem(source, output / _writable(source.name) if folder else output)
        return
    results = output.resolve()
    inside = source.resolve() in results.parents
    for path in sorted(source.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(source).parts)  # thumbnail caches among them
        if path.suffix.lower() not in READABLE_SUFFIXES or not path.is_file() or hidden:
            continue
        if inside and results in path.resolve().parents:
            continue  # what an earlier run painted, with the results inside the folder of pictures
        yield BatchItem(path, output / path.relative_to(source).parent / _writable(path.name))


def _writable(name: str) -> str:
    """`name`, with .png after it where that format is only read."""
    try:
        check_suffix(Path(name))
    except UsageError:
        return f"{name}.png"
    return name
