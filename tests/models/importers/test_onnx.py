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
from tests.models.importers.mutation import mutated
from tests.models.importers.onnx_files import Foreign, cartoon, unit, zoo
from tests.models.importers.pictures import Picture, painted, photo

NHWC = (1, 240, 320, 3)


def imported(data: bytes, **options: str) -> tuple[bytes, tuple[str, ...]]:
    candidate = next(convert(data, ImportOptions(**options)))
    return candidate.graph.encode({}, candidate.style_count), candidate.notes


def through(data: bytes, folder: Path, **options: str) -> tuple[Picture, Picture]:
    """Return the photo and the imported network's result for it, both RGB 0..1."""
    image = photo(72, 56)
    given = np.asarray(image[:, :, ::-1] / np.float32(255))
    return given, painted(imported(data, **options)[0], image, folder)


ALIKE: dict[str, tuple[bytes, dict[str, str], str]] = {
    "model zoo": (zoo().saved(), {}, "0..255, RGB"),
    "any size": (zoo().saved(("N", 3, "H", "W")), {}, "0..255, RGB"),
    "size unknown": (zoo().saved((None, 3, None, None)), {}, "0..255, RGB"),
    "named bgr": (zoo().saved(names=("bgr_in", "out")), {}, "0..255, BGR"),
    "said to be 0..1": (zoo().saved(), {"color_range": "0..1"}, "0..1, RGB: as requested"),
    "said to be bgr": (zoo().saved(), {"order": "bgr"}, "0..255, BGR"),
    "said to be caffe": (zoo().saved(), {"color_range": "caffe"}, "caffe, BGR: as requested"),
    "caffe in rgb": (zoo().saved(), {"color_range": "caffe", "order": "rgb"}, "caffe, RGB: as requested"),
    "said to be resnet": (zoo().saved(), {"color_range": "resnet"}, "resnet, RGB: as requested"),
    "two ranges": (Foreign().core(gain=255).saved(), {"color_range": "0..1:0..255"}, "takes 1×3×H×W, 0..1"),
    "channels last": (Foreign().turned(0, 3, 1, 2).core().turned(0, 2, 3, 1).saved(NHWC), {}, "takes 1×H×W×3"),
    "channels last by turns": (
        Foreign().turned(0, 3, 1, 2).core().turned(0, 2, 3, 1).saved((None, None, None, None)),
        {},
        "takes 1×H×W×3",
    ),
    "channels last as said": (
        Foreign().turned(0, 3, 1, 2).core().turned(0, 2, 3, 1).saved((1, 3, 3, 3)),
        {"layout": "nhwc"},
        "gives 1×H×W×3",
    ),
    "last in, first out": (Foreign().turned(0, 3, 1, 2).core().saved(NHWC, (1, 3, 240, 320)), {}, "gives 1×3×H×W"),
    "divided by 255": (Foreign().number("Div", 255).core(gain=255).saved(), {}, "first layers are Div"),
    "bytes to signed": (
        Foreign().number("Div", 127.5).number("Sub", 1).core().number("Add", 1).number("Mul", 127.5).saved(),
        {},
        "takes 1×3×H×W, 0..255, RGB: its first layers are Div, Sub",
    ),
    "unit to signed": (
        Foreign().number("Mul", 2).number("Sub", 1).core(0.5, 0.5).saved(), {}, "takes 1×3×H×W, 0..1, RGB: its first"
    ),
    "minus caffe's means": (
        Foreign()
        .number("Sub", np.reshape([103.9, 116.8, 123.7], (1, 3, 1, 1)))
        .core()
        .number("Add", np.reshape([103.9, 116.8, 123.7], (1, 3, 1, 1)))
        .saved(),
        {},
        "takes 1×3×H×W, 0..255, BGR: its first layers are Sub",
    ),
    "minus imagenet's means": (
        Foreign().number("Sub", np.reshape([0.485, 0.456, 0.406], (1, 3, 1, 1))).core(1, 0.449).saved(),
        {},
        "0..1, RGB",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("data", "options", "note"), ALIKE.values(), ids=ALIKE.keys())
def test_a_network_that_changes_nothing_gives_the_photo_back(
    data: bytes, options: dict[str, str], note: str, tmp_path: Path
) -> None:
    given, made = through(data, tmp_path, **options)
    assert note in "\n".join(imported(data, **options)[1])
    np.testing.assert_allclose(made, given, atol=0.05 if "imagenet" in note or note == "0..1, RGB" else 1e-3)


ENDS: dict[str, tuple[Foreign, str]] = {
    "sigmoid": (unit(), "0..1, RGB: its last layers, Sigmoid, make 0..1"),
    "sigmoid in bytes": (unit().number("Mul", 255), "0..255, RGB: its last layers, Sigmoid, Mul, make 0..255"),
    "tanh": (Foreign().core().then("Tanh"), "-1..1, RGB: its last layers, Tanh, make -1..1"),
    "tanh 150 with shift": (
        Foreign().core().then("Tanh").number("Mul", 150).number("Add", 127.5),
        "0..255, RGB: its last layers, Tanh, Mul, Add, make -22.5..277.5",
    ),
    "tanh 150": (
        Foreign().core().then("Tanh").number("Mul", 150),
        "caffe, BGR: its last layers, Tanh, Mul, make -150..150",
    ),
    "tanh halved": (
        Foreign().core().then("Tanh").number("Add", 1).number("Div", 2),
        "0..1, RGB: its last layers, Tanh, Add, Div, make 0..1",
    ),
    "one minus sigmoid": (
        (lambda net: net.then("Sub", first=net.constant(1)))(unit()),
        "0..1, RGB: its last layers, Sigmoid, Sub, make 0..1",
    ),
}


@pytest.mark.parametrize(("net", "note"), ENDS.values(), ids=ENDS.keys())
def test_the_last_layers_tell_the_range(net: Foreign, note: str) -> None:
    _, notes = imported(net.saved())
    assert note in notes[2]
    assert "like its output" in notes[1]


def test_a_clip_tells_the_range_in_old_and_new_onnx() -> None:
    old = Foreign(9).core().then("Clip", min=0.0, max=255.0)
    new = Foreign().core()
    new.then("Clip", new.constant(0), new.constant(255))
    for net in (old, new):
        assert "make 0..255" in imported(net.saved())[1][2]


def test_a_cartoon_network_with_channels_last_and_tanh_is_found_out(tmp_path: Path) -> None:
    data = cartoon().saved(("N", "H", "W", 3))
    given, made = through(data, tmp_path)
    expected = (np.tanh(5 * np.tanh(0.2 * (2 * given - 1))) + 1) / 2
    np.testing.assert_allclose(made, expected, atol=1e-3)
    assert "1×H×W×3, -1..1" in imported(data)[1][1]


@pytest.mark.parametrize("opset", [8, 9, 11, 13, 17])
def test_networks_in_old_and_new_onnx_become_ours(opset: int, tmp_path: Path) -> None:
    given, made = through(Foreign(opset).core().saved(), tmp_path)
    np.testing.assert_allclose(made, given, atol=1e-3)


def test_weights_listed_among_the_inputs_are_no_inputs(tmp_path: Path) -> None:
    net = zoo()
    data = net.saved(more=[(net.weights[0].name, (3, 3, 1, 1)), (net.weights[1].name, (3,))])
    given, made = through(data, tmp_path)
    np.testing.assert_allclose(made, given, atol=1e-3)


def test_names_that_are_ours_do_no_harm(tmp_path: Path) -> None:
    given, made = through(zoo().saved(names=("styled", "image")), tmp_path)
    np.testing.assert_allclose(made, given, atol=1e-3)


@pytest.mark.parametrize("dims", [(2,), (1, 2)])
def test_a_bank_keeps_its_style_weights(dims: tuple[int, ...], tmp_path: Path) -> None:
    net = Foreign().core()
    weights = "weights"
    if len(dims) == 2:
        net.nodes.append(helper.make_node("Reshape", ["weights", net.constant([2], np.int64)], ["flat"]))
        weights = "flat"
    table = net.constant([[1.0], [0.5]])
    net.nodes.append(helper.make_node("Reshape", [weights, net.constant([1, 2], np.int64)], ["row"]))
    net.nodes.append(helper.make_node("MatMul", ["row", table], ["dimmed"]))
    net.nodes.append(helper.make_node("Reshape", ["dimmed", net.constant([1, 1, 1, 1], np.int64)], ["shaped"]))
    data, _ = imported(net.then("Mul", "shaped").saved(more=[("weights", dims)]))
    image = photo(72, 56)
    full, half = (painted(data, image, tmp_path, weights) for weights in ((1.0, 0.0), (0.0, 1.0)))
    np.testing.assert_allclose(half, full / 2, atol=1e-3)
    path = tmp_path / "bank.onnx"
    path.write_bytes(data)
    assert Model.read(path).style_count == 2


def reference(data: bytes, image: Any) -> Picture:
    """What onnx's own plain runtime computes from the original, 0..255 in and out; RGB 0..1."""
    from onnx.reference import ReferenceEvaluator

    tensor = np.ascontiguousarray(image[:, :, ::-1].transpose(2, 0, 1)[None], np.float32)
    (made,) = ReferenceEvaluator(onnx.load_from_string(data)).run(None, {"picture": tensor})
    return np.asarray((made[0].transpose(1, 2, 0) / 255).clip(0, 1), np.float32)


@pytest.mark.parametrize("opset", [9, 13])
@pytest.mark.parametrize(
    "ends",
    [{"pads": [0, 0, 1, 1]}, {"pads": [1, 1, 0, 0]}, {"pads": [1, 1, 1, 1], "output_padding": [1, 1]}],
    ids=["far", "near", "both"],
)
def test_uneven_pads_of_a_transposed_convolution_are_kept(ends: dict[str, Any], opset: int, tmp_path: Path) -> None:
    """TensorFlow's; OpenCV 4.14 gives a picture of another size for them."""
    random = np.random.default_rng(3)
    net = Foreign(opset)
    down, up = (net.constant(random.uniform(0, 0.07, (3, 3, 3, 3))) for _ in range(2))
    net.then("Conv", down, kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 1, 1])
    net.then("ConvTranspose", up, kernel_shape=[3, 3], strides=[2, 2], **ends)
    data = net.saved((1, 3, 56, 72))
    image = photo(72, 56)
    made = painted(imported(data)[0], image, tmp_path)
    np.testing.assert_allclose(made, reference(data, image), atol=1e-4)


