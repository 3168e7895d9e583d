"""`stylecam setup` on recorded machines: steps are shown, confirmed and run, and never more than was shown."""

from __future__ import annotations

import pytest

from stylecam.cli.group import run_command_line
from stylecam.system import probe
from stylecam.system.setup import steps
from tests.system.fake_host import OPTIONS_FILE, FakeHost, healthy, uninstall


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    host, _ = healthy()
    uninstall(host)
    monkeypatch.setattr(probe, "HostProbe", lambda _: host)
    return host


def test_a_dry_run_shows_every_command_and_runs_none(
    host: FakeHost, executed: list[tuple[str, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["setup", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "sudo apt-get install -y linux-headers-amd64 v4l2loopback-dkms" in out
    assert f"""\"$0\"' {OPTIONS_FILE} '# written by stylecam setup;""" in out
    assert "sudo modprobe v4l2loopback" in out
    assert executed == []


def test_with_yes_the_steps_are_run_in_their_order(
    host: FakeHost, executed: list[tuple[str, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["setup", "--yes"]) == 0
    assert [command[1] for command in executed] == ["apt-get", "apt-get", "sh", "sh", "modprobe"]
    assert "Now start stylecam" in capsys.readouterr().out


def test_a_step_that_fails_is_named_and_the_later_ones_not_begun(
    host: FakeHost, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[tuple[str, ...]] = []

    def execute(command: tuple[str, ...]) -> int:
        begun.append(command)
        return 100 if "install" in command else 0

    monkeypatch.setattr(steps, "_run_command", execute)
    assert run_command_line(["setup", "--yes"]) == 2
    assert len(begun) == 2
    err = capsys.readouterr().err
    assert "step 2 of 5 failed with status 100: sudo apt-get install" in err
    assert err.count("\n") == 1


def test_where_all_is_set_up_nothing_is_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    host, _ = healthy()
    monkeypatch.setattr(probe, "HostProbe", lambda _: host)
    assert run_command_line(["setup"]) == 0
    assert capsys.readouterr().out == "Everything is set up already.\n"


def test_removing_what_was_never_set_up_is_no_mistake(host: FakeHost, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["setup", "--remove"]) == 0
    assert capsys.readouterr().out == "There is nothing to remove.\n"


@pytest.mark.parametrize("platform", ["win32", "darwin"])
def test_on_windows_and_macos_the_steps_are_printed(
    platform: str, host: FakeHost, capsys: pytest.CaptureFixture[str]
) -> None:
    host.platform = platform
    assert run_command_line(["setup"]) == 0
    assert "  1. install OBS Studio" in capsys.readouterr().out


def test_in_a_container_it_says_where_to_run(host: FakeHost, capsys: pytest.CaptureFixture[str]) -> None:
    host.files["/.dockerenv"] = ""
    assert run_command_line(["setup", "--yes"]) == 2
    assert "run stylecam setup there" in capsys.readouterr().err


def test_doing_and_not_doing_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(["setup", "--dry-run", "--yes"]) == 2
    assert "leave one out" in capsys.readouterr().err
