"""The sample sheet: what the network paints now, drawn while it trains."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (torch's own custom)

from stylecam.media.frame import Image
from stylecam.stylize.sample_grid import write_sample_grid
from stylecam.training.network import StyleNetwork

_CELL_PX = 256
_LONGEST_PX = 640


def fit_cell(image: Image) -> Image:
    """Return `image`, reduced if it is large, with both sides multiples of 8, as the network needs, and at least 64."""
    height, width = image.shape[:2]
    factor = min(1.0, _LONGEST_PX / max(height, width))
    size = (max(64, round(width * factor) // 8 * 8), max(64, round(height * factor) // 8 * 8))
    return cast(Image, cv2.resize(image, size, interpolation=cv2.INTER_AREA))


@torch.no_grad()
def paint(network: StyleNetwork, image: Image, style: int) -> Image:
    """Return `image` (H×W×3 uint8 BGR, sides multiples of 8) in the style number `style`."""
    parameter = next(network.parameters())
    rgb = torch.from_numpy(np.ascontiguousarray(image[:, :, ::-1])).to(parameter.device).permute(2, 0, 1)[None]
    weights = network.weights_of(torch.tensor([style]), torch.tensor([0.5])).to(parameter.device)
    right, bottom = -image.shape[1] % network.alignment, -image.shape[0] % network.alignment
    larger = F.pad(rgb.float() / 255, (0, right, 0, bottom), mode="reflect")
    styled = network(larger, weights)[0, :, : image.shape[0], : image.shape[1]]
    styled = (styled * 255).round().clamp(0, 255).byte()
    return cast(Image, np.ascontiguousarray(styled.permute(1, 2, 0).cpu().numpy()[:, :, ::-1]))


def write_sheet(
    path: Path, network: StyleNetwork, photos: Sequence[Image], paintings: Sequence[tuple[int, Image]]
) -> None:
    """Write a PNG with a row for each style that starts with its painting; the first row shows the photographs.

    Raises:
        OSError: it cannot be written.
    """
    rows = [(painting, "", [paint(network, photo, style) for photo in photos]) for style, painting in paintings]
    write_sample_grid(path, _CELL_PX, [(photo, "") for photo in photos], rows, labels=False)
