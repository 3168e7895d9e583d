"""What `stylecam setup` would do here: an ordered plan, made by looking only.

What is done already is left out, so the same plan can be made again after a failed step or a restart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from stylecam.errors import ProbeError, SetupError
from stylecam.system import v4l2loopback as loopback
from stylecam.system.distribution import Distribution, distribution, guest
from stylecam.system.probe import Machine
from stylecam.system.setup import packages, secure_boot
from stylecam.system.setup.steps import Step, write
from stylecam.system.v4l2loopback import NAME

OPTIONS_FILE = "/etc/modprobe.d/stylecam.conf"
BOOT_FILE = "/etc/modules-load.d/stylecam.conf"
OPTIONS = f'options {NAME} devices=2 video_nr=10,11 card_label="stylecam,OBS" exclusive_caps=1,1'
_OURS = "# written by stylecam setup; stylecam setup --remove takes it away"
_BROUGHT = "# installed with it: "

WINDOWS = (
    "install OBS Studio from obsproject.com",
    "start OBS, press 'Start Virtual Camera' once, then 'Stop Virtual Camera', and close OBS",
    "start stylecam, and choose 'OBS Virtual Camera' in your meeting program",
)
MACOS = (
    "install OBS Studio from obsproject.com into the Applications folder",
    "start OBS and press 'Start Virtual Camera'; allow the extension under System Settings > General > Login Items & "
    "Extensions > Camera Extensions (before macOS 15: Privacy & Security)",
    "press 'Stop Virtual Camera' and close OBS",
    "start stylecam, and choose 'OBS Virtual Camera' in your meeting program",
)


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps, and what to tell the user before them (`notes`) and after (`then`)."""

    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()
    then: tuple[str, ...] = ()


def by_hand(platform: str) -> tuple[str, ...]:
    """What to do on systems where no command does it; empty for Linux."""
    return {"win32": WINDOWS, "darwin": MACOS}.get(platform, ())


def installation(machine: Machine) -> Plan:
    """From what is there to a driver that is installed, set up, loaded at every start and loaded now.

    Raises:
        SetupError: it cannot be done from here; says why and what to do.
        ProbeError: what must be known cannot be looked at.
    """
    _fit(machine)
    running = loopback.loaded(machine)
    ready = running is not None or loopback.installed(machine)
    system = distribution(machine)
    if not ready and loopback.orphaned(machine):
        raise SetupError(
            f"kernel {machine.kernel} runs, and its drivers are gone, as after an update; restart the computer, then "
            "run stylecam setup again"
        )
    steps = [] if ready else [*packages.installing(machine, system)]
    brought = _brought(machine) or ("" if ready else packages.package_of(system))
    steps += configuration(machine, brought)
    notes = _conflicts(machine)
    restart = not ready and system.fixed
    if not restart and running is None:
        enrolling = _enrolling(machine, system, ready)
        if enrolling is not None:
            steps += enrolling
            notes.append(
                "Secure Boot is on, so the driver must be signed with a key that your firmware trusts. You choose a "
                "password for that now; after the steps, " + secure_boot.ENROLLING
            )
            restart = True
    if restart:
        return Plan(tuple(steps), tuple(notes), ("restart the computer; the driver is loaded from then on",))
    steps += loading(machine, running)
    then = ("start stylecam, then choose the camera 'stylecam' in your meeting program",)
    return Plan(tuple(steps), tuple(notes), then)


def configuration(machine: Machine, brought: str = "") -> list[Step]:
    """The steps that write the driver's options, and have it loaded at every start."""
    steps = []
    present = machine.read(OPTIONS_FILE) or ""
    if OPTIONS not in present.splitlines():
        text = "\n".join([_OURS, *([_BROUGHT + brought] if brought else []), OPTIONS]) + "\n"
        steps.append(write("the driver's options: a camera for stylecam, and one for OBS", OPTIONS_FILE, text))
    if loopback.at_boot(machine) is None:
        steps.append(write("load the driver at every start", BOOT_FILE, f"{_OURS}\n{NAME}\n"))
    return steps


