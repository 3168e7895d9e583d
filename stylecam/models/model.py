"""The model contract: a style network as a self-describing ONNX file.

Inputs: `image` 1×3×H×W float32 RGB 0..1 (H and W multiples of 8, or of what the metadata's `alignment` says); in a bank
`style` 1×N float32 weights, one a style or, where the metadata's `stroke_scales` names two sizes of strokes, two in
turn: fine and broad; optionally `grain` 1×C×H/8×W/8 float32, the map of `stylecam.models.grain`, with the
deviations in the metadata's `grain_deviations`. Output: `styled`, like `image`. Style names, licence and the paintings
are in the metadata too.

A network that measures a picture instead of painting it (where the person is, where faces are) has the input `image` of
one fixed size and one output of a fixed shape, whatever its name.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from stylecam.errors import ModelFormatError
from stylecam.models.brush import LARGEST_SIDE, StrokeScales, rows_of
from stylecam.models.grain import CELL_SIZE, MAX_DEVIATION
from stylecam.models.onnx import proto, wire
from stylecam.models.onnx.proto import Dims, FloatArray
from stylecam.models.onnx.wire import WireError
from stylecam.models.tier import LEAN, TIER_KEY, TIERS
from stylecam.utils.text import format_shape, printable

DEVIATIONS_KEY, ALIGNMENT_KEY, STROKES_KEY = "grain_deviations", "alignment", "stroke_scales"
ALIGNMENTS = ("8", "16")
MAX_FILE_BYTES = 512 * 2**20
_MAX_GRAPH_FIELDS = 50_000
"""Nodes, weights and inputs together; style networks have a few hundred."""
_MAX_STYLES = 4096
_MAX_GRAIN_CHANNELS = 64
_MAX_STROKE_SCALE = 16_384


@dataclass(frozen=True)
class Model:
    """A style network that follows the model contract, parsed but not loaded into an engine.

    Attributes:
        path: the file.
        data: the file's bytes.
        style_count: the number of styles.
        has_style_input: whether it is a bank.
        metadata: the ONNX metadata properties.
        key: a short digest of the bytes, the same for the same network in any place.
        grain_channels: C of the `grain` input; 0 when there is none.
        grain_deviations: of each channel of the grain, see `grain_map`; empty for the default.
        alignment: what width and height of the input are multiples of.
        tier: `lean` or `rich`, see `stylecam.models.tier`.
        stroke_scales: of a bank with two rows a style; None where the strokes have one size.
        output: the name of the output.
        measures: the shape of the output of a network that measures instead of painting; None for one that paints.
        bank: of a network that paints two styles in one picture: the bank it was made from, see
            `stylecam.models.rewrite.two_styles`; None for any other.
        body: of a bank in row form (`stylecam.models.rewrite.row_input`): the digest of the network without its styles.
        row_data: of a bank in row form: the rows of its styles, float32, styles × sizes of strokes × R values. None for
            a network that holds its styles itself.
        row_lengths: of a bank in row form: how many values each of its norm parameters has; together R.
        own_count: how many of its styles, the last ones, are own styles of the user (`stylecam.models.own_bank`).
    """

    path: Path
    data: bytes = field(repr=False)
    style_count: int
    has_style_input: bool
    metadata: dict[str, str] = field(repr=False)
    key: str
    grain_channels: int = 0
    grain_deviations: tuple[float, ...] = ()
    alignment: int = CELL_SIZE
    output: str = "styled"
    measures: tuple[int, ...] | None = None
    tier: str = LEAN
    stroke_scales: StrokeScales | None = None
    bank: Model | None = field(default=None, repr=False)
    body: str = ""
    row_data: bytes | None = field(default=None, repr=False)
    row_lengths: tuple[int, ...] = ()
    own_count: int = 0

    @classmethod
    def read(cls, path: Path) -> Model:
        """Read and check the file `path`.

        Raises:
            ModelFormatError: unreadable, not ONNX, or against the contract; the message says what and where.
        """
        return cls.parse(path, read_model_file(path))

    @classmethod
    def parse(cls, path: Path, data: bytes) -> Model:
        """Check `data`, the present or future content of the file `path`, as `read` does."""
        inputs, outputs, metadata = _read_parts(path, data)
        has_style, row_count, grain_channels = _check_contract(path, inputs, outputs)
        deviations = _read_deviations(path, metadata, grain_channels)
        alignment = int(_read_word(path, metadata, ALIGNMENT_KEY, ALIGNMENTS, str(CELL_SIZE)))
        tier = _read_word(path, metadata, TIER_KEY, TIERS, LEAN)
        scales = _read_stroke_scales(path, metadata, row_count)
        return cls(
            path, data, row_count // 2 if scales else row_count, has_style, metadata, _key(data), grain_channels,
            deviations, alignment, tier=tier, stroke_scales=scales,
        )  # fmt: skip

    @classmethod
    def read_measuring(cls, path: Path) -> Model:
        """Read the file `path` of a network that measures: a fixed `image`, and one output of a fixed shape.

        Raises:
            ModelFormatError: unreadable, not ONNX, or of another form; the message says what and where.
        """
        data = read_model_file(path)
        inputs, outputs, metadata = _read_parts(path, data)
        image, shapes = inputs.get("image", ()), list(outputs.values())
        if len(inputs) != 1 or len(shapes) != 1 or len(image) != 4 or None in (*image, *shapes[0]) or not shapes[0]:
            raise ModelFormatError(
                f"{path} is not a network that measures pictures: it needs one input 'image' 1×3×H×W and one output, "
                f"both of a fixed shape; install stylecam again"
            )
        shape = tuple(length for length in shapes[0] if length is not None)
        return cls(path, data, 1, False, metadata, _key(data), output=next(iter(outputs)), measures=shape)

    @property
    def base(self) -> Model:
        """The network in the file: `bank` of a network of two styles, and any other itself."""
        return self.bank or self

    @property
    def takes_mask(self) -> bool:
        """Whether it paints one style on the person and another in the room, by its input `mask`."""
        return self.bank is not None

    def one_hot(self, index: int = 0) -> tuple[float, ...]:
        """Return the style weights that select the style `index` alone; of two styles, for both."""
        weights = tuple(float(i == index) for i in range(self.style_count))
        return weights * 2 if self.takes_mask else weights

    @property
    def row_count(self) -> int:
        """The number of rows: one a style, or two where there are two sizes of strokes."""
        return self.style_count * (2 if self.stroke_scales else 1)

    @property
    def style_length(self) -> int:
        """The number of values that the input `style` takes."""
        if self.row_data is None:
            return self.row_count
        return sum(self.row_lengths) * (2 if self.takes_mask else 1)

    @property
    def row_matrix(self) -> FloatArray:
        """The rows of a bank in row form: `row_count`×R float32, those of a style one after the other."""
        assert self.row_data is not None
        return np.frombuffer(self.row_data, "<f4").reshape(self.row_count, -1)

    def values(self, weights: Sequence[float]) -> FloatArray:
        """Return what the `weights` of the styles stand for, as a vector on which one style moves to another.

        These are the weighted sums of the styles' rows where the bank is in row form, and the weights themselves in any
        other network. A network of two styles takes the weights of the person, then those of the room.
        """
        given = np.asarray(weights, np.float32)
        if self.row_data is None:
            return given
        styles = self.row_matrix.reshape(self.style_count, -1)
        sides = given.reshape(-1, self.style_count)
        mixed: FloatArray = np.einsum("sn,nv->sv", sides, styles)  # no BLAS, whose threads would wake up for this
        return mixed.reshape(-1)

    def style_input(self, values: FloatArray, short_side: int, brush: float = 1.0) -> FloatArray:
        """Return the vector for the input `style` that `values` (see there) stand for.

        `short_side` is that of the picture to paint, in pixels, and `brush` a factor of its strokes (see
        `stylecam.models.brush`); both count only in a bank with two rows a style.
        """
        share = None if self.stroke_scales is None else self.stroke_scales.broad_share(short_side, brush)
        if self.row_data is None:
            return values if share is None else np.asarray(rows_of(values.tolist(), share), np.float32)
        sides: FloatArray = values.reshape(2 if self.takes_mask else 1, -1)
        if share is not None:
            fine, broad = np.split(sides, 2, axis=1)
            sides = fine * np.float32(1 - share) + broad * np.float32(share)
        if self.takes_mask:
            person, room = sides
            return np.concatenate([room, person - room])
        return sides.reshape(-1)

    def rows(self, weights: Sequence[float], short_side: int, brush: float = 1.0) -> FloatArray:
        """Return the vector for the input `style` for the `weights` of the styles, see `values` and `style_input`."""
        return self.style_input(self.values(weights), short_side, brush)

    @property
    def has_brush(self) -> bool:
        """Whether it can paint with larger strokes than usual, see `stylecam.models.brush`."""
        return self.stroke_scales is not None or not self.has_style_input

    def largest_side(self, short_side: int, brush: float) -> float:
        """Return the short side, in pixels, of the largest picture with strokes as large as `brush` wants.

        `short_side` is that of the published picture. A network of one style has no other way to paint with larger
        strokes than to paint a smaller picture. A bank of one size of strokes keeps it.
        """
        if self.stroke_scales is not None:
            return LARGEST_SIDE / brush
        return short_side if self.has_style_input else short_side / max(1.0, brush)

    def output_shape(self, width: int, height: int) -> tuple[int, ...]:
        """Return the shape of the output for an image of `width`×`height` pixels."""
        return self.measures or (1, 3, height, width)

    def with_input_size(self, width: int, height: int) -> bytes:
        """Return the file's bytes with the inputs fixed to an image of `width`×`height` pixels.

        OpenCV 4.x loads a bank only with a fixed input size; OpenCV 5 and ONNX Runtime take both.
        """
        fixed = {
            name: wire.encode(proto.GRAPH_INPUT, proto.encode_value_info(name, shape))
            for name, shape in (
                ("image", (1, 3, height, width)),
                ("grain", (1, self.grain_channels, height // CELL_SIZE, width // CELL_SIZE)),
                ("mask", (1, 1, height, width)),
            )
        }
        view = memoryview(self.data)
        pieces: list[bytes | memoryview] = []
        for top in wire.fields(view):
            if top.number != proto.MODEL_GRAPH:
                pieces.append(view[top.start : top.end])
                continue
            graph = b"".join(
                fixed.get(proto.value_info_name(part), view[part.start : part.end])
                if part.number == proto.GRAPH_INPUT
                else view[part.start : part.end]
                for part in top.fields()
            )
            pieces.append(wire.encode(proto.MODEL_GRAPH, graph))
        return b"".join(pieces)

    def with_metadata(self, metadata: Mapping[str, str]) -> bytes:
        """Return the file's bytes with `metadata` in place of its own; the network stays byte for byte."""
        return proto.replace_metadata(self.data, metadata)


