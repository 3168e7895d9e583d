"""The engines that are extras, where they are installed."""

from __future__ import annotations

import os

import pytest

from stylecam.engines import openvino
from stylecam.engines.base import Engine
from stylecam.engines.factory import make_engine
from stylecam.utils.optional import is_installed


def need(library: str) -> None:
    """Skip the test where `library` is missing; where all must be there, fail."""
    if not is_installed(library):
        message = f"{library} is not installed"
        if os.environ.get("STYLECAM_NEED_ALL") == "1":
            pytest.fail(message)
        pytest.skip(message)


def engine_on(name: str, device: str) -> Engine:
    """The engine on a processor; skips where it is not installed or the processor lacks what `device` asks for."""
    if name != "opencv":
        need(name)
    if device == "cpu-bf16" and device not in openvino.available_devices():
        pytest.skip("this processor does not compute with bfloat16")
    return make_engine(name, device, threads=2)
