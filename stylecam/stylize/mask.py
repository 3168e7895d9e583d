"""Find the person in the camera's picture: a soft mask, steady in time, and enlarged along the camera's edges.

Whoever hides a room behind a mask must be able to trust it. So there is no mask (None) where it is in doubt: the
network failed, or made something that is no mask of a person.
"""

from __future__ import annotations

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
from stylecam.stylize.postprocess.chain import FrameView
from stylecam.stylize.postprocess.mask_filter import Mask, MaskFilter
from stylecam.stylize.postprocess.mask_upsample import MaskUpsampler, Share
from stylecam.utils.clock import Clock

INPUT = Size(256, 256)
"""The network's input; the picture is distorted to it."""
_FORGOTTEN_S = 0.5
"""Seconds after which a mask tells nothing about the next one."""
_MAX_PERSON = 0.98
"""The largest share of the picture that is believed to be person."""
_MAX_UNDECIDED = 0.4
"""The largest share of the picture that the network may leave undecided, between `_UNDECIDED`."""
_UNDECIDED = (0.2, 0.8)


@dataclass(frozen=True, slots=True)
class PersonMask:
    """Where the person is.

    Attributes:
        share: h×w uint8, of the size that was asked for: 255 where the person is, 0 where the room is. Only to be read.
    """

    share: Share


class PersonMasker:
    """Makes the masks of one stream, one frame after the other, on one thread."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        """Run the shipped network with `engine`; it is not loaded yet."""
        self._engine, self._clock = engine, clock
        self._session: InferenceSession | None = None
        self._filter = MaskFilter()
        self._upsampler: MaskUpsampler | None = None
        self._made_at: float | None = None

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
        self._made_at = None

    def mask(self, view: FrameView, size: Size, now: float) -> PersonMask | None:
        """Return where the person is in `view`, at `size`; None where no mask can be trusted.

        An empty room has a mask of zeros. `now` is the frame's time in seconds of the clock.
        """
        if self._session is None or (self._made_at is not None and now - self._made_at > _FORGOTTEN_S):
            self.forget()
        if self._session is None:
            return None
        self._made_at = now
        camera = _network_input(view.at(size))
        try:
            found = self._session.run(to_tensor(camera), ())
        except (EngineRunError, cv2.error, MemoryError, ValueError, ArithmeticError):
            found = None
        if found is None or not _plausible(found):
            self.forget()
            return None
        steady = self._filter.apply(np.array(found[0, 0]), camera)
        share = cv2.resize(cv2.convertScaleAbs(steady, alpha=255), size, interpolation=cv2.INTER_LINEAR)
        return PersonMask(np.asarray(share, np.uint8))

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


def network_path() -> Path:
    """Return the file of the shipped network."""
    return shipped_models() / "person" / "selfie_256x256.onnx"


def _network_input(image: Image) -> Image:
    """Return `image` distorted to the network's input."""
    while image.shape[1] >= 2 * INPUT.width and image.shape[0] >= INPUT.height:  # halving is quick
        half = (image.shape[1] // 2, image.shape[0] // 2)
        image = np.asarray(cv2.resize(image, half, interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.resize(image, INPUT, interpolation=cv2.INTER_LINEAR), np.uint8)


def _plausible(found: Mask) -> bool:
    """Return whether a mask of the network can be that of a person or of an empty room."""
    if found.shape != (1, 1, INPUT.height, INPUT.width) or not np.isfinite(found).all():
        return False
    if found.min() < 0 or found.max() > 1:
        return False
    undecided = (found > _UNDECIDED[0]) & (found < _UNDECIDED[1])
    return bool((found > 0.5).mean() <= _MAX_PERSON and undecided.mean() <= _MAX_UNDECIDED)
