"""Tests of importing a network and checking it on a photo."""

from __future__ import annotations

from pathlib import Path

import pytest

from stylecam.errors import ModelFormatError, UsageError
from stylecam.models.importers.base import ImportOptions
from stylecam.stylize.import_check import import_and_check
from stylecam.utils.sandbox import SandboxLimits
from tests.models.importers.onnx_files import Foreign, unit, zoo


def written(folder: Path, data: bytes) -> Path:
    path = folder / "foreign.onnx"
    path.write_bytes(data)
    return path


def test_a_working_network_is_imported(tmp_path: Path) -> None:
    imported = import_and_check(written(tmp_path, zoo().saved()), ImportOptions())
    assert "0..255" in imported.notes[1]


def test_an_unknown_color_range_is_found_by_trying(tmp_path: Path) -> None:
    """The network clips at 1, so its result is black if read as 0..255 and right if read as 0..1."""
    net = Foreign().core()
    imported = import_and_check(written(tmp_path, net.then("Min", net.constant(1)).saved()), ImportOptions())
    assert "0..1, RGB: nothing in it tells" in imported.notes[1]


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (unit().number("Mul", 0), "all black"),
        (Foreign().core(-1).then("Sigmoid"), "inverted|one even colour"),
        (Foreign().core(-8, 4).then("Sigmoid"), "inverted"),
        (Foreign().core().then("MaxPool", kernel_shape=[2, 2], strides=[2, 2]), "gave shape"),
    ],
)
def test_a_network_with_a_bad_result_is_refused_with_the_reason(net: Foreign, message: str, tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match=message):
        import_and_check(written(tmp_path, net.saved()), ImportOptions())


def test_a_wrong_color_range_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match=r"burnt out|white"):
        import_and_check(written(tmp_path, zoo().saved()), ImportOptions(color_range="0..255:0..1"))


def memory_hungry(times: int) -> Foreign:
    """Return a small network that needs gigabytes when it runs on a photo."""
    net = Foreign().core()
    for _ in range(times):
        net.then("Resize", "", net.constant([1, 1, 4, 4]), mode="nearest")
    for _ in range(times):
        net.then("MaxPool", kernel_shape=[4, 4], strides=[4, 4])
    return net


def test_a_network_that_needs_too_much_memory_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, memory_hungry(4).saved())
    assert path.stat().st_size < 4096
    with pytest.raises(ModelFormatError, match=r"refused: trying it on a photo needed more than 300 MB of memory"):
        import_and_check(path, ImportOptions(), SandboxLimits(100, 300 * 2**20))


def test_a_network_that_takes_too_long_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, zoo().saved())
    with pytest.raises(ModelFormatError, match=r"trying it on a photo took longer than 0\.01 s"):
        import_and_check(path, ImportOptions(), SandboxLimits(0.01, 2**30))


@pytest.mark.parametrize(
    ("options", "error"),
    [(ImportOptions(order="gbr"), UsageError), (ImportOptions(layout="nhwc"), ModelFormatError)],
)
def test_errors_keep_their_class(options: ImportOptions, error: type[Exception], tmp_path: Path) -> None:
    with pytest.raises(error):
        import_and_check(written(tmp_path, zoo().saved()), options)
