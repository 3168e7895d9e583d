"""The virtual camera: its driver on Linux, OBS's on Windows and macOS."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stylecam.errors import ProbeError, SetupError
from stylecam.system import v4l2loopback as loopback
from stylecam.system.distribution import distribution, guest
from stylecam.system.doctor import pipewire
from stylecam.system.doctor.finding import Finding, Topic
from stylecam.system.doctor.permission import permission
from stylecam.system.doctor.trials import Trials
from stylecam.system.probe import Machine
from stylecam.system.setup import packages, plan, secure_boot
from stylecam.system.setup.steps import Step
from stylecam.system.v4l2loopback import LABEL, NAME, Device, Loaded

TOPIC = Topic("Virtual camera")
_BUILD = Step("build the driver for this kernel", ("dkms", "autoinstall"), True)
_UNLOAD = Step("unload the driver; close programs that use its cameras first", ("modprobe", "-r", NAME), True)
_LOAD = Step("load the driver", ("modprobe", NAME), True)
_SETUP = "run stylecam setup, which does this:"
_WEB = "until then: stylecam run --output web"


def check(machine: Machine, trials: Trials) -> Iterator[Finding]:
    """Everything between stylecam and the camera list of a meeting program."""
    if machine.platform != "linux":
        from stylecam.system.doctor.obs import check as check_obs

        yield from TOPIC.careful("OBS camera", check_obs(machine))
        return
    inside = guest(machine)
    if inside == "WSL":
        yield TOPIC.fault("system", "WSL has no cameras", "run stylecam on Windows itself, with OBS for the camera")
        return
    try:
        running = loopback.loaded(machine)
    except ProbeError as error:
        yield TOPIC.unchecked("driver", error)
        return
    if inside is None:  # what keeps a driver out comes before the driver, so that it is put right first
        yield from TOPIC.careful("Secure Boot", _secure_boot(machine, running is not None))
        yield from TOPIC.careful("options", _obstacles(machine))
    if running is None:
        yield from TOPIC.careful("driver", _absent(machine, inside))
    else:
        yield TOPIC.ok("driver", f"{NAME} {running.version or 'of unknown version'}, loaded")
        yield from TOPIC.careful("camera", _cameras(machine, trials, running, inside))
    if inside is None:
        yield from TOPIC.careful("at start", _at_start(machine, running is not None))
        yield from TOPIC.careful("PipeWire", pipewire.check(machine))


def _absent(machine: Machine, inside: str | None) -> Iterator[Finding]:
    """Why the driver is not loaded."""
    if inside is not None:
        yield TOPIC.fault(
            "driver",
            f"not loaded; this is a {inside}, and drivers belong to the system around it",
            "run stylecam setup there, not in here, and let /dev/video10 in (docker, podman: --device /dev/video10)",
        )
    elif not loopback.modular(machine):
        yield TOPIC.fault(
            "driver",
            f"kernel {machine.kernel} cannot load any (/proc/modules is missing)",
            f"start a kernel of your distribution; {_WEB}",
        )
    elif loopback.orphaned(machine):
        yield TOPIC.fault(
            "driver",
            f"not loaded, and the drivers of kernel {machine.kernel} are gone, as after an update",
            "restart the computer, then look again",
        )
    elif loopback.installed(machine):
        steps = plan.installation(machine).steps
        yield TOPIC.fault("driver", f"{NAME} is installed but not loaded", _SETUP, *steps)
    else:
        yield _not_installed(machine)


def _not_installed(machine: Machine) -> Finding:
    half = _half_built(machine)
    if half is not None:
        return half
    try:
        steps = plan.installation(machine).steps
    except SetupError as error:
        return TOPIC.fault("driver", f"{NAME} is not installed", str(error))
    return TOPIC.fault("driver", f"{NAME} is not installed", _SETUP, *steps)


def _half_built(machine: Machine) -> Finding | None:
    """The driver's sources are there, and it was not built for the kernel that runs; None if that is not so."""
    try:
        said = machine.run("dkms", "status", NAME).out
    except ProbeError:
        return None  # it was not installed by DKMS
    # `v4l2loopback/0.12.7, 6.1.0-18-amd64, x86_64: installed`; older ones write `v4l2loopback, 0.12.7, …`
    known = re.findall(rf"^{NAME}[/,] ?([^,:\s]+)(?:, ([^,\s]+), [^:\n]+)?: (\w+)", said, re.MULTILINE)
    if not known:
        return None
    version = known[0][0]
    others = sorted({kernel for _, kernel, state in known if state == "installed" and kernel})
    built_for = f"; it is built for {', '.join(others)}" if others else ""
    if not packages.built(machine):
        headers = packages.headers(machine, distribution(machine))
        words = "install the kernel's headers, build the driver, and load it:"
        if headers is None:
            return TOPIC.fault(
                "driver",
                f"{NAME} {version} is not built for kernel {machine.kernel}, whose headers are missing{built_for}",
                "install the headers of this kernel with your package manager, then:",
                _BUILD,
                _LOAD,
            )
        return TOPIC.fault(
            "driver",
            f"{NAME} {version} is not built for kernel {machine.kernel}, whose headers are missing{built_for}",
            words,
            headers,
            _BUILD,
            _LOAD,
        )
    return TOPIC.fault(
        "driver",
        f"{NAME} {version} is not built for kernel {machine.kernel}{built_for}",
        f"build it; if that fails, /var/lib/dkms/{NAME}/{version}/build/make.log says why, and mostly a newer version "
        "helps:",
        _BUILD,
        _LOAD,
    )


