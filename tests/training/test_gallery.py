"""Tests of gallery files, which list paintings and their settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from stylecam.errors import TrainingDataError
from stylecam.training.config import TrainingConfig
from stylecam.training.gallery import read_gallery
from stylecam.training.trainer import Trainer
from tests.training import fixtures

SHIPPED = Path(__file__).parents[2] / "models" / "gallery.toml"


def gallery(folder: Path, text: str) -> Path:
    fixtures.random_picture(folder / "wave.png", width=200, height=100)
    path = folder / "gallery.toml"
    path.write_text(text)
    return path


def test_a_gallery_sets_every_property_of_its_paintings(tmp_path: Path) -> None:
    text = '[[painting]]\nfile = "wave.png"\ntitle = "The Wave"\nyear = 1831\nweight = 2\nshare = 3\nscale = 96\n'
    text += 'stability = 0.5\ncrop = [0.5, 0, 1, 1]\n[[painting]]\nname = "Big Wave"\nfile = "wave.png"\n'
    first, second = read_gallery(gallery(tmp_path, text))
    assert (first.name, first.weight, first.share, first.stability) == ("wave", 2.0, 3.0, 0.5)
    assert first.card == {"title": "The Wave", "year": 1831}
    assert first.read(64).shape == (96, 96, 3)
    assert (second.name, second.weight, second.share, second.stability) == ("big_wave", 1.0, 1.0, 1.0)
    assert (second.scale, second.card) == (None, {})


def test_a_gallery_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = gallery(tmp_path, "")
    path.write_text('[[painting]]\nfile = "wave.png"\n', "utf-8-sig")
    assert read_gallery(path)[0].name == "wave"


def test_the_pictures_may_lie_in_another_folder(tmp_path: Path) -> None:
    (tmp_path / "art").mkdir()
    path = gallery(tmp_path / "art", '[[painting]]\nfile = "wave.png"\n').rename(tmp_path / "gallery.toml")
    assert read_gallery(path, tmp_path / "art")[0].path == tmp_path / "art" / "wave.png"
    with pytest.raises(TrainingDataError, match="--paintings"):
        read_gallery(path)


def test_a_training_config_keeps_the_whole_gallery(tmp_path: Path) -> None:
    text = '[[painting]]\nfile = "wave.png"\ncrop = [0, 0, 1, 1]\nartist = "H."\n'
    paintings = read_gallery(gallery(tmp_path, text))
    config = TrainingConfig(fixtures.hyperparameters(), paintings, (tmp_path,))
    assert TrainingConfig.from_dict(config.as_dict()).paintings == paintings


def test_a_banks_cards_hold_what_the_gallery_says_and_how_each_style_was_trained(tmp_path: Path) -> None:
    text = '[[painting]]\nfile = "wave.png"\ncrop = [0, 0, 1, 0.9]\nartist = "H."\nweight = 2\n'
    config = fixtures.training_config(tmp_path, "blots")
    config = replace(config, paintings=(*config.paintings, *read_gallery(gallery(tmp_path, text))))
    blots, wave = Trainer.begin(config, tmp_path / "bank.onnx").entries
    learned = {"fine": 0.0, "style": 2.0, "scale": 64, "crop": None}
    assert blots == {"name": "blots", "title": "Blots", "learned": {**learned, "file": "blots.png"}}
    assert wave["learned"] == {**learned, "style": 4.0, "crop": [0.0, 0.0, 1.0, 0.9], "file": "wave.png"}
    assert (wave["title"], wave["artist"]) == ("Wave", "H.")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must hold"),
        ("x = 1", "must hold"),
        ("painting = 3", "must hold"),
        ("painting = [3]", "painting 1 has no file"),
        ("[[painting]\n", "line 1"),
        ("x = " + "[" * 5000, "cannot be read as a gallery"),
        ('[[painting]]\nfile = "' + "a" * 5000 + '"\n', "there is no picture"),
        ('[[painting]]\nfile = "wave.png"\nweight = 1' + "0" * 400 + "\n", "painting 1"),
        ('[[painting]]\nname = "a"\n', "painting 1 has no file"),
        ('[[painting]]\nfile = "gone.png"\n', "gone.png"),
        ('[[painting]]\nfile = "wave.png"\nwieght = 2\n', "'weight'?"),
        ('[[painting]]\nfile = "wave.png"\nyear = "1831"\n', "year must be a whole number"),
        ('[[painting]]\nfile = "wave.png"\nscale = true\n', "scale must be a whole number"),
        ('[[painting]]\nfile = "wave.png"\nweight = 0\n', "weight"),
        ('[[painting]]\nfile = "wave.png"\nshare = 0\n', "share"),
        ('[[painting]]\nfile = "wave.png"\nstability = -1\n', "stability"),
        ('[[painting]]\nfile = "wave.png"\nscale = 3\n', "scale"),
        ('[[painting]]\nfile = "wave.png"\ncrop = [0, 0, 1]\n', "crop"),
        ('[[painting]]\nfile = "wave.png"\ncrop = [0.5, 0, 0.5, 1]\n', "crop"),
        ('[[painting]]\nfile = "wave.png"\ncrop = ["a", 0, 1, 1]\n', "crop must be a list of four numbers"),
        ('[[painting]]\nfile = "wave.png"\nweight = "heavy"\n', "weight must be a number, not 'heavy'"),
    ],
)
def test_an_invalid_gallery_is_refused_with_the_place_of_the_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(TrainingDataError, match="gallery.toml.*" + message):
        read_gallery(gallery(tmp_path, text))


def test_a_file_that_is_not_a_gallery_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "gallery.toml").write_bytes(b"\xff\xfe")
    for path in (tmp_path / "gallery.toml", tmp_path / "none.toml"):
        with pytest.raises(TrainingDataError, match="cannot be read as a gallery"):
            read_gallery(path)


def test_the_shipped_gallery_names_title_artist_and_source_of_each_painting(tmp_path: Path) -> None:
    for line in SHIPPED.read_text().splitlines():
        if line.startswith("file = "):
            fixtures.random_picture(tmp_path / line.split('"')[1], width=200, height=200)
    paintings = read_gallery(SHIPPED, tmp_path)
    assert len({painting.name for painting in paintings}) == len(paintings) >= 16
    assert all({"title", "artist", "source"} <= set(painting.card) for painting in paintings)
