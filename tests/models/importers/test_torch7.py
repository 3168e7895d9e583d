"""Tests of the Torch7 importer against OpenCV 4's own reader of the same file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from stylecam.errors import ModelFormatError
from stylecam.media.frame import Image
from stylecam.models.importers import torch7
from stylecam.models.importers.base import ImportOptions
from stylecam.models.model import Model
from tests.models.importers.pictures import FloatImage, photo, run_imported
from tests.models.importers.torch7_files import (
    LayerFactory,
    TorchModule,
    checkpoint,
    eccv16,
    encode_torch7,
    instance_norm,
    padding_layer,
    sequence,
)

CAFFE_MEAN = (103.939, 116.779, 123.68)

needs_opencv_4 = pytest.mark.skipif(
    not hasattr(cv2.dnn, "readNetFromTorch"), reason="OpenCV 5 has no Torch7 reader to compare with"
)


@pytest.fixture
def make() -> LayerFactory:
    return LayerFactory(np.random.default_rng(7))


def imported(data: bytes) -> bytes:
    return torch7.convert(data, ImportOptions())[0].graph.encode({})


def opencv_result(data: bytes, image: Image, folder: Path) -> FloatImage:
    """Return the result of OpenCV's own Torch7 reader, RGB 0..1."""
    path = folder / "opencv_result.t7"
    path.write_bytes(data)
    network = cv2.dnn.readNetFromTorch(str(path))
    network.setInput(cv2.dnn.blobFromImage(image, 1.0, mean=CAFFE_MEAN))
    result = network.forward()[0].transpose(1, 2, 0) + np.array(CAFFE_MEAN, np.float32)
    return np.asarray((result[:, :, ::-1] / 255).clip(0, 1), np.float32)


@needs_opencv_4
@pytest.mark.parametrize(("wrapped", "prefix"), [(False, ""), (True, ""), (False, "Cuda")])
@pytest.mark.parametrize("family", [eccv16, instance_norm])
def test_the_result_is_the_one_of_opencv_4(
    family: Callable[[LayerFactory], TorchModule], wrapped: bool, prefix: str, make: LayerFactory, tmp_path: Path
) -> None:
    network = family(make)
    plain = encode_torch7(checkpoint(network) if wrapped else network)
    image = photo()
    ours = run_imported(imported(encode_torch7(network, prefix=prefix) if prefix else plain), image, tmp_path)
    difference = np.abs(ours - opencv_result(plain, image, tmp_path)) * 255
    assert difference.max() <= 2
    assert difference.mean() <= 0.3
    assert ours.std() > 0.02  # a flat picture would match trivially


@pytest.mark.parametrize("size", [(96, 64), (120, 88), (64, 112)])
@pytest.mark.parametrize("family", [eccv16, instance_norm])
def test_the_picture_keeps_its_size(
    family: Callable[[LayerFactory], TorchModule], size: tuple[int, int], make: LayerFactory, tmp_path: Path
) -> None:
    result = run_imported(imported(encode_torch7(family(make))), photo(*size), tmp_path)
    assert result.shape == (size[1], size[0], 3)
    assert result.min() >= 0
    assert result.max() <= 1


@pytest.mark.parametrize("long_bytes", [4, 8])
def test_four_and_eight_byte_integers_give_the_same_network(long_bytes: int, make: LayerFactory) -> None:
    network = instance_norm(make, 1, 1)
    assert imported(encode_torch7(network, long_bytes)) == imported(encode_torch7(network))


def test_float_and_double_weights_are_the_same_network(tmp_path: Path) -> None:
    plain, double = (
        run_imported(
            imported(encode_torch7(instance_norm(LayerFactory(np.random.default_rng(7), kind), 2, 1))),
            photo(),
            tmp_path,
        )
        for kind in ("f4", "f8")
    )
    np.testing.assert_allclose(plain, double, atol=1e-4)


def test_the_result_follows_the_model_contract(make: LayerFactory, tmp_path: Path) -> None:
    (candidate,) = torch7.convert(encode_torch7(eccv16(make, 1, 1)), ImportOptions())
    path = tmp_path / "wave.onnx"
    path.write_bytes(candidate.graph.encode({"licence": "unknown"}))
    model = Model.read(path)
    assert model.style_count == 1
    assert model.metadata == {"licence": "unknown"}
    assert "batch norm" in candidate.notes[0]


