"""`stylecam sheet` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import pytest
from onnx import helper
from PIL import ImageCms

from stylecam.cli.group import run_command_line
from stylecam.media.frame import Size
from stylecam.media.image_file import ImageFile
from stylecam.media.testing import gray_image
from stylecam.models.catalog import Catalog
from tests.cli.fixtures import refusal
from tests.models.networks import write_network

pytestmark = pytest.mark.usefixtures("own_settings")


@pytest.fixture
def working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with a good and a damaged file; return the folder."""
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("photo.png", gray_image(120, Size(64, 48)))
    Path("bad.png").write_bytes(b"bad")
    return tmp_path


def test_all_styles_unless_some_are_named(
    working_folder: Path, catalog: Catalog, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["sheet", "photo.png", "-o", "all.png", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    catalog.prefer("auto")
    assert report["labels"] == ["picture", *(card.name for card in catalog.cards)]
    assert list(ImageFile.read(working_folder / "all.png").image.shape[1::-1]) == report["size"]
    words = ["sheet", "photo.png", "-o", "two.jpg", "--style", "udnie", "--style", "udnie:1,great_wave:3"]
    assert run_command_line([*words, "--columns", "1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["labels"] == ["picture", "udnie", "udnie:0.25,great_wave:0.75"]
    assert report["columns"] == 1


@pytest.mark.parametrize(
    ("words", "name"), [(["made.png"], "made.png"), ([], "photo-styles.png")], ids=["second argument", "no name"]
)
def test_the_result_may_be_the_second_argument_or_have_no_name(
    words: list[str], name: str, working_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["sheet", "photo.png", *words, "--style", "udnie"]) == 0
    assert capsys.readouterr().out.startswith(f"{name}: 1 styles")
    assert (working_folder / name).is_file()


def test_the_colour_profile_is_kept(working_folder: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    ImageFile(gray_image(120, Size(64, 48)), profile=profile).save(working_folder / "photo.jpg")
    assert run_command_line(["sheet", "photo.jpg", "-o", "out.png", "--style", "udnie"]) == 0
    assert ImageFile.read(working_folder / "out.png").profile == profile


def test_a_failing_style_is_told_and_the_others_are_there(
    working_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    styles = working_folder / "home" / "styles"
    write_network(styles / "broken.onnx", [helper.make_node("Nonsense", ["image"], ["styled"])])
    words = ["sheet", "photo.png", "-o", "out.png", "--json", "--engine", "opencv", "--style"]
    assert run_command_line([*words, "udnie", "--style", "broken"]) == 1
    shown = capsys.readouterr()
    assert list(json.loads(shown.out)["failed"]) == ["broken"]
    assert shown.err.startswith("failed: broken: OpenCV")
    assert run_command_line([*words, "broken", "--overwrite"]) == 2


def test_a_clip_becomes_a_clip_of_sheets(working_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("av", reason='clips need PyAV: pip install "stylecam[video]"')
    clip = cv2.VideoWriter("clip.mp4", cv2.VideoWriter.fourcc(*"mp4v"), 10, (64, 48))
    for level in (40, 80, 120):
        clip.write(gray_image(level, Size(64, 48)))
    clip.release()
    words = ["sheet", "clip.mp4", "-o", "sheet.mp4", "--video", "--style", "udnie", "--columns", "2", "--json"]
    assert run_command_line(words) == 0
    report = json.loads(capsys.readouterr().out)
    made = cv2.VideoCapture("sheet.mp4")
    assert made.get(cv2.CAP_PROP_FRAME_COUNT) == 3
    ok, first = made.read()
    made.release()
    assert ok
    assert list(first.shape[1::-1]) == report["size"]
    assert abs(first[20, 30].astype(int) - 40).max() <= 4  # the first cell is the clip itself
    assert abs(first[20, 30].astype(int) - first[20, 102]).max() > 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["photo.png", "-o", "out.png", "--video"], "clips are written as"),
        (["photo.png", "-o", "photo.png"], "--overwrite"),
        (["photo.png", "-o", "."], ""),
        (["photo.png", "-o", "nowhere/out.png"], "nowhere"),
        (["photo.png", "-o", "out.xyz"], "written as"),
        (["photo.png", "-o", "out.png", "--style", "grate_wave"], "great_wave"),
        (["photo.png", "-o", "out.png", "--style", "none"], "name another style"),
        (["photo.png", "-o", "out.png", "--columns", "0"], "--columns"),
        (["photo.png", "-o", "out.png", "--strength", "7"], "strength"),
        (["bad.png", "-o", "out.png"], "no picture"),
        (["nowhere.png", "-o", "out.png"], "there is no file"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_bad_input_is_one_line_and_leaves_no_file(
    words: list[str], said: str, working_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(working_folder.rglob("*"))
    assert said in refusal(["sheet", *words], capsys)
    assert sorted(working_folder.rglob("*")) == before


def test_a_hidden_room_is_hidden_in_the_picture_without_a_style_as_well(working_folder: Path) -> None:
    words = ["sheet", "photo.png", "out.png", "--style", "udnie", "--tier", "lean", "--columns", "2"]
    assert run_command_line([*words, "--room", "color:#ff00ff"]) == 0
    drawn = ImageFile.read(working_folder / "out.png").image
    for left in (8, 8 + 64 + 8):  # nobody is in the picture
        assert (drawn[8 : 8 + 48, left : left + 64] == (255, 0, 255)).all(2).mean() > 0.9
