"""The cameras that are painted: there, allowed, free, and as fast as they say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stylecam.errors import ProbeError, SourceError
from stylecam.media.sources.devices import Camera
from stylecam.media.v4l2 import Mode
from stylecam.system.distribution import guest
from stylecam.system.doctor.finding import Finding, Topic
from stylecam.system.doctor.permission import permission
from stylecam.system.doctor.trials import Measured, Trials
from stylecam.system.probe import Machine
from stylecam.system.setup.steps import Step

TOPIC = Topic("Cameras")
MOST_MEASURED = 1
"""Cameras that are read; each takes two seconds."""
DARK = 60
"""Mean level of a picture taken in poor light."""
SLOW = 0.8
"""Share of the rate promised below which a camera counts as slow."""
WANTED_FPS = 30.0
_SMOOTH_FPS = 24.0
_USB_VIDEO = "0e"


def check(machine: Machine, trials: Trials) -> Iterator[Finding]:
    """Every camera; the first free one is measured."""
    if machine.platform == "win32":
        yield from TOPIC.careful("privacy", _windows_privacy(machine))
    try:
        found = [camera for camera in trials.cameras() if not camera.virtual]
    except ProbeError as error:
        yield TOPIC.unchecked("cameras", error)
        return
    if not found:
        yield from TOPIC.careful("cameras", _none(machine))
        return
    measured = 0
    for camera in found:
        if camera.problem is not None:
            yield from TOPIC.careful(camera.name, _refused(machine, camera))
            continue
        if any(part in f"{camera.name} {camera.bus}".lower() for part in ("ipu6", "ipu3", "ipu7")):
            yield TOPIC.fault(
                camera.name,
                f"{camera.path} gives raw sensor data only, as built-in cameras of newer laptops do",
                "plug in another camera, or see whether your distribution offers a relay for it (libcamera)",
            )
            continue
        yield _named(camera)
        if machine.platform == "linux":
            yield _formats(camera)
        busy = _held(machine, camera, trials.holders(camera.path))
        if busy is not None:
            yield busy
            yield TOPIC.unchecked("rate", f"{camera.path or camera.name} is in use")
        elif measured == MOST_MEASURED:
            yield TOPIC.unchecked("rate", "another camera was measured; one takes two seconds")
        else:
            measured += 1
            yield from TOPIC.careful("rate", _rate(machine, trials, camera))


def _named(camera: Camera) -> Finding:
    return TOPIC.ok("camera", str(camera))


def _none(machine: Machine) -> Iterator[Finding]:
    demo = "until then: stylecam run --camera demo"
    inside = guest(machine)
    if inside in ("container", "Flatpak"):
        yield TOPIC.fault("cameras", f"none in this {inside}", f"let one in (--device /dev/video0); {demo}")
        return
    if machine.platform == "linux" and any(_usb_cameras(machine)):
        load = Step("load the driver of USB cameras", ("modprobe", "uvcvideo"), True)
        yield TOPIC.fault("cameras", "a USB camera is plugged in, and no driver has taken it", "load its driver:", load)
        return
    words = {
        "win32": "plug one in, or allow desktop apps under Settings > Privacy > Camera",
        "darwin": "plug one in, or allow your terminal under Privacy & Security > Camera",
    }.get(machine.platform, "plug one in; on a laptop, look for a camera switch or key")
    yield TOPIC.fault("cameras", "none found", f"{words}; {demo}")


def _usb_cameras(machine: Machine) -> Iterator[str]:
    """USB interfaces for video that no driver serves."""
    folder = "/sys/bus/usb/devices"
    for name in machine.names(folder) or ():
        kind = (machine.read(f"{folder}/{name}/bInterfaceClass") or "").strip() if ":" in name else ""
        if kind == _USB_VIDEO and machine.names(f"{folder}/{name}/driver") is None:
            yield name


def _refused(machine: Machine, camera: Camera) -> Iterator[Finding]:
    node = machine.node(camera.path)
    finding = None if node is None else permission(machine, camera.path, node, TOPIC, "permission")
    yield finding or TOPIC.fault("permission", f"{camera.path} cannot be opened", str(camera.problem))


def _formats(camera: Camera) -> Finding:
    """Whether there is compressed video: raw video at 720p does not fit USB 2 at full rate."""
    if not camera.modes:
        return TOPIC.unchecked("formats", f"the driver of {camera.path} does not list them")
    packed = [mode for mode in camera.modes if mode.fourcc in ("MJPG", "JPEG")]
    if packed:
        return TOPIC.ok("formats", f"MJPG up to {_shown(_largest(packed))}")
    raw = _largest(camera.modes)
    wide = [mode for mode in camera.modes if mode.width >= 1280]
    if wide and max(mode.fps for mode in wide) >= _SMOOTH_FPS:
        return TOPIC.ok("formats", f"no MJPG, but {wide[0].fourcc.strip()} up to {_shown(raw)}")
    smooth = [mode for mode in camera.modes if mode.fps >= _SMOOTH_FPS]
    found = f"no MJPG; raw pictures of {_shown(raw)}"
    if not smooth:
        return TOPIC.warning("formats", found, "another USB port (blue: USB 3) or another camera gives more")
    best = _largest(smooth)
    return TOPIC.warning("formats", found, f"smooth up to: stylecam run --size {best.width}x{best.height}")


def _held(machine: Machine, camera: Camera, holders: Sequence[tuple[int, str]]) -> Finding | None:
    if not holders:
        return None
    ours = [pid for pid, _ in holders if _is_stylecam(machine, pid)]
    if ours:
        return TOPIC.ok("in use", f"{camera.path} by a stylecam that runs (process {ours[0]})")
    names = " and ".join(f"{name} (process {pid})" for pid, name in holders)
    ends = " ".join(str(pid) for pid, _ in holders)
    return TOPIC.fault("in use", f"{camera.path} by {names}", f"close it there; if it hangs: kill {ends}")


def _is_stylecam(machine: Machine, pid: int) -> bool:
    try:
        words = (machine.read(f"/proc/{pid}/cmdline") or "").split("\0")
    except ProbeError:
        return False
    return any(word == "stylecam" or word.endswith(("/stylecam", "/stylecam/__main__.py")) for word in words[:4])


def _rate(machine: Machine, trials: Trials, camera: Camera) -> Iterator[Finding]:
    try:
        measured = trials.measure(camera)
    except ProbeError:
        raise
    except SourceError as error:
        yield TOPIC.fault("pictures", "it gives none", str(error))
        return
    size = f"{measured.width}×{measured.height} {measured.fourcc}".strip()
    found = f"{measured.fps:.0f} pictures a second, {size}"
    promised = _promised(camera, measured)
    if measured.fps >= promised * SLOW:
        yield TOPIC.ok("rate", found)
        return
    found = f"{measured.fps:.1f} of {promised:.0f} pictures a second, {size}"
    if _light_limited(measured):
        steps = []
        if machine.platform == "linux" and measured.may_slow and machine.program("v4l2-ctl") is not None:
            keep = ("v4l2-ctl", "-d", camera.path, "--set-ctrl", _slowing_control(machine, camera.path) + "=0")
            steps.append(Step("keep the rate, for a darker picture", keep))
        words = "switch on a lamp" + ("; or keep the rate, for a darker picture:" if steps else "")
        yield TOPIC.warning("rate", f"{found}: it exposes longer, as the room is dark", words, *steps)
        return
    raw = measured.fourcc not in ("MJPG", "JPEG", "")
    words = "raw pictures fill the cable: try a smaller --size" if raw else "try another USB port, without a hub"
    yield TOPIC.warning("rate", found, words)


def _light_limited(measured: Measured) -> bool:
    if measured.exposure_ms is not None and measured.fps > 0:
        return measured.exposure_ms >= SLOW * 1000 / measured.fps
    return measured.may_slow is not False and measured.brightness < DARK


def _slowing_control(machine: Machine, path: str) -> str:
    """Its name: older kernels have another for it."""
    try:
        listed = machine.run("v4l2-ctl", "-d", path, "--list-ctrls").out
    except ProbeError:
        listed = ""
    return "exposure_auto_priority" if "exposure_auto_priority" in listed else "exposure_dynamic_framerate"


def _promised(camera: Camera, measured: Measured) -> float:
    """The rate the camera lists for what it gave, as far as we would want it."""
    listed = [
        mode.fps
        for mode in camera.modes
        if (mode.width, mode.height) == (measured.width, measured.height)
        and (mode.fourcc == measured.fourcc or not measured.fourcc)
        and mode.fps
    ]
    return min(WANTED_FPS, max(listed, default=WANTED_FPS))


def _windows_privacy(machine: Machine) -> Iterator[Finding]:
    place = r"HKCU\Software\Microsoft\Windows\CurrentVersion\CapabilityAccessManager\ConsentStore\webcam"
    for key, who in ((place, "programs"), (rf"{place}\NonPackaged", "desktop programs")):
        if "Deny" in machine.run("reg", "query", key, "/v", "Value").out:  # the value is the same in every language
            yield TOPIC.fault(
                "privacy",
                f"Windows does not let {who} use the camera",
                "allow it under Settings > Privacy & security > Camera:",
                Step("open that page", ("explorer", "ms-settings:privacy-webcam")),
            )
            return
    yield TOPIC.ok("privacy", "Windows lets desktop programs use the camera")


def _largest(modes: Sequence[Mode]) -> Mode:
    return max(modes, key=lambda mode: (mode.width * mode.height, mode.fps))


def _shown(mode: Mode) -> str:
    return f"{mode.width}×{mode.height}" + (f" at {mode.fps:g} a second" if mode.fps else "")
