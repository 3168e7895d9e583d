"""`stylecam config`."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from stylecam.cli.group import run_command_line

pytestmark = pytest.mark.usefixtures("own_settings")


def shown(capsys: pytest.CaptureFixture[str], *flags: str) -> dict[str, Any]:
    assert run_command_line(["config", "show", "--json", *flags]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_each_value_is_shown_with_its_origin(
    own_settings: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own_settings.write_text('[run]\nstyle = "the_scream"\nfps = 20\nsize = "640x360"\n')
    monkeypatch.setenv("STYLECAM_FPS", "24")
    monkeypatch.setenv("STYLECAM_SIZE", "320x180")
    run = shown(capsys, "--size", "128x96")["run"]
    assert run["style"] == {"value": "the_scream", "from": "file", "line": 2}
    assert run["fps"] == {"value": 24.0, "from": "environment", "variable": "STYLECAM_FPS"}
    assert run["size"] == {"value": "128x96", "from": "flag"}
    assert run["cpu"] == {"value": 80.0, "from": "default"}


def test_a_tilde_that_the_shell_did_not_expand_means_the_home_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    assert run_command_line(["config", "init", "--config=~/mine.toml"]) == 0
    (tmp_path / "mine.toml").write_text("[run]\nfps = 25\n")
    capsys.readouterr()
    assert shown(capsys, "--config=~/mine.toml")["run"]["fps"]["value"] == 25


def test_tokens_and_passwords_are_not_shown(own_settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own_settings.write_text('[server]\ntoken = "a-secret-word"\n[obs]\nurl = "ws://:a-secret-word@studio"\n')
    found = shown(capsys)["run"]
    assert found["token"] == {"value": None, "from": "file", "line": 2, "hidden": True}
    assert run_command_line(["config", "show"]) == 0
    text = capsys.readouterr().out
    assert "# token is set and not shown" in text
    assert "secret" not in text + json.dumps(found)


def test_hotkeys_presets_and_scenes_are_shown(own_settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own_settings.write_text(
        '[hotkeys]\nquit = ""\n[presets.calm]\nstyle = "great_wave"\nstrength = 0.5\n[scenes]\n"Game" = "calm"\n'
    )
    found = shown(capsys)
    assert found["hotkeys"] == {"quit": ""}
    assert found["presets"] == {"calm": {"style": "great_wave", "strength": 0.5}}
    assert found["scenes"] == {"Game": "calm"}


def test_what_is_printed_is_itself_a_file_that_sets_the_same(
    own_settings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own_settings.write_text(
        '[run]\nstyle = "the_scream"\noutput = ["web", "null"]\n'
        '[presets."so calm"]\nstrength = 0.5\n[scenes]\n"The \\"game\\"" = "so calm"\n'
    )
    assert run_command_line(["config", "show"]) == 0
    text = capsys.readouterr().out
    assert "# file, line 2" in text
    (tmp_path / "copy.toml").write_text(text)
    once, again = shown(capsys), shown(capsys, "--config", str(tmp_path / "copy.toml"))
    assert {name: entry["value"] for name, entry in once["run"].items()} == {
        name: entry["value"] for name, entry in again["run"].items()
    }
    assert once["scenes"] == again["scenes"]


def test_the_path_is_printed(own_settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["config", "path"]) == 0
    assert capsys.readouterr().out.strip() == str(own_settings)


def test_a_first_file_is_written_for_its_owner_only(own_settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["config", "init"]) == 0
    assert str(own_settings) in capsys.readouterr().out
    if sys.platform != "win32":
        assert stat.S_IMODE(own_settings.stat().st_mode) == 0o600
    assert shown(capsys)["run"]["fps"] == {"value": 30.0, "from": "default"}


def test_an_existing_file_is_only_replaced_with_force(own_settings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own_settings.write_text("[run]\nfps = 25\n")
    assert run_command_line(["config", "init"]) == 2
    assert "--force replaces it" in capsys.readouterr().err
    assert own_settings.read_text() == "[run]\nfps = 25\n"
    assert run_command_line(["config", "init", "--force"]) == 0
    assert "# fps = 30.0" in own_settings.read_text()


def test_editing_replaces_the_file_with_a_correct_draft(
    own_settings: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    script = own_settings.with_name("editor.py")
    script.write_text("import sys, pathlib; pathlib.Path(sys.argv[1]).write_text('[run]\\nfps = 25\\n')")
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", f"'{sys.executable}' '{script}'")
    assert run_command_line(["config", "edit"]) == 0
    assert own_settings.read_text() == "[run]\nfps = 25\n"
    assert "stylecam ctl reload" in capsys.readouterr().out


def test_a_mistake_made_while_editing_is_named_with_its_line_and_the_file_stays(
    own_settings: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own_settings.write_text("[run]\nfps = 25\n")
    script = own_settings.with_name("editor.py")
    script.write_text("import sys, pathlib; pathlib.Path(sys.argv[1]).write_text('[run]\\n\\nfps = 1000\\n')")
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", f"'{sys.executable}' '{script}'")
    assert run_command_line(["config", "edit"]) == 2
    assert f"{own_settings}, line 3: [run] fps: --fps 1000 is out of range" in capsys.readouterr().err
    assert own_settings.read_text() == "[run]\nfps = 25\n"


def test_visual_comes_before_editor_and_may_have_arguments(own_settings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = own_settings.with_name("editor.py")
    script.write_text("import sys, pathlib; pathlib.Path(sys.argv[2]).write_text(f'# {sys.argv[1]}')")
    monkeypatch.setenv("VISUAL", f"'{sys.executable}' '{script}' --wait")
    monkeypatch.setenv("EDITOR", "nothing")
    assert run_command_line(["config", "edit"]) == 0
    assert own_settings.read_text() == "# --wait"


@pytest.mark.parametrize(
    "editor",
    ["no-such-editor", "'open", f"'{sys.executable}' -c 'raise SystemExit(3)'"],
    ids=["none", "quote", "fails"],
)
@pytest.mark.skipif(sys.platform == "win32", reason="a path may hold a quote's other meanings there")
def test_an_editor_that_fails_is_one_clear_line_and_changes_nothing(
    own_settings: Path, editor: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own_settings.write_text("[run]\nfps = 25\n")
    monkeypatch.setenv("VISUAL", editor)
    assert run_command_line(["config", "edit"]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "as it was; set $VISUAL or $EDITOR" in message
    assert own_settings.read_text() == "[run]\nfps = 25\n"


@pytest.mark.skipif(sys.platform == "win32", reason="notepad is always there")
def test_without_any_editor_the_variables_are_named(
    own_settings: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("VISUAL", ""), ("EDITOR", ""), ("PATH", str(own_settings.parent))):
        monkeypatch.setenv(name, value)
    assert run_command_line(["config", "edit"]) == 2
    assert "set $VISUAL or $EDITOR" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[run]\nfps = 1000", "line 2: [run] fps: --fps 1000 is out of range"),
        ("[run]\n\nsize = '641x480'", "line 3: [run] size: size 641x480 is odd"),
        ("[run]\nscale = 'half'", "line 2: [run] scale: --scale 'half' must be auto or a number"),
        ("[run]\nhotkey = ['next']", "line 2: [run] hotkey: --hotkey 'next' is not ORDER=KEYS"),
        ("[hotkeys]\nnext = 'n'", "line 2: [hotkeys] next: hotkey 'n' would fire while typing"),
        ("[hotkeys]\nnxt = 'ctrl+n'", "line 2: [hotkeys] nxt: there is no action 'nxt'"),
        ("[hotkeys]\nnext = 'ctrl+alt+p'", "both"),
        ("[presets.a]\nstyle = 'grate_wave'", "line 2: [presets.a] style: no style is called 'grate_wave'"),
        ("[scenes]\nGame = 'calm'", "line 2: [scenes] Game: no style is called 'calm'"),
    ],
)
@pytest.mark.parametrize("command", [["config", "show"], ["run", "--camera", "demo", "--output", "null"]], ids=" ".join)
def test_a_wrong_value_is_named_with_its_line(
    own_settings: Path, text: str, says: str, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    own_settings.write_text(text)
    assert run_command_line(command) == 2
    captured = capsys.readouterr()
    assert says in captured.err
    assert captured.err.count("\n") == 1


def test_without_a_command_config_prints_its_help_in_lines(
    own_settings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_command_line(["config"])
    printed = capsys.readouterr()
    lines = (printed.out + printed.err).splitlines()  # click 8.1 prints it to standard output
    assert lines[0].startswith("Usage: stylecam config")
    assert len(lines) > 10
