"""Train style networks. Nothing live imports this room; it needs the extra `train` (PyTorch, onnx)."""
