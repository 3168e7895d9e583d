"""Engines by name, a photo as their input, and a network of one node."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

import cv2
import pytest
from onnx import helper

from stylecam.engines import openvino
from stylecam.engines.base import Engine
from stylecam.engines.factory import make_engine
from stylecam.media.frame import Image, Size
from stylecam.media.transforms import Tensor, fit, to_tensor
from stylecam.models.model import Model
from stylecam.utils.optional import is_installed
from tests.models.networks import write_network


def require_library(library: str) -> None:
    """Skip the test if `library` is missing; fail it instead if STYLECAM_NEED_ALL is 1."""
    if not is_installed(library):
        message = f"{library} is not installed"
        if os.environ.get("STYLECAM_NEED_ALL") == "1":
            pytest.fail(message)
        pytest.skip(message, allow_module_level=True)


def engine_on(name: str, device: str) -> Engine:
    """Return an engine on the CPU; skip the test if it is not installed or the CPU does not support `device`."""
    if name != "opencv":
        require_library(name)
    if device == "cpu-bf16" and device not in openvino.available_devices():
        pytest.skip("this processor does not compute with bfloat16")
    return make_engine(name, device, threads=2)


def photo(width: int, height: int) -> Image:
    """Return the demo photo as a height×width×3 uint8 BGR image."""
    picture = cv2.imread(str(resources.files("stylecam") / "assets" / "astronaut.jpg"))
    return fit(picture, Size(width, height))  # type: ignore[arg-type]


def photo_tensor(width: int, height: int) -> Tensor:
    """Return the demo photo as a network's input."""
    return to_tensor(photo(width, height))


def one_node_model(folder: Path, *, factor: int = 1, op: str = "Relu") -> Model:
    """Return a network of one node in the form of the model contract; it widens the image by `factor`."""
    node = (
        helper.make_node("Concat", ["image"] * factor, ["styled"], axis=3)
        if factor > 1
        else helper.make_node(op, ["image"], ["styled"])
    )
    return Model.read(write_network(folder / "small.onnx", [node]))
