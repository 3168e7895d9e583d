"""Measure two paintings in one pass: what they cost beside one, and how they differ from each alone.

    python -m benchmarks.two_styles                    # on the demo photo
    python -m benchmarks.two_styles --clips FOLDER     # also how they differ, on a frame of each clip

Costs are processor time with one thread at 640×360, padding included, one painting and two in turns: the median of
the ratios. Differences are mean levels of 255 from each style's own painting of the whole picture, where the edge of
the mask is more than `FAR` pixels away, over some pairs of styles; beside them stands how far the two styles themselves
are apart there.
"""

from __future__ import annotations

import argparse
import time
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from stylecam.engines.autotune import sample_picture
from stylecam.engines.base import Engine, InferenceSession, Mask
from stylecam.engines.factory import candidates, installed, make_engine
from stylecam.media.frame import Image, Size
from stylecam.media.transforms import fit
from stylecam.models.catalog import shipped_models
from stylecam.models.model import Model
from stylecam.models.rewrite.two_styles import two_styles
from stylecam.stylize.frame_stylizer import PADDING, run_session
from stylecam.stylize.mask import PersonMasker
from stylecam.stylize.postprocess.chain import FrameView

SIZE = Size(640, 360)
ROUNDS = 25
FAR = 40
PAIRS = 6
"""Neighbours in the order of the bank: each as the person's style, with the next in the room."""


def main() -> None:
    """Print what was measured, for each shipped bank."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=Path, help="a folder of clips with a person in them")
    clips = parser.parse_args().clips
    cv2.setNumThreads(1)
    pictures = [sample_picture(SIZE)] if clips is None else [_frame(path) for path in sorted(clips.glob("*.mkv"))]
    masks = [_mask(picture) for picture in pictures]
    for path in sorted(shipped_models().glob("*.onnx")):
        bank = Model.read(path)
        for name, device in candidates(installed()):
            engine = make_engine(name, device, 1)
            print(f"{path.stem}: {engine.version} {engine.device}: {_cost(engine, bank, pictures[0], masks[0])}")
        for side, levels in _differences(bank, pictures, masks).items():
            print(f"{path.stem}: {side}: {levels}")


def _cost(engine: Engine, bank: Model, picture: Image, mask: Mask) -> str:
    alone, both = _session(engine, bank), _session(engine, two_styles(bank))
    one = bank.rows(bank.one_hot(), SIZE.height)
    took: list[tuple[float, float]] = []
    for _ in range(2 + ROUNDS):
        started = time.process_time()
        run_session(alone, picture, one)
        between = time.process_time()
        run_session(both, picture, one * 2, mask)
        took.append((between - started, time.process_time() - between))
    ratio = np.median([two / single for single, two in took[2:]])
    return f"one {1000 * min(single for single, _ in took[2:]):.1f} ms, two {ratio:.2f} times that"


def _differences(bank: Model, pictures: list[Image], masks: list[Mask]) -> dict[str, str]:
    """Return what is printed for the person and for the room, with OpenCV."""
    engine = make_engine("opencv", "cpu")
    alone, both = _session(engine, bank), _session(engine, two_styles(bank))
    rows = [bank.rows(bank.one_hot(index), SIZE.height) for index in range(min(bank.style_count, PAIRS + 1))]
    levels: dict[str, list[tuple[float, float]]] = {"person": [], "room": []}
    for picture, mask in zip(pictures, masks, strict=True):
        singles = [run_session(alone, picture, row) for row in rows]
        for person, room in pairwise(range(len(rows))):
            painted = run_session(both, picture, rows[person] + rows[room], mask)
            apart = cv2.absdiff(singles[person], singles[room])
            for side, own, there in (("person", person, mask > 127), ("room", room, mask <= 127)):
                far = cv2.distanceTransform(there.astype(np.uint8), cv2.DIST_L2, 5) > FAR
                if far.any():
                    off = cv2.absdiff(painted, singles[own])[far].mean()
                    levels[side].append((float(off), float(apart[far].mean())))
    means = {side: np.mean(values, axis=0) for side, values in levels.items() if values}
    return {side: f"differs by {off:.1f} levels, the styles by {apart:.1f}" for side, (off, apart) in means.items()}


def _session(engine: Engine, model: Model) -> InferenceSession:
    return engine.session(model, SIZE.width + 2 * PADDING, SIZE.height + 2 * PADDING)


def _mask(picture: Image) -> Mask:
    masker = PersonMasker(make_engine("opencv", "cpu"))
    masker.prepare()
    mask = masker.mask(FrameView(picture, SIZE, mirror=False), SIZE, 0.0)
    return np.zeros((SIZE.height, SIZE.width), np.uint8) if mask is None else mask.share


def _frame(path: Path) -> Image:
    clip = cv2.VideoCapture(str(path))
    clip.set(cv2.CAP_PROP_POS_FRAMES, clip.get(cv2.CAP_PROP_FRAME_COUNT) // 2)
    _, image = clip.read()
    return fit(image, SIZE)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