def convert_photo(*layers: TorchModule, tmp_path: Path, preprocessing: str = "vgg") -> tuple[FloatImage, FloatImage]:
    """Return a photo and the result of these layers for it, both RGB 0..1."""
    image = photo()
    result = run_imported(imported(encode_torch7(checkpoint(sequence(*layers), preprocessing))), image, tmp_path)
    return np.asarray(image[:, :, ::-1] / np.float32(255)), result


@pytest.mark.parametrize("preprocessing", ["vgg", "resnet"])
def test_a_network_that_changes_nothing_gives_the_photo_back(preprocessing: str, tmp_path: Path) -> None:
    original, result = convert_photo(TorchModule("nn.Identity"), tmp_path=tmp_path, preprocessing=preprocessing)
    np.testing.assert_allclose(result, original, atol=1e-4)


@pytest.mark.parametrize(("preprocessing", "brighter"), [("vgg", 51 / 255), ("resnet", 51 * 0.229)])
def test_constants_are_scaled_by_the_preprocessing(preprocessing: str, brighter: float, tmp_path: Path) -> None:
    shift = TorchModule("nn.AddConstant", {"constant_scalar": 51})
    original, result = convert_photo(shift, tmp_path=tmp_path, preprocessing=preprocessing)
    np.testing.assert_allclose(result[..., 0], np.clip(original[..., 0] + brighter, 0, 1), atol=1e-4)


@pytest.mark.parametrize("kind", ["Reflection", "Replication", "Zero"])
def test_padding_that_is_cropped_again_changes_nothing(kind: str, tmp_path: Path) -> None:
    original, result = convert_photo(
        padding_layer(kind, 3), TorchModule("nn.ShaveImage", {"size": 3}), tmp_path=tmp_path
    )
    np.testing.assert_allclose(result, original, atol=1e-4)


def shifted(kind: str) -> TorchModule:
    """A convolution that takes each pixel from one to the left."""
    weight = np.zeros((3, 3, 1, 3), np.float32)
    for channel in range(3):
        weight[channel, channel, 0, 0] = 1
    fields = {"kW": 3, "kH": 1, "dW": 1, "dH": 1, "padW": 0, "padH": 0, "weight": weight, "bias": None}
    pads = {"pad_l": 1, "pad_r": 1, "pad_t": 0, "pad_b": 0}
    return sequence(TorchModule(f"nn.Spatial{kind}Padding", pads), TorchModule("cudnn.SpatialConvolution", fields))


@pytest.mark.parametrize(("kind", "source"), [("Reflection", 1), ("Replication", 0)])
def test_each_kind_of_padding_has_its_own_values(kind: str, source: int, tmp_path: Path) -> None:
    original, result = convert_photo(shifted(kind), tmp_path=tmp_path)
    np.testing.assert_allclose(result[:, 1:], original[:, :-1], atol=1e-4)
    np.testing.assert_allclose(result[:, 0], original[:, source], atol=1e-4)


def test_weights_stored_as_a_matrix_are_the_same_convolution(make: LayerFactory) -> None:
    layer = make.convolution(3, 3, 3, pad=1)
    flat = TorchModule("nn.SpatialConvolutionMM", {**layer.fields, "weight": layer.fields["weight"].reshape(3, 27)})
    del flat.fields["padW"], flat.fields["padH"]
    flat.fields["padding"] = 1
    assert imported(encode_torch7(sequence(flat))) == imported(encode_torch7(sequence(layer)))


def test_an_old_batch_norm_with_inverse_deviation_is_accepted(make: LayerFactory) -> None:
    new = make.batch_norm(3)
    old = TorchModule(new.kind, dict(new.fields))
    old.fields["running_std"] = 1 / np.sqrt(old.fields.pop("running_var") + np.float32(1e-5))
    one, other = (imported(encode_torch7(sequence(layer))) for layer in (new, old))
    assert len(one) == len(other)


def self_containing_network() -> TorchModule:
    loop = sequence(TorchModule("nn.ReLU"))
    loop.fields["modules"].append(loop)
    return loop


def exponential_network() -> TorchModule:
    """Return thirty containers that each refer to the next one twice: a billion layers in two kilobytes."""
    inner = TorchModule("nn.Identity")
    for _ in range(30):
        inner = sequence(inner, inner)
    return inner


