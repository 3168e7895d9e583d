"""Follow the faces in the camera picture, and tell where their eyes and mouths are.

The network looks a few times a second, at one square of the picture each time: in turn at the whole picture and at its
parts for new faces, and closely at each face that is known. A face counts once two close looks have been sure of it,
so a pattern that looks like one does not. Between the looks a small grey template of it is found again in each frame.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from stylecam.engines.base import Engine
from stylecam.errors import EngineRunError
from stylecam.media.frame import Box, Image, Size
from stylecam.media.transforms import resize
from stylecam.stylize.face_detector import BlazeFace, FaceDetection, Landmarks, Square
from stylecam.stylize.postprocess.chain import FrameView
from stylecam.stylize.postprocess.face_share import Share, draw_face
from stylecam.utils.optional import error_summary

_SEARCH_S, _SEARCH_MORE_S = 0.1, 0.2
"""Seconds between two looks for new faces, each at another part of the picture; the second while there is a face."""
_LOOK_S = 0.2
"""Seconds between two close looks at a face; one that was missed is looked at again in the next frame."""
_CANDIDATE, _SURE, _STILL = 0.5, 0.75, 0.5
"""The least scores: of a look for new faces, of the close looks that confirm one, and of those that follow.

In 69 photographs of empty offices no pattern passes the first two."""
_CONFIRMATIONS = 2
"""Close looks that must be sure of a new face."""
_MISSES = 2
"""Close looks that must miss a face before it is given up."""
_FADE_IN_S, _FADE_OUT_S = 0.25, 0.15
"""How long a face takes to fade in, and to fade out from the first frame on in which it is not seen."""
_CLOSE = 3.0
"""The side of a close look, in sizes of the face."""
_PARTS = (0.6, 0.36)
"""The side of the parts that are searched, as a share of the picture's longer side, for near faces and for far ones."""
_PART_STEP = 0.9
"""How far the middles of neighboring parts are apart at most, in sides."""
_FORGOTTEN_S = 1.0
"""Seconds after which a frame tells nothing about the next one."""
_PAUSE_S = 5.0
"""Seconds until the next try after a failure."""
_MOST_FACES = 4
_CORRECTION = 0.4
"""Share of what a close look differs from what is known by which that is corrected, unless the face has jumped."""
_JUMP = 0.15
"""A difference that is no noise, in sizes of the face."""
_FRAME_S = 1 / 30
"""The time for which the next three hold; in longer steps of time more is taken over."""
_FOLLOW, _TREND = 0.6, 0.1
"""Alpha and beta of the filter of the place (Benedict and Bordner 1962)."""
_GLIDE = 0.3
"""Share of a change of size and tilt that is taken over."""
_GREY_SIDE = 320
"""Pixels of the longer side of the picture in which templates are found again, about."""
_SMALLEST_TEMPLATE, _TEMPLATE = 8, 48
"""Pixels of a template's side at least and at most; it is looked for half as far from where it was."""
_LIKENESS = 0.6
"""The least correlation with the template."""


