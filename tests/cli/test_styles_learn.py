"""`stylecam styles learn` as a user types it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from stylecam.cli.group import run_command_line
from stylecam.models.own_style import OwnStyle
from stylecam.utils.optional import install_command
from tests.stylize.style_predictors import learn_quickly

Learn = Callable[..., str]


@pytest.fixture
def styles(own_settings: Path) -> Path:
    """The user's folder of styles."""
    return own_settings.parent / "styles"


@pytest.fixture
def learn(styles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Learn:
    """Run `stylecam styles learn …` where some pictures lie; what it printed, or its complaint with `status` 1 or 2."""
    learn_quickly(monkeypatch)
    (tmp_path / "here" / "art").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    for number, name in enumerate(("harvest.jpg", "art/field.png", "art/hill.png")):
        pixels = np.random.default_rng(number).integers(0, 255, (70, 90, 3), np.uint8)
        assert cv2.imwrite(name, pixels)
    Path("note.jpg").write_text("no picture")

    def run(*words: str, status: int = 0) -> str:
        assert run_command_line(["styles", "learn", *words]) == status
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return printed.err if status else printed.out

    return run


def test_a_picture_becomes_a_style_that_can_be_worn(learn: Learn, styles: Path) -> None:
    told = learn("harvest.jpg")
    assert "learned: harvest in " in told
    assert "licence: not stated; say it with --licence if you share the style" in told
    assert "try it: stylecam --style harvest" in told
    style = OwnStyle.read(styles / "harvest.style")
    assert (style.title, style.artist, style.licence) == ("Harvest", "unknown", "not stated")
    assert len(style.rows) == 2


def test_what_is_said_of_it_is_kept_and_told_as_json(learn: Learn, styles: Path) -> None:
    words = ["--name", "Ernte", "--title", "Die Ernte", "--artist", "Ada Lang", "--licence", "CC0-1.0"]
    (learned,) = json.loads(learn("harvest.jpg", *words, "--crop", "0,0,90%,100%", "--json"))["learned"]
    seconds = learned.pop("seconds")
    assert seconds > 0
    assert learned == {
        "picture": "harvest.jpg", "name": "ernte", "title": "Die Ernte", "artist": "Ada Lang", "licence": "CC0-1.0",
        "file": str(styles / "ernte.style"), "bytes": (styles / "ernte.style").stat().st_size, "notes": [],
    }  # fmt: skip


def test_each_picture_of_a_folder_becomes_a_style(learn: Learn, styles: Path) -> None:
    learn("art", "harvest.jpg", "--licence", "CC0-1.0")
    assert sorted(path.stem for path in styles.iterdir()) == ["field", "harvest", "hill"]


def test_pictures_that_fail_do_not_keep_others_back(learn: Learn, styles: Path) -> None:
    learn("harvest.jpg")
    told = learn("harvest.jpg", "note.jpg", "art/field.png", "nowhere.jpg", status=1)
    assert [line.split(";")[0] for line in told.splitlines()] == [
        "failed: a style is called harvest already",
        "failed: note.jpg is no picture that can be read",
        "failed: there is no file nowhere.jpg",
    ]
    assert sorted(path.name for path in styles.iterdir()) == ["field.style", "harvest.style"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["note.jpg"], "note.jpg is no picture that can be read"),
        (["nowhere.jpg"], "there is no file nowhere.jpg"),
        (["harvest.jpg", "--name", "the scream"], "a style is called the_scream already"),
        (["harvest.jpg", "--crop", "0,0,2,1"], "the crop 0,0,2,1 must be left, top, width and height"),
        (["harvest.jpg", "--crop", "left"], "'left' is not four shares such as 0.1,0.1,0.8,0.8"),
        (["art", "--name", "one"], "--name and --title are those of one picture"),
        (["empty"], "no pictures in there"),
        ([], "Missing argument 'PICTURE...'"),
    ],
)
def test_what_cannot_be_is_one_line_and_changes_nothing(
    learn: Learn, styles: Path, words: list[str], says: str
) -> None:
    Path("empty").mkdir()
    told = learn(*words, status=2)
    assert says in told
    assert told.startswith("stylecam: ")
    assert told.count("\n") == 1
    assert list(styles.iterdir()) == []


def test_a_folder_in_which_one_may_not_be_read_gives_the_others(learn: Learn, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def deny_art(path: Any = ".") -> Any:  # as the system does for every user but root
        if str(path).endswith("art"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", deny_art)
    Path("note.jpg").unlink()
    assert "learned: harvest " in learn(".")


def test_without_enough_memory_one_line_says_so(learn: Learn, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> OwnStyle:
        raise MemoryError

    monkeypatch.setattr("stylecam.stylize.style_learning.StyleLearner.learn", fail)
    assert learn("harvest.jpg", status=2) == "stylecam: there is not enough memory; close other programs\n"


def test_with_minutes_each_style_is_trained_further(
    learn: Learn, styles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[tuple[Path, float]] = []

    def improve(file: Path, minutes: float, **_: object) -> tuple[float, bool]:
        trained.append((file, minutes))
        return 0.25, True

    monkeypatch.setattr("stylecam.live.improving.check_installed", lambda: None)
    monkeypatch.setattr("stylecam.cli.styles_learn.improve", improve)
    assert "harvest is 25% nearer to its picture" in learn("harvest.jpg", "art", "--minutes", "5")
    assert trained == [(styles / "harvest.style", 5.0)]
    assert [path.stem for path in styles.iterdir()] == ["harvest"]  # the user stopped there


def test_without_pytorch_minutes_are_refused_before_anything_is_learned(
    learn: Learn, styles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stylecam.utils.optional.is_installed", lambda _: False)
    assert install_command("train") in learn("harvest.jpg", "--minutes", "5", status=2)
    assert list(styles.iterdir()) == []
