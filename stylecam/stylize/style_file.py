"""Take a style from the command line, where it may be a file: such a network is tried before this process loads it."""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path

import numpy as np

from stylecam.engines.autotune import sample_picture
from stylecam.engines.base import Engine
from stylecam.engines.factory import installed, make_engine
from stylecam.errors import EngineRunError, EngineUnavailableError, ModelFormatError
from stylecam.media.frame import Size
from stylecam.media.transforms import to_tensor
from stylecam.models.catalog import Catalog, is_style_file
from stylecam.models.model import Model
from stylecam.models.rewrite.freeze_norms import InstanceNorms
from stylecam.models.style_mix import StyleMix
from stylecam.utils import sandbox
from stylecam.utils.files import user_path
from stylecam.utils.text import printable

TRIAL_SIZE = Size(264, 200)
TIMEOUT_S = 60.0
MEMORY_BYTES, FILE_COPIES = 2**30, 8
"""Bytes that a trial at `TRIAL_SIZE` may take, and how often the file may lie in memory on top."""
_NETWORK, _PROBLEMS = "network.onnx", "problems.json"


def resolve_style(text: str, catalog: Catalog) -> StyleMix | None:
    """Read a style as `--style` takes it: what `Catalog.parse` takes, or the path of an `.onnx` file.

    A network that the catalog does not hold is run in a process of its own first, so one that crashes a library or
    needs gigabytes does not harm this process. It is not added to the catalog.

    Raises:
        StyleNotFoundError, UsageError: as for `Catalog.parse`.
        ModelFormatError: the file is not a style network, no engine can run it, or another bank has its name.
    """
    if not is_style_file(text):
        return catalog.parse(text)
    model = Model.read(user_path(text.strip()))
    mix = catalog.mix_of_model(model)
    if all(known is not mix.model for known in catalog.models):
        check_network(model)
    return mix


def check_network(model: Model, limits: sandbox.SandboxLimits | None = None) -> None:
    """Run `model` on a small picture in a process of its own within `limits`, with each installed engine.

    Raises:
        ModelFormatError: the process crashed or exceeded its limits, or no engine can run the network.
    """
    limits = limits or sandbox.SandboxLimits(TIMEOUT_S, MEMORY_BYTES + FILE_COPIES * len(model.data))
    with tempfile.TemporaryDirectory(prefix="stylecam-") as name:
        folder = Path(name)
        (folder / _NETWORK).write_bytes(model.data)
        ended = sandbox.run("stylecam.stylize.style_file:run_in_child", name, limits)
        if ended is not None:
            raise ModelFormatError(f"{model.path} is refused: trying it on a small picture {printable(ended)}")
        problems = json.loads((folder / _PROBLEMS).read_text())
    if problems:
        raise ModelFormatError(f"{model.path} cannot be run: {printable('; '.join(dict.fromkeys(problems)), 1000)}")


def run_in_child(name: str) -> None:
    """Do the work of the child process: run the network in the folder `name`, and write there why no engine can."""
    model = Model.read(Path(name) / _NETWORK)
    problems, works = [], False
    for engine in installed():
        try:
            _run(model, make_engine(engine, "cpu"))
            works = True
        except EngineRunError as error:
            problems.append(str(error))
        except EngineUnavailableError:  # a broken library; the command says so if it is the one to use
            continue
    (Path(name) / _PROBLEMS).write_text(json.dumps([] if works else problems or ["no engine is installed"]))


def _run(model: Model, engine: Engine) -> None:
    """Run `model` in every way in which pictures and frames are painted."""
    picture = sample_picture(TRIAL_SIZE)
    weights = model.rows(model.one_hot(), min(TRIAL_SIZE))
    session = engine.session(model, *TRIAL_SIZE)
    session.run(to_tensor(picture), weights)
    session.stylize(picture, weights)
    norms = InstanceNorms(model)
    if norms.count and norms.can_freeze:
        with contextlib.suppress(EngineRunError):  # only large pictures need it
            figures = engine.session(norms.measuring_model(), *TRIAL_SIZE).run(to_tensor(picture), weights)
            frozen = norms.frozen_model(np.array(figures, np.float32).reshape(-1))
            engine.session(frozen, *TRIAL_SIZE).stylize(picture, weights)
