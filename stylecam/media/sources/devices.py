"""List the cameras of this computer and find one by index, path or name."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from stylecam.errors import CameraNotFoundError
from stylecam.media import v4l2
from stylecam.utils.message import Message, joined

_VIRTUAL_NAMES = ("virtual", "stylecam", "unity video capture", "snap camera", "manycam", "mmhmm", "xsplit", "droidcam")
_VIRTUAL = Message("a virtual camera")


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera of this computer.

    Attributes:
        index: its number for `cv2.VideoCapture`.
        name: the manufacturer's name.
        path: `/dev/videoN` on Linux, the system's device path elsewhere; may be empty.
        bus: where it is plugged in, which distinguishes two cameras of the same name.
        virtual: True for a virtual camera, which is only used if the user names it.
        modes: formats, sizes and rates, if the system tells.
        problem: why it cannot be used at present, or None.
        backend: the number of OpenCV's backend; 0 for V4L2.
    """

    index: int
    name: str
    path: str
    bus: str = ""
    virtual: bool = False
    modes: tuple[v4l2.Mode, ...] = field(default=(), repr=False)
    problem: str | None = None
    backend: int = 0

    def __str__(self) -> str:
        return f"{self.name} ({self.path or self.index})"

    def as_dict(self) -> dict[str, Any]:
        """Return the attributes for JSON."""
        return {**asdict(self), "modes": [asdict(mode) for mode in self.modes]}


def list_cameras() -> list[Camera]:
    """Return all cameras, physical and virtual, in the system's order. Those without access have a `problem`."""
    return _linux_cameras() if sys.platform == "linux" else _other_cameras()


def find_camera(query: str, cameras: Sequence[Camera]) -> Camera:
    """Return the one camera that matches `query`: an index, a device path, a name or a part of a name.

    An exact name wins over parts of names. Upper and lower case are the same.

    Raises:
        CameraNotFoundError: none or several match; the error carries the candidates.
    """
    text = query.strip()
    if text.isdecimal():
        matches = [camera for camera in cameras if camera.index == int(text)]
    elif text.startswith("/dev/"):
        matches = [camera for camera in cameras if camera.path == text]
    else:
        lowered = text.lower()
        matches = [camera for camera in cameras if camera.name.lower() == lowered]
        matches = matches or [camera for camera in cameras if lowered in camera.name.lower()]
    if len(matches) == 1:
        return matches[0]
    if matches:
        names = [str(camera) for camera in matches]
        raise CameraNotFoundError(
            Message("{text!r} fits several cameras: {names}; use the device path", text=text, names=", ".join(names)),
            names,
        )
    names = [str(camera) for camera in cameras]
    if not names:
        raise CameraNotFoundError(
            Message("no camera matches {text!r}, as none is found; plug one in, or try --camera demo", text=text)
        )
    found = ", ".join(names)
    raise CameraNotFoundError(
        Message("no camera matches {text!r}; found: {found} (or try --camera demo)", text=text, found=found), names
    )


def first_camera(cameras: Sequence[Camera]) -> Camera:
    """Return the first physical camera that can be used.

    Raises:
        CameraNotFoundError: there is none; the message says why each camera was rejected, and the error carries them.
    """
    for camera in cameras:
        if not camera.virtual and camera.problem is None:
            return camera
    rejected = joined((joined((str(camera), camera.problem or _VIRTUAL), ": ") for camera in cameras), "; ")
    raise CameraNotFoundError(
        Message("no camera found ({rejected})", rejected=rejected) if rejected else Message("no camera found"),
        [str(camera) for camera in cameras],
    )


def _linux_cameras() -> list[Camera]:
    found = []
    for path in v4l2.device_paths():
        index = int(re.sub(r"\D", "", path))
        try:
            device = v4l2.query_capability(path)
            if not device.captures and not device.loopback:
                continue  # metadata, radio, codec
            modes = tuple(v4l2.list_modes(path)) if device.captures else ()
        except PermissionError:
            problem = Message("no permission; run: sudo usermod -aG video $USER, then log out and in")
            found.append(Camera(index, path, path, problem=problem))
            continue
        except OSError:
            continue  # unplugged meanwhile, or no video device
        found.append(Camera(index, device.card, path, device.bus, device.loopback, modes))
    return found


def _other_cameras() -> list[Camera]:
    import cv2
    from cv2_enumerate_cameras import enumerate_cameras

    backend = cv2.CAP_DSHOW if sys.platform == "win32" else cv2.CAP_AVFOUNDATION
    return [
        Camera(
            index=info.index,
            name=info.name,
            path=str(info.path or ""),
            virtual=any(part in info.name.lower() for part in _VIRTUAL_NAMES),
            backend=info.backend or backend,
        )
        for info in enumerate_cameras(backend)
    ]
