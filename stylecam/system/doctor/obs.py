"""OBS's virtual camera, which stylecam uses on Windows and macOS."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stylecam.errors import ProbeError
from stylecam.system.doctor.finding import Finding, Topic
from stylecam.system.probe import Machine
from stylecam.system.setup.plan import MACOS, WINDOWS

TOPIC = Topic("Virtual camera")
_WINDOWS_CAMERAS = {
    "OBS Virtual Camera": "{A3FCE0F5-3493-419F-958A-ABA1250EC20B}",
    "Unity Video Capture": "{5C2CD55C-92AD-4999-8666-912BD3E70010}",
}
"""Their class ids in the registry."""
_EXTENSION = "com.obsproject.obs-studio.mac-camera-extension"
_PLUGIN = "/Library/CoreMediaIO/Plug-Ins/DAL/obs-mac-virtualcam.plugin"
_SETTINGS = "System Settings > General > Login Items & Extensions (before macOS 15: Privacy & Security)"


def check(machine: Machine) -> Iterator[Finding]:
    """Whether a camera that stylecam can write to is registered."""
    if machine.platform == "win32":
        yield _windows(machine)
    elif machine.platform == "darwin":
        yield _macos(machine)
    else:
        yield TOPIC.unchecked("camera", f"nothing is known about virtual cameras on {machine.platform}")


def _windows(machine: Machine) -> Finding:
    for name, number in _WINDOWS_CAMERAS.items():
        # only the status counts: what reg says is in the user's language
        if machine.run("reg", "query", rf"HKLM\SOFTWARE\Classes\CLSID\{number}").status == 0:
            return TOPIC.ok("camera", f"{name} is registered")
    return TOPIC.fault("camera", "OBS's virtual camera is not registered", "; ".join(WINDOWS[:2]))


def _macos(machine: Machine) -> Finding:
    if machine.names("/Applications/OBS.app") is None and machine.names(_PLUGIN) is None:
        return TOPIC.fault("camera", "OBS is not installed in Applications", "; ".join(MACOS[:3]))
    try:
        said = machine.run("systemextensionsctl", "list").out
    except ProbeError as error:
        return TOPIC.unchecked("camera", error)
    states = re.findall(rf"{re.escape(_EXTENSION)}.*\[(.+?)\]", said)
    if "activated enabled" in states:
        return TOPIC.ok("camera", "OBS Virtual Camera is allowed")
    if any("waiting for user" in state for state in states):
        return TOPIC.fault("camera", "OBS's camera waits for your consent", f"allow it under {_SETTINGS}")
    if machine.names(_PLUGIN) is not None:
        return TOPIC.ok("camera", "OBS's older camera plug-in is installed")
    return TOPIC.fault(
        "camera",
        "OBS is installed, and its camera was never started",
        f"start it once in OBS, and allow it: {_SETTINGS}",
    )
