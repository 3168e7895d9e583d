"""A photo, and the result of an imported network for it."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from stylecam.engines.opencv import OpenCVEngine
from stylecam.media.frame import Image
from stylecam.media.transforms import to_tensor
from stylecam.models.model import Model

FloatImage = npt.NDArray[np.float32]


def photo(width: int = 96, height: int = 64) -> Image:
    """Return the demo photo, height×width×3 uint8 BGR."""
    image: Any = cv2.imread(str(resources.files("stylecam") / "assets" / "astronaut.jpg"))
    resized: Image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return resized


def run_imported(data: bytes, image: Image, folder: Path, weights: tuple[float, ...] = (1.0,)) -> FloatImage:
    """Run an imported network in the OpenCV engine; return H×W×3 float32 RGB 0..1."""
    path = folder / "imported.onnx"
    path.write_bytes(data)
    height, width = image.shape[:2]
    session = OpenCVEngine("cpu").session(Model.read(path), width, height)
    result: FloatImage = np.asarray(session.run(to_tensor(image), weights)[0].transpose(1, 2, 0))
    return result
