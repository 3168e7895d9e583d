"""Measuring how good styles are. Nothing live imports this room; judging needs the extra `train` (PyTorch, onnx)."""