class FaceTracker:
    """Follows the faces of one camera, one frame after the other, on one thread."""

    def __init__(self, engine: Engine) -> None:
        """Look with `engine`; the network is not loaded yet."""
        self._engine = engine
        self._detector: BlazeFace | None = None
        self._size = Size(0, 0)
        self.forget()

    def prepare(self) -> None:
        """Load the network and run it once; too slow for the frame path.

        Raises:
            EngineError: the engine cannot run it.
            ModelFormatError: the shipped file is missing or damaged.
        """
        if self._detector is None:
            self._detector = BlazeFace(self._engine)

    def forget(self) -> None:
        """Forget all faces: the next frame has nothing to do with them, for instance because the camera has changed."""
        self._tracks: list[_Track] = []
        self._searched_at = self._updated_at = -math.inf
        self._search_count = 0

    def update(self, image: Image, now: float) -> None:
        """Follow the faces into the next frame. Without `prepare` there are none.

        Args:
            image: the whole camera picture, H×W×3 uint8 BGR.
            now: its time in seconds, never less than the one before.

        Raises:
            EngineRunError: this failed; all faces are forgotten, and the next try is made after `_PAUSE_S`.
        """
        size = Size(image.shape[1], image.shape[0])
        if size != self._size or now - self._updated_at > _FORGOTTEN_S:
            self.forget()
            self._size = size
        if self._detector is None:
            return
        step = min(_FORGOTTEN_S, max(0.0, now - self._updated_at))
        self._updated_at = now
        try:
            grey = _GreyPicture(image)
            for track in self._tracks:
                track.follow(grey)
            self._look(self._detector, image, grey, now)
        except (EngineRunError, cv2.error, MemoryError, ValueError, ArithmeticError) as error:
            self.forget()
            self._searched_at = now + _PAUSE_S
            raise EngineRunError(f"faces cannot be followed: {error_summary(error)}") from error
        for track in self._tracks:
            track.move(step)
        self._tracks = [track for track in self._tracks if not track.gone]

    @property
    def presences(self) -> tuple[float, ...]:
        """How far each face has faded in, 0..1. While they stay and nothing moves, `share` stays as well."""
        return tuple(track.presence for track in self._tracks if track.presence > 0)

    @property
    def faces(self) -> Sequence[Box]:
        """The faces from brows to chin, in the camera picture."""
        width, height = self._size
        return [
            Box(track.box[0] / width, track.box[1] / height, track.size / width, track.size / height)
            for track in self._tracks
            if track.presence > 0
        ]

    def share(self, view: FrameView, size: Size) -> Share | None:
        """Return where eyes and mouths are in `view.at(size)`: H×W uint8, softly from 0 to 255; None without a face.

        It says nothing about the room behind. Where that is hidden, multiply it by the person's mask.
        """
        seen = [track for track in self._tracks if track.presence > 0]
        if not seen:
            return None
        share = np.zeros((size.height, size.width), np.uint8)
        for track in seen:
            top_left, bottom_right = view.locate(track.box.reshape(2, 2), size)
            draw_face(share, view.locate(track.landmarks, size), float(bottom_right[1] - top_left[1]), track.presence)
        return share

    def _look(self, detector: BlazeFace, image: Image, grey: _GreyPicture, now: float) -> None:
        """Let the network look once, if it is time: at what has been waiting for longest."""
        search_due = self._searched_at + (_SEARCH_MORE_S if self._tracks else _SEARCH_S)
        track = min(self._tracks, key=lambda each: each.due, default=None)
        if track is not None and track.due <= min(now, search_due):
            found = detector.find(image, track.square, _STILL)
            track.looked(grey, _best(found, track), now)
            self._drop_doubles()
        elif now >= search_due:
            square = _square(self._size, self._search_count)
            self._searched_at, self._search_count = now, self._search_count + 1
            for face in detector.find(image, square, _CANDIDATE):
                if len(self._tracks) < _MOST_FACES and not any(face.overlap(each.box) > 0 for each in self._tracks):
                    self._tracks.append(_Track(grey, face, now))

    def _drop_doubles(self) -> None:
        """Of two tracks that have come to follow one face, keep the older one."""
        kept: list[_Track] = []
        for track in self._tracks:
            if not any(track.overlaps(other) for other in kept):
                kept.append(track)
        self._tracks = kept


class _Track:
    """One face, or what may be one. Lengths are in pixels of the camera picture."""

    def __init__(self, grey: _GreyPicture, face: FaceDetection, now: float) -> None:
        self.middle = _middle_of(face)
        self._velocity = np.zeros(2)
        self._shape = self._shown_shape = face.landmarks - self.middle
        self._side = self.size = _side_of(face)
        self._measured = self.middle
        self._confirmations = self._misses = 0
        self.seen = True
        self._template: Image | None = None
        self.presence = 0.0
        self.due = now
        self._keep(grey)

    @property
    def landmarks(self) -> Landmarks:
        return self.middle + self._shown_shape

    @property
    def box(self) -> npt.NDArray[np.float64]:
        return np.concatenate((self.middle - self.size / 2, self.middle + self.size / 2))

    @property
    def square(self) -> Square:
        """What to look at closely."""
        return Square(float(self._measured[0]), float(self._measured[1]), _CLOSE * self._side)

    @property
    def confirmed(self) -> bool:
        return self._confirmations >= _CONFIRMATIONS

    @property
    def gone(self) -> bool:
        """Whether it has faded, or was no face."""
        return self._misses >= (_MISSES if self.confirmed else 1) and self.presence == 0

    def overlaps(self, other: _Track) -> bool:
        return float(np.abs(self.middle - other.middle).max()) < 0.5 * max(self.size, other.size)

    def follow(self, grey: _GreyPicture) -> None:
        """Find the face in the next frame."""
        self.seen = self._match(grey)
        if not self.seen:
            self.due = -math.inf  # hidden, turned away or moved far: look closely at once

    def looked(self, grey: _GreyPicture, face: FaceDetection | None, now: float) -> None:
        """Take over what a close look has found."""
        if face is None or (not self.confirmed and face.score < _SURE):
            self._misses += 1
            self.due = now
            return
        self._misses, self.seen = 0, True
        self._confirmations += 1
        self.due = now + _LOOK_S if self.confirmed else now
        middle = _middle_of(face)
        jumped = float(np.abs(middle - self._measured).max()) > _JUMP * self._side
        rate = 1.0 if jumped or not self.confirmed else _CORRECTION
        self._measured = self._measured + rate * (middle - self._measured)
        self._shape = self._shape + rate * (face.landmarks - middle - self._shape)
        self._side += rate * (_side_of(face) - self._side)
        if jumped or not self.presence:  # no need to glide
            self.middle, self._velocity = self._measured, np.zeros(2)
            self._shown_shape, self.size = self._shape, self._side
        self._keep(grey)

    def move(self, seconds: float) -> None:
        """Move what is shown to where the face is, `seconds` after the frame before, and fade it in or out."""
        frames = seconds / _FRAME_S
        foreseen = self.middle + self._velocity * seconds
        off = self._measured - foreseen
        self.middle = foreseen + (1 - (1 - _FOLLOW) ** frames) * off
        if seconds > 0:
            self._velocity = self._velocity + _TREND * off / seconds
        glide = 1 - (1 - _GLIDE) ** frames
        self._shown_shape = self._shown_shape + glide * (self._shape - self._shown_shape)
        self.size += glide * (self._side - self.size)
        shown = self.confirmed and self.seen and self._misses < _MISSES
        change = seconds / _FADE_IN_S if shown else -seconds / _FADE_OUT_S
        self.presence = min(1.0, max(0.0, self.presence + change))

    def _keep(self, grey: _GreyPicture) -> None:
        """Keep what the face looks like now."""
        pixels = round(min(_TEMPLATE, max(_SMALLEST_TEMPLATE, self._side / grey.factor)))
        self._template = grey.square(self._measured, pixels)

    def _match(self, grey: _GreyPicture) -> bool:
        """Measure where the face is now; False where it cannot be recognized."""
        if self._template is None:
            return False
        pixels = len(self._template)
        around = grey.square(self._measured, 2 * pixels)
        if around is None:
            return False
        likeness = cv2.matchTemplate(around, self._template, cv2.TM_CCOEFF_NORMED)
        _, best, _, (column, row) = cv2.minMaxLoc(likeness)
        if not best >= _LIKENESS:
            return False
        peak = np.array((_peak(likeness[row].tolist(), column), _peak(likeness[:, column].tolist(), row)))
        self._measured = self._measured + (peak - pixels / 2) * grey.factor
        return True


