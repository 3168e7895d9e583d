"""The own styles of the user's folder, each file read again only when it has changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from stylecam.errors import ModelFormatError
from stylecam.models.card import slug
from stylecam.models.own_style import SUFFIX, OwnStyle
from stylecam.utils.text import printable

_Stamp = tuple[int, int, int]


class OwnStyleFolder:
    """The `.style` files of `folder`. Used by one thread at a time.

    The picture of each style is left out, because they need memory and only rows are painted with.

    Attributes:
        styles: those that were read last, in the order of their names.
        problems: one line for every file that was not read.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[Path, tuple[_Stamp, OwnStyle | str]] = {}
        self.styles: tuple[OwnStyle, ...] = ()
        self.problems: tuple[str, ...] = ()

    def read(self) -> bool:
        """Read the files that are new or have changed; return whether anything is different now."""
        found: dict[Path, tuple[_Stamp, OwnStyle | str]] = {}
        for path, stamp in self._stamps():
            known = self._read.get(path)
            found[path] = known if known is not None and known[0] == stamp else (stamp, _read(path))
        changed, self._read = found != self._read, found
        if changed:
            contents = [content for _, content in found.values()]
            self.styles = tuple(content for content in contents if isinstance(content, OwnStyle))
            self.problems = tuple(content for content in contents if isinstance(content, str))
        return changed

    def _stamps(self) -> list[tuple[Path, _Stamp]]:
        """Return each file with what tells whether it has changed; a file that is gone meanwhile is left out."""
        stamps = []
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            try:
                status = path.stat()
            except OSError:
                continue
            stamps.append((path, (status.st_mtime_ns, status.st_size, status.st_ino)))
        return stamps


def _read(path: Path) -> OwnStyle | str:
    """Return the style in `path`, which has the file's name, or why there is none."""
    if path.stem != slug(path.stem) or path.stem == "none":  # which means the plain camera
        return printable(f"{path}: no style can be called so; add it with: stylecam styles add {path}", 1000)
    try:
        return replace(OwnStyle.read(path), name=path.stem, picture=b"")
    except ModelFormatError as error:
        return printable(str(error), 1000)
