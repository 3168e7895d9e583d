"""Put the person and the room together at the output's size, and keep hidden what the look hides.

A look that hides the room (`Room.hides`) is obeyed even where it is not known where the person is: then all of the
picture is the room, and the person is hidden with it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from stylecam.errors import SourceError
from stylecam.media.frame import Image, Size
from stylecam.stylize.look import Look
from stylecam.stylize.postprocess.backdrop import Backdrop
from stylecam.stylize.room import Paint, Room, RoomKind

FaultReport = Callable[[str, str], None]
"""Called with a kind of fault (`room`) and a message of one line."""
Shares = npt.NDArray[np.uint8]
"""H×W uint8: the share of one of two pictures at each pixel, 255 for all of it."""

BLUR_REDUCTION = 8
"""The room is blurred on a picture of this fraction of the output's sides."""
LEAST_BLUR, MOST_BLUR = 0.03, 0.08
"""Standard deviation of the blur at strength 0 and 1, as a share of the output's short side.

Even the least makes a page of text on the wall, or a face in the door, unreadable.
"""
HIDDEN_BELOW = 64
"""Where a hidden room is concerned, a share of the person up to this one counts as none.

Masks end softly, and what they show of the wall around the person must not be readable.
"""
_LEAST_WEIGHT = 1 / 64
_NOTHING, _COVER = (0, 0, 0), (72, 64, 60)
"""BGR of a room that is left out, and of one whose picture cannot be read."""


def mixed(below: Image, above: Image, shares: Shares) -> Image:
    """Return `above` where `shares` is 255 and `below` where it is 0, blended between; all of one height and width.

    Most pixels are all of one picture and are only copied, which is four times as fast as blending every one.
    """
    result = below.copy()
    cv2.copyTo(above, np.equal(shares, 255).view(np.uint8), result)
    soft = np.flatnonzero((shares > 0) & (shares < 255))
    if soft.size:
        weights = shares.reshape(-1)[soft].astype(np.uint16)[:, None]
        one, other = below.reshape(-1, 3)[soft], above.reshape(-1, 3)[soft]
        result.reshape(-1, 3)[soft] = (other * weights + one * (255 - weights) + 127) // 255
    return cast(Image, result)


def hiding(shares: Shares) -> Shares:
    """Return the person's `shares` for a room that must not be seen: none where the person is in doubt."""
    spread = 255 / (255 - HIDDEN_BELOW)
    return cast(Shares, cv2.addWeighted(shares, spread, shares, 0, -HIDDEN_BELOW * spread))


def blurred(view: Image, strength: float, shares: Shares | None = None) -> Image:
    """Return `view` (H×W×3 uint8 BGR) so blurred that nothing in it can be recognised.

    With the person's `shares` their colours are left out, so that no halo of them surrounds them.

    Args:
        view: the camera picture.
        strength: 0 to 1.
        shares: H×W; where it is 255 the pixel is not blurred into others.
    """
    height, width = view.shape[:2]
    size = (max(1, width // BLUR_REDUCTION), max(1, height // BLUR_REDUCTION))
    sigma = min(size) * (LEAST_BLUR + (MOST_BLUR - LEAST_BLUR) * strength)
    small = cv2.resize(view, size, interpolation=cv2.INTER_AREA)
    if shares is None or not shares.any():
        soft = cv2.GaussianBlur(small, (0, 0), sigma)
    else:
        weights = 1 - cv2.resize(shares, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        weights = np.maximum(weights, np.float32(_LEAST_WEIGHT))
        total = cv2.GaussianBlur(weights, (0, 0), sigma)[..., None]
        soft = (cv2.GaussianBlur(small * weights[..., None], (0, 0), sigma) / total).astype(np.uint8)
    return cast(Image, cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR))


class RoomCompositor:
    """Composes the pictures of one stream at one size. Used by one thread; times are clock seconds."""

    def __init__(self, size: Size, report: FaultReport) -> None:
        """Compose pictures of `size`, the output's; `report` takes a line for each file that cannot be read."""
        self._size = size
        self._report = report
        self._backdrop: Backdrop | None = None
        self._path: Path | None = None

    def compose(self, painted: Image | None, view: Image, person: Shares | None, look: Look, now: float) -> Image:
        """Return the picture that `look` asks for; all pictures are of the output's size H×W.

        Args:
            painted: the painting of the whole picture, H×W×3 uint8 BGR; None for a look without one.
            view: the camera picture, H×W×3 uint8 BGR.
            person: where the person is, H×W; None where that is not known. Then a hidden room covers everything, and
                otherwise the painting does.
            look: its `paint` and `room` apply.
            now: the time of the frame, for a moving backdrop.
        """
        if look.hides_room:
            shares = None if person is None else hiding(person)
            room = self._replacement(view, shares, look.room, now)
            if shares is None:
                return room
            return mixed(room, view if painted is None else painted, shares)
        if painted is None or person is None or not look.needs_mask:
            return view if painted is None else painted
        if look.paint is Paint.ROOM:
            return mixed(painted, view, person)
        if look.room.kind is RoomKind.STYLE:  # the painting is of both styles already
            return painted
        return mixed(view, painted, person)

    def forget(self) -> None:
        """Close the backdrop's file, if there is one."""
        if self._backdrop is not None:
            self._backdrop.close()
        self._backdrop = self._path = None

    def _replacement(self, view: Image, shares: Shares | None, room: Room, now: float) -> Image:
        """Return what is shown in place of a hidden room."""
        if room.kind is RoomKind.BLUR:
            return blurred(view, room.strength, shares)
        if room.kind is RoomKind.PICTURE and (picture := self._picture(room.path, now)) is not None:
            return picture
        color = room.color if room.kind is RoomKind.COLOR else _NOTHING if room.kind is RoomKind.NONE else _COVER
        return np.full((self._size.height, self._size.width, 3), color, np.uint8)

    def _picture(self, path: Path | None, now: float) -> Image | None:
        """Return the backdrop's picture; None, which was reported once, where the file cannot be read."""
        if path is None:
            return None
        if path != self._path:
            self.forget()
            self._path = path
            try:
                self._backdrop = Backdrop(path, self._size)
            except SourceError as error:
                self._report("room", str(error))
        return None if self._backdrop is None else self._backdrop.at(now)