@pytest.mark.parametrize("automatic", [{"auto_pad": "SAME_UPPER"}, {"output_shape": [56, 72]}], ids=["auto", "shape"])
def test_sizes_fixed_by_an_exporter_are_freed(automatic: dict[str, Any], tmp_path: Path) -> None:
    net = Foreign()
    weight = net.constant(np.random.default_rng(3).uniform(0, 0.07, (3, 3, 3, 3)))
    net.then("Conv", weight, kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")
    net.then("ConvTranspose", weight, strides=[2, 2], **automatic)
    made = painted(imported(net.saved((1, 3, 56, 72)))[0], photo(88, 64), tmp_path)
    assert made.shape == (64, 88, 3)


def computed(opset: int, exported_for: tuple[int, int]) -> bytes:
    """Halved, then enlarged to a size divided by the size at hand, as PyTorch exports to opset 9 and 10."""
    net = Foreign(opset).core().then("AveragePool", kernel_shape=[2, 2], strides=[2, 2])
    halved = net.last
    sizes = net.constant(exported_for)
    ones = net.constant([1, 1])
    slices = [net.constant([number], np.int64) for number in (2, 4)]
    net.then("Shape")
    net = net.then("Slice", starts=[2], ends=[4]) if opset < 10 else net.then("Slice", *slices)
    net.then("Cast", to=TensorProto.FLOAT).then("Div", first=sizes).then("Concat", first=ones, axis=0)
    factors, net.last = net.last, halved
    return net.then("Upsample" if opset < 10 else "Resize", factors, mode="nearest").saved((1, 3, *exported_for))


def fixed(opset: int, exported_for: tuple[int, int]) -> bytes:
    """Halved, then enlarged to a size that is a number in the file."""
    net = Foreign(opset).core().then("AveragePool", kernel_shape=[2, 2], strides=[2, 2])
    expected = net.constant([1, 3, *exported_for], np.int64)
    nothing = net.constant(np.zeros(0))
    return net.then("Resize", nothing, nothing, expected, mode="nearest").saved((1, 3, *exported_for))


@pytest.mark.parametrize("data", [computed(9, (240, 320)), computed(10, (224, 224)), fixed(13, (240, 320))])
def test_enlarging_to_the_size_of_the_export_is_enlarging_by_a_factor(data: bytes, tmp_path: Path) -> None:
    given, made = through(data, tmp_path)
    assert made.shape == (56, 72, 3)
    halved = given.reshape(28, 2, 36, 2, 3).mean((1, 3))
    np.testing.assert_allclose(made, halved.repeat(2, 0).repeat(2, 1), atol=1e-3)


def looping() -> bytes:
    branch = helper.make_graph(
        [helper.make_node("Identity", ["picture"], ["b"])],
        "b",
        [],
        [helper.make_tensor_value_info("b", TensorProto.FLOAT, None)],
    )
    net = Foreign()
    condition = net.constant(True, np.bool_)
    net.nodes.append(helper.make_node("If", [condition], ["chosen"], then_branch=branch, else_branch=branch))
    net.last = "chosen"
    return net.saved()


def outside() -> bytes:
    net = zoo()
    net.weights[0].data_location = TensorProto.EXTERNAL
    net.weights[0].external_data.add(key="location", value="../../etc/passwd")
    return net.saved()


def of_no_domain() -> bytes:
    net = zoo()
    net.nodes[0].domain = "ai.moon"
    return net.saved()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x08\x08hello", "not an ONNX file, or a damaged one"),
        (b"\x08\x08", "no network in it"),
        (zoo().saved()[:-30], "damaged"),
        (zoo().saved((1, 3, 224)), r"inputs 'picture' 1×3×224"),
        (zoo().saved(more=[("other", (1, 3, 9, 9))]), "not a network from one picture to another"),
        (zoo().saved(more=[("seed", (4, 4))]), "second input 'seed' 4×4"),
        (zoo().saved((8, 3, 64, 64)), "takes 8 pictures at once"),
        (looping(), "branches or loops"),
        (outside(), "weights lie in another file"),
        (of_no_domain(), r"ai\.moon\.Conv\) is not standard"),
        (Foreign(5).core().saved(), "ONNX opset 5"),
        (Foreign().then("Nonsense").saved(), "do not fit together"),
        (Foreign().then("Mul", "nowhere").saved(), "do not fit together"),
    ],
)
def test_what_is_no_style_network_is_refused_with_the_reason(data: bytes, message: str) -> None:
    with pytest.raises(ModelFormatError, match=message):
        imported(data)


