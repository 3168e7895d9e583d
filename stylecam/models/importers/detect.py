"""Import any supported network file: find the importer that reads it, check the result, write its metadata.

To add a format, see `stylecam.models.importers`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import cast

from stylecam.errors import EngineRunError, ImporterUnavailableError, ModelFormatError, UsageError
from stylecam.models.card import slug
from stylecam.models.importers.base import Candidate, Importer, ImportOptions
from stylecam.models.model import Model, read_model_file
from stylecam.utils.optional import require

IMPORTERS = ("torch7", "pytorch", "onnx")
"""The importer modules of this package, in the order in which they are asked whether they accept a file."""

StyleCheck = Callable[[bytes], "str | None"]
"""Styles a photo with an imported network; returns why the result cannot be right, or None if it looks right.

Raises:
    EngineRunError: the network does not run.
"""


@dataclass(frozen=True, slots=True)
class ImportedStyle:
    """A network in the model contract.

    Attributes:
        name: the name of the style and of its file, without suffix.
        data: the ONNX file, with its metadata.
        notes: what was read or guessed about the original, one line each.
    """

    name: str
    data: bytes
    notes: tuple[str, ...]


def import_style(path: Path, options: ImportOptions, check: StyleCheck) -> ImportedStyle:
    """Convert the file `path`, whatever its suffix, into the model contract.

    Where nothing says how the network encodes colors, the first candidate that passes `check` is taken.

    Raises:
        ModelFormatError: unreadable, damaged, of no known format, or refused by `check`; names the layer or byte.
        ImporterUnavailableError: a package that reads this format is not installed.
        UsageError: an option is invalid.
    """
    data = read_model_file(path)
    name = slug(options.name or path.stem)
    if _is_stylecam_bank(path, data):
        return _import_bank(path, data, name, options, check)
    require("onnx", purpose="importing", extra="import", error=ImporterUnavailableError)
    problems: list[str] = []
    try:
        kind, importer = _find_importer(data)
        for candidate in importer.convert(data, options):
            metadata = _metadata(path, kind, name, candidate, options)
            model = candidate.graph.encode(metadata, candidate.style_count)
            problem = _problem(model, check)
            if problem is None:
                return ImportedStyle(name, model, candidate.notes)
            conventions = ", ".join(note.partition(":")[0] for note in candidate.notes[1:])
            problems.append(f"{problem} ({conventions})")
    except ModelFormatError as error:
        raise ModelFormatError(f"{path}: {error}") from error
    advice = "; if you know its conventions, give --layout, --range or --order" if kind == "onnx" else ""
    raise ModelFormatError(f"{path} failed the test on a photo: {'; '.join(dict.fromkeys(problems))}{advice}")


def _find_importer(data: bytes) -> tuple[str, Importer]:
    for name in IMPORTERS:
        importer = cast(Importer, import_module(f"stylecam.models.importers.{name}"))
        if importer.accepts(data):
            return name, importer
    raise ModelFormatError("not an ONNX, Torch7 or PyTorch file by its first bytes; download it again")


def _is_stylecam_bank(path: Path, data: bytes) -> bool:
    """Return whether `data` follows the model contract already, as the files of `stylecam train` do."""
    try:
        return "styles" in Model.parse(path, data).metadata
    except ModelFormatError:
        return False


def _import_bank(path: Path, data: bytes, name: str, options: ImportOptions, check: StyleCheck) -> ImportedStyle:
    if any(value is not None for key, value in asdict(options).items() if key != "name"):
        raise UsageError(f"{path} already names its styles; leave out all options but --name")
    problem = _problem(data, check)
    if problem is not None:
        raise ModelFormatError(f"{path} failed the test on a photo: {problem}")
    return ImportedStyle(name, data, ("a bank of stylecam's own: taken as it is",))


def _problem(model: bytes, check: StyleCheck) -> str | None:
    try:
        return check(model)
    except EngineRunError as error:
        return f"{error}, or it works only at one fixed size"


def _metadata(path: Path, kind: str, name: str, candidate: Candidate, options: ImportOptions) -> dict[str, str]:
    title = options.title or name.replace("_", " ")
    about = {"artist": options.artist or "unknown", "licence": options.licence or "unknown"}
    if candidate.style_count is None:
        entries = [{"name": name, "title": title, **about}]
    else:
        numbers = range(1, candidate.style_count + 1)
        entries = [{"name": f"{name}_{number}", "title": f"{title} {number}", **about} for number in numbers]
    return {
        "styles": json.dumps(entries),
        "licence": about["licence"],
        "source": path.name,
        "importer": kind,
        "imported": "; ".join(candidate.notes),
    }
