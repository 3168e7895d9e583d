"""Paintings as a user names them."""

from __future__ import annotations

from pathlib import Path

import pytest

from stylecam.errors import TrainingDataError
from stylecam.training.painting import Painting
from tests.training import material


@pytest.mark.parametrize(
    ("pattern", "name", "weight", "scale"),
    [
        ("{}", "my_painting", 1.0, None),
        ("{}:0.6", "my_painting", 0.6, None),
        ("{}@384", "my_painting", 1.0, 384),
        ("calm={}", "calm", 1.0, None),
        ("Big Wave={}:2@256", "big_wave", 2.0, 256),
    ],
)
def test_a_painting_has_a_name_a_weight_and_a_scale(
    tmp_path: Path, pattern: str, name: str, weight: float, scale: int | None
) -> None:
    path = material.picture(tmp_path / "My painting.png")
    assert Painting.parse(pattern.format(path)) == Painting(name, path, weight, scale)


@pytest.mark.parametrize(
    "text", ["nothing.png", "x=nothing.png:2", ":", "=", "", "a\0b", "a" * 5000], ids=lambda text: ascii(text[:9])
)
def test_a_painting_that_is_not_there_is_an_error(text: str) -> None:
    with pytest.raises(TrainingDataError, match="no painting"):
        Painting.parse(text)


@pytest.mark.parametrize("weight", ["0", "-1", "nan", "inf"])
def test_a_weight_that_cannot_be_meant_is_an_error(tmp_path: Path, weight: str) -> None:
    with pytest.raises(TrainingDataError, match="weight"):
        Painting.parse(f"{material.picture(tmp_path / 'a.png')}:{weight}")


@pytest.mark.parametrize("scale", ["0", "63", "2049", "99999999999999"])
def test_a_scale_that_cannot_be_meant_is_an_error(tmp_path: Path, scale: str) -> None:
    with pytest.raises(TrainingDataError, match="scale"):
        Painting.parse(f"{material.picture(tmp_path / 'a.png')}@{scale}")


def test_its_own_scale_comes_before_that_of_all(tmp_path: Path) -> None:
    path = material.picture(tmp_path / "a@b.png", width=200, height=100)
    assert Painting.parse(f"{path}@80").read(64).shape == (80, 160, 3)


def test_it_is_read_with_its_short_side_as_asked(tmp_path: Path) -> None:
    path = material.picture(tmp_path / "a.png", width=200, height=100)
    assert Painting("a", path).read(64).shape == (64, 128, 3)


def test_a_tiny_painting_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match="63×200"):
        Painting("a", material.picture(tmp_path / "a.png", width=63, height=200)).read(64)


def test_a_painting_that_is_no_picture_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("no picture")
    with pytest.raises(TrainingDataError, match="no picture"):
        Painting("a", tmp_path / "a.jpg").read(64)
