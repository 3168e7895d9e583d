"""Style cards: what a model's metadata says about each of its styles."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from stylecam.errors import ModelFormatError
from stylecam.models.model import Model
from stylecam.models.tier import LEAN
from stylecam.utils.text import printable

OWN_KEY = "own"
"""In the entry of an own style: the fields of its card that say how it was learned."""


@dataclass(frozen=True, slots=True)
class CardMetrics:
    """Measured quality and cost of one style; None where a metric was not measured.

    The field names are the keys in the file's metadata and in JSON output.

    Attributes:
        content: content loss on 256×256 crops, as `stylecam.training.losses` defines it.
        style: style loss on the same crops.
        flicker: the share of the camera's noise that shows in the styled picture of a still scene, 1 for all of it.
        warped_error: change along the optical flow between styled frames of a moving clip, in levels of 0..255.
        camera_warped_error: the same for the camera's own frames.
        pan_shimmer: how much is painted anew while the camera pans, as a share of the painting's own detail.
        large_forms: distance from the painting's large forms, 0 for equal.
        boldness: contrast of the marks on a plain wall, as a share of the painting's own.
        repetition: how much these marks repeat, 1 for a perfect pattern.
        faces: the share of faces that a detector finds again.
        worth: iterations of Gatys' method (Adam) that reach the same objective.
        gmac: billions of multiply-adds for one picture of 640×360.
        ms: median milliseconds for one picture of 640×360.
        machine: the computer and engine on which the time was measured.
    """

    content: float | None = None
    style: float | None = None
    flicker: float | None = None
    warped_error: float | None = None
    camera_warped_error: float | None = None
    pan_shimmer: float | None = None
    large_forms: float | None = None
    boldness: float | None = None
    repetition: float | None = None
    faces: float | None = None
    worth: float | None = None
    gmac: float | None = None
    ms: float | None = None
    machine: str | None = None

    @classmethod
    def from_dict(cls, values: object) -> CardMetrics | None:
        """Read the metrics of a metadata entry; invalid ones are left out, and None is returned if none is left."""
        if not isinstance(values, dict):
            return None
        entries = {metric.name: values.get(metric.name) for metric in fields(cls)}
        valid: dict[str, Any] = {
            name: value
            for name, value in entries.items()
            if (_is_short_text(value) if name == "machine" else _is_number(value))
        }
        return cls(**valid) if valid else None

    def as_dict(self) -> dict[str, Any]:
        """Return the measured metrics, for JSON."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class StyleCard:
    """One style of one network. The field names are the keys in JSON output.

    Attributes:
        name: as the command line calls it, see `slug`.
        title: the painting's title.
        artist: the painter, or `unknown`.
        year: the year of the painting, where it is known exactly.
        licence: the licence of the network, or `unknown`.
        bank: the stem of the network's file name.
        index: the position in the network's style weights.
        measured: quality and cost, where `stylecam evaluate` has written them into the file.
        source: where the photograph of the painting was found.
        tier: that of the network, see `stylecam.models.tier`.
        own: True for a style that the user made from a picture, see `stylecam.models.own_style`.
        minutes: how long an own style was trained; 0 for a first draft.
        redrafted: True for an own style that is a draft again: it was trained for a network that is gone.
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
    tier: str = LEAN
    own: bool = False
    minutes: float = 0.0
    redrafted: bool = False

    @property
    def full_name(self) -> str:
        """`bank/name`, which is unique even where two banks hold styles of the same name."""
        return f"{self.bank}/{self.name}"


def read_cards(model: Model) -> tuple[StyleCard, ...]:
    """Return the cards of all styles in `model`, in the order of its style weights.

    A model without card metadata gets cards named after its file.

    Raises:
        ModelFormatError: the metadata is not a JSON list of named styles, or its length is not the network's.
    """
    bank = model.path.stem
    licence = printable(model.metadata.get("licence", "unknown"))
    listed = model.metadata.get("styles")
    if listed is None:
        titles = [bank] if model.style_count == 1 else [f"{bank}_{i + 1}" for i in range(model.style_count)]
        return tuple(
            StyleCard(slug(title), printable(title), "unknown", None, licence, bank, i, tier=model.tier)
            for i, title in enumerate(titles)
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
            model.tier,
            **(entry[OWN_KEY] if i >= model.style_count - model.own_count else {}),
        )
        for i, (name, entry) in enumerate(zip(names, entries, strict=True))
    )


def metadata_with(model: Model, metrics: Mapping[int, CardMetrics]) -> dict[str, str]:
    """Return the metadata of `model` with `metrics` on the cards of these style indices; other cards keep theirs."""
    entries = card_entries(model)
    for index, measured in metrics.items():
        entries[index]["measured"] = measured.as_dict()
    return {**model.metadata, "styles": json.dumps(entries, ensure_ascii=False)}


def card_entries(model: Model) -> list[dict[str, Any]]:
    """Return what the metadata of `model` says of each of its styles; each entry has at least a `name`.

    Raises:
        ModelFormatError: the metadata is not a JSON list of named styles, or its length is not the network's.
    """
    cards = read_cards(model)
    listed = json.loads(model.metadata["styles"]) if "styles" in model.metadata else None
    return listed or [{"name": card.name, "title": card.title} for card in cards]


def slug(name: str) -> str:
    """Turn `name` into a style name: lower-case letters without accents, digits and underscores."""
    name = "".join(letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter))
    return re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_") or "style"


def title_of(text: str, name: str) -> str:
    """Return a title for the style `name` of a file called `text`: that in words, where it says more than the name."""
    says_more = not text.isascii() and slug(text) == name
    return printable(unicodedata.normalize("NFC", text) if says_more else name).replace("_", " ").title()


def title_key(title: str) -> str:
    """Return what two spellings of one title share: words without case, accents, an article and what is in brackets."""
    plain = unicodedata.normalize("NFKD", re.sub(r"\([^()]*\)", " ", title).casefold())
    words = re.findall(r"\w+", "".join(letter for letter in plain if not unicodedata.combining(letter)))
    return " ".join(words[1:] if words[:1] in (["the"], ["a"], ["an"]) else words)


def cards_called(name: str, cards: Sequence[StyleCard]) -> list[StyleCard]:
    """Return those of `cards` that the user may mean by `name`: a name, `bank/name` or, where it is none, a title."""
    found = [card for card in cards if card.name == normalized_name(name)]
    found += [card for card in cards if name.strip().lower() == card.full_name.lower()]
    return found or cards_titled(name, cards)


def cards_titled(title: str, cards: Sequence[StyleCard]) -> list[StyleCard]:
    """Return those of `cards` with this title, however it is spelled."""
    key = title_key(title)
    return [card for card in cards if key and key == title_key(card.title)]


def normalized_name(name: str) -> str:
    """Return a style's name as the user wrote it, in the letters of names."""
    return name.strip().lower().replace("-", "_").replace(" ", "_")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12


def _is_short_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable()
