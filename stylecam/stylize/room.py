"""Who is painted, what takes the place of the room behind them, and how the picture follows them: values only."""

from __future__ import annotations

import difflib
import enum
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stylecam.errors import UsageError
from stylecam.utils.files import user_path
from stylecam.utils.message import Message
from stylecam.utils.text import read_share

if TYPE_CHECKING:  # `stylecam ctl` knows the actions without a picture library
    from stylecam.models.catalog import Catalog
    from stylecam.models.style_mix import StyleMix

DEFAULT_BLUR = 0.6
"""The strength of a blur that is given without one."""
GREEN = (64, 177, 0)
"""The color, BGR, of a color that is given without one: the green that chroma keys expect."""
COLORS = {
    "green": GREEN, "blue": (187, 71, 0), "black": (0, 0, 0), "white": (255, 255, 255), "gray": (128, 128, 128),
}  # fmt: skip
"""The colors, BGR, that have a name."""


class _Word(str, enum.Enum):
    """An enumeration whose members are the words that users write."""

    def __str__(self) -> str:
        return str(self.value)


class Paint(_Word):
    """Who is painted in the main style.

    Attributes:
        EVERYTHING: the whole picture; or, where a `Room` says what the room shows, the person.
        PERSON: the person; the room is what the `Room` says.
        ROOM: the room, whatever the `Room` says; the person stays as the camera sees them.
    """

    EVERYTHING = "everything"
    PERSON = "person"
    ROOM = "room"


class Framing(_Word):
    """How closely the picture follows the person. `OFF` shows all that the camera sees."""

    OFF = "off"
    GENTLE = "gentle"
    CLOSE = "close"


class RoomKind(_Word):
    """What the room shows where the main style does not paint it.

    Attributes:
        CAMERA: what the camera sees.
        BLUR: the same, blurred beyond recognition.
        COLOR: one color.
        PICTURE: a picture, or a video that loops.
        STYLE: a painting of it in a style of its own.
        NONE: nothing: transparent where the result can be (PNG), black elsewhere.
    """

    CAMERA = "camera"
    BLUR = "blur"
    COLOR = "color"
    PICTURE = "picture"
    STYLE = "style"
    NONE = "none"


_HIDING = frozenset({RoomKind.BLUR, RoomKind.COLOR, RoomKind.PICTURE, RoomKind.NONE})
_FORMS = "camera, blur:0.6, color:#00b140, picture:FILE, style:NAME or none"


@dataclass(frozen=True, slots=True)
class Room:
    """What the room behind the person shows. Only the attribute that belongs to `kind` has a meaning.

    Attributes:
        kind: which of them.
        strength: of a blur, 0..1. The weakest blur, too, leaves nothing that could be read or recognized.
        color: blue, green and red, 0..255 each.
        path: the picture or video file; absolute, as another process may be the one that opens it. Whether it exists is
            for `check_room_file` to say.
        style: the name of the style, as users write it.
    """

    kind: RoomKind = RoomKind.CAMERA
    strength: float = DEFAULT_BLUR
    color: tuple[int, int, int] = GREEN
    path: Path | None = None
    style: str | None = None

    @classmethod
    def parse(cls, text: str) -> Room:
        """Read `camera`, `blur`, `blur:0.6`, `color:#00b140`, `picture:FILE`, `style:NAME` or `none`.

        Raises:
            UsageError: it is none of these, in one line that says what is expected.
        """
        word, colon, rest = text.strip().partition(":")
        word, rest = word.strip().lower(), rest.strip()
        try:
            kind = RoomKind(word)
        except ValueError:
            near = difflib.get_close_matches(word, [each.value for each in RoomKind], 1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise UsageError(f"there is no room {text.strip()[:60]!r}; {hint}write {_FORMS}") from None
        if kind is RoomKind.BLUR:
            return cls(kind, strength=_strength(rest) if colon else DEFAULT_BLUR)
        if kind is RoomKind.COLOR:
            return cls(kind, color=_color(rest) if colon else GREEN)
        if kind in (RoomKind.CAMERA, RoomKind.NONE):
            if colon:
                raise UsageError(f"the room {kind} takes nothing after it; write {kind}")
            return cls(kind)
        if not rest:
            missing = "FILE" if kind is RoomKind.PICTURE else "NAME"
            raise UsageError(f"the room {kind} needs a {missing.lower()}; write {kind}:{missing}")
        return cls(kind, path=user_path(rest).absolute()) if kind is RoomKind.PICTURE else cls(kind, style=rest)

    def __str__(self) -> str:
        """Return the text that `parse` reads as this room."""
        details = {
            RoomKind.BLUR: f"{self.strength:g}",
            RoomKind.COLOR: "#{2:02x}{1:02x}{0:02x}".format(*self.color),
            RoomKind.PICTURE: str(self.path),
            RoomKind.STYLE: str(self.style),
        }
        return f"{self.kind}:{details[self.kind]}" if self.kind in details else str(self.kind)

    @property
    def hides(self) -> bool:
        """Whether it is there to hide the room: then no frame may show what the camera sees of it, painted or not."""
        return self.kind in _HIDING


def check_paint(paint: Paint, room: Room) -> None:
    """Check that `room` would be seen.

    Raises:
        UsageError: the room is painted in the main style, and `room` says something else.
    """
    if paint is Paint.ROOM and room.kind is not RoomKind.CAMERA:
        raise UsageError(f"--paint room paints the room in the style, and --room {room} does not; give one")


def resolve_room(room: Room, catalog: Catalog) -> StyleMix | None:
    """Check what `room` refers to, and return its style; None for a room of any other kind.

    Raises:
        UsageError: its style is `none`, or a file; or as for `check_room_file`.
        StyleNotFoundError: as for `Catalog.parse`.
    """
    check_room_file(room)
    if room.style is None:
        return None
    mix = catalog.parse(room.style)
    if mix is None:
        raise UsageError("the room style:none would be no painting; write --room camera, or style:NAME with a style")
    return mix


def check_room_file(room: Room) -> None:
    """Check that the file of a room of kind `PICTURE` is a picture or a video.

    Only its beginning is read: one that is damaged further on is noticed when it is shown.

    Raises:
        UsageError: there is no such file, it cannot be read, or it is neither.
    """
    if room.path is None:
        return
    from stylecam.media.file_check import is_picture_or_video  # a picture library, which most rooms do not need

    if not room.path.is_file():
        raise UsageError(Message("there is no file {path}; check the path", path=str(room.path)))
    try:
        usable = is_picture_or_video(room.path)
    except OSError as error:
        raise UsageError(
            Message("{path} cannot be read: {error}", path=str(room.path), error=error.strerror or error)
        ) from error
    if not usable:
        raise UsageError(
            Message("{path} is neither a picture nor a video; use for example JPEG, PNG or MP4", path=str(room.path))
        )


def _strength(text: str) -> float:
    try:
        value = read_share(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise UsageError(f"the blur {text[:20]!r} is no strength from 0 to 1; write for example blur:0.6")
    return value


def _color(text: str) -> tuple[int, int, int]:
    named = COLORS.get(text.lower())
    if named is not None:
        return named
    if not re.fullmatch(r"#?[0-9a-fA-F]{6}", text):
        raise UsageError(f"{text[:20]!r} is not a color; write #RRGGBB, for example #00b140, or {', '.join(COLORS)}")
    red, green, blue = bytes.fromhex(text.removeprefix("#"))
    return blue, green, red
