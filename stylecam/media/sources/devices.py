"""The cameras of this machine, and finding one by what a user calls it."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from stylecam.errors import CameraNotFoundError
from stylecam.media import v4l2

_VIRTUAL_NAMES = ("virtual", "stylecam", "unity video capture", "snap camera", "manycam", "mmhmm", "xsplit", "droidcam")


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera as the system names it.

    Attributes:
        index: what `cv2.VideoCapture` calls it.
        name: the manufacturer's name.
        path: `/dev/videoN` on Linux, the system's device path elsewhere, may be empty.
        bus: where it is plugged in; tells two of the same name apart.
        virtual: True for a virtual camera's device: never chosen unless asked for by name.
        modes: sizes and rates, where the system tells.
        problem: why it cannot be used as it is, or None.
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
        """For JSON."""
        return {**asdict(self), "modes": [asdict(mode) for mode in self.modes]}


def list_cameras() -> list[Camera]:
    """All cameras, physical and virtual, in the system's order; those not accessible carry their `problem`."""
    return _linux_cameras() if sys.platform == "linux" else _other_cameras()


def find_camera(wanted: str, cameras: Sequence[Camera]) -> Camera:
    """The camera `wanted`: an index, a device path, its name or part of it. An exact name wins over a part.

    Raises:
        CameraNotFoundError: none, or several; names what there is.
    """
    text = wanted.strip()
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
        choices = ", ".join(str(camera) for camera in matches)
        raise CameraNotFoundError(f"{text!r} fits several cameras: {choices}; use the device path")
    there = ", ".join(str(camera) for camera in cameras) or "no camera at all"
    raise CameraNotFoundError(f"no camera answers to {text!r}; found: {there} (or try --camera demo)")


def first_camera(cameras: Sequence[Camera]) -> Camera:
    """The first physical camera that can be used.

    Raises:
        CameraNotFoundError: there is none; names why each one there was passed over.
    """
    for camera in cameras:
        if not camera.virtual and camera.problem is None:
            return camera
    passed = [f"{camera}: {camera.problem or 'a virtual camera'}" for camera in cameras]
    raise CameraNotFoundError("no camera found" + (f" ({'; '.join(passed)})" if passed else ""))


def _linux_cameras() -> list[Camera]:
    found = []
    for path in v4l2.device_paths():
        index = int(re.sub(r"\D", "", path))
        try:
            says = v4l2.query_capability(path)
            if not says.captures and not says.loopback:
                continue  # metadata, radio, codec
            modes = tuple(v4l2.list_modes(path)) if says.captures else ()
        except PermissionError:
            problem = "no permission; run: sudo usermod -aG video $USER, then log out and in"
            found.append(Camera(index, path, path, problem=problem))
            continue
        except OSError:
            continue  # gone meanwhile, or no video device
        found.append(Camera(index, says.card, path, says.bus, says.loopback, modes))
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
