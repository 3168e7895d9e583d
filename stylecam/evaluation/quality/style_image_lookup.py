"""Find the painting that a style was trained on, by the names of both."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stylecam.errors import TrainingDataError, UsageError
from stylecam.media.image_file import READABLE_SUFFIXES
from stylecam.training.style_image import StyleImage


@dataclass
class StyleImageMatches:
    """The painting of each style that has one, by the style's name, and notes on uncertain matches."""

    paintings: dict[str, StyleImage] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def match_style_images(
    styles: Mapping[str, str | None], folders: Sequence[Path], named: Sequence[str] = ()
) -> StyleImageMatches:
    """Find the painting of each of `styles`: the one `named` for it (`NAME=FILE`), else one in `folders`.

    In the folders, the file that the style was learned from (the value of `styles`) comes first, then a file of the
    style's name, then one whose name has the style's as whole words, then one that contains it. Of several, the
    shortest name is taken, and of equally short ones the last, which is noted. A leading article may be missing: the
    style the_scream matches munch_scream_1893.jpg.

    Raises:
        TrainingDataError: a folder or file is missing.
        UsageError: a name that no style has.
    """
    names = list(styles)
    matches = StyleImageMatches()
    for text in named:
        painting = StyleImage.parse(text)
        if "=" not in text or painting.name not in names:
            raise UsageError(f"--painting {text}: write NAME=FILE with the name of a style: {', '.join(names)}")
        matches.paintings[painting.name] = painting
    files: list[Path] = []
    for folder in folders:
        if not folder.is_dir():
            raise TrainingDataError(f"--paintings {folder}: there is no such folder")
        files += sorted(
            path for path in folder.rglob("*") if path.suffix.lower() in READABLE_SUFFIXES and path.is_file()
        )
    for name in names:
        if name in matches.paintings:
            continue
        best = [path for path in files if path.name == styles[name]] or _best(name, files)
        if not best:
            matches.notes.append(f"{name} has no painting: no content and style loss (--painting {name}=FILE)")
            continue
        if len(best) > 1:
            others = ", ".join(path.name for path in best[:-1])
            matches.notes.append(f"{name}: took {best[-1].name}; {others} would fit as well (--painting {name}=FILE)")
        matches.paintings[name] = StyleImage(name, best[-1])
    return matches


def _best(name: str, files: Sequence[Path]) -> list[Path]:
    """Return the files that match best, all equally well."""
    short = re.sub(r"^(the|a|an|la|le|les|der|die|das)_", "", name)
    ranks: dict[Path, tuple[int, int]] = {}
    for path in files:
        stem = re.sub(r"[^a-z0-9]+", "_", path.stem.lower())
        words = f"_{stem}_"
        fits = (stem == name, f"_{name}_" in words, f"_{short}_" in words, name in stem, short in stem)
        if any(fits):
            ranks[path] = fits.index(True), len(stem)
    return [path for path, rank in ranks.items() if rank == min(ranks.values())]
