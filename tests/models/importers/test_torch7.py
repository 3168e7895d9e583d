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
from tests.models.importers.pictures import Picture, painted, photo
from tests.models.importers.torch7_files import Made, Maker, eccv16, instance_norm, rim, saved, sequence, trained

CAFFE_MEAN = (103.939, 116.779, 123.68)

needs_judge = pytest.mark.skipif(
    not hasattr(cv2.dnn, "readNetFromTorch"), reason="OpenCV 5 has no Torch7 reader to compare with"
)


@pytest.fixture
def make() -> Maker:
    return Maker(np.random.default_rng(7))


def imported(data: bytes) -> bytes:
    return torch7.convert(data, ImportOptions())[0].graph.encode({})


def judged(data: bytes, image: Image, folder: Path) -> Picture:
    """Return the result of OpenCV's own Torch7 reader, RGB 0..1."""
    path = folder / "judged.t7"
    path.write_bytes(data)
    network = cv2.dnn.readNetFromTorch(str(path))
    network.setInput(cv2.dnn.blobFromImage(image, 1.0, mean=CAFFE_MEAN))
    made = network.forward()[0].transpose(1, 2, 0) + np.array(CAFFE_MEAN, np.float32)
    return np.asarray((made[:, :, ::-1] / 255).clip(0, 1), np.float32)


@needs_judge
@pytest.mark.parametrize(("wrapped", "prefix"), [(False, ""), (True, ""), (False, "Cuda")])
@pytest.mark.parametrize("family", [eccv16, instance_norm])
def test_a_network_paints_as_opencv_4_says_it_does(
    family: Callable[[Maker], Made], wrapped: bool, prefix: str, make: Maker, tmp_path: Path
) -> None:
    network = family(make)
    plain = saved(trained(network) if wrapped else network)
    image = photo()
    ours = painted(imported(saved(network, prefix=prefix) if prefix else plain), image, tmp_path)
    difference = np.abs(ours - judged(plain, image, tmp_path)) * 255
    assert difference.max() <= 2
    assert difference.mean() <= 0.3
    assert ours.std() > 0.02  # a flat picture would prove nothing


@pytest.mark.parametrize("size", [(96, 64), (120, 88), (64, 112)])
@pytest.mark.parametrize("family", [eccv16, instance_norm])
def test_the_picture_keeps_its_size(
    family: Callable[[Maker], Made], size: tuple[int, int], make: Maker, tmp_path: Path
) -> None:
    made = painted(imported(saved(family(make))), photo(*size), tmp_path)
    assert made.shape == (size[1], size[0], 3)
    assert made.min() >= 0
    assert made.max() <= 1


@pytest.mark.parametrize("long", [4, 8])
def test_the_width_of_a_long_does_not_matter(long: int, make: Maker) -> None:
    network = instance_norm(make, 1, 1)
    assert imported(saved(network, long)) == imported(saved(network))


def test_half_and_double_weights_are_the_same_network(tmp_path: Path) -> None:
    plain, double = (
        painted(imported(saved(instance_norm(Maker(np.random.default_rng(7), kind), 2, 1))), photo(), tmp_path)
        for kind in ("f4", "f8")
    )
    np.testing.assert_allclose(plain, double, atol=1e-4)


def test_what_comes_out_keeps_the_model_contract(make: Maker, tmp_path: Path) -> None:
    (candidate,) = torch7.convert(saved(eccv16(make, 1, 1)), ImportOptions())
    path = tmp_path / "wave.onnx"
    path.write_bytes(candidate.graph.encode({"licence": "unknown"}))
    model = Model.read(path)
    assert model.style_count == 1
    assert model.metadata == {"licence": "unknown"}
    assert "batch norm" in candidate.notes[0]


def through(*layers: Made, tmp_path: Path, preprocessing: str = "vgg") -> tuple[Picture, Picture]:
    """Return a photo and the result of these layers for it, both RGB 0..1."""
    image = photo()
    made = painted(imported(saved(trained(sequence(*layers), preprocessing))), image, tmp_path)
    return np.asarray(image[:, :, ::-1] / np.float32(255)), made


