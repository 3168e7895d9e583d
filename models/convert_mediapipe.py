"""Convert MediaPipe's networks for person and faces to ONNX: `python models/convert_mediapipe.py FOLDER`.

FOLDER holds the `.tflite` files of the npm packages `@mediapipe/selfie_segmentation` 0.1.1675465747 and
`@mediapipe/face_detection` 0.4.1657300184 (Google, Apache-2.0). The ONNX files go to `models/person`. They compute the
same numbers in NCHW, with weights of float32 and inputs of a fixed size.

It needs: pip install onnx tflite
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

SELFIE, FACE = "selfie_segmentation.tflite", "face_detection_short_range.tflite"
OUTPUT = Path(__file__).parent / "person"
_TYPES = {0: np.float32, 1: np.float16, 2: np.int32}
_ANCHORS = ((16, 2), (8, 6))
"""Of BlazeFace: the cells a side of each map of faces, and the faces a cell."""
Array = Any


class Graph:
    """The ONNX graph of one network, read operator by operator. Tensors of four dimensions become NCHW."""

    def __init__(self, path: Path) -> None:
        """Read the TFLite file `path`."""
        import tflite

        self._codes = {value: name for name, value in vars(tflite.BuiltinOperator).items() if not name.startswith("_")}
        self._tflite = tflite
        self._model = tflite.Model.GetRootAsModel(path.read_bytes(), 0)
        self._graph = self._model.Subgraphs(0)
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.names, self.shapes, self._values = dict[int, str](), dict[int, list[int]](), dict[int, Array]()
        for index in range(self._graph.TensorsLength()):
            tensor = self._graph.Tensors(index)
            self.names[index] = f"t{index}"
            self.shapes[index] = tensor.ShapeAsNumpy().tolist() if tensor.ShapeLength() else []
            buffer = self._model.Buffers(tensor.Buffer())
            if buffer.DataLength():
                self._values[index] = buffer.DataAsNumpy().view(_TYPES[tensor.Type()]).reshape(self.shapes[index])
        self.inputs = self._graph.InputsAsNumpy().tolist()
        self.outputs = self._graph.OutputsAsNumpy().tolist()

    def convert(self) -> None:
        """Convert all operators; `names` may be changed before."""
        for number in range(self._graph.OperatorsLength()):
            operator = self._graph.Operators(number)
            code = self._model.OperatorCodes(operator.OpcodeIndex())
            kind = self._codes[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
            if kind == "CUSTOM":
                kind = code.CustomCode().decode()
            convert = getattr(self, f"_{kind.lower()}", None)
            if convert is None:
                raise SystemExit(f"the operator {kind} is unknown to this program")
            convert(operator, operator.InputsAsNumpy().tolist(), operator.Outputs(0))

    def add(self, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> None:
        """Add a node."""
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))

    def constant(self, values: Array) -> str:
        """Add a constant and return its name."""
        from onnx import numpy_helper

        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def save(self, path: Path, inputs: Sequence[int], outputs: dict[str, Sequence[int]], **metadata: str) -> None:
        """Write the ONNX file `path` with an input `image` of the shape `inputs` and these `outputs`."""
        import onnx
        from onnx import TensorProto, helper

        shapes = {"image": inputs, **outputs}
        first, *rest = (helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name, dims in shapes.items())
        graph = helper.make_graph(self.nodes, path.stem, [first], rest, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
        model.doc_string = f"{metadata['source']}, (c) Google, Apache-2.0; converted by models/convert_mediapipe.py"
        helper.set_model_props(model, {**metadata, "licence": "Apache-2.0", "author": "Google (MediaPipe)"})
        onnx.checker.check_model(model)
        onnx.save(model, path)
        print(f"{path}: {path.stat().st_size} bytes")  # noqa: T201 - the program's output

    def _options(self, operator: Any, kind: str) -> Any:
        options = getattr(self._tflite, kind)()
        table = operator.BuiltinOptions()
        options.Init(table.Bytes, table.Pos)
        return options

    def _with_activation(
        self, activation: int, output: int, kind: str, inputs: Sequence[str], **attributes: Any
    ) -> None:
        name = self.names[output]
        if activation == self._tflite.ActivationFunctionType.RELU:
            self.add(kind, inputs, f"{name}_linear", **attributes)
            self.add("Relu", [f"{name}_linear"], name)
        elif activation == self._tflite.ActivationFunctionType.NONE:
            self.add(kind, inputs, name, **attributes)
        else:
            raise SystemExit(f"the activation {activation} is unknown to this program")

    def _operand(self, index: int) -> str:
        if index not in self._values:
            return self.names[index]
        values = self._values[index].astype(np.float32)
        if values.ndim == 4:
            values = values.transpose(0, 3, 1, 2)
        return self.constant(values.reshape(1, -1, 1, 1) if values.ndim == 1 and values.size > 1 else values)

    def _dequantize(self, operator: Any, inputs: list[int], output: int) -> None:
        self._values[output] = self._values[inputs[0]].astype(np.float32)

    def _conv_2d(self, operator: Any, inputs: list[int], output: int) -> None:
        self._convolution(self._options(operator, "Conv2DOptions"), inputs, output, (0, 3, 1, 2), grouped=False)

    def _depthwise_conv_2d(self, operator: Any, inputs: list[int], output: int) -> None:
        self._convolution(self._options(operator, "DepthwiseConv2DOptions"), inputs, output, (3, 0, 1, 2), grouped=True)

    def _convolution(
        self, options: Any, inputs: list[int], output: int, order: tuple[int, ...], *, grouped: bool
    ) -> None:
        weights = self._values[inputs[1]].astype(np.float32).transpose(order)
        strides, dilations = (
            [options.StrideH(), options.StrideW()],
            [options.DilationHFactor(), options.DilationWFactor()],
        )
        kernel = list(weights.shape[2:])
        attributes: dict[str, Any] = {"kernel_shape": kernel, "strides": strides, "dilations": dilations}
        if options.Padding() == self._tflite.Padding.SAME:
            # OpenCV 5.0 puts the odd pixel of auto_pad=SAME_UPPER on the wrong side, so the pads are written out.
            reach = [(size - 1) * dilation + 1 for size, dilation in zip(kernel, dilations, strict=True)]
            sides = zip(self.shapes[inputs[0]][1:3], reach, strides, strict=True)
            pads = [max((-(-side // stride) - 1) * stride + size - side, 0) for side, size, stride in sides]
            attributes["pads"] = [*(pad // 2 for pad in pads), *(pad - pad // 2 for pad in pads)]
        named = [
            self.names[inputs[0]],
            self.constant(weights),
            self.constant(self._values[inputs[2]].astype(np.float32)),
        ]
        groups = len(weights) if grouped else 1
        self._with_activation(options.FusedActivationFunction(), output, "Conv", named, group=groups, **attributes)

    def _convolution2dtransposebias(self, operator: Any, inputs: list[int], output: int) -> None:
        _, *strides = operator.CustomOptionsAsNumpy().view(np.int32).tolist()[:3]
        weights, bias = (self._values[index].astype(np.float32) for index in inputs[1:3])
        weights = weights.transpose(3, 0, 1, 2)
        named = [self.names[inputs[0]], self.constant(weights), self.constant(bias)]
        self.add("ConvTranspose", named, self.names[output], kernel_shape=list(weights.shape[2:]), strides=strides)

    def _add(self, operator: Any, inputs: list[int], output: int) -> None:
        activation = self._options(operator, "AddOptions").FusedActivationFunction()
        self._with_activation(activation, output, "Add", [self._operand(index) for index in inputs])

    def _mul(self, operator: Any, inputs: list[int], output: int) -> None:
        activation = self._options(operator, "MulOptions").FusedActivationFunction()
        self._with_activation(activation, output, "Mul", [self._operand(index) for index in inputs])

    def _relu(self, operator: Any, inputs: list[int], output: int) -> None:
        self.add("Relu", [self.names[inputs[0]]], self.names[output])

    def _logistic(self, operator: Any, inputs: list[int], output: int) -> None:
        self.add("Sigmoid", [self.names[inputs[0]]], self.names[output])

    def _hard_swish(self, operator: Any, inputs: list[int], output: int) -> None:
        self.add("HardSwish", [self.names[inputs[0]]], self.names[output])

    def _average_pool_2d(self, operator: Any, inputs: list[int], output: int) -> None:
        options = self._options(operator, "Pool2DOptions")
        if [options.FilterHeight(), options.FilterWidth()] != self.shapes[inputs[0]][1:3]:
            raise SystemExit("an average of a part of the picture is unknown to this program")
        self.add("GlobalAveragePool", [self.names[inputs[0]]], self.names[output])

    def _mean(self, operator: Any, inputs: list[int], output: int) -> None:
        if self._values[inputs[1]].tolist() != [1, 2]:
            raise SystemExit("a mean of a part of the picture is unknown to this program")
        self.add("GlobalAveragePool", [self.names[inputs[0]]], self.names[output])

    def _max_pool_2d(self, operator: Any, inputs: list[int], output: int) -> None:
        options = self._options(operator, "Pool2DOptions")
        kernel, strides = [options.FilterHeight(), options.FilterWidth()], [options.StrideH(), options.StrideW()]
        self.add("MaxPool", [self.names[inputs[0]]], self.names[output], kernel_shape=kernel, strides=strides)

    def _resize_bilinear(self, operator: Any, inputs: list[int], output: int) -> None:
        options = self._options(operator, "ResizeBilinearOptions")
        mode = "half_pixel" if options.HalfPixelCenters() else "asymmetric"
        mode = "align_corners" if options.AlignCorners() else mode
        before, after = self.shapes[inputs[0]], self.shapes[output]
        scales = self.constant(np.array([1, 1, after[1] / before[1], after[2] / before[2]], np.float32))
        named = [self.names[inputs[0]], "", scales]
        self.add("Resize", named, self.names[output], mode="linear", coordinate_transformation_mode=mode)

    def _pad(self, operator: Any, inputs: list[int], output: int) -> None:
        first, down, across, channels = self._values[inputs[1]].tolist()
        sides = [[before, after] for before, after in (first, channels, down, across)]
        pads = self.constant(np.array(sides, np.int64).T.reshape(-1))
        self.add("Pad", [self.names[inputs[0]], pads], self.names[output])

    def _reshape(self, operator: Any, inputs: list[int], output: int) -> None:
        name = self.names[output]
        self.add("Transpose", [self.names[inputs[0]]], f"{name}_last", perm=[0, 2, 3, 1])
        self.add("Reshape", [f"{name}_last", self.constant(np.array(self.shapes[output], np.int64))], name)

    def _concatenation(self, operator: Any, inputs: list[int], output: int) -> None:
        self.add("Concat", [self.names[index] for index in inputs], self.names[output], axis=1)


def convert_selfie(path: Path) -> None:
    """Convert the network that finds the person."""
    graph = Graph(path)
    graph.names[graph.inputs[0]], graph.names[graph.outputs[0]] = "image", "mask"
    graph.convert()
    _, height, width, _ = graph.shapes[graph.inputs[0]]
    graph.save(
        OUTPUT / f"selfie_{width}x{height}.onnx",
        (1, 3, height, width),
        {"mask": (1, 1, height, width)},
        source="npm @mediapipe/selfie_segmentation 0.1.1675465747",
        input=f"image 1x3x{height}x{width} float32 RGB 0..1",
        output=f"mask 1x1x{height}x{width} float32 0..1: the person",
    )


def convert_face(path: Path) -> None:
    """Convert the network that finds faces; anchors and sigmoid, which MediaPipe adds in code, become part of it."""
    graph = Graph(path)
    graph.names[graph.inputs[0]] = "scaled"
    graph.add("Mul", ["image", graph.constant(np.array([2], np.float32))], "doubled")
    graph.add("Sub", ["doubled", graph.constant(np.array([1], np.float32))], "scaled")
    graph.convert()
    boxes, scores = (graph.names[index] for index in graph.outputs)
    _, height, width, _ = graph.shapes[graph.inputs[0]]
    _, count, values = graph.shapes[graph.outputs[0]]
    places = [
        ((column + 0.5) / side, (row + 0.5) / side)
        for side, faces in _ANCHORS
        for row in range(side)
        for column in range(side)
        for _ in range(faces)
    ]
    anchors = np.zeros((1, count, values), np.float32)
    anchors[0] = np.tile(np.array(places, np.float32), values // 2)
    anchors[0, :, 2:4] = 0  # width and height have no place
    graph.add("Mul", [boxes, graph.constant(np.array([1 / width], np.float32))], "shares")
    graph.add("Add", ["shares", graph.constant(anchors)], "placed")
    graph.add("Sigmoid", [scores], "score")
    graph.add("Concat", ["placed", "score"], "faces", axis=2)
    graph.save(
        OUTPUT / f"blazeface_{width}x{height}.onnx",
        (1, 3, height, width),
        {"faces": (1, count, values + 1)},
        source="npm @mediapipe/face_detection 0.4.1657300184",
        input=f"image 1x3x{height}x{width} float32 RGB 0..1",
        output=f"faces 1x{count}x{values + 1} float32: middle x, y, width, height, x and y of right eye, left eye, "
        "nose, mouth, right ear, left ear, in shares of the side; score 0..1",
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python models/convert_mediapipe.py FOLDER")
    convert_selfie(Path(sys.argv[1]) / SELFIE)
    convert_face(Path(sys.argv[1]) / FACE)
