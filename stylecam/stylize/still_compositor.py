"""Put the person and the room together in single pictures of any size, or in the frames of a clip."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, NoReturn

import cv2
import numpy as np

from stylecam.engines.base import Engine
from stylecam.errors import SourceUnreadableError
from stylecam.media.frame import Image, Size
from stylecam.stylize.look import Look
from stylecam.stylize.matte import Matte
from stylecam.stylize.postprocess.compositor import RoomCompositor, Shares, hiding, mixed
from stylecam.stylize.room import Paint, RoomKind

_FRAME_S = 1 / 30
"""Time between two pictures, for a video in place of the room."""


class StyledImage(NamedTuple):
    """A stylized image.

    Attributes:
        image: H×W×3 uint8 BGR.
        alpha: H×W uint8, 0 where nothing is shown; None unless the look leaves the room out.
        note: what is special about it, to be read after its name; None if nothing is.
    """

    image: Image
    alpha: Shares | None = None
    note: str | None = None


class StillCompositor:
    """Composes the pictures of one look. Used by one thread."""

    def __init__(self, engine: Engine, look: Look) -> None:
        """Find the person with `engine`; frames are those of one clip if the look asks for some steadiness."""
        self._look = look
        self._matte = Matte(engine, steady=look.steadiness > 0)
        self._compositor: tuple[Size, RoomCompositor] | None = None
        self._now = 0.0

    def forget(self) -> None:
        """Forget the frames before: another clip begins."""
        self._matte.forget()
        self._now = 0.0

    def compose(self, image: Image, painted: Image, paint_room: Callable[[], Image]) -> StyledImage:
        """Return the picture that the look asks for.

        Args:
            image: the picture as it was, H×W×3 uint8 BGR.
            painted: the same painted all over in the main style.
            paint_room: paints it in the style of the room; called if the look asks for that.

        Raises:
            EngineError: the network that finds the person cannot be loaded.
            SourceUnreadableError: the picture or video in place of the room cannot be read.
        """
        look, person = self._look, self._matte.find(image)
        self._now += _FRAME_S
        note = None
        if person is None:
            note = f"is {'covered' if look.hides_room else 'painted'} all over, for where the person is cannot be told"
        elif not person.any():
            note = "shows nobody, as far as can be told"
        if look.hides_room and look.room.kind is RoomKind.NONE:
            alpha = np.zeros(image.shape[:2], np.uint8) if person is None else hiding(person)
            bare = np.asarray(cv2.copyTo(painted, alpha, np.zeros_like(painted)), np.uint8)
            return StyledImage(bare, alpha, note)
        if look.room.kind is RoomKind.STYLE and look.paint is not Paint.ROOM:
            return StyledImage(painted if person is None else mixed(paint_room(), painted, person), None, note)
        size = Size(image.shape[1], image.shape[0])
        if self._compositor is None or self._compositor[0] != size:
            self._compositor = size, RoomCompositor(size, _refuse)
        return StyledImage(self._compositor[1].compose(painted, image, person, look, self._now), None, note)


def _refuse(_: str, message: str) -> NoReturn:
    raise SourceUnreadableError(message)
