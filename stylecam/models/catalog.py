"""All available styles, found by name: the ones shipped with stylecam and the user's own."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from itertools import chain
from pathlib import Path

from stylecam.errors import ModelFormatError, StyleNotFoundError, UsageError
from stylecam.models.card import StyleCard, read_cards, title_key
from stylecam.models.model import Model
from stylecam.models.rewrite.style_rows import join_banks
from stylecam.models.rewrite.two_styles import two_styles
from stylecam.models.tier import AUTO, LEAN, RICH, check_tier
from stylecam.utils import paths
from stylecam.utils.text import printable, read_share


@dataclass(frozen=True, slots=True)
class StyleMix:
    """What to paint with: one network and its style weights (one for a plain style, several for a blend).

    Attributes:
        model: the network.
        weights: one per style of the network, summing to 1; for a network of two styles (`Catalog.pair`) those of the
            person, then those of the room.
        label: how the user would write it, `starry_night` or `great_wave:0.6,the_scream:0.4`.
        blend: the names of the styles of a blend and their shares, in the order of `label`; empty for a plain style.
    """

    model: Model
    weights: tuple[float, ...]
    label: str
    blend: tuple[tuple[str, float], ...] = ()

    @property
    def shares(self) -> dict[str, float]:
        """Each style's name and its share; the shares are rounded to three digits, so they sum to about 1."""
        return dict(self.blend) or {self.label: 1.0}


