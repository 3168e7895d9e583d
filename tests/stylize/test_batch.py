"""Tests of planning and running a batch of picture files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from stylecam.errors import ClusterError, UsageError
from stylecam.media.frame import Size
from stylecam.media.image_file import ImageFile
from stylecam.media.testing import gray_image
from stylecam.models.style_mix import StyleMix
from stylecam.stylize.batch import CLIPS, BatchItem, BatchResult, paint, paint_apart, paint_one, plan
from stylecam.stylize.image import Stylist
from stylecam.stylize.look import Look
from stylecam.stylize.recipe import Recipe
from stylecam.stylize.still_compositor import StyledImage
from tests import doubles
from tests.stylize.inline_executor import InlineExecutor


@pytest.fixture
def stylist() -> Stylist:
    return Stylist(StyleMix(doubles.model(), (1.0,), "plain"), engine=doubles.TintEngine())


def without_memory() -> cv2.error:
    """Return what OpenCV raises where memory does not suffice."""
    failure = cv2.error("(-4:Insufficient memory) Failed to allocate 1200000000 bytes")
    failure.code = cv2.Error.StsNoMem
    return failure


@pytest.mark.parametrize("failure", [MemoryError(), without_memory()], ids=["Python", "OpenCV"])
def test_a_picture_that_does_not_fit_into_memory_costs_no_other(
    failure: Exception, stylist: Stylist, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures, stylize = [failure], Stylist.stylize

    def short_of_memory(*arguments: Any) -> StyledImage:
        if failures:
            raise failures.pop()
        return stylize(*arguments)

    monkeypatch.setattr(Stylist, "stylize", short_of_memory)
    items = plan([pictures / "a.jpg", pictures / "deep" / "er"], tmp_path / "out")
    first, second = paint(items, stylist, None, lambda _: None)
    assert "does not fit into memory; make it smaller with --max-size" in str(first.error)
    assert second.error is None


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Make a folder with two good pictures, a damaged one, a text file and a hidden picture."""
    folder = tmp_path / "pictures"
    (folder / "deep" / "er").mkdir(parents=True)
    for name in ("a.jpg", "deep/er/b.png", ".hidden.png"):
        cv2.imwrite(str(folder / name), gray_image())
    (folder / "deep" / "broken.gif").write_bytes(b"GIF89a")
    (folder / "notes.txt").write_text("not a picture")
    return folder


def names(items: tuple[BatchItem, ...], output: Path) -> list[str]:
    return [item.target.relative_to(output).as_posix() for item in items]


def test_the_tree_of_a_folder_is_kept(pictures: Path, tmp_path: Path) -> None:
    items = plan([pictures], tmp_path / "out")
    assert names(items, tmp_path / "out") == ["a.jpg", "deep/broken.gif.png", "deep/er/b.png"]
    assert not (tmp_path / "out").exists()


def test_a_file_becomes_a_file_or_one_in_a_folder(pictures: Path, tmp_path: Path) -> None:
    picture = pictures / "a.jpg"
    assert plan([picture], tmp_path / "b.png")[0].target == tmp_path / "b.png"
    assert plan([picture], tmp_path)[0].target == tmp_path / "a.jpg"
    assert plan([picture], tmp_path / "new")[0].target == tmp_path / "new" / "a.jpg"


def test_results_inside_the_source_folder_are_not_stylized_again(pictures: Path, stylist: Stylist) -> None:
    first = plan([pictures], pictures / "painted")
    list(paint(first, stylist, None, lambda _: None))
    assert len(plan([pictures], pictures / "painted", overwrite=True)) == len(first)


def test_a_folder_can_be_written_into_its_parent(pictures: Path) -> None:
    inner = next(path for path in sorted(pictures.rglob("*")) if path.is_dir())
    assert plan([inner], pictures, overwrite=True)


def test_hidden_folders_are_skipped(pictures: Path, tmp_path: Path) -> None:
    before = len(plan([pictures], tmp_path / "out"))
    (pictures / ".thumbs").mkdir()
    picture = next(path for path in pictures.rglob("*") if path.is_file())
    (pictures / ".thumbs" / picture.name).write_bytes(picture.read_bytes())
    assert len(plan([pictures], tmp_path / "out")) == before


def test_files_are_replaced_only_on_request(pictures: Path) -> None:
    with pytest.raises(UsageError, match="--overwrite"):
        plan([pictures / "a.jpg"], pictures / "a.jpg")
    assert plan([pictures / "a.jpg"], pictures / "a.jpg", overwrite=True)


