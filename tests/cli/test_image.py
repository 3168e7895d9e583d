"""`stylecam image` as a user types it."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from stylecam.cli.group import run_command_line
from stylecam.cli.progress import CountProgress
from stylecam.media.frame import Image
from stylecam.media.image_file import ImageFile
from stylecam.models import catalog as catalog_module
from stylecam.stylize.image import Stylist
from stylecam.stylize.still_compositor import StyledImage
from tests.cli.fixtures import refusal
from tests.models.networks import IMAGE_INPUT, bank_of, bank_with_rows, network

pytestmark = pytest.mark.usefixtures("own_settings")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8))
    return path


def test_one_picture(photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.jpg"
    assert run_command_line(["image", str(photo), "-o", str(out)]) == 0
    assert str(out) in capsys.readouterr().out
    assert ImageFile.read(out).image.shape == (48, 64, 3)


def test_the_longest_side_may_be_named_like_the_size_of_a_video(tmp_path: Path) -> None:
    wide, out = tmp_path / "wide.png", tmp_path / "out.png"
    cv2.imwrite(str(wide), np.zeros((70, 1400, 3), np.uint8))
    assert run_command_line(["image", str(wide), str(out), "--max-size", "720p", "--strength", "0"]) == 0
    assert ImageFile.read(out).image.shape == (64, 1280, 3)


def test_the_result_may_be_the_second_argument(photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.jpg"
    assert run_command_line(["image", str(photo), str(out), "--strength", "0"]) == 0
    assert str(out) in capsys.readouterr().out
    assert out.is_file()


def test_a_result_without_a_name_lies_beside_the_picture_and_replaces_nothing(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for expected in ("photo-painted.png", "photo-painted-2.png", "photo-painted-3.png"):
        before = {path: path.read_bytes() for path in tmp_path.glob("*.png")}
        assert run_command_line(["image", str(photo), "--strength", "0"]) == 0
        assert f"painted {tmp_path / expected} " in capsys.readouterr().out
        assert {path: path.read_bytes() for path in before} == before
    assert run_command_line(["image", str(photo), "--strength", "0", "--overwrite"]) == 0
    assert len(list(tmp_path.glob("*.png"))) == 4


def test_a_folder_without_a_name_for_its_result_gets_a_new_folder_beside_it(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    photo.rename(folder / "photo.png")
    monkeypatch.chdir(folder)
    assert run_command_line(["image", ".", "--strength", "0"]) == 0
    assert [path.name for path in (tmp_path / "in-painted").iterdir()] == ["photo.png"]
    assert run_command_line(["image", str(folder), "--strength", "0", "--skip-existing"]) == 0
    assert not (tmp_path / "in-painted-2").exists()


def test_the_last_of_several_pictures_may_be_the_folder_of_the_results(photo: Path, tmp_path: Path) -> None:
    (tmp_path / "more.png").write_bytes(photo.read_bytes())
    words = [str(photo), str(tmp_path / "more.png"), str(tmp_path / "out")]
    assert run_command_line(["image", *words, "--strength", "0"]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["more.png", "photo.png"]


def test_a_folder_with_a_bad_picture(photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    photo.rename(tmp_path / "in" / "deep" / "photo.png")
    (tmp_path / "in" / "bad.jpg").write_bytes(b"bad")
    words = ["image", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--json", "--style", "great_wave"]
    assert run_command_line(words) == 1
    shown = capsys.readouterr()
    report = json.loads(shown.out)
    assert [entry["size"] for entry in report["painted"]] == [[64, 48]]
    assert [Path(entry["input"]).name for entry in report["failed"]] == ["bad.jpg"]
    assert report["style"] == "great_wave"
    assert "bad.jpg" in shown.err
    assert "1 of 2 pictures failed" in shown.err
    assert (tmp_path / "out" / "deep" / "photo.png").is_file()


def piped(data: bytes = b"") -> io.TextIOWrapper:
    """Return a standard stream whose bytes are in memory."""
    return io.TextIOWrapper(io.BytesIO(data))


@pytest.mark.parametrize("words", [["-o", "-"], ["-"], []], ids=" ".join)
def test_from_standard_input_to_standard_output(words: list[str], photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given, made = piped(photo.read_bytes()), piped()
    monkeypatch.setattr(sys, "stdin", given)
    monkeypatch.setattr(sys, "stdout", made)
    assert run_command_line(["image", "-", *words, "--max-size", "32"]) == 0
    painted = Pillow.open(io.BytesIO(made.buffer.getvalue()))  # type: ignore[attr-defined]
    assert (painted.format, painted.size) == ("PNG", (32, 24))


def test_from_standard_input_to_a_file(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", piped(photo.read_bytes()))
    assert run_command_line(["image", "-", "-o", str(tmp_path / "out.png"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["painted"][0]["size"] == [64, 48]
    assert (tmp_path / "out.png").is_file()


def test_from_standard_input_to_a_new_folder(photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", piped(photo.read_bytes()))
    assert run_command_line(["image", "-", "-o", str(tmp_path / "new")]) == 0
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["stdin.png"]


def test_what_is_there_is_skipped_and_counted(photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert run_command_line(["image", str(photo), "-o", str(out)]) == 0
    (tmp_path / "more.png").write_bytes(photo.read_bytes())
    before = (out / "photo.png").stat().st_mtime_ns
    words = ["image", str(photo), str(tmp_path / "more.png"), "-o", str(out), "--skip-existing"]
    capsys.readouterr()
    assert run_command_line([*words, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [Path(entry["input"]).name for entry in report["painted"]] == ["more.png"]
    assert report["skipped"] == 1
    assert run_command_line(words) == 0
    assert capsys.readouterr().out == "nothing to paint; skipped 2 with existing results\n"
    assert (out / "photo.png").stat().st_mtime_ns == before


def test_a_single_failure_is_in_the_json_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.png").write_bytes(b"bad")
    assert run_command_line(["image", str(tmp_path / "bad.png"), "-o", str(tmp_path / "out.png"), "--json"]) == 2
    shown = capsys.readouterr()
    assert "no picture" in json.loads(shown.out)["failed"][0]["error"]
    assert shown.err.startswith("stylecam: ")


def test_what_of_a_picture_is_lost_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = [Pillow.new("RGB", (16, 16), (level, 0, 0)) for level in (50, 150)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert run_command_line(["image", str(tmp_path / "a.gif"), "-o", str(tmp_path / "out.png"), "--json"]) == 0
    shown = capsys.readouterr()
    assert "a.gif is animated, and only its first picture was read" in shown.err
    assert "is animated" in json.loads(shown.out)["painted"][0]["notes"][0]


@pytest.mark.parametrize(
    ("done", "said"),
    [
        (0, "stopped: nothing was written"),
        (1, "stopped: 1 of 2 pictures are painted; --skip-existing paints the others"),
    ],
)
def test_stopped_it_says_what_is_there(
    done: int,
    said: str,
    photo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "more.png").write_bytes(photo.read_bytes())
    painted: list[Image] = []

    def interrupted(_: Stylist, image: Image, progress: object = None) -> StyledImage:
        if len(painted) == done:
            raise KeyboardInterrupt
        painted.append(image)
        return StyledImage(image)

    monkeypatch.setattr(Stylist, "stylize", interrupted)
    assert run_command_line(["image", str(photo), str(tmp_path / "more.png"), "-o", str(tmp_path / "out")]) == 130
    assert capsys.readouterr().err.splitlines()[-1] == said
    assert len(list((tmp_path / "out").glob("*"))) == done


@pytest.mark.parametrize("strength", ["0", "0%"])
def test_options_reach_the_painter(strength: str, photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    words = ["--strength", strength, "--scale", "50%", "--style", "the great wave off kanagawa"]
    assert run_command_line(["image", str(photo), "-o", str(out), *words]) == 0
    np.testing.assert_array_equal(ImageFile.read(out).image, ImageFile.read(photo).image)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["photo.png", "-o", "photo.png"], "--overwrite"),
        (["photo.png", "-o", "out.xyz"], "written as"),
        (["photo.png", "-o", "nowhere/out.png", "--style", "grate_wave"], "great_wave"),
        (["photo.png", "-o", "out.png", "--style", "none"], "name a style"),
        (["photo.png", "-o", "out.png", "--style", "photo.png.onnx"], "cannot be read"),
        (["photo.png", "-o", "out.png", "--strength", "2"], "strength"),
        (["photo.png", "-o", "out.png", "--strength", "nan"], "strength"),
        (["photo.png", "-o", "out.png", "--scale", "0"], "scale"),
        (["photo.png", "-o", "out.png", "--max-size", "0"], "--max-size"),
        (
            ["photo.png", "-o", "out.png", "--max-size", "72p"],
            "write for example 1280 or 720p. Try: stylecam image --help",
        ),
        (["photo.png", "-o", "out.png", "--device", "abacus"], "abacus"),
        (["nowhere.png", "-o", "out.png"], "there is no file"),
        (["bad.png", "-o", "out.png"], "no picture"),
        (["photo.png", "bad.png", "-o", "out.png"], "name a folder"),
        (["-", "photo.png", "-o", "out.png"], "name one input"),
        (["photo.png", "-o", "-", "--json"], "exclude each other"),
        (["photo.png", "-o", "-", "--skip-existing"], "exclude each other"),
        (["photo.png", "-o", "out.png", "--skip-existing", "--overwrite"], "contradict"),
        (["a" * 5000, "-o", "out.png"], "is not a valid path"),
        (["photo.png", "photo.png"], "--overwrite"),
        (["photo.png", "bad.png"], "-o FOLDER"),
        (["photo.png", "bad.png", "--overwrite"], "-o bad.png --overwrite replaces it, -o FOLDER paints both"),
        (["photo.png", "bad.png", "out.png"], "-o FOLDER"),
        (["nowhere.png"], "there is no file"),
        (["-", "out.png", "--on", "ray"], "not standard input or output"),
        (["photo.png", "out.png", "--on", "ray:head"], "must be ray or ray://HOST:PORT"),
        (["-o", "out.png"], "IN"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_bad_input_is_one_line_and_leaves_no_file(
    words: list[str],
    said: str,
    photo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.png").write_bytes(b"bad")
    before = sorted(tmp_path.rglob("*"))
    assert said in refusal(["image", *words], capsys)
    assert sorted(tmp_path.rglob("*")) == before


def test_without_a_terminal_the_time_left_is_said_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("stylecam.cli.progress.PLAIN_EVERY_S", 0.0)
    with CountProgress("pictures", 3) as bar:
        bar.set_share(0.5)
        for _ in range(3):
            bar.advance()
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(",")[0] for line in lines] == ["1 of 3 pictures", "2 of 3 pictures"]


@pytest.mark.parametrize(("words", "rich"), [([], True), (["--tier", "rich"], True), (["--tier", "lean"], False)])
def test_the_rich_network_paints_unless_the_lean_one_is_asked_for(
    words: list[str], rich: bool, photo: Path, tmp_path: Path, own_settings: Path
) -> None:
    """The rich one returns the picture as it is."""
    bank_of(own_settings.parent / "styles" / "large.onnx", ["harbor"], "rich")
    bank_with_rows(own_settings.parent / "styles" / "small.onnx", {"harbor": 0.5})
    out = tmp_path / "out.png"
    assert run_command_line(["image", str(photo), "-o", str(out), "--style", "harbor", *words]) == 0
    assert np.array_equal(ImageFile.read(out).image, ImageFile.read(photo).image) is rich


def test_a_tier_that_is_not_installed_is_one_line(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    only_lean = tmp_path / "models"
    only_lean.mkdir()
    bank_of(only_lean / "small.onnx", ["great_wave"])
    monkeypatch.setattr(catalog_module, "shipped_models", lambda: only_lean)
    for command in (["image", str(photo)], ["sheet", str(photo)], ["video", "clip.mp4"]):
        out = tmp_path / ("out.mp4" if command[0] == "video" else "out.png")
        assert "no rich network is installed" in refusal([*command, "-o", str(out), "--tier", "rich"], capsys)
        assert not out.exists()
    assert "no rich network is installed" in refusal(["styles", "--tier", "rich"], capsys)
    assert "no rich network" in refusal(["run", "--camera", "demo", "--output", "null", "--tier", "rich"], capsys)


@pytest.mark.parametrize(("style", "noted"), [("paired", False), ("single", True)])
def test_a_brush_that_changes_nothing_is_noted(
    style: str, noted: bool, photo: Path, tmp_path: Path, own_settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = own_settings.parent / "styles"
    metadata = {"styles": json.dumps([{"name": "paired"}]), "stroke_scales": "340 860"}
    network(folder / "two.onnx", {**IMAGE_INPUT, "style": (1, 2)}, metadata=metadata, salt="two")
    bank_of(folder / "one.onnx", ["single"])
    words = ["image", str(photo), "-o", str(tmp_path / "out.png"), "--style", style, "--brush"]
    assert run_command_line([*words, "2"]) == 0
    assert ("one size" in capsys.readouterr().err) is noted
    assert run_command_line([*words, "1", "--overwrite"]) == 0
    assert "one size" not in capsys.readouterr().err
    assert "brush" in refusal([*words, "3", "--overwrite"], capsys)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--paint", "persn"], "--paint 'persn' must be everything, person or room; did you mean person?"),
        (["--room", "blurr"], "there is no room 'blurr'; did you mean blur?"),
        (["--room", "picture:gone.jpg"], "gone.jpg; check the path"),
        (["--room", "style:starry_nigt"], "did you mean starry_night"),
        (
            ["--paint", "room", "--room", "blur"],
            "--paint room paints the room in the style, and --room blur:0.6 does not",
        ),
    ],
)
def test_a_room_that_cannot_be_is_refused(
    words: list[str], says: str, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert says in refusal(["image", str(photo), str(tmp_path / "out.png"), *words], capsys)
    assert not (tmp_path / "out.png").exists()


def test_the_room_may_be_left_out_of_a_picture(photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    assert run_command_line(["image", str(photo), str(out), "--room", "none"]) == 0
    alpha = ImageFile.read(out).alpha
    assert alpha is not None
    assert alpha.max() < 128  # nobody is in a picture of noise


def test_two_paintings_may_be_in_one_picture(photo: Path, tmp_path: Path) -> None:
    made: list[Any] = []
    for words in ([], ["--room", "style:the_scream"], ["--style", "the_scream"]):
        out = tmp_path / f"{len(made)}.png"
        assert run_command_line(["image", str(photo), str(out), "--tier", "lean", "--style", "udnie", *words]) == 0
        made.append(ImageFile.read(out).image.astype(float))
    person, two, room = made
    assert abs(two - room).mean() < abs(two - person).mean()  # nobody is in a picture of noise
