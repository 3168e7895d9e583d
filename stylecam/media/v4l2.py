"""Ask Linux about video devices: names, drivers, formats, controls, and which programs hold them.

Structures and numbers follow linux/videodev2.h. No function here keeps a device open.
"""

from __future__ import annotations

import contextlib
import errno
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

CAPTURE, OUTPUT = 0x1, 0x2
CAPTURE_MPLANE = 0x1000
LOOPBACK_DRIVERS = ("v4l2 loopback", "akvcam")

EXPOSURE_TIME = 0x009A0902
"""The control with the exposure in units of 0.1 ms."""
EXPOSURE_MAY_SLOW = 0x009A0903
"""The control that lets the camera lower its rate to expose longer in low light."""

_BUF_CAPTURE, _BUF_OUTPUT = 1, 2
_DISCRETE = 1
_MAX_ENUMERATED = 256  # a broken driver may enumerate for ever


def ioctl_number(direction: int, number: int, size: int) -> int:
    """Return the number of a V4L2 request that writes (1), reads (2) or both (3) a structure of `size` bytes."""
    return direction << 30 | size << 16 | ord("V") << 8 | number


_READ, _WRITE = 2, 1
_QUERYCAP = ioctl_number(_READ, 0, 104)
_ENUM_FMT = ioctl_number(_READ | _WRITE, 2, 64)
_G_CTRL = ioctl_number(_READ | _WRITE, 27, 8)
_STREAMON = ioctl_number(_WRITE, 18, 4)
_ENUM_FRAMESIZES = ioctl_number(_READ | _WRITE, 74, 44)
_ENUM_FRAMEINTERVALS = ioctl_number(_READ | _WRITE, 75, 52)


@dataclass(frozen=True, slots=True)
class Capability:
    """A device's answer to VIDIOC_QUERYCAP; `card` is its name, `flags` are the V4L2_CAP_ bits of this device node."""

    path: str
    card: str
    driver: str
    bus: str
    flags: int

    @property
    def captures(self) -> bool:
        """True if pictures can be read from the device now."""
        return bool(self.flags & (CAPTURE | CAPTURE_MPLANE))

    @property
    def loopback(self) -> bool:
        """True if the device belongs to a virtual camera."""
        return self.driver in LOOPBACK_DRIVERS


@dataclass(frozen=True, slots=True)
class Mode:
    """One size that a camera offers in one pixel format, such as `MJPG`; `fps` is 0 if the driver names no rate."""

    fourcc: str
    width: int
    height: int
    fps: float


def device_paths() -> list[str]:
    """Return all `/dev/videoN`, in numerical order."""
    paths = [path for path in Path("/dev").glob("video*") if path.name[5:].isdecimal()]
    return [str(path) for path in sorted(paths, key=lambda path: int(path.name[5:]))]


def query_capability(path: str) -> Capability:
    """Return the capability that the device at `path` reports.

    Raises:
        OSError: it cannot be opened (no permission, or gone) or is no video device.
    """
    with _opened(path) as device:
        reply = bytearray(104)
        _ioctl(device, _QUERYCAP, reply)
    all_flags, own_flags = struct.unpack_from("<2I", reply, 84)
    flags = own_flags if all_flags & 0x80000000 else all_flags
    return Capability(path, _text(reply[16:48]), _text(reply[0:16]), _text(reply[48:80]), flags)


def list_modes(path: str) -> list[Mode]:
    """Return all formats, sizes and rates that the camera at `path` offers.

    Raises:
        OSError: it cannot be opened.
    """
    found = []
    with _opened(path) as device:
        for pixel_format in _formats(device):
            fourcc = pixel_format.to_bytes(4, "little").decode("latin-1")
            for width, height in _sizes(device, pixel_format):
                found.append(Mode(fourcc, width, height, _highest_rate(device, pixel_format, width, height)))
    return found


