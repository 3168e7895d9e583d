"""The perceptual network: where its weights come from and what is said when they cannot be had."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from stylecam.errors import TrainingDataError
from stylecam.training.perceptual import load_perceptual
from tests.training import material


def test_four_maps_each_half_the_size_of_the_one_before(tmp_path: Path) -> None:
    maps = load_perceptual(material.vgg(tmp_path / "v.npz"))(torch.rand(2, 3, 64, 48))
    assert [tuple(m.shape) for m in maps] == [(2, 4, 64, 48), (2, 6, 32, 24), (2, 8, 16, 12), (2, 8, 8, 6)]


def test_fewer_maps_are_the_same_maps(tmp_path: Path) -> None:
    net, picture = load_perceptual(material.vgg(tmp_path / "v.npz")), torch.rand(1, 3, 64, 64)
    assert all(torch.equal(a, b) for a, b in zip(net(picture, taps=3), net(picture), strict=False))


def test_the_file_is_for_blue_first_minus_its_mean(tmp_path: Path) -> None:
    """The middle of the first layer's kernel sees exactly what the convention says."""
    arrays = material.vgg_arrays()
    arrays["conv1_1.w"][:] = 0
    for channel in range(3):
        arrays["conv1_1.w"][channel, channel, 1, 1] = 1
    arrays["conv1_1.b"][:] = 0
    np.savez(tmp_path / "v.npz", **arrays)  # type: ignore[arg-type]
    net = load_perceptual(tmp_path / "v.npz")
    red = torch.tensor([1.0, 0.8, 0.6])[None, :, None, None].expand(1, 3, 8, 8)
    seen: list[torch.Tensor] = []
    net.layers[0].register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    net(red)
    wanted = [0.6 * 255 - 103.939, 0.8 * 255 - 116.779, 255 - 123.68]
    assert torch.allclose(seen[0][0, :3, 4, 4], torch.tensor(wanted), atol=1e-3)


def test_nothing_of_it_learns(tmp_path: Path) -> None:
    assert not any(p.requires_grad for p in load_perceptual(material.vgg(tmp_path / "v.npz")).parameters())


@pytest.mark.parametrize(
    ("name", "shape"), [("conv1_1.w", (4, 3, 5, 5)), ("conv2_1.w", (6, 5, 3, 3)), ("conv3_2.b", (7,))], ids=str
)
def test_an_array_of_the_wrong_shape_is_named(tmp_path: Path, name: str, shape: tuple[int, ...]) -> None:
    np.savez(tmp_path / "v.npz", **{**material.vgg_arrays(), name: np.zeros(shape, "f4")})  # type: ignore[arg-type]
    with pytest.raises(TrainingDataError, match=name[:7]):
        load_perceptual(tmp_path / "v.npz")


def test_a_missing_array_is_named(tmp_path: Path) -> None:
    arrays = material.vgg_arrays()
    del arrays["conv4_3.b"]
    np.savez(tmp_path / "v.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(TrainingDataError, match=r"conv4_3\.b"):
        load_perceptual(tmp_path / "v.npz")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match="cannot be read: No such file or directory; give the weights"):
        load_perceptual(tmp_path / "v.npz")


def one_array() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    return buffer.getvalue()


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut off", b"\x80\x04.", one_array()], ids=repr)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "v.npz").write_bytes(content)
    with pytest.raises(TrainingDataError, match=r"v\.npz is no \.npz, or only a part of one; give the weights"):
        load_perceptual(tmp_path / "v.npz")


def test_an_archive_with_spoiled_bytes_is_refused(tmp_path: Path) -> None:
    path = material.vgg(tmp_path / "v.npz")
    data = bytearray(path.read_bytes())
    data[400:440] = bytes(40)
    path.write_bytes(data)
    with pytest.raises(TrainingDataError, match=r"damaged \.npz"):
        load_perceptual(path)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_named_before_any_step(tmp_path: Path, wrong: float) -> None:
    arrays = material.vgg_arrays()
    arrays["conv3_1.w"].flat[5] = wrong
    np.savez(tmp_path / "v.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(TrainingDataError, match=r"conv3_1\.w or \.b holds what is no number"):
        load_perceptual(tmp_path / "v.npz")


def test_without_any_weights_both_ways_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    with pytest.raises(TrainingDataError, match=r"--vgg FILE.*pip install torchvision"):
        load_perceptual(None)


def test_half_precision_gives_nearly_the_same_and_can_be_taken_back(tmp_path: Path) -> None:
    perceptual, picture = load_perceptual(material.vgg(tmp_path / "vgg.npz")), torch.rand(1, 3, 32, 32)
    whole = perceptual(picture)
    perceptual.bfloat16 = True
    halves = perceptual(picture)
    assert {half.dtype for half in halves} == {torch.bfloat16}
    for half, full in zip(halves, whole, strict=True):
        assert torch.allclose(half.float(), full, rtol=0.1, atol=0.05 * full.abs().max().item())
    perceptual.bfloat16 = False
    assert perceptual(picture)[3].dtype == torch.float32
