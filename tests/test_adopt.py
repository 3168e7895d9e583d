"""A foreign network is taken in only after it painted a photo well."""

from __future__ import annotations

from pathlib import Path

import pytest

from stylecam.adopt import adopt
from stylecam.errors import ModelFormatError
from stylecam.styles.importers.select import ImportOptions
from tests.styles.importers.foreign_files import Foreign, unit, zoo


def written(folder: Path, data: bytes) -> Path:
    path = folder / "theirs.onnx"
    path.write_bytes(data)
    return path


def test_a_network_that_paints_is_taken(tmp_path: Path) -> None:
    made = adopt(written(tmp_path, zoo().saved()), ImportOptions())
    assert "0..255" in made.notes[1]


def test_where_nothing_tells_its_range_painting_does(tmp_path: Path) -> None:
    """It makes nothing brighter than 1: black where white is 255, and all there is where it is 1."""
    net = Foreign().core()
    made = adopt(written(tmp_path, net.then("Min", net.constant(1)).saved()), ImportOptions())
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
        adopt(written(tmp_path, net.saved()), ImportOptions())


def test_a_range_said_wrongly_shows(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match=r"burnt out|white"):
        adopt(written(tmp_path, zoo().saved()), ImportOptions(colours="0..255:0..1"))
