"""Standard input, output and error: always there, and never what ends or holds up a run."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
import threading
from collections.abc import Iterator
from typing import TextIO

import click

from stylecam.utils.redact import redact

WRITE_S = 1.0
"""The longest that the end of the program waits for standard error to take a line."""


_TEMPORARY = (errno.ENOSPC, errno.EDQUOT, errno.EAGAIN)
"""Errors of a log file on a full disk, and of a pipe that another program has set not to wait."""


class PatientStream(io.TextIOBase, TextIO):
    """Writes to another stream, and drops what that one does not take at the moment, as while a disk is full."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The other stream's encoding."""
        return self._stream.encoding

    def isatty(self) -> bool:
        """See `io.IOBase.isatty`."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """See `io.IOBase.fileno`."""
        return self._stream.fileno()

    def write(self, text: str, /) -> int:
        """See `io.TextIOBase.write`. Raises OSError where nobody will read any more."""
        with _patience():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """See `io.IOBase.flush`. Raises OSError where nobody will read any more."""
        with _patience():
            self._stream.flush()


@contextlib.contextmanager
def _patience() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _TEMPORARY:
            raise


def open_missing_streams() -> None:
    """Open the null device in place of standard streams that were closed when the program started (`2>&-`).

    Otherwise the next file or camera that is opened gets the number 0, 1 or 2, and whatever a library prints lands in
    it.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - open until the end
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def print_error(text: str) -> None:
    """Write `text` without its secrets to standard error. Give up after `WRITE_S`, and where nobody can read it."""
    text = redact(text)

    def write() -> None:
        with contextlib.suppress(OSError, ValueError):
            click.echo(text, err=True)

    # The prefix has `main` leave without the interpreter's last flush, which would wait for the same terminal.
    thread = threading.Thread(target=write, name="stylecam-error", daemon=True)
    thread.start()
    thread.join(WRITE_S)


def flush_all() -> None:
    """Flush both streams; what cannot be written is dropped, so that the interpreter's own flush does not fail."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            silence(stream)


def silence(stream: TextIO) -> None:
    """Let the null device take what `stream` still holds and what is written to it later."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
        stream.flush()
