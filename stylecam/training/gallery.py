"""Read a gallery file: the paintings of a bank, with the card and the training parameters of each.

[[painting]]
name = "starry_night"                       # name of the style
file = "van_gogh_starry_night_1889.jpg"     # beside this file, or in the folder given
title = "The Starry Night"                  # title, artist, year, source and licence go to its card
artist = "Vincent van Gogh"
year = 1889
weight = 1.0                                # factor of its style loss
share = 1.0                                 # how often it is drawn, relative to the others
stability = 1.0                             # factor of its stability loss
scale = 288                                 # short side in pixels; a larger value gives larger strokes
crop = [0.05, 0.0, 0.95, 1.0]               # left, top, right, bottom, as shares; leave out the frame
"""

from __future__ import annotations

import difflib
import os
import sys
from pathlib import Path
from typing import Any

from stylecam.errors import TrainingDataError
from stylecam.models.card import slug
from stylecam.training.style_image import StyleImage

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_KINDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("name", "file", "title", "artist", "source", "licence"), (str,)),
    **dict.fromkeys(("weight", "share", "stability"), (int, float)),
    "year": (int,),
    "scale": (int,),
    "crop": (list,),
}
_WORDS = {str: "a text", int: "a whole number", float: "a number", list: "a list of four numbers"}
_CARD = ("title", "artist", "year", "source", "licence")


def read_gallery(path: Path, folder: Path | None = None) -> tuple[StyleImage, ...]:
    """Return the paintings listed in `path`; their pictures lie in `folder`, or else beside `path`.

    Raises:
        TrainingDataError: the file is unreadable or not TOML (with the line), a key is unknown or missing, a value has
            the wrong type, or a picture is missing.
    """
    try:
        tables = tomllib.loads(path.read_text("utf-8-sig"))  # Windows' Notepad writes a byte order mark
    except (OSError, ValueError, RecursionError) as error:
        raise TrainingDataError(f"{path} cannot be read as a gallery file: {error}") from error
    entries = tables.get("painting")
    if set(tables) != {"painting"} or not isinstance(entries, list) or not entries:
        raise TrainingDataError(f"{path} must hold one [[painting]] table for each painting and nothing else")
    return tuple(_painting(path, folder or path.parent, number, table) for number, table in enumerate(entries, 1))


def _painting(path: Path, folder: Path, number: int, table: Any) -> StyleImage:
    where = f"{path}: painting {number}"
    if not isinstance(table, dict) or "file" not in table:
        raise TrainingDataError(f'{where} has no file; add file = "PICTURE"')
    for key, value in table.items():
        if key not in _KINDS:
            near = difflib.get_close_matches(key, _KINDS, 1)
            raise TrainingDataError(
                f"{where} has an unknown key {key!r}" + (f"; did you mean {near[0]!r}?" if near else "")
            )
        if not isinstance(value, _KINDS[key]) or isinstance(value, bool) or (key == "crop" and not _are_numbers(value)):
            raise TrainingDataError(f"{where}: {key} must be {_WORDS[_KINDS[key][-1]]}, not {value!r}")
    picture = folder / table["file"]
    if not os.path.isfile(picture):  # noqa: PTH113 - `Path.is_file` raises for impossible names
        raise TrainingDataError(
            f"{where}: there is no picture {picture}; name the folder of the pictures with --paintings DIR"
        )
    try:
        return StyleImage(
            slug(table.get("name") or picture.stem),
            picture,
            float(table.get("weight", 1.0)),
            table.get("scale"),
            tuple(float(share) for share in table["crop"]) if "crop" in table else None,  # type: ignore[arg-type]
            {key: table[key] for key in _CARD if key in table},
            float(table.get("share", 1.0)),
            float(table.get("stability", 1.0)),
        )
    except (TrainingDataError, ValueError, TypeError, OverflowError) as error:
        raise TrainingDataError(f"{where}: {error}") from error


def _are_numbers(values: Any) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
