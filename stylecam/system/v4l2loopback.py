"""Reads the state of v4l2loopback, the Linux driver for virtual cameras, without opening its devices.

All functions raise `ProbeError` if something cannot be read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from stylecam.errors import ProbeError
from stylecam.system.probe import DeviceNode, HostProbe

NAME = "v4l2loopback"
LABEL = "stylecam"
"""Card label of the device that is made for stylecam."""
_SYS_MODULE = f"/sys/module/{NAME}"
_SYS_DEVICES = "/sys/devices/virtual/video4linux"
_MARKS = ("max_openers", "buffers", "format")
"""Attribute files that only this driver puts into the sysfs folders of its devices."""
OPTION_FOLDERS = ("/etc/modprobe.d", "/run/modprobe.d", "/usr/local/lib/modprobe.d", "/usr/lib/modprobe.d")
BOOT_FOLDERS = ("/etc/modules-load.d", "/run/modules-load.d", "/usr/lib/modules-load.d")


@dataclass(frozen=True, slots=True)
class LoopbackDevice:
    """One device of the driver.

    Attributes:
        exclusive_caps: True if the device announces itself as a camera only; None if the driver does not tell.
        node: the device file, or None if it is missing.
    """

    number: int
    label: str
    exclusive_caps: bool | None
    node: DeviceNode | None

    @property
    def path(self) -> str:
        """Path of the device file."""
        return f"/dev/video{self.number}"


@dataclass(frozen=True, slots=True)
class LoadedModule:
    """The driver as it is loaded now; `version` is empty if the driver does not tell."""

    version: str
    devices: tuple[LoopbackDevice, ...]

    @property
    def own_device(self) -> LoopbackDevice | None:
        """The device that is made for stylecam, or None."""
        return next((device for device in self.devices if device.label == LABEL), None)


def loaded_module(host: HostProbe) -> LoadedModule | None:
    """Return the loaded driver, or None if it is not loaded."""
    if host.list_directory(_SYS_MODULE) is None:
        modules = host.read_text("/proc/modules") or ""
        if not re.search(rf"^{NAME} ", modules, re.MULTILINE):
            return None
    version = (host.read_text(f"{_SYS_MODULE}/version") or "").strip()
    return LoadedModule(version, _devices(host))


def can_load_modules(host: HostProbe) -> bool:
    """Return True if the running kernel can load drivers at all."""
    return host.read_text("/proc/modules") is not None


def is_installed(host: HostProbe) -> bool:
    """Return True if the driver is installed for the running kernel."""
    try:
        return host.run("modinfo", "-k", host.kernel, NAME).returncode == 0
    except ProbeError:
        listed = host.read_text(f"/lib/modules/{host.kernel}/modules.dep")
        if listed is None:
            raise
        return f"/{NAME}.ko" in listed


def has_lost_modules(host: HostProbe) -> bool:
    """Return True if the running kernel's drivers were removed, as after an update without a restart."""
    return can_load_modules(host) and host.list_directory(f"/lib/modules/{host.kernel}") is None


def modprobe_lines(host: HostProbe) -> dict[str, list[str]]:
    """Return the lines about the driver in modprobe's configuration, by file."""
    found: dict[str, list[str]] = {}
    for folder in OPTION_FOLDERS:
        for name in host.list_directory(folder) or ():
            if not name.endswith(".conf"):
                continue
            path = f"{folder}/{name}"
            lines = [" ".join(line.split()) for line in (host.read_text(path) or "").splitlines()]
            about = [line for line in lines if re.match(rf"(options|blacklist|install) {NAME}( |$)", line)]
            if about:
                found[path] = about
    return found


def boot_file(host: HostProbe) -> str | None:
    """Return the file that loads the driver at every start of the computer, or None."""
    paths = [f"{folder}/{name}" for folder in BOOT_FOLDERS for name in host.list_directory(folder) or ()]
    for path in [*(path for path in paths if path.endswith(".conf")), "/etc/modules"]:
        words = [line.split()[:1] for line in (host.read_text(path) or "").splitlines()]
        if [NAME] in words:
            return path
    return None


def _devices(host: HostProbe) -> tuple[LoopbackDevice, ...]:
    numbers = _parameter(host, "video_nr")
    exclusive = _parameter(host, "exclusive_caps")
    found: list[tuple[int, str]] = []
    for name in host.list_directory(_SYS_DEVICES) or ():
        digits = name.removeprefix("video")
        folder = f"{_SYS_DEVICES}/{name}"
        if not digits.isdecimal():
            continue
        if digits not in numbers and all(host.node(f"{folder}/{mark}") is None for mark in _MARKS):
            continue  # a device of another driver
        found.append((int(digits), (host.read_text(f"{folder}/name") or "").strip()))
    devices = []
    for order, (number, label) in enumerate(sorted(found)):
        index = numbers.index(str(number)) if str(number) in numbers else order
        text = exclusive[index] if index < len(exclusive) else ""
        exclusive_caps = {"Y": True, "1": True, "N": False, "0": False}.get(text)
        devices.append(LoopbackDevice(number, label, exclusive_caps, host.node(f"/dev/video{number}")))
    return tuple(devices)


def _parameter(host: HostProbe, name: str) -> list[str]:
    """Return the values of a module parameter, one per device; empty if the driver does not tell."""
    try:
        text = host.read_text(f"{_SYS_MODULE}/parameters/{name}") or ""
    except ProbeError:
        return []
    return [value.strip() for value in text.split(",")] if text.strip() else []