@pytest.mark.parametrize(
    ("options", "lists"),
    [
        ({"layout": "chw"}, "nchw and nhwc"),
        ({"order": "grb"}, "rgb and bgr"),
        ({"color_range": "0..2"}, "0..255"),
        ({"color_range": "0..1:"}, ""),
        ({"color_range": ":0..1"}, "0..255"),
    ],
)
def test_an_invalid_option_lists_the_valid_ones(options: dict[str, str], lists: str) -> None:
    if not lists:
        imported(zoo().saved(), **options)  # `A:` is A at both ends
        return
    with pytest.raises(UsageError, match=lists):
        imported(zoo().saved(), **options)


def test_terminal_control_characters_are_removed_from_the_notes() -> None:
    _, notes = imported(zoo().saved(("N", 3, "\x1b[2J", "W"), names=("\x1b]0;", "painting")))
    assert all(note.isprintable() for note in notes)


def test_more_weights_than_any_style_has_are_refused() -> None:
    net = zoo()
    for _ in range(MAX_WEIGHTS):
        net.constant(1)
    with pytest.raises(ModelFormatError, match="20002 weights"):
        imported(net.saved())


def test_a_huge_declared_constant_is_not_made() -> None:
    net = zoo()
    tensor = TensorProto(name="huge", data_type=TensorProto.FLOAT, dims=[2**31, 2**31])
    net.weights.append(tensor)
    net.then("Mul", "huge")
    assert OnnxAnalysis(net.saved()).constant("huge") is None


def test_thousands_of_damaged_files_are_imported_or_refused() -> None:
    chance = random.Random(5)
    files = [zoo().saved(), cartoon().saved(("N", "H", "W", 3)), unit().saved(more=[("weights", (3,))])]
    files.append(computed(9, (64, 64)))
    refused = 0
    for number in range(1500):
        try:
            for candidate in convert(mutated(files[number % len(files)], chance), ImportOptions()):
                candidate.graph.encode({}, candidate.style_count)
        except ModelFormatError:
            refused += 1
    assert refused > 1000
