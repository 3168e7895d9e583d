"""Tests of detecting readers of a loopback device, with a plain file as device and a fake driver."""

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
from stylecam.media.v4l2_readers import (
    RESCAN_EVERY,
    DriverReaderDetector,
    ProcessReaderDetector,
    reader_detector,
    reader_names,
)

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


class ReaderProcess:
    """Another process that has the device open and streams on command."""

    def __init__(self, device: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", READER, str(device)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.send("nothing")

    def send(self, command: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def end(self) -> None:
        self.process.communicate()


@pytest.fixture
def device(tmp_path: Path) -> Path:
    path = tmp_path / "video10"
    path.write_bytes(bytes(4096))
    return path


class FakeProcessSearch:
    """Stands in for the search of /proc for processes that have the device open."""

    def __init__(self) -> None:
        self.found: list[ReaderProcess] = []
        self.count = 0

    def __call__(self, _: str) -> list[tuple[int, str]]:
        self.count += 1
        return [(program.process.pid, "program") for program in self.found]


@pytest.fixture
def search(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProcessSearch]:
    fake = FakeProcessSearch()
    monkeypatch.setattr(v4l2, "holders", fake)
    yield fake
    for program in fake.found:
        program.end()


def test_a_process_that_only_opens_the_device_is_not_a_reader(device: Path, search: FakeProcessSearch) -> None:
    detector = ProcessReaderDetector(str(device))
    search.found.append(ReaderProcess(device))
    assert detector.reading() is False
    detector.close()


def test_a_process_is_a_reader_while_it_streams(device: Path, search: FakeProcessSearch) -> None:
    detector = ProcessReaderDetector(str(device))
    assert detector.reading() is False
    program = ReaderProcess(device)
    search.found.append(program)
    seen = []
    for command in ("stream", "stop", "stream"):
        program.send(command)
        seen.append(detector.reading())
    program.process.kill()
    program.process.wait()
    seen.append(detector.reading())
    assert seen == [True, False, True, False]
    detector.close()


def test_readers_are_named_and_programs_that_only_opened_the_device_are_not(
    device: Path, search: FakeProcessSearch
) -> None:
    search.found += [ReaderProcess(device), ReaderProcess(device)]
    assert reader_names(str(device)) == ()
    for program in search.found:
        program.send("stream")
    assert reader_names(str(device)) == ("program",)


def test_a_process_that_cannot_be_inspected_is_unknown(device: Path, search: FakeProcessSearch) -> None:
    detector = ProcessReaderDetector(str(device))
    with device.open():
        assert detector.reading() is None
        assert detector.reading() is None
    assert detector.reading() is False
    detector.close()


def test_processes_are_searched_only_after_the_device_was_opened(device: Path, search: FakeProcessSearch) -> None:
    detector = ProcessReaderDetector(str(device))
    detector.reading()
    for _ in range(RESCAN_EVERY - 1):
        detector.reading()
    assert search.count == 1
    device.open().close()
    detector.reading()
    assert search.count == 2
    detector.close()


class FakeDriver:
    """Answers ioctls like v4l2loopback."""

    def __init__(self) -> None:
        self.streaming = False
        self.supports_event = True
        self.pending: list[bool] = []
        self.subscribed = False

    def ioctl(self, _: int, number: int, argument: bytearray) -> int:
        if number & 0xFF == 89:
            if not self.pending:
                raise OSError(errno.ENOENT, "no event")
            struct.pack_into("<I", argument, 8, self.pending.pop())
        elif number & 0xFF == 90:
            if not self.supports_event:
                raise OSError(errno.EINVAL, "unknown event")
            if not self.subscribed:  # a second subscription to the same event queues nothing
                self.pending = [self.streaming]
            self.subscribed = True
        elif number & 0xFF == 91:
            self.subscribed, self.pending = False, []
        return 0


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> FakeDriver:
    fake = FakeDriver()
    monkeypatch.setattr("fcntl.ioctl", fake.ioctl)
    return fake


def test_the_driver_is_asked_for_its_current_state_each_time(device: Path, driver: FakeDriver) -> None:
    detector = DriverReaderDetector(str(device))
    seen = []
    for driver.streaming in (False, True, True, False):
        seen.append(detector.reading())
    assert seen == [False, True, True, False]
    detector.close()


def test_without_the_drivers_event_processes_are_inspected(device: Path, driver: FakeDriver) -> None:
    driver.supports_event = False
    detector = reader_detector(str(device))
    assert isinstance(detector, ProcessReaderDetector)
    detector.close()


def test_the_drivers_event_is_used_if_supported(device: Path, driver: FakeDriver) -> None:
    detector = reader_detector(str(device))
    assert isinstance(detector, DriverReaderDetector)
    detector.close()
    detector.close()
