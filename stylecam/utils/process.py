"""Run a program beside this one and read what it prints."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import IO, cast

_MAX_LINE_BYTES = 2**20
READER_TIMEOUT_S = 0.5
"""How long to wait for a thread that reads from or writes to the program once the program has ended."""


class ChildProcess:
    """A running program whose output is read by a thread of its own, so that the program never waits for us.

    The program leads a session of its own, so Ctrl-C in the terminal does not reach it. Of its output only the last
    line and the last error are kept.
    """

    def __init__(
        self, command: Sequence[str], on_line: Callable[[str], None] | None = None, *, with_input: bool = False
    ) -> None:
        """Start the program.

        Args:
            command: the program and its arguments.
            on_line: called by the reading thread with each line, including its end, and with "" when the output ends.
            with_input: whether the program gets a pipe as its standard input; see `input`.

        Raises:
            OSError: it cannot be started.
        """
        self._on_line = on_line
        self._last_line = self._last_error = ""
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE if with_input else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            env={**os.environ, "LC_ALL": "C"},  # its messages are compared, and shown, in English
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name=f"stylecam-{command[0]}", daemon=True)
        self._reader.start()

    @property
    def input(self) -> IO[bytes]:
        """The unbuffered end of the pipe to its standard input."""
        return cast("IO[bytes]", self._process.stdin)

    @property
    def running(self) -> bool:
        """False once it has ended."""
        return self._process.poll() is None

    def exit_reason(self) -> str:
        """Return why a program that has ended did so: its last error, else its last line, else its exit status."""
        self._reader.join(READER_TIMEOUT_S)
        return self._last_error or self._last_line or f"it ended with status {self._process.returncode}"

    def kill(self) -> None:
        """Kill the program and what it has started. Its pipes stay open, and writing to them fails."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                if sys.platform == "win32":
                    self._process.kill()
                else:
                    os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def close(self) -> None:
        """Kill the program if it still runs and close its pipes. No thread may still be writing to `input`."""
        self.kill()
        self._reader.join(READER_TIMEOUT_S)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _read(self) -> None:
        """Read the output until it ends; the body of the reading thread."""
        output = self._process.stdout
        assert output is not None
        with contextlib.suppress(ValueError):  # `close` has closed the pipe
            while data := output.readline(_MAX_LINE_BYTES):
                line = data.decode("utf-8", "replace")
                text = " ".join(line.split())
                if text:
                    self._last_line = text
                if text.startswith("ERROR"):
                    self._last_error = text
                if self._on_line is not None:
                    self._on_line(line)
        if self._on_line is not None:
            self._on_line("")
