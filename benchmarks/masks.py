"""Measure the person mask: its time on each engine, its edge, how calm it is, and how far it lags behind what moves.

    python -m benchmarks.masks                                   # times only
    python -m benchmarks.masks --people CLIPS --rooms PHOTOS     # also on composed scenes, minutes
    python -m benchmarks.masks --photos PHOTOS --masks MASKS     # also on photographs with masks made by hand

A composed scene is a person cut out of a frame of each clip in CLIPS, laid over a photograph in PHOTOS of a room where
nobody is, with sensor noise of 3 levels: its true mask is known. Flicker is the mean change of the mask between two
frames of a still scene, in thousandths. Lag is by how many frames the mask of a swaying person trails the true one.
Edge is the share of wrong pixels in a band of 12 pixels on both sides of the true edge, at 1280×720. Masks made
by hand have the names of their photographs. All masks are compared as person or room, from a share of one half on.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from stylecam.engines.autotune import sample_picture
from stylecam.engines.base import Engine
from stylecam.engines.factory import installed, make_engine
from stylecam.media.frame import Image, Size
from stylecam.media.transforms import fit
from stylecam.stylize.mask import PersonMasker
from stylecam.stylize.postprocess.chain import FrameView
from stylecam.stylize.postprocess.mask_upsample import Share

OUTPUT, RUNG = Size(1280, 720), Size(640, 360)
NOISE = 3.0
STILL, MOVING = 24, 45
SWAY = 110
"""Pixels to both sides, of 1280, that a moving person sways once in `MOVING` frames."""
BAND = 12
LAGS = (-1, 0, 1, 2, 3)

Alpha = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ComposedScene:
    """A person to lay over a room: pictures H×W×3 of `OUTPUT`, and the person's share of each pixel, 0..1."""

    person: Image
    alpha: Alpha
    room: Image

    def at(self, right: float, rng: np.random.Generator) -> tuple[Image, Alpha]:
        """Return the scene with the person moved to the `right` by so many pixels, and its true mask."""
        move = np.array([[1, 0, right], [0, 1, 0]], np.float32)
        alpha = np.asarray(cv2.warpAffine(self.alpha, move, OUTPUT), np.float32)
        person = cv2.warpAffine(self.person, move, OUTPUT, borderMode=cv2.BORDER_REPLICATE)
        noise = cv2.GaussianBlur(np.asarray(rng.normal(0, 1.5 * NOISE, person.shape), np.float32), (0, 0), 0.6)
        mixed = person * alpha[..., None] + self.room * (1 - alpha[..., None]) + noise
        return np.asarray(np.clip(np.rint(mixed), 0, 255), np.uint8), alpha


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=Path, metavar="CLIPS")
    parser.add_argument("--rooms", type=Path, metavar="PHOTOS")
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--masks", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    cv2.setNumThreads(options.threads)
    engines = {name: make_engine(name, threads=options.threads) for name in installed()}
    report: dict[str, Any] = {"threads": options.threads}
    report["times_ms"] = {name: times(engine) for name, engine in engines.items()}
    engine = engines["opencv"]
    if options.people and options.rooms:
        report["scenes"] = [judged(engine, scene) for scene in scenes(engine, options.people, options.rooms)]
    if options.photos and options.masks:
        report["photos"] = labelled(engine, options.photos, options.masks)
    print(json.dumps(report, indent=2))


def times(engine: Engine) -> dict[str, float]:
    """Return the least milliseconds of the processor for one mask and for enlarging it, at `RUNG` and `OUTPUT`."""
    masker, view = masker_on(engine), FrameView(sample_picture(OUTPUT), OUTPUT)
    small, whole = view.at(RUNG), view.at(OUTPUT)
    found, mask_ms = masker.mask(view, RUNG, 0.0), []
    assert found is not None
    enlarge_ms = []
    for at in range(60):
        begun = time.process_time()
        found = masker.mask(view, RUNG, at / 30)
        made = time.process_time()
        assert found is not None
        masker.enlarged(found, small, whole)
        mask_ms.append(1000 * (made - begun))
        enlarge_ms.append(1000 * (time.process_time() - made))
    return {"mask": round(min(mask_ms), 2), "enlarge": round(min(enlarge_ms), 2)}


def scenes(engine: Engine, clips: Path, rooms: Path) -> Iterator[ComposedScene]:
    """Lay the person in frame 30 of each clip over one of the rooms."""
    masker = masker_on(engine)
    photos = [path for path in sorted(rooms.iterdir()) if cv2.haveImageReader(str(path))]
    for number, clip in enumerate(sorted(clips.iterdir())):
        video = cv2.VideoCapture(str(clip))
        video.set(cv2.CAP_PROP_POS_FRAMES, 30)
        read, frame = video.read()
        if read:
            person = fit(np.asarray(frame, np.uint8), OUTPUT)
            steep = np.clip(alone(masker, person) / np.float32(64) - np.float32(1.5), 0, 1)
            alpha = cv2.GaussianBlur(cv2.erode(steep, np.ones((3, 3), np.uint8)), (0, 0), 0.8)
            photo = cv2.imread(str(photos[number % len(photos)]))
            yield ComposedScene(person, np.asarray(alpha, np.float32), fit(np.asarray(photo, np.uint8), OUTPUT))


