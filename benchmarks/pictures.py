"""Measure the speed and the memory of `stylecam image` and `stylecam video`.

    python -m benchmarks.pictures                  # everything, about 5 minutes on two cores
    python -m benchmarks.pictures --only large
    python -m benchmarks.pictures --photos 2 --seconds 0.5 --megapixels 4 --json

Scenarios: `folder` (photographs of 1920×1080), `clip` (1280×720 at 30 a second, with sound), `large` (one picture of
50 megapixels, and whether its tiles show). All pictures are made from the demo picture.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import av
import cv2
import numpy as np
import numpy.typing as npt

import stylecam
from stylecam.evaluation.host import HostInfo
from stylecam.media.frame import Image, Size
from stylecam.media.image_file import ImageFile
from stylecam.media.transforms import fit
from stylecam.stylize.tiles import PADDING, TILE_MARGIN, TILE_SIDE, spans

PHOTO, FRAME, FPS = Size(1920, 1080), Size(1280, 720), 30
_TO_MB = 2**20 if sys.platform == "darwin" else 2**10
"""Divides `ru_maxrss`, which is in bytes on macOS and in KiB elsewhere, to give MiB."""


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=SCENARIOS, default=list(SCENARIOS))
    parser.add_argument("--style", default="starry_night")
    parser.add_argument("--photos", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--megapixels", type=float, default=50.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results = {}
    for name in options.only:
        print(f"{name} ...", file=sys.stderr)
        with tempfile.TemporaryDirectory() as folder:
            results[name] = SCENARIOS[name](Path(folder), options)
    report = {
        "machine": {**asdict(HostInfo.collect()), "av": av.__version__},
        "style": options.style,
        "results": results,
    }
    print(json.dumps(report, indent=2) if options.json else table(report))


def photographs(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Stylize a folder of photographs."""
    (folder / "photos").mkdir()
    for number in range(options.photos):
        cv2.imwrite(str(folder / "photos" / f"{number}.jpg"), demo_picture(PHOTO, number / max(1, options.photos)))
    taken = run("image", str(folder / "photos"), "-o", str(folder / "painted"), "--style", options.style, "--json")
    return {**taken, "images": options.photos, "per_second": options.photos / taken["seconds"]}


def clip(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Stylize a clip with sound."""
    frames = max(2, round(options.seconds * FPS))
    film(folder / "clip.mp4", frames)
    taken = run("video", str(folder / "clip.mp4"), "-o", str(folder / "out.mp4"), "--style", options.style, "--json")
    return {**taken, "images": frames, "per_second": frames / taken["seconds"]}


def large(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Stylize one large picture, and compare neighbouring pixels across the borders of tiles with those elsewhere."""
    height = round(math.sqrt(options.megapixels * 1e6 * 3 / 4))
    cv2.imwrite(str(folder / "large.jpg"), demo_picture(Size(round(height * 4 / 3), height), 0))
    taken = run("image", str(folder / "large.jpg"), "-o", str(folder / "out.png"), "--style", options.style, "--json")
    painted = ImageFile.read(folder / "out.png").image
    return {**taken, "megapixels": painted.shape[0] * painted.shape[1] / 1e6, **seams(painted)}


SCENARIOS: dict[str, Callable[[Path, argparse.Namespace], dict[str, Any]]] = {
    "folder": photographs,
    "clip": clip,
    "large": large,
}


def demo_picture(size: Size, shift: float) -> Image:
    """Return the demo picture at `size`, shifted by `shift` of its height, with sensor noise."""
    path = Path(stylecam.__file__).parent / "assets" / "astronaut.jpg"
    whole = cast(Image, cv2.imread(str(path)))
    image = fit(np.roll(whole, round(shift * whole.shape[0]), 0), size)
    noise = np.random.default_rng(round(shift * 1000)).integers(-7, 8, image.shape, np.int16)
    return cast(Image, cv2.add(image, noise, dtype=cv2.CV_8U))


def film(path: Path, frames: int) -> None:
    """Write a clip of `frames` frames with a tone."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=FPS, options={"crf": "18", "preset": "veryfast"})
        video.width, video.height, video.pix_fmt = *FRAME, "yuv420p"
        sound = container.add_stream("aac", rate=48_000, layout="mono")
        for number in range(frames):
            image = demo_picture(FRAME, number / (10 * FPS))
            container.mux(video.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        times = np.arange(48_000 * frames // FPS, dtype=np.float32) / 48_000
        tone = av.AudioFrame.from_ndarray(np.sin(2 * np.pi * 440 * times)[None, :], format="fltp", layout="mono")
        tone.sample_rate = 48_000
        container.mux([*video.encode(None), *sound.encode(tone), *sound.encode(None)])


def run(*arguments: str) -> dict[str, Any]:
    """Run `stylecam` and return its wall time and its peak memory."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "stylecam", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"stylecam {arguments[0]} ended with status {process.returncode}")
    return {"seconds": time.perf_counter() - started, "peak_mb": used.ru_maxrss / _TO_MB}


def seams(painted: Image) -> dict[str, Any]:
    """Return the mean difference of neighbours across tile borders, and at like places of the grid inside tiles."""
    across: list[float] = []
    inside: list[float] = []
    for image in (painted, painted.swapaxes(0, 1)):
        length = image.shape[1]
        padded = -(-(length + 2 * PADDING) // 8) * 8
        for span in spans(padded, TILE_SIDE, TILE_MARGIN)[1:]:
            border = span.first - PADDING
            across.append(_step(image, border))
            inside += [_step(image, border + 8 * way) for way in (-9, -5, 5, 9) if 0 < border + 8 * way < length]
    if not across:
        return {}
    return {"across_borders": float(np.mean(across)), "inside_tiles": float(np.mean(inside))}


def _step(image: npt.NDArray[np.uint8], column: int) -> float:
    one, other = image[:, column - 1], image[:, column]
    return float(cv2.absdiff(np.ascontiguousarray(one), np.ascontiguousarray(other)).mean())


def table(report: dict[str, Any]) -> str:
    """Return the report as text."""
    lines = [", ".join(f"{key} {value}" for key, value in report["machine"].items()), f"style {report['style']}"]
    for name, one in report["results"].items():
        line = f"{name:8}{one['seconds']:7.1f} s  peak {one['peak_mb']:5.0f} MB"
        if "images" in one:
            line += f"  {one['images']} images, {one['per_second']:.2f} a second"
        if "megapixels" in one:
            line += f"  {one['megapixels']:.1f} megapixels"
        if "across_borders" in one:
            line += f", neighbours differ by {one['across_borders']:.2f} across tile borders"
            line += f", by {one['inside_tiles']:.2f} inside"
        lines.append(line)
    return "\n".join(lines)


if __name__ == "__main__":
    main()
