"""Tests of finding the painting of a style."""

from __future__ import annotations

from pathlib import Path

import pytest

from stylecam.errors import TrainingDataError, UsageError
from stylecam.evaluation.quality.style_image_lookup import match_style_images
from tests.training import fixtures


def folder(place: Path, *names: str) -> Path:
    for name in names:
        (place / f"{name}.jpg").touch()
    return place


@pytest.mark.parametrize(
    ("style", "files", "expected"),
    [
        ("starry_night", ["van_gogh_starry_night_1889", "van_gogh_night_cafe_1888"], "van_gogh_starry_night_1889"),
        ("the_scream", ["munch_scream_1893", "ice_screams"], "munch_scream_1893"),
        ("composition_vii", ["kandinsky_composition_viii", "kandinsky_composition_vii_1913"],
         "kandinsky_composition_vii_1913"),
        ("wave", ["wave", "a_wave", "waves"], "wave"),
        ("great_wave", ["hokusai_great_wave_in_colours", "great_wave_1831"], "great_wave_1831"),
        ("udnie", ["Picabia-Udnie (1913)"], "Picabia-Udnie (1913)"),
        ("wheat", ["wheatfield"], "wheatfield"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_painting_is_found_by_its_name(style: str, files: list[str], expected: str, tmp_path: Path) -> None:
    matches = match_style_images({style: None}, [folder(tmp_path, *files)])
    assert matches.paintings[style].path.stem == expected
    assert matches.notes == []


def test_two_that_match_equally_are_noted(tmp_path: Path) -> None:
    matches = match_style_images({"wave": None}, [folder(tmp_path, "a_wave_1", "a_wave_2")])
    assert matches.paintings["wave"].path.stem == "a_wave_2"
    (note,) = matches.notes
    assert "a_wave_1.jpg" in note
    assert "--painting wave=FILE" in note


def test_the_file_that_a_style_was_learned_from_comes_first(tmp_path: Path) -> None:
    matches = match_style_images(
        {"wave": "hokusai.jpg", "storm": "lost.jpg"}, [folder(tmp_path, "wave", "hokusai", "storm")]
    )
    assert {name: painting.path.stem for name, painting in matches.paintings.items()} == {
        "wave": "hokusai",
        "storm": "storm",
    }


def test_a_style_without_a_painting_is_named(tmp_path: Path) -> None:
    matches = match_style_images({"wave": None, "scream": None}, [folder(tmp_path, "wave")])
    assert list(matches.paintings) == ["wave"]
    assert matches.notes[0].startswith("scream")


def test_a_named_painting_takes_precedence(tmp_path: Path) -> None:
    other = fixtures.random_picture(tmp_path / "other.png")
    assert (
        match_style_images({"wave": None}, [folder(tmp_path, "wave")], [f"wave={other}"]).paintings["wave"].path
        == other
    )


@pytest.mark.parametrize("text", ["other.png", "storm=other.png"])
def test_a_painting_for_no_style_is_refused(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fixtures.random_picture(tmp_path / "other.png")
    with pytest.raises(UsageError, match="wave"):
        match_style_images({"wave": None}, [], [text])


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingDataError, match="nowhere"):
        match_style_images({"wave": None}, [tmp_path / "nowhere"])
