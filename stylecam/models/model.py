"""The model contract: a style network as an ONNX file that describes itself.

Input `image` 1×3×H×W float32 RGB 0..1 (H, W multiples of 8), optional inputs `style` 1×N float32 weights (a bank) and
`grain` 1×C×H/8×W/8 float32 (the map of `stylecam.models.grain`), output `styled` like `image`. Names, licence and
painting sit in the file's metadata.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from stylecam.errors import ModelFormatError
from stylecam.models.grain import CELL_SIZE
from stylecam.models.onnx import proto as parts
from stylecam.models.onnx import wire as protobuf
from stylecam.models.onnx.wire import Field, WireError

# Field numbers of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto)
_MODEL_GRAPH, _MODEL_METADATA = 7, 14
_GRAPH_NODE, _GRAPH_INITIALIZER, _GRAPH_INPUT, _GRAPH_OUTPUT = 1, 5, 11, 12
_VALUE_NAME, _VALUE_TYPE, _TYPE_TENSOR, _TENSOR_KIND, _TENSOR_SHAPE = 1, 2, 1, 1, 2
_SHAPE_DIM, _DIM_VALUE = 1, 1
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_INITIALIZER_NAME = 8
_FLOAT = 1

MAX_FILE_BYTES = 512 * 2**20
MOST_PARTS = 50_000
"""Nodes, weights and inputs together; style networks have a few hundred."""
MOST_DIMS = 16
MOST_GRAIN = 64
"""Channels of the `grain` input."""

Dims = tuple[int | None, ...]


@dataclass(frozen=True)
class Model:
    """A style network that keeps the contract, read but not loaded.

    Attributes:
        path: the file.
        data: its bytes.
        styles: N of the `style` input; 1 when there is none.
        grain: C of the `grain` input; 0 when there is none.
        metadata: the ONNX metadata properties.
        key: a short digest of the bytes, the same for the same network wherever it lies.
        statistics_count: how many numbers `styled` holds where it is no picture (1×N×1×1; see
            `stylecam.models.rewrite.freeze_norms`), else 0.
    """

    path: Path
    data: bytes = field(repr=False)
    styles: int
    has_style_input: bool
    metadata: dict[str, str] = field(repr=False)
    key: str
    grain: int = 0
    statistics_count: int = 0

    @classmethod
    def read(cls, path: Path) -> Model:
        """Read and check `path`.

        Raises:
            ModelFormatError: unreadable, not ONNX, or not in the contract's form; the message says which and where.
        """
        return cls.parse(path, read_model_file(path))

    @classmethod
    def parse(cls, path: Path, data: bytes) -> Model:
        """Check `data`, which is in the file `path` or will be.

        Raises:
            ModelFormatError: as `read`.
        """
        try:
            inputs, outputs, metadata = _describe(memoryview(data))
        except WireError as error:
            raise ModelFormatError(
                f"{path} is not an ONNX file, or a damaged one: {error} at byte {error.offset}; get it again"
            ) from error
        has_style, styles, grain = _check_contract(path, inputs, outputs)
        return cls(path, data, styles, has_style, metadata, hashlib.sha256(data).hexdigest()[:12], grain)

    def at(self, width: int, height: int) -> bytes:
        """The file's bytes with the inputs fixed to a picture of `width`×`height`.

        OpenCV 4.x loads a bank only when these are fixed numbers; OpenCV 5 and ONNX Runtime do not mind.
        """
        fixed = {
            name: protobuf.encode(_GRAPH_INPUT, parts.value(name, shape))
            for name, shape in (
                ("image", (1, 3, height, width)),
                ("grain", (1, self.grain, height // CELL_SIZE, width // CELL_SIZE)),
            )
        }
        view = memoryview(self.data)
        pieces: list[bytes | memoryview] = []
        for top in protobuf.fields(view):
            if top.number != _MODEL_GRAPH:
                pieces.append(view[top.start : top.end])
                continue
            base = top.end - len(top.data)
            graph = b"".join(
                fixed.get(_value_name(inner), view[inner.start : inner.end])
                if inner.number == _GRAPH_INPUT
                else view[inner.start : inner.end]
                for inner in protobuf.fields(top.data, base)
            )
            pieces.append(protobuf.encode(_MODEL_GRAPH, graph))
        return b"".join(pieces)

    def with_metadata(self, metadata: Mapping[str, str]) -> bytes:
        """The file's bytes with other metadata; every byte of the network itself is the same."""
        view = memoryview(self.data)
        kept = [bytes(view[top.start : top.end]) for top in protobuf.fields(view) if top.number != _MODEL_METADATA]
        told = [
            protobuf.encode(
                _MODEL_METADATA,
                protobuf.encode(_ENTRY_KEY, key.encode()) + protobuf.encode(_ENTRY_VALUE, value.encode()),
            )
            for key, value in metadata.items()
        ]
        return b"".join([*kept, *told])


