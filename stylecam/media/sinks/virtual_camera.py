"""Publish frames as a webcam for other programs, with pyvirtualcam."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from stylecam.errors import SinkLostError, SinkUnavailableError
from stylecam.media import v4l2
from stylecam.media.frame import Frame, Size
from stylecam.media.sinks.base import Sink
from stylecam.utils import file_lock
from stylecam.utils.message import Message, joined
from stylecam.utils.runtime_folder import make_runtime_folder

if TYPE_CHECKING:
    from stylecam.media.v4l2_readers import ReaderDetector

_KNOWN_READERS = (
    "chrom", "firefox", "msedge", "brave", "vivaldi", "opera", "zoom", "teams", "discord", "skype", "slack", "webex",
    "signal", "telegram", "element", "cheese", "guvcview", "snapshot", "pipewire", "wireplumber", "v4l2-ctl",
)  # fmt: skip
"""Parts of the names of programs that read cameras and never write to one."""
_MAPPING_WRITERS = ("gst-", "gstreamer")
"""Starts of the names of programs that map a device's buffers also to write."""
NAMES_EVERY = 20
"""The programs that read the camera are named anew every so many calls, about five seconds: it takes all of /proc."""
DEVICE_CHECK_FRAMES = 15
"""The device's file is checked every so many frames, because a failed write only prints to stderr."""


class VirtualCameraSink(Sink):
    """A virtual camera: `device` by path or name, or the first that can be used.

    On Linux a lock file keeps two running stylecams from writing to one device.
    """

    kind = "virtual"

    def __init__(self, device: str | None = None) -> None:
        super().__init__()
        self._requested = device
        self.name = f"virtual camera {device}" if device else "virtual camera"
        self._camera: Any = None
        self._locks = contextlib.ExitStack()
        self._written = 0
        self._reader_detector: ReaderDetector | None = None
        self._is_read = False
        self._readers: tuple[str, ...] = ()
        self._asked = 0

    @property
    def device(self) -> str | None:
        """The device in use (`/dev/video10`, `OBS Virtual Camera`), or else the requested one."""
        return str(self._camera.device) if self._camera is not None else self._requested

    def _open(self, size: Size, fps: float) -> None:
        import pyvirtualcam

        if sys.platform == "darwin" and size.width % 16:
            raise SinkUnavailableError(
                Message(
                    "size {size}: macOS shows green frames unless the width is a multiple of 16; use --size "
                    "{width}x{height}",
                    size=size,
                    width=size.width // 16 * 16,
                    height=size.height,
                )
            )
        reasons: list[str] = []
        candidates = self._candidates()
        for candidate in candidates:
            if candidate is not None and sys.platform == "linux" and not self._reserve(candidate):
                reasons.append(Message("{device}: this or another stylecam is using it", device=candidate))
                continue
            try:
                self._camera = pyvirtualcam.Camera(
                    size.width, size.height, fps, fmt=pyvirtualcam.PixelFormat.BGR, device=candidate
                )
                self._check_size(size)
            except (RuntimeError, OSError, ValueError) as error:
                reasons.append(_reason(candidate, error))
                self._close()
                continue
            self.name = f"virtual camera {self._camera.device}"
            self.label = _label(str(self._camera.device))
            self._written = 0
            if sys.platform == "linux" and (candidate or "").startswith("/dev/"):
                # Linux only, and this module must import everywhere
                from stylecam.media.v4l2_readers import reader_detector

                self._reader_detector = reader_detector(str(candidate))
            return
        advice, fix, command = _remedy(candidates)
        raise SinkUnavailableError(
            Message(
                "no virtual camera can be opened ({reasons}); {advice}", reasons=joined(reasons, "; "), advice=advice
            ),
            fix,
            command,
        )

    def _write(self, frame: Frame) -> None:
        self._written += 1
        if (
            self._written % DEVICE_CHECK_FRAMES == 0
            and str(self.device).startswith("/dev/")
            and not Path(str(self.device)).exists()
        ):
            raise SinkLostError(Message("{name} has gone; load its driver again", name=self.name))
        try:
            self._camera.send(frame.image)
        except (RuntimeError, OSError, ValueError) as error:
            raise SinkLostError(Message("{name} took no more frames: {error}", name=self.name, error=error)) from error

    def viewer_names(self) -> tuple[str, ...]:
        """See `Sink.viewer_names`. Programs are looked for when one begins to read, and every `NAMES_EVERY` calls."""
        device = self.device
        if not self._is_read or device is None:
            self._asked, self._readers = 0, ()
            return ()
        if self._asked % NAMES_EVERY == 0:
            # Linux only, and this module must import everywhere
            from stylecam.media.v4l2_readers import reader_names

            self._readers = reader_names(device)
        self._asked += 1
        return self._readers or (Message("a program"),)

    def _has_viewers(self) -> bool | None:
        reading = None if self._reader_detector is None else self._reader_detector.reading()
        self._is_read = bool(reading)
        return reading

    def _close(self) -> None:
        self._is_read = False
        detector, self._reader_detector = self._reader_detector, None
        if detector is not None:
            detector.close()
        camera, self._camera = self._camera, None
        if camera is not None:
            with contextlib.suppress(RuntimeError, OSError):
                camera.close()
        self._locks.close()

    def _reserve(self, device: str) -> bool:
        """Lock `device` and make it ready for a new writer; return False if another stylecam of ours has it."""
        try:
            own = _lock(device)
        except OSError:  # no place for a lock file: then the driver alone refuses a second writer
            own = None
        else:
            if own is None:
                return False
            self._locks.enter_context(own)
        shared = _lock_among_users(device)
        if shared is None:
            return True
        self._locks.enter_context(shared)
        if all(_only_reads(pid, name, device) for pid, name in v4l2.holders(device)):
            v4l2.release_stale_writer(device)
        return True

    def _candidates(self) -> list[str | None]:
        """Return the devices to try: the requested one, or each v4l2loopback, or None for what pyvirtualcam finds."""
        if sys.platform != "linux" or (self._requested or "").startswith("/dev/"):
            return [self._requested]
        loopbacks = []
        for path in v4l2.device_paths():
            with contextlib.suppress(OSError):
                loopbacks.append(v4l2.query_capability(path))
        loopbacks = [device for device in loopbacks if device.loopback]
        if self._requested is not None:
            named = [device.path for device in loopbacks if device.card.lower() == self._requested.lower()]
            return [*named] or [self._requested]
        loopbacks.sort(key=lambda device: device.card.lower() != "stylecam")  # the one that `stylecam setup` made first
        # None: any other backend that is registered with pyvirtualcam, for which there is nothing to lock.
        return [device.path for device in loopbacks] or [None]

    def _check_size(self, size: Size) -> None:
        """Raise ValueError if the device has another size.

        v4l2loopback keeps the size that a reader already uses, and pyvirtualcam does not notice.
        """
        format_ = v4l2.loopback_format(str(self._camera.device)) if sys.platform == "linux" else None
        match = re.search(r":(\d+)x(\d+)", format_ or "")
        if match and (int(match[1]), int(match[2])) != size:
            raise ValueError(
                Message(
                    "{device} is held at {size} by a program that reads it; close that program or use --size {size}",
                    device=self._camera.device,
                    size=f"{match[1]}x{match[2]}",
                )
            )


