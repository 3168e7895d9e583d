"""The virtual camera: frames appear as a webcam in meeting programs, through pyvirtualcam."""

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

if TYPE_CHECKING:
    from stylecam.media.v4l2_readers import ReaderDetector

_READERS = (
    "chrom", "firefox", "msedge", "brave", "vivaldi", "opera", "zoom", "teams", "discord", "skype", "slack", "webex",
    "signal", "telegram", "element", "cheese", "guvcview", "snapshot", "pipewire", "wireplumber", "v4l2-ctl",
)  # fmt: skip
_MAPPING_WRITERS = ("gst-", "gstreamer")
LOOK_EVERY = 15
"""Frames between two looks at whether the device is still there: a failed write only prints to stderr."""


class VirtualCameraSink(Sink):
    """A virtual camera's device; the first usable one unless `device` names it."""

    def __init__(self, device: str | None = None) -> None:
        super().__init__()
        self._wanted = device
        self.name = f"virtual camera {device}" if device else "virtual camera"
        self._camera: Any = None
        self._lock: BinaryIO | None = None
        self._written = 0
        self._readers: ReaderDetector | None = None

    @property
    def device(self) -> str | None:
        """The device in use (`/dev/video10`, `OBS Virtual Camera`), or the one asked for."""
        return str(self._camera.device) if self._camera is not None else self._wanted

    def _open(self, size: Size, fps: float) -> None:
        import pyvirtualcam

        if sys.platform == "darwin" and size.width % 16:
            raise SinkUnavailableError(
                f"size {size}: macOS shows green frames unless the width is a multiple of 16; "
                f"use --size {size.width // 16 * 16}x{size.height}"
            )
        reasons = []
        candidates = self._candidates()
        for candidate in candidates:
            if candidate is not None and sys.platform == "linux":
                self._lock = _locked(candidate)
                if self._lock is None:
                    reasons.append(f"{candidate}: this or another stylecam is using it")
                    continue
                if all(_only_reads(pid, name, candidate) for pid, name in v4l2.holders(candidate)):
                    v4l2.release_stale_writer(candidate)
            try:
                self._camera = pyvirtualcam.Camera(
                    size.width, size.height, fps, fmt=pyvirtualcam.PixelFormat.BGR, device=candidate
                )
                self._check_size(size)
            except (RuntimeError, OSError, ValueError) as error:
                reasons.append(" ".join(str(error).split()))
                self._close()
                continue
            self.name = f"virtual camera {self._camera.device}"
            self._written = 0
            if sys.platform == "linux" and (candidate or "").startswith("/dev/"):
                from stylecam.media.v4l2_readers import (
                    reader_detector,  # Linux only, and this module must import everywhere
                )

                self._readers = reader_detector(str(candidate))
            return
        raise SinkUnavailableError(f"no virtual camera can be opened ({'; '.join(reasons)}); {_remedy(candidates)}")

    def _write(self, frame: Frame) -> None:
        self._written += 1
        if (
            self._written % LOOK_EVERY == 0
            and str(self.device).startswith("/dev/")
            and not Path(str(self.device)).exists()
        ):
            raise SinkLostError(f"{self.name} has gone; load its driver again")
        try:
            self._camera.send(frame.image)
        except (RuntimeError, OSError, ValueError) as error:
            raise SinkLostError(f"{self.name} took no more frames: {error}") from error

    def _has_viewers(self) -> bool | None:
        return None if self._readers is None else self._readers.reading()

    def _close(self) -> None:
        readers, self._readers = self._readers, None
        if readers is not None:
            readers.close()
        camera, self._camera = self._camera, None
        if camera is not None:
            with contextlib.suppress(RuntimeError, OSError):
                camera.close()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _candidates(self) -> list[str | None]:
        """Devices to try: the one asked for, by path or label; or each v4l2loopback; or what pyvirtualcam finds."""
        if sys.platform != "linux" or (self._wanted or "").startswith("/dev/"):
            return [self._wanted]
        loopbacks = []
        for path in v4l2.device_paths():
            with contextlib.suppress(OSError):
                loopbacks.append(v4l2.query_capability(path))
        loopbacks = [device for device in loopbacks if device.loopback]
        if self._wanted is not None:
            named = [device.path for device in loopbacks if device.card.lower() == self._wanted.lower()]
            return [*named] or [self._wanted]
        loopbacks.sort(key=lambda device: device.card.lower() != "stylecam")  # the one made for us first
        # None: any other backend registered with pyvirtualcam; there is nothing of ours to lock then.
        return [device.path for device in loopbacks] or [None]

    def _check_size(self, size: Size) -> None:
        """v4l2loopback keeps the size a reader already uses, and pyvirtualcam does not notice."""
        carried = v4l2.loopback_format(str(self._camera.device)) if sys.platform == "linux" else None
        match = re.search(r":(\d+)x(\d+)", carried or "")
        if match and (int(match[1]), int(match[2])) != size:
            raise ValueError(
                f"{self._camera.device} is held at {match[1]}x{match[2]} by a program that reads it; "
                f"close that program or use --size {match[1]}x{match[2]}"
            )


def _remedy(candidates: Sequence[str | None]) -> str:
    """What to do when none of `candidates` can be opened."""
    if sys.platform != "linux":
        return install_hint()
    there = [candidate for candidate in candidates if candidate is not None and Path(candidate).exists()]
    if any(not os.access(path, os.R_OK | os.W_OK) for path in there or v4l2.device_paths()):
        return (
            'you may not use a video device; run: sudo usermod -aG video "$USER", then log out and in; '
            "stylecam doctor says more"
        )
    if not there:
        return install_hint()
    holders = {f"{name} (process {pid})" for path in there for pid, name in v4l2.holders(path)}
    return f"close {' and '.join(sorted(holders)) or 'what holds it'}; stylecam doctor says more"


def install_hint() -> str:
    """How to get a virtual camera on this system, as one command or step."""
    if sys.platform == "win32":
        return "install OBS Studio from obsproject.com, start its virtual camera once and stop it"
    if sys.platform == "darwin":
        return "install OBS Studio from obsproject.com, press 'Start Virtual Camera' once, allow it, and stop it"
    return (
        "run: stylecam setup (it sets up the driver, and shows every command first); stylecam doctor says what is wrong"
    )


def _only_reads(pid: int, program: str, device: str) -> bool:
    """True if `program` is known to read cameras and never to write to one; a live writer must not be disturbed.

    Of a program nobody knows it is true if it has mapped the device's buffers, as those who read do. Those who write
    hand over their frames by plain writing; only GStreamer's maps, too.
    """
    from stylecam.media.v4l2_readers import has_mapped  # Linux only, and this module must import everywhere

    known = any(part in program.lower() for part in _READERS)
    return known or (not program.startswith(_MAPPING_WRITERS) and has_mapped(pid, device))


def _locked(device: str) -> BinaryIO | None:
    """A lock on `device` for this process, or None if another has it. Gone with the process, however it ends."""
    import fcntl  # POSIX only, and this module must import everywhere

    path = Path(tempfile.gettempdir()) / f"stylecam-{Path(device).name}.lock"
    try:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)  # also another user's: to lock, reading is enough
        except FileNotFoundError:
            descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    except OSError:
        return None
    handle = os.fdopen(descriptor, "rb")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        return None
    return handle