class Catalog:
    """Networks and their style cards, in the order they were added.

    Where two banks hold a style of the same name, the short name means the one of the preferred tier, or else the one
    that was added first; `bank/name` always finds the other. The order of the names does not depend on the tier.

    Attributes:
        tier: the preferred tier, `lean` unless `prefer` has changed it.
        problems: one line for every file of the loaded folders that is not a style.
    """

    def __init__(self, models: Iterable[Model] = ()) -> None:
        self._models: dict[str, Model] = {}
        self._cards: list[StyleCard] = []
        self._joined: list[tuple[Model, dict[str, int]]] | None = None
        self._pairing: dict[str, Model] = {}
        self.problems: list[str] = []
        self.tier = LEAN
        for model in models:
            self.add(model)

    @classmethod
    def load(cls, folders: Iterable[Path]) -> Catalog:
        """Read every `.onnx` file in `folders`, within a folder the smaller and therefore faster networks first."""
        catalog = cls()
        for folder in folders:
            for path in sorted(folder.glob("*.onnx"), key=_size_and_name):
                try:
                    catalog.add(Model.read(path))
                except ModelFormatError as error:
                    catalog.problems.append(printable(str(error), 1000))
        return catalog

    @classmethod
    def installed(cls) -> Catalog:
        """Read the networks shipped with stylecam and the user's own."""
        return cls.load([shipped_models(), paths.user_styles()])

    def add(self, model: Model) -> tuple[StyleCard, ...]:
        """Add a network, unless it is there already, and return its cards.

        Raises:
            ModelFormatError: its metadata contradicts the network, or another bank has its name.
        """
        cards = read_cards(model)
        if self._same_model(model) is None:
            self._models[model.path.stem] = model
            self._cards.extend(cards)
            self._joined = None
        return cards

    def prefer(self, tier: str) -> None:
        """Let short names mean the networks of `tier`, where these have the style. Any thread may call it.

        Args:
            tier: `rich`, `lean`, or `auto` for rich where there is such a network.

        Raises:
            UsageError: there is no such tier, or no network of it is installed.
        """
        check_tier(tier)
        installed = {model.tier for model in self.models}
        if tier == AUTO:
            tier = RICH if RICH in installed else LEAN
        elif tier not in installed:
            others = f"; the installed ones are {', '.join(sorted(installed))}" if installed else ""
            raise UsageError(f"no {tier} network is installed, so there is nothing for --tier {tier}{others}")
        self.tier = tier

    def prepare_blends(self) -> None:
        """Join the banks of one body, so that the first blend of styles from two files need not do it."""
        if self._joined is None:
            self._joined = join_banks(self._models.values())

    @property
    def cards(self) -> tuple[StyleCard, ...]:
        """One card per short name, in cycling order."""
        tier, chosen = self.tier, dict[str, StyleCard]()
        for card in self._cards:
            if card.name not in chosen or card.tier == tier != chosen[card.name].tier:
                chosen[card.name] = card
        return tuple(chosen.values())

    @property
    def all_cards(self) -> tuple[StyleCard, ...]:
        """Every card, including those whose short name belongs to another bank."""
        return tuple(self._cards)

    @property
    def models(self) -> tuple[Model, ...]:
        """Every network."""
        return tuple(self._models.values())

    @property
    def cycled_models(self) -> tuple[Model, ...]:
        """The networks that short names mean, in cycling order."""
        return tuple(self._models[bank] for bank in dict.fromkeys(card.bank for card in self.cards))

    def mix_of(self, card: StyleCard) -> StyleMix:
        """Return the style of `card` alone."""
        model = self._models[card.bank]
        return StyleMix(model, model.one_hot(card.index), card.name if card in self.cards else card.full_name)

    def parse(self, text: str) -> StyleMix | None:
        """Read a style as users write it: only names, no file is looked at.

        Args:
            text: `NAME`, `bank/NAME`, a title in any case and without its accents, a blend `a:0.6,b:0.4`, or `none`.

        Returns:
            The style or blend with its network, or None for `none`.

        Raises:
            StyleNotFoundError: no style has that name; carries the nearest names.
            UsageError: a malformed blend, one of styles that share no network, or the name of a file.
        """
        text = text.strip()
        if text.lower() == "none":
            return None
        if is_style_file(text):
            raise UsageError(
                f"{text!r} is a file; start with --style {text}, or add it with: stylecam styles add {text}"
            )
        if ":" not in text and "," not in text:
            return self.mix_of(self._find(text)[0])
        if titled := self._titled(text):  # some titles have a comma
            return self.mix_of(titled[0])
        return self._parse_blend(text)

    def mix_of_model(self, model: Model) -> StyleMix:
        """Return the first style of `model`, with the catalog's own copy of this network where it holds one.

        Raises:
            ModelFormatError: its metadata contradicts the network, or another bank has its name.
        """
        card = read_cards(model)[0]
        cataloged = self._same_model(model)
        if cataloged is not None:
            return self.mix_of(card)
        name_is_free = all(card.name != other.name for other in self._cards)
        return StyleMix(model, model.one_hot(), card.name if name_is_free else card.full_name)

    def pair(self, person: StyleMix, room: StyleMix) -> StyleMix:
        """Return what paints `person` on the person and `room` in the room, in one pass of one network.

        Each may be a blend. Where their networks differ, one is looked for that holds the styles of both by name: that
        of the person, that of the room, then any other, also one joined from the banks of one body. The label and the
        blend of the result are those of the person.

        Raises:
            UsageError: no network holds both, or it cannot paint two styles in one picture.
        """
        own = [(mix.model, self._starts_in(mix.model)) for mix in (person, room)]
        for bank, starts in chain(own, self._banks()):
            halves = [self._weights_in(bank, starts, mix) for mix in (person, room)]
            if all(halves):
                if bank.key not in self._pairing:
                    self._pairing[bank.key] = two_styles(bank)
                weights = tuple(chain.from_iterable(half or () for half in halves))
                return StyleMix(self._pairing[bank.key], weights, person.label, person.blend)
        raise UsageError(
            f"{person.label} and {room.label} cannot be painted in one picture: both must be of one network, or of "
            f"networks that differ in their styles alone; choose two of {person.model.path.stem} or two of "
            f"{room.model.path.stem}"
        )

    def _starts_in(self, model: Model) -> Mapping[str, int]:
        """Return `model`, by its stem, as a bank whose first style is its own; nothing where it is not cataloged."""
        cataloged = self._models.get(model.path.stem)
        return {model.path.stem: 0} if cataloged is not None and cataloged.key == model.key else {}

    def _weights_in(self, bank: Model, starts: Mapping[str, int], mix: StyleMix) -> tuple[float, ...] | None:
        """Return the weights with which `bank` paints `mix`, whose styles may be of another network; else None.

        `starts` is the index of the first style of each file in the bank, by the file's stem.
        """
        if mix.model.key == bank.key:
            return mix.weights
        weights = [0.0] * bank.style_count
        for name, share in mix.shares.items():
            try:
                card = next((card for card in self._find(name) if card.bank in starts), None)
            except StyleNotFoundError:  # of a file that is in no folder of styles
                card = None
            if card is None:
                return None
            weights[starts[card.bank] + card.index] += share
        total = sum(weights)
        return tuple(weight / total for weight in weights) if total else None

    def _same_model(self, model: Model) -> Model | None:
        """Return the cataloged network equal to `model`, or None if there is none of its name."""
        cataloged = self._models.get(model.path.stem)
        if cataloged is not None and cataloged.key != model.key:
            raise ModelFormatError(f"{model.path}: a bank named {model.path.stem!r} is already there; rename the file")
        return cataloged

    def _parse_blend(self, text: str) -> StyleMix:
        parts: dict[str, float] = {}
        for part in text.split(","):
            name, _, weight = part.partition(":")
            try:
                value = read_share(weight or "1")
            except ValueError:
                value = -1.0
            if not name.strip() or not 0 <= value < float("inf"):
                raise UsageError(f"{part.strip()!r} in the blend {text!r} is not NAME:WEIGHT; write a:0.6,b:0.4")
            parts[name.strip()] = parts.get(name.strip(), 0.0) + value
        total = sum(parts.values())
        if not 0 < total < float("inf"):
            raise UsageError(
                f"the weights of the blend {text!r} sum to nothing that can be shared out; write a:0.6,b:0.4"
            )
        candidates = {name: self._find(name) for name in parts}
        for model, starts in self._banks():
            chosen = {name: next((c for c in cards if c.bank in starts), None) for name, cards in candidates.items()}
            if all(chosen.values()):
                weights = [0.0] * model.style_count
                for name, card in chosen.items():
                    assert card is not None
                    weights[starts[card.bank] + card.index] += parts[name] / total
                blend = tuple((name, round(value / total, 3)) for name, value in parts.items())
                return StyleMix(model, tuple(weights), ",".join(f"{name}:{share:g}" for name, share in blend), blend)
        banks = "; ".join(f"{name} in {', '.join(c.bank for c in cards)}" for name, cards in candidates.items())
        raise UsageError(f"{text!r} cannot be blended, only styles of one network can, or added to it: {banks}")

    def _banks(self) -> Iterator[tuple[Model, Mapping[str, int]]]:
        """Yield each network, then each bank joined from those of one body; the preferred tier first.

        With each comes the index of the first style of each file in it, by the file's stem.
        """
        tier = self.tier
        yield from sorted(
            ((model, {bank: 0}) for bank, model in self._models.items()), key=lambda item: item[0].tier != tier
        )
        self.prepare_blends()
        yield from sorted(self._joined or (), key=lambda item: item[0].tier != tier)

    def _find(self, name: str) -> list[StyleCard]:
        """Return all cards with that name, the preferred one first."""
        normalized = name.strip().lower().replace("-", "_").replace(" ", "_")
        tier = self.tier
        found = sorted((card for card in self._cards if normalized == card.name), key=lambda card: card.tier != tier)
        found += [card for card in self._cards if name.strip().lower() == card.full_name.lower()]
        found = found or self._titled(name)
        if found:
            return found
        names = [card.name for card in self.cards]
        titles = {title_key(card.title): card.name for card in self.cards}
        nearest = difflib.get_close_matches(normalized, names, 3, 0.5)
        nearest = nearest or [titles[key] for key in difflib.get_close_matches(title_key(name), titles, 3, 0.6)]
        nearest = nearest or [other for other in names if normalized and normalized in other]
        hint = f"did you mean {' or '.join(nearest)}?" if nearest else f"there are {', '.join(names) or 'none'}"
        raise StyleNotFoundError(f"no style is called {name.strip()!r}; {hint}", nearest)

    def _titled(self, title: str) -> list[StyleCard]:
        """Return all cards of that title, the preferred one first."""
        key, tier = title_key(title), self.tier
        found = [card for card in self._cards if key and key == title_key(card.title)]
        return sorted(found, key=lambda card: card.tier != tier)


def is_style_file(text: str) -> bool:
    """Return whether `text`, a style as users write it, names a file and no installed style."""
    return text.strip().lower().endswith(".onnx")


def _size_and_name(path: Path) -> tuple[int, str]:
    try:
        return path.stat().st_size, path.name
    except OSError:
        return 0, path.name


def styles(*, tier: str = AUTO) -> tuple[StyleCard, ...]:
    """Return the cards of all installed styles, in cycling order: those shipped with stylecam and the user's own.

    Of a style that is there in two tiers, the card of `tier` (`rich` or `lean`) is returned; `auto` prefers rich.

    Raises:
        UsageError: there is no such tier, or no network of it is installed.
    """
    catalog = Catalog.installed()
    catalog.prefer(tier)
    return catalog.cards


def shipped_models() -> Path:
    """Return the folder of the networks shipped with stylecam: in the installed package, or beside it in a checkout."""
    installed = Path(str(resources.files("stylecam"))) / "assets" / "models"
    return installed if installed.is_dir() else installed.parents[2] / "models"