def loading(machine: Machine, running: loopback.Loaded | None) -> list[Step]:
    """The steps that load the driver with its options; none where it runs with them."""
    load = Step("load the driver now", ("modprobe", NAME), True)
    if running is None:
        return [load]
    own = running.own
    if own is not None and own.exclusive is not False:
        return []
    why = "unload the driver, which runs with other options; close programs that use its cameras first"
    return [Step(why, ("modprobe", "-r", NAME), True), load]


def removal(machine: Machine) -> Plan:
    """Back to how it was before `stylecam setup`: what it wrote and installed, and nothing else.

    Raises:
        SetupError: it cannot be done from here.
        ProbeError: what must be known cannot be looked at.
    """
    _fit(machine)
    steps = []
    ours = [path for path in (BOOT_FILE, OPTIONS_FILE) if (machine.read(path) or "").startswith(_OURS)]
    if ours and loopback.loaded(machine) is not None:
        unload = ("modprobe", "-r", NAME)
        steps.append(Step("unload the driver; close programs that use its cameras first", unload, True))
    brought = _brought(machine)
    if ours:
        steps.append(Step("remove what stylecam setup wrote", ("rm", "-f", *ours), True))
    package = packages.removing(distribution(machine), brought) if brought else None
    if package is not None:
        # before the file that remembers it, so that a failure can be tried again
        steps.insert(len(steps) - 1, package)
    foreign = [path for path in (BOOT_FILE, OPTIONS_FILE) if path not in ours and machine.node(path) is not None]
    notes = [f"{path} was not written by stylecam setup and stays" for path in foreign]
    return Plan(tuple(steps), tuple(notes))


def _fit(machine: Machine) -> None:
    """See that drivers can be set up from here at all."""
    if machine.platform != "linux":
        raise SetupError("there is no driver for stylecam to set up on this system; stylecam setup prints what to do")
    place = guest(machine)
    if place == "WSL":
        raise SetupError("WSL has no cameras: run stylecam on Windows itself, with OBS for the virtual camera")
    if place is not None:
        raise SetupError(
            f"this is a {place}: the driver belongs to the system around it; run stylecam setup there, and let the "
            "device /dev/video10 in"
        )
    if not loopback.modular(machine):
        raise SetupError(
            f"kernel {machine.kernel} cannot load drivers (/proc/modules is missing); a kernel of your distribution "
            "can. Until then: stylecam run --output web"
        )


def _brought(machine: Machine) -> str:
    """The package that stylecam setup has installed, as its file remembers it."""
    match = re.search(rf"^{_BROUGHT}(\S+)$", machine.read(OPTIONS_FILE) or "", re.MULTILINE)
    return match[1] if match else ""


def _conflicts(machine: Machine) -> list[str]:
    others = {path: lines for path, lines in loopback.options(machine).items() if path != OPTIONS_FILE}
    return [f"{path} also says {'; '.join(lines)}; if it contradicts, remove it" for path, lines in others.items()]


def _enrolling(machine: Machine, system: Distribution, ready: bool) -> list[Step] | None:
    """What Secure Boot wants before a restart, after which the driver can be loaded; None where it wants nothing."""
    try:
        if not secure_boot.on(machine):
            return None
    except ProbeError:
        return None  # then loading tells, and `stylecam doctor` says that it could not look
    if system.id == "ubuntu" and not ready:
        return []  # its packages ask for the password themselves
    path = secure_boot.key(machine)
    if path is not None:
        try:
            trust = secure_boot.trust(machine, path)
        except ProbeError:
            trust = secure_boot.Trust.MISSING  # importing a key twice does no harm
        if trust is not secure_boot.Trust.MISSING:
            return None if trust is secure_boot.Trust.GIVEN else []
    defaults = {"debian": "/var/lib/dkms/mok.pub", "fedora": "/etc/pki/akmods/certs/public_key.der"}
    path = path or defaults.get(system.family)  # where the packages put it
    return None if path is None else [secure_boot.enrolling(path)]