@pytest.mark.parametrize(
    ("sources", "output", "message"),
    [
        (["pictures/a.jpg", "pictures/deep/er/b.png"], "one.png", "name a folder"),
        (["pictures"], "one.png", "name a folder"),
        (["pictures/a.jpg", "pictures/a.jpg"], "out", "would both become"),
        (["pictures/a.jpg"], "out.xyz", "written as"),
        (["empty"], "out", "no pictures"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_an_invalid_request_is_refused_before_anything_is_written(
    sources: list[str], output: str, message: str, pictures: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match=message):
        plan([tmp_path / source for source in sources], tmp_path / output)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_failing_picture_is_named_and_the_others_are_stylized(
    pictures: Path, tmp_path: Path, stylist: Stylist
) -> None:
    results = list(paint(plan([pictures], tmp_path / "out"), stylist, None, lambda _: None))
    assert [result.error is None for result in results] == [True, False, True]
    assert "broken.gif" in str(results[1].error)
    written = [
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()
    ]
    assert sorted(written) == ["a.jpg", "deep/er/b.png"]
    assert abs(int(ImageFile.read(tmp_path / "out" / "a.jpg").image[0, 0, 0]) - 51) <= 1


def test_a_folder_that_cannot_be_made_is_named(pictures: Path, tmp_path: Path, stylist: Stylist) -> None:
    (tmp_path / "file").write_text("in the way")
    (result,) = paint([BatchItem(pictures / "a.jpg", tmp_path / "file" / "a.jpg")], stylist, None, lambda _: None)
    assert result.size is None
    assert "cannot be written" in str(result.error)


def test_the_longer_side_is_limited_with_the_alpha(tmp_path: Path, stylist: Stylist) -> None:
    ImageFile(np.zeros((40, 90, 3), np.uint8), np.zeros((40, 90), np.uint8)).write(tmp_path / "in.png")
    result: BatchResult
    (result,) = paint([BatchItem(tmp_path / "in.png", tmp_path / "out.png")], stylist, 45, lambda _: None)
    assert result.size == Size(45, 20)
    written = ImageFile.read(tmp_path / "out.png")
    assert written.alpha is not None
    assert written.alpha.shape == written.image.shape[:2] == (20, 45)


def test_an_interrupt_while_writing_leaves_no_partial_file(
    pictures: Path, tmp_path: Path, stylist: Stylist, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ImageFile, "encode", interrupt)
    with pytest.raises(KeyboardInterrupt):
        list(paint([BatchItem(pictures / "a.jpg", tmp_path / "out.png")], stylist, None, lambda _: None))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pictures"]


def test_clips_in_folders_are_found_and_keep_their_tree(tmp_path: Path) -> None:
    pytest.importorskip("av", reason='clips need PyAV: pip install "stylecam[video]"')
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for name in ("in/a.mp4", "in/deep/b.AVI", "in/photo.jpg"):
        (tmp_path / name).touch()
    assert names(plan([tmp_path / "in"], tmp_path / "out", kind=CLIPS), tmp_path / "out") == ["a.mp4", "deep/b.AVI.mp4"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no clips in there"):
        plan([tmp_path / "empty"], tmp_path / "other", kind=CLIPS)


def test_other_processes_paint_the_same_pictures(
    pictures: Path, tmp_path: Path, stylist: Stylist, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Recipe, "kept_stylist", lambda _: stylist)
    recipe, executor = Recipe(Look(stylist.mix)), InlineExecutor()
    apart = list(paint_apart(plan([pictures], tmp_path / "apart"), recipe, None, executor, 2))
    here = list(paint(plan([pictures], tmp_path / "here"), stylist, None, lambda _: None))
    assert {(result.item.source, result.size, result.error) for result in apart} == {
        (result.item.source, result.size, result.error) for result in here
    }
    assert executor.called == ["paint_one"] * 3
    assert (tmp_path / "apart" / "a.jpg").read_bytes() == (tmp_path / "here" / "a.jpg").read_bytes()
    assert not list((tmp_path / "apart").glob(".stylecam-*"))


def test_a_computer_with_another_disk_paints_nothing(pictures: Path, tmp_path: Path, stylist: Stylist) -> None:
    """It would write the results where nobody looks for them."""
    item = BatchItem(pictures / "a.jpg", tmp_path / "out" / "a.jpg")
    with pytest.raises(ClusterError, match="cannot see"):
        paint_one(Recipe(Look(stylist.mix)), None, tmp_path / "out" / ".stylecam-x", item)
    assert not item.target.parent.exists()
