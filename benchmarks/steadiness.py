"""Measure how steady styled pictures are, and whether motion leaves a trail, with and without the temporal filter.

    python -m benchmarks.steadiness                          # every style on the demo picture, about 3 minutes
    python -m benchmarks.steadiness --styles udnie --json
    python -m benchmarks.steadiness --clips DIR              # also the warped error, on each clip in DIR

Flicker: a still picture with sensor noise of 3 and 6 levels; the standard deviation of each value over time, averaged
over the picture, as a share of the camera picture's. Warped error: each frame compared with the frame before, warped by
the scene's motion, in levels (see stylecam/training/steadiness.py). Cut: the largest difference from the unfiltered
picture after a change of scene. Square: the same where a moving square was at least two frames ago, of an area's mean
and (in brackets) of single pixels. Times are those of the filter alone.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from stylecam.engines.autotune import sample_picture
from stylecam.engines.opencv import OpenCVEngine
from stylecam.evaluation.host import HostInfo
from stylecam.evaluation.quality.model_runner import FloatImage
from stylecam.evaluation.quality.temporal import ClipMotion, read_clip
from stylecam.media.frame import Image, Size
from stylecam.media.transforms import fit, pad_by_reflection
from stylecam.models.card import read_cards
from stylecam.models.model import Model
from stylecam.stylize.look import Look
from stylecam.stylize.postprocess.temporal_filter import TemporalFilter

SIZE, PADDING = Size(640, 360), 8
SIZES = (Size(512, 288), SIZE, Size(960, 544), Size(1280, 720))
SIGMAS = (3.0, 6.0)
WARM, MEASURED, MOVING = 12, 24, 30
SIDE, STEP, AREA = 60, 6, 15

Paint = Callable[[Image], Image]


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("models/gallery.onnx"))
    parser.add_argument("--styles", nargs="+", metavar="NAME")
    parser.add_argument("--strength", type=float, default=Look().steadiness)
    parser.add_argument("--clips", type=Path, metavar="DIR")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    cv2.setNumThreads(options.threads)
    model = Model.read(options.model)
    session = OpenCVEngine("cpu").session(model, SIZE.width + 2 * PADDING, SIZE.height + 2 * PADDING)

    def painter(index: int) -> Paint:
        weights = model.one_hot(index)
        return lambda camera: np.ascontiguousarray(
            session.stylize(pad_by_reflection(camera, PADDING), weights)[PADDING:-PADDING, PADDING:-PADDING]
        )

    clips = (
        sorted(path for path in options.clips.iterdir() if path.suffix in (".mkv", ".mp4", ".avi"))
        if options.clips
        else []
    )
    scenes = {path.stem: ClipMotion(read_clip(path, MOVING, SIZE)) for path in clips}
    results = {}
    for card in read_cards(model):
        if not options.styles or card.name in options.styles:
            print(f"{card.name} ...", file=sys.stderr)
            results[card.name] = measure(painter(card.index), options.strength, scenes)
    report = {
        "machine": {**asdict(HostInfo.collect()), "threads": options.threads},
        "strength": options.strength,
        "size": list(SIZE),
        "styles": results,
        "ms": {str(size): milliseconds(size, options.strength) for size in SIZES},
    }
    print(json.dumps(report, indent=2) if options.json else table(report))


def measure(paint: Paint, strength: float, scenes: dict[str, ClipMotion]) -> dict[str, Any]:
    """Return all figures of one style, each without and with the filter."""
    return {
        "flicker": {str(sigma): flickers(paint, strength, sigma) for sigma in SIGMAS},
        "warped": {name: warped(paint, strength, scene) for name, scene in scenes.items()},
        "cut": cut(paint, strength),
        "square": square(paint, strength),
    }


def still() -> Image:
    """Return the demo picture."""
    return np.ascontiguousarray(sample_picture(SIZE))


def noised(image: Image, sigma: float, count: int) -> Iterator[Image]:
    """Yield `image` `count` times with sensor noise."""
    chance = np.random.default_rng(0)
    for _ in range(count):
        noise = sigma * chance.standard_normal(image.shape, dtype=np.float32)
        yield (image + noise).round().clip(0, 255).astype(np.uint8)


def flickers(paint: Paint, strength: float, sigma: float) -> list[float]:
    """Return the flicker without and with the filter, as shares of the camera picture's."""
    steady = TemporalFilter()
    cameras, without, steadied = [], [], []
    for camera in noised(still(), sigma, WARM + MEASURED):
        styled = paint(camera)
        cameras.append(camera)
        without.append(styled)
        steadied.append(steady.apply(styled, camera, strength))
    own = _deviation(cameras)
    return [_deviation(without) / own, _deviation(steadied) / own]