@pytest.mark.parametrize("preprocessing", ["vgg", "resnet"])
def test_a_network_that_changes_nothing_gives_the_photo_back(preprocessing: str, tmp_path: Path) -> None:
    given, made = through(Made("nn.Identity"), tmp_path=tmp_path, preprocessing=preprocessing)
    np.testing.assert_allclose(made, given, atol=1e-4)


@pytest.mark.parametrize(("preprocessing", "brighter"), [("vgg", 51 / 255), ("resnet", 51 * 0.229)])
def test_numbers_in_the_network_count_as_its_preprocessing_says(
    preprocessing: str, brighter: float, tmp_path: Path
) -> None:
    shift = Made("nn.AddConstant", {"constant_scalar": 51})
    given, made = through(shift, tmp_path=tmp_path, preprocessing=preprocessing)
    np.testing.assert_allclose(made[..., 0], np.clip(given[..., 0] + brighter, 0, 1), atol=1e-4)


@pytest.mark.parametrize("kind", ["Reflection", "Replication", "Zero"])
def test_a_rim_that_is_shaved_off_again_changes_nothing(kind: str, tmp_path: Path) -> None:
    given, made = through(rim(kind, 3), Made("nn.ShaveImage", {"size": 3}), tmp_path=tmp_path)
    np.testing.assert_allclose(made, given, atol=1e-4)


def shifted(kind: str) -> Made:
    """A convolution that takes each pixel from one to the left."""
    weight = np.zeros((3, 3, 1, 3), np.float32)
    for channel in range(3):
        weight[channel, channel, 0, 0] = 1
    fields = {"kW": 3, "kH": 1, "dW": 1, "dH": 1, "padW": 0, "padH": 0, "weight": weight, "bias": None}
    pads = {"pad_l": 1, "pad_r": 1, "pad_t": 0, "pad_b": 0}
    return sequence(Made(f"nn.Spatial{kind}Padding", pads), Made("cudnn.SpatialConvolution", fields))


@pytest.mark.parametrize(("kind", "source"), [("Reflection", 1), ("Replication", 0)])
def test_each_padding_fills_the_rim_in_its_own_way(kind: str, source: int, tmp_path: Path) -> None:
    given, made = through(shifted(kind), tmp_path=tmp_path)
    np.testing.assert_allclose(made[:, 1:], given[:, :-1], atol=1e-4)
    np.testing.assert_allclose(made[:, 0], given[:, source], atol=1e-4)


def test_old_weights_kept_as_a_matrix_are_the_same_convolution(make: Maker) -> None:
    layer = make.convolution(3, 3, 3, pad=1)
    flat = Made("nn.SpatialConvolutionMM", {**layer.fields, "weight": layer.fields["weight"].reshape(3, 27)})
    del flat.fields["padW"], flat.fields["padH"]
    flat.fields["padding"] = 1
    assert imported(saved(sequence(flat))) == imported(saved(sequence(layer)))


def test_an_old_batch_norm_kept_the_inverse_deviation(make: Maker) -> None:
    new = make.batch_norm(3)
    old = Made(new.kind, dict(new.fields))
    old.fields["running_std"] = 1 / np.sqrt(old.fields.pop("running_var") + np.float32(1e-5))
    one, other = (imported(saved(sequence(layer))) for layer in (new, old))
    assert len(one) == len(other)


def endless() -> Made:
    loop = sequence(Made("nn.ReLU"))
    loop.fields["modules"].append(loop)
    return loop


def doubling() -> Made:
    """Thirty containers, each of which mentions the next one twice: a thousand million layers in two kilobytes."""
    inner = Made("nn.Identity")
    for _ in range(30):
        inner = sequence(inner, inner)
    return inner


