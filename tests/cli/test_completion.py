"""What stylecam tells the shells that complete its command line."""

from __future__ import annotations

import pytest

from stylecam.cli.group import run_command_line

pytestmark = pytest.mark.usefixtures("own_settings")

SHELLS = ["bash", "zsh", "fish"]


@pytest.fixture
def completions(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Completions:
    return Completions(monkeypatch, capsys)


class Completions:
    """Asks stylecam as a shell does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def run(self, instruction: str) -> str:
        self._monkeypatch.setenv("_STYLECAM_COMPLETE", instruction)
        with pytest.raises(SystemExit, match="0"):
            run_command_line([])
        return self._capsys.readouterr().out

    def at_the_end_of(self, line: str, shell: str = "bash") -> dict[str, str]:
        """Return each value that may come at the end of `line`, and whether it is `plain` or a `file`."""
        words = line.split() + [""] * line.endswith(" ")
        self._monkeypatch.setenv("COMP_WORDS", line)
        self._monkeypatch.setenv("COMP_CWORD", words[-1] if shell == "fish" else str(len(words) - 1))
        lines = self.run(f"{shell}_complete").splitlines()
        if shell == "zsh":  # three lines for each: kind, value, help
            return {value.replace("\\:", ":"): kind for kind, value in zip(lines[::3], lines[1::3], strict=True)}
        pairs = [each.split("\t")[0].split(",", 1) for each in lines]
        return {value: kind for kind, value in pairs}


@pytest.mark.parametrize(
    ("line", "expected", "other"),
    [
        ("stylecam r", "run", "record"),
        ("stylecam ", "image", "--style"),
        ("stylecam --st", "--style", "run"),
        ("stylecam -", "--version", "run"),
        ("stylecam --style the_", "the_scream", "great_wave"),
        ("stylecam image photo.jpg --style the_", "the_scream", "great_wave"),
        ("stylecam image photo.jpg --stren", "--strength", "--style"),
        ("stylecam sheet photo.jpg --style no", "none", "the_scream"),
        ("stylecam ctl pan", "panic", "next"),
        ("stylecam styles re", "rename", "show"),
        ("stylecam styles show the_", "the_scream", "great_wave"),
        ("stylecam config set stre", "strength", "fps"),
        ("stylecam config set style the_", "the_scream", "udnie"),
        ("stylecam run --size 7", "720p", "1080p"),
        ("stylecam run --camera de", "demo", "the_scream"),
        ("stylecam run --output s", "srt:", "web"),
        ("stylecam run --paint p", "person", "room"),
        ("stylecam run --framing ", "gentle", "demo"),
        ("stylecam run --room ", "blur", "virtual"),
        ("stylecam run --room style:the_", "style:the_scream", "style:great_wave"),
        ("stylecam ctl room c", "camera", "blur"),
        ("stylecam ctl paint ", "everything", "camera"),
    ],
)
@pytest.mark.parametrize("shell", SHELLS)
def test_commands_options_styles_and_cameras_complete(
    shell: str, line: str, expected: str, other: str, completions: Completions
) -> None:
    found = completions.at_the_end_of(line, shell)
    assert found[expected] == "plain"
    assert other not in found


@pytest.mark.parametrize(
    "line",
    [
        "stylecam image ", "stylecam image a.jpg ", "stylecam image a.jpg -o ", "stylecam video a ", "stylecam sheet a",
        "stylecam train a", "stylecam optimize a", "stylecam styles add own", "stylecam --style ./own",
        "stylecam --camera cl",
    ],
)  # fmt: skip
@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_is_told_where_a_file_is_named(shell: str, line: str, completions: Completions) -> None:
    assert set(completions.at_the_end_of(line, shell).values()) == {"file"}


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_its_script(shell: str, completions: Completions) -> None:
    script = completions.run(f"{shell}_source")
    assert f"{shell}_complete" in script
    assert ("-o bashdefault -o default" in script) is (shell == "bash")  # file names wherever nothing else fits


def test_commands_complete_without_loading_them(completions: Completions, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(name)

    monkeypatch.setattr("stylecam.cli.group.import_module", refuse)
    assert "train" in completions.at_the_end_of("stylecam ")
