"""Taking in other people's networks: imported, then tried on a photo before anyone sees them."""

from __future__ import annotations

import tempfile
from importlib import resources
from pathlib import Path
from typing import cast

import cv2

from stylecam.engines.opencv import OpenCVEngine
from stylecam.frame import Image, Size
from stylecam.styles.importers import proof
from stylecam.styles.importers.select import Imported, ImportOptions, import_style
from stylecam.styles.model import Model
from stylecam.tensor import fit, to_tensor

TRIED_AT = Size(264, 200)
"""Multiples of 8 and of nothing larger, and of no size that networks are exported at."""


def adopt(path: Path, options: ImportOptions) -> Imported:
    """The network in `path` in the model contract, proven on a photo; nothing is written anywhere that lasts.

    Raises:
        ModelFormatError: not a network we can run, or what it paints cannot be meant; says why.
        ImporterUnavailableError: what reads this kind of file is not installed.
        UsageError: an option that cannot be meant.
    """
    return import_style(path, options, painted_wrongly)


def painted_wrongly(data: bytes) -> str | None:
    """Why what the network `data` makes of a photo cannot be meant, or None.

    Raises:
        EngineRunError: it does not run.
        ModelFormatError: it does not keep the model contract.
    """
    photo = to_tensor(fit(_photo(), TRIED_AT))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "imported.onnx"
        path.write_bytes(data)
        model = Model.read(path)
    session = OpenCVEngine("cpu").session(model, *TRIED_AT)
    weights = (1.0, *[0.0] * (model.styles - 1))
    return proof.refusal(photo, session.run(photo, weights))


def _photo() -> Image:
    return cast(Image, cv2.imread(str(resources.files("stylecam") / "data" / "astronaut.jpg")))
