"""How each distribution installs the driver, as steps."""

from __future__ import annotations

import re

from stylecam.errors import ProbeError, SetupError
from stylecam.system.distribution import Distribution
from stylecam.system.probe import Machine
from stylecam.system.setup.steps import Step
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


def installing(machine: Machine, system: Distribution) -> tuple[Step, ...]:
    """The steps that install the driver for the kernel that runs.

    Raises:
        SetupError: this distribution is not known; says what to do by hand.
    """
    if system.family not in PACKAGES:
        raise SetupError(
            f"stylecam setup does not know how {system.name} installs drivers; install v4l2loopback 0.12.5 or later "
            "with its package manager, then run stylecam setup again for the rest"
        )
    if system.family == "debian":
        return _debian(machine, system)
    if system.family == "fedora":
        return _fedora(machine, system)
    if system.family == "arch":
        return _arch(machine)
    package = PACKAGES["suse"]
    return (Step("install the driver", ("zypper", "--non-interactive", "install", package), True),)


def headers(machine: Machine, system: Distribution) -> Step | None:
    """The step that installs what a driver for this kernel is built with; None where this distribution is not known."""
    command: tuple[str, ...] = ()
    if system.family == "debian" and (names := _debian_headers(machine, system)):
        command = ("apt-get", "install", "-y", *names)
    elif system.family == "fedora" and not system.fixed:
        command = ("dnf", "install", "-y", f"kernel-devel-{machine.kernel}")
    elif system.family == "arch":
        command = ("pacman", "-S", "--needed", "--noconfirm", _arch_headers(machine.kernel))
    return Step("install what drivers for this kernel are built with", command, True) if command else None


def removing(system: Distribution, package: str) -> Step | None:
    """The step that takes the driver's package away."""
    command = _REMOVE.get(system.family)
    if command is None or package != PACKAGES[system.family]:
        return None
    return Step(f"remove the package that stylecam setup installed ({package})", (*command, package), True)


def built(machine: Machine) -> bool:
    """True where what drivers are built with is there for the kernel that runs."""
    try:
        return machine.node(f"/lib/modules/{machine.kernel}/build/Makefile") is not None
    except ProbeError:
        return False


def _debian(machine: Machine, system: Distribution) -> tuple[Step, ...]:
    packages = [*_debian_headers(machine, system), PACKAGES["debian"]]
    return (
        Step("learn which packages there are", ("apt-get", "update"), True),
        Step("install the driver, and what it is built with", ("apt-get", "install", "-y", *packages), True),
    )


def _debian_headers(machine: Machine, system: Distribution) -> list[str]:
    """The package that follows the kernel's updates, and the one of the kernel that runs if it is missing."""
    kernel = machine.kernel
    exact = [] if built(machine) else [f"linux-headers-{kernel}"]
    if re.search(r"\+rpt-rpi-|\+rpi-", kernel):
        return ["linux-headers-rpi-" + kernel.rsplit("rpi-", 1)[1]]
    flavours = _DEBIAN_FLAVOURS if system.id == "debian" else _UBUNTU_FLAVOURS + _DEBIAN_FLAVOURS
    flavour = next((name for name in flavours if kernel.endswith(f"-{name}")), None)
    if flavour is None:
        return exact  # a kernel of the user's own
    return [f"linux-headers-{flavour}", *exact]


def _fedora(machine: Machine, system: Distribution) -> tuple[Step, ...]:
    steps = []
    if machine.node("/etc/yum.repos.d/rpmfusion-free.repo") is None:
        if not system.version.isdecimal():
            raise SetupError(
                f"which release of {system.name} this is cannot be seen; enable RPM Fusion (rpmfusion.org, "
                "Configuration) and run stylecam setup again"
            )
        source = f"https://mirrors.rpmfusion.org/free/fedora/rpmfusion-free-release-{system.version}.noarch.rpm"
        enable = ("rpm-ostree" if system.fixed else "dnf", "install", "-y", source)
        steps.append(Step("enable RPM Fusion, where Fedora's users get the driver from", enable, True))
    if system.fixed:
        layered = ("rpm-ostree", "install", "-y", PACKAGES["fedora"])
        return (*steps, Step("layer the driver onto the system; it is there after a restart", layered, True))
    needed = [] if built(machine) else [f"kernel-devel-{machine.kernel}"]
    command = ("dnf", "install", "-y", *needed, PACKAGES["fedora"])
    return (
        *steps,
        Step("install the driver, and what it is built with", command, True),
        akmods(machine),
    )


def akmods(machine: Machine) -> Step:
    """The step that builds drivers on Fedora."""
    command = ("akmods", "--force", "--kernels", machine.kernel)
    return Step("build it for this kernel now rather than at the next start", command, True)


def _arch(machine: Machine) -> tuple[Step, ...]:
    packages = ("pacman", "-S", "--needed", "--noconfirm", _arch_headers(machine.kernel), PACKAGES["arch"])
    return (Step("install the driver, and what it is built with", packages, True),)


def _arch_headers(kernel: str) -> str:
    manjaro = re.match(r"(\d+)\.(\d+)\..*MANJARO", kernel)
    if manjaro:
        return f"linux{manjaro[1]}{manjaro[2]}-headers"
    flavour = next((name for name in ("lts", "zen", "hardened", "rt") if kernel.endswith(f"-{name}")), None)
    return f"linux-{flavour}-headers" if flavour else "linux-headers"


def package_of(system: Distribution) -> str:
    """What `installing` installs there, or the driver's own name."""
    return PACKAGES.get(system.family, NAME)
