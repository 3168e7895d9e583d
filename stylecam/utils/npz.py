"""Read NumPy's `.npz` files, which may be damaged or hostile."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

_DAMAGE_ERRORS = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    EOFError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What NumPy raises for damaged files."""


def read_npz(path: Path, names: Iterable[str] | None = None) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays in the file `path` by name: all, or those of `names`. Nothing in the file is run.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no `.npz` file, is damaged or lacks one of `names`; the text says which, and follows "is".
    """
    data = io.BytesIO(path.read_bytes())
    if not zipfile.is_zipfile(data):  # NumPy would read it as another of its formats, or as a pickle
        raise ValueError("not an .npz file, or only a part of one")
    try:
        with np.load(data, allow_pickle=False) as stored:
            return {name: stored[name] for name in (stored.files if names is None else names)}
    except _DAMAGE_ERRORS as error:
        raise ValueError(f"a damaged .npz ({error})") from error
