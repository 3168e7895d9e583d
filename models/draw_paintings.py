"""Draw the paintings that stylecam's own styles are learned from: `python models/draw_paintings.py FOLDER`.

Some looks that suit a webcam best, such as stained glass or a comic, have no single famous work in the public domain.
These pictures are drawn from nothing but random numbers with fixed seeds, and are in the public domain themselves
(CC0-1.0).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

SIDE = 1024
Array = Any
"""A NumPy array; pictures are H×W×3 float32 BGR, 0..255."""


def colors(*codes: str) -> Array:
    """Return N×3 float32 BGR for colors written as `rrggbb`."""
    return np.array([[int(code[at : at + 2], 16) for at in (4, 2, 0)] for code in codes], np.float32)


def smooth_field(rng: np.random.Generator, sigma: float, side: int = SIDE) -> Array:
    """Return a smooth random map of mean 0 and deviation 1."""
    small = max(4, round(4 * side / sigma))
    noise = rng.standard_normal((small, small)).astype(np.float32)
    field = cv2.GaussianBlur(cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC), (0, 0), sigma / 3)
    return (field - field.mean()) / field.std()


def cells(rng: np.random.Generator, spacing: float, side: int = SIDE) -> tuple[Array, Array, Array]:
    """Split the picture into Voronoi cells.

    Returns the number of each pixel's cell, its distance to the border, and the middles, N×2. They lie on a
    jittered grid, about `spacing` pixels apart.
    """
    grid = np.arange(-spacing, side + spacing, spacing)
    middles = (
        np.stack(np.meshgrid(grid, grid), -1).reshape(-1, 2) + rng.uniform(-0.45, 0.45, (len(grid) ** 2, 2)) * spacing
    )
    places = np.clip(middles.round().astype(int), 0, side - 1)
    seeds = np.full((side, side), 255, np.uint8)
    seeds[places[:, 1], places[:, 0]] = 0
    _, labels = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    edge = np.zeros((side, side), np.uint8)
    edge[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    edge[1:] |= labels[1:] != labels[:-1]
    distance = cv2.distanceTransform(1 - edge, cv2.DIST_L2, 5)
    return labels - 1, distance, places


def shaded(rng: np.random.Generator, palette: Array, labels: Array, jitter: float) -> Array:
    """Color each label with one of `palette`, a little lighter or darker than the next of that color."""
    count = int(labels.max()) + 1
    chosen = palette[rng.integers(len(palette), size=count)]
    return (chosen * (1 + jitter * rng.standard_normal((count, 1))).clip(0.4, 1.6))[labels].astype(np.float32)


def stained_glass(rng: np.random.Generator) -> Array:
    """Draw saturated panes of glass, 50 to 90 pixels wide, lit unevenly, in black lead."""
    labels, distance, _ = cells(rng, 72)
    palette = colors("b3121d", "0b3d91", "e8a80c", "1d7a3a", "7a1f7d", "1aa3b8", "e05a10", "f2e3b0", "123a6b")
    glass = (
        shaded(rng, palette, labels, 0.22) * (1 + 0.16 * smooth_field(rng, 60) + 0.05 * smooth_field(rng, 8))[..., None]
    )
    bead = np.clip((distance - 3) / 3, 0, 1)[..., None]
    shine = np.exp(-((distance - 9) ** 2) / 18)[..., None]
    return glass * bead * (1 + 0.18 * shine) + (1 - bead) * (14 + 22 * np.exp(-(distance[..., None] ** 2) / 3))


def tesserae(rng: np.random.Generator) -> Array:
    """Draw small stones in rows that follow large curved fields, in pale mortar."""
    angle = 0.9 * smooth_field(rng, 340)
    down, right = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    along = right * np.cos(angle.mean()) + down * np.sin(angle.mean()) + 55 * smooth_field(rng, 240)
    across = down * np.cos(angle.mean()) - right * np.sin(angle.mean()) + 55 * smooth_field(rng, 240)
    row = np.floor(across / 17)
    column = np.floor((along + 8.5 * (row % 2)) / 19)
    inside = np.minimum(
        np.minimum(across - 17 * row, 17 * (row + 1) - across),
        np.minimum(along + 8.5 * (row % 2) - 19 * column, 19 * (column + 1) - along - 8.5 * (row % 2)),
    )
    key = ((row - row.min()) * 4096 + column - column.min()).astype(np.int64)
    _, stones = np.unique(key, return_inverse=True)
    stones = stones.reshape(SIDE, SIDE)
    area = np.digitize(smooth_field(rng, 200), [-0.9, -0.3, 0.3, 0.9])
    palette = colors("7c2d1e", "d9a441", "efe2c4", "3f7d8c", "1f2f46")
    first = np.zeros(int(stones.max()) + 1, int)
    first[stones.ravel()] = area.ravel()  # one color a stone
    tone = 1 + 0.2 * rng.standard_normal((len(first), 1))
    stone = (palette[first] * tone.clip(0.5, 1.5))[stones]
    cut = np.clip((inside - 1.4) / 1.6, 0, 1)[..., None]
    return stone * cut + (1 - cut) * colors("b9ad98")[0]


def woodcut(rng: np.random.Generator) -> Array:
    """Draw black lines that swell and end where light falls, cut along a landscape of slow curves, on warm paper."""
    down, _ = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    phase = (down + 70 * smooth_field(rng, 230) + 12 * smooth_field(rng, 70)) / 11
    light = smooth_field(rng, 150) + 0.35 * smooth_field(rng, 40)
    line = np.sin(2 * np.pi * phase) + 0.25 * smooth_field(rng, 6)
    ink = np.clip((line - 0.95 * light) * 2.5 + 0.5, 0, 1)[..., None]
    second = np.clip((smooth_field(rng, 190) - 0.5) * 30, 0, 1)[..., None]
    paper = colors("efe1c3")[0] * (1 - second) + colors("c8502c")[0] * second
    return paper * (1 - ink) + ink * colors("17140f")[0]


def comic(rng: np.random.Generator) -> Array:
    """Draw flat areas, some of them printed in dots, with thick black outlines."""
    fields = smooth_field(rng, 170), smooth_field(rng, 170)
    area = np.digitize(fields[0], [-0.8, -0.1, 0.6]) * 3 + np.digitize(fields[1], [-0.4, 0.5])
    flat = colors(
        "ffd21f", "e6262b", "1f6fd6", "ffffff", "f7a8b8", "2bb5e8", "ffe9c7", "ff7a1a", "7ac943", "fff28a", "d61f69",
        "fdfdf5",
    )  # fmt: skip
    dots = colors(
        "e6262b", "8c1010", "0b3d91", "2bb5e8", "e6262b", "1f6fd6", "e6262b", "b3121d", "1d7a3a", "ff7a1a", "7a1f4d",
        "1f6fd6",
    )  # fmt: skip
    down, right = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    u, v = (right + down) / 13, (right - down) / 13
    from_middle = np.hypot(u - np.round(u), v - np.round(v)) * 13 / 2**0.5
    radius = 3.4 + 1.5 * smooth_field(rng, 120)
    dotted = np.isin(area, [0, 3, 4, 6, 9, 11])
    share = (np.clip(radius - from_middle + 0.5, 0, 1) * dotted)[..., None]
    picture = flat[area] * (1 - share) + dots[area] * share
    edge = np.zeros((SIDE, SIDE), np.uint8)
    edge[:, 1:] |= area[:, 1:] != area[:, :-1]
    edge[1:] |= area[1:] != area[:-1]
    width = 3.5 + 1.5 * smooth_field(rng, 90)
    ink = np.clip(width - cv2.distanceTransform(1 - edge, cv2.DIST_L2, 5) + 0.5, 0, 1)[..., None]
    return picture * (1 - ink) + 18 * ink


def cut_paper(rng: np.random.Generator) -> Array:
    """Draw sheets of colored paper on each other, cut along soft curves, each with its shadow."""
    palette = colors("f4efe6", "1f5fa8", "e4572e", "f3a712", "2e8b57", "29335c", "e8b4bc", "a8c686", "d7263d", "f4efe6")
    picture = np.full((SIDE, SIDE, 3), palette[0], np.float32)
    grain = 1 + 0.02 * rng.standard_normal((SIDE, SIDE, 1)).astype(np.float32)
    for number in range(34):
        sheet = (np.clip((smooth_field(rng, rng.uniform(90, 200)) - rng.uniform(0.9, 1.5)) * 40, 0, 1)).astype(
            np.float32
        )
        shadow = cv2.GaussianBlur(np.roll(sheet, (7, 6), (0, 1)), (0, 0), 5)[..., None]
        picture *= 1 - 0.45 * shadow * (1 - sheet[..., None])
        color = palette[number % len(palette)] * rng.uniform(0.85, 1.08)
        picture = picture * (1 - sheet[..., None]) + sheet[..., None] * color
    return picture * grain


def candy(rng: np.random.Generator) -> Array:
    """Draw swirled ribbons of bright sugar with dark seams and a light of their own."""
    down, right = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    height = smooth_field(rng, 190) + 0.4 * smooth_field(rng, 90)
    bands = 0.75 * height + (right + down) / 900 + 0.2 * np.sin(right / 95 + 2.2 * smooth_field(rng, 150))
    ribbon = np.floor(bands * 2.4)
    inside = np.abs(bands * 2.4 - ribbon - 0.5) * 2
    palette = colors("e8175d", "ffd23f", "16b4c8", "ff7b1c", "7b2cbf", "8bd450", "f8f4e3", "1257a8")
    picture = palette[(ribbon.astype(int) * 3 + (ribbon.astype(int) // 5)) % len(palette)]
    light = 1.12 - 0.35 * inside**2 + 0.12 * smooth_field(rng, 30)
    gradient = np.hypot(*np.gradient(bands * 2.4))
    width = (1 - inside) / 2 / np.maximum(gradient, 1e-4)  # distance to the seam in pixels
    seam = np.clip((3.2 - width) / 2, 0, 1)[..., None]
    return picture * light[..., None] * (1 - seam) + seam * colors("2a1030")[0]


PAINTINGS: dict[str, Callable[[np.random.Generator], Array]] = {
    function.__name__: function for function in (stained_glass, tesserae, woodcut, comic, cut_paper, candy)
}


def draw(name: str) -> Array:
    """Return the painting `name`, SIDE×SIDE×3 uint8 BGR, always the same."""
    rng = np.random.default_rng(sum(name.encode()))
    return PAINTINGS[name](rng).round().clip(0, 255).astype(np.uint8)


def main(folder: Path) -> None:
    """Write all paintings to `folder` as PNG files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in PAINTINGS:
        cv2.imwrite(str(folder / f"{name}.png"), draw(name))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python models/draw_paintings.py FOLDER")
    main(Path(sys.argv[1]))
