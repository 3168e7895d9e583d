"""Who reads a loopback device: a real file and a real program stand for it; the driver is played."""

from __future__ import annotations

import errno
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("v4l2loopback is Linux only", allow_module_level=True)

from stylecam.media import v4l2
from stylecam.media.v4l2_readers import RESCAN_EVERY, DriverReaderDetector, ProcessReaderDetector, reader_detector

READER = """
import mmap, sys
with open(sys.argv[1], "r+b") as device:
    for line in sys.stdin:
        if line == "stream\\n":
            pixels = mmap.mmap(device.fileno(), 4096)
        elif line == "stop\\n":
            pixels.close()
        print("done", flush=True)
"""


class Program:
    """Another program that has the device open, and streams when told."""

    def __init__(self, device: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", READER, str(device)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.tell("nothing")

    def tell(self, what: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def end(self) -> None:
        self.process.communicate()


@pytest.fixture
def device(tmp_path: Path) -> Path:
    path = tmp_path / "video10"
    path.write_bytes(bytes(4096))
    return path


class Search:
    """Plays the search of /proc for programs that have the device open."""

    def __init__(self) -> None:
        self.found: list[Program] = []
        self.count = 0

    def __call__(self, _: str) -> list[tuple[int, str]]:
        self.count += 1
        return [(program.process.pid, "program") for program in self.found]


@pytest.fixture
def search(monkeypatch: pytest.MonkeyPatch) -> Iterator[Search]:
    played = Search()
    monkeypatch.setattr(v4l2, "holders", played)
    yield played
    for program in played.found:
        program.end()


def test_a_program_that_only_opens_the_device_does_not_read(device: Path, search: Search) -> None:
    watching = ProcessReaderDetector(str(device))
    search.found.append(Program(device))
    assert watching.reading() is False
    watching.close()


def test_a_program_reads_from_its_start_to_its_end(device: Path, search: Search) -> None:
    watching = ProcessReaderDetector(str(device))
    assert watching.reading() is False
    program = Program(device)
    search.found.append(program)
    seen = []
    for order in ("stream", "stop", "stream"):
        program.tell(order)
        seen.append(watching.reading())
    program.process.kill()
    program.process.wait()
    seen.append(watching.reading())
    assert seen == [True, False, True, False]
    watching.close()


def test_a_program_that_cannot_be_inspected_may_be_reading(device: Path, search: Search) -> None:
    watching = ProcessReaderDetector(str(device))
    with device.open():
        assert watching.reading() is None
        assert watching.reading() is None
    assert watching.reading() is False
    watching.close()


def test_processes_are_searched_only_after_the_device_was_opened(device: Path, search: Search) -> None:
    watching = ProcessReaderDetector(str(device))
    watching.reading()
    for _ in range(RESCAN_EVERY - 1):
        watching.reading()
    assert search.count == 1
    device.open().close()
    watching.reading()
    assert search.count == 2
    watching.close()


class Driver:
    """Plays v4l2loopback's side of the ioctls."""

    def __init__(self) -> None:
        self.streaming = False
        self.knows_the_event = True
        self.pending: list[bool] = []
        self.subscribed = False

    def ioctl(self, _: int, number: int, argument: bytearray) -> int:
        if number & 0xFF == 89:
            if not self.pending:
                raise OSError(errno.ENOENT, "no event")
            struct.pack_into("<I", argument, 8, self.pending.pop())
        elif number & 0xFF == 90:
            if not self.knows_the_event:
                raise OSError(errno.EINVAL, "unknown event")
            if not self.subscribed:  # a second subscription to the same event is no news
                self.pending = [self.streaming]
            self.subscribed = True
        elif number & 0xFF == 91:
            self.subscribed, self.pending = False, []
        return 0


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    played = Driver()
    monkeypatch.setattr("fcntl.ioctl", played.ioctl)
    return played


def test_the_driver_is_asked_for_its_present_state_each_time(device: Path, driver: Driver) -> None:
    watching = DriverReaderDetector(str(device))
    seen = []
    for driver.streaming in (False, True, True, False):
        seen.append(watching.reading())
    assert seen == [False, True, True, False]
    watching.close()


def test_without_the_drivers_event_the_programs_are_inspected(device: Path, driver: Driver) -> None:
    driver.knows_the_event = False
    watching = reader_detector(str(device))
    assert isinstance(watching, ProcessReaderDetector)
    watching.close()


def test_the_drivers_event_is_used_where_there_is_one(device: Path, driver: Driver) -> None:
    watching = reader_detector(str(device))
    assert isinstance(watching, DriverReaderDetector)
    watching.close()
    watching.close()
