"""A small random VGG, random photos and paintings, and a training configuration of them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx

from stylecam.models.vgg import LAYERS
from stylecam.training.config import TrainingConfig
from stylecam.training.hyperparameters import Hyperparameters
from stylecam.training.style_image import StyleImage

WIDTHS = {"conv1": 4, "conv2": 6, "conv3": 8, "conv4": 8}


def small_vgg_arrays() -> dict[str, np.ndarray]:
    """Return random weights of a network with the layers of VGG-16 and few channels."""
    rng, in_channels, arrays = np.random.default_rng(1), 3, {}
    for name in LAYERS:
        if name != "pool":
            width = WIDTHS[name[:5]]
            arrays[f"{name}.w"] = (
                rng.standard_normal((width, in_channels, 3, 3)) * (2 / in_channels / 9) ** 0.5
            ).astype("f2")
            arrays[f"{name}.b"] = np.full(width, 0.1, "f2")
            in_channels = width
    return arrays


def small_vgg(path: Path) -> Path:
    """Write `small_vgg_arrays` to `path`, unless it exists."""
    if path.exists():  # another process may be reading it
        return path
    np.savez(path, **small_vgg_arrays())  # type: ignore[arg-type]  # numpy's stub takes the names for its own options
    return path


def random_picture(path: Path, seed: int = 0, width: int = 120, height: int = 96) -> Path:
    """Write a random picture of soft blots to `path`, unless it exists."""
    if path.exists():
        return path
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    assert cv2.imwrite(str(path), cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC))
    return path


def without_grain(path: Path) -> Path:
    """Write a copy of the bank at `path` in the older form without a grain input; return its path."""
    proto = onnx.load(path)
    for entries in (proto.graph.input, proto.graph.initializer, proto.graph.node):
        kept = [entry for entry in entries if not entry.name.startswith("grain") or entry.name == "grained"]
        del entries[:]
        entries.extend(kept)
    added = next(node for node in proto.graph.node if node.name == "grained")
    added.op_type = "Identity"
    del added.input[1:]
    older = path.with_name("older.onnx")
    older.write_bytes(proto.SerializeToString())
    return older


def photo_folder(folder: Path, count: int = 3) -> Path:
    """Make `folder` with `count` random pictures."""
    folder.mkdir()
    for number in range(count):
        random_picture(folder / f"{number}.png", number)
    return folder


def hyperparameters(**changes: object) -> Hyperparameters:
    """Return hyperparameters for a few short steps, with `changes`."""
    values: dict[str, object] = {
        "steps": 3, "batch": 2, "crop": 64, "scale": 64, "width": 16, "blocks": 1, "warm_up": 1,
        "save_every": 1, "sheet_every": 1000.0, **changes,
    }  # fmt: skip
    if "minutes" in changes:
        values["steps"] = None
    return Hyperparameters(**values)  # type: ignore[arg-type]


def training_config(folder: Path, *names: str, **changes: object) -> TrainingConfig:
    """Return a configuration for paintings of these names, with all its files in `folder`."""
    paintings = []
    for number, name in enumerate(names or ("blots",)):
        paintings.append(StyleImage(name, random_picture(folder / f"{name}.png", 100 + number)))
    photos = folder / "photos"
    return TrainingConfig(
        hyperparameters(**changes),
        tuple(paintings),
        (photos if photos.is_dir() else photo_folder(photos),),
        small_vgg(folder / "vgg.npz"),
        bfloat16=False,
        device="cpu",
    )