def network_of_shared_weights() -> TorchModule:
    """Return a network with one large tensor in a thousand layers."""
    weight = np.ones((3, 3, 64, 64), np.float32)
    fields = {"kW": 64, "kH": 64, "dW": 1, "dH": 1, "padW": 0, "padH": 0, "weight": weight}
    return sequence(*(TorchModule("nn.SpatialConvolution", dict(fields)) for _ in range(1000)))


def network_with_layer(kind: str, **fields: Any) -> TorchModule:
    return sequence(TorchModule("nn.Identity"), TorchModule(f"nn.{kind}", fields))


CONV = {"kW": 1, "kH": 1, "dW": 1, "dH": 1, "padW": 0, "padH": 0}
ONES = np.ones((3, 3, 1, 1), np.float32)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            network_with_layer("SpatialMaxPooling"),
            r"network\.2 \(SpatialMaxPooling, byte \d+\) is a layer that stylecam does not",
        ),
        (network_with_layer("SpatialConvolution", **CONV), "has no weights 'weight'"),
        (network_with_layer("SpatialConvolution", **{**CONV, "weight": ONES[:, :2]}), "takes 2 channels and gets 3"),
        (network_with_layer("SpatialConvolution", **{**CONV, "weight": ONES[0]}), "has weights 'weight' of 3×1×1"),
        (
            network_with_layer("SpatialConvolution", **{**CONV, "weight": ONES * np.float32(np.nan)}),
            "that are not numbers",
        ),
        (network_with_layer("SpatialConvolution", **{**CONV, "weight": ONES, "dW": 0}), "has dW = 0"),
        (network_with_layer("SpatialConvolution", **{**CONV, "weight": ONES, "dW": 1e300}), "has no number 'dW'"),
        (network_with_layer("SpatialConvolution", **{**CONV, "weight": ONES, "padW": 2**20}), "has padW = 1.04858e"),
        (
            network_with_layer("SpatialConvolution", **{**CONV, "weight": ONES, "bias": ONES[0, 0, 0]}),
            "has 1 weights 'bias' for 3",
        ),
        (
            network_with_layer("SpatialConvolution", **{**CONV, "weight": ONES.astype(np.uint8)}),
            "has no weights 'weight'",
        ),
        (
            network_with_layer("SpatialConvolution", **{**CONV, "weight": np.ones((4, 3, 1, 1), np.float32)}),
            "ends in 4 channels",
        ),
        (network_with_layer("InstanceNormalization", bias=ONES[:, 0, 0, 0]), "has no weights 'weight'"),
        (network_with_layer("CAddTable"), "adds up pictures and gets only one"),
        (
            network_with_layer("ConcatTable", modules=[TorchModule("nn.Identity"), TorchModule("nn.Identity")]),
            "ends in several pictures",
        ),
        (network_with_layer("ConcatTable", modules=[]), "holds no list of layers"),
        (network_with_layer("ShaveImage", size=-1), "has size = -1"),
        (network_with_layer("ShaveImage", size=0.5), "has size = 0.5"),
        (network_with_layer("ShaveImage", size=513), "has size = 513"),
        (network_with_layer("SpatialUpSamplingNearest", scale_factor=9), "has scale_factor = 9"),
        (network_with_layer("SpatialReflectionPadding", pad_l=513, pad_r=0, pad_t=0, pad_b=0), "has pad_l = 513"),
        (network_with_layer("SpatialFullConvolution", **{**CONV, "weight": ONES, "dH": 9}), "has dH = 9"),
        (network_with_layer("MulConstant", constant_scalar="x"), "has no number 'constant_scalar'"),
        (self_containing_network(), "holds itself"),
        (exponential_network(), "no style network has so many"),
        (network_of_shared_weights(), "add up to more than the file holds"),
    ],
)
def test_an_invalid_network_is_refused_with_the_layer(network: TorchModule, message: str) -> None:
    with pytest.raises(ModelFormatError, match=message):
        imported(encode_torch7(network))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"weights": 1}, "without a network"),
        ({"model": "text"}, "without a network"),
        ([1, 2], "without a network"),
        (3.0, "without a network"),
        ({"model": TorchModule("nn.Identity"), "opt": {"preprocessing": "moon"}}, "preprocessing 'moon'"),
    ],
)
def test_a_torch_file_without_a_network_is_refused(value: Any, message: str) -> None:
    with pytest.raises(ModelFormatError, match=message):
        imported(encode_torch7(value))
