"""Find out whether a program reads a v4l2loopback device, from the driver or else from /proc. Linux only.

The driver's client-usage event, which 0.15.0 has and 0.12.7 has not, tells whether a program *streams*. Opening the
device is not streaming: programs such as Discord open it every few seconds. Without the event, a program that streams
is one that has mapped the device's buffers into its memory, which /proc shows for this user's own programs.
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
"""Search all of /proc every so many calls of `reading`, even if inotify reported no opening, in case it missed one."""


class ReaderDetector(ABC):
    """Tells whether a program reads one device. Used by one thread, about ten times a second."""

    @abstractmethod
    def reading(self) -> bool | None:
        """Return whether a program takes pictures from the device; None if that cannot be found out."""

    @abstractmethod
    def close(self) -> None:
        """Release everything. May be called twice."""


def reader_detector(device: str) -> ReaderDetector:
    """Return the best detector that the driver of `device` allows."""
    try:
        return DriverReaderDetector(device)
    except OSError:
        return ProcessReaderDetector(device)


class DriverReaderDetector(ReaderDetector):
    """Uses the driver's client-usage event, on a file descriptor of its own.

    The driver sends the event only at changes, so a missed one would be missed for ever. Each call therefore subscribes
    again, because a new subscription answers with the present state.
    """

    def __init__(self, device: str) -> None:
        """Subscribe to the event; raises OSError if the driver has none."""
        self._device = os.open(device, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            self._subscribe()
        except OSError:
            self.close()
            raise

    def reading(self) -> bool | None:
        """See `ReaderDetector.reading`. False once the driver stops answering, which the sink notices itself."""
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
        """See `ReaderDetector.close`."""
        device, self._device = self._device, -1
        if device >= 0:
            os.close(device)

    def _subscribe(self) -> None:
        fcntl.ioctl(self._device, _SUBSCRIBE, bytearray(_SUBSCRIPTION.pack(_CLIENT_USAGE, 0, _SEND_INITIAL, *[0] * 5)))


class ProcessReaderDetector(ReaderDetector):
    """Uses the memory maps of programs that have the device open, as far as this user may read them.

    All of /proc is searched only when inotify reports that the device was opened, and every `RESCAN_EVERY` calls. A
    program that has the device open but cannot be inspected (in a sandbox, or of another user) may be reading.
    """

    def __init__(self, device: str) -> None:
        self._path = device
        self._holders: list[int] = []
        self._calls = self._open = 0
        self._openings = _watch_openings(device)

    def reading(self) -> bool | None:
        """See `ReaderDetector.reading`. A program that reads without mapping is not seen."""
        if self._was_opened() or self._calls % RESCAN_EVERY == 0:
            self._holders = [pid for pid, _ in v4l2.holders(self._path)]
        self._calls += 1
        if any(has_mapped(pid, self._path) for pid in self._holders):
            return True
        return None if self._open > 0 and not self._holders else False

    def close(self) -> None:
        """See `ReaderDetector.close`."""
        openings, self._openings = self._openings, None
        if openings is not None:
            os.close(openings)

    def _was_opened(self) -> bool:
        """Return whether the device was opened since the last call, and count how many programs have it open."""
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


def reader_names(device: str) -> tuple[str, ...]:
    """Return the names of the programs that read `device`, each once, as far as this user may know them."""
    return tuple(dict.fromkeys(name for pid, name in v4l2.holders(device) if has_mapped(pid, device)))


def _watch_openings(device: str) -> int | None:
    """Return an inotify descriptor that reports each opening and closing of `device`; None if there is none left."""
    libc = ctypes.CDLL(None, use_errno=True)
    watch: int = libc.inotify_init1(_IN_FLAGS)
    if watch < 0:
        return None
    if libc.inotify_add_watch(watch, os.fsencode(device), _IN_OPEN | _IN_CLOSE) < 0:
        os.close(watch)
        return None
    return watch


def has_mapped(pid: int, device: str) -> bool:
    """Return whether a program has mapped buffers of `device`; False for one that this user may not inspect."""
    try:
        return f" {device}\n" in Path(f"/proc/{pid}/maps").read_text("utf-8", "replace")
    except OSError:  # it has ended, or belongs to another user
        return False
