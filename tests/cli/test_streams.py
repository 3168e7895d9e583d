"""A log file on a full disk, and a stream that is gone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stylecam.cli.streams import PatientStream
from stylecam.cli.terminal_log import TerminalConsole

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is a device of Linux")


def test_messages_reach_the_file_again_once_its_disk_has_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as log, (tmp_path / "log").open("w+", encoding="utf-8") as freed:
        monkeypatch.setattr("sys.stderr", log)
        console = TerminalConsole()
        for number in range(2000):
            console.print(f"while it is full {number}")
        os.dup2(freed.fileno(), log.fileno())
        console.print("afterwards")
        assert (tmp_path / "log").read_text().splitlines()[-1] == "afterwards"


def test_a_stream_whose_reader_is_gone_is_given_up() -> None:
    unread, write_end = os.pipe()
    os.close(unread)
    with pytest.raises(BrokenPipeError), os.fdopen(write_end, "w") as gone:  # noqa: PT012 - closing fails too
        stream = PatientStream(gone)
        stream.write("nobody reads this")
        stream.flush()
