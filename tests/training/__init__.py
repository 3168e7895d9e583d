"""Tests of stylecam.training, all skipped if PyTorch or onnx is not installed."""

import pytest

for package in ("torch", "onnx"):
    pytest.importorskip(package, reason=f'training needs {package}: pip install "stylecam[train]"')
