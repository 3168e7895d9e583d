"""Measure the speed and the quality of styles; quality needs the extra `train` (PyTorch, onnx)."""
