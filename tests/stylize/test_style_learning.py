"""Tests of learning a style from a picture."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

import stylecam
from stylecam.errors import SourceUnreadableError, UsageError
from stylecam.models.own_style import LearnedRows, OwnStyle
from stylecam.stylize.style_learning import StyleLearner, learn, redraft, redraft_folder
from stylecam.stylize.style_picture import StylePicture
from stylecam.utils import paths
from tests.stylize.style_predictors import LEAN, RICH, learn_quickly

PERSON = Path(stylecam.__file__).parent / "assets" / "astronaut.jpg"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, own_settings: Path) -> None:
    learn_quickly(monkeypatch)


@pytest.fixture
def grove(tmp_path: Path) -> Path:
    """A picture file."""
    pixels = np.random.default_rng(1).integers(0, 255, (80, 100, 3), np.uint8)
    Pillow.fromarray(pixels).save(tmp_path / "Stilles Wäldchen.png")
    return tmp_path / "Stilles Wäldchen.png"


def test_a_style_is_called_after_its_file_and_keeps_its_picture(grove: Path) -> None:
    style = learn(grove)
    assert (style.name, style.title, style.artist) == ("stilles_waldchen", "Stilles Wäldchen", "unknown")
    assert style.licence == "not stated"
    assert OwnStyle.parse(Path("a.style"), style.encode()).picture == style.picture
    assert {body: (rows.values.shape[0], rows.minutes) for body, rows in style.rows.items()} == {
        LEAN: (1, 0.0), RICH: (2, 0.0)
    }  # fmt: skip


def test_a_long_name_is_one_that_a_file_can_have(grove: Path) -> None:
    style = learn(grove, name="x" * 99 + " yz")
    assert OwnStyle.parse("the file", style.encode()).name == "x" * 99


def test_what_the_user_says_of_a_picture_is_kept(grove: Path) -> None:
    style = learn(grove.read_bytes(), name="My Field", title=" The \x1bField ", artist="Ada Lang", licence="CC-BY-4.0")
    assert (style.name, style.title, style.artist, style.licence) == (
        "my_field", "The \ufffdField", "Ada Lang", "CC-BY-4.0"
    )  # fmt: skip


def test_only_the_crop_is_learned_from(grove: Path) -> None:
    whole, part = learn(grove), learn(grove, crop=(0, 0, 0.8, 0.9))
    assert not np.allclose(whole.rows[LEAN].values, part.rows[LEAN].values, atol=0.01)
    assert Pillow.open(io.BytesIO(part.picture)).size == (80, 72)


def test_a_picture_that_was_studied_is_not_read_again(grove: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learner, picture, crop = StyleLearner(), grove.read_bytes(), (0, 0, 0.8, 0.9)
    fresh = learner.learn(picture, name="Field", crop=crop)
    learner.prepare(picture, crop)
    with monkeypatch.context() as reading:
        reading.setattr(StylePicture, "read", lambda *_: pytest.fail("it is read again"))
        assert learner.learn(picture, name="Field", crop=crop).encode() == fresh.encode()
    assert learner.learn(picture, name="Field").picture != fresh.picture


def test_a_photograph_of_a_person_is_learned_and_its_face_is_mentioned(grove: Path) -> None:
    notes: list[str] = []
    learn(grove, note=notes.append)
    assert notes == []
    learn(PERSON, note=notes.append)
    assert notes == ["shows a face; the style takes only its colors and strokes, but its file holds the picture"]


def test_an_installed_style_is_one_small_file_and_its_name_is_taken(grove: Path) -> None:
    style = stylecam.learn(str(grove), name="field", install=True)
    assert OwnStyle.read(paths.user_styles() / "field.style").picture == style.picture
    with pytest.raises(UsageError, match="a style is called field already; choose another name"):
        learn(grove, name="Field", install=True)
    with pytest.raises(UsageError, match="called the_scream already"):
        learn(grove, name="the scream", install=True)
    assert len(list(paths.user_styles().iterdir())) == 1


def test_a_style_that_cannot_be_written_leaves_nothing(grove: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("os.replace", full)
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(UsageError, match=r"field\.style cannot be written: No space left on device"):
        learn(grove, name="field", install=True)
    assert list(paths.user_styles().iterdir()) == []


def test_after_an_update_only_the_missing_rows_are_predicted(grove: Path) -> None:
    trained = learn(grove)
    trained = replace(trained, rows={LEAN: LearnedRows(np.ones((1, 3), np.float32), 5.0), "c" * 64: trained.rows[RICH]})
    updated = redraft(trained)
    assert list(updated.rows) == [LEAN, "c" * 64, RICH]
    assert updated.rows[LEAN].minutes == 5.0
    np.testing.assert_allclose(updated.rows[RICH].values, learn(grove).rows[RICH].values, atol=1)
    assert redraft(updated) is updated


def test_the_styles_of_a_folder_are_learned_anew_where_a_body_is_new(
    grove: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = paths.user_styles()
    complete = learn(grove, name="complete", install=True)
    for name, style in (
        ("old", replace(complete, name="old", rows={})),
        ("bare", replace(complete, name="bare", picture=b"", rows={})),
        ("odd", replace(complete, name="odd", picture=b"\xff\xd8\xff\xe0 cut", rows={})),
    ):
        style.write(folder / f"{name}.style")
    (folder / "damaged.style").write_bytes(b"PK")
    assert redraft_folder(folder) == ("old",)
    assert set(OwnStyle.read(folder / "old.style").rows) == {LEAN, RICH}
    assert "odd.style cannot be learned anew" in caplog.text
    assert redraft_folder(folder) == ()


def test_a_style_without_a_picture_stays_as_it_is(grove: Path) -> None:
    bare = replace(learn(grove), picture=b"", rows={})
    assert redraft(bare) is bare


def test_a_damaged_picture_of_a_style_is_named(grove: Path) -> None:
    with pytest.raises(SourceUnreadableError, match="the picture of stilles_waldchen is a damaged picture"):
        redraft(replace(learn(grove), picture=b"\xff\xd8\xff\xe0 cut"))
