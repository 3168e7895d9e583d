"""Steps that install the driver and kernel headers, for each distribution."""

from __future__ import annotations

import re

from stylecam.errors import ProbeError, SetupError
from stylecam.system.distribution import Distribution
from stylecam.system.probe import HostProbe
from stylecam.system.setup.steps import SetupStep
from stylecam.system.v4l2loopback import NAME

_DEBIAN_FLAVOURS = ("cloud-amd64", "cloud-arm64", "rt-amd64", "amd64", "arm64", "armmp", "686-pae", "686")
_UBUNTU_FLAVOURS = ("generic", "lowlatency", "raspi", "aws", "azure", "gcp", "kvm", "oem")
PACKAGES = {
    "debian": "v4l2loopback-dkms",
    "fedora": "akmod-v4l2loopback",
    "arch": "v4l2loopback-dkms",
    "suse": "v4l2loopback-kmp-default",
}
_REMOVE = {
    "debian": ("apt-get", "remove", "-y"),
    "fedora": ("dnf", "remove", "-y"),
    "arch": ("pacman", "-R", "--noconfirm"),
    "suse": ("zypper", "--non-interactive", "remove"),
}


def install_steps(host: HostProbe, system: Distribution) -> tuple[SetupStep, ...]:
    """Return the steps that install the driver for the running kernel.

    Raises:
        SetupError: this distribution is unknown; the message says what to do by hand.
    """
    if system.family not in PACKAGES:
        raise SetupError(
            f"stylecam setup does not know how {system.name} installs drivers; install v4l2loopback 0.12.5 or later "
            "with its package manager, then run stylecam setup again for the rest"
        )
    if system.family == "debian":
        return _debian(host, system)
    if system.family == "fedora":
        return _fedora(host, system)
    if system.family == "arch":
        return _arch(host)
    package = PACKAGES["suse"]
    return (SetupStep("install the driver", ("zypper", "--non-interactive", "install", package), True),)


def header_step(host: HostProbe, system: Distribution) -> SetupStep | None:
    """Return the step that installs the kernel headers, which drivers are built with; None if the system is unknown."""
    command: tuple[str, ...] = ()
    if system.family == "debian" and (names := _debian_headers(host, system)):
        command = ("apt-get", "install", "-y", *names)
    elif system.family == "fedora" and not system.image_based:
        command = ("dnf", "install", "-y", f"kernel-devel-{host.kernel}")
    elif system.family == "arch":
        command = ("pacman", "-S", "--needed", "--noconfirm", _arch_headers(host.kernel))
    return SetupStep("install the headers of this kernel", command, True) if command else None


def removal_step(system: Distribution, package: str) -> SetupStep | None:
    """Return the step that removes the driver's package; None if setup would not have installed `package`."""
    command = _REMOVE.get(system.family)
    if command is None or package != PACKAGES[system.family]:
        return None
    return SetupStep(f"remove the package that stylecam setup installed ({package})", (*command, package), True)


def has_headers(host: HostProbe) -> bool:
    """Return True if the headers of the running kernel are installed."""
    try:
        return host.node(f"/lib/modules/{host.kernel}/build/Makefile") is not None
    except ProbeError:
        return False


def _debian(host: HostProbe, system: Distribution) -> tuple[SetupStep, ...]:
    packages = [*_debian_headers(host, system), PACKAGES["debian"]]
    return (
        SetupStep("update the package list", ("apt-get", "update"), True),
        SetupStep("install the driver and the kernel headers", ("apt-get", "install", "-y", *packages), True),
    )


def _debian_headers(host: HostProbe, system: Distribution) -> list[str]:
    """Return the header package that follows kernel updates, and that of the running kernel if it is missing."""
    kernel = host.kernel
    exact = [] if has_headers(host) else [f"linux-headers-{kernel}"]
    if re.search(r"\+rpt-rpi-|\+rpi-", kernel):
        return ["linux-headers-rpi-" + kernel.rsplit("rpi-", 1)[1]]
    flavours = _DEBIAN_FLAVOURS if system.id == "debian" else _UBUNTU_FLAVOURS + _DEBIAN_FLAVOURS
    flavour = next((name for name in flavours if kernel.endswith(f"-{name}")), None)
    if flavour is None:
        return exact  # a kernel built by the user
    return [f"linux-headers-{flavour}", *exact]


def _fedora(host: HostProbe, system: Distribution) -> tuple[SetupStep, ...]:
    steps = []
    if host.node("/etc/yum.repos.d/rpmfusion-free.repo") is None:
        if not system.version.isdecimal():
            raise SetupError(
                f"the release number of {system.name} is unknown; enable RPM Fusion (rpmfusion.org, "
                "Configuration) and run stylecam setup again"
            )
        source = f"https://mirrors.rpmfusion.org/free/fedora/rpmfusion-free-release-{system.version}.noarch.rpm"
        enable = ("rpm-ostree" if system.image_based else "dnf", "install", "-y", source)
        steps.append(SetupStep("enable RPM Fusion, which provides the driver", enable, True))
    if system.image_based:
        layered = ("rpm-ostree", "install", "-y", PACKAGES["fedora"])
        return (*steps, SetupStep("layer the driver onto the system; it is available after a restart", layered, True))
    needed = [] if has_headers(host) else [f"kernel-devel-{host.kernel}"]
    command = ("dnf", "install", "-y", *needed, PACKAGES["fedora"])
    return (
        *steps,
        SetupStep("install the driver and the kernel headers", command, True),
        _akmods(host),
    )


def _akmods(host: HostProbe) -> SetupStep:
    """Return the step that builds drivers on Fedora."""
    command = ("akmods", "--force", "--kernels", host.kernel)
    return SetupStep("build it for this kernel now, not at the next start", command, True)


def _arch(host: HostProbe) -> tuple[SetupStep, ...]:
    packages = ("pacman", "-S", "--needed", "--noconfirm", _arch_headers(host.kernel), PACKAGES["arch"])
    return (SetupStep("install the driver and the kernel headers", packages, True),)


def _arch_headers(kernel: str) -> str:
    manjaro = re.match(r"(\d+)\.(\d+)\..*MANJARO", kernel)
    if manjaro:
        return f"linux{manjaro[1]}{manjaro[2]}-headers"
    flavour = next((name for name in ("lts", "zen", "hardened", "rt") if kernel.endswith(f"-{name}")), None)
    return f"linux-{flavour}-headers" if flavour else "linux-headers"


def driver_package(system: Distribution) -> str:
    """Return the package that `install_steps` installs, or the driver's name on an unknown system."""
    return PACKAGES.get(system.family, NAME)
