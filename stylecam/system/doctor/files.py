"""Files: settings, styles, room on the disk, and the packages stylecam stands on."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from pathlib import PurePath

from stylecam.errors import ProbeError
from stylecam.system.distribution import distribution, guest
from stylecam.system.doctor.finding import Finding, Topic
from stylecam.system.doctor.trials import OPENCV_PACKAGES, Trials
from stylecam.system.probe import Machine
from stylecam.system.setup.steps import Step
from stylecam.utils.version import __version__

TOPIC = Topic("Files and versions")
LITTLE, TOO_LITTLE = 2**30, 100 * 2**20
"""Bytes of disk: a recording of some minutes, and what stylecam itself may need."""
LITTLE_MEMORY = 500 * 2**20
_NEEDED = {"numpy": "numpy>=1.26", "pyvirtualcam": "pyvirtualcam>=0.12", "pynput": "pynput", "aiohttp": "aiohttp"}


def check(machine: Machine, trials: Trials) -> Iterator[Finding]:
    """What is on the disk."""
    yield from TOPIC.careful("versions", _versions(machine, trials))
    yield from TOPIC.careful("settings", _settings(trials))
    yield from _styles(trials)
    for purpose, folder in trials.folders.items():
        yield from TOPIC.careful("disk", _folder(machine, purpose, folder))
    if machine.platform == "linux":
        yield from TOPIC.careful("memory", _memory(machine))


def _versions(machine: Machine, trials: Trials) -> Iterator[Finding]:
    there = trials.versions()
    told = [f"stylecam {__version__}", f"Python {platform.python_version()}"]
    told += [f"{name} {version}" for name, version in there.items() if version]
    yield TOPIC.ok("versions", ", ".join(told))
    missing = [wanted for name, wanted in _NEEDED.items() if not there.get(name)]
    if not any(there.get(name) for name in OPENCV_PACKAGES):
        missing.append("opencv-python<5")
    if missing:
        install = Step("install them", (trials.python, "-m", "pip", "install", *missing))
        yield TOPIC.fault("packages", f"missing: {', '.join(missing)}", "install them:", install)
    system = machine.platform
    if machine.platform == "linux":
        inside = guest(machine)
        system = distribution(machine).name + (f" in a {inside}" if inside else "")
    yield TOPIC.ok("system", f"{system}, kernel {machine.kernel}, {platform.machine()}")


def _settings(trials: Trials) -> Iterator[Finding]:
    problem = trials.settings()
    if problem is not None:
        yield TOPIC.fault("settings", problem, "correct that value, or move the file away")
    else:
        yield TOPIC.ok("settings", "in order")


def _styles(trials: Trials) -> Iterator[Finding]:
    count, problems = trials.styles()
    for problem in problems:
        name = re.match(r"(.*?\.onnx)\b", problem)
        words = "get the file again, or remove it" + (
            f": stylecam styles remove {PurePath(name[1]).stem}" if name else ""
        )
        yield TOPIC.warning("styles", problem, words)
    if count == 0:
        again = Step("install stylecam again", (trials.python, "-m", "pip", "install", "--force-reinstall", "stylecam"))
        yield TOPIC.fault("styles", "there are none, not even those that came with stylecam", "install again:", again)
    else:
        yield TOPIC.ok("styles", f"{count} to paint with")


def _folder(machine: Machine, purpose: str, folder: str) -> Iterator[Finding]:
    free = machine.free(folder)
    node = machine.node(folder)
    if node is not None and not node.usable:
        yield TOPIC.warning("disk", f"{folder} cannot be written", "make the folder yours, or start elsewhere")
    found = f"{_bytes(free)} free for {purpose} ({folder})"
    if free < TOO_LITTLE:
        yield TOPIC.fault("disk", found, "make room on that disk")
    elif free < LITTLE:
        yield TOPIC.warning("disk", found, "make room before you record")
    else:
        yield TOPIC.ok("disk", found)


def _memory(machine: Machine) -> Iterator[Finding]:
    match = re.search(r"^MemAvailable:\s+(\d+) kB", machine.read("/proc/meminfo") or "", re.MULTILINE)
    if match is None:  # kernels before 3.14
        raise ProbeError("/proc/meminfo does not say how much is available")
    available = int(match[1]) * 1024
    if available < LITTLE_MEMORY:
        yield TOPIC.warning("memory", f"{_bytes(available)} available", "close programs: stylecam takes about 400 MB")
    else:
        yield TOPIC.ok("memory", f"{_bytes(available)} available")


def _bytes(count: int) -> str:
    return f"{count / 2**30:.1f} GB" if count >= 2**30 else f"{count / 2**20:.0f} MB"
