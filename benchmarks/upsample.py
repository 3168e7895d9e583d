"""Measure how well and how fast several methods enlarge a small styled picture.

    python -m benchmarks.upsample                                # the demo picture, about a minute on two cores
    python -m benchmarks.upsample --pictures FOLDER --styles udnie the_scream --rungs 640x360
    python -m benchmarks.upsample --crops crops.png --json

Each picture gets sensor noise (sigma 3) and is styled at the output's size and at each rung; then

- `ms` is the median time to enlarge one rung's picture, `times` that time divided by the bilinear enlargement's;
- `edges` is the gradient energy (Sobel, of the light) where the camera sees strong edges (a Sobel magnitude of 80 or
  more), as a share of the full-size picture's: 1 is as sharp as styled at full size, less is blurred;
- `calm` is the same where the camera sees none (below 12): what is added there is noise or a ghost of the photograph;
- `flicker` is the mean difference, in levels, of two results that differ in the sensor noise only; then the same where
  the camera sees strong edges, and where it sees none. The last line of a rung is the full-size picture's.

`guided` is the linear model alone (He and Sun 2015), `bilateral` the joint bilateral
upsampling of Kopf et al. 2007; both are plain reference implementations.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt

from stylecam.engines.autotune import sample_picture
from stylecam.engines.base import SessionCache
from stylecam.engines.opencv import OpenCVEngine
from stylecam.evaluation.host import HostInfo
from stylecam.media.frame import Image, Size
from stylecam.media.sources.images import SUFFIXES
from stylecam.media.transforms import fit, pad_by_reflection, resize
from stylecam.models.catalog import Catalog, shipped_models
from stylecam.stylize.frame_stylizer import PADDING
from stylecam.stylize.postprocess.guided_upsample import GuidedUpsampler

STYLES = ("starry_night", "the_scream", "udnie", "red_chalk", "great_wave")
RUNGS = ("640x360", "768x432", "960x544")
NOISE = 3.0
STRONG, NONE = 80, 12
"""Strong edges have at least, flat areas at most, this Sobel magnitude of the camera's light, in levels."""
PATIENCE_S = 5.0
"""A method that has taken this long in all is not timed further: the bilateral one takes a second each time."""
CROP = Size(240, 270)

Enlarge = Callable[[Image, Image, Image], Image]
Mask = npt.NDArray[np.bool_]
Pairs = list[list[tuple[Image, Image]]]
"""For each scene and style the pictures of both views."""


@dataclass(frozen=True)
class Scene:
    """One picture with two samples of sensor noise, and where it has strong edges and where none."""

    views: tuple[Image, Image]
    strong: Mask
    calm: Mask

    @classmethod
    def of(cls, clean: Image) -> Scene:
        """Make the scene of a picture without noise."""
        steepness = energy(clean)
        return cls((_noisy(clean, 1), _noisy(clean, 2)), steepness >= STRONG**2, steepness <= NONE**2)


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=Size.parse, default=Size(1280, 720))
    parser.add_argument("--rungs", nargs="+", type=Size.parse, default=[Size.parse(rung) for rung in RUNGS])
    parser.add_argument("--styles", nargs="+", default=list(STYLES))
    parser.add_argument("--pictures", type=Path, help="a folder of pictures instead of the demo's")
    parser.add_argument("--times", type=int, default=60, help="how often each method is timed")
    parser.add_argument("--crops", type=Path, help="write crops of the first rung beside each other to this PNG")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    scenes = [Scene.of(picture) for picture in pictures(options.pictures, options.size)]
    ways = ways_to(options.size)
    painter = Paintings(options.styles)
    whole = [painter.paint(scene, options.size) for scene in scenes]
    rungs: dict[str, Any] = {}
    for rung in options.rungs:
        small = [painter.paint(scene, rung) for scene in scenes]
        found = {name: measure(way, scenes, small, whole, rung) for name, way in ways.items()}
        milliseconds = timed(ways, scenes[0], small[0][0][0], rung, options.times)
        for name, figures in found.items():
            figures |= {"ms": milliseconds[name], "times": milliseconds[name] / milliseconds["bilinear"]}
        rungs[str(rung)] = found | {"painted at full size": _judged(scenes, whole, whole)}
        if options.crops is not None and rung == options.rungs[0]:
            cv2.imwrite(str(options.crops), crops(ways, scenes, small, whole, rung))
    host = HostInfo.collect()
    report = {
        "machine": {**asdict(host), "threads": cv2.getNumThreads()},
        "size": str(options.size),
        "pictures": len(scenes),
        "styles": options.styles,
        "rungs": rungs,
    }
    print(json.dumps(report, indent=2) if options.json else f"{host}\n{table(report)}")


