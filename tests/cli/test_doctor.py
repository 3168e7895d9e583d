"""`stylecam doctor` on the machine the tests run on, and on recorded ones."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stylecam.cli.doctor import _settings_problem
from stylecam.cli.group import run_command_line
from stylecam.system import probe
from stylecam.system.doctor import diagnostics as doctor_diagnostics
from tests.system.fake_host import FakeDiagnostics, FakeHost, healthy, unload

pytestmark = pytest.mark.usefixtures("own_settings")

Use = Callable[[FakeHost, FakeDiagnostics], None]


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Use:
    """Make these the host."""

    def play(host: FakeHost, diagnostics: FakeDiagnostics) -> None:
        monkeypatch.setattr(probe, "HostProbe", lambda _: host)
        monkeypatch.setattr(doctor_diagnostics, "Diagnostics", lambda *_: diagnostics)

    return play


@pytest.fixture
def unloaded(use: Use) -> FakeHost:
    host, diagnostics = healthy()
    unload(host)
    use(host, diagnostics)
    return host


def test_this_machine_is_looked_at_and_nothing_breaks(capsys: pytest.CaptureFixture[str]) -> None:
    status = run_command_line(["doctor", "--json"])
    findings = json.loads(capsys.readouterr().out)
    assert status == (1 if any(finding["level"] == "fault" for finding in findings) else 0)
    assert {finding["level"] for finding in findings} <= {"ok", "warning", "fault", "unchecked"}
    assert {"Virtual camera", "Cameras", "Keys", "Painting", "Files and versions"} == {f["topic"] for f in findings}
    assert not [finding for finding in findings if "unexpected" in finding["found"]]
    (ran,) = [finding for finding in findings if finding["subject"] == "cpu"]
    assert "ran a network on it" in ran["found"]


@pytest.mark.skipif(sys.platform != "linux" or Path("/dev/video0").exists(), reason="of a machine without a camera")
def test_a_machine_without_cameras_is_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["doctor", "--json"]) == 1
    faults = {f["subject"] for f in json.loads(capsys.readouterr().out) if f["level"] == "fault"}
    assert "cameras" in faults


def test_where_all_is_well_it_ends_with_0(use: Use, capsys: pytest.CaptureFixture[str]) -> None:
    use(*healthy())
    assert run_command_line(["doctor"]) == 0
    assert "✓ driver           v4l2loopback 0.12.7, loaded" in capsys.readouterr().out


def test_a_fault_ends_with_1_and_stands_with_its_command(
    unloaded: FakeHost, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "✗ driver" in out
    assert "sudo modprobe v4l2loopback\n" in out


def test_json_holds_the_commands(unloaded: FakeHost, capsys: pytest.CaptureFixture[str]) -> None:
    run_command_line(["doctor", "--json"])
    (fault,) = [f for f in json.loads(capsys.readouterr().out) if f["level"] == "fault"]
    assert fault["fix"]["commands"] == [{"command": "sudo modprobe v4l2loopback", "root": True}]


def test_a_report_names_nobody(unloaded: FakeHost, capsys: pytest.CaptureFixture[str]) -> None:
    run_command_line(["doctor", "--report"])
    out = capsys.readouterr().out
    assert out.startswith("stylecam doctor\n")
    assert "~/Videos" in out
    assert "anna" not in out


@pytest.mark.parametrize(("answer", "runs"), [(True, True), (False, False)])
def test_a_fix_is_shown_and_asked_for(
    answer: bool,
    runs: bool,
    unloaded: FakeHost,
    executed: list[tuple[str, ...]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import click

    def confirm(*_: object, **__: object) -> None:
        assert "sudo modprobe v4l2loopback" in capsys.readouterr().out
        assert executed == []
        if not answer:
            raise click.Abort

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(click, "confirm", confirm)
    assert run_command_line(["doctor", "--fix"]) == (1 if answer else 130)
    assert executed == ([("sudo", "modprobe", "v4l2loopback")] if runs else [])


def test_with_yes_nobody_is_asked(unloaded: FakeHost, executed: list[tuple[str, ...]]) -> None:
    run_command_line(["doctor", "--fix", "--yes"])
    assert executed == [("sudo", "modprobe", "v4l2loopback")]


def test_where_nobody_can_be_asked_nothing_is_run(
    unloaded: FakeHost,
    executed: list[tuple[str, ...]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    assert run_command_line(["doctor", "--fix"]) == 2
    assert "add --yes" in capsys.readouterr().err
    assert executed == []


def test_where_no_command_helps_that_is_said(use: Use, capsys: pytest.CaptureFixture[str]) -> None:
    host, diagnostics = healthy()
    diagnostics.camera_list = []
    use(host, diagnostics)
    assert run_command_line(["doctor", "--fix"]) == 1
    assert "no command that would help" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["--json", "--report"], ["--fix", "--json"], ["--yes"], ["--nonsense"], ["word"]])
def test_what_cannot_be_meant_is_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["doctor", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", None),
        ('[run]\nstyle = "great_wave"\n', None),
        ('[run]\nstyel = "great_wave"\n', "did you mean style?"),
        ('[run]\nstyle = "grate_wave"\n', "did you mean great_wave"),
        ("[run]\nfps = 1000\n", "--fps 1000 is out of range"),
        ('[run]\nfps = "fast"\n', "config.toml"),
        ('[run]\nsize = "10x10"\n', "between 64 and 4096"),
        ('[hotkeys]\nnext = "ctrl+nonsense+n"\n', "nonsense"),
        ('[hotkeys]\nnxet = "ctrl+n"\n', "nxet"),
        ("[run\n", "config.toml"),
    ],
)
def test_the_settings_are_judged_as_a_run_would(text: str, says: str | None, own_settings: Path) -> None:
    own_settings.write_text(text)
    complaint = _settings_problem()
    assert (complaint is None) if says is None else says in str(complaint)