def _key(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


def _read_parts(path: Path, data: bytes) -> tuple[dict[str, Dims], dict[str, Dims], dict[str, str]]:
    """Return the shapes of the inputs and of the outputs by name, and the metadata, or raise."""
    try:
        inputs, outputs = _read_signature(data)
        metadata = proto.read_metadata(data)
        external = proto.find_external_data(data)
    except WireError as error:
        raise ModelFormatError(
            f"{path} is not an ONNX file, or a damaged one: {error} at byte {error.offset}; download it again"
        ) from error
    if external is not None:  # engines would open whatever file it names, and OpenCV crashes
        raise ModelFormatError(
            f"{path} keeps the values of {printable(external)!r} in another file; save it again as one file"
        )
    return inputs, outputs, metadata


def _read_deviations(path: Path, metadata: Mapping[str, str], channels: int) -> tuple[float, ...]:
    text = metadata.get(DEVIATIONS_KEY, "")
    try:
        deviations = tuple(map(float, text.split()))
    except ValueError:
        deviations = (math.nan,)
    if deviations and (len(deviations) != channels or not all(0.1 <= one <= MAX_DEVIATION for one in deviations)):
        raise ModelFormatError(
            f"{path}: its metadata '{DEVIATIONS_KEY}' must be {channels} numbers from 0.1 to {MAX_DEVIATION:g}, one a "
            f"channel of the grain, not {text[:100]!r}"
        )
    return deviations


def _read_stroke_scales(path: Path, metadata: Mapping[str, str], row_count: int) -> StrokeScales | None:
    text = metadata.get(STROKES_KEY)
    if text is None:
        return None
    try:
        fine, broad = map(float, text.split())
    except ValueError:
        fine, broad = math.nan, math.nan
    if not 1 <= fine < broad <= _MAX_STROKE_SCALE:
        raise ModelFormatError(
            f"{path}: its metadata '{STROKES_KEY}' must be two sizes in pixels, the smaller first, not {text[:100]!r}"
        )
    if row_count % 2:
        raise ModelFormatError(f"{path}: its input 'style' takes {row_count} rows, and two sizes of strokes need pairs")
    return StrokeScales(fine, broad)


def _read_word(path: Path, metadata: Mapping[str, str], key: str, allowed: Sequence[str], default: str) -> str:
    text = metadata.get(key, default)
    if text not in allowed:
        raise ModelFormatError(f"{path}: its metadata '{key}' must be one of {', '.join(allowed)}, not {text[:100]!r}")
    return text


def read_model_file(path: Path) -> bytes:
    """Return the content of `path`, whatever its format.

    Raises:
        ModelFormatError: missing, unreadable, empty, not a regular file (a pipe might never end), or too large.
    """
    try:
        if path.exists() and not path.is_file():
            raise ModelFormatError(f"{path} cannot be read: it is not a regular file")
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ModelFormatError(f"{path} is larger than {MAX_FILE_BYTES >> 20} MB; a style network is smaller")
        data = path.read_bytes()
    except OSError as error:
        raise ModelFormatError(f"{path} cannot be read: {error.strerror or error}") from error
    if not data:
        raise ModelFormatError(f"{path} is empty; download or copy it again")
    return data


def _read_signature(data: bytes) -> tuple[dict[str, Dims], dict[str, Dims]]:
    """Return the shapes of the graph's inputs and outputs by name."""
    inputs: dict[str, Dims] = {}
    outputs: dict[str, Dims] = {}
    initializers: set[str] = set()
    has_nodes = False
    for count, part in enumerate(proto.graph_fields(data)):
        if count > _MAX_GRAPH_FIELDS:
            raise WireError(f"more than {_MAX_GRAPH_FIELDS} parts; a style network has far fewer", part.start)
        if part.number == proto.GRAPH_NODE:
            has_nodes = True
        elif part.number == proto.GRAPH_INITIALIZER:
            name, _ = proto.read_tensor_header(part.data, part.end - len(part.data))
            initializers.add(name)
        elif part.number in (proto.GRAPH_INPUT, proto.GRAPH_OUTPUT):
            values = inputs if part.number == proto.GRAPH_INPUT else outputs
            values[proto.value_info_name(part)] = proto.value_info_dims(part)
    if not has_nodes:
        raise WireError("no network in it", 0)
    # Old exporters list the weights among the inputs.
    return {name: dims for name, dims in inputs.items() if name not in initializers}, outputs


def _check_contract(path: Path, inputs: dict[str, Dims], outputs: dict[str, Dims]) -> tuple[bool, int, int]:
    """Return whether there is a `style` input, the number of styles and of grain channels, or raise."""
    advice = (
        "stylecam needs input 'image' 1×3×H×W (and 'style' 1×N for a bank, optionally 'grain' 1×C×H/8×W/8) "
        "and output 'styled'"
    )
    image = inputs.get("image")
    if image is None or "styled" not in outputs:
        found = f"inputs {', '.join(map(repr, inputs)) or 'none'}, outputs {', '.join(map(repr, outputs)) or 'none'}"
        raise ModelFormatError(f"{path} is a network of another form ({found}); {advice}")
    if len(image) != 4 or image[1] not in (3, None) or any(inputs.keys() - {"image", "style", "grain"}):
        raise ModelFormatError(f"{path}: its input 'image' has shape {format_shape(image) or 'unknown'}; {advice}")
    grain = inputs.get("grain", (1, 0, None, None))
    channels = grain[1] if len(grain) == 4 else None
    if channels is None or channels > _MAX_GRAIN_CHANNELS or ("grain" in inputs and not channels):
        raise ModelFormatError(f"{path}: its input 'grain' has shape {format_shape(grain) or 'unknown'}; {advice}")
    if "style" not in inputs:
        return False, 1, channels
    weights = inputs["style"]
    count = weights[1] if len(weights) == 2 else None
    if count is None or not 1 <= count <= _MAX_STYLES:
        raise ModelFormatError(f"{path}: its input 'style' has shape {format_shape(weights) or 'unknown'}; {advice}")
    return True, count, channels
