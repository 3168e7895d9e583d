"""A bank as an ONNX file, out and in.

The graph is written straight from the weights and keeps the model contract of `stylecam.models.model`: `image`
1×3×H×W, `style` 1×N and `grain` 1×8×H/8×W/8 in, `styled` out. The initializers carry the parameters' own names, so that
a shipped file is also the place to go on training from.
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
from stylecam.models.model import Model
from stylecam.training import network
from stylecam.training.config import Plan
from stylecam.training.network import GRAIN, Lean, Residual
from stylecam.utils.files import write_bytes
from stylecam.utils.version import __version__

# ---- training.bank
OPSET, IR_VERSION = 17, 8
_INNER = {"inner.first": [1, 1], "inner.last": [-1, -1], "inner.axes": [2, 3]}
_EPSILON = 1e-5  # torch's own, of every instance norm


@dataclass
class Bank:
    """A network and what its file says about itself (`styles` is a JSON list with one entry a style)."""

    network: Lean
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def entries(self) -> list[dict[str, Any]]:
        """One entry a style, in the order of the weight vector; each has at least a `name`."""
        listed = json.loads(self.metadata["styles"]) if "styles" in self.metadata else []
        if len(listed) != self.network.styles:
            listed = [{"name": f"style_{i + 1}"} for i in range(self.network.styles)]
        return list(listed)


def write_bank(path: Path, bank: Bank) -> None:
    """Write `bank` to `path`, whole or not at all.

    Raises:
        OSError: the folder is missing, cannot be written, or the disk is full.
    """
    write_bytes(path, encode(bank))


def encode(bank: Bank) -> bytes:
    """`bank` as the bytes of an ONNX file."""
    graph = _Graph(bank.network)
    proto = helper.make_model(
        graph.finish(), opset_imports=[helper.make_opsetid("", OPSET)], producer_name="stylecam", ir_version=IR_VERSION
    )
    helper.set_model_props(proto, bank.metadata)
    onnx.checker.check_model(proto)
    return bytes(proto.SerializeToString())


def read_bank(path: Path) -> Bank:
    """Read the weights of a bank in our lean shape.

    Raises:
        ModelFormatError: unreadable, or a network of another shape.
    """
    model = Model.read(path)
    read_cards(model)  # raises when what it says about its styles cannot be
    try:
        weights = {
            tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).astype(np.float32))
            for tensor in onnx.load_from_string(model.data).graph.initializer
        }
    except (ValueError, TypeError, DecodeError) as error:
        raise ModelFormatError(f"{path} holds weights that cannot be read: {error}; get it again") from error
    advice = "training goes on only from banks that `stylecam train` writes, such as the shipped gallery.onnx"
    blocks = {int(found[1]) for name in weights if (found := re.match(r"body\.(\d+)\.", name))}
    try:
        quarter, width = len(weights["h4.c.weight"]), len(weights["h8.c.weight"])
    except KeyError as error:
        raise ModelFormatError(f"{path} holds no weight {error}; {advice}") from error
    network = Lean(model.style_count, width, len(blocks), quarter)
    wanted = network.state_dict()
    if not model.grain_channels:  # trained before there was one
        wanted = {name: value for name, value in wanted.items() if not name.startswith("grain.")}
    for name, value in wanted.items():
        if name not in weights or weights[name].shape != value.shape:
            shape = "×".join(map(str, weights[name].shape)) if name in weights else "not there"
            raise ModelFormatError(
                f"{path}: its weight {name} is {shape} and should be {'×'.join(map(str, value.shape))}; {advice}"
            )
    if extra := [n for n in weights if n not in wanted and n.endswith((".c.weight", ".n.g"))]:
        raise ModelFormatError(f"{path} has layers that the lean shape has not ({extra[0]}); {advice}")
    network.load_state_dict({**network.state_dict(), **{name: weights[name] for name in wanted}})
    return Bank(network, dict(model.metadata))


class _Graph:
    """Collects the nodes and weights of one network. Names say which layer a value comes out of."""

    def __init__(self, network: Lean) -> None:
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
        return helper.make_graph(
            self._nodes,
            "stylecam bank",
            [
                helper.make_tensor_value_info("image", TensorProto.FLOAT, picture),
                helper.make_tensor_value_info("style", TensorProto.FLOAT, [1, network.styles]),
                helper.make_tensor_value_info("grain", TensorProto.FLOAT, [1, GRAIN, "rows", "columns"]),
            ],
            [helper.make_tensor_value_info("styled", TensorProto.FLOAT, picture)],
            list(self._weights.values()),
        )

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


# ---- training.beginning
def first_bank(plan: Plan, start: Path | None) -> tuple[Bank, list[int]]:
    """A new bank, or the one in `start` with rows added for the new paintings; and the row of each painting.

    What was measured of styles that are to change is forgotten. A style that is added has its own licence: the
    painting is the user's, whatever the bank's is.

    Raises:
        UsageError: the paintings do not go together with each other or with `start`.
        ModelFormatError: `start` is no bank that training can go on from.
    """
    names = [painting.name for painting in plan.paintings]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UsageError(f"two paintings have the same name, {twice}; name them in letters a to z: NAME=FILE")
    if "none" in names:
        raise UsageError("a style cannot be called none: that is the picture unpainted; name it: NAME=FILE")
    if start is None and plan.recipe.frozen:
        raise UsageError("a frozen body needs a bank to take it from: --from BANK")
    with torch.random.fork_rng(devices=[]):  # also a bank that is read gets what it had not from chance: its grain
        torch.manual_seed(plan.recipe.seed)
        bank = read_bank(start) if start else Bank(Lean(len(names), plan.recipe.width, plan.recipe.blocks))
    entries = bank.entries if start else []
    known = [str(entry["name"]) for entry in entries]
    added = [name for name in names if name not in known]
    if start is not None:
        _check_kept(plan.recipe.frozen, known, names, start)
        if added:
            bank = Bank(network.with_styles(bank.network, len(added)), bank.metadata)
    own = {"licence": plan.licence or "unknown"} if start is not None and plan.recipe.frozen else {}
    entries += [{"name": one.name, "title": one.title, **own} for one in plan.paintings if one.name in added]
    told = {painting.name: painting.entry(plan.recipe) for painting in plan.paintings}
    entries = [{**_unmeasured(entry), **told[entry["name"]]} if entry["name"] in told else entry for entry in entries]
    bank.metadata = _metadata(plan, bank.metadata, entries)
    order = [entry["name"] for entry in entries]
    return bank, [order.index(name) for name in names]


def _unmeasured(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key != "measured"}


def _check_kept(frozen: bool, known: list[str], names: list[str], start: Path) -> None:
    if frozen and (again := [name for name in names if name in known]):
        raise UsageError(f"{start} has a style {again[0]} already; name the new one otherwise (NAME=FILE)")
    if not frozen and (lost := [name for name in known if name not in names]):
        raise UsageError(
            f"--body free changes every style of {start}: give the paintings of {', '.join(lost)} too (NAME=FILE), "
            "or use --body frozen"
        )


def _metadata(plan: Plan, old: dict[str, str], entries: list[dict[str, Any]]) -> dict[str, str]:
    version = int(old["version"]) + 1 if old.get("version", "").isdecimal() else 0
    given = None if plan.recipe.frozen and old else plan.licence  # a frozen body's other styles keep theirs
    return {
        "perceptual_network": "VGG-16 (Simonyan and Zisserman 2014)",
        **old,
        "styles": json.dumps(entries, ensure_ascii=False),
        "licence": given or old.get("licence", "unknown"),
        "trained_by": f"stylecam {__version__}",
        "recipe": "",
        "version": str(version),
    }
