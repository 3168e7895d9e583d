"""Tests of the ONNX importer: conventions are detected or given, and the photo comes back unchanged."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from stylecam.errors import ModelFormatError, UsageError
from stylecam.models.importers.base import ImportOptions
from stylecam.models.importers.graph_builder import MAX_WEIGHTS
from stylecam.models.importers.onnx import convert
from stylecam.models.importers.onnx_analysis import OnnxAnalysis
from stylecam.models.model import Model
from tests.models.importers.mutation import mutate
from tests.models.importers.onnx_files import ForeignNetwork, model_zoo_network, nhwc_tanh_network, sigmoid_network
from tests.models.importers.pictures import FloatImage, photo, run_imported

NHWC = (1, 240, 320, 3)


def import_onnx(data: bytes, **options: str) -> tuple[bytes, tuple[str, ...]]:
    candidate = next(convert(data, ImportOptions(**options)))
    return candidate.graph.encode({}, candidate.style_count), candidate.notes


def convert_photo(data: bytes, folder: Path, **options: str) -> tuple[FloatImage, FloatImage]:
    """Return the photo and the imported network's result for it, both RGB 0..1."""
    image = photo(72, 56)
    original = np.asarray(image[:, :, ::-1] / np.float32(255))
    return original, run_imported(import_onnx(data, **options)[0], image, folder)


IDENTITY_NETWORKS: dict[str, tuple[bytes, dict[str, str], str]] = {
    "model zoo": (model_zoo_network().encode(), {}, "0..255, RGB"),
    "any size": (model_zoo_network().encode(("N", 3, "H", "W")), {}, "0..255, RGB"),
    "size unknown": (model_zoo_network().encode((None, 3, None, None)), {}, "0..255, RGB"),
    "named bgr": (model_zoo_network().encode(names=("bgr_in", "out")), {}, "0..255, BGR"),
    "said to be 0..1": (model_zoo_network().encode(), {"color_range": "0..1"}, "0..1, RGB: as requested"),
    "said to be bgr": (model_zoo_network().encode(), {"order": "bgr"}, "0..255, BGR"),
    "said to be caffe": (model_zoo_network().encode(), {"color_range": "caffe"}, "caffe, BGR: as requested"),
    "caffe in rgb": (
        model_zoo_network().encode(),
        {"color_range": "caffe", "order": "rgb"},
        "caffe, RGB: as requested",
    ),
    "said to be resnet": (model_zoo_network().encode(), {"color_range": "resnet"}, "resnet, RGB: as requested"),
    "two ranges": (
        ForeignNetwork().add_convolution(gain=255).encode(),
        {"color_range": "0..1:0..255"},
        "takes 1×3×H×W, 0..1",
    ),
    "channels last": (
        ForeignNetwork().add_transpose(0, 3, 1, 2).add_convolution().add_transpose(0, 2, 3, 1).encode(NHWC),
        {},
        "takes 1×H×W×3",
    ),
    "channels last by turns": (
        ForeignNetwork()
        .add_transpose(0, 3, 1, 2)
        .add_convolution()
        .add_transpose(0, 2, 3, 1)
        .encode((None, None, None, None)),
        {},
        "takes 1×H×W×3",
    ),
    "channels last as said": (
        ForeignNetwork().add_transpose(0, 3, 1, 2).add_convolution().add_transpose(0, 2, 3, 1).encode((1, 3, 3, 3)),
        {"layout": "nhwc"},
        "gives 1×H×W×3",
    ),
    "last in, first out": (
        ForeignNetwork().add_transpose(0, 3, 1, 2).add_convolution().encode(NHWC, (1, 3, 240, 320)),
        {},
        "gives 1×3×H×W",
    ),
    "divided by 255": (
        ForeignNetwork().add_arithmetic("Div", 255).add_convolution(gain=255).encode(),
        {},
        "first layers are Div",
    ),
    "bytes to signed": (
        ForeignNetwork()
        .add_arithmetic("Div", 127.5)
        .add_arithmetic("Sub", 1)
        .add_convolution()
        .add_arithmetic("Add", 1)
        .add_arithmetic("Mul", 127.5)
        .encode(),
        {},
        "takes 1×3×H×W, 0..255, RGB: its first layers are Div, Sub",
    ),
    "unit to signed": (
        ForeignNetwork().add_arithmetic("Mul", 2).add_arithmetic("Sub", 1).add_convolution(0.5, 0.5).encode(),
        {},
        "takes 1×3×H×W, 0..1, RGB: its first",
    ),
    "minus caffe's means": (
        ForeignNetwork()
        .add_arithmetic("Sub", np.reshape([103.9, 116.8, 123.7], (1, 3, 1, 1)))
        .add_convolution()
        .add_arithmetic("Add", np.reshape([103.9, 116.8, 123.7], (1, 3, 1, 1)))
        .encode(),
        {},
        "takes 1×3×H×W, 0..255, BGR: its first layers are Sub",
    ),
    "minus imagenet's means": (
        ForeignNetwork()
        .add_arithmetic("Sub", np.reshape([0.485, 0.456, 0.406], (1, 3, 1, 1)))
        .add_convolution(1, 0.449)
        .encode(),
        {},
        "0..1, RGB",
    ),
}


