"""The state of v4l2loopback, Linux's driver for virtual cameras, without opening its devices."""

from __future__ import annotations

import re
from dataclasses import dataclass

from stylecam.errors import ProbeError
from stylecam.system.probe import Machine, Node

NAME = "v4l2loopback"
LABEL = "stylecam"
_SYSTEM = f"/sys/module/{NAME}"
_DEVICES = "/sys/devices/virtual/video4linux"
_MARKS = ("max_openers", "buffers", "format")
"""Files that the driver puts beside the name of each of its devices."""
OPTION_FOLDERS = ("/etc/modprobe.d", "/run/modprobe.d", "/usr/local/lib/modprobe.d", "/usr/lib/modprobe.d")
BOOT_FOLDERS = ("/etc/modules-load.d", "/run/modules-load.d", "/usr/lib/modules-load.d")


@dataclass(frozen=True, slots=True)
class Device:
    """One of its devices.

    Attributes:
        exclusive: whether it looks like a camera only (`exclusive_caps`); None where that cannot be told.
        node: its file under /dev; None where there is none.
    """

    number: int
    label: str
    exclusive: bool | None
    node: Node | None

    @property
    def path(self) -> str:
        """Its file under /dev."""
        return f"/dev/video{self.number}"


@dataclass(frozen=True, slots=True)
class Loaded:
    """The driver as it runs now."""

    version: str
    devices: tuple[Device, ...]

    @property
    def own(self) -> Device | None:
        """The device made for stylecam."""
        return next((device for device in self.devices if device.label == LABEL), None)


def loaded(machine: Machine) -> Loaded | None:
    """The driver as it runs now, or None. Raises ProbeError."""
    inside = machine.names(_SYSTEM)
    if inside is None:
        modules = machine.read("/proc/modules") or ""
        if not re.search(rf"^{NAME} ", modules, re.MULTILINE):
            return None
    version = (machine.read(f"{_SYSTEM}/version") or "").strip()
    return Loaded(version, _devices(machine))


def modular(machine: Machine) -> bool:
    """Whether this kernel can load drivers at all. Raises ProbeError."""
    return machine.read("/proc/modules") is not None


def installed(machine: Machine) -> bool:
    """Whether the driver lies ready for the kernel that runs. Raises ProbeError."""
    try:
        return machine.run("modinfo", "-k", machine.kernel, NAME).status == 0
    except ProbeError:
        listed = machine.read(f"/lib/modules/{machine.kernel}/modules.dep")
        if listed is None:
            raise
        return f"/{NAME}.ko" in listed


def orphaned(machine: Machine) -> bool:
    """True where the kernel that runs has lost its drivers: it was updated, and the computer not restarted."""
    return modular(machine) and machine.names(f"/lib/modules/{machine.kernel}") is None


def options(machine: Machine) -> dict[str, list[str]]:
    """Lines about the driver in modprobe's configuration, by file. Raises ProbeError."""
    found: dict[str, list[str]] = {}
    for folder in OPTION_FOLDERS:
        for name in machine.names(folder) or ():
            if not name.endswith(".conf"):
                continue
            path = f"{folder}/{name}"
            lines = [" ".join(line.split()) for line in (machine.read(path) or "").splitlines()]
            about = [line for line in lines if re.match(rf"(options|blacklist|install) {NAME}( |$)", line)]
            if about:
                found[path] = about
    return found


def at_boot(machine: Machine) -> str | None:
    """The file that has the driver loaded when the computer starts, or None. Raises ProbeError."""
    paths = [f"{folder}/{name}" for folder in BOOT_FOLDERS for name in machine.names(folder) or ()]
    for path in [*(path for path in paths if path.endswith(".conf")), "/etc/modules"]:
        words = [line.split()[:1] for line in (machine.read(path) or "").splitlines()]
        if [NAME] in words:
            return path
    return None


def _devices(machine: Machine) -> tuple[Device, ...]:
    numbers = _parameter(machine, "video_nr")
    exclusive = _parameter(machine, "exclusive_caps")
    found: list[tuple[int, str]] = []
    for name in machine.names(_DEVICES) or ():
        digits = name.removeprefix("video")
        folder = f"{_DEVICES}/{name}"
        if not digits.isdecimal():
            continue
        if digits not in numbers and all(machine.node(f"{folder}/{mark}") is None for mark in _MARKS):
            continue  # another driver's
        found.append((int(digits), (machine.read(f"{folder}/name") or "").strip()))
    devices = []
    for order, (number, label) in enumerate(sorted(found)):
        place = numbers.index(str(number)) if str(number) in numbers else order
        says = exclusive[place] if place < len(exclusive) else ""
        known = {"Y": True, "1": True, "N": False, "0": False}.get(says)
        devices.append(Device(number, label, known, machine.node(f"/dev/video{number}")))
    return tuple(devices)


def _parameter(machine: Machine, name: str) -> list[str]:
    """The values of an option, one per device; empty where the driver does not tell."""
    try:
        text = machine.read(f"{_SYSTEM}/parameters/{name}") or ""
    except ProbeError:
        return []
    return [value.strip() for value in text.split(",")] if text.strip() else []
