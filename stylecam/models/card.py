"""Style cards: what is known about one style, read from its model's metadata."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from stylecam.errors import ModelFormatError
from stylecam.models.model import Model
from stylecam.utils.text import printable


# ---- styles.card
@dataclass(frozen=True, slots=True)
class StyleCard:
    """One style: its name for the command line, the painting behind it, and where its network keeps it.

    `measured` are its figures, where `stylecam evaluate` has written them into the file; `source` says where the
    painting's photograph was found.
    """

    name: str
    title: str
    artist: str
    year: int | None
    licence: str
    bank: str
    index: int
    measured: CardMetrics | None = None
    source: str = ""

    @property
    def full_name(self) -> str:
        """`bank/name`, which always finds this very style, also where two banks hold the same name."""
        return f"{self.bank}/{self.name}"


def read_cards(model: Model) -> tuple[StyleCard, ...]:
    """The cards of all styles in `model`, in the order of its weight vector.

    A model that says nothing about itself gets cards named after its file.

    Raises:
        ModelFormatError: the metadata names another number of styles than the network has, or is not JSON.
    """
    bank = model.path.stem
    licence = printable(model.metadata.get("licence", "unknown"))
    listed = model.metadata.get("styles")
    if listed is None:
        numbered = [bank] if model.style_count == 1 else [f"{bank}_{i + 1}" for i in range(model.style_count)]
        return tuple(
            StyleCard(slug(name), printable(name), "unknown", None, licence, bank, i) for i, name in enumerate(numbered)
        )
    try:
        entries = json.loads(listed)
        names = [slug(str(entry["name"])) for entry in entries]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ModelFormatError(f"{model.path}: its metadata 'styles' is not a list of named styles") from error
    if len(names) != model.style_count or len(set(names)) != len(names):
        raise ModelFormatError(
            f"{model.path}: its metadata names {len(set(names))} styles and its network has {model.style_count}"
        )
    return tuple(
        StyleCard(
            name,
            printable(str(entry.get("title", name))),
            printable(str(entry.get("artist", "unknown"))),
            entry["year"] if isinstance(entry.get("year"), int) else None,
            printable(str(entry.get("licence", licence))),
            bank,
            i,
            CardMetrics.from_dict(entry.get("measured")),
            printable(str(entry.get("source", ""))),
        )
        for i, (name, entry) in enumerate(zip(names, entries, strict=True))
    )


def metadata_with(model: Model, measured: Mapping[int, CardMetrics]) -> dict[str, str]:
    """The metadata of `model`, with `measured` put into the cards of those styles; older figures of others stay."""
    listed = json.loads(model.metadata["styles"]) if "styles" in model.metadata else None
    entries = listed or [{"name": card.name, "title": card.title} for card in read_cards(model)]
    for index, figures in measured.items():
        entries[index]["measured"] = figures.as_dict()
    return {**model.metadata, "styles": json.dumps(entries, ensure_ascii=False)}


def slug(name: str) -> str:
    """`name` as styles are called: small letters without accents, digits and _."""
    name = "".join(letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter))
    return re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_") or "style"


# ---- styles.measured
@dataclass(frozen=True, slots=True)
class CardMetrics:
    """Figures of one style; None where one is not known.

    Attributes:
        content, style: losses on 256×256 crops, as `stylecam.training.losses` defines them.
        flicker: of a still noisy picture, 1 as much as in the camera's own.
        warped_error, camera_warped_error: of a moving clip and of its painting, in levels of 0..255.
        worth: iterations of Gatys' method (Adam) that reach the same objective.
        gmac, ms: billions of multiply-adds and median milliseconds of one picture at 640×360.
        machine: where and with what the time was taken.
    """

    content: float | None = None
    style: float | None = None
    flicker: float | None = None
    warped_error: float | None = None
    camera_warped_error: float | None = None
    worth: float | None = None
    gmac: float | None = None
    ms: float | None = None
    machine: str | None = None

    @classmethod
    def from_dict(cls, values: object) -> CardMetrics | None:
        """Read the metadata's own; a figure that is none is left out, and None returned where nothing remains."""
        if not isinstance(values, dict):
            return None
        figures = {one.name: values.get(one.name) for one in fields(cls)}
        known: dict[str, Any] = {
            name: value
            for name, value in figures.items()
            if (_is_text(value) if name == "machine" else _is_figure(value))
        }
        return cls(**known) if known else None

    def as_dict(self) -> dict[str, Any]:
        """What is known, for JSON."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def _is_figure(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable()
