"""Tests of paintings as users write them on the command line."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest

from stylecam.errors import TrainingDataError
from stylecam.training.hyperparameters import Hyperparameters
from stylecam.training.style_image import StyleImage
from tests.training import fixtures


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
    path = fixtures.random_picture(tmp_path / "My painting.png")
    assert StyleImage.parse(pattern.format(path)) == StyleImage(name, path, weight, scale)


@pytest.mark.parametrize(
    "text", ["nothing.png", "x=nothing.png:2", ":", "=", "", "a\0b", "a" * 5000], ids=lambda text: ascii(text[:9])
)
def test_a_missing_painting_is_an_error(text: str) -> None:
    with pytest.raises(TrainingDataError, match="no painting"):
        StyleImage.parse(text)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match="is a folder; name the paintings in it"):
        StyleImage.parse(f"calm={tmp_path}")


def test_a_tilde_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    path = fixtures.random_picture(tmp_path / "a.png")
    assert StyleImage.parse("calm=~/a.png:0.6") == StyleImage("calm", path, 0.6)


@pytest.mark.parametrize(
    ("file", "name", "title"),
    [
        ("Frühling.png", "fruhling", "Frühling"),
        (unicodedata.normalize("NFD", "Frühling.png"), "fruhling", "Frühling"),
        ("Жатва 2.png", "2", "Жатва 2"),
        ("van_gogh-harvest (1).png", "van_gogh_harvest_1", "Van Gogh Harvest 1"),
    ],
    ids=["accent", "accent as macOS writes it", "other letters", "plain"],
)
def test_a_painting_is_named_after_its_file(tmp_path: Path, file: str, name: str, title: str) -> None:
    (tmp_path / file).write_bytes(b"")
    painting = StyleImage.parse(str(tmp_path / file))
    assert (painting.name, painting.title) == (name, title)


def test_undecodable_characters_of_a_file_name_do_not_get_into_the_bank() -> None:
    painting = StyleImage("spring", Path("fr\udcfchling.png"))  # as Python decodes a file name that is not UTF-8
    json.dumps(painting.entry(Hyperparameters(steps=1)), ensure_ascii=False).encode()
    painting.title.encode()


@pytest.mark.parametrize("weight", ["0", "-1", "nan", "inf"])
def test_an_invalid_weight_is_an_error(tmp_path: Path, weight: str) -> None:
    with pytest.raises(TrainingDataError, match="weight"):
        StyleImage.parse(f"{fixtures.random_picture(tmp_path / 'a.png')}:{weight}")


@pytest.mark.parametrize("scale", ["0", "63", "2049", "99999999999999"])
def test_an_invalid_scale_is_an_error(tmp_path: Path, scale: str) -> None:
    with pytest.raises(TrainingDataError, match="scale"):
        StyleImage.parse(f"{fixtures.random_picture(tmp_path / 'a.png')}@{scale}")


def test_the_paintings_own_scale_overrides_the_general_one(tmp_path: Path) -> None:
    path = fixtures.random_picture(tmp_path / "a@b.png", width=200, height=100)
    assert StyleImage.parse(f"{path}@80").read(64).shape == (80, 160, 3)


def test_it_is_read_with_the_requested_short_side(tmp_path: Path) -> None:
    path = fixtures.random_picture(tmp_path / "a.png", width=200, height=100)
    assert StyleImage("a", path).read(64).shape == (64, 128, 3)


def test_a_tiny_painting_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match="63×200"):
        StyleImage("a", fixtures.random_picture(tmp_path / "a.png", width=63, height=200)).read(64)


def test_a_painting_that_is_not_a_picture_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("no picture")
    with pytest.raises(TrainingDataError, match="no picture"):
        StyleImage("a", tmp_path / "a.jpg").read(64)
