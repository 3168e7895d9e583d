"""Paint pictures with a network as it ships, through our own engine, as the live program does."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from stylecam.engines.base import InferenceSession, SessionCache
from stylecam.engines.opencv import OpenCVEngine
from stylecam.media.frame import Image
from stylecam.media.transforms import to_tensor
from stylecam.models.model import Model

FloatImage = npt.NDArray[np.float32]
"""A painted picture before it is rounded: H×W×3 float32, BGR, 0..255."""
StyleFunction = Callable[[Image], FloatImage]
"""Paints one picture (H×W×3 uint8 BGR) whose sides are multiples of 8."""

_SESSIONS = 4


class ModelRunner:
    """Runs one network at any size.

    The network gets the picture alone: it is not scaled, and no reflected pixels are put around it, as the live program
    does. So every figure includes what the network paints badly at the border.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.engine = OpenCVEngine("cpu")
        self._sessions = SessionCache(self.engine, _SESSIONS)

    def style(self, index: int) -> StyleFunction:
        """Return a function that paints with the style of that number.

        Raises (when it is called):
            EngineRunError: the engine cannot load or run the network.
        """
        weights = self.model.one_hot(index)

        def paint(image: Image) -> FloatImage:
            height, width = image.shape[:2]
            rows = self.model.rows(weights, min(height, width))
            styled = self.session(width, height).run(to_tensor(image), rows)
            return np.ascontiguousarray(styled[0, ::-1].transpose(1, 2, 0)) * np.float32(255)

        return paint

    def session(self, width: int, height: int) -> InferenceSession:
        """Return the network loaded for pictures of this size.

        Raises:
            EngineRunError: the engine cannot load it.
        """
        return self._sessions.get(self.model, width, height)