def sharing() -> Made:
    """One large tensor in a thousand layers."""
    weight = np.ones((3, 3, 64, 64), np.float32)
    fields = {"kW": 64, "kH": 64, "dW": 1, "dH": 1, "padW": 0, "padH": 0, "weight": weight}
    return sequence(*(Made("nn.SpatialConvolution", dict(fields)) for _ in range(1000)))


def broken(kind: str, **fields: Any) -> Made:
    return sequence(Made("nn.Identity"), Made(f"nn.{kind}", fields))


CONV = {"kW": 1, "kH": 1, "dW": 1, "dH": 1, "padW": 0, "padH": 0}
ONES = np.ones((3, 3, 1, 1), np.float32)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (broken("SpatialMaxPooling"), r"network\.2 \(SpatialMaxPooling, byte \d+\) is a layer that stylecam does not"),
        (broken("SpatialConvolution", **CONV), "has no weights 'weight'"),
        (broken("SpatialConvolution", **{**CONV, "weight": ONES[:, :2]}), "takes 2 channels and gets 3"),
        (broken("SpatialConvolution", **{**CONV, "weight": ONES[0]}), "has weights 'weight' of 3×1×1"),
        (broken("SpatialConvolution", **{**CONV, "weight": ONES * np.float32(np.nan)}), "that are not numbers"),
        (broken("SpatialConvolution", **{**CONV, "weight": ONES, "dW": 0}), "has dW = 0"),
        (broken("SpatialConvolution", **{**CONV, "weight": ONES, "dW": 1e300}), "has no number 'dW'"),
        (broken("SpatialConvolution", **{**CONV, "weight": ONES, "padW": 2**20}), "has padW = 1.04858e"),
        (broken("SpatialConvolution", **{**CONV, "weight": ONES, "bias": ONES[0, 0, 0]}), "has 1 weights 'bias' for 3"),
        (broken("SpatialConvolution", **{**CONV, "weight": ONES.astype(np.uint8)}), "has no weights 'weight'"),
        (broken("SpatialConvolution", **{**CONV, "weight": np.ones((4, 3, 1, 1), np.float32)}), "ends in 4 channels"),
        (broken("InstanceNormalization", bias=ONES[:, 0, 0, 0]), "has no weights 'weight'"),
        (broken("CAddTable"), "adds up pictures and gets only one"),
        (broken("ConcatTable", modules=[Made("nn.Identity"), Made("nn.Identity")]), "ends in several pictures"),
        (broken("ConcatTable", modules=[]), "holds no list of layers"),
        (broken("ShaveImage", size=-1), "has size = -1"),
        (broken("ShaveImage", size=0.5), "has size = 0.5"),
        (broken("ShaveImage", size=513), "has size = 513"),
        (broken("SpatialUpSamplingNearest", scale_factor=9), "has scale_factor = 9"),
        (broken("SpatialReflectionPadding", pad_l=513, pad_r=0, pad_t=0, pad_b=0), "has pad_l = 513"),
        (broken("SpatialFullConvolution", **{**CONV, "weight": ONES, "dH": 9}), "has dH = 9"),
        (broken("MulConstant", constant_scalar="x"), "has no number 'constant_scalar'"),
        (endless(), "holds itself"),
        (doubling(), "no style network has so many"),
        (sharing(), "add up to more than the file holds"),
    ],
)
def test_a_network_that_cannot_be_is_refused_with_the_layer(network: Made, message: str) -> None:
    with pytest.raises(ModelFormatError, match=message):
        imported(saved(network))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"weights": 1}, "without a network"),
        ({"model": "text"}, "without a network"),
        ([1, 2], "without a network"),
        (3.0, "without a network"),
        ({"model": Made("nn.Identity"), "opt": {"preprocessing": "moon"}}, "preprocessing 'moon'"),
    ],
)
def test_a_torch_file_without_a_network_says_so(value: Any, message: str) -> None:
    with pytest.raises(ModelFormatError, match=message):
        imported(saved(value))