@pytest.mark.parametrize(("data", "options", "note"), IDENTITY_NETWORKS.values(), ids=IDENTITY_NETWORKS.keys())
def test_a_network_that_changes_nothing_gives_the_photo_back(
    data: bytes, options: dict[str, str], note: str, tmp_path: Path
) -> None:
    original, result = convert_photo(data, tmp_path, **options)
    assert note in "\n".join(import_onnx(data, **options)[1])
    np.testing.assert_allclose(result, original, atol=0.05 if "imagenet" in note or note == "0..1, RGB" else 1e-3)


OUTPUT_LAYERS: dict[str, tuple[ForeignNetwork, str]] = {
    "sigmoid": (sigmoid_network(), "0..1, RGB: its last layers, Sigmoid, make 0..1"),
    "sigmoid in bytes": (
        sigmoid_network().add_arithmetic("Mul", 255),
        "0..255, RGB: its last layers, Sigmoid, Mul, make 0..255",
    ),
    "tanh": (ForeignNetwork().add_convolution().add_node("Tanh"), "-1..1, RGB: its last layers, Tanh, make -1..1"),
    "tanh 150 with shift": (
        ForeignNetwork().add_convolution().add_node("Tanh").add_arithmetic("Mul", 150).add_arithmetic("Add", 127.5),
        "0..255, RGB: its last layers, Tanh, Mul, Add, make -22.5..277.5",
    ),
    "tanh 150": (
        ForeignNetwork().add_convolution().add_node("Tanh").add_arithmetic("Mul", 150),
        "caffe, BGR: its last layers, Tanh, Mul, make -150..150",
    ),
    "tanh halved": (
        ForeignNetwork().add_convolution().add_node("Tanh").add_arithmetic("Add", 1).add_arithmetic("Div", 2),
        "0..1, RGB: its last layers, Tanh, Add, Div, make 0..1",
    ),
    "one minus sigmoid": (
        (lambda net: net.add_node("Sub", first=net.constant(1)))(sigmoid_network()),
        "0..1, RGB: its last layers, Sigmoid, Sub, make 0..1",
    ),
}


@pytest.mark.parametrize(("net", "note"), OUTPUT_LAYERS.values(), ids=OUTPUT_LAYERS.keys())
def test_the_last_layers_determine_the_range(net: ForeignNetwork, note: str) -> None:
    _, notes = import_onnx(net.encode())
    assert note in notes[2]
    assert "like its output" in notes[1]


