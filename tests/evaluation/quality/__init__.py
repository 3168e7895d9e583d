"""Tests of the evaluation room; skipped as a whole where what it needs is not installed."""

import pytest

for needed in ("torch", "onnx"):
    pytest.importorskip(needed, reason=f'evaluation needs {needed}: pip install "stylecam[train]"')
