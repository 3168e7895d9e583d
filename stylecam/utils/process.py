"""A program of the system that runs beside this one, is listened to and, if wanted, fed. POSIX only."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from typing import IO, cast

LONGEST_LINE = 2**20
PART_S = 0.5
"""How long to wait for the thread that listens once the program is gone."""


class ChildProcess:
    """One started program. All it says is read by a thread, so that it never waits for us, and not kept.

    It is the first of a session of its own: Ctrl-C in the terminal is not meant for it.
    """

    def __init__(self, command: Sequence[str], hear: Callable[[str], None] | None = None, *, fed: bool = False) -> None:
        """`hear` gets every line, with its end, in the thread that listens, and "" when no more will come.

        A `fed` program has an `input`.

        Raises:
            OSError: it cannot be started.
        """
        self._hear = hear
        self._last_line = self._last_error = ""
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE if fed else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            env={**os.environ, "LC_ALL": "C"},  # what it says is compared, and shown, in English
            start_new_session=True,
        )
        self._listener = threading.Thread(target=self._listen, name=f"stylecam-{command[0]}", daemon=True)
        self._listener.start()

    @property
    def input(self) -> IO[bytes]:
        """The unbuffered end of the pipe to its standard input."""
        return cast("IO[bytes]", self._process.stdin)

    @property
    def running(self) -> bool:
        """False once it has ended."""
        return self._process.poll() is None

    def exit_reason(self) -> str:
        """What became of one that has ended, in its own words: its last error, else its last line."""
        self._listener.join(PART_S)
        return self._last_error or self._last_line or f"it ended with status {self._process.returncode}"

    def kill(self) -> None:
        """End it, and what it has started, at once; also one that hangs. Its pipes stay open, and are broken."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def close(self) -> None:
        """End it, if it has not, and let everything go; nobody must be writing to its `input` any more."""
        self.kill()
        self._listener.join(PART_S)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _listen(self) -> None:
        heard = self._process.stdout
        assert heard is not None
        with contextlib.suppress(ValueError):  # closed under us
            while said := heard.readline(LONGEST_LINE):
                line = said.decode("utf-8", "replace")
                words = " ".join(line.split())
                if words:
                    self._last_line = words
                if words.startswith("ERROR"):
                    self._last_error = words
                if self._hear is not None:
                    self._hear(line)
        if self._hear is not None:
            self._hear("")