def test_a_clip_determines_the_range_in_old_and_new_onnx() -> None:
    old = ForeignNetwork(9).add_convolution().add_node("Clip", min=0.0, max=255.0)
    new = ForeignNetwork().add_convolution()
    new.add_node("Clip", new.constant(0), new.constant(255))
    for net in (old, new):
        assert "make 0..255" in import_onnx(net.encode())[1][2]


def test_a_network_with_channels_last_and_tanh_is_detected(tmp_path: Path) -> None:
    data = nhwc_tanh_network().encode(("N", "H", "W", 3))
    original, result = convert_photo(data, tmp_path)
    expected = (np.tanh(5 * np.tanh(0.2 * (2 * original - 1))) + 1) / 2
    np.testing.assert_allclose(result, expected, atol=1e-3)
    assert "1×H×W×3, -1..1" in import_onnx(data)[1][1]


@pytest.mark.parametrize("opset", [8, 9, 11, 13, 17])
def test_old_and_new_onnx_versions_are_converted(opset: int, tmp_path: Path) -> None:
    original, result = convert_photo(ForeignNetwork(opset).add_convolution().encode(), tmp_path)
    np.testing.assert_allclose(result, original, atol=1e-3)


def test_weights_listed_among_the_inputs_are_not_inputs(tmp_path: Path) -> None:
    net = model_zoo_network()
    data = net.encode(extra_inputs=[(net.weights[0].name, (3, 3, 1, 1)), (net.weights[1].name, (3,))])
    original, result = convert_photo(data, tmp_path)
    np.testing.assert_allclose(result, original, atol=1e-3)


def test_names_of_the_model_contract_may_be_used_otherwise(tmp_path: Path) -> None:
    original, result = convert_photo(model_zoo_network().encode(names=("styled", "image")), tmp_path)
    np.testing.assert_allclose(result, original, atol=1e-3)


@pytest.mark.parametrize("dims", [(2,), (1, 2)])
def test_a_bank_keeps_its_style_weights(dims: tuple[int, ...], tmp_path: Path) -> None:
    net = ForeignNetwork().add_convolution()
    weights = "weights"
    if len(dims) == 2:
        net.nodes.append(helper.make_node("Reshape", ["weights", net.constant([2], np.int64)], ["flat"]))
        weights = "flat"
    table = net.constant([[1.0], [0.5]])
    net.nodes.append(helper.make_node("Reshape", [weights, net.constant([1, 2], np.int64)], ["row"]))
    net.nodes.append(helper.make_node("MatMul", ["row", table], ["dimmed"]))
    net.nodes.append(helper.make_node("Reshape", ["dimmed", net.constant([1, 1, 1, 1], np.int64)], ["shaped"]))
    data, _ = import_onnx(net.add_node("Mul", "shaped").encode(extra_inputs=[("weights", dims)]))
    image = photo(72, 56)
    full, half = (run_imported(data, image, tmp_path, weights) for weights in ((1.0, 0.0), (0.0, 1.0)))
    np.testing.assert_allclose(half, full / 2, atol=1e-3)
    path = tmp_path / "bank.onnx"
    path.write_bytes(data)
    assert Model.read(path).style_count == 2


def reference(data: bytes, image: Any) -> FloatImage:
    """Return the result of ONNX's reference evaluator for the unimported network; RGB 0..1."""
    from onnx.reference import ReferenceEvaluator

    tensor = np.ascontiguousarray(image[:, :, ::-1].transpose(2, 0, 1)[None], np.float32)
    (result,) = ReferenceEvaluator(onnx.load_from_string(data)).run(None, {"picture": tensor})
    return np.asarray((result[0].transpose(1, 2, 0) / 255).clip(0, 1), np.float32)


