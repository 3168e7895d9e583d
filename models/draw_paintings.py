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
_STEP, _OTHER_COLOR = 6, 60
"""Pixels between two points of a stroke, and levels by which a color counts as another one, where a stroke ends."""
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


def painted(
    rng: np.random.Generator,
    picture: Array,
    width: float,
    length: float,
    count: int,
    jitter: float,
    angles: Array | None = None,
) -> Array:
    """Repaint `picture` with `count` strokes of a bristle brush, along its edges and, on plain areas, along `angles`.

    A stroke takes its color where it begins, a little off by `jitter` levels, and ends where the color changes. It is
    about `width` pixels broad and `length` long.
    """
    light = cv2.GaussianBlur(picture.mean(2), (0, 0), 5)
    across, down = cv2.Sobel(light, cv2.CV_32F, 1, 0), cv2.Sobel(light, cv2.CV_32F, 0, 1)
    tensor = [cv2.GaussianBlur(part, (0, 0), 14) for part in (across**2 - down**2, 2 * across * down)]
    edges = 0.5 * np.arctan2(tensor[1], tensor[0]) + np.pi / 2
    contrast = np.hypot(*tensor)
    plain = 1.2 * smooth_field(rng, 260) if angles is None else angles
    along = np.where(contrast > np.percentile(contrast, 35), edges, plain)
    canvas = picture.astype(np.float32).copy()
    for _ in range(count):
        (x, y), breadth = rng.uniform(0, SIDE, 2), width * rng.uniform(0.6, 1.4)
        color = picture[int(y), int(x)] + rng.normal(0, jitter, 3) * 0.4 + rng.normal(0, jitter)
        path = _stroke(picture, along, (x, y), int(length * rng.uniform(0.6, 1.4) / _STEP))
        if len(path) < 3:
            continue
        points = np.array(path, np.float32)
        ahead = np.gradient(points, axis=0)
        aside = np.stack([-ahead[:, 1], ahead[:, 0]], 1)
        aside /= np.linalg.norm(aside, axis=1, keepdims=True) + 1e-6
        taper = np.sin(np.linspace(0.25, np.pi - 0.12, len(points)))[:, None]
        for place in np.linspace(-0.5, 0.5, max(3, int(breadth / 1.6))):
            bristle = points + aside * place * breadth * taper
            shade = color * (1 + 0.13 * rng.normal()) - (14 if abs(place) > 0.45 else 0)
            levels = tuple(float(value) for value in shade.clip(0, 255))
            cv2.polylines(canvas, [np.round(bristle * 8).astype(np.int32)], False, levels, 2, cv2.LINE_AA, 3)
    return canvas.clip(0, 255)


def _stroke(picture: Array, along: Array, start: tuple[float, float], steps: int) -> list[tuple[float, float]]:
    """Follow the directions `along` from `start` (x, y) until the color changes or the picture ends."""
    x, y = start
    path = [start]
    first = picture[int(y), int(x)]
    heading = np.array([np.cos(along[int(y), int(x)]), np.sin(along[int(y), int(x)])])
    for _ in range(steps):
        angle = along[int(y), int(x)]
        onward = np.array([np.cos(angle), np.sin(angle)])
        heading = 0.6 * heading + 0.4 * (onward if onward @ heading > 0 else -onward)
        heading /= np.linalg.norm(heading)
        x, y = x + _STEP * heading[0], y + _STEP * heading[1]
        if not (0 <= x < SIDE and 0 <= y < SIDE) or np.abs(picture[int(y), int(x)] - first).max() > _OTHER_COLOR:
            break
        path.append((x, y))
    return path


def canvas_grain(rng: np.random.Generator, strength: float) -> Array:
    """Return the shading of a woven canvas, a factor around 1."""
    down, right = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    bent = 2 * smooth_field(rng, 40)
    weave = np.sin(2 * np.pi * (right + bent) / 5) * np.sin(2 * np.pi * (down + bent) / 5)
    weave += 0.5 * rng.standard_normal((SIDE, SIDE)).astype(np.float32)
    return 1 + strength * weave[..., None]


def border_distance(areas: Array) -> Array:
    """Return each pixel's distance to the next border between areas of different numbers."""
    edge = np.zeros(areas.shape, np.uint8)
    edge[:, 1:] |= areas[:, 1:] != areas[:, :-1]
    edge[1:] |= areas[1:] != areas[:-1]
    return cv2.distanceTransform(1 - edge, cv2.DIST_L2, 5)


