"""Checks the real cameras: present, permitted, free, and as fast as they promise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stylecam.errors import ProbeError, SourceError
from stylecam.media.sources.devices import Camera
from stylecam.media.v4l2 import Mode
from stylecam.system.distribution import detect_container
from stylecam.system.doctor.diagnostics import CameraMeasurement, Diagnostics
from stylecam.system.doctor.finding import Finding, Topic
from stylecam.system.doctor.permission import check_permission
from stylecam.system.probe import HostProbe
from stylecam.system.setup.steps import SetupStep
from stylecam.utils.message import Message, joined

TOPIC = Topic("Cameras")
MAX_MEASURED = 1
"""Number of cameras whose rate is measured; each takes two seconds."""
DARK_LEVEL = 60
"""Mean level (0 to 255) below which a picture was taken in poor light."""
SLOW_SHARE = 0.8
"""A camera is slow below this share of the rate it promises."""
TARGET_FPS = 30.0
_SMOOTH_FPS = 24.0
_USB_VIDEO_CLASS = "0e"


def check(host: HostProbe, diagnostics: Diagnostics) -> Iterator[Finding]:
    """Yield the state of every camera. The rate of the first free one is measured."""
    if host.platform == "win32":
        yield from TOPIC.guarded("privacy", _windows_privacy(host))
    try:
        found = [camera for camera in diagnostics.cameras() if not camera.virtual]
    except ProbeError as error:
        yield TOPIC.unchecked("cameras", error)
        return
    if not found:
        yield from TOPIC.guarded("cameras", _no_camera(host))
        return
    measured = 0
    for camera in found:
        if camera.problem is not None:
            yield from TOPIC.guarded(camera.name, _refused(host, camera))
            continue
        if any(part in f"{camera.name} {camera.bus}".lower() for part in ("ipu6", "ipu3", "ipu7")):
            yield TOPIC.fault(
                camera.name,
                Message(
                    "{path} delivers raw sensor data only, as built-in cameras of newer laptops do", path=camera.path
                ),
                "plug in another camera, or look for libcamera support in your distribution",
            )
            continue
        yield TOPIC.ok("camera", str(camera))
        if host.platform == "linux":
            yield _formats(camera)
        busy = _in_use(host, camera, diagnostics.holders(camera.path))
        if busy is not None:
            yield busy
            yield TOPIC.unchecked("rate", Message("{path} is in use", path=camera.path or camera.name))
        elif measured == MAX_MEASURED:
            yield TOPIC.unchecked("rate", "only one camera is measured, as each takes two seconds")
        else:
            measured += 1
            yield from TOPIC.guarded("rate", _rate(host, diagnostics, camera))


def _no_camera(host: HostProbe) -> Iterator[Finding]:
    demo = Message("until then: stylecam run --camera demo")
    container = detect_container(host)
    if container in ("container", "Flatpak"):
        yield TOPIC.fault(
            "cameras",
            Message("none in this {container}", container=container),
            Message("pass one in (--device /dev/video0); {demo}", demo=demo),
        )
        return
    if host.platform == "linux" and any(_usb_cameras(host)):
        load = SetupStep("load the driver of USB cameras", ("modprobe", "uvcvideo"), True)
        yield TOPIC.fault("cameras", "a USB camera is plugged in, but no driver serves it", "load its driver:", load)
        return
    words = {
        "win32": Message("plug one in, or allow desktop apps under Settings > Privacy > Camera"),
        "darwin": Message("plug one in, or allow your terminal under Privacy & Security > Camera"),
    }.get(host.platform, Message("plug one in; on a laptop, look for a camera switch or key"))
    yield TOPIC.fault("cameras", "none found", joined((words, demo), "; "))


def _usb_cameras(host: HostProbe) -> Iterator[str]:
    """Yield the USB video interfaces that no driver serves."""
    folder = "/sys/bus/usb/devices"
    for name in host.list_directory(folder) or ():
        kind = (host.read_text(f"{folder}/{name}/bInterfaceClass") or "").strip() if ":" in name else ""
        if kind == _USB_VIDEO_CLASS and host.list_directory(f"{folder}/{name}/driver") is None:
            yield name


def _refused(host: HostProbe, camera: Camera) -> Iterator[Finding]:
    node = host.node(camera.path)
    finding = None if node is None else check_permission(host, camera.path, node, TOPIC, "permission")
    yield finding or TOPIC.fault(
        "permission", Message("{path} cannot be opened", path=camera.path), str(camera.problem)
    )


def _formats(camera: Camera) -> Finding:
    """Return whether the camera offers compressed video: raw 720p does not fit through USB 2 at full rate."""
    if not camera.modes:
        return TOPIC.unchecked("formats", Message("the driver of {path} does not list them", path=camera.path))
    compressed = [mode for mode in camera.modes if mode.fourcc in ("MJPG", "JPEG")]
    if compressed:
        return TOPIC.ok("formats", Message("MJPG up to {mode}", mode=_describe_mode(_largest(compressed))))
    raw = _largest(camera.modes)
    wide = [mode for mode in camera.modes if mode.width >= 1280]
    if wide and max(mode.fps for mode in wide) >= _SMOOTH_FPS:
        return TOPIC.ok(
            "formats",
            Message("no MJPG, but {format} up to {mode}", format=wide[0].fourcc.strip(), mode=_describe_mode(raw)),
        )
    smooth = [mode for mode in camera.modes if mode.fps >= _SMOOTH_FPS]
    found = Message("no MJPG; only raw video of {mode}", mode=_describe_mode(raw))
    if not smooth:
        return TOPIC.warning("formats", found, "use another USB port (blue: USB 3) or another camera")
    best = _largest(smooth)
    return TOPIC.warning(
        "formats",
        found,
        Message(
            "use a size that it delivers smoothly: stylecam run --size {width}x{height}",
            width=best.width,
            height=best.height,
        ),
    )


def _in_use(host: HostProbe, camera: Camera, holders: Sequence[tuple[int, str]]) -> Finding | None:
    if not holders:
        return None
    ours = [pid for pid, _ in holders if _is_stylecam(host, pid)]
    if ours:
        return TOPIC.ok(
            "in use", Message("{path} is used by a running stylecam (process {pid})", path=camera.path, pid=ours[0])
        )
    names = joined(Message("{name} (process {pid})", name=name, pid=pid) for pid, name in holders)
    pids = " ".join(str(pid) for pid, _ in holders)
    return TOPIC.fault(
        "in use",
        Message("{path} is used by {names}", path=camera.path, names=names),
        Message("close it there; if it hangs: kill {pids}", pids=pids),
    )


def _is_stylecam(host: HostProbe, pid: int) -> bool:
    try:
        words = (host.read_text(f"/proc/{pid}/cmdline") or "").split("\0")
    except ProbeError:
        return False
    return any(word == "stylecam" or word.endswith(("/stylecam", "/stylecam/__main__.py")) for word in words[:4])


def _rate(host: HostProbe, diagnostics: Diagnostics, camera: Camera) -> Iterator[Finding]:
    try:
        measured = diagnostics.measure(camera)
    except ProbeError:
        raise
    except SourceError as error:
        yield TOPIC.fault("pictures", "it delivers none", str(error))
        return
    size = f"{measured.width}×{measured.height} {measured.fourcc}".strip()
    found = Message("{fps:.0f} frames a second, {size}", fps=measured.fps, size=size)
    promised = _promised(camera, measured)
    if measured.fps >= promised * SLOW_SHARE:
        yield TOPIC.ok("rate", found)
        return
    found = Message(
        "{fps:.1f} of {promised:.0f} frames a second, {size}", fps=measured.fps, promised=promised, size=size
    )
    if _light_limited(measured):
        steps = []
        if host.platform == "linux" and measured.may_slow and host.find_program("v4l2-ctl") is not None:
            keep = ("v4l2-ctl", "-d", camera.path, "--set-ctrl", _slowing_control(host, camera.path) + "=0")
            steps.append(SetupStep("keep the rate, with a darker picture", keep))
        lamp, both = Message("switch on a lamp"), Message("switch on a lamp; or keep the rate, with a darker picture:")
        words = both if steps else lamp
        yield TOPIC.warning(
            "rate", Message("{found}; it exposes longer because the room is dark", found=found), words, *steps
        )
        return
    raw = measured.fourcc not in ("MJPG", "JPEG", "")
    smaller = Message("raw video fills the cable; try a smaller --size")
    words = smaller if raw else Message("try another USB port, without a hub")
    yield TOPIC.warning("rate", found, words)


def _light_limited(measured: CameraMeasurement) -> bool:
    if measured.exposure_ms is not None and measured.fps > 0:
        return measured.exposure_ms >= SLOW_SHARE * 1000 / measured.fps
    return measured.may_slow is not False and measured.brightness < DARK_LEVEL


def _slowing_control(host: HostProbe, path: str) -> str:
    """Return the name of the control that lets a camera lower its rate; older kernels call it differently."""
    try:
        listed = host.run("v4l2-ctl", "-d", path, "--list-ctrls").stdout
    except ProbeError:
        listed = ""
    return "exposure_auto_priority" if "exposure_auto_priority" in listed else "exposure_dynamic_framerate"


def _promised(camera: Camera, measured: CameraMeasurement) -> float:
    """Return the rate the camera lists for the mode it delivered, at most `TARGET_FPS`."""
    listed = [
        mode.fps
        for mode in camera.modes
        if (mode.width, mode.height) == (measured.width, measured.height)
        and (mode.fourcc == measured.fourcc or not measured.fourcc)
        and mode.fps
    ]
    return min(TARGET_FPS, max(listed, default=TARGET_FPS))


def _windows_privacy(host: HostProbe) -> Iterator[Finding]:
    consent = r"HKCU\Software\Microsoft\Windows\CurrentVersion\CapabilityAccessManager\ConsentStore\webcam"
    for key, who in ((consent, Message("programs")), (rf"{consent}\NonPackaged", Message("desktop programs"))):
        if "Deny" in host.run("reg", "query", key, "/v", "Value").stdout:  # the value is the same in every language
            yield TOPIC.fault(
                "privacy",
                Message("Windows does not let {who} use the camera", who=who),
                "allow it under Settings > Privacy & security > Camera:",
                SetupStep("open that page", ("explorer", "ms-settings:privacy-webcam")),
            )
            return
    yield TOPIC.ok("privacy", "Windows lets desktop programs use the camera")


def _largest(modes: Sequence[Mode]) -> Mode:
    return max(modes, key=lambda mode: (mode.width * mode.height, mode.fps))


def _describe_mode(mode: Mode) -> str:
    size = f"{mode.width}×{mode.height}"
    return Message("{size} at {fps:g} fps", size=size, fps=mode.fps) if mode.fps else size
