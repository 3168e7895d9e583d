"""Write a model repository, from which NVIDIA Triton and OpenVINO Model Server run stylecam's networks.

    DIR/config.json                    the list of all networks, for OpenVINO Model Server from 2023.0 on
    DIR/stylecam-NAME-KEY/config.pbtxt the inputs and outputs of a network, for Triton
    DIR/stylecam-NAME-KEY/1/model.onnx the network, see `stylecam.models.rewrite.server_form`

The key in a network's name is a digest of it, so a server with the networks of another version of stylecam is noticed
by the names. `VERSION` is the version of the form: 1.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from stylecam.errors import UsageError
from stylecam.models.card import slug
from stylecam.models.model import Model
from stylecam.models.rewrite.row_input import row_form
from stylecam.models.rewrite.server_form import PAINTED, PERSON, PICTURE, server_form
from stylecam.models.rewrite.two_styles import two_styles
from stylecam.utils.files import write_bytes

VERSION = "1"
"""The version of the networks' form, and the name of the folder that holds one."""
_BYTES = {"UINT8": "TYPE_UINT8", "FP32": "TYPE_FP32"}


@dataclass(frozen=True, slots=True)
class ServedTensor:
    """An input or output of a network on a server.

    Attributes:
        name: its name.
        datatype: as the Open Inference Protocol calls it: `UINT8` or `FP32`.
        shape: its shape; -1 for a side of any length.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]


def served_name(model: Model) -> str:
    """Return the name of `model` on a server."""
    return f"stylecam-{slug(model.path.stem)}-{model.key}".replace(".", "-")


def served_inputs(model: Model) -> tuple[ServedTensor, ...]:
    """Return the inputs that `model` has on a server."""
    found = [ServedTensor(PICTURE, "UINT8", (1, -1, -1, 3))]
    if model.has_style_input:
        found.append(ServedTensor("style", "FP32", (1, model.style_length)))
    if model.grain_channels:
        found.append(ServedTensor("grain", "FP32", (1, model.grain_channels, -1, -1)))
    if model.takes_mask:
        found.append(ServedTensor(PERSON, "UINT8", (1, 1, -1, -1)))
    return tuple(found)


def served_output() -> ServedTensor:
    """Return the output of every network on a server."""
    return ServedTensor(PAINTED, "UINT8", (1, -1, -1, 3))


def served_models(models: Iterable[Model]) -> list[Model]:
    """Return the networks that a server needs for `models`: those, and for each bank the one that paints two styles.

    Banks are served in row form, so a server also paints what their users learn later.
    """
    found = []
    for model in map(row_form, models):
        found.append(model)
        if model.has_style_input:
            try:
                found.append(two_styles(model))
            except UsageError:  # a bank of another form paints one style at a time
                continue
    return found


def export(models: Iterable[Model], folder: Path) -> list[Path]:
    """Write a repository of `models` to `folder`, which is made if it is missing; other files in it stay.

    Returns:
        The folders of the networks.

    Raises:
        UsageError: `folder` cannot be written to.
    """
    written = []
    try:
        for model in served_models(models):
            place = folder / served_name(model)
            (place / VERSION).mkdir(parents=True, exist_ok=True)
            write_bytes(place / VERSION / "model.onnx", server_form(model))
            write_bytes(place / "config.pbtxt", _triton_config(model).encode())
            written.append(place)
        present = sorted(path.parent.name for path in folder.glob("stylecam-*/config.pbtxt"))
        entries = [{"config": {"name": name, "base_path": name}} for name in present]
        write_bytes(folder / "config.json", json.dumps({"model_config_list": entries}, indent=2).encode() + b"\n")
    except OSError as error:
        raise UsageError(f"the networks cannot be written to {folder}: {error.strerror or error}") from error
    return written


def _triton_config(model: Model) -> str:
    """Return the `config.pbtxt` of `model`: https://github.com/triton-inference-server/server/blob/main/docs."""
    lines = [
        f'name: "{served_name(model)}"',
        'backend: "onnxruntime"',
        "max_batch_size: 0  # pictures come one by one, each of its own size",
        *(f"input {_tensor(tensor)}" for tensor in served_inputs(model)),
        f"output {_tensor(served_output())}",
    ]
    return "\n".join(lines) + "\n"


def _tensor(tensor: ServedTensor) -> str:
    dims = ", ".join(map(str, tensor.shape))
    return f'[{{ name: "{tensor.name}" data_type: {_BYTES[tensor.datatype]} dims: [ {dims} ] }}]'
