"""Convert the networks of PyTorch's fast-neural-style example, saved with `torch.save(net.state_dict())`.

See https://github.com/pytorch/examples/tree/main/fast_neural_style (transformer_net.py). Input and output are RGB
0..255. Old files also hold running statistics, which instance norm never used. Pickled code is never run:
`weights_only=True`.
"""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from stylecam.errors import ImporterUnavailableError, ModelFormatError
from stylecam.models.importers.base import Candidate, ImportOptions
from stylecam.models.importers.color_range import BYTES
from stylecam.models.importers.graph_builder import GraphBuilder
from stylecam.models.onnx.proto import FloatArray
from stylecam.utils.optional import require
from stylecam.utils.text import format_shape

_EPSILON = 1e-5  # torch's own, of every instance norm
_IGNORED = re.compile(r"\.in\d+\.(running_mean|running_var|num_batches_tracked)$")
_WRAPPERS = ("state_dict", "model_state_dict", "model")


def accepts(data: bytes) -> bool:
    """Return whether `data` begins like a file of torch.save: a zip since PyTorch 1.6, a pickle before."""
    return data[:4] == b"PK\x03\x04" or (data[:1] == b"\x80" and len(data) > 1 and data[1] in (2, 3, 4, 5))


def convert(data: bytes, options: ImportOptions) -> list[Candidate]:
    """Convert the network whose state dict is in the file `data`, the only way to read it; see `Importer.convert`."""
    options.refuse_conventions()
    require("torch", purpose="reading a PyTorch file", extra="train", error=ImporterUnavailableError)
    network = _TransformerNet(_read_weights(data), GraphBuilder(max_weight_bytes=2 * len(data) + 2**20))
    network.build()
    notes = f"PyTorch fast-neural-style, {network.blocks} residual blocks", f"colours: {BYTES.description}"
    return [Candidate(network.graph, notes)]


def _read_weights(data: bytes) -> dict[str, FloatArray]:
    """Return the state dict as float32 arrays."""
    import torch

    if tuple(int(part) for part in torch.__version__.split(".")[:2]) < (2, 6):  # CVE-2025-32434
        raise ImporterUnavailableError(
            'before 2.6, PyTorch could be made to run code hidden in weights; run: pip install -U "torch>=2.6"'
        )
    _refuse_bombs(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about unusual protocols in damaged files
            state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle can make torch raise any error
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:160]
        raise ModelFormatError(
            f"PyTorch cannot read it as weights alone, and code in it is not run: {reason}"
        ) from error
    for name in _WRAPPERS:
        if isinstance(state, Mapping) and isinstance(state.get(name), Mapping):
            state = state[name]
    if not isinstance(state, Mapping) or not state:
        raise ModelFormatError("it holds no weights by name; save it with torch.save(net.state_dict(), ...)")
    claimed = sum(4 * value.numel() for value in state.values() if isinstance(value, torch.Tensor))
    if claimed > 2 * len(data) + 2**20:
        raise ModelFormatError(f"it is {len(data)} bytes, and its weights, which share storage, would fill {claimed}")
    return {
        str(name).removeprefix("module."): _array(str(name), value)
        for name, value in state.items()
        if not _IGNORED.search(f".{name}")
    }


def _array(name: str, value: Any) -> FloatArray:
    import torch

    plain = isinstance(value, torch.Tensor) and value.layout == torch.strided and value.device.type == "cpu"
    if not plain or not value.is_floating_point():
        raise ModelFormatError(f"its {name[:80]!r} is not a weight; save it with torch.save(net.state_dict(), ...)")
    # A tensor of stride 0 repeats its values endlessly, and would be written out in full.
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():
        raise ModelFormatError(f"its weight {name[:80]!r} shows more numbers than it holds")
    array: FloatArray = value.detach().to(torch.float32).numpy()
    if not np.isfinite(array).all():
        raise ModelFormatError(f"its weight {name[:80]!r} is not a number somewhere")
    return array


def _refuse_bombs(data: bytes) -> None:
    """Refuse a zip that unpacks to more than its size; PyTorch stores its arrays uncompressed."""
    if data[:2] != b"PK":
        return
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            size = sum(entry.file_size for entry in packed.infolist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise ModelFormatError(f"not a whole PyTorch file: {error}; download it again") from error
    if size > len(data) + 2**20:
        raise ModelFormatError(f"it is {len(data)} bytes and claims to unpack to {size}")


class _TransformerNet:
    """Builds the example's TransformerNet in `graph`, taking each weight by its name."""

    def __init__(self, weights: dict[str, FloatArray], graph: GraphBuilder) -> None:
        self._weights = weights
        self.graph = graph
        self.blocks = len({found[1] for name in weights if (found := re.match(r"res(\d+)\.", name))})
        self._channels = 3

    def build(self) -> None:
        """Add all layers from `image` to `styled`."""
        value = self.graph.add_input(BYTES)
        for number, stride in ((1, 1), (2, 2), (3, 2)):
            value = self._layer(value, f"conv{number}", f"in{number}", stride)
        for number in range(1, self.blocks + 1):
            inner = self._layer(value, f"res{number}.conv1", f"res{number}.in1")
            inner = self._norm(self._convolution(inner, f"res{number}.conv2"), f"res{number}.in2")
            value = self.graph.node("Add", [inner, value])
        for number in (1, 2):
            value = self._layer(self.graph.upsample_nearest(value, 2), f"deconv{number}", f"in{number + 3}")
        value = self._convolution(value, "deconv3")
        if self._channels != 3:
            raise ModelFormatError(f"it ends in {self._channels} channels; a style network ends in 3")
        if self._weights:
            raise ModelFormatError(
                f"it is another network than fast-neural-style's: it has {min(self._weights)[:80]!r}"
            )
        self.graph.add_output(value, BYTES)

    def _layer(self, value: str, convolution: str, norm: str, stride: int = 1) -> str:
        return self.graph.node("Relu", [self._norm(self._convolution(value, convolution, stride), norm)])

    def _convolution(self, value: str, name: str, stride: int = 1) -> str:
        weight = self._take(f"{name}.conv2d.weight", 4)
        outputs, inputs, height, width = weight.shape
        if inputs != self._channels or height != width or height % 2 == 0:
            raise _wrong_shape(f"{name}.conv2d.weight", weight, f"{self._channels} channels and an odd, square kernel")
        self._channels = outputs
        pad = height // 2
        padded = self.graph.pad(value, pad, pad, pad, pad, "reflect") if pad else value
        return self.graph.convolution(padded, weight, self._take(f"{name}.conv2d.bias", 1), (stride, stride))

    def _norm(self, value: str, name: str) -> str:
        weight, bias = self._take(f"{name}.weight", 1), self._take(f"{name}.bias", 1)
        return self.graph.instance_norm(value, weight, bias, _EPSILON)

    def _take(self, name: str, dims: int) -> FloatArray:
        array = self._weights.pop(name, None)
        if array is None:
            raise ModelFormatError(f"it is another network than fast-neural-style's: it has no weight {name!r}")
        if array.ndim != dims or not array.size or (dims == 1 and len(array) != self._channels):
            raise _wrong_shape(name, array, f"{self._channels} channels")
        return array


def _wrong_shape(name: str, array: FloatArray, expected: str) -> ModelFormatError:
    return ModelFormatError(f"its weight {name!r} is {format_shape(array.shape)}, which does not fit {expected}")
