"""All available styles, found by name: the ones shipped with stylecam and the user's own."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from stylecam.errors import ModelFormatError, StyleNotFoundError, UsageError
from stylecam.models.card import StyleCard, cards_called, cards_titled, normalized_name, read_cards, title_key
from stylecam.models.model import Model
from stylecam.models.own_bank import with_own_styles
from stylecam.models.own_folder import OwnStyleFolder
from stylecam.models.own_style import OwnStyle
from stylecam.models.rewrite.row_input import row_form
from stylecam.models.rewrite.two_styles import two_styles
from stylecam.models.style_mix import StyleMix
from stylecam.models.tier import AUTO, LEAN, RICH, check_tier
from stylecam.utils import paths
from stylecam.utils.text import printable, read_share


class CatalogContent(NamedTuple):
    """What a catalog holds at one moment: the networks by the stem of their files, and the cards of their styles."""

    models: dict[str, Model]
    cards: tuple[StyleCard, ...]


class Catalog:
    """Networks and their style cards, in the order they were added; then the user's own styles.

    Every bank whose styles are rows is held in row form (`stylecam.models.rewrite.row_input`), so banks with one body
    are one network, and own styles are styles of every bank that they have rows for.

    Where two banks hold a style of the same name, the short name means the one of the preferred tier, or else the one
    that was added first; `bank/name` always finds the other. The order of the names does not depend on the tier.

    Attributes:
        tier: the preferred tier, `lean` unless `prefer` has changed it.
    """

    def __init__(self, models: Iterable[Model] = ()) -> None:
        self._banks: dict[str, Model] = {}
        self._own: tuple[OwnStyle, ...] = ()
        self._content = CatalogContent({}, ())
        self._pairing: dict[str, Model] = {}
        self._file_problems: list[str] = []
        self._own_problems: list[str] = []
        self.tier = LEAN
        for model in models:
            self.add(model)

    @classmethod
    def load(cls, folders: Iterable[Path]) -> Catalog:
        """Read every `.onnx` and `.style` file in `folders`, the smaller and therefore faster networks first."""
        catalog = cls()
        own: list[OwnStyle] = []
        for folder in folders:
            for path in sorted(folder.glob("*.onnx"), key=_size_and_name):
                try:
                    catalog.add(Model.read(path))
                except ModelFormatError as error:
                    catalog._file_problems.append(printable(str(error), 1000))
            own_folder = OwnStyleFolder(folder)
            own_folder.read()
            own += own_folder.styles
            catalog._file_problems += own_folder.problems
        catalog.own_styles = tuple(own)
        return catalog

    @classmethod
    def installed(cls) -> Catalog:
        """Read the networks shipped with stylecam and the user's own networks and styles."""
        return cls.load([shipped_models(), paths.user_styles()])

    def add(self, model: Model) -> tuple[StyleCard, ...]:
        """Add a network, unless it is there already, and return its cards.

        Raises:
            ModelFormatError: its metadata contradicts the network, or another bank has its name.
        """
        cards = read_cards(model)
        if any(model is cataloged for cataloged in self._content.models.values()):
            return cards
        model = row_form(model)
        if self._same_model(model) is None:
            self._banks[model.path.stem] = model
            self._assemble()
        return cards

    @property
    def content(self) -> CatalogContent:
        """Everything that is there now; it does not change when own styles do. Any thread may ask."""
        return self._content

    @property
    def own_styles(self) -> tuple[OwnStyle, ...]:
        """The user's own styles; setting them changes no network. Any thread may do so.

        Mixes that were made before go on to paint what they did.
        """
        return self._own

    @own_styles.setter
    def own_styles(self, styles: Sequence[OwnStyle]) -> None:
        self._own = tuple(styles)
        self._assemble()

    def _assemble(self) -> None:
        """Put the own styles to the first bank of each body, and take over the new content in one step."""
        bodies = {model.body for model in self._banks.values() if model.body}
        models, used, problems = {}, set[str](), list[str]()
        for stem, model in self._banks.items():
            if self._own and model.body and model.body not in used:
                used.add(model.body)
                model = with_own_styles(model, self._own, bodies, problems)
            models[stem] = model
        cards = tuple(card for model in models.values() for card in read_cards(model))
        self._content, self._own_problems = CatalogContent(models, cards), problems

    @property
    def problems(self) -> list[str]:
        """One line for every file of the loaded folders that is not a style, or whose style has no place."""
        return [*self._file_problems, *self._own_problems]

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

    @property
    def cards(self) -> tuple[StyleCard, ...]:
        """One card per short name, in cycling order: own styles after all others, which keep their places and keys."""
        tier, chosen = self.tier, dict[str, StyleCard]()
        for card in self._content.cards:
            if card.name not in chosen or card.tier == tier != chosen[card.name].tier:
                chosen[card.name] = card
        return tuple(sorted(chosen.values(), key=lambda card: card.own))

    @property
    def all_cards(self) -> tuple[StyleCard, ...]:
        """Every card, including those whose short name belongs to another bank."""
        return self._content.cards

    def taken_names(self, leaving: Collection[str] = ()) -> frozenset[str]:
        """Return what no new style can be called: the names of styles and networks, without the banks `leaving`."""
        cards = (card.name for card in self.all_cards if card.own or card.bank not in leaving)
        return frozenset({"none", *cards, *(stem for stem in self._content.models if stem not in leaving)})

    @property
    def models(self) -> tuple[Model, ...]:
        """Every network."""
        return tuple(self._content.models.values())

    @property
    def cycled_models(self) -> tuple[Model, ...]:
        """The networks that short names mean, in cycling order."""
        models = self._content.models
        return tuple(models[bank] for bank in dict.fromkeys(card.bank for card in self.cards))

    def mix_of(self, card: StyleCard) -> StyleMix:
        """Return the style of `card` alone.

        Raises:
            StyleNotFoundError: it was removed since.
        """
        models, cards = self._content
        there = next((each for each in cards if (each.bank, each.name) == (card.bank, card.name)), None)
        if there is None:
            raise StyleNotFoundError(f"the style {card.name} was removed; choose another one")
        model = models[there.bank]
        label = card.name if any(each.full_name == card.full_name for each in self.cards) else card.full_name
        return StyleMix(model, model.one_hot(there.index), label)

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
        model = row_form(model)
        if self._same_model(model) is not None:
            return self.mix_of(card)
        name_is_free = all(card.name != other.name for other in self.all_cards)
        return StyleMix(model, model.one_hot(), card.name if name_is_free else card.full_name)

    def pair(self, person: StyleMix, room: StyleMix) -> StyleMix:
        """Return what paints `person` on the person and `room` in the room, in one pass of one network.

        Each may be a blend. Where their networks differ, one is looked for that has the styles of both by name: that of
        the person, that of the room, then any other. The label and the blend of the result are those of the person.

        Raises:
            UsageError: no network has both, or it cannot paint two styles in one picture.
        """
        for network in (person.model, room.model, *self.networks):
            sides = [side for mix in (person, room) if (side := self._mix_in(network, mix)) is not None]
            if len(sides) == 2:
                if network.key not in self._pairing:
                    self._pairing[network.key] = two_styles(network)
                bank = _bank_of(sides)
                pairing = self._pairing[network.key]
                model = replace(pairing, style_count=2, own_count=0, row_data=bank.row_data, bank=bank)
                return StyleMix(model, (1.0, 0.0, 0.0, 1.0), person.label, person.blend)
        raise UsageError(
            f"{person.label} and {room.label} cannot be painted in one picture: both must be of one network, or of "
            f"networks that differ in their styles alone; choose two of {person.model.path.stem} or two of "
            f"{room.model.path.stem}"
        )

    def _mix_in(self, network: Model, mix: StyleMix) -> StyleMix | None:
        """Return `mix`, or what has the same names in `network`; None where that lacks one of them."""
        if mix.model.key == network.key:
            return mix
        try:
            candidates = {name: self._find(name) for name in mix.shares}
        except StyleNotFoundError:  # of a file that is in no folder of styles
            return None
        return self.blend_in(network, candidates, mix.shares)

    def blend_in(
        self, network: Model, candidates: Mapping[str, Sequence[StyleCard]], shares: Mapping[str, float]
    ) -> StyleMix | None:
        """Return the blend of these styles, the first candidate for each, as `network` paints it; None if it cannot."""
        models, total = self._content.models, sum(shares.values())
        chosen = []
        for name, share in shares.items():
            card = next((card for card in candidates[name] if models[card.bank].key == network.key), None)
            if card is None or not total:
                return None
            chosen.append((self.mix_of(card), share / total))
        blend = tuple((name, round(share, 3)) for name, (_, share) in zip(shares, chosen, strict=True))
        label = ",".join(f"{name}:{share:g}" for name, share in blend)
        first = chosen[0][0].model
        if all(mix.model is first for mix, _ in chosen):
            parts = ([weight * share for weight in mix.weights] for mix, share in chosen)
            return StyleMix(first, tuple(map(sum, zip(*parts, strict=True))), label, blend)
        return StyleMix(_bank_of([mix for mix, _ in chosen]), tuple(share for _, share in chosen), label, blend)

    def _same_model(self, model: Model) -> Model | None:
        """Return the cataloged network equal to `model`, or None if there is none of its name."""
        cataloged = self._banks.get(model.path.stem)
        if cataloged is not None and (cataloged.key, cataloged.row_data) != (model.key, model.row_data):
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
        for network in self.networks:
            mix = self.blend_in(network, candidates, parts)
            if mix is not None:
                return mix
        banks = "; ".join(f"{name} in {', '.join(c.bank for c in cards)}" for name, cards in candidates.items())
        raise UsageError(f"{text!r} cannot be blended, only styles of one network can, or added to it: {banks}")

    @property
    def networks(self) -> list[Model]:
        """Return each network, those of the preferred tier first; banks with one body are one network."""
        tier, networks = self.tier, dict[str, Model]()
        for model in self._content.models.values():
            networks.setdefault(model.key, model)
        return sorted(networks.values(), key=lambda model: model.tier != tier)

    def _find(self, name: str) -> list[StyleCard]:
        """Return all cards with that name, the preferred one first."""
        normalized, tier = normalized_name(name), self.tier
        found = sorted(cards_called(name, self._content.cards), key=lambda card: card.tier != tier)
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
        tier = self.tier
        return sorted(cards_titled(title, self._content.cards), key=lambda card: card.tier != tier)


def _bank_of(mixes: Sequence[StyleMix]) -> Model:
    """Return a bank whose styles are these mixes of one network in row form; it has no cards."""
    metadata = {key: value for key, value in mixes[0].model.metadata.items() if key != "styles"}
    rows = b"".join(mix.values.tobytes() for mix in mixes)
    return replace(mixes[0].model, style_count=len(mixes), own_count=0, row_data=rows, metadata=metadata)


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
