"""Fixtures for the tests of the commands."""

from __future__ import annotations

import pytest


@pytest.fixture
def training_packages() -> None:
    """Skip the test if PyTorch or onnx is not installed."""
    for package in ("torch", "onnx"):
        pytest.importorskip(package, reason=f'training needs {package}: pip install "stylecam[train]"')
