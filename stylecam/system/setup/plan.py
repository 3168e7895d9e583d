"""Plans what `stylecam setup` does on this computer, by looking only.

Steps that are done already are left out, so the plan can be made again after a failed step or a restart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from stylecam.errors import ProbeError, SetupError
from stylecam.system import v4l2loopback as loopback
from stylecam.system.distribution import Distribution, detect_container, detect_distribution
from stylecam.system.probe import HostProbe
from stylecam.system.setup import packages, secure_boot
from stylecam.system.setup.backups import HEADER, back_up_step, put_away_steps
from stylecam.system.setup.steps import SetupStep, write_file_step
from stylecam.system.v4l2loopback import NAME
from stylecam.utils.message import Message

OPTIONS_FILE = "/etc/modprobe.d/stylecam.conf"
BOOT_FILE = "/etc/modules-load.d/stylecam.conf"
OPTIONS = f'options {NAME} devices=2 video_nr=10,11 card_label="stylecam,OBS" exclusive_caps=1,1'
_PACKAGE_PREFIX = "# installed with it: "
_LINES = {BOOT_FILE: NAME, OPTIONS_FILE: OPTIONS}
"""The files that setup writes, each with its only line beside comments."""

UNLOAD_STEP = SetupStep("unload the driver; close programs that use its cameras first", ("modprobe", "-r", NAME), True)
LOAD_STEP = SetupStep("load the driver", ("modprobe", NAME), True)
WINDOWS_STEPS = (
    Message("install OBS Studio from obsproject.com"),
    Message("start OBS, press 'Start Virtual Camera' once, then 'Stop Virtual Camera', and close OBS"),
    Message("start stylecam, and choose 'OBS Virtual Camera' in your meeting program"),
)
MACOS_STEPS = (
    Message("install OBS Studio from obsproject.com into the Applications folder"),
    Message(
        "start OBS and press 'Start Virtual Camera'; allow the extension under System Settings > General > Login "
        "Items & "
        "Extensions > Camera Extensions (before macOS 15: Privacy & Security)"
    ),
    Message("press 'Stop Virtual Camera' and close OBS"),
    Message("start stylecam, and choose 'OBS Virtual Camera' in your meeting program"),
)


@dataclass(frozen=True, slots=True)
class SetupPlan:
    """Steps to run, `notes` for the user to read before them, and `next_steps` to do after them."""

    steps: tuple[SetupStep, ...]
    notes: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()


def manual_steps(platform: str) -> tuple[str, ...]:
    """Return what the user does by hand on a system where no command does it; nothing for Linux."""
    return {"win32": WINDOWS_STEPS, "darwin": MACOS_STEPS}.get(platform, ())


def plan_installation(host: HostProbe) -> SetupPlan:
    """Return the steps to a driver that is installed, configured, loaded now and loaded at every start.

    Raises:
        SetupError: it cannot be done from here; the message says why and what to do.
        ProbeError: something that must be known cannot be looked at.
    """
    _check_supported(host)
    running = loopback.loaded_module(host)
    available = running is not None or loopback.is_installed(host)
    system = detect_distribution(host)
    if not available and loopback.has_lost_modules(host):
        raise SetupError(
            Message(
                "the drivers of the running kernel {kernel} are gone, as after an update; restart the computer, then "
                "run stylecam setup again",
                kernel=host.kernel,
            )
        )
    steps = [] if available else [*packages.install_steps(host, system)]
    package = _installed_package(host) or ("" if available else packages.driver_package(system))
    steps += configuration_steps(host, package)
    notes = _conflicts(host)
    restart = not available and system.image_based
    if not restart and running is None:
        enrollment = _enrollment_steps(host, system, available)
        if enrollment is not None:
            steps += enrollment
            notes.append(
                Message(
                    "Secure Boot is on, so the driver must be signed with a key that your firmware trusts. You "
                    "choose a "
                    "password for that now; after the steps, {instructions}",
                    instructions=secure_boot.ENROLL_INSTRUCTIONS,
                )
            )
            restart = True
    if restart:
        restarting = Message("restart the computer; the driver is loaded from then on")
        return SetupPlan(tuple(steps), tuple(notes), (restarting,))
    steps += _load_steps(running)
    next_steps = (Message("start stylecam, then choose the camera 'stylecam' in your meeting program"),)
    return SetupPlan(tuple(steps), tuple(notes), next_steps)


def configuration_steps(host: HostProbe, package: str = "") -> list[SetupStep]:
    """Return the steps that write the driver's options and load it at every start.

    `package` is recorded in the file, so that `plan_removal` removes it.
    """
    steps = []
    existing = host.read_text(OPTIONS_FILE)
    if OPTIONS not in (existing or "").splitlines():
        steps += back_up_step(host, OPTIONS_FILE)
        text = "\n".join([HEADER, *([_PACKAGE_PREFIX + package] if package else []), OPTIONS]) + "\n"
        steps.append(
            write_file_step("the driver's options: a camera for stylecam, and one for OBS", OPTIONS_FILE, text)
        )
    if loopback.boot_file(host) is None:
        steps += back_up_step(host, BOOT_FILE)
        steps.append(write_file_step("load the driver at every start", BOOT_FILE, f"{HEADER}\n{NAME}\n"))
    return steps


def plan_removal(host: HostProbe) -> SetupPlan:
    """Return the steps that remove what `stylecam setup` wrote and installed, and nothing else.

    A file that the user has changed since is kept under another name, and one that setup found is put back.

    Raises:
        SetupError: it cannot be done from here.
        ProbeError: something that must be known cannot be looked at.
    """
    _check_supported(host)
    ours = [path for path in _LINES if (host.read_text(path) or "").startswith(HEADER)]
    foreign = [path for path in _LINES if path not in ours and host.node(path) is not None]
    steps = [UNLOAD_STEP] if ours and loopback.loaded_module(host) is not None else []
    name = _installed_package(host)
    package = packages.removal_step(detect_distribution(host), name) if name else None
    if package is not None:  # before the file that records it is removed, so that a failed step can be repeated
        steps.append(package)
    unchanged = [path for path in ours if _settings(host.read_text(path) or "") == [_LINES[path]]]
    if unchanged:
        steps.append(SetupStep("remove the files that stylecam setup wrote", ("rm", "-f", *unchanged), True))
    for path in _LINES:
        if path not in foreign:
            steps += put_away_steps(host, path, changed=path in ours and path not in unchanged)
    return SetupPlan(
        tuple(steps),
        tuple(Message("{path} was not written by stylecam setup and stays", path=path) for path in foreign),
    )


def _settings(text: str) -> list[str]:
    """Return the lines of a configuration file without comments and empty lines."""
    return [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def _load_steps(running: loopback.LoadedModule | None) -> list[SetupStep]:
    """Return the steps that load the driver with its options; none if it is loaded with them."""
    if running is None:
        return [LOAD_STEP]
    device = running.own_device
    return [] if device is not None and device.exclusive_caps is not False else [UNLOAD_STEP, LOAD_STEP]


def _check_supported(host: HostProbe) -> None:
    """Raise SetupError if no driver can be set up from here."""
    if host.platform != "linux":
        raise SetupError("there is no driver for stylecam to set up on this system; stylecam setup prints what to do")
    container = detect_container(host)
    if container == "WSL":
        raise SetupError("WSL has no cameras: run stylecam on Windows itself, with OBS for the virtual camera")
    if container is not None:
        raise SetupError(
            Message(
                "this is a {container}, and drivers belong to the surrounding system; run stylecam setup there, and "
                "pass the device /dev/video10 in",
                container=container,
            )
        )
    if not loopback.can_load_modules(host):
        raise SetupError(
            Message(
                "kernel {kernel} cannot load drivers (/proc/modules is missing); start a kernel of your "
                "distribution, or use stylecam run --output web",
                kernel=host.kernel,
            )
        )


def _installed_package(host: HostProbe) -> str:
    """Return the package that stylecam setup installed, as its options file records it, or nothing."""
    match = re.search(rf"^{_PACKAGE_PREFIX}(\S+)$", host.read_text(OPTIONS_FILE) or "", re.MULTILINE)
    return match[1] if match else ""


def _conflicts(host: HostProbe) -> list[str]:
    others = {path: lines for path, lines in loopback.modprobe_lines(host).items() if path != OPTIONS_FILE}
    return [
        Message(
            "{path} also says {lines}; remove it if it contradicts {file}",
            path=path,
            lines="; ".join(lines),
            file=OPTIONS_FILE,
        )
        for path, lines in others.items()
    ]


def _enrollment_steps(host: HostProbe, system: Distribution, available: bool) -> list[SetupStep] | None:
    """Return what Secure Boot needs before a restart, after which the driver can be loaded; None if it needs none."""
    try:
        if not secure_boot.is_enabled(host):
            return None
    except ProbeError:
        return None  # loading the driver will show it, and `stylecam doctor` says that it could not look
    if system.id == "ubuntu" and not available:
        return []  # Ubuntu's packages ask for the password themselves
    path = secure_boot.find_signing_key(host)
    if path is not None:
        try:
            trust = secure_boot.key_trust(host, path)
        except ProbeError:
            trust = secure_boot.KeyTrust.UNKNOWN  # importing a key twice does no harm
        if trust is not secure_boot.KeyTrust.UNKNOWN:
            return None if trust is secure_boot.KeyTrust.TRUSTED else []
    defaults = {"debian": "/var/lib/dkms/mok.pub", "fedora": "/etc/pki/akmods/certs/public_key.der"}
    path = path or defaults.get(system.family)  # where the packages put it
    return None if path is None else [secure_boot.enroll_step(path)]
