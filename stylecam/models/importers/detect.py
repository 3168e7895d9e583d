"""Any network file into the model contract: which importer reads it, and what is written beside the network."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stylecam.errors import EngineRunError, ImporterUnavailableError, ModelFormatError, UsageError
from stylecam.models.card import slug
from stylecam.models.importers import torch7
from stylecam.models.model import Model, read_model_file
from stylecam.utils.optional import require

if TYPE_CHECKING:
    from stylecam.models.importers.builder import Graph

    Way = tuple[Graph, int | None, tuple[str, ...]]

Proof = Callable[[bytes], "str | None"]
"""Paints a photo with an imported network, and says why the result cannot be meant, or None when it can.

Raises:
    EngineRunError: the network does not run.
"""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What the user says about a network; None where the file, or its name, is to tell."""

    name: str | None = None
    title: str | None = None
    artist: str | None = None
    licence: str | None = None
    layout: str | None = None
    colours: str | None = None
    order: str | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """A network in the model contract.

    Attributes:
        name: of the style, and of the file it should lie in.
        data: the ONNX file, describing itself.
        notes: what was read or guessed about the original, one line each.
    """

    name: str
    data: bytes
    notes: tuple[str, ...]


def import_style(path: Path, options: ImportOptions, proof: Proof) -> Imported:
    """Read `path`, whatever its suffix, and give it back in the form that all engines run.

    Where nothing tells how the network counts colours, the first way that passes `proof` is taken.

    Raises:
        ModelFormatError: unreadable, damaged, not of a known kind, or refused by `proof`; says why, with layer or byte.
        ImporterUnavailableError: what reads this kind is not installed.
        UsageError: an option that cannot be meant.
    """
    data = read_model_file(path)
    name = slug(options.name or path.stem)
    if _is_ours(path, data):
        return _as_it_is(path, data, name, options, proof)
    require("onnx", purpose="importing", extra="import", error=ImporterUnavailableError)
    refused: list[str] = []
    try:
        for kind, (graph, styles, notes) in _ways(data, options):
            made = graph.encode(_metadata(path, kind, name, styles, notes, options), styles)
            problem = _problem(made, proof)
            if problem is None:
                return Imported(name, made, notes)
            understood = ", ".join(note.partition(":")[0] for note in notes[1:])
            refused.append(f"{problem} ({understood})")
    except ModelFormatError as error:
        raise ModelFormatError(f"{path}: {error}") from error
    advice = "; where you know better, say so with --layout, --range or --order" if kind == "onnx" else ""
    raise ModelFormatError(f"{path} is refused, tried on a photo: {'; '.join(dict.fromkeys(refused))}{advice}")


def _is_ours(path: Path, data: bytes) -> bool:
    """Whether it is a bank in the model contract already, as `stylecam train` writes them."""
    try:
        return "styles" in Model.parse(path, data).metadata
    except ModelFormatError:
        return False


def _as_it_is(path: Path, data: bytes, name: str, options: ImportOptions, proof: Proof) -> Imported:
    if any(value is not None for key, value in asdict(options).items() if key != "name"):
        raise UsageError(f"{path} says itself what it holds; of the options only --name can be given")
    problem = _problem(data, proof)
    if problem is not None:
        raise ModelFormatError(f"{path} is refused, tried on a photo: {problem}")
    return Imported(name, data, ("a bank of stylecam's own: taken as it is",))


def _problem(made: bytes, proof: Proof) -> str | None:
    try:
        return proof(made)
    except EngineRunError as error:
        return f"{error}, or it paints only at a size of its own"


def _ways(data: bytes, options: ImportOptions) -> Iterator[tuple[str, Way]]:
    """Importer and result, once for each form the network may have."""
    from stylecam.models.importers import pytorch

    chosen = (options.layout, options.colours, options.order)
    is_torch7, is_pytorch = torch7.looks_like(data), pytorch.looks_like(data)
    if (is_torch7 or is_pytorch) and any(chosen):
        raise UsageError("layout, range and order are known for networks of this kind; leave them out")
    if is_torch7:
        from stylecam.models.importers import johnson

        graph, notes = johnson.convert(data)
        yield "torch7", (graph, None, notes)
    elif is_pytorch:
        graph, notes = pytorch.convert(data)
        yield "pytorch", (graph, None, notes)
    else:
        if data[:1] != b"\x08":  # an ONNX file begins with its version; protobuf has no magic number
            raise ModelFormatError("neither ONNX nor Torch7 nor PyTorch by its first bytes; get it again")
        from stylecam.models.importers import onnx as foreign

        for way in foreign.convert(data, *chosen):
            yield "onnx", way


def _metadata(
    path: Path, kind: str, name: str, styles: int | None, notes: tuple[str, ...], options: ImportOptions
) -> dict[str, str]:
    title = options.title or name.replace("_", " ")
    about = {"artist": options.artist or "unknown", "licence": options.licence or "unknown"}
    if styles is None:
        entries = [{"name": name, "title": title, **about}]
    else:
        numbers = range(1, styles + 1)
        entries = [{"name": f"{name}_{number}", "title": f"{title} {number}", **about} for number in numbers]
    return {
        "styles": json.dumps(entries),
        "licence": about["licence"],
        "source": path.name,
        "importer": kind,
        "imported": "; ".join(notes),
    }
