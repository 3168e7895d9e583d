"""Own styles: a picture of the user and the rows of norm parameters that were learned from it, as a small file.

A `.style` file is a zip archive whose members are stored uncompressed: `style.json` with name, title, artist, licence
and the minutes of training of each entry; `picture.jpg`, from which rows for other bodies can be learned; and for each
body `rows/DIGEST.npy`, sizes of strokes × values as float16. The body is the network without its rows, see
`stylecam.models.rewrite.style_rows`. Whatever a file holds, reading it takes no more memory than a few times its size.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import re
import zipfile
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from stylecam.errors import ModelFormatError, StyleNotFoundError
from stylecam.models.card import slug
from stylecam.models.onnx.proto import FloatArray
from stylecam.utils.file_lock import lock
from stylecam.utils.files import write_bytes
from stylecam.utils.message import Message
from stylecam.utils.text import printable

SUFFIX = ".style"
MAX_FILE_BYTES = 8 * 2**20
PICTURE_SIDE = 1024
"""The most pixels of the short side of the picture in a file."""
MAX_NAME_LENGTH = 100
MAX_TEXT_LENGTH = 200
"""The most letters of a title, an artist or a licence."""
_FORMAT = 1
_MAX_BODIES = 64
_MAX_SIZES = 4
_MAX_VALUES = 2**16
_MAX_MINUTES = 10**6
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NPY_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '<f2', 'fortran_order': False, 'shape': \((\d{1,2}), (\d{1,6})\), \} *\n",
    re.DOTALL,
)
"""The only header that is read: NumPy's own would be evaluated as Python, whatever its size."""
_JPEG_START = b"\xff\xd8\xff"
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of every member, so that equal styles are equal files."""
_DAMAGE_ERRORS = (OSError, ValueError, KeyError, EOFError, NotImplementedError, RuntimeError, zipfile.BadZipFile)
"""What `zipfile` and `json` raise for damaged files."""


@dataclass(frozen=True)
class LearnedRows:
    """The rows of a style for one body.

    Attributes:
        values: float32, sizes of strokes × values, in the layout of `StyleRows.vectors`.
        minutes: how long they were trained; 0.0 for a first draft by the predictor.
    """

    values: FloatArray = field(repr=False)
    minutes: float = 0.0


@dataclass(frozen=True)
class OwnStyle:
    """A style of the user: a picture and what was learned from it.

    Attributes:
        name: as the command line calls it, see `stylecam.models.card.slug`.
        title: the picture's title.
        artist: who made it, or `unknown`.
        licence: the licence of the picture and of what was learned from it, or `unknown`.
        picture: the picture as JPEG, its short side at most `PICTURE_SIDE` pixels; empty where it is not known, as in
            the styles of banks of earlier versions.
        rows: what was learned, by the digest of the body.
        year: the year of the picture, where it is known exactly.
        source: where it was found.
    """

    name: str
    title: str
    artist: str
    licence: str
    picture: bytes = field(repr=False)
    rows: Mapping[str, LearnedRows] = field(default_factory=lambda: MappingProxyType({}))
    year: int | None = None
    source: str = ""

    @classmethod
    def read(cls, path: Path) -> OwnStyle:
        """Read and check the file `path`. The picture in it is not decoded; who decodes it must limit its size.

        Raises:
            ModelFormatError: missing, unreadable, damaged, too large or of a later format.
        """
        try:
            if not path.is_file():
                reason = "it is not a regular file" if path.exists() else "there is no such file"
                raise ModelFormatError(f"{path} cannot be read: {reason}")
            with path.open("rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            raise ModelFormatError(f"{path} cannot be read: {error.strerror or error}") from error
        return cls.parse(path, data)

    @classmethod
    def parse(cls, name: Path | str, data: bytes) -> OwnStyle:
        """Check `data`, the content of a file that messages call `name`, as `read` does."""
        if len(data) > MAX_FILE_BYTES:
            raise ModelFormatError(f"{name} is larger than {MAX_FILE_BYTES >> 20} MB; a style file is smaller")
        try:
            return cls._unpack(data)
        except _LaterFormatError as error:
            raise ModelFormatError(
                Message("{path} was written by a later stylecam; update stylecam to use it", path=name)
            ) from error
        except _DAMAGE_ERRORS as error:
            raise ModelFormatError(
                Message(
                    "{path} is not a style file, or a damaged one: {reason}; ask for it again",
                    path=name,
                    reason=printable(str(error)),
                )
            ) from error

    def write(self, path: str | Path) -> None:
        """Write to `path`, whole or not at all.

        Raises:
            OSError: the folder is missing or cannot be written, or the disk is full.
        """
        write_bytes(Path(path), self.encode())

    def encode(self) -> bytes:
        """Return the content of the file."""
        described = {
            "format": _FORMAT, "name": self.name, "title": self.title, "artist": self.artist, "licence": self.licence,
            "year": self.year, "source": self.source,
            "minutes": {body: learned.minutes for body, learned in self.rows.items()},
        }  # fmt: skip
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:  # stored: neither pictures nor rows get smaller
            _add(archive, "style.json", json.dumps(described, indent=2, ensure_ascii=False).encode())
            if self.picture:
                _add(archive, "picture.jpg", self.picture)
            for body, learned in self.rows.items():
                member = io.BytesIO()
                np.save(member, learned.values.astype("<f2"), allow_pickle=False)
                _add(archive, f"rows/{body}.npy", member.getvalue())
        return packed.getvalue()

    def with_rows(self, body: str, learned: LearnedRows) -> OwnStyle:
        """Return the style with `learned` for the body of this digest; what was learned for others stays."""
        return replace(self, rows={**self.rows, body: learned})

    @classmethod
    def _unpack(cls, data: bytes) -> OwnStyle:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            described = json.loads(_member(archive, "style.json"))
            if not isinstance(described, dict) or not isinstance(described.get("format"), int):
                raise ValueError("style.json describes no style")
            if described["format"] > _FORMAT:
                raise _LaterFormatError
            minutes = described.get("minutes")
            if not isinstance(minutes, dict) or len(minutes) > _MAX_BODIES:
                raise ValueError("style.json lists no rows, or too many")
            rows = {}
            for body, trained in minutes.items():
                if not _DIGEST.fullmatch(body):
                    raise ValueError("the digest of a body is invalid")
                values = _read_rows(_member(archive, f"rows/{body}.npy"))
                rows[body] = LearnedRows(values, _checked_minutes(trained))
            picture = _member(archive, "picture.jpg") if "picture.jpg" in archive.namelist() else b""
        if picture and not picture.startswith(_JPEG_START):
            raise ValueError("picture.jpg is no JPEG picture")
        name, year = _text(described, "name"), described.get("year")
        if name != slug(name) or len(name) > MAX_NAME_LENGTH:
            raise ValueError(f"{name[:MAX_NAME_LENGTH]!r} is not a style's name")
        title, artist, licence = (_text(described, key) for key in ("title", "artist", "licence"))
        is_year = isinstance(year, int) and not isinstance(year, bool)
        source = _text(described, "source") if "source" in described else ""
        return cls(name, title, artist, licence, picture, rows, year if is_year else None, source)


def short_name(text: str, number: int = 1) -> str:
    """Return a name for a style called `text`: a slug, not too long for a file; from 2 on it ends in `number`."""
    end = "" if number == 1 else f"_{number}"
    return slug(text)[: MAX_NAME_LENGTH - len(end)].rstrip("_") + end


def free_name(text: str, taken: Container[str]) -> str:
    """Return the first name for a style called `text` that is not `taken`, see `short_name`."""
    return next(name for number in itertools.count(1) if (name := short_name(text, number)) not in taken)


@contextlib.contextmanager
def changing(path: Path) -> Iterator[None]:
    """Let no other process change or remove the style in `path`, nor any beside it, between reading and writing it.

    Where folders cannot be locked, as on Windows, nobody waits for anybody.
    """
    with contextlib.ExitStack() as closing:
        with contextlib.suppress(OSError):
            descriptor = os.open(path.parent, os.O_RDONLY)
            closing.callback(os.close, descriptor)
            lock(descriptor)
        yield


def find_own_style(folder: Path, name: str) -> Path:
    """Return the file of the own style `name` in `folder`.

    Raises:
        StyleNotFoundError: there is none of that name.
    """
    path = folder / f"{slug(name.removesuffix(SUFFIX))}{SUFFIX}"
    if path.is_file():
        return path
    names = sorted(path.stem for path in folder.glob(f"*{SUFFIX}"))
    raise StyleNotFoundError(
        f"no style that was learned from a picture is called {printable(name, 60)!r}; there are "
        f"{', '.join(names) or 'none'}",
        names,
    )


class _LaterFormatError(Exception):
    """The file's format is later than this version's."""


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, _EPOCH), data)


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Return the content of a member, which is at most as large as the archive: compressed ones could be a bomb."""
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED or info.file_size > MAX_FILE_BYTES:
        raise ValueError(f"{name} is compressed")
    return archive.read(info)


def _read_rows(data: bytes) -> FloatArray:
    """Return the values of an `.npy` file of two dimensions, whose header may claim anything."""
    header = _NPY_HEADER.match(data)
    if header is None:
        raise ValueError("rows of an unknown form")
    sizes, length = map(int, header.groups())
    if not (1 <= sizes <= _MAX_SIZES and 1 <= length <= _MAX_VALUES and len(data) - header.end() == 2 * sizes * length):
        raise ValueError("rows of an unknown form")
    rows = np.frombuffer(data, "<f2", offset=header.end()).astype(np.float32).reshape(sizes, length)
    if not np.isfinite(rows).all():
        raise ValueError("rows that are no numbers")
    return rows


def _checked_minutes(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= _MAX_MINUTES:
        raise ValueError("the minutes of training are invalid")
    return float(value)


def _text(described: Mapping[str, Any], key: str) -> str:
    value = described[key]
    if not isinstance(value, str):
        raise ValueError(f"{key} is no text")
    return printable(value, MAX_TEXT_LENGTH)