def _label(device: str) -> str:
    """Return the name under which other programs list `device`."""
    with contextlib.suppress(OSError):
        if sys.platform == "linux" and device.startswith("/dev/"):
            return v4l2.query_capability(device).card
    return device


def _reason(candidate: str | None, error: Exception) -> str:
    """Return in one line why `candidate` could not be opened."""
    text = str(error)
    if sys.platform == "linux" and candidate is None and "modprobe" in text:  # pyvirtualcam's advice
        return Message("v4l2loopback has no device")
    return " ".join(text.split()) if "\n" in text else text


def _remedy(candidates: Sequence[str | None]) -> tuple[str, str, str | None]:
    """Return what to do when none of `candidates` can be opened: in full, in short, and as a command or None."""
    if sys.platform != "linux":
        return install_hint(), install_hint(), None
    existing = [candidate for candidate in candidates if candidate is not None and Path(candidate).exists()]
    if any(not os.access(path, os.R_OK | os.W_OK) for path in existing or v4l2.device_paths()):
        command = 'sudo usermod -aG video "$USER"'
        advice = Message(
            "you may not use a video device; run: {command}, then log out and in; stylecam doctor says more",
            command=command,
        )
        return advice, Message("run this in a terminal, then log out and in"), command
    if not existing:
        return install_hint(), Message("run this in a terminal to set up the virtual camera"), "stylecam setup"
    holders = {f"{name} (process {pid})" for path in existing for pid, name in v4l2.holders(path)}
    programs = " and ".join(sorted(holders)) or Message("the program that holds it")
    close = Message("close {programs}", programs=programs)
    return Message("{close}; stylecam doctor says more", close=close), close, None


def install_hint() -> str:
    """Return how to get a virtual camera on this system, as one command or step."""
    if sys.platform == "win32":
        return Message("install OBS Studio from obsproject.com, start its virtual camera once and stop it")
    if sys.platform == "darwin":
        return Message(
            "install OBS Studio from obsproject.com, press 'Start Virtual Camera' once, allow it, and stop it"
        )
    return Message(
        "run: stylecam setup (it sets up the driver, and shows every command first); stylecam doctor says what is wrong"
    )


def _only_reads(pid: int, program: str, device: str) -> bool:
    """Return whether a program that has `device` open only reads it; a running writer must not be disturbed.

    True for programs that are known to read cameras only, and for unknown ones that have mapped the device's buffers,
    as readers do. Writers use plain writes; only GStreamer's map buffers, too.
    """
    from stylecam.media.v4l2_readers import has_mapped  # Linux only, and this module must import everywhere

    known_reader = any(part in program.lower() for part in _KNOWN_READERS)
    return known_reader or (not program.startswith(_MAPPING_WRITERS) and has_mapped(pid, device))


def _lock(device: str) -> BinaryIO | None:
    """Lock `device` among the stylecams of this user until the file is closed; None if another one has the lock.

    The file lies where no other user can lock it. Writers of other users are the driver's to refuse.

    Raises:
        OSError: there is no place for the file, or there are no locks.
    """
    path = make_runtime_folder() / f"{Path(device).name}.lock"
    return _locked_file(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _lock_among_users(device: str) -> BinaryIO | None:
    """Lock `device` among the stylecams of all users; None if somebody has the lock.

    Anybody can make and lock this file, whether or not they write to the device. So it never keeps us from the
    device; it only says that another writer is possible.
    """
    path = Path(tempfile.gettempdir()) / f"stylecam-{Path(device).name}.lock"
    with contextlib.suppress(OSError):
        try:  # another user's file too: to lock it, reading is enough
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        return _locked_file(descriptor)
    return None


def _locked_file(descriptor: int) -> BinaryIO | None:
    """Lock an open file and return it; close it and return None if another process has the lock."""
    with contextlib.ExitStack() as closing:
        file = closing.enter_context(os.fdopen(descriptor, "rb"))
        if not file_lock.try_lock(descriptor):
            return None
        closing.pop_all()
    return file