def read_model_file(path: Path) -> bytes:
    """All of the file `path`, of whatever format it is.

    Raises:
        ModelFormatError: missing, unreadable, empty, no plain file (a pipe might never end), or too large for a style.
    """
    try:
        if path.exists() and not path.is_file():
            raise ModelFormatError(f"{path} cannot be read: it is no plain file")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ModelFormatError(f"{path} is larger than {MAX_FILE_BYTES >> 20} MB; that is no style network")
        data = path.read_bytes()
    except OSError as error:
        raise ModelFormatError(f"{path} cannot be read: {error.strerror or error}") from error
    if not data:
        raise ModelFormatError(f"{path} is empty; download or copy it again")
    return data


def _describe(data: memoryview) -> tuple[dict[str, Dims], dict[str, Dims], dict[str, str]]:
    inputs: dict[str, Dims] = {}
    outputs: dict[str, Dims] = {}
    metadata: dict[str, str] = {}
    nodes = 0
    for top in protobuf.fields(data):
        if top.number == _MODEL_METADATA:
            entry = {part.number: part.text for part in protobuf.fields(top.data, top.end - len(top.data))}
            metadata[entry.get(_ENTRY_KEY, "")] = entry.get(_ENTRY_VALUE, "")
        elif top.number == _MODEL_GRAPH:
            constants: set[str] = set()
            for count, inner in enumerate(protobuf.fields(top.data, top.end - len(top.data))):
                if count > MOST_PARTS:
                    raise WireError(f"more than {MOST_PARTS} parts; no style network is like that", inner.start)
                base = inner.end - len(inner.data) if isinstance(inner.value, memoryview) else inner.end
                if inner.number == _GRAPH_NODE:
                    nodes += 1
                elif inner.number == _GRAPH_INITIALIZER:
                    constants |= {
                        part.text for part in protobuf.fields(inner.data, base) if part.number == _INITIALIZER_NAME
                    }
                elif inner.number in (_GRAPH_INPUT, _GRAPH_OUTPUT):
                    target = inputs if inner.number == _GRAPH_INPUT else outputs
                    target[_value_name(inner)] = _value_dims(inner)
            for name in constants:  # old exporters list the weights among the inputs
                inputs.pop(name, None)
    if not nodes:
        raise WireError("no network in it", 0)
    return inputs, outputs, metadata


def _value_name(value: Field) -> str:
    names = (part.text for part in protobuf.fields(value.data, value.start) if part.number == _VALUE_NAME)
    return next(names, "")


def _value_dims(value: Field) -> Dims:
    dims: list[int | None] = []
    for kind in protobuf.fields(value.data, value.start):
        if kind.number != _VALUE_TYPE:
            continue
        for tensor in protobuf.fields(kind.data, kind.start):
            if tensor.number != _TYPE_TENSOR:
                continue
            for shape in protobuf.fields(tensor.data, tensor.start):
                if shape.number != _TENSOR_SHAPE:
                    continue
                for dim in islice(protobuf.fields(shape.data, shape.start), MOST_DIMS):
                    size = [part.value for part in protobuf.fields(dim.data, dim.start) if part.number == _DIM_VALUE]
                    dims.append(size[0] if size and isinstance(size[0], int) and size[0] > 0 else None)
    return tuple(dims)


def _check_contract(path: Path, inputs: dict[str, Dims], outputs: dict[str, Dims]) -> tuple[bool, int, int]:
    """Whether there is a `style` input, how many styles, and channels of grain; raises ModelFormatError otherwise."""
    advice = (
        "stylecam needs input 'image' 1×3×H×W (and 'style' 1×N for a bank, 'grain' 1×C×H/8×W/8 where wanted) "
        "and output 'styled'"
    )
    image = inputs.get("image")
    if image is None or "styled" not in outputs:
        found = f"inputs {', '.join(map(repr, inputs)) or 'none'}, outputs {', '.join(map(repr, outputs)) or 'none'}"
        raise ModelFormatError(f"{path} is a network of another form ({found}); {advice}")
    if len(image) != 4 or image[1] not in (3, None) or any(inputs.keys() - {"image", "style", "grain"}):
        raise ModelFormatError(f"{path}: its input 'image' has shape {_shown(image)}; {advice}")
    grain = inputs.get("grain", (1, 0, None, None))
    channels = grain[1] if len(grain) == 4 else None
    if channels is None or channels > MOST_GRAIN or ("grain" in inputs and not channels):
        raise ModelFormatError(f"{path}: its input 'grain' has shape {_shown(grain)}; {advice}")
    if "style" not in inputs:
        return False, 1, channels
    weights = inputs["style"]
    count = weights[1] if len(weights) == 2 else None
    if count is None or not 1 <= count <= 4096:
        raise ModelFormatError(f"{path}: its input 'style' has shape {_shown(weights)}; {advice}")
    return True, count, channels


def _shown(dims: Dims) -> str:
    return "×".join("?" if dim is None else str(dim) for dim in dims) or "unknown"
