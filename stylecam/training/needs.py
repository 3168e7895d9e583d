"""Whether what training needs is installed; asked before anything here imports it."""

from __future__ import annotations

from importlib.util import find_spec

from stylecam.errors import TrainingUnavailableError


def check_installed() -> None:
    """See that PyTorch and onnx can be imported.

    Raises:
        TrainingUnavailableError: one is missing; the message says what to install.
    """
    missing = [name for name in ("torch", "onnx") if find_spec(name) is None]
    if missing:
        raise TrainingUnavailableError(
            f'training needs {" and ".join(missing)}, not installed here; run: pip install "stylecam[train]"'
        )
