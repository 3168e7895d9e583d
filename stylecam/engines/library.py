"""Libraries that run networks and are extras: imported when asked for, with the install line where they are missing."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from stylecam.errors import EngineUnavailableError


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
    """What a library says of its failure, on one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][-300:] if lines else type(error).__name__
