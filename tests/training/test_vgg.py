"""Tests of the perceptual network and of loading its weights."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch

from stylecam.engines.opencv import OpenCVEngine
from stylecam.errors import TrainingDataError
from stylecam.models.vgg import LAYERS, read_weights, shipped_vgg, statistics_network
from stylecam.training.vgg import load_vgg
from tests.training import fixtures


def test_it_returns_four_maps_each_half_the_size_of_the_previous(tmp_path: Path) -> None:
    maps = load_vgg(fixtures.small_vgg(tmp_path / "v.npz"))(torch.rand(2, 3, 64, 48))
    assert [tuple(m.shape) for m in maps] == [(2, 4, 64, 48), (2, 6, 32, 24), (2, 8, 16, 12), (2, 8, 8, 6)]


def test_fewer_maps_are_the_same_maps(tmp_path: Path) -> None:
    net, picture = load_vgg(fixtures.small_vgg(tmp_path / "v.npz")), torch.rand(1, 3, 64, 64)
    assert all(torch.equal(a, b) for a, b in zip(net(picture, taps=3), net(picture), strict=False))


def test_the_input_is_converted_to_bgr_minus_the_mean(tmp_path: Path) -> None:
    """With an identity kernel the first layer returns its input in the file's convention."""
    arrays = fixtures.small_vgg_arrays()
    arrays["conv1_1.w"][:] = 0
    for channel in range(3):
        arrays["conv1_1.w"][channel, channel, 1, 1] = 1
    arrays["conv1_1.b"][:] = 0
    np.savez(tmp_path / "v.npz", **arrays)  # type: ignore[arg-type]
    net = load_vgg(tmp_path / "v.npz")
    red = torch.tensor([1.0, 0.8, 0.6])[None, :, None, None].expand(1, 3, 8, 8)
    seen: list[torch.Tensor] = []
    net.layers[0].register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    net(red)
    expected = [0.6 * 255 - 103.939, 0.8 * 255 - 116.779, 255 - 123.68]
    assert torch.allclose(seen[0][0, :3, 4, 4], torch.tensor(expected), atol=1e-3)


def test_its_weights_are_not_trained(tmp_path: Path) -> None:
    assert not any(p.requires_grad for p in load_vgg(fixtures.small_vgg(tmp_path / "v.npz")).parameters())


@pytest.mark.parametrize(
    ("name", "shape"), [("conv1_1.w", (4, 3, 5, 5)), ("conv2_1.w", (6, 5, 3, 3)), ("conv3_2.b", (7,))], ids=str
)
def test_an_array_of_the_wrong_shape_is_named(tmp_path: Path, name: str, shape: tuple[int, ...]) -> None:
    np.savez(tmp_path / "v.npz", **{**fixtures.small_vgg_arrays(), name: np.zeros(shape, "f4")})  # type: ignore[arg-type]
    with pytest.raises(TrainingDataError, match=name[:7]):
        load_vgg(tmp_path / "v.npz")


def test_a_missing_array_is_named(tmp_path: Path) -> None:
    arrays = fixtures.small_vgg_arrays()
    del arrays["conv4_3.b"]
    np.savez(tmp_path / "v.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(TrainingDataError, match=r"conv4_3\.b"):
        load_vgg(tmp_path / "v.npz")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match="cannot be read: No such file or directory; leave out --vgg"):
        load_vgg(tmp_path / "v.npz")


