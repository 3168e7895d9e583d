"""Whether what training needs is installed; asked before anything here imports it."""

from __future__ import annotations

from importlib.util import find_spec

from stylecam.errors import TrainingUnavailableError


def check_installed(*needed: str) -> None:
    """See that what is `needed` can be imported: unless told, PyTorch and onnx.

    Raises:
        TrainingUnavailableError: one is missing; the message says what to install.
    """
    missing = [name for name in needed or ("torch", "onnx") if find_spec(name) is None]
    if missing:
        raise TrainingUnavailableError(
            f'this needs {" and ".join(missing)}, not installed here; run: pip install "stylecam[train]"'
        )
