"""Tests of the PyTorch importer: the same picture as PyTorch's, and no code in the file is run."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stylecam.errors import ImporterUnavailableError, ModelFormatError
from stylecam.models.importers import pytorch
from stylecam.models.importers.base import ImportOptions
from tests.models.importers.pictures import FloatImage, photo, run_imported

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
functional = torch.nn.functional

Weights = dict[str, Any]
WIDTHS = (("conv1", "in1", 3, 4, 9), ("conv2", "in2", 4, 6, 3), ("conv3", "in3", 6, 8, 3))
ENDS = (("deconv1", "in4", 8, 6, 3), ("deconv2", "in5", 6, 4, 3))


def weights(blocks: int = 2, old: bool = False) -> Weights:
    """Return random weights of a small network of the PyTorch example."""
    torch.manual_seed(5)
    result: Weights = {}
    layers = [*WIDTHS, *ENDS]
    layers += [(f"res{n}.conv{i}", f"res{n}.in{i}", 8, 8, 3) for n in range(1, blocks + 1) for i in (1, 2)]
    for convolution, norm, in_channels, channels, kernel in [*layers, ("deconv3", "", 4, 3, 9)]:
        last = not norm
        scale = (40 if last else 1) / (in_channels * kernel * kernel) ** 0.5
        result[f"{convolution}.conv2d.weight"] = scale * torch.randn(channels, in_channels, kernel, kernel)
        result[f"{convolution}.conv2d.bias"] = torch.randn(channels) * 10 + (128 if last else 0)
        if norm:
            result[f"{norm}.weight"], result[f"{norm}.bias"] = (
                1 + 0.1 * torch.randn(channels),
                0.1 * torch.randn(channels),
            )
        if norm and old:
            result[f"{norm}.running_mean"], result[f"{norm}.running_var"] = torch.randn(channels), torch.ones(channels)
    return result


def torch_bytes(value: Any, legacy: bool = False) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=not legacy)
    return file.getvalue()


def reference_result(state: Weights, image: Any) -> FloatImage:
    """Return the result of the example's own forward pass, RGB 0..1."""

    def convolution(x: Any, name: str, stride: int = 1) -> Any:
        weight = state[f"{name}.conv2d.weight"]
        padding = weight.shape[-1] // 2
        return functional.conv2d(
            functional.pad(x, [padding] * 4, mode="reflect"), weight, state[f"{name}.conv2d.bias"], stride
        )

    def norm(x: Any, name: str) -> Any:
        return functional.instance_norm(x, weight=state[f"{name}.weight"], bias=state[f"{name}.bias"])

    x = torch.from_numpy(np.ascontiguousarray(image[:, :, ::-1].transpose(2, 0, 1), np.float32))[None]
    for number, stride in ((1, 1), (2, 2), (3, 2)):
        x = norm(convolution(x, f"conv{number}", stride), f"in{number}").relu()
    for number in (1, 2):
        inner = norm(convolution(x, f"res{number}.conv1"), f"res{number}.in1").relu()
        x = x + norm(convolution(inner, f"res{number}.conv2"), f"res{number}.in2")
    for number in (1, 2):
        x = functional.interpolate(x, scale_factor=2, mode="nearest")
        x = norm(convolution(x, f"deconv{number}"), f"in{number + 3}").relu()
    x = convolution(x, "deconv3")
    return np.asarray((x[0].permute(1, 2, 0).numpy() / 255).clip(0, 1), np.float32)


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "pickle"])
@pytest.mark.parametrize("old", [False, True], ids=["new", "with running stats"])
def test_the_result_is_the_one_of_pytorch(old: bool, legacy: bool, tmp_path: Path) -> None:
    state = weights(old=old)
    image = photo()
    data = torch_bytes(state, legacy)
    assert pytorch.accepts(data)
    (candidate,) = pytorch.convert(data, ImportOptions())
    result, expected = run_imported(candidate.graph.encode({}), image, tmp_path), reference_result(state, image)
    assert expected.std() > 0.05
    assert np.abs(result - expected).max() * 255 <= 2
    assert np.abs(result - expected).mean() * 255 <= 0.3
    assert candidate.notes == ("PyTorch fast-neural-style, 2 residual blocks", "colours: 0..255, RGB")


@pytest.mark.parametrize(
    "wrap",
    [lambda s: {"state_dict": s, "epoch": 3}, lambda s: {f"module.{k}": v for k, v in s.items()}],
    ids=["checkpoint", "parallel"],
)
def test_checkpoints_and_data_parallel_weights_are_accepted(wrap: Any) -> None:
    plain, wrapped = (
        pytorch.convert(torch_bytes(state), ImportOptions())[0].graph.encode({})
        for state in (weights(1), wrap(weights(1)))
    )
    assert plain == wrapped


class Bomb:
    def __reduce__(self) -> Any:
        return Path.touch, (Path("exploded"),)


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "pickle"])
def test_code_in_a_pickle_is_never_run(legacy: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for data in (torch_bytes({"conv1.conv2d.weight": Bomb()}, legacy), pickle.dumps(Bomb(), 2)):
        with pytest.raises(ModelFormatError, match="code in it is not run"):
            pytorch.convert(data, ImportOptions())
    assert list(tmp_path.iterdir()) == []


def without(name: str) -> Weights:
    return {key: value for key, value in weights(1).items() if key != name}


def with_huge_expanded_tensor() -> Weights:
    return {"conv1.conv2d.weight": torch.zeros(1).expand(1 << 20, 1 << 20)}


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({}, "no weights by name"),
        ([1, 2], "no weights by name"),
        ({"epoch": 3}, "'epoch' is not a weight"),
        (without("in1.weight"), "has no weight 'in1.weight'"),
        (without("res1.conv2.conv2d.bias"), "has no weight 'res1.conv2.conv2d.bias'"),
        ({**weights(1), "fc.weight": torch.zeros(2)}, "it has 'fc.weight'"),
        ({**weights(1), "conv2.conv2d.weight": torch.zeros(6, 5, 3, 3)}, "is 6×5×3×3, which does not fit 4 channels"),
        ({**weights(1), "in1.bias": torch.zeros(5)}, "'in1.bias' is 5, which"),
        ({**weights(1), "in1.bias": torch.full((4,), float("nan"))}, "is not a number somewhere"),
        ({**weights(1), "in1.bias": torch.zeros(4, dtype=torch.int64)}, "is not a weight"),
        (with_huge_expanded_tensor(), "which share storage, would fill"),
    ],
)
def test_other_weights_are_refused_by_name(state: Any, message: str) -> None:
    with pytest.raises(ModelFormatError, match=message):
        pytorch.convert(torch_bytes(state), ImportOptions())


def test_a_file_cut_anywhere_is_refused() -> None:
    for data in (torch_bytes({"a": torch.zeros(3)}), torch_bytes({"a": torch.zeros(3)}, legacy=True)):
        for end in range(4, len(data), 29):
            with pytest.raises(ModelFormatError):
                pytorch.convert(data[:end], ImportOptions())


def test_a_zip_bomb_is_refused() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("archive/data.pkl", bytes(2**22))
    with pytest.raises(ModelFormatError, match="claims to unpack to 4194304"):
        pytorch.convert(file.getvalue(), ImportOptions())


def test_without_pytorch_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stylecam.utils.optional.find_spec", lambda name: None)
    with pytest.raises(ImporterUnavailableError, match=r'pip install .*"stylecam\[train\]"'):
        pytorch.convert(b"PK\x03\x04", ImportOptions())
