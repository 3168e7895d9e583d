"""A running stylecam, steered from other programs: `stylecam ctl`, its file read again, OBS."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import Start
from tests.end_to_end.outside import HOST, Program, environment, free_port, run_command, wait_for

pytestmark = pytest.mark.system

DEMO = ("--camera", "demo", "--style", "udnie", "--size", "128x96", "--output", "null", "--no-hotkeys")
Ctl = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def ctl(tmp_path: Path) -> Ctl:
    """Runs `stylecam ctl` as the same user."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "stylecam", "ctl", *words],
            env=environment(tmp_path), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    return run


def configured(tmp_path: Path, text: str) -> None:
    (tmp_path / "config" / "stylecam").mkdir(parents=True, exist_ok=True)
    (tmp_path / "config" / "stylecam" / "config.toml").write_text(text)


def says(program: Program, words: str) -> None:
    wait_for(f"{words!r} among what it says:\n{program.errors}", lambda: words in program.errors)


def state(ctl: Ctl) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ctl("state", "--json").stdout)
    return found


def test_another_program_steers_it_and_ends_it(stylecam: Start, ctl: Ctl) -> None:
    program = stylecam(*DEMO)
    done = ctl("select", "great_wave")
    assert (done.returncode, done.stdout) == (0, "great_wave, steadiness 0.8\n"), done.stderr
    program.wait_until("the other style", lambda stats: stats["style"] == "great_wave")
    refused = ctl("select", "grate_wave")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "did you mean great_wave" in refused.stderr
    assert ctl("quit").returncode == 0
    assert program.finish() == 0
    gone = ctl("next")
    assert gone.returncode == 2
    assert "no stylecam is running" in gone.stderr


def test_a_program_that_was_killed_is_not_found_and_the_next_one_is(stylecam: Start, ctl: Ctl) -> None:
    stylecam(*DEMO).kill()
    assert "no stylecam is running" in ctl("next").stderr
    stylecam(*DEMO)
    assert ctl("next").returncode == 0


def test_the_newest_of_several_is_meant_unless_another_is_named(stylecam: Start, ctl: Ctl) -> None:
    first, second = stylecam(*DEMO), stylecam(*DEMO)
    assert ctl("strength", "0.5").returncode == 0
    second.wait_until("the order", lambda stats: stats["strength"] == 0.5)
    assert ctl("strength", "0.25", "--pid", str(first.process.pid)).returncode == 0
    first.wait_until("the order", lambda stats: stats["strength"] == 0.25)
    assert second.stats()["strength"] == 0.5


def test_a_changed_file_is_read_again(stylecam: Start, ctl: Ctl, tmp_path: Path) -> None:
    configured(tmp_path, "[run]\nstrength = 0.9\n")
    program = stylecam(*DEMO)
    configured(tmp_path, '[run]\nstrength = 0.5\nfps = 25\n[presets.calm]\nstyle = "great_wave"\nsteadiness = 1\n')
    assert ctl("preset", "calm").returncode == 2
    assert ctl("reload").returncode == 0
    assert ctl("preset", "calm").returncode == 0
    program.wait_until("the preset", lambda stats: (stats["style"], stats["strength"]) == ("great_wave", 0.5))
    says(program, "new from now on: strength, fps, presets")
    assert state(ctl)["presets"] == ["calm"]


def test_a_broken_file_is_refused_with_its_line_and_changes_nothing(stylecam: Start, ctl: Ctl, tmp_path: Path) -> None:
    program = stylecam(*DEMO)
    configured(tmp_path, "[run]\nstrength = 0.5\n\nfps = 'fast'\n")
    refused = ctl("reload")
    assert refused.returncode == 2
    assert "config.toml, line 4: [run] fps: must be a number" in refused.stderr
    assert state(ctl)["strength"] == 1.0
    assert program.running


def test_a_flag_wins_over_a_file_that_is_read_again(stylecam: Start, ctl: Ctl, tmp_path: Path) -> None:
    stylecam(*DEMO, "--strength", "0.8")
    configured(tmp_path, "[run]\nstrength = 0.5\n")
    assert ctl("reload").returncode == 0
    assert state(ctl)["strength"] == 0.8


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_without_a_terminal_a_hangup_reads_the_file_again(stylecam: Start, tmp_path: Path) -> None:
    program = stylecam(*DEMO, command=["setsid", "-w", *run_command()], wait=False)
    program.wait_until_published()
    (child,) = _children(program.process.pid)
    configured(tmp_path, "[run]\nstrength = 0.5\n")
    os.kill(child, signal.SIGHUP)
    program.wait_until("the new strength", lambda stats: stats["strength"] == 0.5)
    configured(tmp_path, "[run]\nstrenth = 0.5\n")
    os.kill(child, signal.SIGHUP)
    says(program, "config.toml, line 2: [run] strenth: there is no such key; did you mean strength?")
    os.kill(child, signal.SIGTERM)
    assert program.finish() == 0


def _children(pid: int) -> list[int]:
    import psutil

    return [child.pid for child in psutil.Process(pid).children()] or [pid]


def test_the_addresses_for_obs_lead_to_the_picture(stylecam: Start, tmp_path: Path) -> None:
    stylecam(*DEMO[:-2], "web", "--no-hotkeys")
    told = subprocess.run(
        [sys.executable, "-m", "stylecam", "obs", "--json"],
        env=environment(tmp_path), capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    addresses = json.loads(told.stdout)
    assert (addresses["width"], addresses["height"], addresses["fps"]) == (128, 96, 30.0)
    kinds = {}
    for name in ("browser_source", "media_source"):
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(addresses[name], timeout=20) as answer:
            kinds[name] = answer.headers.get_content_type()
    assert kinds == {"browser_source": "text/html", "media_source": "multipart/x-mixed-replace"}


def test_the_scenes_of_obs_choose_presets_and_styles(stylecam: Start, tmp_path: Path) -> None:
    pytest.importorskip("simpleobsws", reason='following OBS needs one more package: pip install "stylecam[obs]"')
    from tests.control.fake_obs import FakeObs

    obs = FakeObs(free_port(), "pass word", "Chat").start()
    try:
        configured(
            tmp_path,
            f'[obs]\nurl = "ws://:pass%20word@{HOST}:{obs.port}"\n[presets.calm]\nstyle = "great_wave"\n'
            '[scenes]\nChat = "calm"\nGame = "the_scream"\n',
        )
        program = stylecam(*DEMO)
        program.wait_until("the preset of the scene", lambda stats: stats["style"] == "great_wave")
        obs.switch("Game")
        program.wait_until("the style of the scene", lambda stats: stats["style"] == "the_scream")
        says(program, f"OBS at ws://{HOST}:{obs.port} chooses the style")
        obs.stop()
        says(program, "has gone")
        obs.scene = "Chat"
        obs.start()
        program.wait_until("the scene after OBS came back", lambda stats: stats["style"] == "great_wave")
        assert "pass word" not in program.errors
    finally:
        obs.stop()
