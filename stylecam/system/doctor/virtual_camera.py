"""Checks the virtual camera: v4l2loopback on Linux, OBS's camera on Windows and macOS."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stylecam.errors import ProbeError, SetupError
from stylecam.system import v4l2loopback as loopback
from stylecam.system.distribution import detect_container, detect_distribution
from stylecam.system.doctor.diagnostics import Diagnostics
from stylecam.system.doctor.finding import Finding, Topic
from stylecam.system.doctor.permission import check_permission
from stylecam.system.probe import HostProbe
from stylecam.system.setup import packages, plan, secure_boot
from stylecam.system.setup.steps import SetupStep
from stylecam.system.v4l2loopback import LABEL, NAME, LoadedModule, LoopbackDevice
from stylecam.utils.message import Message, joined

TOPIC = Topic("Virtual camera")
_BUILD_STEP = SetupStep("build the driver for this kernel", ("dkms", "autoinstall"), True)
_RUN_SETUP = Message("run stylecam setup, which does this:")
_USE_WEB = Message("until then: stylecam run --output web")
_PIPEWIRE_PROGRAMS = ("gst-launch-1.0", "pw-dump")
_PIPEWIRE_PACKAGES = {
    "debian": "gstreamer1.0-pipewire gstreamer1.0-tools gstreamer1.0-plugins-base pipewire-bin",
    "fedora": "pipewire-gstreamer pipewire-utils gstreamer1 gstreamer1-plugins-base",
    "arch": "gst-plugin-pipewire gst-plugins-base pipewire",
}
_WINDOWS_CAMERAS = {
    "OBS Virtual Camera": "{A3FCE0F5-3493-419F-958A-ABA1250EC20B}",
    "Unity Video Capture": "{5C2CD55C-92AD-4999-8666-912BD3E70010}",
}
"""Class ids in the registry."""
_EXTENSION = "com.obsproject.obs-studio.mac-camera-extension"
_PLUGIN = "/Library/CoreMediaIO/Plug-Ins/DAL/obs-mac-virtualcam.plugin"
_MACOS_SETTINGS = "System Settings > General > Login Items & Extensions (before macOS 15: Privacy & Security)"


def check(host: HostProbe, diagnostics: Diagnostics) -> Iterator[Finding]:
    """Yield the state of everything that makes the camera appear in a meeting program."""
    if host.platform != "linux":
        yield from TOPIC.guarded("OBS camera", _obs_camera(host))
        return
    container = detect_container(host)
    if container == "WSL":
        yield TOPIC.fault("system", "WSL has no cameras", "run stylecam on Windows itself, with OBS for the camera")
        return
    try:
        running = loopback.loaded_module(host)
    except ProbeError as error:
        yield TOPIC.unchecked("driver", error)
        return
    if container is None:  # obstacles come before the driver, so that they are fixed first
        yield from TOPIC.guarded("Secure Boot", _secure_boot(host, running is not None))
        yield from TOPIC.guarded("options", _obstacles(host))
    if running is None:
        yield from TOPIC.guarded("driver", _not_loaded(host, container))
    else:
        yield TOPIC.ok(
            "driver",
            Message("{name} {version}, loaded", name=NAME, version=running.version or Message("of unknown version")),
        )
        yield from TOPIC.guarded("camera", _cameras(host, diagnostics, running, container))
    if container is None:
        yield from TOPIC.guarded("at start", _at_boot(host, running is not None))
        yield from TOPIC.guarded("PipeWire", _pipewire(host))


def _not_loaded(host: HostProbe, container: str | None) -> Iterator[Finding]:
    """Yield why the driver is not loaded."""
    if container is not None:
        yield TOPIC.fault(
            "driver",
            Message(
                "not loaded; this is a {container}, and drivers belong to the surrounding system", container=container
            ),
            "run stylecam setup there, and pass /dev/video10 in (docker, podman: --device /dev/video10)",
        )
    elif not loopback.can_load_modules(host):
        yield TOPIC.fault(
            "driver",
            Message("kernel {kernel} cannot load drivers (/proc/modules is missing)", kernel=host.kernel),
            Message("start a kernel of your distribution; {otherwise}", otherwise=_USE_WEB),
        )
    elif loopback.has_lost_modules(host):
        yield TOPIC.fault(
            "driver",
            Message("not loaded, and the drivers of kernel {kernel} are gone, as after an update", kernel=host.kernel),
            "restart the computer, then run stylecam doctor again",
        )
    elif loopback.is_installed(host):
        steps = plan.plan_installation(host).steps
        yield TOPIC.fault("driver", Message("{name} is installed but not loaded", name=NAME), _RUN_SETUP, *steps)
    else:
        yield _not_installed(host)


def _not_installed(host: HostProbe) -> Finding:
    unbuilt = _not_built(host)
    if unbuilt is not None:
        return unbuilt
    try:
        steps = plan.plan_installation(host).steps
    except SetupError as error:
        return TOPIC.fault("driver", Message("{name} is not installed", name=NAME), str(error))
    return TOPIC.fault("driver", Message("{name} is not installed", name=NAME), _RUN_SETUP, *steps)


def _not_built(host: HostProbe) -> Finding | None:
    """Return a fault if the driver's sources are installed but not built for the running kernel, else None."""
    try:
        output = host.run("dkms", "status", NAME).stdout
    except ProbeError:
        return None  # the driver was not installed by DKMS
    # `v4l2loopback/0.12.7, 6.1.0-18-amd64, x86_64: installed`; older versions write `v4l2loopback, 0.12.7, …`
    builds = re.findall(rf"^{NAME}[/,] ?([^,:\s]+)(?:, ([^,\s]+), [^:\n]+)?: (\w+)", output, re.MULTILINE)
    if not builds:
        return None
    version = builds[0][0]
    others = sorted({kernel for _, kernel, state in builds if state == "installed" and kernel})
    values = {"driver": f"{NAME} {version}", "kernel": host.kernel, "others": ", ".join(others)}
    if not packages.has_headers(host):
        found = Message("{driver} is not built for kernel {kernel}, whose headers are missing", **values)
        if others:
            found = Message(
                "{driver} is not built for kernel {kernel}, whose headers are missing; it is built for {others}",
                **values,
            )
        headers = packages.header_step(host, detect_distribution(host))
        if headers is None:
            words = Message("install the headers of this kernel with your package manager, then:")
            return TOPIC.fault("driver", found, words, _BUILD_STEP, plan.LOAD_STEP)
        words = Message("install the kernel's headers, build the driver, and load it:")
        return TOPIC.fault("driver", found, words, headers, _BUILD_STEP, plan.LOAD_STEP)
    found = Message("{driver} is not built for kernel {kernel}", **values)
    if others:
        found = Message("{driver} is not built for kernel {kernel}; it is built for {others}", **values)
    log = f"/var/lib/dkms/{NAME}/{version}/build/make.log"
    words = Message("build it; if that fails, see {log}; a newer version usually helps:", log=log)
    return TOPIC.fault("driver", found, words, _BUILD_STEP, plan.LOAD_STEP)


