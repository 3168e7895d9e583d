"""The contract of every engine: a library that runs style networks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from stylecam.errors import EngineRunError
from stylecam.media.frame import Image
from stylecam.media.transforms import Tensor, to_image, to_tensor
from stylecam.models.grain import CELL_SIZE, grain_map
from stylecam.models.model import Model
from stylecam.models.onnx import proto
from stylecam.utils.text import format_shape

_MIN_VALUE = 1e-6
"""Smaller values of the input `style` are set to 0, because so little cannot be seen.

Numbers below 1e-38 (denormals) would slow some processors down, and the libraries' own way to prevent that also changes
how the calling thread computes from then on.
"""

Mask = npt.NDArray[np.uint8]
"""Where the person is: H×W uint8, 255 on the person and 0 in the room."""
Values = npt.NDArray[np.float32]
StyleInput = Sequence[float] | Values
"""The values of the input `style` of a network, see `Model.rows`."""


class InferenceSession(ABC):
    """A network loaded for one input size, used by one thread at a time."""

    @abstractmethod
    def run(
        self, image: Tensor, style: StyleInput, origin: tuple[int, int] = (0, 0), mask: Mask | None = None
    ) -> Tensor:
        """Stylize `image` (1×3×H×W float32 RGB 0..1, of the session's size).

        Args:
            image: the picture.
            style: the values of the input `style` (see `Model.rows`).
            origin: where a tile begins in a larger image: pixels down and right of its corner, multiples of 8.
            mask: where the person is, for a network of two styles; others do without. None for everywhere.

        Returns:
            A tensor of the same shape and range, only good until the next call.

        Raises:
            EngineRunError: the network failed, or the mask is none of this picture.
        """

    def stylize(
        self, image: Image, style: StyleInput, origin: tuple[int, int] = (0, 0), mask: Mask | None = None
    ) -> Image:
        """Stylize `image` (H×W×3 uint8 BGR, of the session's size), as `run` does.

        This goes through `run`; an engine overrides it where its own way is shorter. Both give the same, except for
        rounding.

        Returns:
            A new array, H×W×3 uint8 BGR, which belongs to the caller.

        Raises:
            EngineRunError: the network failed, its result holds NaN or infinite values, or the mask is none of this
                picture.
        """
        styled = self.run(to_tensor(image), style, origin, mask)
        check_numbers(styled)
        return to_image(styled)


class Engine(ABC):
    """A library that runs networks, on one device.

    Attributes:
        name: what `--engine` calls it.
        device: where networks really run: `cpu`, `cpu-bf16`, `cuda`, `cuda-fp16`, `opencl`, `directml`, `coreml` or
            `gpu`.
        version: library and version, for the statistics.
        trouble: why the device failed, after which the engine went on with the CPU; None if nothing failed.
    """

    name: str
    device: str
    version: str
    trouble: str | None = None

    @abstractmethod
    def session(self, model: Model, width: int, height: int) -> InferenceSession:
        """Load `model` for images of `width`×`height`, both multiples of 8; too slow for the frame path.

        A network of a coarser alignment gets a picture that is enlarged by its own reflection, see `AlignedSession`.

        Raises:
            EngineRunError: the engine cannot load it.
        """


class AlignedSession(InferenceSession):
    """Runs a network whose alignment is coarser than 8 on pictures whose sides are multiples of 8.

    The picture is enlarged at the right and at the bottom by its own reflection, and the result is cropped.
    """

    def __init__(self, session: InferenceSession, width: int, height: int, right: int, bottom: int) -> None:
        """Wrap `session`, which takes pictures of `width` + `right` and `height` + `bottom` pixels."""
        self._session, self._width, self._height, self._right, self._bottom = session, width, height, right, bottom

    def run(
        self, image: Tensor, style: StyleInput, origin: tuple[int, int] = (0, 0), mask: Mask | None = None
    ) -> Tensor:
        """See `InferenceSession.run`."""
        around = ((0, 0), (0, 0), (0, self._bottom), (0, self._right))
        larger = np.pad(image, around, mode="reflect")
        styled = self._session.run(larger, style, origin, self._enlarged_mask(mask))
        return styled if styled.shape[1] != 3 else styled[:, :, : self._height, : self._width]

    def stylize(
        self, image: Image, style: StyleInput, origin: tuple[int, int] = (0, 0), mask: Mask | None = None
    ) -> Image:
        """See `InferenceSession.stylize`."""
        styled = self._session.stylize(self._enlarged(image), style, origin, self._enlarged_mask(mask))
        return np.ascontiguousarray(styled[: self._height, : self._width])

    def _enlarged(self, image: Image) -> Image:
        return cast(Image, cv2.copyMakeBorder(image, 0, self._bottom, 0, self._right, cv2.BORDER_REFLECT_101))

    def _enlarged_mask(self, mask: Mask | None) -> Mask | None:
        if mask is None:
            return None
        check_mask(mask, self._width, self._height)
        return self._enlarged(mask)


def aligned_session(
    model: Model, width: int, height: int, load: Callable[[int, int], InferenceSession]
) -> InferenceSession:
    """Return a session of `model` for images of `width`×`height`; `load` makes one of a size that suits the network."""
    right, bottom = -width % model.alignment, -height % model.alignment
    session = load(width + right, height + bottom)
    return AlignedSession(session, width, height, right, bottom) if right or bottom else session


class SessionCache:
    """Keeps the sessions used last. Used by one thread at a time."""

    def __init__(self, engine: Engine, capacity: int | None = None, *, sizes_per_model: int | None = None) -> None:
        """Keep at most `capacity` sessions of `engine`, and `sizes_per_model` of one network; None for any number.

        A session of a large image takes hundreds of megabytes, so old ones are dropped before a new one is loaded.
        """
        self._engine = engine
        self._capacity, self._sizes_per_model = capacity, sizes_per_model
        self._sessions: OrderedDict[tuple[str, int, int], InferenceSession] = OrderedDict()

    def get(self, model: Model, width: int, height: int) -> InferenceSession:
        """Return the session of `model` for images of `width`×`height`, loading it if it is not kept.

        Raises:
            EngineRunError: the engine cannot load it.
        """
        key = (model.key, width, height)
        if key not in self._sessions:
            self._drop([other for other in self._sessions if other[0] == model.key], self._sizes_per_model)
            self._drop(list(self._sessions), self._capacity)
            self._sessions[key] = self._engine.session(model, width, height)
        self._sessions.move_to_end(key)
        return self._sessions[key]

    def clear(self) -> None:
        """Drop all sessions."""
        self._sessions.clear()

    def _drop(self, keys: list[tuple[str, int, int]], most: int | None) -> None:
        """Drop the first of `keys` until one more makes no more than `most`."""
        if most is not None:
            for key in keys[: max(0, len(keys) + 1 - most)]:
                del self._sessions[key]


class ExtraInputs:
    """Makes the inputs `style`, `grain` and `mask` of a network for one size, anew only where they change."""

    def __init__(self, model: Model, width: int, height: int) -> None:
        """Make inputs for images of `width`×`height`, both multiples of 8."""
        self._has_style, self._channels = model.has_style_input, model.grain_channels
        self._deviations = model.grain_deviations
        self._takes_mask, self._width, self._height = model.takes_mask, width, height
        self._rows, self._columns = height // CELL_SIZE, width // CELL_SIZE
        self._style: Values | None = None
        self._origin: tuple[int, int] | None = None
        self._person_everywhere = False

    def changed(self, style: StyleInput, origin: tuple[int, int], mask: Mask | None = None) -> dict[str, Values]:
        """Return the inputs that differ from the ones before, by name; at first all of them.

        See `InferenceSession.run` for the arguments. A mask is taken to differ.

        Raises:
            EngineRunError: the mask has another size or type.
        """
        found = {}
        if self._has_style:
            values = np.array([style], np.float32)
            if self._style is None or not np.array_equal(values, self._style):
                found["style"] = np.where(np.abs(values) < _MIN_VALUE, np.float32(0), values)
                self._style = values
        if self._channels and origin != self._origin:
            top, left = (pixels // CELL_SIZE for pixels in origin)
            found["grain"] = grain_map(self._channels, self._rows, self._columns, top, left, self._deviations)
            self._origin = origin
        if self._takes_mask and not (mask is None and self._person_everywhere):
            found["mask"] = self._mask_values(mask)
            self._person_everywhere = mask is None
        return found

    def _mask_values(self, mask: Mask | None) -> Values:
        shape = (1, 1, self._height, self._width)
        if mask is None:
            return np.ones(shape, np.float32)
        check_mask(mask, self._width, self._height)
        return cast(Values, np.divide(mask, np.float32(255), dtype=np.float32).reshape(shape))


def check_mask(mask: Mask, width: int, height: int) -> None:
    """Check that `mask` is one of a picture of `width`×`height`.

    Raises:
        EngineRunError: it is not.
    """
    if mask.shape != (height, width) or mask.dtype != np.uint8:
        raise EngineRunError(
            f"the mask has shape {format_shape(mask.shape)} and type {mask.dtype}; "
            f"this picture needs {height}×{width}, uint8"
        )


def check_constants(model: Model) -> None:
    """Check that a network's own numbers hold no NaN, which each library treats differently.

    Raises:
        EngineRunError: they do.
    """
    for part in proto.graph_fields(model.data):
        if part.number == proto.GRAPH_INITIALIZER:
            values = proto.read_float_tensor(part.data)
            if values is not None and np.isnan(values).any():
                name, _ = proto.read_tensor_header(part.data)
                raise EngineRunError(f"{model.path.name} is damaged: {name} holds NaN (not a number)")


def check_numbers(styled: npt.NDArray[np.float32]) -> None:
    """Check that the values of a network's result are numbers: neither NaN nor infinite.

    Raises:
        EngineRunError: one of them is not.
    """
    if not np.isfinite(styled).all():
        raise EngineRunError("the result holds NaN or infinite values; try another --engine or --device")