@pytest.mark.parametrize("opset", [9, 13])
@pytest.mark.parametrize(
    "ends",
    [{"pads": [0, 0, 1, 1]}, {"pads": [1, 1, 0, 0]}, {"pads": [1, 1, 1, 1], "output_padding": [1, 1]}],
    ids=["far", "near", "both"],
)
def test_uneven_pads_of_a_transposed_convolution_are_kept(ends: dict[str, Any], opset: int, tmp_path: Path) -> None:
    """TensorFlow exports them; OpenCV 4.14 returns a picture of another size for them."""
    random = np.random.default_rng(3)
    net = ForeignNetwork(opset)
    down, up = (net.constant(random.uniform(0, 0.07, (3, 3, 3, 3))) for _ in range(2))
    net.add_node("Conv", down, kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 1, 1])
    net.add_node("ConvTranspose", up, kernel_shape=[3, 3], strides=[2, 2], **ends)
    data = net.encode((1, 3, 56, 72))
    image = photo(72, 56)
    result = run_imported(import_onnx(data)[0], image, tmp_path)
    np.testing.assert_allclose(result, reference(data, image), atol=1e-4)


@pytest.mark.parametrize("automatic", [{"auto_pad": "SAME_UPPER"}, {"output_shape": [56, 72]}], ids=["auto", "shape"])
def test_sizes_fixed_by_an_exporter_are_made_variable(automatic: dict[str, Any], tmp_path: Path) -> None:
    net = ForeignNetwork()
    weight = net.constant(np.random.default_rng(3).uniform(0, 0.07, (3, 3, 3, 3)))
    net.add_node("Conv", weight, kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")
    net.add_node("ConvTranspose", weight, strides=[2, 2], **automatic)
    result = run_imported(import_onnx(net.encode((1, 3, 56, 72)))[0], photo(88, 64), tmp_path)
    assert result.shape == (64, 88, 3)


def resize_by_shape(opset: int, exported_for: tuple[int, int]) -> bytes:
    """Halved, then enlarged to a size divided by the size at hand, as PyTorch exports to opset 9 and 10."""
    net = ForeignNetwork(opset).add_convolution().add_node("AveragePool", kernel_shape=[2, 2], strides=[2, 2])
    halved = net.last
    sizes = net.constant(exported_for)
    ones = net.constant([1, 1])
    slices = [net.constant([number], np.int64) for number in (2, 4)]
    net.add_node("Shape")
    net = net.add_node("Slice", starts=[2], ends=[4]) if opset < 10 else net.add_node("Slice", *slices)
    net.add_node("Cast", to=TensorProto.FLOAT).add_node("Div", first=sizes).add_node("Concat", first=ones, axis=0)
    factors, net.last = net.last, halved
    return net.add_node("Upsample" if opset < 10 else "Resize", factors, mode="nearest").encode((1, 3, *exported_for))


def resize_to_fixed_size(opset: int, exported_for: tuple[int, int]) -> bytes:
    """Halved, then enlarged to a size that is a number in the file."""
    net = ForeignNetwork(opset).add_convolution().add_node("AveragePool", kernel_shape=[2, 2], strides=[2, 2])
    expected = net.constant([1, 3, *exported_for], np.int64)
    nothing = net.constant(np.zeros(0))
    return net.add_node("Resize", nothing, nothing, expected, mode="nearest").encode((1, 3, *exported_for))


@pytest.mark.parametrize(
    "data", [resize_by_shape(9, (240, 320)), resize_by_shape(10, (224, 224)), resize_to_fixed_size(13, (240, 320))]
)
def test_enlarging_to_the_size_of_the_export_is_enlarging_by_a_factor(data: bytes, tmp_path: Path) -> None:
    original, result = convert_photo(data, tmp_path)
    assert result.shape == (56, 72, 3)
    halved = original.reshape(28, 2, 36, 2, 3).mean((1, 3))
    np.testing.assert_allclose(result, halved.repeat(2, 0).repeat(2, 1), atol=1e-3)


def branching() -> bytes:
    branch = helper.make_graph(
        [helper.make_node("Identity", ["picture"], ["b"])],
        "b",
        [],
        [helper.make_tensor_value_info("b", TensorProto.FLOAT, None)],
    )
    net = ForeignNetwork()
    condition = net.constant(True, np.bool_)
    net.nodes.append(helper.make_node("If", [condition], ["chosen"], then_branch=branch, else_branch=branch))
    net.last = "chosen"
    return net.encode()


def with_external_weights() -> bytes:
    net = model_zoo_network()
    net.weights[0].data_location = TensorProto.EXTERNAL
    net.weights[0].external_data.add(key="location", value="../../etc/passwd")
    return net.encode()


def with_unknown_domain() -> bytes:
    net = model_zoo_network()
    net.nodes[0].domain = "ai.moon"
    return net.encode()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x08\x08hello", "not an ONNX file, or a damaged one"),
        (b"\x08\x08", "no network in it"),
        (model_zoo_network().encode()[:-30], "damaged"),
        (model_zoo_network().encode((1, 3, 224)), r"inputs 'picture' 1×3×224"),
        (
            model_zoo_network().encode(extra_inputs=[("other", (1, 3, 9, 9))]),
            "not a network from one picture to another",
        ),
        (model_zoo_network().encode(extra_inputs=[("seed", (4, 4))]), "second input 'seed' 4×4"),
        (model_zoo_network().encode((8, 3, 64, 64)), "takes 8 pictures at once"),
        (branching(), "branches or loops"),
        (with_external_weights(), "weights lie in another file"),
        (with_unknown_domain(), r"ai\.moon\.Conv\) is not standard"),
        (ForeignNetwork(5).add_convolution().encode(), "ONNX opset 5"),
        (ForeignNetwork().add_node("Nonsense").encode(), "do not fit together"),
        (ForeignNetwork().add_node("Mul", "nowhere").encode(), "do not fit together"),
    ],
)
def test_a_network_of_another_kind_is_refused_with_the_reason(data: bytes, message: str) -> None:
    with pytest.raises(ModelFormatError, match=message):
        import_onnx(data)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layout": "chw"}, "nchw and nhwc"),
        ({"order": "grb"}, "rgb and bgr"),
        ({"color_range": "0..2"}, "0..255"),
        ({"color_range": "0..1:"}, ""),
        ({"color_range": ":0..1"}, "0..255"),
    ],
)
def test_an_invalid_option_lists_the_valid_ones(options: dict[str, str], message: str) -> None:
    if not message:
        import_onnx(model_zoo_network().encode(), **options)  # `A:` is A at both ends
        return
    with pytest.raises(UsageError, match=message):
        import_onnx(model_zoo_network().encode(), **options)