def _cameras(
    host: HostProbe, diagnostics: Diagnostics, running: LoadedModule, container: str | None
) -> Iterator[Finding]:
    """Yield the state of the driver's devices."""
    reload = (*plan.configuration_steps(host), plan.UNLOAD_STEP, plan.LOAD_STEP) if container is None else ()
    if not running.devices:
        yield TOPIC.fault("camera", "the driver is loaded but has no device", "load it again:", *reload)
        return
    device = running.own_device or running.devices[0]
    title = f"{device.path} “{device.label}”"
    if device.node is None:
        yield _no_device_file(device, container)
        return
    if running.own_device is None:
        yield TOPIC.warning(
            "camera",
            Message("{title}: meeting programs show it by that name, not as {label}", title=title, label=LABEL),
            "load the driver with the right options (stylecam setup):",
            *reload,
        )
    else:
        yield TOPIC.ok("camera", title)
    if device.exclusive_caps is False:
        yield TOPIC.fault(
            "exclusive_caps",
            Message("off for {path}, so Chrome, Zoom and others do not list it", path=device.path),
            "load the driver with the right options (stylecam setup):",
            *reload,
        )
    elif device.exclusive_caps is None:
        yield TOPIC.unchecked("exclusive_caps", "the driver does not tell")
    else:
        yield TOPIC.ok("exclusive_caps", "on: programs list it while stylecam runs")
    denied = check_permission(host, device.path, device.node, TOPIC, "permission")
    yield denied or TOPIC.ok("permission", Message("{path} can be read and written", path=device.path))
    users = diagnostics.holders(device.path)
    if users:
        names = joined(Message("{name} (process {pid})", name=name, pid=pid) for pid, name in users)
        yield TOPIC.ok("in use", Message("{path} is open in {names}", path=device.path, names=names))


