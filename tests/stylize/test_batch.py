"""Which file becomes which, and what became of each."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from stylecam.errors import UsageError
from stylecam.media.frame import Size
from stylecam.media.image_file import ImageFile
from stylecam.models.catalog import StyleMix
from stylecam.stylize.batch import BatchItem, BatchResult, paint, plan
from stylecam.stylize.image import Stylist
from stylecam.testing import gray_image
from tests import doubles


@pytest.fixture
def painter() -> Stylist:
    return Stylist(StyleMix(doubles.model(), (1.0,), "plain"), engine=doubles.TintEngine())


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Two good pictures, one damaged, one text, and one for the eyes of programs only."""
    folder = tmp_path / "album"
    (folder / "deep" / "er").mkdir(parents=True)
    for name in ("a.jpg", "deep/er/b.png", ".hidden.png"):
        cv2.imwrite(str(folder / name), gray_image())
    (folder / "deep" / "broken.gif").write_bytes(b"GIF89a")
    (folder / "notes.txt").write_text("not a picture")
    return folder


def names(jobs: tuple[BatchItem, ...], output: Path) -> list[str]:
    return [job.target.relative_to(output).as_posix() for job in jobs]


def test_a_folders_tree_is_made_again(album: Path, tmp_path: Path) -> None:
    jobs = plan([album], tmp_path / "out")
    assert names(jobs, tmp_path / "out") == ["a.jpg", "deep/broken.gif.png", "deep/er/b.png"]
    assert not (tmp_path / "out").exists()


def test_a_file_becomes_a_file_or_one_in_a_folder(album: Path, tmp_path: Path) -> None:
    picture = album / "a.jpg"
    assert plan([picture], tmp_path / "b.png")[0].target == tmp_path / "b.png"
    assert plan([picture], tmp_path)[0].target == tmp_path / "a.jpg"
    assert plan([picture], tmp_path / "new")[0].target == tmp_path / "new" / "a.jpg"


def test_results_inside_the_folder_are_not_painted_again(album: Path, painter: Stylist) -> None:
    first = plan([album], album / "painted")
    list(paint(first, painter, None, lambda _: None))
    assert len(plan([album], album / "painted", overwrite=True)) == len(first)


def test_a_folder_is_painted_into_the_one_it_lies_in(album: Path) -> None:
    inner = next(path for path in sorted(album.rglob("*")) if path.is_dir())
    assert plan([inner], album, overwrite=True)


def test_hidden_folders_are_passed_over(album: Path, tmp_path: Path) -> None:
    before = len(plan([album], tmp_path / "out"))
    (album / ".thumbs").mkdir()
    picture = next(path for path in album.rglob("*") if path.is_file())
    (album / ".thumbs" / picture.name).write_bytes(picture.read_bytes())
    assert len(plan([album], tmp_path / "out")) == before


def test_nothing_is_replaced_unless_asked(album: Path) -> None:
    with pytest.raises(UsageError, match="--overwrite"):
        plan([album / "a.jpg"], album / "a.jpg")
    assert plan([album / "a.jpg"], album / "a.jpg", overwrite=True)


@pytest.mark.parametrize(
    ("sources", "output", "said"),
    [
        (["album/a.jpg", "album/deep/er/b.png"], "one.png", "name a folder"),
        (["album"], "one.png", "name a folder"),
        (["album/a.jpg", "album/a.jpg"], "out", "would both become"),
        (["album/a.jpg"], "out.xyz", "written as"),
        (["empty"], "out", "no pictures"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_done(
    sources: list[str], output: str, said: str, album: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match=said):
        plan([tmp_path / source for source in sources], tmp_path / output)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_failing_picture_is_named_and_the_others_are_painted(album: Path, tmp_path: Path, painter: Stylist) -> None:
    outcomes = list(paint(plan([album], tmp_path / "out"), painter, None, lambda _: None))
    assert [outcome.error is None for outcome in outcomes] == [True, False, True]
    assert "broken.gif" in str(outcomes[1].error)
    made = [path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert sorted(made) == ["a.jpg", "deep/er/b.png"]
    assert abs(int(ImageFile.read(tmp_path / "out" / "a.jpg").image[0, 0, 0]) - 51) <= 1


def test_a_folder_that_cannot_be_made_is_named(album: Path, tmp_path: Path, painter: Stylist) -> None:
    (tmp_path / "file").write_text("in the way")
    (outcome,) = paint([BatchItem(album / "a.jpg", tmp_path / "file" / "a.jpg")], painter, None, lambda _: None)
    assert outcome.size is None
    assert "cannot be written" in str(outcome.error)


def test_the_longer_side_is_limited_with_the_alpha(tmp_path: Path, painter: Stylist) -> None:
    ImageFile(np.zeros((40, 90, 3), np.uint8), np.zeros((40, 90), np.uint8)).write(tmp_path / "in.png")
    outcome: BatchResult
    (outcome,) = paint([BatchItem(tmp_path / "in.png", tmp_path / "out.png")], painter, 45, lambda _: None)
    assert outcome.size == Size(45, 20)
    made = ImageFile.read(tmp_path / "out.png")
    assert made.alpha is not None
    assert made.alpha.shape == made.image.shape[:2] == (20, 45)


def test_interrupted_while_writing_it_leaves_nothing_half(
    album: Path, tmp_path: Path, painter: Stylist, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ImageFile, "encode", interrupted)
    with pytest.raises(KeyboardInterrupt):
        list(paint([BatchItem(album / "a.jpg", tmp_path / "out.png")], painter, None, lambda _: None))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["album"]
