"""Tests of stylecam.evaluation.quality, all skipped if PyTorch or onnx is not installed."""

import pytest

for package in ("torch", "onnx"):
    pytest.importorskip(package, reason=f'evaluation needs {package}: pip install "stylecam[train]"')
