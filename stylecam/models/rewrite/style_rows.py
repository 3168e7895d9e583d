"""Take the styles of a bank apart from its body, or put some of the styles of banks with one body together.

A style of a bank is one row, or two for two sizes of strokes, in each of its matrices of norm scales and shifts
(Dumoulin et al. 2017), which the weights in `style` mix; the body is all the rest. Banks that were trained with a
frozen body differ by their rows alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

import numpy as np

from stylecam.models.card import card_entries, read_cards
from stylecam.models.model import ALIGNMENT_KEY, DEVIATIONS_KEY, STROKES_KEY, Model
from stylecam.models.onnx import proto, wire
from stylecam.models.onnx.proto import GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_NODE, FloatArray, Node
from stylecam.models.onnx.wire import Field, WireError
from stylecam.models.tier import TIER_KEY

STYLE = "style"
"""The name of the input of a bank that its styles are mixed by."""
_BODY_KEYS = (TIER_KEY, ALIGNMENT_KEY, DEVIATIONS_KEY, STROKES_KEY)
"""The metadata that belongs to the body."""


@dataclass(frozen=True)
class StyleRows:
    """The rows of a bank's styles, apart from its body.

    Attributes:
        model: the bank.
        body: a digest of everything but the rows; banks with the same one can be put together.
        rows: name to matrices, styles × sizes of strokes × channels, in the order in which the graph uses them.
        mixed: name to the name of what the graph computes with it: the mix of its rows.
        body_parts: the fields of the graph that belong to the body.
    """

    model: Model
    body: str
    rows: dict[str, FloatArray] = field(repr=False)
    mixed: dict[str, str] = field(repr=False)
    body_parts: list[Field] = field(repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the matrices in the order of the graph, which is their order in a row vector."""
        return tuple(self.rows)

    @property
    def vectors(self) -> FloatArray:
        """All rows of each style, one matrix's after the other's: styles × sizes of strokes × values."""
        return np.concatenate(list(self.rows.values()), axis=-1)

    def split(self, vectors: FloatArray) -> dict[str, FloatArray]:
        """Return the rows of each matrix by its name, … × channels, of `vectors`, … × values.

        Raises:
            ValueError: the vectors are not as long as those of this bank.
        """
        ends = list(accumulate(matrix.shape[-1] for matrix in self.rows.values()))
        if vectors.shape[-1] != ends[-1]:
            raise ValueError(f"row vectors of this bank have {ends[-1]} values, not {vectors.shape[-1]}")
        return dict(zip(self.names, np.split(vectors, ends[:-1], axis=-1), strict=True))

    @classmethod
    def read(cls, model: Model) -> StyleRows | None:
        """Return the rows of `model`, or None where it is no bank, or one whose styles are no rows that can be read."""
        try:
            return cls._read(model) if model.has_style_input else None
        except WireError:  # damaged where `Model` does not look; the engine that loads it says so
            return None

    @classmethod
    def _read(cls, model: Model) -> StyleRows | None:
        parts = list(proto.graph_fields(model.data))
        mixed, others = dict[str, str](), set[str]()
        kept: list[Field] = []
        body = hashlib.sha256(repr([model.metadata.get(key) for key in _BODY_KEYS]).encode())
        for part in parts:
            if part.number != GRAPH_NODE:
                continue
            body.update(part.data)
            inputs = proto.node_inputs(part)
            if STYLE not in inputs:
                others.update(inputs)
                kept.append(part)
                continue
            node = Node.parse(part.data)
            is_product = node.op_type == "MatMul" and len(inputs) == 2 and len(node.outputs) == 1
            if not is_product or inputs[0] != STYLE or inputs[1] in mixed:
                return None
            mixed[inputs[1]] = node.outputs[0]
        if not mixed or others & mixed.keys():
            return None
        rows: dict[str, FloatArray] = {}
        for part in parts:
            if part.number == GRAPH_INITIALIZER:
                name, _ = proto.read_tensor_header(part.data)
                if name in mixed:
                    values = proto.read_float_tensor(part.data)
                    if values is None or values.ndim != 2 or len(values) != model.row_count:
                        return None
                    rows[name] = values.reshape(model.style_count, -1, values.shape[1])
                    continue
                body.update(part.data)
            if part.number != GRAPH_NODE and not (part.number == GRAPH_INPUT and proto.value_info_name(part) == STYLE):
                kept.append(part)
        if rows.keys() != mixed.keys():
            return None
        return cls(model, body.hexdigest(), {name: rows[name] for name in mixed}, mixed, kept)


def bank_of_rows(path: Path, styles: Sequence[tuple[StyleRows, int]]) -> Model:
    """Return a bank of these styles, each given by its bank and its index there, as the content of the file `path`.

    The banks must have one body. Each style keeps its card and its licence; all other metadata is that of the first
    bank. No two of the styles may have one name, unless nobody reads the cards.

    Raises:
        ModelFormatError: the metadata of a bank is invalid.
    """
    first = styles[0][0]
    rows = {name: np.concatenate([bank.rows[name][index] for bank, index in styles]) for name in first.rows}
    row_count = len(next(iter(rows.values())))
    pieces: list[bytes | memoryview] = []
    view = memoryview(first.model.data)
    for top in wire.fields(view):
        if top.number != proto.MODEL_GRAPH:
            pieces.append(view[top.start : top.end])
            continue
        graph: list[bytes | memoryview] = []
        for part in top.fields():
            encoded: bytes | memoryview = view[part.start : part.end]
            if part.number == GRAPH_INPUT and proto.value_info_name(part) == STYLE:
                encoded = wire.encode(GRAPH_INPUT, proto.encode_value_info(STYLE, (1, row_count)))
            elif part.number == GRAPH_INITIALIZER:
                name, _ = proto.read_tensor_header(part.data)
                if name in rows:
                    encoded = wire.encode(GRAPH_INITIALIZER, proto.encode_tensor(name, rows[name]))
            graph.append(encoded)
        pieces.append(wire.encode(proto.MODEL_GRAPH, b"".join(graph)))
    entries = [
        {"licence": read_cards(bank.model)[index].licence, **card_entries(bank.model)[index]} for bank, index in styles
    ]
    metadata = {**first.model.metadata, "styles": json.dumps(entries, ensure_ascii=False)}
    return Model.parse(path, proto.replace_metadata(b"".join(pieces), metadata))
