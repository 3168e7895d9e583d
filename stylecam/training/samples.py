"""A sheet of samples: what the network paints now."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt
import torch

from stylecam.media.frame import Image
from stylecam.training.network import Lean
from stylecam.utils.files import write_bytes

_CELL = 256


def fit_cell(image: Image, longest: int = 640) -> Image:
    """`image` with its long side at most `longest` and both sides multiples of 8, so that the network takes it."""
    height, width = image.shape[:2]
    factor = min(1.0, longest / max(height, width))
    size = (max(64, round(width * factor) // 8 * 8), max(64, round(height * factor) // 8 * 8))
    return cast(Image, cv2.resize(image, size, interpolation=cv2.INTER_AREA))


@torch.no_grad()
def paint(network: Lean, image: Image, style: int) -> Image:
    """`image` (H×W×3 uint8 BGR, multiples of 8) in the style of that number."""
    parameter = next(network.parameters())
    rgb = torch.from_numpy(np.ascontiguousarray(image[:, :, ::-1])).to(parameter.device).permute(2, 0, 1)[None]
    weights = torch.zeros(1, network.styles, device=parameter.device)
    weights[0, style] = 1
    styled = (network(rgb.float() / 255, weights)[0] * 255).round().clamp(0, 255).byte()
    return cast(Image, np.ascontiguousarray(styled.permute(1, 2, 0).cpu().numpy()[:, :, ::-1]))


def write_sheet(path: Path, network: Lean, photos: Sequence[Image], paintings: Sequence[tuple[int, Image]]) -> None:
    """Write a PNG: one row a style, led by its painting; the first row shows the photographs.

    Raises:
        OSError: it cannot be written.
    """
    blank = np.full((_CELL, _CELL, 3), 24, np.uint8)
    rows = [np.hstack([blank, *(_cell(photo) for photo in photos)])]
    for style, painting in paintings:
        rows.append(np.hstack([_square(painting), *(_cell(paint(network, photo, style)) for photo in photos)]))
    done, data = cv2.imencode(".png", np.vstack(rows))
    if not done:
        raise OSError("the sheet could not be encoded as PNG")
    write_bytes(path, data.tobytes())


def _cell(image: Image) -> npt.NDArray[np.uint8]:
    """`image` at the cells' height, its shape kept."""
    width = max(1, round(image.shape[1] * _CELL / image.shape[0]))
    return cast("npt.NDArray[np.uint8]", cv2.resize(image, (width, _CELL), interpolation=cv2.INTER_AREA))


def _square(image: Image) -> npt.NDArray[np.uint8]:
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    middle = image[top : top + side, left : left + side]
    return cast("npt.NDArray[np.uint8]", cv2.resize(middle, (_CELL, _CELL), interpolation=cv2.INTER_AREA))
