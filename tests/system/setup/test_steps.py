"""Steps are shown as they can be pasted, and run one after the other until one fails."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from stylecam.errors import SetupError
from stylecam.system.setup.steps import SetupStep, elevated_command, run_steps, shell_line, write_file_step

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no steps to run on Windows")


def touch(path: Path, root: bool = False) -> SetupStep:
    return SetupStep("make a file", ("touch", str(path)), root)


def test_a_step_can_be_pasted_into_a_terminal(tmp_path: Path) -> None:
    target = tmp_path / "it's here.conf"
    step = write_file_step("options", str(target), '# one\noptions a card_label="b,c"\n')
    subprocess.run(["sh", "-c", shell_line(step, "")], check=True)
    assert target.read_text() == '# one\noptions a card_label="b,c"\n'


def test_what_is_run_is_what_was_shown(tmp_path: Path) -> None:
    step = write_file_step("options", str(tmp_path / "a.conf"), "text\n")
    said: list[str] = []
    run_steps([step], "", said.append)
    assert said == [f"[1/1] {shell_line(step, '')}"]
    assert (tmp_path / "a.conf").read_text() == "text\n"


def test_only_steps_for_root_are_elevated(tmp_path: Path) -> None:
    assert elevated_command(touch(tmp_path), "sudo") == ("touch", str(tmp_path))
    assert elevated_command(touch(tmp_path, root=True), "doas") == ("doas", "touch", str(tmp_path))
    assert elevated_command(touch(tmp_path, root=True), "su") == ("su", "-c", shlex.join(["touch", str(tmp_path)]))


def test_sudo_is_what_runs_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sudo = tmp_path / "sudo"
    sudo.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/log\nexec "$@"\n')
    sudo.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    run_steps([touch(tmp_path / "a"), touch(tmp_path / "b", root=True)], "sudo", lambda _: None)
    assert (tmp_path / "log").read_text() == f"touch {tmp_path}/b\n"
    assert (tmp_path / "a").exists()
    assert (tmp_path / "b").exists()


@pytest.mark.parametrize("failing", [("false",), ("no-such-program",)])
def test_the_first_step_that_fails_is_the_last_and_is_named(failing: tuple[str, ...], tmp_path: Path) -> None:
    steps = [touch(tmp_path / "a"), SetupStep("fail", failing), touch(tmp_path / "b"), touch(tmp_path / "c")]
    with pytest.raises(SetupError, match=f"step 2 of 4 failed .*: {failing[0]}[.;].*later steps not started: 2"):
        run_steps(steps, "", lambda _: None)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_without_a_way_to_become_root_nothing_is_begun(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="nothing was run; run it as root"):
        run_steps([touch(tmp_path / "a"), touch(tmp_path / "b", root=True)], None, lambda _: None)
    assert list(tmp_path.iterdir()) == []
    assert shell_line(touch(tmp_path, root=True), None).startswith("(as root) touch")