def _best(found: Sequence[FaceDetection], track: _Track) -> FaceDetection | None:
    """Return which of the faces in a close look is the one that is followed; one that was lost may have moved far."""
    near = [face for face in found if not track.seen or face.overlap(track.box) > 0.2]
    return min(near, key=lambda face: float(np.abs(_middle_of(face) - track.middle).max()), default=None)


def _square(size: Size, number: int) -> Square:
    """Return the square that is searched as the `number`-th: in turn a near one, the first the whole, and a far one."""
    longer = max(size)
    near, far = (_parts(size, share * longer) for share in _PARTS)
    squares = far if number % 2 else [Square(size.width / 2, size.height / 2, longer), *near]
    return squares[number // 2 % len(squares)]


def _parts(size: Size, side: float) -> list[Square]:
    """Return squares of `side` that cover the picture."""
    columns, rows = (_middles(length, side) for length in size)
    return [Square(x, y, side) for y in rows for x in columns]


def _middles(length: float, side: float) -> list[float]:
    gaps = math.ceil(max(0.0, length - side) / (_PART_STEP * side))
    return [side / 2 + at * (length - side) / gaps for at in range(gaps + 1)] if gaps else [length / 2]


def _middle_of(face: FaceDetection) -> npt.NDArray[np.float64]:
    return (face.box[:2] + face.box[2:]) / 2


def _side_of(face: FaceDetection) -> float:
    return max(1.0, float((face.box[2:] - face.box[:2]).mean()))


class _GreyPicture:
    """A camera picture in grey, shrunk so that faces can be found again in it quickly."""

    def __init__(self, image: Image) -> None:
        height, width = image.shape[:2]
        self.factor = max(1, max(width, height) // _GREY_SIDE)
        small = resize(image, Size(max(1, width // self.factor), max(1, height // self.factor)))
        self._grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)

    def square(self, middle: npt.NDArray[np.float64], pixels: int) -> Image | None:
        """Return a square of `pixels` around `middle`, which is in the camera picture; None where it is outside."""
        x, y = middle / self.factor - 0.5
        if not (0 <= x < self._grey.shape[1] and 0 <= y < self._grey.shape[0]):
            return None
        return cast(Image, cv2.getRectSubPix(self._grey, (pixels, pixels), (float(x), float(y))))


def _peak(values: Sequence[float], index: int) -> float:
    """Return where the parabola through the largest of `values`, at `index`, and its neighbors has its top."""
    if not 0 < index < len(values) - 1:
        return float(index)
    before, best, after = values[index - 1 : index + 2]
    bend = before - 2 * best + after
    return index + (0.5 * (before - after) / bend if bend < 0 else 0.0)