def ellipse(picture: Array, middle: Array, axes: Array, angle: float, color: Array) -> None:
    """Fill an ellipse of the half axes `axes`, turned by `angle` radians, to an eighth of a pixel."""
    (x, y), (along, across) = (middle * 8).astype(int), (axes * 8).astype(int)
    levels = tuple(float(value) for value in color)
    cv2.ellipse(picture, (int(x), int(y)), (int(along), int(across)), float(np.degrees(angle)), 0, 360, levels,
                -1, cv2.LINE_AA, 3)  # fmt: skip


def cut_paper(rng: np.random.Generator) -> Array:
    """Draw sheets of colored paper on each other, cut along soft curves, each with its shadow and its fibres."""
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
    picture *= grain
    fibres = np.zeros((SIDE, SIDE), np.float32)
    for _ in range(5000):
        (x, y), angle, length = rng.uniform(0, SIDE, 2), rng.uniform(0, np.pi), rng.uniform(6, 22)
        end = int(x + length * np.cos(angle)), int(y + length * np.sin(angle))
        cv2.line(fibres, (int(x), int(y)), end, float(rng.normal()), 1, cv2.LINE_AA)
    return picture * (1 + 0.045 * fibres + 0.03 * rng.standard_normal((SIDE, SIDE)))[..., None]


def candy(rng: np.random.Generator) -> Array:
    """Paint drops, beans and rings of bright sugar with dark outlines, on broad patches of cream, yellow and blue."""
    ink = colors("2b1320")[0]
    patches = np.digitize(smooth_field(rng, 150), [-0.9, -0.1, 0.7]) * 3 + np.digitize(
        smooth_field(rng, 150), [-0.6, 0.6]
    )
    ground = colors(
        "f6cf5e", "efe3bd", "f2b13c", "f7dc86", "c9d9dc", "8fb6cf", "f4e6c8", "d4483a", "f3c24e", "7fa3bd", "e9d9b0",
        "b8303a",
    )  # fmt: skip
    sugar = colors(
        "d4213d", "a3162c", "e8542a", "f2a01c", "3a5a9c", "7b2348", "2f8f8a", "fff3d0", "5c1a1a", "c93f7a", "24406e"
    )  # fmt: skip
    picture = ground[patches].astype(np.float32)
    angles = 1.1 * smooth_field(rng, 300)
    seam = np.clip((1.5 + 2.2 * np.clip(smooth_field(rng, 70), 0, 9) - border_distance(patches)) / 1.5, 0, 1)
    picture = picture * (1 - seam[..., None]) + ink * seam[..., None]
    placed: list[tuple[float, float, float]] = []
    tries = 0
    while len(placed) < 330 and tries < 20000:
        tries += 1
        (x, y), radius = rng.uniform(-20, SIDE + 20, 2), rng.choice([12, 18, 27, 42], p=[0.25, 0.3, 0.28, 0.17])
        radius *= rng.uniform(0.85, 1.15)
        if any(np.hypot(x - a, y - b) < (radius + c) * 0.98 for a, b, c in placed):
            continue
        placed.append((x, y, radius))
        angle = angles[int(y) % SIDE, int(x) % SIDE] + rng.normal(0, 0.25)
        color = sugar[rng.integers(len(sugar))]
        middle, axes = np.array([x, y]), radius * 0.6 * np.array([rng.uniform(1.05, 2.1), 1])
        ellipse(picture, middle, axes * (1.12 + 2.4 / radius), angle, ink)
        ellipse(picture, middle, axes, angle, color)
        kind = rng.integers(4)
        if kind == 0 and radius > 18:
            ellipse(picture, middle, axes * 0.74, angle, color * 0.5)
            ellipse(picture, middle, axes * 0.6, angle, sugar[rng.integers(len(sugar))])
            ellipse(picture, middle, axes * 0.3, angle, color)
        elif kind == 1:
            ellipse(picture, middle - radius * 0.12, axes * 0.6, angle, np.minimum(color * 1.25 + 25, 255))
        elif kind == 2:
            ellipse(picture, middle + radius * 0.1, axes * 0.66, angle, color * 0.68)
    return painted(rng, picture.astype(np.float32), 8, 34, 9000, 8) * canvas_grain(rng, 0.055)