def one_array() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    return buffer.getvalue()


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut off", b"\x80\x04.", one_array()], ids=repr)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "v.npz").write_bytes(content)
    with pytest.raises(TrainingDataError, match=r"v\.npz is not an \.npz file, or only a part of one; leave"):
        load_vgg(tmp_path / "v.npz")


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    path = fixtures.small_vgg(tmp_path / "v.npz")
    data = bytearray(path.read_bytes())
    data[400:440] = bytes(40)
    path.write_bytes(data)
    with pytest.raises(TrainingDataError, match=r"damaged \.npz"):
        load_vgg(path)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_nan_or_infinite_weights_are_named(tmp_path: Path, wrong: float) -> None:
    arrays = fixtures.small_vgg_arrays()
    arrays["conv3_1.w"].flat[5] = wrong
    np.savez(tmp_path / "v.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(TrainingDataError, match=r"conv3_1\.w or conv3_1\.b holds NaN, infinity"):
        load_vgg(tmp_path / "v.npz")


def torchvision_file(path: Path, **options: bool) -> Path:
    """Write the same network as a state dictionary of torchvision, with an array that is not needed."""
    state: dict[str, torch.Tensor] = {}
    index = 0
    for name in LAYERS:
        if name == "pool":
            index += 1
            continue
        weight, bias = (torch.from_numpy(fixtures.small_vgg_arrays()[f"{name}.{part}"]).float() for part in "wb")
        state |= {f"features.{index}.weight": weight, f"features.{index}.bias": bias}
        index += 2
    torch.save({**state, "classifier.0.weight": torch.zeros(2, 2)}, path, **options)
    return path


@pytest.mark.parametrize("archive", [True, False], ids=["zip", "legacy"])
def test_torchvisions_state_dictionary_gives_the_same_features(tmp_path: Path, archive: bool) -> None:
    """Its weights expect RGB normalized by ImageNet's mean and deviation; those of the .npz file BGR minus the mean."""
    path = torchvision_file(tmp_path / "vgg16-397923af.pth", _use_new_zipfile_serialization=archive)
    theirs, ours = load_vgg(path), load_vgg(fixtures.small_vgg(tmp_path / "v.npz"))
    photo = torch.rand(1, 3, 32, 32)
    mean, deviation = (torch.tensor(v)[None, :, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    caffe = torch.tensor((103.939, 116.779, 123.68))[None, :, None, None]
    same = (((photo - mean) / deviation + caffe) / 255).flip(1)  # the same values in the other convention
    assert all(torch.allclose(a, b, rtol=1e-3, atol=1e-3) for a, b in zip(theirs(photo), ours(same), strict=True))


def test_code_in_a_pickled_model_is_not_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (tmp_path / "trapped",))

    torch.save({"features.0.weight": Trap()}, tmp_path / "v.pth")
    with pytest.raises(TrainingDataError, match=r"v\.pth is damaged, or not a state dictionary of VGG-16"):
        load_vgg(tmp_path / "v.pth")
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04 cut off", b"\x80\x02."], ids=repr)
def test_a_damaged_state_dictionary_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "v.pth").write_bytes(content)
    with pytest.raises(TrainingDataError, match=r"not a state dictionary of VGG-16; leave out --vgg"):
        load_vgg(tmp_path / "v.pth")


def test_another_networks_state_dictionary_is_refused(tmp_path: Path) -> None:
    torch.save({"features.0.weight": torch.zeros(4, 3, 3, 3), "features.0.bias": torch.zeros(4)}, tmp_path / "v.pth")
    with pytest.raises(TrainingDataError, match=r"holds no array 'features\.2\.weight'"):
        load_vgg(tmp_path / "v.pth")


def test_the_weights_that_come_with_stylecam_are_the_default() -> None:
    picture = torch.rand(1, 3, 64, 64)
    maps = load_vgg(None)(picture)
    assert [m.shape[1] for m in maps] == [64, 128, 256, 512]
    measured = OpenCVEngine().session(statistics_network(read_weights(shipped_vgg())), 64, 64)
    means = np.concatenate([m.mean((2, 3))[0].numpy() for m in maps])
    assert np.abs(_means(measured.run(picture.numpy(), ())) - means).max() < 1e-3 * means.max()


def _means(statistics: np.ndarray) -> np.ndarray:
    """Return the means of all channels from what the network of `statistics_network` measures."""
    parts = np.split(statistics.ravel(), np.cumsum([size for width in (64, 128, 256, 512) for size in (width, width)]))
    return np.concatenate(parts[:-1:2])


def test_weights_in_eight_bits_are_refused_in_a_file_of_ones_own() -> None:
    with pytest.raises(TrainingDataError, match=r"conv1_1\.w or conv1_1\.b holds .*whole numbers; leave out --vgg"):
        load_vgg(shipped_vgg())


def test_half_precision_gives_nearly_the_same_features_and_can_be_switched_off(tmp_path: Path) -> None:
    perceptual, picture = load_vgg(fixtures.small_vgg(tmp_path / "vgg.npz")), torch.rand(1, 3, 32, 32)
    whole = perceptual(picture)
    perceptual.use_bfloat16(True)
    halves = perceptual(picture)
    assert {half.dtype for half in halves} == {torch.bfloat16}
    for half, full in zip(halves, whole, strict=True):
        assert torch.allclose(half.float(), full, rtol=0.1, atol=0.05 * full.abs().max().item())
    perceptual.use_bfloat16(False)
    assert perceptual(picture)[3].dtype == torch.float32
