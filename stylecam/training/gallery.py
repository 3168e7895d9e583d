"""A gallery file: the paintings of a bank, and all that is known and chosen about each.

[[painting]]
name = "starry_night"                       # of the style
file = "van_gogh_starry_night_1889.jpg"     # beside this file, or in the folder given
title = "The Starry Night"                  # for its card, as are artist, year, source and licence
artist = "Vincent van Gogh"
year = 1889
weight = 1.0                                # how much its style counts beside the others'
share = 1.0                                 # how often it is drawn beside the others
stability = 1.0                             # how much its steadiness counts beside the others'
scale = 288                                 # short side in pixels: larger means larger strokes
crop = [0.05, 0.0, 0.95, 1.0]               # left, top, right, bottom, as shares: frames and margins are no style
"""

from __future__ import annotations

import difflib
import sys
from pathlib import Path
from typing import Any

from stylecam.errors import TrainingDataError
from stylecam.models.card import slug
from stylecam.training.dataset import is_file
from stylecam.training.style_image import Painting

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_KINDS: dict[str, tuple[type, ...]] = {
    "name": (str,),
    "file": (str,),
    "title": (str,),
    "artist": (str,),
    "year": (int,),
    "source": (str,),
    "licence": (str,),
    "weight": (int, float),
    "share": (int, float),
    "stability": (int, float),
    "scale": (int,),
    "crop": (list,),
}
_WORDS = {str: "a text", int: "a whole number", float: "a number", list: "a list of four numbers"}
_CARD = ("title", "artist", "year", "source", "licence")


def read_gallery(path: Path, folder: Path | None = None) -> tuple[Painting, ...]:
    """The paintings listed in `path`, whose pictures lie in `folder`, else beside it.

    Raises:
        TrainingDataError: unreadable, no TOML (with the line), an unknown or missing key, a value of the wrong kind,
            or a picture that is not there.
    """
    try:
        tables = tomllib.loads(path.read_text("utf-8-sig"))  # Windows' Notepad marks its files
    except (OSError, ValueError, RecursionError) as error:
        raise TrainingDataError(f"{path} cannot be read as a gallery: {error}") from error
    listed = tables.get("painting")
    if set(tables) != {"painting"} or not isinstance(listed, list) or not listed:
        raise TrainingDataError(f"{path} must hold one [[painting]] table for each painting, and nothing else")
    return tuple(_painting(path, folder or path.parent, number, table) for number, table in enumerate(listed, 1))


def _painting(path: Path, folder: Path, number: int, table: Any) -> Painting:
    where = f"{path}: painting {number}"
    if not isinstance(table, dict) or "file" not in table:
        raise TrainingDataError(f"{where} has no file")
    for key, value in table.items():
        if key not in _KINDS:
            near = difflib.get_close_matches(key, _KINDS, 1)
            raise TrainingDataError(f"{where} has an unknown key {key!r}" + (f"; {near[0]!r}?" if near else ""))
        if not isinstance(value, _KINDS[key]) or isinstance(value, bool) or (key == "crop" and not _are_numbers(value)):
            raise TrainingDataError(f"{where}: {key} must be {_WORDS[_KINDS[key][-1]]}, not {value!r}")
    picture = folder / table["file"]
    if not is_file(picture):
        raise TrainingDataError(f"{where}: there is no picture {picture}; say where they are with --paintings DIR")
    try:
        return Painting(
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


def _are_numbers(values: object) -> bool:
    if not isinstance(values, list):
        return False
    return all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