def read_control(path: str, number: int) -> int | None:
    """Return the value of one of a device's controls; None if it has no such control or does not tell."""
    request = bytearray(struct.pack("<Ii", number, 0))
    try:
        with _opened(path) as device:
            _ioctl(device, _G_CTRL, request)
    except OSError:
        return None
    return int(struct.unpack_from("<i", request, 4)[0])


def release_stale_writer(path: str) -> None:
    """Make a v4l2loopback 0.12 device accept a new writer after the last one has ended.

    With `exclusive_caps=1` that version (Debian 12, Ubuntu 22.04 and 24.04) does not offer OUTPUT again when its writer
    ends, so that every second start fails. STREAMON for output on a new descriptor repairs that, and waiting readers
    are not disturbed. Must not be called while another program writes. Harmless with other drivers; errors are ignored.
    """
    with contextlib.suppress(OSError), _opened(path) as device:
        _ioctl(device, _STREAMON, bytearray(struct.pack("<i", _BUF_OUTPUT)))


def loopback_format(path: str) -> str | None:
    """Return the format of a v4l2loopback device, such as `YU12:1280x720@30/1`; None if the driver does not tell."""
    try:
        text = Path(f"/sys/devices/virtual/video4linux/{Path(path).name}/format").read_text("ascii", "replace")
    except OSError:
        return None
    return text.strip() or None


def holders(path: str) -> list[tuple[int, str]]:
    """Return process id and name of the other programs that have `path` open, as far as this user may know."""
    try:
        number = Path(path).stat().st_rdev
    except OSError:
        return []
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        if int(process.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            for handle in (process / "fd").iterdir():
                if str(handle.readlink()).startswith("/dev/video") and handle.stat().st_rdev == number:
                    found.append((int(process.name), _process_name(int(process.name))))
                    break
    return found


def _process_name(pid: int) -> str:
    try:
        return str(psutil.Process(pid).name())
    except psutil.Error:
        return "unknown program"


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int]:
    device = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        yield device
    finally:
        os.close(device)


def _ioctl(device: int, number: int, argument: bytearray) -> None:
    import fcntl  # POSIX only, and this module must import everywhere

    fcntl.ioctl(device, number, argument)


def _enumerated(device: int, number: int, request: bytes, size: int) -> Iterator[bytearray]:
    """Yield the replies for index 0, 1, … until the driver answers EINVAL; `request` follows the index."""
    for index in range(_MAX_ENUMERATED):
        argument = bytearray(struct.pack("<I", index) + request).ljust(size, b"\0")
        try:
            _ioctl(device, number, argument)
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOTTY, errno.ENODATA):
                return
            raise
        yield argument


def _formats(device: int) -> list[int]:
    replies = _enumerated(device, _ENUM_FMT, struct.pack("<I", _BUF_CAPTURE), 64)
    return [struct.unpack_from("<I", reply, 44)[0] for reply in replies]


def _sizes(device: int, pixel_format: int) -> list[tuple[int, int]]:
    found = []
    for reply in _enumerated(device, _ENUM_FRAMESIZES, struct.pack("<I", pixel_format), 44):
        kind, *numbers = struct.unpack_from("<7I", reply, 8)
        if kind == _DISCRETE:
            found.append((numbers[0], numbers[1]))
        else:  # a range, of which the two ends are enough
            return sorted({(numbers[0], numbers[3]), (numbers[1], numbers[4])})
    return found


def _highest_rate(device: int, pixel_format: int, width: int, height: int) -> float:
    best = 0.0
    request = struct.pack("<3I", pixel_format, width, height)
    for reply in _enumerated(device, _ENUM_FRAMEINTERVALS, request, 52):
        # Discrete: the interval. A range: its shortest interval comes first. Either way numerator and denominator.
        numerator, denominator = struct.unpack_from("<2I", reply, 20)
        if numerator:
            best = max(best, denominator / numerator)
        if struct.unpack_from("<I", reply, 16)[0] != _DISCRETE:
            break
    return round(best, 2)


def _text(raw: bytes | bytearray) -> str:
    return bytes(raw).split(b"\0", 1)[0].decode("utf-8", "replace")
