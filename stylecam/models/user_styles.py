"""The user's own styles: files in one folder, which are added, renamed and removed as whole files.

They are `.style` files (`stylecam.models.own_style`) and networks with a body of their own (`.onnx`). The styles that
are shipped with stylecam are only read, to see which names are taken.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from stylecam.errors import ModelFormatError, StyleNotFoundError, UsageError
from stylecam.models.card import StyleCard, card_entries, read_cards, slug
from stylecam.models.catalog import Catalog
from stylecam.models.model import Model
from stylecam.models.own_style import MAX_NAME_LENGTH, SUFFIX, OwnStyle, changing, free_name
from stylecam.models.rewrite.row_input import row_form
from stylecam.models.rewrite.style_rows import StyleRows, bank_of_rows
from stylecam.models.takeover import own_styles_of
from stylecam.utils.files import unused_name, write_bytes

_ASIDE = "earlier"
"""The folder, beside the user's styles, of networks that were taken over."""


@dataclass(frozen=True, slots=True)
class UserStyleFile:
    """A file in the user's folder and the cards of its styles; a damaged file has none."""

    path: Path
    cards: tuple[StyleCard, ...]

    def is_named(self, name: str) -> bool:
        """Return whether `name` is the file's name, with or without suffix."""
        return name in (self.path.stem, self.path.name)

    def index_of(self, name: str) -> int | None:
        """Return the index of the style that `name` means, if it means one of several; None for the whole file."""
        if len(self.cards) < 2 or self.is_named(name):
            return None
        style = slug(name.rpartition("/")[2].removesuffix(".onnx"))
        return next((card.index for card in self.cards if card.name == style), None)


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
        if len(name) > MAX_NAME_LENGTH:
            raise UsageError(f"{name[:40]}… is too long for a name; {MAX_NAME_LENGTH} letters at most")
        if name in self.catalog().taken_names() or self._path(name).exists() or self._path(name, SUFFIX).exists():
            raise _name_taken(name)

    def add(self, name: str, data: bytes) -> tuple[StyleCard, ...]:
        """Add what is new in the network `data`, as a whole or not at all, and return the cards.

        Styles of a shipped network become `.style` files, the only one called `name`; any other network becomes
        `name`.onnx. Styles of a bank that are installed already are left out.

        Raises:
            UsageError: the name is taken, or the folder cannot be written.
            ModelFormatError: `data` does not follow the model contract.
        """
        self.check_free(name)
        path = self._path(name)
        model = Model.parse(path, data)
        read_cards(model)  # raises before the file has its name, under which others may read it
        own = own_styles_of(row_form(model), self._shipped_models())
        if own:
            own = [replace(style, name=name) for style in own] if len(own) == 1 else own
            return self._cards_of([self.keep(replace(style, name=self._free(style.name))) for style in own])
        data = self._without_installed(model, path)
        self._write(path, data)
        return read_cards(Model.parse(path, data))

    def keep(self, style: OwnStyle) -> Path:
        """Write a style learned from a picture to a new file of its name, as a whole or not at all; return its path.

        Raises:
            UsageError: the name is taken, or the folder cannot be written.
        """
        path = self._path(style.name, SUFFIX)
        with changing(path):
            self.check_free(style.name)
            self._write(path, style.encode())
        return path

    def add_style(self, style: OwnStyle) -> tuple[StyleCard, ...]:
        """Add an own style, for example of a friend, and return its cards: one for each network that it is for.

        Raises:
            UsageError: the name is taken, or the folder cannot be written.
        """
        return self._cards_of([self.keep(style)])

    def own_style(self, name: str) -> OwnStyle:
        """Return the user's own style `name`, with its picture.

        Raises:
            UsageError: it is a shipped style, or a network.
            StyleNotFoundError: there is none of that name.
            ModelFormatError: its file is damaged.
        """
        file = self.find(name)
        if file.path.suffix != SUFFIX:
            raise UsageError(f"{name} is a network of its own; the file to share is {file.path}")
        return replace(OwnStyle.read(file.path), name=file.path.stem)

    def take_over(self) -> dict[Path, tuple[str, ...]]:
        """Turn the networks of earlier versions into `.style` files, if their body is a shipped one.

        Nothing is lost: the networks are kept in the folder `earlier`.

        Returns:
            For each such network, where it is now and the names of its styles.

        Raises:
            UsageError: the folder cannot be written; what was not taken over yet stays as it is.
        """
        shipped = self._shipped_models() if any(self._folder.glob("*.onnx")) else ()
        banks: dict[Path, list[OwnStyle]] = {}
        for path in sorted(self._folder.glob("*.onnx")):
            with contextlib.suppress(ModelFormatError):
                own = own_styles_of(row_form(Model.read(path)), shipped)
                if own is not None:
                    banks[path] = own
        taken = {}
        for path, own in banks.items():
            names = tuple(self._keep_or_merge(style, {each.stem for each in banks}) for style in own)
            aside = path.parent / _ASIDE / path.name
            try:
                aside.parent.mkdir(exist_ok=True)
                taken[path.rename(unused_name(aside))] = names
            except OSError as error:
                raise UsageError(f"{path} cannot be put aside: {error.strerror or error}") from error
        return taken

    def _keep_or_merge(self, style: OwnStyle, leaving: Collection[str]) -> str:
        """Write `style`, or add its rows to what the same style has for another network; return its name.

        A style with the same rows is the same, whatever it is called: its bank was put back, or a takeover interrupted.
        """
        path = self._path(style.name, SUFFIX)
        with changing(path):
            for each in (path, *sorted(self._folder.glob(f"*{SUFFIX}"))):
                with contextlib.suppress(ModelFormatError):  # missing or damaged
                    there = OwnStyle.read(each)
                    shared = there.rows.keys() & style.rows.keys()
                    alike = each == path and (there.title, there.artist) == (style.title, style.artist)
                    if (shared or alike) and all(
                        np.array_equal(there.rows[body].values, style.rows[body].values.astype(np.float16))
                        for body in shared
                    ):
                        self._write(each, replace(there, rows={**style.rows, **there.rows}).encode())
                        return each.stem
            style = replace(style, name=self._free(style.name, leaving))
            self._write(self._path(style.name, SUFFIX), style.encode())
            return style.name

    def _free(self, name: str, leaving: Collection[str] = ()) -> str:
        """Return `name`, or `name`_2 and so on where that is taken by something else than the banks `leaving`."""
        return free_name(
            name, self.catalog().taken_names(leaving) | {path.stem for path in self._folder.glob(f"*{SUFFIX}")}
        )

    def _cards_of(self, paths: Sequence[Path]) -> tuple[StyleCard, ...]:
        names = {path.stem for path in paths}
        return tuple(card for card in self.catalog().all_cards if card.own and card.name in names)

    def _shipped_models(self) -> tuple[Model, ...]:
        return Catalog.load([self._shipped]).models

    def check_installable(self, path: Path) -> None:
        """Check that `install` may copy the network file `path` to the user's styles.

        Raises:
            UsageError: a shipped network has this name.
        """
        if any(shipped.stem.lower() == path.stem.lower() for shipped in self._shipped.glob("*.onnx")):
            raise UsageError(
                f"-o {path}: a network called {path.stem} comes with stylecam; choose another name, or --no-install"
            )

    def install(self, path: Path, pictures: Mapping[str, bytes] | None = None) -> list[Path]:
        """Install what is new in the network file `path`, replacing files of the same names.

        Styles of a shipped network become `.style` files with their `pictures`, which are given by the styles' names as
        `OwnStyle.picture` has them. Any other network is copied, without the styles that are installed already.

        Returns:
            The paths of the new files.

        Raises:
            UsageError: the folder cannot be written.
            ModelFormatError: `path` cannot be read.
        """
        model, target = Model.read(path), self._folder / path.name
        own = own_styles_of(row_form(model), self._shipped_models(), pictures)
        if not own:
            self._write(target, self._without_installed(model, target))
            return [target]
        written = []
        shipped = {card.name for card in Catalog.load([self._shipped]).all_cards}
        for style in own:
            style = replace(style, name=self._free(style.name)) if style.name in shipped else style
            place = self._path(style.name, SUFFIX)
            with changing(place):
                with contextlib.suppress(ModelFormatError):  # missing or damaged
                    style = _trained_again(OwnStyle.read(place), style)
                self._write(place, style.encode())
            written.append(place)
        return written

    def _without_installed(self, model: Model, target: Path) -> bytes:
        """Return `model` without the styles that other installed banks with its body hold, unless these are all."""
        bank = StyleRows.read(model)
        if bank is None:
            return model.data
        installed = {
            row.tobytes()
            for other in self.catalog().models
            if other.path != target and other.body == bank.body
            for row in other.row_matrix.reshape(other.style_count, -1)
        }
        new = [(bank, index) for index, row in enumerate(bank.vectors) if row.tobytes() not in installed]
        return bank_of_rows(target, new).data if 0 < len(new) < model.style_count else model.data

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
        stem = short_name.removesuffix(".onnx").removesuffix(SUFFIX)
        style = slug(stem) if re.search(r"[a-z0-9]", stem.lower()) else ""
        candidates = [file for file in files if style and (bank in ("", file.path.stem) or file.path.suffix == SUFFIX)]
        for file in candidates:
            if style == slug(file.path.stem):
                return file
        own = [file.path.stem for file in files]
        shipped = Catalog.load([self._shipped]).all_cards
        if style and any(style in (card.name, slug(card.bank)) and bank in ("", card.bank) for card in shipped):
            change = f"your own are {', '.join(own)}" if own else "you have none of your own"
            raise UsageError(f"{name} came with stylecam and stays; {change}")
        for file in candidates:
            if any(style == card.name for card in file.cards):
                return file
        raise StyleNotFoundError(
            f"none of your own styles is called {name!r}; there are {', '.join(own) or 'none'}", own
        )

    def remove(self, name: str) -> Path:
        """Delete the user's file `name`, which may be damaged, or one of several styles in it; return its path.

        Raises:
            UsageError: it is a shipped style, cannot be deleted, or cannot be taken out of its file.
            StyleNotFoundError: there is none of that name.
        """
        file = self.find(name)
        index = file.index_of(name)
        if index is None:
            with changing(file.path):
                _unlink(file.path)
            return file.path
        bank = StyleRows.read(Model.read(file.path))
        if bank is None:
            raise UsageError(
                f"{name} is one of {len(file.cards)} styles in {file.path}; to remove all: {file.path.stem}"
            )
        kept = [(bank, card.index) for card in file.cards if card.index != index]
        self._write(file.path, bank_of_rows(file.path, kept).data)
        return file.path

    def rename(self, old: str, new: str) -> tuple[StyleCard, ...]:
        """Rename the user's file `old` to `new`, and its style if it holds only one; return the new cards.

        If `old` is one of several styles in its file, that style is renamed, and nothing else.

        Raises:
            UsageError: `new` is taken, `old` is shipped, or the folder cannot be written.
            StyleNotFoundError: there is no `old`.
            ModelFormatError: the file is damaged.
        """
        file = self.find(old)
        name = slug(new)
        index = file.index_of(old)
        if index is not None:
            self.check_free(name)
            model = Model.read(file.path)
            self._write(file.path, _with_style_name(model, index, name))
            return (read_cards(Model.read(file.path))[index],)
        path = self._path(name, file.path.suffix)
        same = path.exists() and path.samefile(file.path)  # also true for other capitals where the disk ignores them
        if slug(file.path.stem) != name:
            self.check_free(name)
        elif path.exists() and not same:
            raise _name_taken(name)
        if path.suffix == SUFFIX:
            with changing(file.path):  # or one who writes the old file would bring it back
                self._write(path, replace(OwnStyle.read(file.path), name=name).encode())
                if not same:
                    _unlink(file.path)
            return self._cards_of([path])
        model = Model.read(file.path)
        data = _with_style_name(model, 0, name) if len(file.cards) == 1 else model.data
        cards = read_cards(Model.parse(path, data))
        self._write(path, data)
        if not same:
            _unlink(file.path)
        return cards

    def _files(self) -> list[UserStyleFile]:
        files = []
        for path in sorted([*self._folder.glob("*.onnx"), *self._folder.glob(f"*{SUFFIX}")]):
            cards: tuple[StyleCard, ...] = ()
            if path.suffix != SUFFIX:  # an own style is called as its file is
                with contextlib.suppress(ModelFormatError):
                    cards = read_cards(Model.read(path))
            files.append(UserStyleFile(path, cards))
        return files

    def _path(self, name: str, suffix: str = ".onnx") -> Path:
        return self._folder / f"{name}{suffix}"

    def _write(self, path: Path, data: bytes) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_bytes(path, data)
        except OSError as error:
            raise UsageError(
                f"{path} cannot be written: {error.strerror or error}; check space and permissions"
            ) from error


def _with_style_name(model: Model, index: int, name: str) -> bytes:
    """Return the file's bytes with the style `index` named `name`; the rest of its metadata stays."""
    entries = card_entries(model)
    entries[index]["name"] = name
    return model.with_metadata({**model.metadata, "styles": json.dumps(entries, ensure_ascii=False)})


def _trained_again(before: OwnStyle, style: OwnStyle) -> OwnStyle:
    """Return `style` with what it has in common with the style that it replaces.

    That is the picture, where only the old one is known, and the rows for other bodies, unless they are of another one.
    """
    if before.picture and style.picture and before.picture != style.picture:
        return style
    return replace(style, picture=style.picture or before.picture, rows={**before.rows, **style.rows})


def _name_taken(name: str) -> UsageError:
    return UsageError(f"a style is called {name} already; choose another name")


def _unlink(path: Path) -> None:
    try:
        path.unlink()
    except OSError as error:
        raise UsageError(f"{path} cannot be removed: {error.strerror or error}") from error
