"""What kind of system this is: its distribution, and whether it is a guest in another one."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from stylecam.errors import ProbeError
from stylecam.system.probe import Machine

_FAMILIES = {
    "debian": ("debian", "ubuntu", "linuxmint", "pop", "raspbian"),
    "rhel": ("rhel", "centos", "rocky", "almalinux"),  # before fedora, which they also name as their like
    "fedora": ("fedora", "nobara"),
    "arch": ("arch", "manjaro", "endeavouros"),
    "suse": ("suse", "opensuse", "opensuse-tumbleweed", "opensuse-leap"),
}


@dataclass(frozen=True, slots=True)
class Distribution:
    """A Linux distribution.

    Attributes:
        id: `ubuntu`, or empty where the system does not say.
        family: `debian`, `fedora`, `rhel`, `arch`, `suse`, or empty for others.
        fixed: True for those whose system is an image (Silverblue), where packages are layered on.
    """

    id: str
    name: str
    version: str
    family: str
    fixed: bool = False


def distribution(machine: Machine) -> Distribution:
    """By `/etc/os-release`; raises ProbeError where it cannot be read."""
    text = machine.read("/etc/os-release")
    if text is None:
        text = machine.read("/usr/lib/os-release") or ""
    says = dict(_assignment(line) for line in text.splitlines() if "=" in line)
    names = [says.get("ID", "").lower(), *says.get("ID_LIKE", "").lower().split()]
    # the system's own name decides before those of its kin
    family = next((kin for name in names for kin, members in _FAMILIES.items() if name in members), "")
    if family == "fedora" and "rhel" in names:
        family = "rhel"
    fixed = machine.node("/run/ostree-booted") is not None
    return Distribution(
        names[0], says.get("PRETTY_NAME") or names[0] or "this Linux", says.get("VERSION_ID", ""), family, fixed
    )


def guest(machine: Machine) -> str | None:
    """`container`, `WSL` or `Flatpak` where this is one: drivers belong to the system around it. None elsewhere."""
    if machine.platform != "linux":
        return None
    if "microsoft" in machine.kernel.lower():
        return "WSL"
    if machine.node("/.flatpak-info") is not None:
        return "Flatpak"
    if any(machine.node(mark) is not None for mark in ("/.dockerenv", "/run/.containerenv")):
        return "container"
    try:
        named = machine.read("/run/systemd/container") or machine.read("/run/host/container-manager")
    except ProbeError:
        named = None
    return "container" if named or "container" in machine.environment else None


def _assignment(line: str) -> tuple[str, str]:
    """One line of os-release, which is a shell assignment; odd quoting is taken as it stands."""
    name, _, value = line.partition("=")
    try:
        words = shlex.split(value, comments=True)
    except ValueError:
        words = [value.strip("\"' ")]
    return name.strip(), " ".join(words)
