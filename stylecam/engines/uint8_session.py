"""Sessions of libraries that handle uint8 well: a bank is given the picture as it lies in memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from stylecam.engines.base import InferenceSession, check_constants
from stylecam.errors import EngineRunError
from stylecam.media.frame import Image
from stylecam.media.transforms import Tensor, unpack_pixels
from stylecam.models.model import Model
from stylecam.models.rewrite.uint8_io import fold_conversions

_PROBE = 32
"""Every so many pixels it is looked at whether a picture is one single colour."""

Array = npt.NDArray[Any]


class Net(ABC):
    """A network in a library, for one size."""

    @abstractmethod
    def run(self, image: Array, weights: tuple[float, ...], origin: tuple[int, int]) -> Array:
        """Its answer, which belongs to the caller. Raises EngineRunError."""


class Loader(ABC):
    """What loads networks into a library."""

    @property
    @abstractmethod
    def unpack_pixels(self) -> bool:
        """Whether pictures come sooner in order than as cells (see `FoldedBank.with_uint8_input`)."""

    @abstractmethod
    def load(self, data: bytes, model: Model, width: int, height: int) -> Net:
        """The network in the ONNX file `data`, a form of `model`, for `width`×`height`. Raises EngineRunError."""


class Uint8Session(InferenceSession):
    """Our banks are run as pixels for `stylize`, whole for `run`, as other networks are; each is loaded when needed."""

    def __init__(self, loader: Loader, model: Model, width: int, height: int) -> None:
        """For pictures of `width`×`height`.

        Raises:
            EngineRunError: the network cannot be loaded, or is damaged.
        """
        check_constants(model)
        self._loader, self._model, self._width, self._height = loader, model, width, height
        self._folded = fold_conversions(model)
        self._in_order = loader.unpack_pixels  # as it is now: a device that is given up must not change it
        self._trusted = False
        if self._folded is None:
            self._whole  # noqa: B018 - there is nothing to wait for

    def run(self, image: Tensor, weights: tuple[float, ...], origin: tuple[int, int] = (0, 0)) -> Tensor:
        """See `InferenceSession.run`."""
        wanted = self._model.output_shape(self._width, self._height)
        styled = self._whole.run(image, weights, origin)
        if styled.shape != wanted:
            raise EngineRunError(f"{self._model.path.name} gave shape {styled.shape} where {wanted} was expected")
        return cast(Tensor, styled)

    def stylize(self, image: Image, weights: tuple[float, ...], origin: tuple[int, int] = (0, 0)) -> Image:
        """See `InferenceSession.stylize`."""
        if self._folded is None:
            return super().stylize(image, weights, origin)
        painted = self._pixels.run(np.ascontiguousarray(image)[None], weights, origin)
        picture = cast(Image, painted[0] if self._in_order else unpack_pixels(painted))
        self._look_at(picture, image, weights, origin)
        return picture

    def _look_at(self, picture: Image, image: Image, weights: tuple[float, ...], origin: tuple[int, int]) -> None:
        """See that a picture of one single colour was meant: NaN, which spreads over all of it, makes one too."""
        probe = picture[::_PROBE, ::_PROBE]
        uniform = bool(probe.min() == probe.max())
        if uniform and not self._trusted:
            super().stylize(image, weights, origin)
        self._trusted = uniform  # until the next other picture

    @cached_property
    def _whole(self) -> Net:
        data = self._model.with_input_size(self._width, self._height)
        return self._loader.load(data, self._model, self._width, self._height)

    @cached_property
    def _pixels(self) -> Net:
        assert self._folded is not None
        data = self._folded.with_uint8_input(self._width, self._height, unpack=self._in_order)
        return self._loader.load(data, self._model, self._width, self._height)
