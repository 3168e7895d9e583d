"""Fixtures that start real programs. Each is ended again, whatever the test does."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from tests.end_to_end import outside
from tests.end_to_end.browser import FLAGS
from tests.end_to_end.outside import PATIENCE_S, Program, environment, run_command

if TYPE_CHECKING:
    from playwright.sync_api import Browser

Need = Callable[[str], str]


class Start(Protocol):
    """Starts `stylecam run` with arguments; `display` and `terminal` are what it sees of a desktop, if anything."""

    def __call__(
        self,
        *arguments: str,
        display: str | None = None,
        command: list[str] | None = None,
        wait: bool = True,
        terminal: int | None = None,
    ) -> Program: ...


def unavailable(what: str) -> None:
    """Skip the test, or fail it where everything is meant to be installed (STYLECAM_NEED_ALL=1)."""
    if os.environ.get("STYLECAM_NEED_ALL") == "1":
        pytest.fail(f"{what}, and STYLECAM_NEED_ALL=1 wants every system test to run")
    pytest.skip(what)


@pytest.fixture(scope="session", autouse=True)
def _engines_are_measured_once(engine_cache: Path) -> None:
    """Let all programs that tests start share what they measure of the engines."""
    # A folder in place of the file with the rungs that have held: no program begins where another one came to.
    (engine_cache / "programs" / "stylecam" / "rungs.json").mkdir(parents=True, exist_ok=True)
    outside.shared_cache = engine_cache / "programs"


@pytest.fixture(scope="session")
def need() -> Need:
    """`need("ffmpeg")` gives the program's path, or skips the test with the reason."""

    def look(program: str) -> str:
        path = shutil.which(program)
        if path is None:
            unavailable(f"{program} is not installed")
        return path or program

    return look


@pytest.fixture
def stylecam(tmp_path: Path) -> Iterator[Start]:
    """Starts `stylecam run ARGUMENTS --stats FILE` and waits until it has published a picture."""
    with contextlib.ExitStack() as started:

        def start(
            *arguments: str,
            display: str | None = None,
            command: list[str] | None = None,
            wait: bool = True,
            terminal: int | None = None,
        ) -> Program:
            number = len(list(tmp_path.glob("run-*"))) + 1
            folder = tmp_path / f"run-{number}"
            folder.mkdir()
            variables = environment(tmp_path) | ({"DISPLAY": display} if display else {})
            program = Program([*(command or run_command()), *arguments], variables, folder, terminal)
            started.callback(program.kill)
            if wait:
                program.wait_until_published()
            return program

        yield start


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium, without a window. Not longer: Playwright's event loop keeps others from running."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        unavailable("chromium is not installed")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        unavailable("playwright is not installed")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield started
        started.close()


class Display:
    """A real X server without a screen, with a number nobody else has."""

    def __init__(self, program: str, *arguments: str) -> None:
        read_end, write_end = os.pipe()
        command = [program, "-displayfd", str(write_end), "-screen", "0", "1024x768x24", "-nolisten", "tcp", "-noreset"]
        self._server = subprocess.Popen(
            [*command, *arguments], pass_fds=[write_end], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(write_end)
        with os.fdopen(read_end) as numbers:
            number = numbers.readline().strip()
        assert number, "Xvfb did not start"
        self.name = f":{number}"

    def stop(self) -> None:
        self._server.terminate()
        self._server.wait(PATIENCE_S)


@pytest.fixture
def x_server(need: Need) -> Iterator[Callable[..., Display]]:
    """Starts X servers with further arguments; all are ended."""
    with contextlib.ExitStack() as started:

        def start(*arguments: str) -> Display:
            server = Display(need("Xvfb"), *arguments)
            started.callback(server.stop)
            return server

        yield start


@pytest.fixture
def display(x_server: Callable[..., Display]) -> str:
    """The name of an X display."""
    return x_server().name


@pytest.fixture
def xdo(need: Need, display: str) -> Callable[..., str]:
    """Runs xdotool on the display: real key events, real windows."""
    program = need("xdotool")

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [program, *arguments],
            env={**os.environ, "DISPLAY": display},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return done.stdout.strip()

    return run


@pytest.fixture
def full_pipe() -> Iterator[int]:
    """A pipe that takes no further byte, because nobody reads it."""
    unread, full = os.pipe()
    os.set_blocking(full, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(full, bytes(4096))
    os.set_blocking(full, True)  # a writer that does not know of this waits
    yield full
    os.close(full)
    os.close(unread)
