"""The user's own styles: network files in one folder, which are added, renamed and removed as whole files.

The styles shipped with stylecam are only read, to see which names are taken.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from stylecam.errors import ModelFormatError, StyleNotFoundError, UsageError
from stylecam.models.card import StyleCard, read_cards, slug
from stylecam.models.catalog import Catalog
from stylecam.models.model import Model, read_model_file
from stylecam.utils.files import write_bytes

_MAX_NAME_LENGTH = 100


@dataclass(frozen=True, slots=True)
class UserStyleFile:
    """A file in the user's folder and the cards of its styles; a damaged file has none."""

    path: Path
    cards: tuple[StyleCard, ...]

    def is_named(self, name: str) -> bool:
        """Return whether `name` is the file's name, with or without suffix."""
        return name in (self.path.stem, self.path.name)


class UserStyles:
    """The styles in the user's `folder`, next to the shipped ones in the folder `shipped`."""

    def __init__(self, folder: Path, shipped: Path) -> None:
        self._folder = folder
        self._shipped = shipped

    def catalog(self) -> Catalog:
        """Return a catalog of the shipped styles and the user's."""
        return Catalog.load([self._shipped, self._folder])

    def check_free(self, name: str) -> None:
        """Check that a new style, and its file, can be named `name`.

        Raises:
            UsageError: a style or a network has this name, or it is too long.
        """
        if len(name) > _MAX_NAME_LENGTH:
            raise UsageError(f"{name[:40]}… is too long for a name; {_MAX_NAME_LENGTH} letters at most")
        catalog = self.catalog()
        taken = {"none", *(card.name for card in catalog.all_cards), *(model.path.stem for model in catalog.models)}
        if name in taken or self._path(name).exists():
            raise _name_taken(name)

    def add(self, name: str, data: bytes) -> tuple[StyleCard, ...]:
        """Write the network `data` to `name`.onnx, as a whole or not at all, and return its cards.

        Raises:
            UsageError: the name is taken, or the folder cannot be written.
            ModelFormatError: `data` does not follow the model contract.
        """
        self.check_free(name)
        path = self._path(name)
        cards = read_cards(Model.parse(path, data))  # before the file has its name, under which others may read it
        self._write(path, data)
        return cards

    def check_installable(self, path: Path) -> None:
        """Check that `install` may copy the network file `path` to the user's styles.

        Raises:
            UsageError: a shipped network has this name.
        """
        if any(shipped.stem.lower() == path.stem.lower() for shipped in self._shipped.glob("*.onnx")):
            raise UsageError(
                f"-o {path}: a network called {path.stem} comes with stylecam; choose another name, or --no-install"
            )

    def install(self, path: Path) -> Path:
        """Copy the network file `path` to the user's styles, replacing one of this name, and return the copy's path.

        Raises:
            UsageError: the folder cannot be written.
            ModelFormatError: `path` cannot be read.
        """
        target = self._folder / path.name
        self._write(target, read_model_file(path))
        return target

    def find(self, name: str) -> UserStyleFile:
        """Return the user's file named `name`, with or without `.onnx`, or the one that holds the style `name`.

        Raises:
            UsageError: the style is a shipped one.
            StyleNotFoundError: there is none; carries the names of the user's files.
        """
        files = self._files()
        for file in files:
            if file.is_named(name):
                return file
        bank, _, short_name = name.rpartition("/")
        stem = short_name.removesuffix(".onnx")
        style = slug(stem) if re.search(r"[a-z0-9]", stem.lower()) else ""
        candidates = [file for file in files if style and bank in ("", file.path.stem)]
        for file in candidates:
            if style == slug(file.path.stem):
                return file
        for file in candidates:
            if any(style == card.name for card in file.cards):
                return file
        shipped = Catalog.load([self._shipped]).all_cards
        if style and any(style in (card.name, slug(card.bank)) for card in shipped):
            raise UsageError(f"{name} came with stylecam and stays as it is; only your own styles can be changed")
        names = [file.path.stem for file in files]
        raise StyleNotFoundError(
            f"none of your own styles is called {name!r}; there are {', '.join(names) or 'none'}", names
        )

    def remove(self, name: str) -> Path:
        """Delete the user's file `name`, which may be damaged, and return its path.

        Raises:
            UsageError: it is a shipped style, one of several in its file, or cannot be deleted.
            StyleNotFoundError: there is none of that name.
        """
        file = self.find(name)
        if len(file.cards) > 1 and not file.is_named(name):
            raise UsageError(
                f"{name} is one of {len(file.cards)} styles in {file.path}; to remove all: {file.path.stem}"
            )
        _unlink(file.path)
        return file.path

    def rename(self, old: str, new: str) -> tuple[StyleCard, ...]:
        """Rename the user's file `old` to `new`, and its style if it holds only one; return the new cards.

        The styles of a bank keep their names.

        Raises:
            UsageError: `new` is taken, `old` is shipped or one of several styles in its file, or the folder cannot be
                written.
            StyleNotFoundError: there is no `old`.
            ModelFormatError: the file is damaged.
        """
        file = self.find(old)
        name = slug(new)
        path = self._path(name)
        same = path.exists() and path.samefile(file.path)  # also true for other capitals where the disk ignores them
        if slug(file.path.stem) != name:
            self.check_free(name)
        elif path.exists() and not same:
            raise _name_taken(name)
        if len(file.cards) > 1 and not file.is_named(old):
            raise UsageError(f"{old} is one of {len(file.cards)} styles in {file.path}, which keep their names")
        model = Model.read(file.path)
        data = _with_style_name(model, file.cards[0], name) if len(file.cards) == 1 else model.data
        cards = read_cards(Model.parse(path, data))
        self._write(path, data)
        if not same:
            _unlink(file.path)
        return cards

    def _files(self) -> list[UserStyleFile]:
        files = []
        for path in sorted(self._folder.glob("*.onnx")):
            try:
                cards = read_cards(Model.read(path))
            except ModelFormatError:
                cards = ()
            files.append(UserStyleFile(path, cards))
        return files

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.onnx"

    def _write(self, path: Path, data: bytes) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_bytes(path, data)
        except OSError as error:
            raise UsageError(
                f"{path} cannot be written: {error.strerror or error}; check space and permissions"
            ) from error


def _with_style_name(model: Model, card: StyleCard, name: str) -> bytes:
    """Return the file's bytes with its only style named `name`; the rest of its metadata stays."""
    listed = model.metadata.get("styles")
    entry = json.loads(listed)[0] if listed else {"title": card.title, "licence": card.licence}
    return model.with_metadata({**model.metadata, "styles": json.dumps([{**entry, "name": name}])})


def _name_taken(name: str) -> UsageError:
    return UsageError(f"a style is called {name} already; choose another name")


def _unlink(path: Path) -> None:
    try:
        path.unlink()
    except OSError as error:
        raise UsageError(f"{path} cannot be removed: {error.strerror or error}") from error