def _no_device_file(device: LoopbackDevice, container: str | None) -> Finding:
    found = Message("the driver has a camera, but {path} is missing", path=device.path)
    if container is not None:
        return TOPIC.fault(
            "camera",
            Message("{found} in this {container}", found=found, container=container),
            Message("pass it in (--device {path})", path=device.path),
        )
    trigger = SetupStep(
        "create the device files", ("udevadm", "trigger", "--action=add", "--subsystem-match=video4linux"), True
    )
    return TOPIC.fault("camera", found, "have udev create it:", trigger)


def _secure_boot(host: HostProbe, loaded: bool) -> Iterator[Finding]:
    if not secure_boot.is_enabled(host):
        yield TOPIC.ok("Secure Boot", "off")
        return
    if loaded:
        yield TOPIC.ok("Secure Boot", "on, and the driver is loaded")
        return
    key = secure_boot.find_signing_key(host)
    if key is None:
        yield TOPIC.warning(
            "Secure Boot",
            "on, but there is no key yet to sign drivers built here",
            "run stylecam setup, which prepares one; it needs a password and a restart",
        )
        return
    try:
        trust = secure_boot.key_trust(host, key)
    except ProbeError as error:
        yield TOPIC.warning(
            "Secure Boot",
            Message("on, but whether it trusts {key} was not checked: {error}", key=key, error=error),
            Message(
                "if loading the driver fails with “Key was rejected”, run this, then {instructions}",
                instructions=secure_boot.ENROLL_INSTRUCTIONS,
            ),
            secure_boot.enroll_step(key),
        )
        return
    if trust is secure_boot.KeyTrust.TRUSTED:
        yield TOPIC.ok("Secure Boot", "on, and it trusts drivers built here")
        return
    if trust is secure_boot.KeyTrust.PENDING:
        found = Message("on, and at the next start it asks whether to trust drivers built here")
        yield TOPIC.fault("Secure Boot", found, secure_boot.ENROLL_INSTRUCTIONS)
        return
    yield TOPIC.fault(
        "Secure Boot",
        "on, but it does not trust drivers built here, so the driver cannot be loaded",
        Message(
            "run this, choose a password, then {instructions}:",
            instructions=secure_boot.ENROLL_INSTRUCTIONS,
        ),
        secure_boot.enroll_step(key),
    )


def _obstacles(host: HostProbe) -> Iterator[Finding]:
    """Yield lines in modprobe's configuration that forbid the driver or contradict each other."""
    found = loopback.modprobe_lines(host)
    for path, lines in found.items():
        for line in lines:
            if re.match(rf"install {NAME} (/usr)?/s?bin/(false|true)", line):
                yield TOPIC.fault(
                    "options",
                    Message("{path} forbids the driver: {line}", path=path, line=line),
                    "remove that line:",
                    _remove_lines_step(path),
                )
            elif line.startswith("blacklist"):
                yield TOPIC.warning("options", f"{path}: {line}", "remove that line:", _remove_lines_step(path))
    setting = [path for path, lines in found.items() if any(line.startswith("options") for line in lines)]
    if len(setting) > 1:
        others = [path for path in setting if path != plan.OPTIONS_FILE]
        words = Message("keep only stylecam's, {file}, and disable the others:", file=plan.OPTIONS_FILE)
        if plan.OPTIONS_FILE not in setting:
            others, words = others[1:], Message("keep one of them and disable the others:")
        moves = [SetupStep(Message("disable {path}", path=path), ("mv", path, f"{path}.off"), True) for path in others]
        yield TOPIC.warning(
            "options",
            Message("set in {number} files: {paths}", number=len(setting), paths=", ".join(setting)),
            words,
            *moves,
        )
    elif setting:
        yield TOPIC.ok("options", Message("in {path}", path=setting[0]))


