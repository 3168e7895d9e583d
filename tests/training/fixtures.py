"""Something small to train with: a VGG-shaped network, photographs and paintings, all made of chance."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx

from stylecam.training.config import TrainingConfig
from stylecam.training.hyperparameters import Hyperparameters
from stylecam.training.style_image import StyleImage
from stylecam.training.vgg import LAYERS

WIDTHS = {"conv1": 4, "conv2": 6, "conv3": 8, "conv4": 8}


def vgg_arrays() -> dict[str, np.ndarray]:
    """The arrays of a perceptual network a tenth as wide as VGG-16."""
    chance, before, arrays = np.random.default_rng(1), 3, {}
    for name in LAYERS:
        if name != "pool":
            width = WIDTHS[name[:5]]
            arrays[f"{name}.w"] = (chance.standard_normal((width, before, 3, 3)) * (2 / before / 9) ** 0.5).astype("f2")
            arrays[f"{name}.b"] = np.full(width, 0.1, "f2")
            before = width
    return arrays


def vgg(path: Path) -> Path:
    if path.exists():  # another process may be reading it
        return path
    np.savez(path, **vgg_arrays())  # type: ignore[arg-type]  # numpy's stub takes the names for its own options
    return path


def picture(path: Path, seed: int = 0, width: int = 120, height: int = 96) -> Path:
    """A picture of soft blots."""
    if path.exists():
        return path
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    assert cv2.imwrite(str(path), cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC))
    return path


def without_grain(path: Path) -> Path:
    """The bank in `path` as banks were before they had a grain, beside it."""
    proto = onnx.load(path)
    for entries in (proto.graph.input, proto.graph.initializer, proto.graph.node):
        kept = [one for one in entries if not one.name.startswith("grain") or one.name == "grained"]
        del entries[:]
        entries.extend(kept)
    added = next(node for node in proto.graph.node if node.name == "grained")
    added.op_type = "Identity"
    del added.input[1:]
    older = path.with_name("older.onnx")
    older.write_bytes(proto.SerializeToString())
    return older


def photos(folder: Path, count: int = 3) -> Path:
    folder.mkdir()
    for number in range(count):
        picture(folder / f"{number}.png", number)
    return folder


def hyperparameters(**changes: object) -> Hyperparameters:
    values: dict[str, object] = {
        "steps": 3, "batch": 2, "crop": 64, "scale": 64, "width": 16, "blocks": 1, "warm_up": 1,
        "save_every": 1, "sheet_every": 1000.0, **changes,
    }  # fmt: skip
    if "minutes" in changes:
        values["steps"] = None
    return Hyperparameters(**values)  # type: ignore[arg-type]


def config(folder: Path, *names: str, **changes: object) -> TrainingConfig:
    """A config for paintings of these names, everything it needs made in `folder`."""
    paintings = []
    for number, name in enumerate(names or ("blots",)):
        paintings.append(StyleImage(name, picture(folder / f"{name}.png", 100 + number)))
    there = folder / "photos"
    return TrainingConfig(
        hyperparameters(**changes),
        tuple(paintings),
        (there if there.is_dir() else photos(there),),
        vgg(folder / "vgg.npz"),
        bfloat16=False,
        device="cpu",
    )