def _deviation(pictures: list[Image]) -> float:
    return float(np.std(np.array(pictures[WARM:], np.float32), axis=0).mean())


def warped(paint: Paint, strength: float, scene: ClipMotion) -> list[float]:
    """Return the warped error without and with the filter, in levels."""
    steady = TemporalFilter()

    def without(camera: Image) -> FloatImage:
        return paint(camera).astype(np.float32)

    def steadied(camera: Image) -> FloatImage:
        return steady.apply(paint(camera), camera, strength).astype(np.float32)

    return [scene.warped_error(without).styled, scene.warped_error(steadied).styled]


def cut(paint: Paint, strength: float) -> int:
    """Return the largest difference, in levels, of the first picture after a cut from the unfiltered one."""
    steady, before = TemporalFilter(), still()
    for camera in noised(before, SIGMAS[0], WARM):
        steady.apply(paint(camera), camera, strength)
    after = np.ascontiguousarray(before[::-1, ::-1])
    styled = paint(after)
    return int(cv2.absdiff(steady.apply(styled, after, strength), styled).max())


def square(paint: Paint, strength: float) -> dict[str, float]:
    """Return how much the picture differs from the unfiltered one where a square was two or more frames ago, in levels.

    `pixels` is the largest difference of a pixel: also strokes that the network lays anew every frame while something
    moves near them, which steadying slows. `area` is the largest difference of an area's mean: a trail of the square.
    """
    steady, background = TemporalFilter(), still()
    pixels = area = 0.0
    for number in range(MOVING):
        left, top = 40 + STEP * number, 150
        camera = background.copy()
        camera[top : top + SIDE, left : left + SIDE] = (235, 240, 230)
        styled = paint(camera)
        steadied = steady.apply(styled, camera, strength)
        if number > WARM:
            rows, columns = slice(top, top + SIDE), slice(left - 10 * STEP, left - 2 * STEP)
            change = steadied[rows, columns].astype(np.float32) - styled[rows, columns]
            pixels = max(pixels, float(np.abs(change).max()))
            area = max(area, float(np.abs(cv2.blur(change, (AREA, AREA))).max()))
    return {"pixels": pixels, "area": area}


def milliseconds(size: Size, strength: float) -> dict[str, float]:
    """Return the filter's median times for a still noisy picture and for one in which a third moves."""
    shown = np.ascontiguousarray(fit(still(), size))
    found = {}
    for name, step in (("still", 0), ("moving", 5)):
        cameras = []
        for number, camera in enumerate(noised(shown, SIGMAS[0], MOVING)):
            middle = slice(size.width // 3, 2 * size.width // 3)
            camera[:, middle] = np.roll(camera[:, middle], step * number, axis=1)
            cameras.append(camera)
        steady, times = TemporalFilter(), []
        for camera in cameras:
            styled = cv2.bitwise_not(camera).astype(np.uint8)
            began = time.perf_counter()
            steady.apply(styled, camera, strength)
            times.append(1000 * (time.perf_counter() - began))
        found[name] = float(np.median(times[2:]))
    return found


def table(report: dict[str, Any]) -> str:
    """Return the report as text; each pair is without and with the filter."""
    lines = [", ".join(f"{key} {value}" for key, value in report["machine"].items())]
    lines.append(f"strength {report['strength']}, {report['size'][0]}x{report['size'][1]}")
    for name, one in report["styles"].items():
        line = [f"{name:18}"]
        line += [f"flicker at {sigma}: {a:.3f} {b:.3f} " for sigma, (a, b) in one["flicker"].items()]
        line += [f"{clip}: {a:.2f} {b:.2f} " for clip, (a, b) in one["warped"].items()]
        lines.append(
            " ".join(line) + f" cut {one['cut']}  square {one['square']['area']:.1f} ({one['square']['pixels']:.0f})"
        )
    for size, one in report["ms"].items():
        lines.append(f"{size:10} still {one['still']:.2f} ms, moving {one['moving']:.2f} ms")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
