"""A computer and its diagnostics as records: contents of files, output of programs, what a camera delivers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from subprocess import CompletedProcess
from typing import TypeVar

from stylecam.errors import HotkeysUnavailableError, ProbeError
from stylecam.media.sources.devices import Camera
from stylecam.media.v4l2 import Mode
from stylecam.system.doctor.diagnostics import CameraMeasurement, Diagnostics, NetworkTiming, OpenCVBuild
from stylecam.system.probe import DeviceNode, HostProbe, User

_Answer = TypeVar("_Answer")

KERNEL = "6.1.0-18-amd64"
DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n'
UBUNTU = 'PRETTY_NAME="Ubuntu 24.04.1 LTS"\nID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n'
FEDORA = 'PRETTY_NAME="Fedora Linux 40 (Workstation)"\nID=fedora\nVERSION_ID=40\n'
ARCH = 'PRETTY_NAME="Arch Linux"\nID=arch\nBUILD_ID=rolling\n'
LOOPBACK = "/sys/devices/virtual/video4linux/video10"
MODULE = "/sys/module/v4l2loopback"
OPTIONS_FILE, BOOT_FILE = "/etc/modprobe.d/stylecam.conf", "/etc/modules-load.d/stylecam.conf"
OPTIONS = 'options v4l2loopback devices=2 video_nr=10,11 card_label="stylecam,OBS" exclusive_caps=1,1'
VIDEO = DeviceNode("root", "video", 0o660, True)
EFI_VARIABLE = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"


class FakeHost(HostProbe):
    """Answers from dictionaries. A folder exists if anything in it does; an exception among the files is raised."""

    def __init__(self) -> None:
        self.platform = "linux"
        self.kernel, self.cores = KERNEL, 8
        self.environment: dict[str, str] = {"DISPLAY": ":0", "XDG_SESSION_TYPE": "x11", "XDG_CURRENT_DESKTOP": "KDE"}
        self.user = User("anna", False, frozenset({"anna", "video"}), frozenset({"anna", "video"}), "/home/anna")
        self.files: dict[str, str | ProbeError] = {}
        self.nodes: dict[str, DeviceNode] = {}
        self.programs: dict[tuple[str, ...], CompletedProcess[str] | ProbeError] = {}
        self.installed = {"sudo"}
        self.disk_free: int | ProbeError = 50 * 2**30

    def read_text(self, path: str) -> str | None:
        recorded = self.files.get(path)
        if isinstance(recorded, ProbeError):
            raise recorded
        return recorded

    def os_release(self) -> dict[str, str]:
        fields = (line.partition("=") for line in (self.read_text("/etc/os-release") or "").splitlines())
        return {name: value.strip('"') for name, _, value in fields}

    def list_directory(self, folder: str) -> tuple[str, ...] | None:
        if isinstance(recorded := self.files.get(folder), ProbeError):
            raise recorded
        inside = [PurePosixPath(path) for path in [*self.files, *self.nodes] if path.startswith(f"{folder}/")]
        return tuple(sorted({path.relative_to(folder).parts[0] for path in inside})) or None

    def node(self, path: str) -> DeviceNode | None:
        if path in self.nodes:
            return self.nodes[path]
        there = path in self.files or self.list_directory(path) is not None
        return DeviceNode("root", "root", 0o644, True) if there else None

    def find_program(self, name: str) -> str | None:
        return f"/usr/bin/{name}" if name in self.installed or self._has_answers(name) else None

    def run(self, *command: str) -> CompletedProcess[str]:
        recorded = self.programs.get(command)
        if isinstance(recorded, ProbeError):
            raise recorded
        if recorded is not None:
            return recorded
        if not self._has_answers(command[0]):
            raise ProbeError(f"{command[0]} is not installed")
        return CompletedProcess(command, 1, "", f"{command[0]}: no answer is recorded for {' '.join(command[1:])}")

    def free_bytes(self, folder: str) -> int:
        if isinstance(self.disk_free, ProbeError):
            raise self.disk_free
        return self.disk_free

    def answer(self, *command: str, out: str = "", status: int = 0, err: str = "") -> None:
        """Record the answer of a program."""
        self.programs[command] = CompletedProcess(command, status, out, err)

    def remove(self, *paths: str) -> None:
        """Forget files, and everything below folders of that name."""
        for kept in (self.files, self.nodes):
            for path in [path for path in kept if any(path == p or path.startswith(f"{p}/") for p in paths)]:
                del kept[path]

    def _has_answers(self, program: str) -> bool:
        return any(command[0] == program for command in self.programs)


@dataclass
class FakeDiagnostics(Diagnostics):
    """Answers with its fields; a field that is an exception is raised."""

    camera_list: list[Camera] | Exception
    open_in: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    measured: CameraMeasurement | Exception = field(
        default_factory=lambda: CameraMeasurement(29.9, 1280, 720, "MJPG", 110.0, 10.0, may_slow=True)
    )
    library: OpenCVBuild | Exception = field(
        default_factory=lambda: OpenCVBuild("4.14.0", "QT5", ("SSE2", "AVX", "AVX2"), 8, ("cpu",))
    )
    runs: dict[str, NetworkTiming | Exception] = field(
        default_factory=lambda: {"cpu": NetworkTiming("OpenCV 4.14.0", "cpu", 19.0)}
    )
    extras: dict[str, tuple[str, ...] | Exception] = field(default_factory=dict)
    keyboard: str | Exception | None = None
    portal: Exception | None = field(
        default_factory=lambda: HotkeysUnavailableError("the desktop has no portal for global shortcuts")
    )
    packages: dict[str, str | None] = field(
        default_factory=lambda: {
            "opencv-python": "4.14.0.94", "numpy": "2.4.6", "pyvirtualcam": "0.15.0", "pynput": "1.8.2",
            "aiohttp": "3.14.5", "av": None,
        }
    )  # fmt: skip
    catalog: tuple[int, list[str]] = (18, [])
    complaint: str | Exception | None = None
    measurements: int = 0

    def cameras(self) -> list[Camera]:
        return self._answer(self.camera_list)

    def holders(self, path: str) -> list[tuple[int, str]]:
        return self.open_in.get(path, [])

    def measure(self, camera: Camera) -> CameraMeasurement:
        self.measurements += 1
        return self._answer(self.measured)

    def opencv(self) -> OpenCVBuild:
        return self._answer(self.library)

    def devices(self, engine: str) -> tuple[str, ...]:
        return self._answer(self.extras[engine])

    def network(self, device: str, engine: str = "opencv") -> NetworkTiming:
        return self._answer(self.runs[device if engine == "opencv" else f"{engine} {device}"])

    def listen(self) -> str | None:
        return self._answer(self.keyboard)

    def check_portal(self) -> None:
        self._answer(self.portal)

    def versions(self) -> dict[str, str | None]:
        return self.packages

    def styles(self) -> tuple[int, list[str]]:
        return self.catalog

    def settings(self) -> str | None:
        return self._answer(self.complaint)

    @property
    def python(self) -> str:
        return "/home/anna/.venv/bin/python"

    @property
    def folders(self) -> dict[str, str]:
        return {"recordings": "/home/anna/Videos"}

    @staticmethod
    def _answer(answer: _Answer | Exception) -> _Answer:
        if isinstance(answer, Exception):
            raise answer
        return answer


WEBCAM = Camera(
    0,
    "HD Webcam",
    "/dev/video0",
    "usb-0000:00:14.0-1",
    modes=(Mode("MJPG", 1280, 720, 30.0), Mode("MJPG", 1920, 1080, 30.0), Mode("YUYV", 1280, 720, 10.0)),
)
SECOND = replace(WEBCAM, index=2, name="Document Camera", path="/dev/video2", bus="usb-0000:00:14.0-2")


def healthy() -> tuple[FakeHost, FakeDiagnostics]:
    """A Debian desktop on which all is well."""
    host = FakeHost()
    host.files |= {
        "/etc/os-release": DEBIAN,
        "/proc/modules": "v4l2loopback 49152 0 - Live 0x0\nvideodev 299008 2 v4l2loopback,uvcvideo, Live 0x0\n",
        "/proc/loadavg": "0.40 0.50 0.60 2/900 12345\n",
        "/proc/meminfo": "MemTotal:       16000000 kB\nMemFree:          500000 kB\nMemAvailable:    9000000 kB\n",
        f"/lib/modules/{KERNEL}/modules.dep": "updates/dkms/v4l2loopback.ko: kernel/drivers/media/videodev.ko\n",
        f"/lib/modules/{KERNEL}/build/Makefile": "",
        f"{MODULE}/version": "0.12.7\n",
        f"{MODULE}/parameters/video_nr": "10,11,-1,-1,-1,-1,-1,-1\n",
        f"{MODULE}/parameters/exclusive_caps": "Y,Y,N,N,N,N,N,N\n",
        f"{LOOPBACK}/name": "stylecam\n",
        f"{LOOPBACK}/max_openers": "10\n",
        "/sys/devices/virtual/video4linux/video11/name": "OBS\n",
        "/sys/devices/virtual/video4linux/video11/max_openers": "10\n",
        OPTIONS_FILE: f"# written by stylecam setup; stylecam setup --remove takes it away\n{OPTIONS}\n",
        BOOT_FILE: "# written by stylecam setup; stylecam setup --remove takes it away\nv4l2loopback\n",
        "/sys/firmware/efi/fw_platform_size": "64\n",
        EFI_VARIABLE: "\x06\0\0\0\0",
        "/sys/firmware/acpi/platform_profile": "balanced\n",
    }
    host.nodes |= dict.fromkeys(("/dev/video0", "/dev/video10", "/dev/video11"), VIDEO)
    host.answer("modinfo", "-k", KERNEL, "v4l2loopback", out="filename: /lib/modules/…/v4l2loopback.ko\n")
    host.answer("mokutil", "--sb-state", out="SecureBoot disabled\n")
    return host, FakeDiagnostics([WEBCAM])


def unload(host: FakeHost) -> None:
    """The driver is installed and not loaded."""
    host.remove(MODULE, LOOPBACK, "/sys/devices/virtual/video4linux", "/dev/video10", "/dev/video11")
    host.files["/proc/modules"] = "videodev 299008 1 uvcvideo, Live 0x0\n"


def uninstall(host: FakeHost) -> None:
    """The driver is not there, and nothing of stylecam's."""
    unload(host)
    host.remove(OPTIONS_FILE, BOOT_FILE)
    host.files[f"/lib/modules/{host.kernel}/modules.dep"] = "kernel/drivers/media/videodev.ko:\n"
    host.answer("modinfo", "-k", host.kernel, "v4l2loopback", status=1, err="modinfo: ERROR: Module not found.\n")
