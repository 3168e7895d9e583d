"""Faults planted in a healthy host, one at a time: each is found, with its level and the very commands that help."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from stylecam.errors import CameraBusyError, EngineRunError, EngineUnavailableError, HotkeysUnavailableError
from stylecam.media.v4l2 import Mode
from stylecam.system.doctor.checks import run_checks
from stylecam.system.doctor.diagnostics import CameraMeasurement, NetworkTiming, OpenCVBuild
from stylecam.system.doctor.finding import Finding, Level, most_urgent
from stylecam.system.probe import DeviceNode
from stylecam.system.setup.steps import shell_line
from stylecam.utils.clock import SystemClock
from tests.system.fake_host import (
    ARCH,
    BOOT_FILE,
    EFI_VARIABLE,
    FEDORA,
    KERNEL,
    LOOPBACK,
    MODULE,
    OPTIONS,
    OPTIONS_FILE,
    UBUNTU,
    WEBCAM,
    FakeDiagnostics,
    FakeHost,
    healthy,
    uninstall,
    unload,
)

Plant = Callable[[FakeHost, FakeDiagnostics], object]
FAULT, WARNING = Level.FAULT, Level.WARNING

WRITE = """sh -c 'umask 022 && printf "%s\\n" "$@" > "$0.new" && mv -f "$0.new" "$0"'"""
HEADER = "'# written by stylecam setup; stylecam setup --remove takes it away'"


def written(package: str = "") -> str:
    brought = f"'# installed with it: {package}' " if package else ""
    quoted = f"'{OPTIONS}'"
    return f"sudo {WRITE} {OPTIONS_FILE} {HEADER} {brought}{quoted}"


AT_BOOT = f"sudo {WRITE} {BOOT_FILE} {HEADER} v4l2loopback"
LOAD, UNLOAD = "sudo modprobe v4l2loopback", "sudo modprobe -r v4l2loopback"
PIP = "/home/anna/.venv/bin/python -m pip"


@dataclass(frozen=True)
class Fault:
    """A fault, how it is planted, and the finding that must report it."""

    name: str
    plant: Plant
    level: Level
    subject: str
    says: str
    commands: tuple[str, ...] = ()
    words: str = ""


def both(*plants: Plant) -> Plant:
    def plant(host: FakeHost, diagnostics: FakeDiagnostics) -> None:
        for one in plants:
            one(host, diagnostics)

    return plant


def not_installed(host: FakeHost, system: str, kernel: str = KERNEL) -> None:
    host.kernel = kernel
    host.files["/etc/os-release"] = system
    host.files[f"/lib/modules/{kernel}/build/Makefile"] = ""
    uninstall(host)


def dkms(host: FakeHost, said: str, headers: bool) -> None:
    uninstall(host)
    host.answer("dkms", "status", "v4l2loopback", out=said)
    if not headers:
        host.remove(f"/lib/modules/{KERNEL}/build")


def secure_boot(host: FakeHost, key: str, answer: str) -> None:
    unload(host)
    host.files[EFI_VARIABLE] = "\x06\0\0\0\x01"
    host.answer("mokutil", "--sb-state", out="SecureBoot enabled\n")
    host.files[key] = "key"
    host.answer("mokutil", "--test-key", key, out=answer)


def forget_group(host: FakeHost, in_next_session: bool = False) -> None:
    host.user = replace(
        host.user,
        groups=frozenset({"anna"}),
        account_groups=frozenset({"anna", "video"} if in_next_session else {"anna"}),
    )
    host.nodes["/dev/video10"] = DeviceNode("root", "video", 0o660, False)


def label(host: FakeHost, text: str) -> None:
    host.files[f"{LOOPBACK}/name"] = f"{text}\n"
    host.remove("/sys/devices/virtual/video4linux/video11", OPTIONS_FILE)


def pipewire(host: FakeHost, status: int) -> None:
    host.installed |= {"gst-launch-1.0", "pw-dump"}
    host.environment["XDG_RUNTIME_DIR"] = "/run/user/1000"
    host.files["/run/user/1000/pipewire-0"] = ""
    host.answer("gst-inspect-1.0", "--exists", "pipewiresink", status=status)


def refused(host: FakeHost, diagnostics: FakeDiagnostics) -> None:
    diagnostics.camera_list = [replace(WEBCAM, problem="no permission", modes=())]
    host.nodes["/dev/video0"] = DeviceNode("root", "video", 0o660, False)
    host.user = replace(host.user, groups=frozenset(), account_groups=frozenset())


def dim(diagnostics: FakeDiagnostics, **changed: object) -> None:
    facts: dict[str, object] = {"exposure_ms": 62.5, "may_slow": True, "brightness": 70.0, **changed}
    diagnostics.measured = replace(CameraMeasurement(15.0, 1280, 720, "MJPG", 70.0), **facts)  # type: ignore[arg-type]


def library(diagnostics: FakeDiagnostics) -> OpenCVBuild:
    assert isinstance(diagnostics.library, OpenCVBuild)
    return diagnostics.library


def raw_only(diagnostics: FakeDiagnostics, *modes: Mode) -> None:
    diagnostics.camera_list = [replace(WEBCAM, modes=modes)]
    diagnostics.measured = CameraMeasurement(modes[0].fps, modes[0].width, modes[0].height, "YUYV", 110.0)


FAULTS = [
    # the driver
    Fault("nothing installed, Debian", lambda m, t: not_installed(m, '\n\nID=debian\nVERSION_ID="12"\n'),
         FAULT, "driver", "v4l2loopback is not installed",
         ("sudo apt-get update", "sudo apt-get install -y linux-headers-amd64 v4l2loopback-dkms",
           written("v4l2loopback-dkms"), AT_BOOT, LOAD), "stylecam setup"),
    Fault("nothing installed, Ubuntu", lambda m, t: not_installed(m, UBUNTU, "6.8.0-45-generic"),
         FAULT, "driver", "v4l2loopback is not installed",
         ("sudo apt-get update", "sudo apt-get install -y linux-headers-generic v4l2loopback-dkms",
           written("v4l2loopback-dkms"), AT_BOOT, LOAD)),
    Fault("nothing installed, Fedora", lambda m, t: not_installed(m, FEDORA, "6.9.7-200.fc40.x86_64"),
         FAULT, "driver", "v4l2loopback is not installed",
         ("sudo dnf install -y https://mirrors.rpmfusion.org/free/fedora/rpmfusion-free-release-40.noarch.rpm",
           "sudo dnf install -y akmod-v4l2loopback", "sudo akmods --force --kernels 6.9.7-200.fc40.x86_64",
           written("akmod-v4l2loopback"), AT_BOOT, LOAD)),
    Fault("nothing installed, Arch", lambda m, t: not_installed(m, ARCH, "6.9.7-arch1-1"),
         FAULT, "driver", "v4l2loopback is not installed",
         ("sudo pacman -S --needed --noconfirm linux-headers v4l2loopback-dkms",
           written("v4l2loopback-dkms"), AT_BOOT, LOAD)),
    Fault("nothing installed, unknown", lambda m, t: not_installed(m, "ID=void\nPRETTY_NAME=Void\n"),
         FAULT, "driver", "v4l2loopback is not installed", (), "with its package manager"),
    Fault("not loaded", lambda m, t: unload(m), FAULT, "driver", "installed but not loaded", (LOAD,)),
    Fault("kernel updated, not restarted", both(lambda m, t: uninstall(m),
         lambda m, t: m.remove(f"/lib/modules/{KERNEL}")),
         FAULT, "driver", "are gone, as after an update", (), "restart the computer"),
    Fault("a kernel that loads nothing", both(lambda m, t: uninstall(m), lambda m, t: m.remove("/proc/modules")),
         FAULT, "driver", "cannot load drivers", (), "--output web"),
    Fault("DKMS without headers", lambda m, t: dkms(m, "v4l2loopback/0.12.7: added\n", headers=False),
         FAULT, "driver", "0.12.7 is not built for kernel 6.1.0-18-amd64, whose headers are missing",
         ("sudo apt-get install -y linux-headers-amd64 linux-headers-6.1.0-18-amd64", "sudo dkms autoinstall", LOAD)),
    Fault("DKMS failed",
         lambda m, t: dkms(m, "v4l2loopback, 0.12.5, 6.1.0-17-amd64, x86_64: installed\n", headers=True),
         FAULT, "driver", "0.12.5 is not built for kernel 6.1.0-18-amd64; it is built for 6.1.0-17-amd64",
         ("sudo dkms autoinstall", LOAD), "/var/lib/dkms/v4l2loopback/0.12.5/build/make.log"),
    Fault("Secure Boot, Debian", lambda m, t: secure_boot(m, "/var/lib/dkms/mok.pub", "mok.pub is not enrolled\n"),
         FAULT, "Secure Boot", "does not trust drivers built here",
         ("sudo mokutil --import /var/lib/dkms/mok.pub",), "Enroll MOK"),
    Fault("Secure Boot, waiting",
         lambda m, t: secure_boot(m, "/var/lib/dkms/mok.pub", "mok.pub is already in the enrollment request\n"),
         FAULT, "Secure Boot", "at the next start it asks", (), "Enroll MOK"),
    Fault("Secure Boot, mokutil odd", lambda m, t: secure_boot(m, "/var/lib/shim-signed/mok/MOK.der", "???"),
         WARNING, "Secure Boot", "was not checked: mokutil does not say",
         ("sudo mokutil --import /var/lib/shim-signed/mok/MOK.der",), "Key was rejected"),
    Fault("forbidden", lambda m, t: m.files.update({"/etc/modprobe.d/no.conf": "install v4l2loopback /bin/false\n"}),
         FAULT, "options", "/etc/modprobe.d/no.conf forbids the driver",
         ("sudo sed -E -i '/^[[:space:]]*(blacklist|install)[[:space:]]+v4l2loopback/d' /etc/modprobe.d/no.conf",)),
    Fault("blacklisted", lambda m, t: m.files.update({"/etc/modprobe.d/b.conf": "# x\n  blacklist\tv4l2loopback\n"}),
         WARNING, "options", "/etc/modprobe.d/b.conf: blacklist v4l2loopback",
         ("sudo sed -E -i '/^[[:space:]]*(blacklist|install)[[:space:]]+v4l2loopback/d' /etc/modprobe.d/b.conf",)),
    Fault("options twice",
         lambda m, t: m.files.update({"/etc/modprobe.d/obs.conf": "options v4l2loopback exclusive_caps=0\n"}),
         WARNING, "options", "set in 2 files", ("sudo mv /etc/modprobe.d/obs.conf /etc/modprobe.d/obs.conf.off",)),
    Fault("not at start", lambda m, t: m.remove(BOOT_FILE), WARNING, "at start", "after a restart", (AT_BOOT,)),
    Fault("no device", lambda m, t: m.remove("/sys/devices/virtual/video4linux"),
         FAULT, "camera", "has no device", (UNLOAD, LOAD)),
    Fault("another label", lambda m, t: label(m, "Dummy video device (0x0000)"),
         WARNING, "camera", "“Dummy video device (0x0000)”", (written(), UNLOAD, LOAD)),
    Fault("exclusive_caps off",
         lambda m, t: m.files.update({f"{MODULE}/parameters/exclusive_caps": "N,N,N\n"}),
         FAULT, "exclusive_caps", "Chrome, Zoom and others do not list it", (UNLOAD, LOAD)),
    Fault("no device file", lambda m, t: m.remove("/dev/video10"), FAULT, "camera", "/dev/video10 is missing",
         ("sudo udevadm trigger --action=add --subsystem-match=video4linux",)),
    Fault("no device file in a container",
         both(lambda m, t: m.remove("/dev/video10"), lambda m, t: m.files.update({"/.dockerenv": ""})),
         FAULT, "camera", "missing in this container", (), "--device /dev/video10"),
    Fault("not in the group", lambda m, t: forget_group(m), FAULT, "permission", "you are not in video",
         ("sudo usermod -aG video anna",), "log out and in"),
    Fault("in the group since today", lambda m, t: forget_group(m, in_next_session=True), FAULT, "permission",
         "after this session started", (), "log out and in again"),
    Fault("nobody's device", lambda m, t: m.nodes.update({"/dev/video10": DeviceNode("root", "root", 0o600, False)}),
         FAULT, "permission", "root:root, mode 600",
         ("sudo chgrp video /dev/video10", "sudo chmod 660 /dev/video10")),
    Fault("a sandbox", lambda m, t: m.nodes.update({"/dev/video10": DeviceNode("root", "video", 0o660, False)}),
         FAULT, "permission", "although", (), "outside"),
    Fault("WSL", lambda m, t: setattr(m, "kernel", "5.15.153.1-microsoft-standard-WSL2"),
         FAULT, "system", "WSL has no cameras", (), "Windows itself"),
    Fault("PipeWire does not run", lambda m, t: m.installed.update({"gst-launch-1.0", "pw-dump"}),
         WARNING, "PipeWire", "not running in this session", ("systemctl --user start pipewire wireplumber",)),
    Fault("PipeWire without GStreamer's plugin", lambda m, t: pipewire(m, status=1),
         WARNING, "PipeWire", "plugin for it is missing",
         ("sudo apt-get install -y gstreamer1.0-pipewire gstreamer1.0-tools gstreamer1.0-plugins-base pipewire-bin",)),
    # cameras
    Fault("no camera", lambda m, t: setattr(t, "camera_list", []), FAULT, "cameras", "none found", (), "--camera demo"),
    Fault("no driver for a USB camera",
         both(lambda m, t: setattr(t, "camera_list", []),
              lambda m, t: m.files.update({"/sys/bus/usb/devices/1-1:1.0/bInterfaceClass": "0e\n"})),
         FAULT, "cameras", "no driver serves it", ("sudo modprobe uvcvideo",)),
    Fault("no permission for the camera", refused, FAULT, "permission", "you are not in video",
         ("sudo usermod -aG video anna",)),
    Fault("in use", lambda m, t: t.open_in.update({"/dev/video0": [(4711, "zoom"), (4712, "chrome")]}),
         FAULT, "in use", "/dev/video0 is used by zoom (process 4711), chrome (process 4712)", (), "kill 4711 4712"),
    Fault("a laptop's bare sensor",
         lambda m, t: setattr(t, "camera_list", [replace(WEBCAM, name="Intel IPU6 ISYS Capture 0")]),
         FAULT, "Intel IPU6 ISYS Capture 0", "raw sensor data", (), "another camera"),
    Fault("raw only", lambda m, t: raw_only(t, Mode("YUYV", 1280, 720, 10.0), Mode("YUYV", 640, 480, 30.0)),
         WARNING, "formats", "no MJPG; only raw video of 1280×720 at 10 fps", (), "stylecam run --size 640x480"),
    Fault("raw and slow", lambda m, t: raw_only(t, Mode("YUYV", 1280, 720, 5.0)),
         WARNING, "formats", "at 5 fps", (), "USB 3"),
    Fault("gives no picture",
         lambda m, t: setattr(t, "measured", CameraBusyError("HD Webcam opens but gives no picture; unplug it")),
         FAULT, "pictures", "delivers none", (), "unplug it"),
    Fault("light-limited", lambda m, t: dim(t), WARNING, "rate", "15.0 of 30 frames a second", (), "lamp"),
    Fault("light-limited, v4l2-ctl there", both(lambda m, t: dim(t), lambda m, t: m.installed.add("v4l2-ctl")),
         WARNING, "rate", "the room is dark",
         ("v4l2-ctl -d /dev/video0 --set-ctrl exposure_dynamic_framerate=0",), "lamp"),
    Fault("light-limited, an older kernel",
         both(lambda m, t: dim(t),
              lambda m, t: m.answer("v4l2-ctl", "-d", "/dev/video0", "--list-ctrls", out="exposure_auto_priority 0x0")),
         WARNING, "rate", "the room is dark", ("v4l2-ctl -d /dev/video0 --set-ctrl exposure_auto_priority=0",), "lamp"),
    Fault("dark, by the picture only", lambda m, t: dim(t, exposure_ms=None, may_slow=None, brightness=20.0),
         WARNING, "rate", "the room is dark", (), "lamp"),
    Fault("slow in good light", lambda m, t: dim(t, exposure_ms=5.0, brightness=120.0),
         WARNING, "rate", "15.0 of 30", (), "another USB port"),
    Fault("slow and raw", lambda m, t: dim(t, exposure_ms=5.0, fourcc="YUYV", width=800),
         WARNING, "rate", "15.0 of 30", (), "smaller --size"),
    # keys
    Fault("no display", lambda m, t: m.environment.clear(), WARNING, "desktop", "DISPLAY is not set", (), "terminal"),
    Fault("over ssh", lambda m, t: setattr(m, "environment", {"SSH_CONNECTION": "a"}),
         WARNING, "desktop", "as over ssh", (), "on the desktop"),
    Fault("Wayland", lambda m, t: m.environment.update(WAYLAND_DISPLAY="wayland-0", XDG_CURRENT_DESKTOP="GNOME"),
         WARNING, "desktop", "Wayland (GNOME): global hotkeys work only while an X11 window has", (),
         "Settings, Keyboard"),
    Fault("the keyboard is withheld",
         lambda m, t: setattr(t, "keyboard", HotkeysUnavailableError("no RECORD extension")),
         FAULT, "hotkeys", "not available", (), "no RECORD extension"),
    Fault("a display that is gone",
         lambda m, t: setattr(t, "keyboard", HotkeysUnavailableError("Can't connect", display_unreachable=True)),
         FAULT, "hotkeys", "no X server answers this user at DISPLAY=:0", (), "terminal of the desktop"),
    # painting
    Fault("OpenCV 5", lambda m, t: setattr(t, "library", replace(library(t), version="5.0.0")),
         WARNING, "OpenCV", "5.0.0 works", (f"{PIP} install 'opencv-python>=4.10,<5'",)),
    Fault("OpenCV too old", lambda m, t: setattr(t, "library", replace(library(t), version="4.8.1")),
         FAULT, "OpenCV", "4.8.1 is too old", (f"{PIP} install 'opencv-python>=4.10,<5'",)),
    Fault("OpenCV without libGL",
         lambda m, t: setattr(t, "library", ImportError("libGL.so.1: cannot open shared object file")),
         FAULT, "OpenCV", "libGL.so.1", ("sudo apt-get install -y libgl1 libglib2.0-0",)),
    Fault("OpenCV broken", lambda m, t: setattr(t, "library", ImportError("No module named 'cv2'")),
         FAULT, "OpenCV", "No module named", (f"{PIP} install --force-reinstall 'opencv-python<5'",)),
    Fault("OpenCV twice", lambda m, t: t.packages.update({"opencv-python-headless": "4.12.0"}),
         FAULT, "OpenCV", "opencv-python, opencv-python-headless",
         (f"{PIP} uninstall -y opencv-python opencv-python-headless", f"{PIP} install 'opencv-python<5'")),
    Fault("OpenCV without windows", lambda m, t: setattr(t, "library", replace(library(t), windows="NONE")),
         WARNING, "windows", "cannot open windows",
         (f"{PIP} uninstall -y opencv-python-headless", f"{PIP} install 'opencv-python<5'")),
    Fault("the network does not run", lambda m, t: t.runs.update(cpu=EngineRunError("bad layer")),
         FAULT, "cpu", "no network runs on it: bad layer", (), "again"),
    Fault("CUDA that is none",
         both(lambda m, t: setattr(t, "library", replace(library(t), devices=("cuda", "cpu"))),
              lambda m, t: t.runs.update(cuda=NetworkTiming("OpenCV", "cpu", 9.0))),
         FAULT, "cuda", "cpu was used instead", (), "--device cpu"),
    Fault("an engine that is broken",
         both(lambda m, t: t.packages.update(onnxruntime="1.32.0"),
              lambda m, t: t.extras.update(
                   onnxruntime=EngineUnavailableError("ONNX Runtime is installed and cannot be loaded (no DLL); do"))),
         FAULT, "ONNX Runtime", "cannot be loaded (no DLL)",
         (f"{PIP} install --upgrade --force-reinstall 'stylecam[onnxruntime]'",)),
    Fault("an engine whose GPU fails",
         both(lambda m, t: t.packages.update(openvino="2026.4.1"),
              lambda m, t: t.extras.update(openvino=("cpu", "gpu")),
              lambda m, t: t.runs.update({"openvino cpu": NetworkTiming("OpenVINO", "cpu", 6.0),
                                           "openvino gpu": EngineRunError("cannot use gpu (CL_OUT_OF_RESOURCES)")})),
         FAULT, "OpenVINO gpu", "no network runs on it: cannot use gpu", (), "--engine auto"),
    Fault("a slow processor", lambda m, t: t.runs.update(cpu=NetworkTiming("OpenCV", "cpu", 240.0)),
         WARNING, "cpu", "240 ms", (), "--fps 15"),
    Fault("a graphics card that idles",
         lambda m, t: m.answer("nvidia-smi", "--query-gpu=name", "--format=csv,noheader", out="NVIDIA T4\n"),
         WARNING, "graphics card", "NVIDIA T4 is not used", (), "CUDA"),
    Fault("a container's limit", lambda m, t: m.files.update({"/sys/fs/cgroup/cpu.max": "150000 100000\n"}),
         WARNING, "processor", "may use 1.5", (), "--cpus"),
    Fault("one thread", lambda m, t: setattr(t, "library", replace(library(t), threads=1)),
         WARNING, "processor", "uses 1", (), "OMP_NUM_THREADS"),
    Fault("an old processor", lambda m, t: setattr(t, "library", replace(library(t), features=("SSE2", "AVX"))),
         WARNING, "processor", "without AVX2", (), "--fps 15"),
    Fault("power saver",
         both(lambda m, t: m.files.update({"/sys/firmware/acpi/platform_profile": "low-power\n"}),
              lambda m, t: m.installed.add("powerprofilesctl")),
         WARNING, "power", "saves power (low-power)", ("powerprofilesctl set balanced",)),
    Fault("busy", lambda m, t: m.files.update({"/proc/loadavg": "30.1 20 10 9/900 1\n"}),
         WARNING, "load", "30.1 busy programs on 8", (), "close programs"),
    # files
    Fault("disk full",
         lambda m, t: setattr(m, "disk_free", 30 * 2**20), FAULT, "disk", "30 MB free", (), "free some space"),
    Fault("disk nearly full",
         lambda m, t: setattr(m, "disk_free", 600 * 2**20), WARNING, "disk", "600 MB", (), "free some space"),
    Fault("a folder of somebody else's",
         lambda m, t: m.nodes.update({"/home/anna/Videos": DeviceNode("root", "root", 0o755, False)}),
         WARNING, "disk", "cannot be written", (), "become the owner"),
    Fault("wrong settings",
         lambda m, t: setattr(t, "complaint", "config.toml: [run] has no 'styel'; did you mean style?"),
         FAULT, "settings", "did you mean style?", (), "correct"),
    Fault("a damaged style", lambda m, t: setattr(t, "catalog", (18, ["/home/anna/styles/muse.onnx is empty"])),
         WARNING, "styles", "muse.onnx is empty", (), "stylecam styles remove muse"),
    Fault("no style at all", lambda m, t: setattr(t, "catalog", (0, [])), FAULT, "styles", "none are installed",
         (f"{PIP} install --force-reinstall stylecam",)),
    Fault("a missing package", lambda m, t: t.packages.update(pyvirtualcam=None),
         FAULT, "packages", "missing: pyvirtualcam>=0.12", (f"{PIP} install 'pyvirtualcam>=0.12'",)),
    Fault("little memory", lambda m, t: m.files.update({"/proc/meminfo": "MemAvailable:   200000 kB\n"}),
         WARNING, "memory", "195 MB available", (), "close programs"),
]  # fmt: skip


def found(host: FakeHost, diagnostics: FakeDiagnostics) -> list[Finding]:
    return run_checks(host, diagnostics, SystemClock())


def test_on_a_healthy_machine_all_is_in_order() -> None:
    findings = found(*healthy())
    assert {finding.level for finding in findings} == {Level.OK}
    assert most_urgent(findings) is None
    assert len(findings) > 20


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_planted_fault_is_found_with_its_fix(fault: Fault) -> None:
    host, diagnostics = healthy()
    fault.plant(host, diagnostics)
    findings = found(host, diagnostics)
    matching = [finding for finding in findings if finding.subject == fault.subject and fault.says in finding.found]
    assert len(matching) == 1, "\n".join(f"{f.subject}: {f.found}" for f in findings if f.level is not Level.OK)
    (finding,) = matching
    assert finding.level is fault.level
    assert finding.fix is not None
    assert tuple(shell_line(step, "sudo") for step in finding.fix.steps) == fault.commands
    assert fault.words in finding.fix.words


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.level is FAULT], ids=lambda fault: fault.name)
def test_a_planted_fault_comes_first(fault: Fault) -> None:
    host, diagnostics = healthy()
    fault.plant(host, diagnostics)
    findings = found(host, diagnostics)
    urgent = most_urgent(findings)
    assert urgent is not None
    assert urgent.level is FAULT
    assert fault.says in urgent.found


def test_a_pipewire_that_can_be_used_is_said() -> None:
    host, diagnostics = healthy()
    pipewire(host, status=0)
    assert [f.level for f in found(host, diagnostics) if f.subject == "PipeWire"] == [Level.OK]
    host.installed.discard("pw-dump")
    assert any("also needs pw-dump" in f.found for f in found(host, diagnostics))


def test_at_least_fifteen_faults_are_planted() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 15