def ways_to(size: Size) -> dict[str, Enlarge]:
    """Return the methods to enlarge to `size`, each of (styled, camera at its size, camera at full size)."""
    return {
        "bilinear": lambda styled, camera, view: cast(Image, cv2.resize(styled, size)),
        "bicubic": lambda styled, camera, view: resize(styled, size),
        "ours": GuidedUpsampler(size).enlarge,
        "guided": guided,
        "bilateral": joint_bilateral,
    }


def guided(styled: Image, camera: Image, view: Image, radius: int = 1, noise: float = 50.0) -> Image:
    """Enlarge by the fast guided filter with the light of `view` as its guide."""

    def mean(plane: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return cast("npt.NDArray[Any]", cv2.boxFilter(plane, cv2.CV_32F, (2 * radius + 1,) * 2))

    size = (view.shape[1], view.shape[0])
    light = _light(camera).astype(np.float32)[..., None]
    painted = styled.astype(np.float32)
    middle = mean(light)[..., None]
    variance = mean(light * light)[..., None] - middle * middle
    slopes = (mean(light * painted) - middle * mean(painted)) / (variance + noise)
    offsets = mean(painted) - slopes * middle
    slope, offset = (cv2.resize(mean(each), size) for each in (slopes, offsets))
    return _levels(slope * _light(view)[..., None] + offset)


def joint_bilateral(
    styled: Image, camera: Image, view: Image, radius: int = 2, near: float = 0.7, alike: float = 12.0
) -> Image:
    """Enlarge by weighted means of small pixels that are near (small pixels) and alike (camera levels); both sigmas."""
    height, width = view.shape[:2]
    rows, columns = styled.shape[:2]
    y = (np.arange(height, dtype=np.float32) + 0.5) * rows / height - 0.5
    x = (np.arange(width, dtype=np.float32) + 0.5) * columns / width - 0.5
    total = np.zeros(view.shape, np.float32)
    weights = np.zeros((height, width, 1), np.float32)
    for down in range(-radius, radius + 1):
        for right in range(-radius, radius + 1):
            row, column = np.rint(y).astype(int) + down, np.rint(x).astype(int) + right
            place = np.ix_(np.clip(row, 0, rows - 1), np.clip(column, 0, columns - 1))
            distance = ((y - row) ** 2)[:, None] + ((x - column) ** 2)[None]
            unlike = ((camera[place].astype(np.float32) - view) ** 2).mean(axis=2)
            closeness = np.exp(-distance / (2 * near**2))
            weight = (closeness * (np.exp(-unlike / (2 * alike**2)) + 1e-6))[..., None]
            total += weight * styled[place]
            weights += weight
    return _levels(total / weights)


class Paintings:
    """Stylizes scenes in several styles."""

    def __init__(self, styles: Iterable[str]) -> None:
        catalog = Catalog.load([shipped_models()])
        self._mixes = [mix for mix in map(catalog.parse, styles) if mix is not None]
        self._sessions = SessionCache(OpenCVEngine("cpu"))

    def paint(self, scene: Scene, size: Size) -> list[tuple[Image, Image]]:
        """Return both views at `size` in each style."""
        painted = []
        for mix in self._mixes:
            session = self._sessions.get(mix.model, size.width + 2 * PADDING, size.height + 2 * PADDING)
            views = (pad_by_reflection(resize(view, size), PADDING) for view in scene.views)
            first, second = (session.stylize(view, mix.weights)[PADDING:-PADDING, PADDING:-PADDING] for view in views)
            painted.append((np.ascontiguousarray(first), np.ascontiguousarray(second)))
        return painted


def measure(way: Enlarge, scenes: list[Scene], small: Pairs, whole: Pairs, rung: Size) -> dict[str, float]:
    """Measure how sharp and how calm the results of one method are."""
    results = []
    for scene, painted in zip(scenes, small, strict=True):
        cameras = [resize(view, rung) for view in scene.views]
        results.append([_both(way, pair, cameras, scene.views) for pair in painted])
    return _judged(scenes, results, whole)


def timed(ways: dict[str, Enlarge], scene: Scene, styled: Image, rung: Size, times: int) -> dict[str, float]:
    """Return each method's median milliseconds; they run in turns so that other load affects all alike."""
    view = scene.views[0]
    camera = resize(view, rung)
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(times):
        for name, way in ways.items():
            if sum(taken[name]) < PATIENCE_S:
                started = time.perf_counter()
                way(styled, camera, view)
                taken[name].append(time.perf_counter() - started)
    return {name: float(np.median(each)) * 1000 for name, each in taken.items()}


def energy(image: Image) -> npt.NDArray[np.float32]:
    """Return the squared Sobel magnitude of the light at each pixel."""
    light = _light(image)
    across, along = cv2.Sobel(light, cv2.CV_32F, 1, 0), cv2.Sobel(light, cv2.CV_32F, 0, 1)
    return cast("npt.NDArray[np.float32]", across * across + along * along)


def pictures(folder: Path | None, size: Size) -> list[Image]:
    """Read the pictures of `folder`, or else the demo picture, cropped and resized to `size`."""
    if folder is None:
        return [sample_picture(size)]
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    read = [cv2.imread(str(path)) for path in paths]
    found = [fit(cast(Image, image), size) for image in read if image is not None]
    if not found:
        raise SystemExit(f"{folder} holds no pictures")
    return found


def crops(ways: dict[str, Enlarge], scenes: list[Scene], small: Pairs, whole: Pairs, rung: Size) -> Image:
    """Return crops enlarged twice: a row for each style; columns for camera, methods and full-size picture."""
    rows = []
    for scene, painted, full in zip(scenes, small, whole, strict=True):
        view = scene.views[0]
        left, top = (view.shape[1] - CROP.width) // 2, (view.shape[0] - CROP.height) // 3
        for (styled, _), (finest, _) in zip(painted, full, strict=True):
            images = [view, *(way(styled, resize(view, rung), view) for way in ways.values()), finest]
            rows.append(np.hstack([image[top : top + CROP.height, left : left + CROP.width] for image in images]))
    return cast(Image, cv2.resize(np.vstack(rows), None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST))


def table(report: dict[str, Any]) -> str:
    """Return the report as text."""
    lines = [f"{report['pictures']} pictures, styles {', '.join(report['styles'])}"]
    for rung, found in report["rungs"].items():
        lines += ["", f"{rung} to {report['size']:14} ms  times  edges   calm  flicker  at edges  elsewhere"]
        for name, one in found.items():
            speed = f"{one['ms']:8.2f}{one['times']:7.1f}" if "ms" in one else " " * 15
            lines.append(
                f"{name:21}{speed}{one['edges']:7.2f}{one['calm']:7.2f}"
                f"{one['flicker']:9.2f}{one['flicker_at_edges']:10.2f}{one['flicker_elsewhere']:11.2f}"
            )
    return "\n".join(lines)


def _both(
    way: Enlarge, pair: tuple[Image, Image], cameras: list[Image], views: tuple[Image, Image]
) -> tuple[Image, Image]:
    first, second = (way(*each) for each in zip(pair, cameras, views, strict=True))
    return first, second


def _judged(scenes: list[Scene], results: Pairs, whole: Pairs) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for scene, painted, full in zip(scenes, results, whole, strict=True):
        for (first, second), (finest, _) in zip(painted, full, strict=True):
            steepness, expected, moved = energy(first), energy(finest), cv2.absdiff(first, second).mean(axis=2)
            for name, value in (
                ("edges", steepness[scene.strong].mean() / expected[scene.strong].mean()),
                ("calm", steepness[scene.calm].mean() / expected[scene.calm].mean()),
                ("flicker", moved.mean()),
                ("flicker_at_edges", moved[scene.strong].mean()),
                ("flicker_elsewhere", moved[scene.calm].mean()),
            ):
                found.setdefault(name, []).append(float(value))
    return {name: float(np.mean(values)) for name, values in found.items()}


def _noisy(image: Image, seed: int) -> Image:
    return _levels(image + np.random.default_rng(seed).normal(0, NOISE, image.shape).astype(np.float32))


def _light(image: Image) -> Image:
    return cast(Image, cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))


def _levels(values: npt.NDArray[Any]) -> Image:
    return np.asarray(np.clip(np.rint(values), 0, 255), np.uint8)


if __name__ == "__main__":
    main()
