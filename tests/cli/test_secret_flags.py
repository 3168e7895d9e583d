"""Secrets on the command line of `stylecam run`: passed on in variables, and hidden from other users."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stylecam.cli.run import command
from stylecam.cli.secret_flags import secret_values, split_secrets
from stylecam.errors import UsageError


def split(*words: str) -> tuple[list[str], dict[str, str]]:
    return split_secrets(command.make_context("run", list(words)), words)


def test_secrets_become_variables_and_all_else_stays() -> None:
    kept, variables = split(
        "--token", "a-secret-token", "--obs", "ws://:pa ss@127.0.0.1:4455", "--camera=rtsp://me:p@ss@192.0.2.7/live",
        "-v", "--no-hotkeys", "--hotkey", "next=ctrl+n", "--hotkey", "quit=", "--size", "128x96",
    )  # fmt: skip
    assert variables == {
        "STYLECAM_TOKEN": "a-secret-token",
        "STYLECAM_OBS": "ws://:pa ss@127.0.0.1:4455",
        "STYLECAM_CAMERA": "rtsp://me:p@ss@192.0.2.7/live",
    }
    assert kept == ["--verbose", "--no-hotkeys", "--hotkey=next=ctrl+n", "--hotkey=quit=", "--size=128x96"]
    command.make_context("run", list(kept))


def test_without_secrets_the_words_stay_as_they_are() -> None:
    words = ["--camera", "demo", "-v", "--obs", "--output", "file:a b.mp4"]
    assert split(*words) == (words, {})


def test_outputs_with_a_stream_key_go_together() -> None:
    kept, variables = split("--output", "virtual", "--output", "rtmp://live.example/app/secret-key")
    assert (kept, variables) == ([], {"STYLECAM_OUTPUT": "virtual rtmp://live.example/app/secret-key"})
    with pytest.raises(UsageError, match="stylecam config edit"):
        split("--output", "file:my talk.mp4", "--output", "rtmp://live.example/app/secret-key")


def test_secret_values_are_found_for_hiding() -> None:
    context = command.make_context("run", ["--token", "a-secret-token", "--camera", "demo"])
    assert secret_values(context) == ["a-secret-token"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a program change its arguments")
def test_the_list_of_processes_shows_stars() -> None:
    script = (
        "import sys; from pathlib import Path; from stylecam.cli.process_list import hide_in_process_list;"
        "hide_in_process_list(sys.argv[1:2]); print(Path('/proc/self/cmdline').read_bytes()); print(sys.argv)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "geheim-ä", "shown"], capture_output=True, text=True, check=True, cwd=Path.cwd()
    )
    listed, arguments = done.stdout.splitlines()
    assert "geheim" not in listed
    assert r"\x00*********\x00shown\x00" in listed
    assert arguments == "['-c', 'geheim-ä', 'shown']"
