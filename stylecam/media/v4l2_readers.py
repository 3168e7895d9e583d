"""Who reads a v4l2loopback device: asked of the driver where it tells, else of /proc. Linux only.

The driver's client-usage event (0.15.0 has it, 0.12.7 not) says whether anyone *streams*; opening the device is not
streaming, and programs such as Discord open it every few seconds. Without the event, a reader that streams is one that
has mapped the device's buffers into its memory, which /proc shows for this user's own programs.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import struct
from abc import ABC, abstractmethod
from pathlib import Path

from stylecam.media import v4l2

_CLIENT_USAGE = 0x08000000 + 0x08E00000 + 1
"""V4L2_EVENT_PRI_CLIENT_USAGE of v4l2loopback: V4L2_EVENT_PRIVATE_START + its own offset + 1."""
_SEND_INITIAL = 1
_SUBSCRIPTION, _EVENT = struct.Struct("<8I"), 136
_DEQUEUE = v4l2.ioctl_number(2, 89, _EVENT)
_SUBSCRIBE = v4l2.ioctl_number(1, 90, _SUBSCRIPTION.size)
_UNSUBSCRIBE = v4l2.ioctl_number(1, 91, _SUBSCRIPTION.size)

_IN_OPEN, _IN_CLOSE = 0x20, 0x08 | 0x10
_INOTIFY_EVENT = struct.Struct("=iIII")
_IN_FLAGS = os.O_NONBLOCK | os.O_CLOEXEC
RESCAN_EVERY = 50
"""Looks between two searches of /proc that no opening has asked for, in case one was missed."""


class ReaderDetector(ABC):
    """Watches one device; asked by one thread, about ten times a second."""

    @abstractmethod
    def reading(self) -> bool | None:
        """True while some program takes pictures from the device; None where that cannot be told."""

    @abstractmethod
    def close(self) -> None:
        """Let everything go; may be called twice."""


def reader_detector(device: str) -> ReaderDetector:
    """The best way this driver has to tell."""
    try:
        return DriverReaderDetector(device)
    except OSError:
        return ProcessReaderDetector(device)


class DriverReaderDetector(ReaderDetector):
    """By the driver's client-usage event, on a descriptor of its own.

    The event comes at changes only and one that is missed would be missed for ever, so the level is asked for each
    time: a new subscription answers with the state of the moment.
    """

    def __init__(self, device: str) -> None:
        """Raises OSError where the driver has no such event."""
        self._device = os.open(device, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            self._subscribe()
        except OSError:
            self.close()
            raise

    def reading(self) -> bool | None:
        """See `ReaderDetector`; False once the driver answers no more, which the sink finds out by itself."""
        subscription = bytearray(_SUBSCRIPTION.pack(_CLIENT_USAGE, 0, 0, 0, 0, 0, 0, 0))
        try:
            fcntl.ioctl(self._device, _UNSUBSCRIBE, subscription)
            self._subscribe()
            event = bytearray(_EVENT)
            fcntl.ioctl(self._device, _DEQUEUE, event)
        except OSError as error:
            return None if error.errno == errno.ENOENT else False
        return bool(struct.unpack_from("<I", event, 8)[0])

    def close(self) -> None:
        """See `ReaderDetector`."""
        device, self._device = self._device, -1
        if device >= 0:
            os.close(device)

    def _subscribe(self) -> None:
        fcntl.ioctl(self._device, _SUBSCRIBE, bytearray(_SUBSCRIPTION.pack(_CLIENT_USAGE, 0, _SEND_INITIAL, *[0] * 5)))


class ProcessReaderDetector(ReaderDetector):
    """By the memory maps of programs that have the device open, as far as this user may look into them.

    All of /proc is searched only when somebody has opened the device (inotify tells), and now and then. One that has it
    open and cannot be seen (a sandbox, another user) may be reading.
    """

    def __init__(self, device: str) -> None:
        self._path = device
        self._holders: list[int] = []
        self._looks = self._open = 0
        self._openings = _watch_openings(device)

    def reading(self) -> bool | None:
        """See `ReaderDetector`; a program that reads without mapping is not seen."""
        if self._opened() or self._looks % RESCAN_EVERY == 0:
            self._holders = [pid for pid, _ in v4l2.holders(self._path)]
        self._looks += 1
        if any(has_mapped(pid, self._path) for pid in self._holders):
            return True
        return None if self._open > 0 and not self._holders else False

    def close(self) -> None:
        """See `ReaderDetector`."""
        openings, self._openings = self._openings, None
        if openings is not None:
            os.close(openings)

    def _opened(self) -> bool:
        """Whether the device was opened since the last look; counts how many have it open."""
        opened = False
        while self._openings is not None:
            try:
                events = os.read(self._openings, 4096)
            except BlockingIOError:
                break
            at = 0
            while at < len(events):
                _, mask, _, length = _INOTIFY_EVENT.unpack_from(events, at)
                at += _INOTIFY_EVENT.size + length
                opened |= bool(mask & _IN_OPEN)
                self._open = max(0, self._open + bool(mask & _IN_OPEN) - bool(mask & _IN_CLOSE))
        return opened


def _watch_openings(device: str) -> int | None:
    """An inotify descriptor that tells of every opening and closing of `device`; None where there is none to be had."""
    libc = ctypes.CDLL(None, use_errno=True)
    watch: int = libc.inotify_init1(_IN_FLAGS)
    if watch < 0:
        return None
    if libc.inotify_add_watch(watch, os.fsencode(device), _IN_OPEN | _IN_CLOSE) < 0:
        os.close(watch)
        return None
    return watch


def has_mapped(pid: int, device: str) -> bool:
    """Whether a program has buffers of `device` in its memory; False of one that this user may not look into."""
    try:
        return f" {device}\n" in Path(f"/proc/{pid}/maps").read_text("utf-8", "replace")
    except OSError:  # ended, or not ours to look at
        return False