def _remove_lines_step(path: str) -> SetupStep:
    expression = rf"/^[[:space:]]*(blacklist|install)[[:space:]]+{NAME}/d"
    return SetupStep(Message("remove the line from {path}", path=path), ("sed", "-E", "-i", expression, path), True)


def _at_boot(host: HostProbe, loaded: bool) -> Iterator[Finding]:
    path = loopback.boot_file(host)
    if path is not None:
        yield TOPIC.ok("at start", Message("loaded when the computer starts ({path})", path=path))
    elif loaded:
        steps = plan.configuration_steps(host)
        yield TOPIC.warning("at start", "the driver is not loaded after a restart", _RUN_SETUP, *steps)


def _pipewire(host: HostProbe) -> Iterator[Finding]:
    """Yield whether `--output pipewire` would work; nothing if PipeWire is not installed, as it is optional."""
    folder = host.environment.get("XDG_RUNTIME_DIR")
    running = folder is not None and host.node(f"{folder}/pipewire-0") is not None
    missing = [program for program in _PIPEWIRE_PROGRAMS if host.find_program(program) is None]
    if missing and not running:
        return
    if missing:
        yield TOPIC.ok(
            "PipeWire",
            Message("running; --output pipewire also needs {missing}, not installed", missing=", ".join(missing)),
        )
    elif not running:
        start = SetupStep("start PipeWire", ("systemctl", "--user", "start", "pipewire", "wireplumber"))
        found = Message("not running in this session, so --output pipewire does not work")
        yield TOPIC.warning("PipeWire", found, "if you want to use it:", start)
    elif host.run("gst-inspect-1.0", "--exists", "pipewiresink").returncode != 0:
        steps = packages.package_steps(host, "install GStreamer's plugin", _PIPEWIRE_PACKAGES)
        by_hand = Message("install it with your package manager")
        words = Message("install it, for --output pipewire:") if steps else by_hand
        yield TOPIC.warning("PipeWire", "running, but GStreamer's plugin for it is missing", words, *steps)
    else:
        yield TOPIC.ok("PipeWire", "--output pipewire can be used, in programs that ask PipeWire for cameras")


def _obs_camera(host: HostProbe) -> Iterator[Finding]:
    """Yield whether OBS's camera, which stylecam writes to on Windows and macOS, is registered."""
    if host.platform == "win32":
        yield _obs_on_windows(host)
    elif host.platform == "darwin":
        yield _obs_on_macos(host)
    else:
        yield TOPIC.unchecked("camera", Message("stylecam has no virtual camera on {platform}", platform=host.platform))


def _obs_on_windows(host: HostProbe) -> Finding:
    for name, number in _WINDOWS_CAMERAS.items():
        # only the status counts: the output of reg is in the user's language
        if host.run("reg", "query", rf"HKLM\SOFTWARE\Classes\CLSID\{number}").returncode == 0:
            return TOPIC.ok("camera", Message("{name} is registered", name=name))
    return TOPIC.fault("camera", "OBS's virtual camera is not registered", joined(plan.WINDOWS_STEPS[:2], "; "))


def _obs_on_macos(host: HostProbe) -> Finding:
    if host.list_directory("/Applications/OBS.app") is None and host.list_directory(_PLUGIN) is None:
        return TOPIC.fault("camera", "OBS is not installed in Applications", joined(plan.MACOS_STEPS[:3], "; "))
    try:
        output = host.run("systemextensionsctl", "list").stdout
    except ProbeError as error:
        return TOPIC.unchecked("camera", error)
    states = re.findall(rf"{re.escape(_EXTENSION)}.*\[(.+?)\]", output)
    if "activated enabled" in states:
        return TOPIC.ok("camera", "OBS Virtual Camera is allowed")
    if any("waiting for user" in state for state in states):
        return TOPIC.fault(
            "camera",
            "OBS's camera waits for your consent",
            Message("allow it under {place}", place=_MACOS_SETTINGS),
        )
    if host.list_directory(_PLUGIN) is not None:
        return TOPIC.ok("camera", "OBS's older camera plug-in is installed")
    return TOPIC.fault(
        "camera",
        "OBS is installed, but its camera was never started",
        Message("start it once in OBS, and allow it: {place}", place=_MACOS_SETTINGS),
    )
