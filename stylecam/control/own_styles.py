"""The user's own styles as a running stylecam makes and keeps them, each in a file of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from stylecam.errors import CommandRefusedError, SinkUnavailableError, StyleNotFoundError, UsageError
from stylecam.models.own_style import MAX_TEXT_LENGTH, SUFFIX, OwnStyle, changing, free_name, short_name
from stylecam.utils.message import Message
from stylecam.utils.text import printable

MAX_MINUTES = 60.0
"""The longest that a style is trained further at once."""

Crop = tuple[float, float, float, float]
"""Left, top, width and height of the part of a picture that is learned, as shares of its sides."""


class PictureLearner(Protocol):
    """Learns styles from pictures, as `stylecam.stylize.style_learning.StyleLearner` does."""

    def learn(
        self,
        picture: bytes,
        *,
        name: str,
        title: str,
        artist: str,
        licence: str,
        crop: Crop | None,
        note: Callable[[str], None],
    ) -> OwnStyle:
        """Learn one; `note` is called with each phrase about the picture that follows its title."""

    def prepare(self, picture: bytes, crop: Crop | None) -> None:
        """Do beforehand what learning this picture takes."""

    def redraft(self, style: OwnStyle) -> OwnStyle:
        """Return `style` with rows for each network that it has none for."""


class ImprovementRunner(Protocol):
    """Trains own styles further, one at a time, in a process of its own."""

    @property
    def progress(self) -> Mapping[str, Any] | None:
        """What is being improved, as the page shows it; None if nothing is."""

    def start(self, name: str, minutes: float) -> None:
        """Begin; raises TrainingUnavailableError, whose message says how to install what is missing."""

    def stop(self, name: str) -> None:
        """End it; what was learned stays."""


@dataclass(frozen=True, slots=True)
class OwnStyles:
    """Learns, lists and changes own styles. The methods block; one thread calls them at a time.

    Attributes:
        folder: where the files are.
        learner: returns what learns a style from a picture; it may take a moment to load.
        taken_names: returns what no new style can be called, for example like a shipped one.
        improvements: trains styles further; None where nothing does.
    """

    folder: Path
    learner: Callable[[], PictureLearner]
    taken_names: Callable[[], frozenset[str]]
    improvements: ImprovementRunner | None = None

    def prepare(self, picture: bytes, crop: Crop | None = None) -> None:
        """Do beforehand what learning the file content `picture` takes; without one only load what learns.

        Raises:
            SourceUnreadableError: it is no picture that can be learned.
        """
        learner = self.learner()
        if picture:
            learner.prepare(picture, crop)

    def add_picture(
        self, picture: bytes, texts: Mapping[str, str], crop: Crop | None = None
    ) -> tuple[OwnStyle, list[str]]:
        """Learn a style from the file content `picture` and keep it.

        Args:
            picture: a picture in any format that stylecam reads.
            texts: `title`, `artist` and `licence`, and perhaps the `name`; without one it is made from the title.
            crop: the part that is learned; None for all of it.

        Returns:
            The style, and what there is to know about the picture, as phrases that follow its title.

        Raises:
            CommandRefusedError: a style has this name.
            SourceUnreadableError: it is no picture that can be learned.
            UsageError: a text is too long.
            SinkUnavailableError: it cannot be written.
        """
        title = _text(texts, "title") or _text(texts, "name") or "Own painting"
        name = self._checked_name(texts["name"]) if texts.get("name") else short_name(title)
        notes: list[str] = []
        style = self.learner().learn(
            picture, name=name, title=title, artist=_text(texts, "artist"), licence=_text(texts, "licence"), crop=crop,
            note=notes.append,
        )  # fmt: skip
        return self._keep(style), notes

    def add_file(self, data: bytes) -> OwnStyle:
        """Keep the style in the file content `data`; where its name is taken it gets another one.

        Raises:
            ModelFormatError: `data` is damaged, or is no such file.
            SinkUnavailableError: it cannot be written.
        """
        return self._keep(self.learner().redraft(OwnStyle.parse(Message("the file"), data)))

    def find(self, name: str) -> OwnStyle:
        """Return the own style `name`, which is that of its file: a copy may still have the other's name in it.

        Raises:
            StyleNotFoundError: there is none, or it is not the user's own.
            ModelFormatError: its file is damaged.
        """
        return replace(OwnStyle.read(self.path(name)), name=name)

    def path(self, name: str) -> Path:
        """Return the file of the own style `name`; raises StyleNotFoundError."""
        path = next((path for path in self.folder.glob(f"*{SUFFIX}") if path.stem == name == short_name(name)), None)
        if path is None:
            raise StyleNotFoundError(Message("none of your own styles is called {name}", name=name[:60]))
        return path

    def change_texts(self, name: str, texts: Mapping[str, str]) -> OwnStyle:
        """Replace `title`, `artist` and `licence`, as far as `texts` has them. The name stays, as presets have it.

        Raises:
            StyleNotFoundError: there is no such own style.
            UsageError: a text is too long, or the title is empty.
            SinkUnavailableError: it cannot be written.
        """
        with changing(self.path(name)):
            style = self.find(name)
            title, artist, licence = (
                _text(texts, key) if key in texts else kept
                for key, kept in (("title", style.title), ("artist", style.artist), ("licence", style.licence))
            )
            if not title:
                raise UsageError(Message("a style needs a title"))
            return self._write(replace(style, title=title, artist=artist, licence=licence))

    def remove(self, name: str) -> None:
        """Delete the own style `name`; if it is being improved, that ends first.

        Raises:
            StyleNotFoundError: there is no such own style.
            SinkUnavailableError: the file cannot be deleted.
        """
        path = self.path(name)
        if self.improvements is not None:
            self.improvements.stop(name)
        try:
            with changing(path):
                path.unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(path, error) from error

    def _keep(self, style: OwnStyle) -> OwnStyle:
        """Write a new style, under another name where its own is taken by now."""
        with contextlib.suppress(OSError):  # writing says so
            self.folder.mkdir(parents=True, exist_ok=True)
        with changing(self.folder / style.name):
            return self._write(replace(style, name=free_name(style.name, self._taken())))

    def _write(self, style: OwnStyle) -> OwnStyle:
        path = self.folder / f"{style.name}{SUFFIX}"
        try:
            style.write(path)
        except OSError as error:
            raise _unwritable(path, error) from error
        return style

    def _checked_name(self, name: str) -> str:
        name = short_name(name)
        if name in self._taken():
            raise CommandRefusedError(f"a style is called {name} already; choose another name")
        return name

    def _taken(self) -> frozenset[str]:
        return self.taken_names() | {path.stem for path in self.folder.glob("*.*")}


def _text(texts: Mapping[str, str], key: str) -> str:
    text = " ".join(texts.get(key, "").split())
    if len(text) > MAX_TEXT_LENGTH:
        raise UsageError(f"{text[:40]}… is too long; {MAX_TEXT_LENGTH} letters at most")
    return printable(text)


def _unwritable(path: Path, error: OSError) -> SinkUnavailableError:
    return SinkUnavailableError(
        Message("{path} cannot be written: {reason}; nothing was changed", path=path, reason=error.strerror or error)
    )
