"""Rewrite a style network as a server runs it: pictures of any size come and go as uint8, a quarter of float32's bytes.

Inputs of the rewritten network: `picture` 1×H×W×3 uint8 BGR, `style` and `grain` as before, and `person` 1×1×H×W uint8
in place of `mask`, 255 on the person. Output: `painted` 1×H×W×3 uint8 BGR.
"""

from __future__ import annotations

import numpy as np

from stylecam.models.model import Model
from stylecam.models.onnx import proto, wire
from stylecam.models.onnx.proto import (
    FLOAT,
    GRAPH_INITIALIZER,
    GRAPH_INPUT,
    GRAPH_NODE,
    GRAPH_OUTPUT,
    UINT8,
    FloatArray,
    Node,
)

PICTURE, PERSON, PAINTED = "picture", "person", "painted"
"""The names of inputs and output that take the places of `image`, `mask` and `styled`."""
_PICTURE_DIMS = (1, "height", "width", 3)
_BGR_OF_RGB: FloatArray = np.eye(3, dtype=np.float32)[::-1, :, None, None]
"""A 1×1 convolution that turns RGB into BGR, and back."""


def server_form(model: Model) -> bytes:
    """Return the ONNX file of `model`, a network that paints, in the form for a server."""
    before = [
        Node("Transpose", (PICTURE,), ("server.planes",), {"perm": (0, 3, 1, 2)}),
        Node("Cast", ("server.planes",), ("server.levels",), {"to": FLOAT}),
        Node("Conv", ("server.levels", "server.to_rgb"), ("image",)),
    ]
    after = [
        Node("Conv", ("styled", "server.to_bgr", "server.half"), ("server.painted",)),
        Node("Max", ("server.painted", "server.least"), ("server.not_less",)),
        Node("Min", ("server.not_less", "server.most"), ("server.not_more",)),
        Node("Cast", ("server.not_more",), ("server.bytes",), {"to": UINT8}),  # truncates, so half a level was added
        Node("Transpose", ("server.bytes",), (PAINTED,), {"perm": (0, 2, 3, 1)}),
    ]
    constants = {
        "server.to_rgb": _BGR_OF_RGB / np.float32(255),
        "server.to_bgr": _BGR_OF_RGB * np.float32(255),
        "server.half": np.full(3, 0.5, np.float32),
        "server.least": np.zeros(1, np.float32),
        "server.most": np.full(1, 255, np.float32),
    }
    inputs = {"image": proto.encode_value_info(PICTURE, _PICTURE_DIMS, UINT8)}
    if model.takes_mask:
        before += [
            Node("Cast", (PERSON,), ("server.person",), {"to": FLOAT}),
            Node("Mul", ("server.person", "server.level"), ("mask",)),
        ]
        constants["server.level"] = np.full(1, 1 / 255, np.float32)
        inputs["mask"] = proto.encode_value_info(PERSON, (1, 1, "height", "width"), UINT8)
    return _encode(model.data, before, after, constants, inputs)


def _encode(
    data: bytes, before: list[Node], after: list[Node], constants: dict[str, FloatArray], inputs: dict[str, bytes]
) -> bytes:
    """Return the file `data` with the nodes `before` and `after` its own, and with other `inputs` by name."""
    parts = list(proto.graph_fields(data))
    fields = [
        *(wire.encode(GRAPH_NODE, node.encode()) for node in before),
        *(wire.encode(GRAPH_NODE, part.data) for part in parts if part.number == GRAPH_NODE),
        *(wire.encode(GRAPH_NODE, node.encode()) for node in after),
        *(wire.encode(GRAPH_INITIALIZER, proto.encode_tensor(*entry)) for entry in constants.items()),
        *(
            wire.encode(GRAPH_INPUT, inputs.get(proto.value_info_name(part), part.data))
            for part in parts
            if part.number == GRAPH_INPUT
        ),
        wire.encode(GRAPH_OUTPUT, proto.encode_value_info(PAINTED, _PICTURE_DIMS, UINT8)),
    ]
    return proto.replace_graph_fields(data, fields, (GRAPH_NODE, GRAPH_INPUT, GRAPH_OUTPUT))