def test_terminal_control_characters_are_removed_from_the_notes() -> None:
    _, notes = import_onnx(model_zoo_network().encode(("N", 3, "\x1b[2J", "W"), names=("\x1b]0;", "painting")))
    assert all(note.isprintable() for note in notes)


def test_too_many_weights_are_refused() -> None:
    net = model_zoo_network()
    for _ in range(MAX_WEIGHTS):
        net.constant(1)
    with pytest.raises(ModelFormatError, match="20002 weights"):
        import_onnx(net.encode())


def test_a_huge_declared_constant_is_not_allocated() -> None:
    net = model_zoo_network()
    tensor = TensorProto(name="huge", data_type=TensorProto.FLOAT, dims=[2**31, 2**31])
    net.weights.append(tensor)
    net.add_node("Mul", "huge")
    assert OnnxAnalysis(net.encode()).constant("huge") is None


def test_thousands_of_damaged_files_are_imported_or_refused() -> None:
    rng = random.Random(5)
    files = [
        model_zoo_network().encode(),
        nhwc_tanh_network().encode(("N", "H", "W", 3)),
        sigmoid_network().encode(extra_inputs=[("weights", (3,))]),
    ]
    files.append(resize_by_shape(9, (64, 64)))
    refused = 0
    for number in range(1500):
        try:
            for candidate in convert(mutate(files[number % len(files)], rng), ImportOptions()):
                candidate.graph.encode({}, candidate.style_count)
        except ModelFormatError:
            refused += 1
    assert refused > 1000
