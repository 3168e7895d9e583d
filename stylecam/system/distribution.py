"""Detects the Linux distribution, and whether this system is a container or guest of another one."""

from __future__ import annotations

from dataclasses import dataclass

from stylecam.errors import ProbeError
from stylecam.system.probe import HostProbe
from stylecam.utils.message import Message

_FAMILIES = {
    "debian": ("debian", "ubuntu", "linuxmint", "pop", "raspbian"),
    "rhel": ("rhel", "centos", "rocky", "almalinux"),  # before fedora, which these systems also list in ID_LIKE
    "fedora": ("fedora", "nobara"),
    "arch": ("arch", "manjaro", "endeavouros"),
    "suse": ("suse", "opensuse", "opensuse-tumbleweed", "opensuse-leap"),
}


@dataclass(frozen=True, slots=True)
class Distribution:
    """A Linux distribution.

    Attributes:
        id: ID of os-release, such as `ubuntu`; empty if the system does not name itself.
        name: PRETTY_NAME of os-release.
        family: `debian`, `fedora`, `rhel`, `arch`, `suse`, or empty for any other.
        image_based: True for systems such as Silverblue, where packages are layered onto an image.
    """

    id: str
    name: str
    version: str
    family: str
    image_based: bool = False


def detect_distribution(host: HostProbe) -> Distribution:
    """Return the distribution that os-release names.

    Raises:
        ProbeError: it cannot be read.
    """
    fields = host.os_release()
    ids = [fields.get("ID", "").lower(), *fields.get("ID_LIKE", "").lower().split()]
    # the system's own ID comes before those of its relatives
    family = next((family for name in ids for family, members in _FAMILIES.items() if name in members), "")
    if family == "fedora" and "rhel" in ids:
        family = "rhel"
    name = fields.get("PRETTY_NAME") or ids[0] or "this Linux"
    image_based = host.node("/run/ostree-booted") is not None
    return Distribution(ids[0], name, fields.get("VERSION_ID", ""), family, image_based)


def detect_container(host: HostProbe) -> str | None:
    """Return `container`, `WSL` or `Flatpak` if this system is one, else None.

    Drivers cannot be loaded from within any of them; they belong to the surrounding system.
    """
    if host.platform != "linux":
        return None
    if "microsoft" in host.kernel.lower():
        return "WSL"
    if host.node("/.flatpak-info") is not None:
        return "Flatpak"
    if any(host.node(mark) is not None for mark in ("/.dockerenv", "/run/.containerenv")):
        return Message("container")
    try:
        manager = host.read_text("/run/systemd/container") or host.read_text("/run/host/container-manager")
    except ProbeError:
        manager = None
    return Message("container") if manager or "container" in host.environment else None
