"""Measure which faces are found and followed, what is taken for one that is none, and how long it takes.

    python -m benchmarks.faces --photos DIR --faces DIR/faces.json --rooms 'cw_*'
    python -m benchmarks.faces --photos DIR --faces FILE --yunet FILE          # YuNet's hits beside ours
    python -m benchmarks.faces --clips DIR

FILE of `--faces` holds the faces of each photo as `{name: [[left, top, width, height, …], …]}` in pixels. Each photo is
shown to the tracker for four seconds; a face is hit if a tracked one overlaps it by 0.3. The photos are also shown at
a quarter of their light with noise of two levels, and painted, each by another style of the gallery. Photos of
`--rooms` that have no face are shown for ten seconds with new noise of three levels in each frame.

Of each clip: the seconds until a face is found, the share of frames after that with a face, the most faces at once, and
how far a face moves against its movement in the frame before, as a share of its size (the median: how it trembles).
Times are the shortest of 60.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from stylecam.engines.autotune import sample_picture
from stylecam.engines.base import Engine, SessionCache
from stylecam.engines.factory import make_engine
from stylecam.engines.opencv import OpenCVEngine
from stylecam.evaluation.host import HostInfo
from stylecam.media.frame import Box, Image, Size
from stylecam.media.image_file import ImageFile
from stylecam.models.catalog import shipped_models
from stylecam.models.model import Model
from stylecam.stylize.face import FaceTracker
from stylecam.stylize.face_detector import BlazeFace, Square
from stylecam.stylize.frame_stylizer import PADDING, run_session
from stylecam.stylize.postprocess.chain import FrameView

HEIGHTS = (0.05, 0.12, 0.25, 1.0)
"""Faces are counted by their height, as a share of the picture's."""
OVERLAP = 0.3
SHOWN_S, EMPTY_S, STEP_S, FRAME_S = 4.0, 10.0, 0.1, 1 / 30
ROUNDS = 60

Find = Callable[[Image], list[Box]]


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, metavar="DIR")
    parser.add_argument("--faces", type=Path, metavar="FILE")
    parser.add_argument("--rooms", metavar="PATTERN", help="photos in which every face is listed")
    parser.add_argument("--yunet", type=Path, metavar="FILE")
    parser.add_argument("--clips", type=Path, metavar="DIR")
    parser.add_argument("--most", type=int, default=10_000, help="photos at most")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    cv2.setRNGSeed(0)
    engine = OpenCVEngine("cpu")
    finders: dict[str, Find] = {"tracker": tracked(engine, SHOWN_S)}
    if options.yunet:
        finders["yunet"] = yunet(options.yunet)
    report: dict[str, Any] = {"machine": asdict(HostInfo.collect()), "ms": milliseconds()}
    if options.photos and options.faces:
        listed = json.loads(options.faces.read_text())
        names = sorted(listed)[: options.most]
        report["hits"] = hits(finders, options.photos, {name: listed[name] for name in names}, engine)
        if options.rooms:
            rooms = sorted({path.name for path in options.photos.glob(options.rooms)} - set(listed))
            report["rooms"] = false_faces(finders, options.photos, rooms[: options.most], engine)
    if options.clips:
        paths = sorted(path for path in options.clips.iterdir() if path.suffix in (".mkv", ".mp4", ".avi"))
        report["clips"] = {path.stem: followed(engine, path) for path in paths}
    print(json.dumps(report, indent=2))


def tracked(engine: Engine, seconds: float, noise: float = 0.0) -> Find:
    """Return what finds the faces in a picture that a camera shows for `seconds`, with new noise in each frame."""
    tracker = FaceTracker(engine)
    tracker.prepare()

    def find(image: Image) -> list[Box]:
        tracker.forget()
        found: list[Box] = []
        for number in range(round(seconds / STEP_S)):
            shown = noised(image, noise) if noise else image
            tracker.update(shown, number * STEP_S)
            found = list(tracker.faces) or (found if noise else [])  # in a room, one frame with a face is too many
        return found

    return find


def yunet(file: Path) -> Find:
    """Return YuNet (Wu et al. 2023)."""
    detector: Any = cv2.FaceDetectorYN.create(str(file), "", (320, 320), 0.7, 0.3)

    def find(image: Image) -> list[Box]:
        height, width = image.shape[:2]
        detector.setInputSize((width, height))
        rows = detector.detect(image)[1]
        return [] if rows is None else [Box(x / width, y / height, w / width, h / height) for x, y, w, h in rows[:, :4]]

    return find


def hits(
    finders: dict[str, Find], folder: Path, listed: dict[str, list[list[float]]], engine: Engine
) -> dict[str, dict[str, dict[str, list[int]]]]:
    """Return how many of the listed faces are found, and how many there are, by light, finder and height."""
    ways: dict[str, Callable[[Image], Image]] = {
        "as it is": lambda image: image,
        "dim": dim,
        "painted": painter(engine),
    }
    counts: dict[str, dict[str, dict[str, list[int]]]] = {
        way: {name: {str(low): [0, 0] for low in HEIGHTS[:-1]} for name in finders} for way in ways
    }
    for name, image in pictures(folder, listed):
        height, width = image.shape[:2]
        for way, change in ways.items():
            changed = change(image)
            for finder, find in finders.items():
                found = find(changed)
                for x, y, w, h, *_ in listed[name]:
                    low = max((low for low in HEIGHTS if low <= h / height), default=None)
                    if low is not None and low < HEIGHTS[-1]:
                        face = Box(x / width, y / height, w / width, h / height)
                        counts[way][finder][str(low)][0] += any(overlap(face, each) > OVERLAP for each in found)
                        counts[way][finder][str(low)][1] += 1
    return counts


