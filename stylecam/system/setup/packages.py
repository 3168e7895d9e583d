"""Steps that install packages, above all the driver and kernel headers, on each distribution."""

from __future__ import annotations

import re
from collections.abc import Mapping

from stylecam.errors import ProbeError, SetupError
from stylecam.system.distribution import Distribution, detect_distribution
from stylecam.system.probe import HostProbe
from stylecam.system.setup.steps import SetupStep
from stylecam.system.v4l2loopback import NAME
from stylecam.utils.message import Message

_DEBIAN_FLAVOURS = ("cloud-amd64", "cloud-arm64", "rt-amd64", "amd64", "arm64", "armmp", "686-pae", "686")
_UBUNTU_FLAVOURS = ("generic", "lowlatency", "raspi", "aws", "azure", "gcp", "kvm", "oem")
PACKAGES = {
    "debian": "v4l2loopback-dkms",
    "fedora": "akmod-v4l2loopback",
    "arch": "v4l2loopback-dkms",
    "suse": "v4l2loopback-kmp-default",
}
_INSTALL = {
    "debian": "apt-get install -y",
    "fedora": "dnf install -y",
    "arch": "pacman -S --needed --noconfirm",
    "suse": "zypper --non-interactive install",
}
_REMOVE = {
    "debian": "apt-get remove -y",
    "fedora": "dnf remove -y",
    "arch": "pacman -R --noconfirm",
    "suse": "zypper --non-interactive remove",
}


def package_steps(host: HostProbe, purpose: str, packages: Mapping[str, str]) -> tuple[SetupStep, ...]:
    """Return the step that installs `packages`, in words by family; none if this distribution is not among them."""
    try:
        family = detect_distribution(host).family
    except ProbeError:
        return ()
    return (_install_step(purpose, family, *packages[family].split()),) if family in packages else ()


def install_steps(host: HostProbe, system: Distribution) -> tuple[SetupStep, ...]:
    """Return the steps that install the driver for the running kernel.

    Raises:
        SetupError: this distribution is unknown; the message says what to do by hand.
    """
    family = system.family
    if family not in PACKAGES:
        raise SetupError(
            Message(
                "stylecam setup does not know how {name} installs drivers; install v4l2loopback 0.12.5 or later with "
                "its package manager, then run stylecam setup again for the rest",
                name=system.name,
            )
        )
    steps = []
    if family == "debian":
        steps.append(SetupStep("update the package list", ("apt-get", "update"), True))
    if family == "fedora" and host.node("/etc/yum.repos.d/rpmfusion-free.repo") is None:
        steps.append(_rpm_fusion_step(system))
    if family == "fedora" and system.image_based:
        layered = ("rpm-ostree", "install", "-y", PACKAGES[family])
        return (*steps, SetupStep("layer the driver onto the system; it is available after a restart", layered, True))
    purpose = (
        Message("install the driver") if family == "suse" else Message("install the driver and the kernel headers")
    )
    steps.append(_install_step(purpose, family, *_headers(host, system), PACKAGES[family]))
    if family == "fedora":
        build = ("akmods", "--force", "--kernels", host.kernel)
        steps.append(SetupStep("build it for this kernel now, not at the next start", build, True))
    return tuple(steps)


def header_step(host: HostProbe, system: Distribution) -> SetupStep | None:
    """Return the step that installs the kernel headers, which drivers are built with; None if the system is unknown."""
    headers = _headers(host, system)
    return _install_step("install the headers of this kernel", system.family, *headers) if headers else None


def removal_step(system: Distribution, package: str) -> SetupStep | None:
    """Return the step that removes the driver's package; None if setup would not have installed `package`."""
    if package != PACKAGES.get(system.family):
        return None
    command = (*_REMOVE[system.family].split(), package)
    return SetupStep(
        Message("remove the package that stylecam setup installed ({package})", package=package), command, True
    )


def has_headers(host: HostProbe) -> bool:
    """Return True if the headers of the running kernel are installed."""
    try:
        return host.node(f"/lib/modules/{host.kernel}/build/Makefile") is not None
    except ProbeError:
        return False


def driver_package(system: Distribution) -> str:
    """Return the package that `install_steps` installs, or the driver's name on an unknown system."""
    return PACKAGES.get(system.family, NAME)


def _install_step(purpose: str, family: str, *packages: str) -> SetupStep:
    return SetupStep(purpose, (*_INSTALL[family].split(), *packages), True)


def _headers(host: HostProbe, system: Distribution) -> list[str]:
    """Return the packages of kernel headers that are needed and not installed; none where that is unknown."""
    if system.family == "debian":
        return _debian_headers(host, system)
    if system.family == "arch":
        return [_arch_headers(host.kernel)]
    if system.family == "fedora" and not system.image_based and not has_headers(host):
        return [f"kernel-devel-{host.kernel}"]
    return []


def _debian_headers(host: HostProbe, system: Distribution) -> list[str]:
    """Return the header package that follows kernel updates, and that of the running kernel if it is missing."""
    kernel = host.kernel
    exact = [] if has_headers(host) else [f"linux-headers-{kernel}"]
    if re.search(r"\+rpt-rpi-|\+rpi-", kernel):
        return ["linux-headers-rpi-" + kernel.rsplit("rpi-", 1)[1]]
    flavours = _DEBIAN_FLAVOURS if system.id == "debian" else _UBUNTU_FLAVOURS + _DEBIAN_FLAVOURS
    flavour = next((name for name in flavours if kernel.endswith(f"-{name}")), None)
    return [f"linux-headers-{flavour}", *exact] if flavour else exact  # no flavour: a kernel built by the user


def _arch_headers(kernel: str) -> str:
    manjaro = re.match(r"(\d+)\.(\d+)\..*MANJARO", kernel)
    if manjaro:
        return f"linux{manjaro[1]}{manjaro[2]}-headers"
    flavour = next((name for name in ("lts", "zen", "hardened", "rt") if kernel.endswith(f"-{name}")), None)
    return f"linux-{flavour}-headers" if flavour else "linux-headers"


def _rpm_fusion_step(system: Distribution) -> SetupStep:
    if not system.version.isdecimal():
        raise SetupError(
            Message(
                "the release number of {name} is unknown; enable RPM Fusion (rpmfusion.org, Configuration) and run "
                "stylecam setup again",
                name=system.name,
            )
        )
    source = f"https://mirrors.rpmfusion.org/free/fedora/rpmfusion-free-release-{system.version}.noarch.rpm"
    enable = ("rpm-ostree" if system.image_based else "dnf", "install", "-y", source)
    return SetupStep("enable RPM Fusion, which provides the driver", enable, True)
