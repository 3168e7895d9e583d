"""Checks OBS's virtual camera, which stylecam writes to on Windows and macOS."""

from __future__ import annotations

import re
from collections.abc import Iterator

from stylecam.errors import ProbeError
from stylecam.system.doctor.finding import Finding, Topic
from stylecam.system.probe import HostProbe
from stylecam.system.setup.plan import MACOS_STEPS, WINDOWS_STEPS

TOPIC = Topic("Virtual camera")
_WINDOWS_CAMERAS = {
    "OBS Virtual Camera": "{A3FCE0F5-3493-419F-958A-ABA1250EC20B}",
    "Unity Video Capture": "{5C2CD55C-92AD-4999-8666-912BD3E70010}",
}
"""Class ids in the registry."""
_EXTENSION = "com.obsproject.obs-studio.mac-camera-extension"
_PLUGIN = "/Library/CoreMediaIO/Plug-Ins/DAL/obs-mac-virtualcam.plugin"
_SETTINGS = "System Settings > General > Login Items & Extensions (before macOS 15: Privacy & Security)"


def check(host: HostProbe) -> Iterator[Finding]:
    """Yield whether a camera that stylecam can write to is registered."""
    if host.platform == "win32":
        yield _windows(host)
    elif host.platform == "darwin":
        yield _macos(host)
    else:
        yield TOPIC.unchecked("camera", f"nothing is known about virtual cameras on {host.platform}")


def _windows(host: HostProbe) -> Finding:
    for name, number in _WINDOWS_CAMERAS.items():
        # only the status counts: the output of reg is in the user's language
        if host.run("reg", "query", rf"HKLM\SOFTWARE\Classes\CLSID\{number}").returncode == 0:
            return TOPIC.ok("camera", f"{name} is registered")
    return TOPIC.fault("camera", "OBS's virtual camera is not registered", "; ".join(WINDOWS_STEPS[:2]))


def _macos(host: HostProbe) -> Finding:
    if host.list_directory("/Applications/OBS.app") is None and host.list_directory(_PLUGIN) is None:
        return TOPIC.fault("camera", "OBS is not installed in Applications", "; ".join(MACOS_STEPS[:3]))
    try:
        output = host.run("systemextensionsctl", "list").stdout
    except ProbeError as error:
        return TOPIC.unchecked("camera", error)
    states = re.findall(rf"{re.escape(_EXTENSION)}.*\[(.+?)\]", output)
    if "activated enabled" in states:
        return TOPIC.ok("camera", "OBS Virtual Camera is allowed")
    if any("waiting for user" in state for state in states):
        return TOPIC.fault("camera", "OBS's camera waits for your consent", f"allow it under {_SETTINGS}")
    if host.list_directory(_PLUGIN) is not None:
        return TOPIC.ok("camera", "OBS's older camera plug-in is installed")
    return TOPIC.fault(
        "camera",
        "OBS is installed, but its camera was never started",
        f"start it once in OBS, and allow it: {_SETTINGS}",
    )
