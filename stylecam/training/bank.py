"""Write a bank as an ONNX file, read one, and make the bank that a training run starts with.

The graph is written straight from the weights and keeps the model contract of `stylecam.models.model`: inputs `image`
1×3×H×W, `style` 1×N and `grain` 1×8×H/8×W/8, output `styled`. The initializers have the names of the parameters, so
training can continue from a shipped file.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper, numpy_helper

from stylecam.errors import ModelFormatError, UsageError
from stylecam.models.card import read_cards
from stylecam.models.importers.graph_builder import make_model
from stylecam.models.model import Model
from stylecam.training import network
from stylecam.training.config import TrainingConfig
from stylecam.training.network import GRAIN, LeanNetwork, Residual
from stylecam.utils.files import write_bytes
from stylecam.utils.text import format_shape
from stylecam.utils.version import __version__

OPSET = 17
_INNER = {"inner.first": [1, 1], "inner.last": [-1, -1], "inner.axes": [2, 3]}
_EPSILON = 1e-5  # the default of torch's instance norm


@dataclass
class Bank:
    """A network and the metadata of its file.

    Attributes:
        network: the weights.
        metadata: the ONNX metadata properties; `styles` is a JSON list with one entry for each style.
    """

    network: LeanNetwork
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def entries(self) -> list[dict[str, Any]]:
        """Return one entry for each style, in the order of the weight vector; each has at least a `name`."""
        entries = json.loads(self.metadata["styles"]) if "styles" in self.metadata else []
        if len(entries) != self.network.styles:
            entries = [{"name": f"style_{i + 1}"} for i in range(self.network.styles)]
        return list(entries)


def write_bank(path: Path, bank: Bank) -> None:
    """Write `bank` to `path`, completely or not at all.

    Raises:
        OSError: the folder is missing, cannot be written, or the disk is full.
    """
    write_bytes(path, encode_bank(bank))


def encode_bank(bank: Bank) -> bytes:
    """Return `bank` as the bytes of an ONNX file."""
    graph = _GraphWriter(bank.network)
    proto = graph.finish()
    helper.set_model_props(proto, bank.metadata)
    onnx.checker.check_model(proto)
    return bytes(proto.SerializeToString())


def read_bank(path: Path) -> Bank:
    """Read a bank of the lean network's shape.

    Raises:
        ModelFormatError: the file is unreadable, or holds a network of another shape.
    """
    model = Model.read(path)
    read_cards(model)  # raises if the metadata of its styles is invalid
    try:
        weights = {
            tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).astype(np.float32))
            for tensor in onnx.load_from_string(model.data).graph.initializer
        }
    except (ValueError, TypeError, DecodeError) as error:
        raise ModelFormatError(f"{path} holds weights that cannot be read: {error}; download it again") from error
    advice = "training continues only from banks that `stylecam train` writes, such as the shipped gallery.onnx"
    blocks = {int(found[1]) for name in weights if (found := re.match(r"body\.(\d+)\.", name))}
    try:
        quarter, width = len(weights["h4.c.weight"]), len(weights["h8.c.weight"])
    except KeyError as error:
        raise ModelFormatError(f"{path} holds no weight {error}; {advice}") from error
    network = LeanNetwork(model.style_count, width, len(blocks), quarter)
    expected = network.state_dict()
    if not model.grain_channels:  # trained before there was one
        expected = {name: value for name, value in expected.items() if not name.startswith("grain.")}
    for name, value in expected.items():
        if name not in weights or weights[name].shape != value.shape:
            shape = format_shape(weights[name].shape) if name in weights else "missing"
            raise ModelFormatError(
                f"{path}: its weight {name} is {shape} and should be {format_shape(value.shape)}; {advice}"
            )
    if extra := [n for n in weights if n not in expected and n.endswith((".c.weight", ".n.g"))]:
        raise ModelFormatError(f"{path} has layers that the lean network does not have ({extra[0]}); {advice}")
    network.load_state_dict({**network.state_dict(), **{name: weights[name] for name in expected}})
    return Bank(network, dict(model.metadata))


class _GraphWriter:
    """Collects the nodes and weights of one network. The name of a value names the layer that computes it."""

    def __init__(self, network: LeanNetwork) -> None:
        self._network = network
        self._nodes: list[Any] = []
        self._weights: dict[str, Any] = {}
        for name, value in network.state_dict().items():
            self._constant(name, value.detach().cpu().float().numpy())
        self._constant("per_channel", np.array([1, -1, 1, 1], dtype=np.int64))
        self._constant("doubled", np.array([1, 1, 2, 2], dtype=np.float32))

    def finish(self) -> Any:
        network = self._network
        fine = self._layer("h4", network.h4, "image")
        value = self._layer("h8", network.h8, fine)
        value = self._node("Add", [value, self._layer("grain", network.grain, "grain")], "grained")
        for number, block in enumerate(network.body):
            assert isinstance(block, Residual)
            inner = self._layer(f"body.{number}.a", block.a, value)
            inner = self._layer(f"body.{number}.b", block.b, inner)
            value = self._node("Add", [value, inner], f"body.{number}")
        value = self._node(
            "Resize",
            [value, "", "doubled"],
            "double",
            coordinate_transformation_mode="asymmetric",
            mode="nearest",
            nearest_mode="floor",
        )
        value = self._node("Add", [self._layer("u4", network.u4, value), fine], "joined")
        value = self._convolution("out", network.out, value)
        value = self._node("DepthToSpace", [value], "shuffled", blocksize=4, mode="CRD")
        self._nodes.append(helper.make_node("Sigmoid", [value], ["styled"], name="sigmoid"))
        picture = [1, 3, "height", "width"]
        dims = {
            "image": picture,
            "style": [1, network.styles],
            "grain": [1, GRAIN, "rows", "columns"],
            "styled": picture,
        }
        *inputs, output = (
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in dims.items()
        )
        return make_model(self._nodes, inputs, [output], self._weights.values(), OPSET, "stylecam bank")

    def _constant(self, name: str, value: Any) -> str:
        if name not in self._weights:
            self._weights[name] = numpy_helper.from_array(value, name)
        return name

    def _node(self, kind: str, inputs: list[str], name: str, **attributes: Any) -> str:
        self._nodes.append(helper.make_node(kind, inputs, [f"{name}.value"], name=name, **attributes))
        return f"{name}.value"

    def _convolution(self, name: str, module: Any, value: str) -> str:
        (kernel, _), (stride, _), (pad, _) = module.kernel_size, module.stride, module.padding
        if module.padding_mode == "reflect":
            value, pad = self._mirrored(f"{name}.around", value, pad), 0
        return self._node(
            "Conv",
            [value, f"{name}.weight", f"{name}.bias"],
            name,
            dilations=[1, 1],
            group=1,
            kernel_shape=[kernel] * 2,
            pads=[pad] * 4,
            strides=[stride] * 2,
        )

    def _mirrored(self, name: str, value: str, pad: int) -> str:
        pads = self._constant(f"around.{pad}", np.array([0, 0, pad, pad] * 2, np.int64))
        return self._node("Pad", [value, pads], name, mode="reflect")

    def _layer(self, name: str, layer: Any, value: str) -> str:
        channels = layer.c.out_channels
        value = self._convolution(f"{name}.c", layer.c, value)
        if layer.trimmed:
            first, last, axes = (self._constant(key, np.array(at, np.int64)) for key, at in _INNER.items())
            value = self._node("Slice", [value, first, last, axes], f"{name}.inner")
            value = self._mirrored(f"{name}.trimmed", value, 1)
        ones = self._constant(f"ones.{channels}", np.ones(channels, np.float32))
        zeros = self._constant(f"zeros.{channels}", np.zeros(channels, np.float32))
        value = self._node("InstanceNormalization", [value, ones, zeros], f"{name}.n", epsilon=_EPSILON)
        for kind, rows in (("Mul", "g"), ("Add", "b")):
            mixed = self._node("MatMul", ["style", f"{name}.n.{rows}"], f"{name}.n.{rows}.mixed")
            shaped = self._node("Reshape", [mixed, "per_channel"], f"{name}.n.{rows}.shaped")
            value = self._node(kind, [value, shaped], f"{name}.n.{rows}.applied")
        return self._node("Relu", [value], f"{name}.rectified") if layer.rectify else value


def starting_bank(config: TrainingConfig, start: Path | None) -> tuple[Bank, list[int]]:
    """Return a new bank, or the one in `start` with rows for the new paintings; and the row number of each painting.

    The measured figures of styles that will change are removed. An added style has a licence of its own: the painting
    is the user's, whatever the bank's licence is.

    Raises:
        UsageError: the paintings do not fit each other or `start`.
        ModelFormatError: `start` is not a bank that training can continue from.
    """
    hparams = config.hyperparameters
    names = [painting.name for painting in config.paintings]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UsageError(f"two paintings have the same name, {twice}; name them with letters a to z: NAME=FILE")
    if "none" in names:
        raise UsageError("a style cannot be called none, the word for the unpainted picture; name it: NAME=FILE")
    if start is None and hparams.frozen:
        raise UsageError("a frozen body needs a bank to start from: --from BANK")
    with torch.random.fork_rng(devices=[]):  # a bank without grain gets random grain weights
        torch.manual_seed(hparams.seed)
        bank = read_bank(start) if start else Bank(LeanNetwork(len(names), hparams.width, hparams.blocks))
    entries = bank.entries if start else []
    existing = [str(entry["name"]) for entry in entries]
    added = [name for name in names if name not in existing]
    if start is not None:
        _check_existing(hparams.frozen, existing, names, start)
        if added:
            bank = Bank(network.with_styles(bank.network, len(added)), bank.metadata)
    own = {"licence": config.licence or "unknown"} if start is not None and hparams.frozen else {}
    entries += [{"name": one.name, "title": one.title, **own} for one in config.paintings if one.name in added]
    changed = {painting.name: painting.entry(hparams) for painting in config.paintings}
    entries = [
        {**_without_figures(entry), **changed[entry["name"]]} if entry["name"] in changed else entry
        for entry in entries
    ]
    bank.metadata = _metadata(config, bank.metadata, entries)
    order = [entry["name"] for entry in entries]
    return bank, [order.index(name) for name in names]


def _without_figures(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key != "measured"}


def _check_existing(frozen: bool, existing: list[str], names: list[str], start: Path) -> None:
    if frozen and (repeated := [name for name in names if name in existing]):
        raise UsageError(f"{start} already has a style {repeated[0]}; give the new one another name (NAME=FILE)")
    if not frozen and (missing := [name for name in existing if name not in names]):
        raise UsageError(
            f"--body free changes every style of {start}: give the paintings of {', '.join(missing)} too (NAME=FILE), "
            "or use --body frozen"
        )


def _metadata(config: TrainingConfig, old: dict[str, str], entries: list[dict[str, Any]]) -> dict[str, str]:
    version = int(old["version"]) + 1 if old.get("version", "").isdecimal() else 0
    adds_styles = config.hyperparameters.frozen and old
    licence = None if adds_styles else config.licence  # the other styles of a frozen body keep their licence
    return {
        "perceptual_network": "VGG-16 (Simonyan and Zisserman 2014)",
        **old,
        "styles": json.dumps(entries, ensure_ascii=False),
        "licence": licence or old.get("licence", "unknown"),
        "trained_by": f"stylecam {__version__}",
        "recipe": "",
        "version": str(version),
    }