def facets(rng: np.random.Generator) -> Array:
    """Paint the shards of a broken view, each shaded from dark to light, in earths and slate."""
    palette = colors(
        "2a211c", "59402b", "8a6a43", "b89a6a", "d9c69a", "efe6cf", "6f7a80", "3c4a55", "98a3a6", "a35a36", "4b3a33",
        "c9b48b",
    )  # fmt: skip
    palette = palette[np.argsort(palette.mean(1))]
    main = rng.uniform(0, np.pi)
    work, shards = [np.array([[0, 0], [SIDE, 0], [SIDE, SIDE], [0, SIDE]], float)], []
    while work:
        shard = work.pop()
        if cv2.contourArea(shard.astype(np.float32)) < rng.choice([2200, 5000, 11000, 26000]):
            shards.append(shard)
        else:
            work += _split(rng, shard, main)
    picture, angles = np.zeros((SIDE, SIDE, 3), np.float32), np.zeros((SIDE, SIDE), np.float32)
    down, right = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    tone = smooth_field(rng, 260)
    for shard in shards:
        inside = np.zeros((SIDE, SIDE), np.uint8)
        cv2.fillPoly(inside, [np.round(shard * 8).astype(np.int32)], 1, cv2.LINE_8, 3)
        x, y = shard.mean(0)
        angle = rng.uniform(0, 2 * np.pi)
        slope = ((right - x) * np.cos(angle) + (down - y) * np.sin(angle)) / (np.ptp(shard, axis=0).max() / 2 + 1)
        light = tone[int(np.clip(y, 0, SIDE - 1)), int(np.clip(x, 0, SIDE - 1))]
        color = palette[int(np.clip((light + 2) / 4 * 12 + rng.normal(0, 2.2), 0, 11))]
        picture[inside > 0] = (color * (1 + 0.42 * np.clip(slope, -1, 1)[..., None]))[inside > 0]
        angles[inside > 0] = angle + np.pi / 2
    return painted(rng, picture.clip(0, 255), 10, 40, 9000, 6, angles) * canvas_grain(rng, 0.035)


def _split(rng: np.random.Generator, shard: Array, main: float) -> list[Array]:
    """Cut a convex polygon (N×2) in two, near its middle and near one of a few directions."""
    through = shard.mean(0) + rng.normal(0, 0.12, 2) * np.ptp(shard, axis=0)
    angle = main + rng.choice([0, np.pi / 3, -np.pi / 3.4, np.pi / 2]) + rng.normal(0, 0.22)
    beside = (shard - through) @ np.array([-np.sin(angle), np.cos(angle)])
    halves: tuple[list[Array], list[Array]] = ([], [])
    for here, there, one, other in zip(shard, np.roll(shard, -1, 0), beside, np.roll(beside, -1), strict=True):
        halves[0 if one >= 0 else 1].append(here)
        if one * other < 0:
            cut = here + (there - here) * one / (one - other)
            halves[0].append(cut)
            halves[1].append(cut)
    return [np.array(half) for half in halves if len(half) > 2]


def impasto(rng: np.random.Generator) -> Array:
    """Paint thick strokes of a loaded brush that swirl through sky, water and fields."""
    areas = np.digitize(smooth_field(rng, 170), [-1.1, -0.5, 0, 0.5, 1.1]) * 2 + (smooth_field(rng, 120) > 0.3)
    palette = colors(
        "12305c", "1f5f8b", "2f8f9d", "5fb3b3", "9fd0c0", "f1e2a8", "f2c14e", "e98a3a", "c8553d", "f4d6c6", "2d5d4b",
        "7fae5a",
    )  # fmt: skip
    picture = palette[areas].astype(np.float32) * (1 + 0.12 * smooth_field(rng, 60))[..., None]
    picture = painted(rng, picture.clip(0, 255), 22, 120, 2600, 16, 1.6 * smooth_field(rng, 220))
    picture = painted(rng, picture, 11, 70, 5000, 17, 1.6 * smooth_field(rng, 220))
    relief = cv2.Sobel(cv2.GaussianBlur(picture.mean(2), (0, 0), 0.8), cv2.CV_32F, 1, 1, ksize=3)
    return (picture + 0.25 * np.clip(relief, -60, 60)[..., None]) * canvas_grain(rng, 0.02)


PAINTINGS: dict[str, Callable[[np.random.Generator], Array]] = {
    function.__name__: function
    for function in (stained_glass, tesserae, woodcut, comic, cut_paper, candy, facets, impasto)
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
