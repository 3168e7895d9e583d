"""A foreign network is taken in only after it painted a photo well."""

from __future__ import annotations

from pathlib import Path

import pytest

from stylecam.errors import ModelFormatError, UsageError
from stylecam.models.importers.base import ImportOptions
from stylecam.stylize.import_check import import_and_check
from stylecam.utils.sandbox import SandboxLimits
from tests.models.importers.onnx_files import Foreign, unit, zoo


def written(folder: Path, data: bytes) -> Path:
    path = folder / "theirs.onnx"
    path.write_bytes(data)
    return path


def test_a_network_that_paints_is_taken(tmp_path: Path) -> None:
    made = import_and_check(written(tmp_path, zoo().saved()), ImportOptions())
    assert "0..255" in made.notes[1]


def test_where_nothing_tells_its_range_painting_does(tmp_path: Path) -> None:
    """It makes nothing brighter than 1: black where white is 255, and all there is where it is 1."""
    net = Foreign().core()
    made = import_and_check(written(tmp_path, net.then("Min", net.constant(1)).saved()), ImportOptions())
    assert "0..1, RGB: nothing in it says" in made.notes[1]


@pytest.mark.parametrize(
    ("net", "says"),
    [
        (unit().number("Mul", 0), "all black"),
        (Foreign().core(-1).then("Sigmoid"), "inverted|one even colour"),
        (Foreign().core(-8, 4).then("Sigmoid"), "inverted"),
        (Foreign().core().then("MaxPool", kernel_shape=[2, 2], strides=[2, 2]), "gave shape"),
    ],
)
def test_a_network_that_does_not_paint_is_refused_with_the_reason(net: Foreign, says: str, tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match=says):
        import_and_check(written(tmp_path, net.saved()), ImportOptions())


def test_a_range_said_wrongly_shows(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match=r"burnt out|white"):
        import_and_check(written(tmp_path, zoo().saved()), ImportOptions(color_range="0..255:0..1"))


def swelling(times: int) -> Foreign:
    """Kilobytes that, run on a photo, fill gigabytes."""
    net = Foreign().core()
    for _ in range(times):
        net.then("Resize", "", net.constant([1, 1, 4, 4]), mode="nearest")
    for _ in range(times):
        net.then("MaxPool", kernel_shape=[4, 4], strides=[4, 4])
    return net


def test_a_network_that_wants_all_memory_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, swelling(4).saved())
    assert path.stat().st_size < 4096
    with pytest.raises(ModelFormatError, match=r"refused: trying it on a photo wanted more than 300 MB of memory"):
        import_and_check(path, ImportOptions(), SandboxLimits(100, 300 * 2**20))


def test_a_network_that_takes_too_long_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, zoo().saved())
    with pytest.raises(ModelFormatError, match=r"trying it on a photo took longer than 0\.01 s"):
        import_and_check(path, ImportOptions(), SandboxLimits(0.01, 2**30))


@pytest.mark.parametrize(
    ("options", "error"),
    [(ImportOptions(order="gbr"), UsageError), (ImportOptions(layout="nhwc"), ModelFormatError)],
)
def test_errors_come_back_as_what_they_are(options: ImportOptions, error: type[Exception], tmp_path: Path) -> None:
    with pytest.raises(error):
        import_and_check(written(tmp_path, zoo().saved()), options)
