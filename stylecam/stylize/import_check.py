"""Import other people's networks, and try them on a photo before they are used."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from stylecam.engines.autotune import sample_picture
from stylecam.engines.opencv import OpenCVEngine
from stylecam.errors import EngineRunError, ImporterUnavailableError, ModelFormatError, UsageError
from stylecam.media.frame import Size
from stylecam.media.transforms import to_tensor
from stylecam.models.importers.base import ImportOptions
from stylecam.models.importers.detect import ImportedStyle, import_style
from stylecam.models.importers.sanity_check import find_problem
from stylecam.models.model import MAX_FILE_BYTES, Model
from stylecam.utils import sandbox
from stylecam.utils.resources import lacks_memory
from stylecam.utils.text import printable

TRIAL_SIZE = Size(264, 200)
"""The size of the photo: multiples of 8 and of nothing larger, and not a size that networks are exported at."""
FURTHER_SIZES = (Size(88, 80), Size(536, 312), Size(200, 344))
"""Sizes at which a plausible network must run too: a small one, a larger one and an upright one."""
TIMEOUT_S = 120.0
"""Seconds that importing and trying may take; a usual network takes one or two."""
MEMORY_BYTES, FILE_COPIES = 2 * 2**30, 8
"""Bytes that trying a network may take, and how often its file may lie in memory on top."""
_ERRORS = {error.__name__: error for error in (ModelFormatError, ImporterUnavailableError, UsageError)}
_REQUEST, _ANSWER, _NETWORK = "request.json", "answer.json", "imported.onnx"


def import_and_check(path: Path, options: ImportOptions, limits: sandbox.SandboxLimits | None = None) -> ImportedStyle:
    """Import the network in `path` into the model contract and try it on a photo; no file is left behind.

    All that is done with the file happens in a process of its own within `limits`, so that a malicious file, or one
    that crashes the engine, harms nothing else.

    Raises:
        ModelFormatError: it is not a network that can be run, or its picture is implausible; the message says why.
        ImporterUnavailableError: the package that reads this kind of file is not installed.
        UsageError: an option does not fit this file.
    """
    limits = limits or _limits(path)
    with tempfile.TemporaryDirectory(prefix="stylecam-") as name:
        folder = Path(name)
        (folder / _REQUEST).write_text(json.dumps({"path": str(path), "options": asdict(options)}))
        ended = sandbox.run("stylecam.stylize.import_check:run_in_child", name, limits)
        if ended is not None:
            raise ModelFormatError(f"{path} is refused: trying it on a photo {printable(ended)}")
        answer = json.loads((folder / _ANSWER).read_text())
        if "error" in answer:
            raise _ERRORS[answer["error"]](answer["message"])
        return ImportedStyle(answer["name"], (folder / _NETWORK).read_bytes(), tuple(answer["notes"]))


def run_in_child(name: str) -> None:
    """Do the work of the child process: read the request in the folder `name`, write network and answer there."""
    folder = Path(name)
    request = json.loads((folder / _REQUEST).read_text())
    answer: Mapping[str, object]
    try:
        made = import_style(Path(request["path"]), ImportOptions(**request["options"]), why_implausible)
        check_further_sizes(Path(request["path"]), made.data)
    except tuple(_ERRORS.values()) as error:
        answer = {"error": type(error).__name__, "message": str(error)}
    else:
        (folder / _NETWORK).write_bytes(made.data)
        answer = {"name": made.name, "notes": made.notes}
    (folder / _ANSWER).write_text(json.dumps(answer))


def why_implausible(data: bytes) -> str | None:
    """Return why the picture that the network `data` makes of a photo is implausible, or None.

    Raises:
        EngineRunError: it does not run.
        ModelFormatError: it does not keep the model contract.
        MemoryError: it needs more memory than there is, as it would in any other form.
    """
    photo = to_tensor(sample_picture(TRIAL_SIZE))
    model = Model.parse(Path(_NETWORK), data)
    session = OpenCVEngine("cpu").session(model, *TRIAL_SIZE)
    weights = model.rows(model.one_hot(), min(TRIAL_SIZE))
    try:
        return find_problem(photo, session.run(photo, weights))
    except EngineRunError as error:
        if lacks_memory(error.__cause__):
            raise MemoryError from error
        raise


def check_further_sizes(path: Path, data: bytes) -> None:
    """Check that the network `data`, made of the file `path`, runs at other sizes than that of the photo.

    Raises:
        ModelFormatError: it does not, at one of them.
    """
    model = Model.parse(path, data)
    engine = OpenCVEngine("cpu")
    for size in FURTHER_SIZES:
        try:
            weights = model.rows(model.one_hot(), min(size))
            styled = engine.session(model, *size).stylize(sample_picture(size), weights)
            problem = None if styled.any() else "its picture is all black"
        except EngineRunError as error:
            problem = str(error)
        if problem is not None:
            raise ModelFormatError(
                f"{path} works for pictures of {TRIAL_SIZE} and not of {size} ({problem}); live painting needs a "
                f"network for every size whose sides are multiples of 8: export it with free height and width"
            )


def _limits(path: Path) -> sandbox.SandboxLimits:
    size = 0
    with contextlib.suppress(OSError):  # the reader says why
        size = path.stat().st_size
    return sandbox.SandboxLimits(TIMEOUT_S, MEMORY_BYTES + FILE_COPIES * min(size, MAX_FILE_BYTES))