def judged(engine: Engine, scene: ComposedScene) -> dict[str, float]:
    """Return flicker, lag and edge of one scene: of each frame's mask alone, and as the stream shows it."""
    masker, raw, rng = masker_on(engine), masker_on(engine), np.random.default_rng(0)
    found: dict[str, list[float]] = {}
    for moving in (False, True):
        masker.forget()
        masks: dict[str, list[Alpha]] = {"true": [], "alone": [], "stream": []}
        for at in range(MOVING if moving else STILL):
            right = SWAY * np.sin(2 * np.pi * at / MOVING) if moving else 0.0
            image, alpha = scene.at(float(right), rng)
            view = FrameView(image, OUTPUT)
            raw.forget()
            both = (raw.mask(view, RUNG, at / 30), masker.mask(view, RUNG, at / 30))
            masks["true"].append(np.asarray(cv2.resize(alpha, RUNG, interpolation=cv2.INTER_AREA), np.float32))
            for name, mask in zip(("alone", "stream"), both, strict=True):
                share = np.zeros(RUNG[::-1], np.uint8) if mask is None else mask.share
                masks[name].append(np.asarray(share, np.float32) / np.float32(255))
            if moving and at % 9 == 0 and both[1] is not None:
                plain = np.asarray(cv2.resize(both[1].share, OUTPUT), np.uint8)
                refined = masker.enlarged(both[1], view.at(RUNG), image)
                found.setdefault("edge_plain", []).append(wrong_at_edge(plain, alpha))
                found.setdefault("edge_refined", []).append(wrong_at_edge(refined, alpha))
                found.setdefault("overlap", []).append(overlap(refined, alpha))
        for name in ("alone", "stream"):
            if moving:
                fast = [at for at in range(6, MOVING - 4) if abs(np.cos(2 * np.pi * at / MOVING)) > 0.5]
                found[f"lag_{name}"] = [lag(masks[name][at], masks["true"], at) for at in fast]
            else:
                changes = [1000 * float(np.abs(b - a).mean()) for a, b in pairwise(masks[name][STILL // 2 :])]
                found[f"flicker_{name}"] = changes
    return {name: round(float(np.mean(values)), 3) for name, values in found.items()}


def labelled(engine: Engine, photos: Path, masks: Path) -> dict[str, float]:
    """Return intersection over union and wrong pixels at the edge against masks made by hand."""
    masker, overlaps, edges = masker_on(engine), [], []
    by_name = {path.stem: path for path in masks.iterdir()}
    for path in sorted(photos.iterdir()):
        photo = cv2.imread(str(path))
        drawn = cv2.imread(str(by_name[path.stem]), cv2.IMREAD_GRAYSCALE) if path.stem in by_name else None
        if photo is None or drawn is None:
            continue
        mask = alone(masker, np.asarray(photo, np.uint8))
        true = np.asarray(cv2.resize(drawn, mask.shape[::-1]), np.float32) / np.float32(255)
        overlaps.append(overlap(mask, true))
        edges.append(wrong_at_edge(mask, true))
    return {
        "count": len(overlaps),
        "mean": round(float(np.mean(overlaps)), 4),
        "median": round(float(np.median(overlaps)), 4),
        "below_half": sum(one < 0.5 for one in overlaps),
        "edge": round(float(np.mean(edges)), 4),
    }


def masker_on(engine: Engine) -> PersonMasker:
    """Return a masker that is ready."""
    masker = PersonMasker(engine)
    masker.prepare()
    return masker


def alone(masker: PersonMasker, image: Image) -> Share:
    """Return the enlarged mask of a single picture; zeros where there is none to trust."""
    size = Size(image.shape[1], image.shape[0])
    view, small = FrameView(image, size), Size(max(1, size.width // 2), max(1, size.height // 2))
    masker.forget()
    found = masker.mask(view, small, 0.0)
    return np.zeros(image.shape[:2], np.uint8) if found is None else masker.enlarged(found, view.at(small), image)


def lag(mask: Alpha, true: Sequence[Alpha], at: int) -> float:
    """Return by how many frames `mask`, of frame `at`, trails the `true` ones: where the squared error is least."""
    errors = [float(np.mean((mask - true[at - frames]) ** 2)) for frames in LAGS]
    best = int(np.argmin(errors))
    if not 0 < best < len(LAGS) - 1:
        return float(LAGS[best])
    before, least, after = errors[best - 1 : best + 2]
    return LAGS[best] + (before - after) / (2 * (before - 2 * least + after))


def overlap(mask: Share, true: Alpha) -> float:
    """Return intersection over union."""
    found, expected = mask > 127, true > 0.5
    return float((found & expected).sum() / max(1, (found | expected).sum()))


def wrong_at_edge(mask: Share, true: Alpha) -> float:
    """Return the share of wrong pixels within `BAND` pixels of the true edge."""
    expected = (true > 0.5).astype(np.uint8)
    around = np.ones((2 * BAND + 1, 2 * BAND + 1), np.uint8)
    band = cv2.dilate(expected, around) != cv2.erode(expected, around)
    return float(((mask > 127) != (true > 0.5))[band].mean()) if band.any() else 0.0


if __name__ == "__main__":
    main()
