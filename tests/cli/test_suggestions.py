"""What is said where a command or an option is mistyped."""

from __future__ import annotations

import pytest

import stylecam
from stylecam.cli.group import run_command_line
from tests.cli.fixtures import refusal

pytestmark = pytest.mark.usefixtures("own_settings")


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["rnu"], "did you mean stylecam run?"),
        (["Image"], "did you mean stylecam image?"),
        (["styles", "lst"], "did you mean stylecam styles list?"),
        (["config", "sho"], "did you mean stylecam config show?"),
        (["service", "instal"], "did you mean stylecam service install"),
        (["start"], "did you mean stylecam run?"),
        (["stop"], "did you mean stylecam ctl quit?"),
        (["next"], "did you mean stylecam ctl next?"),
        (["holiday.heic"], "did you mean stylecam image holiday.heic?"),
        (["clip.mp4"], "did you mean stylecam video clip.mp4?"),
        (["own.onnx"], "did you mean stylecam --style own.onnx?"),
        (["xyzzy"], "there are run, ctl,"),
        (["ctl", "nxt"], "did you mean next?"),
        (["--stile", "x"], "there is no option --stile; did you mean --style?"),
        (["image", "a.jpg", "--strenght", "1"], "there is no option --strenght; did you mean --strength?"),
        (["run", "--no-hotkey"], "did you mean --no-hotkeys"),
        (["run", "--zzzzzz"], "there is no option --zzzzzz. Try"),
        (["run", "-z"], "there is no option -z. Try"),
        (["image", "photo.jpg", "--style", "the stary night"], "did you mean starry_night?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_nearest_command_option_action_or_style_is_suggested(
    words: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert meant in refusal(words, capsys)


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_the_version_is_printed(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line([option]) == 0
    assert capsys.readouterr().out == f"stylecam, version {stylecam.__version__}\n"


def test_styles_list_is_the_list_of_styles(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["styles"]) == 0
    alone = capsys.readouterr().out
    assert run_command_line(["styles", "list"]) == 0
    assert capsys.readouterr().out == alone
