"""Packages that come with an extra of stylecam: find them, import them, and say which command installs them."""

from __future__ import annotations

import importlib
import re
import sys
from importlib.util import find_spec
from typing import Any

from stylecam.errors import StylecamError
from stylecam.utils.message import Message

_TITLES = {
    "av": "PyAV",
    "matplotlib": "matplotlib",
    "onnxruntime": "ONNX Runtime",
    "openvino": "OpenVINO",
    "pillow_heif": "pillow-heif",
    "ray": "Ray",
    "torch": "PyTorch",
    "tritonclient.grpc": "tritonclient",
}
"""Names of packages where the module is called otherwise."""
_DOWNLOADS = {"train": "200 MB"}
"""How much is downloaded for an extra, where that is much."""
_ORIGIN = re.compile(r"^\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : ")
_NOISE = ("Exception from ", "Check '", "FrontEnd API failed", "Summary:", "To facilitate ")


def is_installed(module: str) -> bool:
    """Return whether the module can be found. It is not imported, so it may still be broken."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the package around it is missing
        return False


def install_command(extra: str) -> str:
    """Return the command that installs what the extra needs.

    PyTorch is its build for processors. On Linux pip alone finds only the one for NVIDIA's cards, of several gigabytes.
    """
    package = f'"stylecam[{extra}]"'
    if extra == "train" and sys.platform == "linux":
        return f"pip install uv && uv pip install --torch-backend cpu {package}"
    return f"pip install {package}"


def require(*modules: str, purpose: str, extra: str, error: type[StylecamError]) -> None:
    """Check that all `modules` can be found, without importing them.

    Args:
        modules: names as in an import statement.
        purpose: what needs them, as the subject of "needs": `--plot`, `training`.
        extra: the extra of stylecam that brings them.
        error: the class of the error to raise.

    Raises:
        StylecamError: of the class `error`, if one is missing; the message has the command that installs it.
    """
    missing = " and ".join(_TITLES.get(module, module) for module in modules if not is_installed(module))
    if not missing:
        return
    command = install_command(extra)
    if extra in _DOWNLOADS:
        raise error(
            Message(
                "{purpose} needs {missing}, not installed here; run ({size} to download): {command}",
                purpose=purpose,
                missing=missing,
                size=_DOWNLOADS[extra],
                command=command,
            )
        )
    raise error(
        Message(
            "{purpose} needs {missing}, not installed here; run: {command}",
            purpose=purpose,
            missing=missing,
            command=command,
        )
    )


def load(module: str, *, purpose: str, extra: str, error: type[StylecamError]) -> Any:
    """Import `module` and return it. The arguments are those of `require`.

    Raises:
        StylecamError: of the class `error`, if it is missing or cannot be imported; the message has the command that
            installs it.
    """
    require(module, purpose=purpose, extra=extra, error=error)
    try:
        return importlib.import_module(module)
    except (ImportError, OSError, AttributeError) as failure:  # built for another processor, NumPy or Python
        reason = " ".join(str(failure).split())[:200]
        raise error(
            Message(
                "{name} is installed and cannot be loaded ({reason}); run: {command} --force-reinstall",
                name=_TITLES.get(module, module),
                reason=reason,
                command=install_command(extra),
            )
        ) from failure


def error_summary(error: Exception) -> str:
    """Return the message of an engine library's exception on one line, without places in the library's own code."""
    lines = [_ORIGIN.sub("", line).strip(" -") for line in str(error).splitlines()]
    message = " ".join(line for line in lines if line and not line.startswith(_NOISE))
    return message[:300] or type(error).__name__
