"""Standard streams that are closed, full or not read: a call goes on, and its end is told by its exit status."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest

from tests.end_to_end.conftest import Need
from tests.end_to_end.outside import PATIENCE_S, environment, run_command, wait_for

pytestmark = [pytest.mark.system, pytest.mark.skipif(sys.platform == "win32", reason="pipes and ptys are of Unix")]

DEMO = ("--camera", "demo", "--style", "none", "--size", "128x96", "--output", "null", "--no-hotkeys", "--always-on")
WRONG = (*DEMO, "--fps", "900")
FRAMES = 60
"""Two seconds."""


class Shell:
    """Runs `stylecam run` through bash, with redirections."""

    def __init__(self, folder: Path, bash: str) -> None:
        self.folder, self.environment, self._bash = folder, environment(folder), bash
        self.stats_file = folder / "stats.json"

    def line(self, *arguments: str) -> str:
        return shlex.join([*run_command(*arguments), "--stats", str(self.stats_file)])

    def __call__(self, redirected: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._bash, "-o", "pipefail", "-c", f"{self.line(*arguments)} {redirected}"],
            env=self.environment,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE_S,
            check=False,
        )

    @property
    def published(self) -> int:
        with suppress(FileNotFoundError):
            return int(json.loads(self.stats_file.read_text("utf-8"))["published"])
        return 0


@pytest.fixture
def shell(need: Need, tmp_path: Path) -> Shell:
    return Shell(tmp_path, need("bash"))


@pytest.mark.parametrize(
    "redirected",
    [">&-", "2>&-", "<&-", "<&- >&- 2>&-", ">/dev/full", "2>/dev/full", ">/dev/full 2>&1", "2>&1 >/dev/null | true"],
)
def test_the_run_goes_on_and_ends_with_status_0(shell: Shell, redirected: str) -> None:
    done = shell(redirected, *DEMO, "--seconds", "3")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert shell.published >= 15


@pytest.mark.parametrize("redirected", [">&-", "| true"])
def test_figures_that_nobody_reads_are_no_failure(shell: Shell, redirected: str) -> None:
    done = shell(redirected, *DEMO, "--seconds", "1", "--json")
    assert (done.returncode, done.stdout) == (0, "")
    assert "Traceback" not in done.stderr


def test_figures_that_do_not_fit_on_the_disk_are_reported_in_one_line(shell: Shell) -> None:
    done = shell(">/dev/full", *DEMO, "--seconds", "1", "--json")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "stylecam: the output could not be written (No space left on device); send it elsewhere"
    )
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("redirected", ["2>&-", "2>/dev/full", ">&- 2>&-", "2>&1 | true"])
def test_a_mistake_keeps_its_exit_status_where_nobody_can_read_it(shell: Shell, redirected: str) -> None:
    assert shell(redirected, *WRONG).returncode == 2


def test_nothing_that_is_opened_gets_the_number_of_a_closed_stream(shell: Shell) -> None:
    """What a library prints to standard error must not land in a recording."""
    recording = shell.folder / "out.mp4"
    script = (
        "import os, sys; from stylecam.cli.streams import open_missing_streams; open_missing_streams();"
        f"file = open({str(recording)!r}, 'wb'); os.write(2, b'a complaint'); print('a result');"
        "assert file.fileno() > 2, file.fileno(); file.close()"
    )
    command = f"{shlex.quote(sys.executable)} -c {shlex.quote(script)}"
    subprocess.run(
        ["bash", "-c", f"{command} <&- >&- 2>&-"], cwd=Path.cwd(), env=shell.environment, check=True, timeout=PATIENCE_S
    )
    assert recording.read_bytes() == b""


@pytest.mark.parametrize("arguments", [WRONG, (*DEMO, "--camera", "77")], ids=["an option", "a camera"])
def test_an_error_line_that_nobody_reads_does_not_hold_up_the_end(
    shell: Shell, full_pipe: int, arguments: Sequence[str]
) -> None:
    program = subprocess.Popen(
        run_command(*arguments),
        env=shell.environment,
        cwd=shell.folder,
        stdin=subprocess.DEVNULL,
        stdout=full_pipe,
        stderr=full_pipe,
    )
    try:
        assert program.wait(PATIENCE_S) == 2
    finally:
        program.kill()
        program.wait(PATIENCE_S)


Open = Callable[[Sequence[str]], tuple[subprocess.Popen[bytes], int]]


@pytest.fixture
def in_a_window(need: Need, shell: Shell) -> Iterator[Open]:
    """Starts a program as a terminal's window does; whoever closes the descriptor closes the window."""
    setsid = need("setsid")
    with ExitStack() as ending:

        def start(command: Sequence[str]) -> tuple[subprocess.Popen[bytes], int]:
            ours, theirs = os.openpty()
            program = subprocess.Popen(
                [setsid, "--ctty", *command],
                env=shell.environment,
                cwd=shell.folder,
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
            )
            os.close(theirs)
            ending.callback(program.wait, PATIENCE_S)
            ending.callback(program.kill)
            return program, ours

        yield start