def _cameras(machine: Machine, trials: Trials, running: Loaded, inside: str | None) -> Iterator[Finding]:
    """The driver's devices."""
    reload = (*plan.configuration(machine), _UNLOAD, _LOAD) if inside is None else ()
    if not running.devices:
        yield TOPIC.fault("camera", "the driver is loaded and has no device", "load it again:", *reload)
        return
    device = running.own or running.devices[0]
    named = f"{device.path} “{device.label}”"
    if device.node is None:
        yield _no_file(device, inside)
        return
    if running.own is None:
        yield TOPIC.warning(
            "camera",
            f"{named}: meeting programs show it by that name, not as {LABEL}",
            "load the driver with the right options (stylecam setup):",
            *reload,
        )
    else:
        yield TOPIC.ok("camera", named)
    if device.exclusive is False:
        yield TOPIC.fault(
            "exclusive_caps",
            f"off for {device.path}: Chrome, Zoom and others do not list it",
            "load the driver with the right options (stylecam setup):",
            *reload,
        )
    elif device.exclusive is None:
        yield TOPIC.unchecked("exclusive_caps", "the driver does not tell")
    else:
        yield TOPIC.ok("exclusive_caps", "on: programs list it while stylecam runs")
    refused = permission(machine, device.path, device.node, TOPIC, "permission")
    yield refused or TOPIC.ok("permission", f"{device.path} can be read and written")
    users = trials.holders(device.path)
    if users:
        names = ", ".join(f"{name} (process {pid})" for pid, name in users)
        yield TOPIC.ok("in use", f"{device.path} is open in {names}")


def _no_file(device: Device, inside: str | None) -> Finding:
    found = f"the driver has a camera, and {device.path} is missing"
    if inside is not None:
        return TOPIC.fault("camera", f"{found} in this {inside}", f"let it in (--device {device.path})")
    trigger = Step(
        "have the device files made", ("udevadm", "trigger", "--action=add", "--subsystem-match=video4linux"), True
    )
    return TOPIC.fault("camera", found, "have udev make it:", trigger)


def _secure_boot(machine: Machine, loaded: bool) -> Iterator[Finding]:
    if not secure_boot.on(machine):
        yield TOPIC.ok("Secure Boot", "off")
        return
    if loaded:
        yield TOPIC.ok("Secure Boot", "on, and it let the driver in")
        return
    key = secure_boot.key(machine)
    if key is None:
        yield TOPIC.warning(
            "Secure Boot",
            "on; there is no key yet that drivers built here are signed with",
            "stylecam setup prepares one; a password and a restart belong to it",
        )
        return
    try:
        trust = secure_boot.trust(machine, key)
    except ProbeError as error:
        yield TOPIC.warning(
            "Secure Boot",
            f"on; whether it trusts {key} was not checked: {error}",
            f"if loading the driver says “Key was rejected”: run this, then {secure_boot.ENROLLING}",
            secure_boot.enrolling(key),
        )
        return
    if trust is secure_boot.Trust.GIVEN:
        yield TOPIC.ok("Secure Boot", "on, and it trusts drivers built here")
        return
    if trust is secure_boot.Trust.ASKED:
        found = "on, and it will ask at the next start whether to trust drivers built here"
        yield TOPIC.fault("Secure Boot", found, secure_boot.ENROLLING)
        return
    yield TOPIC.fault(
        "Secure Boot",
        "on, and it does not trust drivers built here, so the driver cannot be loaded",
        f"run this, choose a password, then {secure_boot.ENROLLING}:",
        secure_boot.enrolling(key),
    )


def _obstacles(machine: Machine) -> Iterator[Finding]:
    """Lines in modprobe's configuration that keep the driver out, or contradict each other."""
    found = loopback.options(machine)
    for path, lines in found.items():
        for line in lines:
            if re.match(rf"install {NAME} (/usr)?/s?bin/(false|true)", line):
                yield TOPIC.fault("options", f"{path} forbids the driver: {line}", "remove that line:", _without(path))
            elif line.startswith("blacklist"):
                yield TOPIC.warning("options", f"{path}: {line}", "remove that line:", _without(path))
    setting = [path for path, lines in found.items() if any(line.startswith("options") for line in lines)]
    if len(setting) > 1:
        others = [path for path in setting if path != plan.OPTIONS_FILE]
        words = f"keep one of them; stylecam's is {plan.OPTIONS_FILE}. To move the others out of the way:"
        if plan.OPTIONS_FILE not in setting:
            others, words = others[1:], "keep one of them; to move the others out of the way:"
        moves = [Step("put it aside", ("mv", path, f"{path}.off"), True) for path in others]
        yield TOPIC.warning("options", f"set in {len(setting)} files: {', '.join(setting)}", words, *moves)
    elif setting:
        yield TOPIC.ok("options", f"in {setting[0]}")


def _without(path: str) -> Step:
    expression = rf"/^[[:space:]]*(blacklist|install)[[:space:]]+{NAME}/d"
    return Step(f"remove the line from {path}", ("sed", "-E", "-i", expression, path), True)


def _at_start(machine: Machine, loaded: bool) -> Iterator[Finding]:
    path = loopback.at_boot(machine)
    if path is not None:
        yield TOPIC.ok("at start", f"loaded when the computer starts ({path})")
    elif loaded:
        steps = plan.configuration(machine)
        yield TOPIC.warning("at start", "after a restart the driver will not be loaded", _SETUP, *steps)
