"""The user's own styles: network files in one folder, which are added, renamed and removed whole.

Styles that come with stylecam are read only to see which names are taken; they are never changed.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from stylecam.errors import ModelFormatError, StyleNotFoundError, UsageError
from stylecam.models.card import StyleCard, read_cards, slug
from stylecam.models.catalog import Catalog
from stylecam.models.model import Model
from stylecam.utils.files import write_bytes

_LONGEST = 100


@dataclass(frozen=True, slots=True)
class UserStyleFile:
    """A file in the user's folder, and its styles; none when it is broken."""

    path: Path
    cards: tuple[StyleCard, ...]


class UserStyles:
    """The styles in `folder`, beside those in `shipped`."""

    def __init__(self, folder: Path, shipped: Path) -> None:
        self._folder = folder
        self._shipped = shipped

    def catalog(self) -> Catalog:
        """All styles there are."""
        return Catalog.load([self._shipped, self._folder])

    def check_free(self, name: str) -> None:
        """See that a style, and its file, may be called `name`.

        Raises:
            UsageError: a style or a network is called so already.
        """
        if len(name) > _LONGEST:
            raise UsageError(f"{name[:40]}… is too long for a name; {_LONGEST} letters at most")
        there = self.catalog()
        taken = {"none", *(card.name for card in there.all_cards), *(model.path.stem for model in there.models)}
        if name in taken or self._path(name).exists():
            raise UsageError(f"a style is called {name} already; choose another name")

    def add(self, name: str, data: bytes) -> tuple[StyleCard, ...]:
        """Write the network `data` as `name`.onnx, whole or not at all, and give its cards.

        Raises:
            UsageError: the name is taken, or the folder cannot be written.
            ModelFormatError: `data` does not keep the model contract.
        """
        self.check_free(name)
        path = self._path(name)
        cards = read_cards(Model.parse(path, data))  # first: once it has its name, others may use it
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_bytes(path, data)
        except OSError as error:
            raise _unwritable(path, error) from error
        return cards

    def find(self, name: str) -> UserStyleFile:
        """The user's file called `name`, with or without `.onnx`, or the one that holds the style of that name.

        Raises:
            UsageError: it came with stylecam.
            StyleNotFoundError: there is none; carries the user's own names.
        """
        files = self._files()
        for own in files:
            if name in (own.path.stem, own.path.name):
                return own
        bank, _, short = name.rpartition("/")
        plain = short.removesuffix(".onnx")
        wanted = slug(plain) if re.search(r"[a-z0-9]", plain.lower()) else ""
        near = [own for own in files if wanted and bank in ("", own.path.stem)]
        for own in [*(own for own in near if wanted == slug(own.path.stem)), *near]:
            if wanted == slug(own.path.stem) or any(wanted == card.name for card in own.cards):
                return own
        if wanted and any(wanted in (card.name, slug(card.bank)) for card in Catalog.load([self._shipped]).all_cards):
            raise UsageError(f"{name} came with stylecam and stays as it is; only your own styles can be changed")
        names = [own.path.stem for own in files]
        raise StyleNotFoundError(
            f"none of your own styles is called {name!r}; there are {', '.join(names) or 'none'}", names
        )

    def remove(self, name: str) -> Path:
        """Delete the user's file `name`, also a broken one, and give the path it had.

        Raises:
            UsageError: it came with stylecam, holds further styles, or cannot be deleted.
            StyleNotFoundError: there is none of that name.
        """
        own = self.find(name)
        if len(own.cards) > 1 and name not in (own.path.stem, own.path.name):
            raise UsageError(f"{name} is one of {len(own.cards)} styles in {own.path}; to remove all: {own.path.stem}")
        try:
            own.path.unlink()
        except OSError as error:
            raise UsageError(f"{own.path} cannot be removed: {error.strerror or error}") from error
        return own.path

    def rename(self, old: str, new: str) -> tuple[StyleCard, ...]:
        """Call the user's file `old` `new`, and its style too where it holds one; give the cards as they then are.

        Of a bank, the file is renamed and its styles keep their names.

        Raises:
            UsageError: `new` is taken, `old` came with stylecam or is one of several in a file, or nothing can be
                written.
            StyleNotFoundError: there is no `old`.
            ModelFormatError: the file is broken.
        """
        own = self.find(old)
        name = slug(new)
        path = self._path(name)
        same = path.exists() and path.samefile(own.path)  # also where only capitals differ and the disk sees none
        if slug(own.path.stem) != name:
            self.check_free(name)
        elif path.exists() and not same:
            raise UsageError(f"a style is called {name} already; choose another name")
        if len(own.cards) > 1 and old not in (own.path.stem, own.path.name):
            raise UsageError(f"{old} is one of {len(own.cards)} styles in {own.path}, which keep their names")
        model = Model.read(own.path)
        data = _renamed(model, own.cards[0], name) if len(own.cards) == 1 else model.data
        cards = read_cards(Model.parse(path, data))
        try:
            write_bytes(path, data)
            if not same:
                own.path.unlink()
        except OSError as error:
            raise _unwritable(path, error) from error
        return cards

    def _files(self) -> list[UserStyleFile]:
        found = []
        for path in sorted(self._folder.glob("*.onnx")):
            try:
                cards = read_cards(Model.read(path))
            except ModelFormatError:
                cards = ()
            found.append(UserStyleFile(path, cards))
        return found

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.onnx"


def _renamed(model: Model, card: StyleCard, name: str) -> bytes:
    """The file's bytes with its only style called `name`; all else that is said of it stays."""
    listed = model.metadata.get("styles")
    entry = json.loads(listed)[0] if listed else {"title": card.title, "licence": card.licence}
    return model.with_metadata({**model.metadata, "styles": json.dumps([{**entry, "name": name}])})


def _unwritable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"{path} cannot be written: {error.strerror or error}; see that there is room and permission")