def ctl(shell: Shell, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stylecam", "ctl", *arguments],
        env=shell.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_a_closed_window_does_not_end_the_call(shell: Shell, in_a_window: Open) -> None:
    program, window = in_a_window(shlex.split(shell.line(*DEMO)))
    drained = _drain(window)
    wait_for("the first frames", lambda: shell.published > FRAMES)
    watching = subprocess.Popen(
        [sys.executable, "-m", "stylecam", "ctl", "watch"],
        env=shell.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert watching.stdout is not None
        assert "steadiness" in watching.stdout.readline()
        drained()
        os.close(window)
        notice = next(line for line in watching.stdout if "terminal" in line)
        assert "stylecam ctl quit" in notice
    finally:
        watching.kill()
        watching.communicate(timeout=PATIENCE_S)
    before = shell.published
    wait_for("two seconds more", lambda: shell.published > before + FRAMES)
    assert program.poll() is None
    assert ctl(shell, "quit").returncode == 0
    assert program.wait(PATIENCE_S) == 0


def test_a_closed_window_with_a_shell_in_it_does_not_end_the_call(shell: Shell, in_a_window: Open, need: Need) -> None:
    """A shell sends SIGHUP to its jobs when its window closes, and the system to those in the foreground."""
    bash, window = in_a_window([need("bash"), "--norc", "-i"])
    drained = _drain(window)
    os.write(window, f"{shell.line(*DEMO)}\n".encode())
    wait_for("the first frames", lambda: shell.published > FRAMES)
    (program,) = psutil.Process(bash.pid).children()
    drained()
    os.close(window)
    try:
        bash.wait(PATIENCE_S)
        before = shell.published
        wait_for("two seconds more", lambda: shell.published > before + FRAMES)
        assert ctl(shell, "quit").returncode == 0
        program.wait(PATIENCE_S)
    finally:
        with suppress(psutil.NoSuchProcess):
            program.kill()


def test_nohup_is_respected(shell: Shell, need: Need) -> None:
    program = subprocess.Popen(
        [need("nohup"), *shlex.split(shell.line(*DEMO))],
        env=shell.environment,
        cwd=shell.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for("the first frames", lambda: shell.published > 0)
        program.send_signal(signal.SIGHUP)
        before = shell.published
        wait_for("two seconds more", lambda: shell.published > before + FRAMES)
        program.terminate()
        assert program.wait(PATIENCE_S) == 0
    finally:
        program.kill()
        program.wait(PATIENCE_S)


def _drain(window: int) -> Callable[[], None]:
    """Read all that appears in the window on a thread; the returned function stops that."""
    import select
    import threading

    stop = threading.Event()

    def read() -> None:
        with suppress(OSError):
            while not stop.is_set():
                if select.select([window], [], [], 0.05)[0]:
                    os.read(window, 4096)

    thread = threading.Thread(target=read)
    thread.start()

    def end() -> None:
        stop.set()
        thread.join()

    return end
