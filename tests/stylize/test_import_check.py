"""Tests of importing a network and checking it on a photo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stylecam.errors import ModelFormatError, UsageError
from stylecam.models.importers.base import ImportOptions
from stylecam.stylize.import_check import TRIAL_SIZE, import_and_check
from stylecam.utils.sandbox import SandboxLimits
from tests.models.importers.onnx_files import ForeignNetwork, model_zoo_network, sigmoid_network


def written(folder: Path, data: bytes) -> Path:
    path = folder / "foreign.onnx"
    path.write_bytes(data)
    return path


def test_a_working_network_is_imported(tmp_path: Path) -> None:
    imported = import_and_check(written(tmp_path, model_zoo_network().encode()), ImportOptions())
    assert "0..255" in imported.notes[1]


def test_an_unknown_color_range_is_found_by_trying(tmp_path: Path) -> None:
    """The network clips at 1, so its result is black if read as 0..255 and right if read as 0..1."""
    net = ForeignNetwork().add_convolution()
    imported = import_and_check(written(tmp_path, net.add_node("Min", net.constant(1)).encode()), ImportOptions())
    assert "0..1, RGB: nothing in it tells" in imported.notes[1]


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (sigmoid_network().add_arithmetic("Mul", 0), "all black"),
        (ForeignNetwork().add_convolution(-1).add_node("Sigmoid"), "inverted|one even colour"),
        (ForeignNetwork().add_convolution(-8, 4).add_node("Sigmoid"), "inverted"),
        (ForeignNetwork().add_convolution().add_node("MaxPool", kernel_shape=[2, 2], strides=[2, 2]), "gave shape"),
    ],
)
def test_a_network_with_a_bad_result_is_refused_with_the_reason(
    net: ForeignNetwork, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelFormatError, match=message):
        import_and_check(written(tmp_path, net.encode()), ImportOptions())


def test_a_wrong_color_range_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match=r"burnt out|white"):
        import_and_check(written(tmp_path, model_zoo_network().encode()), ImportOptions(color_range="0..255:0..1"))


def works_at_one_size() -> ForeignNetwork:
    """Return a network that adds zeros of the size of the trial's photo, so that it fails at every other size."""
    net = ForeignNetwork().add_convolution()
    return net.add_arithmetic("Add", np.zeros((1, 3, TRIAL_SIZE.height, TRIAL_SIZE.width)))


def test_a_network_that_runs_at_the_size_of_the_trial_only_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, works_at_one_size().encode((1, 3, "H", "W")))
    with pytest.raises(ModelFormatError, match=r"of 264x200 and not of (88x80|536x312) .*export it with free"):
        import_and_check(path, ImportOptions())


def memory_hungry(times: int) -> ForeignNetwork:
    """Return a small network that needs gigabytes when it runs on a photo."""
    net = ForeignNetwork().add_convolution()
    for _ in range(times):
        net.add_node("Resize", "", net.constant([1, 1, 4, 4]), mode="nearest")
    for _ in range(times):
        net.add_node("MaxPool", kernel_shape=[4, 4], strides=[4, 4])
    return net


def test_a_network_that_needs_too_much_memory_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, memory_hungry(4).encode())
    assert path.stat().st_size < 4096
    with pytest.raises(ModelFormatError, match=r"refused: trying it on a photo needed more than 300 MB of memory"):
        import_and_check(path, ImportOptions(), SandboxLimits(100, 300 * 2**20))


def test_a_network_that_takes_too_long_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, model_zoo_network().encode())
    with pytest.raises(ModelFormatError, match=r"trying it on a photo took longer than 0\.01 s"):
        import_and_check(path, ImportOptions(), SandboxLimits(0.01, 2**30))


@pytest.mark.parametrize(
    ("options", "error"),
    [(ImportOptions(order="gbr"), UsageError), (ImportOptions(layout="nhwc"), ModelFormatError)],
)
def test_errors_keep_their_class(options: ImportOptions, error: type[Exception], tmp_path: Path) -> None:
    with pytest.raises(error):
        import_and_check(written(tmp_path, model_zoo_network().encode()), options)