def false_faces(finders: dict[str, Find], folder: Path, names: Sequence[str], engine: Engine) -> dict[str, Any]:
    """Return in how many of the rooms a face is found in which YuNet, if it is there, finds none."""
    find = tracked(engine, EMPTY_S, noise=3.0)
    other: Find = finders.get("yunet") or (lambda _: [])
    empty = [(name, image) for name, image in pictures(folder, names) if not other(image)]
    return {"rooms": len(empty), "with a false face": [name for name, image in empty if find(image)]}


def followed(engine: Engine, path: Path) -> dict[str, float]:
    """Return how well the faces of a clip are followed."""
    tracker = FaceTracker(engine)
    tracker.prepare()
    counts: list[int] = []
    places: list[Box | None] = []
    for number, image in enumerate(frames(path)):
        tracker.update(image, number * FRAME_S)
        counts.append(len(tracker.faces))
        places.append(tracker.faces[0] if counts[-1] == 1 else None)
    first = next((number for number, count in enumerate(counts) if count), None)
    if first is None:
        return {"most at once": 0}
    trembling = [
        float(np.abs(np.array(a[:2]) - 2 * np.array(b[:2]) + np.array(c[:2])).max() / b[3])
        for a, b, c in zip(places, places[1:], places[2:], strict=False)
        if a and b and c
    ]
    return {
        "found after s": round(first * FRAME_S, 2),
        "frames with a face": round(float(np.mean(np.array(counts[first:]) > 0)), 3),
        "most at once": max(counts),
        "trembling": round(float(np.median(trembling)) if trembling else 0.0, 4),
    }


def milliseconds() -> dict[str, float]:
    """Return the shortest times of one look on each engine, and of the rest, on one thread at 1280×720."""
    around = cv2.copyMakeBorder(sample_picture(Size(720, 720)), 0, 0, 280, 280, cv2.BORDER_REPLICATE)
    picture = np.asarray(around, np.uint8)
    found = {}
    for name in ("opencv", "onnxruntime", "openvino"):
        detector = BlazeFace(make_engine(name, "cpu", threads=1))
        found[f"look, {name}"] = shortest(lambda: detector.find(picture, Square(640, 360, 1280), 0.5))  # noqa: B023
    tracker = FaceTracker(OpenCVEngine("cpu"))
    tracker.prepare()
    for number in range(60):
        tracker.update(picture, number * FRAME_S)
    assert tracker.faces
    found["follow one face"] = shortest(lambda: tracker.update(picture, 59 * FRAME_S))
    view = FrameView(picture, Size(1280, 720))
    found["share"] = shortest(lambda: tracker.share(view, Size(1280, 720)))
    region = Box(0.2, 0.1, 1 / 1.5, 1 / 1.5)
    for size in (Size(1280, 720), Size(640, 360)):
        found[f"region at {size}"] = shortest(lambda: FrameView(picture, size, region=region).at(size))  # noqa: B023
    return {name: round(ms, 2) for name, ms in found.items()}


def shortest(work: Callable[[], object]) -> float:
    """Return how many milliseconds `work` takes where no other program disturbs it."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - began))
    return min(times)


def dim(image: Image) -> Image:
    """Return a quarter of the light, with the noise of a dark room."""
    return noised(np.asarray(image // 4, np.uint8), 2.0)


def noised(image: Image, sigma: float) -> Image:
    """Return `image` with new noise of `sigma` levels."""
    noise = cv2.randn(np.empty(image.shape, np.int16), np.zeros(3), np.full(3, sigma))
    return np.asarray(cv2.add(image, noise, dtype=cv2.CV_8U), np.uint8)


def painter(engine: Engine) -> Callable[[Image], Image]:
    """Return what paints each picture in the next style of the gallery."""
    model = Model.read(shipped_models() / "gallery.onnx")
    sessions = SessionCache(engine, 1)
    count = 0

    def paint(image: Image) -> Image:
        nonlocal count
        count += 1
        height, width = (side // 8 * 8 for side in image.shape[:2])
        rows = model.rows(model.one_hot(count % model.style_count), min(width, height))
        session = sessions.get(model, width + 2 * PADDING, height + 2 * PADDING)
        return np.ascontiguousarray(run_session(session, np.ascontiguousarray(image[:height, :width]), rows))

    return paint


def pictures(folder: Path, names: Iterable[str]) -> Iterator[tuple[str, Image]]:
    """Yield each picture with its name."""
    for number, name in enumerate(names):
        if number % 50 == 0:
            print(f"{number} {name} ...", file=sys.stderr)
        yield name, ImageFile.read(folder / name).image


def frames(path: Path) -> Iterator[Image]:
    """Yield the pictures of a video."""
    video = cv2.VideoCapture(str(path))
    while True:
        there, image = video.read()
        if not there:
            return
        yield np.asarray(image, np.uint8)


def overlap(one: Box, other: Box) -> float:
    """Return intersection over union."""
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    common = max(0.0, across) * max(0.0, down)
    return common / (one.width * one.height + other.width * other.height - common)


if __name__ == "__main__":
    main()
