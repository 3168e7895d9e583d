"""Libraries that run networks and are extras: imported when asked for, with the install line where they are missing."""

from __future__ import annotations

import importlib
import importlib.util
import re
from importlib.util import find_spec
from typing import Any

from stylecam.errors import EngineUnavailableError, TrainingUnavailableError

# ---- engines.library
_ORIGIN = re.compile(r"^\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : ")
_NOISE = ("Exception from ", "Check '", "FrontEnd API failed", "Summary:", "To facilitate ")


def is_installed(module: str) -> bool:
    """Whether there is such a module; it is not imported, so it may still be broken."""
    return importlib.util.find_spec(module) is not None


def load(module: str, title: str) -> Any:
    """The module of the extra that is called like it.

    Raises:
        EngineUnavailableError: it is not installed, or is and cannot be loaded; the message says what to install.
    """
    install = f'pip install "stylecam[{module}]"'
    if not is_installed(module):
        raise EngineUnavailableError(f"{title} is not installed; install it with: {install}")
    try:
        return importlib.import_module(module)
    except (ImportError, OSError, AttributeError) as error:  # a wheel for another processor, NumPy or Python
        reason = " ".join(str(error).split())[:200]
        raise EngineUnavailableError(
            f"{title} is installed and cannot be loaded ({reason}); install it anew with: {install} --force-reinstall"
        ) from error


def brief(error: Exception) -> str:
    """What a library says of its failure, on one line, without where in its own code it noticed."""
    lines = [_ORIGIN.sub("", line).strip(" -") for line in str(error).splitlines()]
    told = " ".join(line for line in lines if line and not line.startswith(_NOISE))
    return told[:300] or type(error).__name__


# ---- training.needs
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
