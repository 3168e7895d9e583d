"""Rewrite a bank to take the mixed rows of its styles as input, so that styles come and go without a new network.

A bank mixes the rows of its styles itself: for each matrix of rows it multiplies the weights in `style` by it. In row
form the input `style` is the result, 1×R: the mixed rows of all matrices one after the other (`StyleRows.vectors`),
which one Split hands out. What is left is the body. Banks with one body are one network then, whatever their styles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from stylecam.models.model import Model
from stylecam.models.onnx import proto, wire
from stylecam.models.onnx.proto import GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_NODE, Node
from stylecam.models.rewrite.style_rows import STYLE, StyleRows

LENGTHS = "style.lengths"
"""The name of the constant that tells the Split how long each part is."""
_KEY_LENGTH = 12


def row_form(model: Model) -> Model:
    """Return the bank `model` in row form, with its styles in `row_data`; any other network as it is.

    Its `key` is that of the body, so it is the same for all banks with this body.
    """
    bank = None if model.row_data is not None else StyleRows.read(model)
    if bank is None:
        return model
    lengths = tuple(bank.rows[name].shape[-1] for name in bank.names)
    view = memoryview(model.data)
    graph: list[bytes | memoryview] = [
        wire.encode(GRAPH_INPUT, proto.encode_value_info(STYLE, (1, sum(lengths)))),
        wire.encode(GRAPH_INITIALIZER, proto.encode_int_tensor(LENGTHS, lengths)),
        wire.encode(GRAPH_NODE, split(list(bank.mixed.values()))),
        *(view[part.start : part.end] for part in bank.body_parts),
    ]
    others = [view[top.start : top.end] for top in wire.fields(view) if top.number != proto.MODEL_GRAPH]
    header = wire.encode_header(proto.MODEL_GRAPH, sum(map(len, graph)))
    data = b"".join([*others, header, *graph])  # copied once: it takes part in every start
    vectors = np.ascontiguousarray(bank.vectors, "<f4")
    return replace(
        model, data=data, key=bank.body[:_KEY_LENGTH], body=bank.body, row_data=vectors.tobytes(), row_lengths=lengths
    )


def split(parts: Sequence[str]) -> bytes:
    """Return the node that cuts `style` into `parts`."""
    return Node("Split", (STYLE, LENGTHS), tuple(parts), {"axis": 1}).encode()
