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
from onnx import helper, numpy_helper

from stylecam.errors import ModelFormatError, UsageError
from stylecam.models.brush import StrokeScales
from stylecam.models.card import read_cards
from stylecam.models.grain import CELL_SIZE
from stylecam.models.model import ALIGNMENT_KEY, DEVIATIONS_KEY, STROKES_KEY, Model
from stylecam.models.tier import TIER_KEY
from stylecam.training.bank_graph import GraphWriter
from stylecam.training.config import TrainingConfig
from stylecam.training.network import LeanNetwork, StyleNetwork, make_network, with_styles
from stylecam.training.strokes import stroke_scales
from stylecam.utils.files import write_bytes
from stylecam.utils.text import format_shape
from stylecam.utils.version import __version__


@dataclass
class Bank:
    """A network and the metadata of its file.

    Attributes:
        network: the weights.
        metadata: the ONNX metadata properties; `styles` is a JSON list with one entry for each style.
    """

    network: StyleNetwork
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def entries(self) -> list[dict[str, Any]]:
        """Return one entry for each style, in the order of the weight vector; each has at least a `name`."""
        entries = json.loads(self.metadata["styles"]) if "styles" in self.metadata else []
        if len(entries) != self.network.styles:
            entries = [{"name": f"style_{i + 1}"} for i in range(self.network.styles)]
        return list(entries)

    @property
    def stroke_scales(self) -> StrokeScales | None:
        """Of a network with two rows a style; None for one with a single size of strokes."""
        return StrokeScales(*map(float, self.metadata[STROKES_KEY].split())) if self.network.sizes > 1 else None


def write_bank(path: Path, bank: Bank) -> None:
    """Write `bank` to `path`, completely or not at all.

    Raises:
        OSError: the folder is missing, cannot be written, or the disk is full.
    """
    write_bytes(path, encode_bank(bank))


def encode_bank(bank: Bank) -> bytes:
    """Return `bank` as the bytes of an ONNX file."""
    network, proto = bank.network, GraphWriter(bank.network).finish()
    own = {TIER_KEY: network.tier} if network.tier != LeanNetwork.tier else {}
    own |= {ALIGNMENT_KEY: str(network.alignment)} if network.alignment != CELL_SIZE else {}
    own |= {DEVIATIONS_KEY: " ".join(map(str, network.deviations))} if network.deviations else {}
    helper.set_model_props(proto, {**bank.metadata, **own})
    onnx.checker.check_model(proto)
    return bytes(proto.SerializeToString())


def read_bank(path: Path) -> Bank:
    """Read a bank of the shape of either network.

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
    tier = "rich" if "h16.c.weight" in weights else "lean"
    if tier == "rich":
        width = len(weights["h16.c.weight"])
    sizes = model.row_count // model.style_count
    network = make_network(tier, model.style_count, width, len(blocks), quarter, sizes)
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
        raise ModelFormatError(f"{path} has layers that the {tier} network does not have ({extra[0]}); {advice}")
    network.load_state_dict({**network.state_dict(), **{name: weights[name] for name in expected}})
    return Bank(network, dict(model.metadata))


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
        bank = (
            read_bank(start) if start else Bank(make_network(hparams.tier, len(names), hparams.width, hparams.blocks))
        )
    entries = bank.entries if start else []
    existing = [str(entry["name"]) for entry in entries]
    added = [name for name in names if name not in existing]
    if start is not None:
        _check_existing(hparams.frozen, existing, names, start)
        if added:
            bank = Bank(with_styles(bank.network, len(added)), bank.metadata)
    own = {"licence": config.licence or "unknown"} if start is not None and hparams.frozen else {}
    entries += [{"name": one.name, "title": one.title, **own} for one in config.paintings if one.name in added]
    changed = {painting.name: painting.entry(hparams) for painting in config.paintings}
    entries = [
        {**_without_figures(entry), **changed[entry["name"]]} if entry["name"] in changed else entry
        for entry in entries
    ]
    if start is None and bank.network.sizes > 1:
        bank.metadata[STROKES_KEY] = "{:g} {:g}".format(*stroke_scales(hparams.scale))
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
