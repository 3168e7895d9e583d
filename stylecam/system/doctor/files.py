"""Checks the configuration, styles, disk space, memory and installed packages."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from pathlib import PurePath

from stylecam.errors import ProbeError
from stylecam.system.distribution import detect_container, detect_distribution
from stylecam.system.doctor.diagnostics import OPENCV_PACKAGES, Diagnostics
from stylecam.system.doctor.finding import Finding, Topic
from stylecam.system.probe import HostProbe
from stylecam.utils.message import Message, joined
from stylecam.utils.version import __version__

TOPIC = Topic("Files and versions")
LOW_DISK_BYTES = 2**30
"""A recording of some minutes."""
FULL_DISK_BYTES = 100 * 2**20
"""What stylecam itself may need."""
LOW_MEMORY_BYTES = 500 * 2**20
_REQUIRED = {"numpy": "numpy>=1.26", "pyvirtualcam": "pyvirtualcam>=0.12", "aiohttp": "aiohttp"}


def check(host: HostProbe, diagnostics: Diagnostics) -> Iterator[Finding]:
    """Yield the state of versions, settings, styles, disks and memory."""
    yield from TOPIC.guarded("versions", _versions(host, diagnostics))
    yield from TOPIC.guarded("settings", _settings(diagnostics))
    yield from _styles(diagnostics)
    for purpose, folder in diagnostics.folders.items():
        yield from TOPIC.guarded("disk", _folder(host, purpose, folder))
    if host.platform == "linux":
        yield from TOPIC.guarded("memory", _memory(host))


def _versions(host: HostProbe, diagnostics: Diagnostics) -> Iterator[Finding]:
    versions = diagnostics.versions()
    installed = [f"stylecam {__version__}", f"Python {platform.python_version()}"]
    installed += [f"{name} {version}" for name, version in versions.items() if version]
    yield TOPIC.ok("versions", ", ".join(installed))
    missing = [requirement for name, requirement in _REQUIRED.items() if not versions.get(name)]
    if not any(versions.get(name) for name in OPENCV_PACKAGES):
        missing.append("opencv-python<5")
    if missing:
        install = diagnostics.pip_step("install them", "install", *missing)
        yield TOPIC.fault("packages", Message("missing: {names}", names=", ".join(missing)), "install them:", install)
    system = host.platform
    if host.platform == "linux":
        container = detect_container(host)
        system = detect_distribution(host).name
        if container is not None:
            system = Message("{system} in a {container}", system=system, container=container)
    kernel = Message("kernel {version}", version=host.kernel)
    yield TOPIC.ok("system", joined((system, kernel, platform.machine())))


def _settings(diagnostics: Diagnostics) -> Iterator[Finding]:
    problem = diagnostics.settings()
    if problem is not None:
        yield TOPIC.fault("settings", problem, "correct that value, or remove the file")
    else:
        yield TOPIC.ok("settings", "valid")


def _styles(diagnostics: Diagnostics) -> Iterator[Finding]:
    count, problems = diagnostics.styles()
    for problem in problems:
        name = re.match(r"(.*?\.onnx)\b", problem)
        words = Message("get the file again, or remove it")
        if name:
            command = f"stylecam styles remove {PurePath(name[1]).stem}"
            words = Message("get the file again, or remove it: {command}", command=command)
        yield TOPIC.warning("styles", problem, words)
    if count == 0:
        reinstall = diagnostics.pip_step("install stylecam again", "install", "--force-reinstall", "stylecam")
        found = Message("none are installed, not even those that come with stylecam")
        yield TOPIC.fault("styles", found, "install it again:", reinstall)
    else:
        yield TOPIC.ok("styles", Message("{count} installed", count=count))


def _folder(host: HostProbe, purpose: str, folder: str) -> Iterator[Finding]:
    free = host.free_bytes(folder)
    node = host.node(folder)
    if node is not None and not node.accessible:
        words = Message("become the owner of that folder, or start stylecam elsewhere")
        yield TOPIC.warning("disk", Message("{folder} cannot be written", folder=folder), words)
    found = Message("{size} free for {purpose} ({folder})", size=_bytes(free), purpose=purpose, folder=folder)
    if free < FULL_DISK_BYTES:
        yield TOPIC.fault("disk", found, "free some space on that disk")
    elif free < LOW_DISK_BYTES:
        yield TOPIC.warning("disk", found, "free some space before you record")
    else:
        yield TOPIC.ok("disk", found)


def _memory(host: HostProbe) -> Iterator[Finding]:
    match = re.search(r"^MemAvailable:\s+(\d+) kB", host.read_text("/proc/meminfo") or "", re.MULTILINE)
    if match is None:  # a kernel before 3.14
        raise ProbeError("/proc/meminfo does not say how much is available")
    available = int(match[1]) * 1024
    if available < LOW_MEMORY_BYTES:
        yield TOPIC.warning(
            "memory", Message("{size} available", size=_bytes(available)), "close programs: stylecam takes about 400 MB"
        )
    else:
        yield TOPIC.ok("memory", Message("{size} available", size=_bytes(available)))


def _bytes(count: int) -> str:
    return f"{count / 2**30:.1f} GB" if count >= 2**30 else f"{count / 2**20:.0f} MB"
