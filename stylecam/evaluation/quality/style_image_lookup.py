"""Which painting a style is of, told by the names of both."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stylecam.errors import TrainingDataError, UsageError
from stylecam.media.image_file import READABLE_SUFFIXES
from stylecam.training.style_image import Painting


@dataclass
class StyleImageMatches:
    """The painting of each style that has one, by the style's name; `notes` name what was not plain."""

    paintings: dict[str, Painting] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def match_style_images(
    styles: Mapping[str, str | None], folders: Sequence[Path], named: Sequence[str] = ()
) -> StyleImageMatches:
    """Find the painting of each of `styles`: the one `named` for it (`NAME=FILE`), else one in `folders`.

    There, the file it was learned from comes first (the value of `styles`), then one called like the style, then one in
    whose name the style's stands as whole words, then one that contains it; the shortest name of these, and of equally
    short ones the last, which is noted. A leading article need not stand in it (the_scream, munch_scream_1893.jpg).

    Raises:
        TrainingDataError: a folder or file is missing.
        UsageError: a name that no style has.
    """
    names = list(styles)
    found = StyleImageMatches()
    for text in named:
        painting = Painting.parse(text)
        if "=" not in text or painting.name not in names:
            raise UsageError(f"--painting {text}: write NAME=FILE with the name of a style: {', '.join(names)}")
        found.paintings[painting.name] = painting
    files: list[Path] = []
    for folder in folders:
        if not folder.is_dir():
            raise TrainingDataError(f"--paintings {folder}: there is no such folder")
        files += sorted(
            path for path in folder.rglob("*") if path.suffix.lower() in READABLE_SUFFIXES and path.is_file()
        )
    for name in names:
        if name in found.paintings:
            continue
        best = [path for path in files if path.name == styles[name]] or _best(name, files)
        if not best:
            found.notes.append(f"{name} has no painting: no content and style loss (--painting {name}=FILE)")
            continue
        if len(best) > 1:
            others = ", ".join(path.name for path in best[:-1])
            found.notes.append(f"{name}: took {best[-1].name}; {others} would fit as well (--painting {name}=FILE)")
        found.paintings[name] = Painting(name, best[-1])
    return found


def _best(name: str, files: Sequence[Path]) -> list[Path]:
    """The files that fit equally well."""
    ranked: dict[tuple[int, int], list[Path]] = {}
    short = re.sub(r"^(the|a|an|la|le|les|der|die|das)_", "", name)
    for path in files:
        stem = re.sub(r"[^a-z0-9]+", "_", path.stem.lower())
        for rank, fits in enumerate(
            (
                stem == name,
                f"_{name}_" in f"_{stem}_",
                f"_{short}_" in f"_{stem}_",
                name in stem,
                short in stem,
            )
        ):
            if fits:
                ranked.setdefault((rank, len(stem)), []).append(path)
                break
    return ranked[min(ranked)] if ranked else []
