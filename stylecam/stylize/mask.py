"""Find the person in the camera's picture: a soft mask, steady in time, and enlarged along the camera's edges.

Whoever hides a room behind a mask must be able to trust it. So there is no mask (None) where it is in doubt, see
`stylecam.stylize.mask_doubt`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from stylecam.engines.base import Engine, InferenceSession
from stylecam.errors import EngineRunError
from stylecam.media.frame import Image, Size
from stylecam.media.transforms import to_tensor
from stylecam.models.catalog import shipped_models
from stylecam.models.model import Model
from stylecam.stylize.mask_doubt import MaskDoubt
from stylecam.stylize.postprocess.chain import FrameView
from stylecam.stylize.postprocess.mask_filter import Mask, MaskFilter, seen_by
from stylecam.stylize.postprocess.mask_upsample import MaskUpsampler, Share

INPUT = Size(256, 256)
"""The network's input; the picture is distorted to it."""
_MAX_AGE_S = 0.25
"""Seconds for which a mask may be carried on."""
_FORGOTTEN_S = 5.0
"""Seconds after which a mask no longer steadies the next one. While nothing moves, only one a second is made."""
_STEEPNESS = 2.0
"""How much more decided masks are made: what is more likely room than 3 to 1 is room, and so is person."""
_FAILURES = (EngineRunError, cv2.error, MemoryError, ValueError, ArithmeticError)
"""What a network raises where it fails; any other exception is a mistake of ours."""


@dataclass(frozen=True, slots=True)
class PersonMask:
    """Where the person is.

    Attributes:
        share: h×w uint8, of the size that was asked for: 255 where the person is, 0 where the room is. Only to be read.
    """

    share: Share


class PersonMasker:
    """Makes the masks of one stream, one frame after the other, on one thread."""

    def __init__(self, engine: Engine) -> None:
        """Run the shipped network with `engine`; it is not loaded yet."""
        self._engine = engine
        self._session: InferenceSession | None = None
        self._filter, self._doubt = MaskFilter(), MaskDoubt()
        self._upsampler: MaskUpsampler | None = None
        self._made_at: float | None = None
        self._carried = 0

    def prepare(self) -> None:
        """Load the network and run it once; too slow for the frame path.

        Raises:
            EngineError: the engine cannot run it.
            ModelFormatError: the shipped file is missing or damaged.
        """
        if self._session is None:
            session = self._engine.session(Model.read_measuring(network_path()), *INPUT)
            session.run(to_tensor(np.zeros((INPUT.height, INPUT.width, 3), np.uint8)), ())
            self._session = session

    def forget(self) -> None:
        """Forget the masks before: the next frame has nothing to do with them."""
        self._filter.reset()
        self._doubt.forget()
        self._made_at = None

    def mask(self, view: FrameView, size: Size, now: float, every: int = 1) -> PersonMask | None:
        """Return where the person is in `view`, at `size`; None where no mask can be trusted.

        An empty room has a mask of zeros.

        Args:
            view: the camera's picture.
            size: of the mask.
            now: the frame's time in seconds of the clock.
            every: run the network for every n-th frame only. The frames between carry the mask on, for at most
                `_MAX_AGE_S` and as long as motion explains what the camera sees.
        """
        if self._session is None:
            return None
        age = math.inf if self._made_at is None else now - self._made_at
        if not 0 <= age <= _FORGOTTEN_S:
            self._filter.reset()
        picture = _network_input(view.at(size))
        seen = seen_by(picture)
        if 0 <= age <= _MAX_AGE_S and self._carried + 1 < every:
            carried = self._filter.carry(seen)
            if carried is not None:
                self._carried += 1
                return _sized(carried, size)
        made = self._run(self._session, picture)
        if made is None or not self._doubt.believes(made, seen, now):
            self._filter.reset()
            self._made_at = None
            return None
        self._made_at, self._carried = now, 0
        return _sized(self._filter.apply(made, seen), size)

    def enlarged(self, mask: PersonMask, small: Image, view: Image) -> Share:
        """Return `mask` at the output's size H×W, refined along the camera's edges, as a new array.

        Args:
            mask: as `mask` returned it.
            small: the camera's picture at the mask's size, h×w×3 uint8 BGR.
            view: the camera's picture at the output's size, H×W×3 uint8 BGR.
        """
        size = Size(view.shape[1], view.shape[0])
        if self._upsampler is None or self._upsampler.size != size:
            self._upsampler = MaskUpsampler(size)
        return self._upsampler.enlarge(mask.share, small, view)

    def _run(self, session: InferenceSession, picture: Image) -> Mask | None:
        """Return what the network makes of `picture`; None if it fails."""
        try:
            made = session.run(to_tensor(picture), ())
        except _FAILURES:
            return None
        return np.array(made[0, 0]) if made.shape == (1, 1, INPUT.height, INPUT.width) else None


def network_path() -> Path:
    """Return the file of the shipped network."""
    return shipped_models() / "person" / "selfie_256x256.onnx"


def _network_input(image: Image) -> Image:
    """Return `image` distorted to the network's input."""
    while image.shape[1] >= 2 * INPUT.width and image.shape[0] >= 2 * INPUT.height:  # halving is quick
        half = (image.shape[1] // 2, image.shape[0] // 2)
        image = np.asarray(cv2.resize(image, half, interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.resize(image, INPUT, interpolation=cv2.INTER_LINEAR), np.uint8)


def _sized(mask: Mask, size: Size) -> PersonMask:
    """Return `mask`, more decided, at `size`."""
    levels = cv2.addWeighted(mask, 255 * _STEEPNESS, mask, 0, 127.5 * (1 - _STEEPNESS), dtype=cv2.CV_8U)
    return PersonMask(np.asarray(cv2.resize(levels, size, interpolation=cv2.INTER_LINEAR), np.uint8))
