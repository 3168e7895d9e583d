"""Runs in the guest: loads drivers, starts stylecam, and looks at its pictures and files from outside.

Everything is slow here (Python 20 times, networks 100 times and more), so nothing waits for a fixed time.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

CAMERA, LOOPBACK = "/dev/video0", "/dev/video10"
SIZE, FPS = (320, 180), 8
TIMEOUT_S = 600.0
"""Long: on a busy machine the guest gets a tenth of a processor."""
STYLECAM = (sys.executable, "-m", "stylecam")


def load(version: str, exclusive: int = 1, label: str = "stylecam") -> None:
    """Load this version of v4l2loopback afresh."""
    unload()
    run("modprobe", "videodev")
    run("insmod", f"/opt/loopback/{version}/v4l2loopback.ko", "devices=1", "video_nr=10",
        f"exclusive_caps={exclusive}", f"card_label={label}")  # fmt: skip
    wait("the loopback device", lambda: Path(LOOPBACK).exists())


def unload() -> None:
    """Unload v4l2loopback."""
    wait("unloading", lambda: not Path("/sys/module/v4l2loopback").exists() or not call("rmmod", "v4l2loopback"))


def plug() -> None:
    """Plug in a camera: vivid's, as /dev/video0."""
    if not Path("/sys/module/vivid").exists():
        run("modprobe", "vivid", "n_devs=1", "node_types=0x1", "num_inputs=1", "input_types=0x0", "vid_cap_nr=0")
    elif not Path(CAMERA).exists():
        Path("/sys/bus/platform/drivers/vivid/bind").write_text("vivid.0")
    wait("the camera", lambda: Path(CAMERA).exists())


def unplug() -> None:
    """Unplug the camera, even while it is in use."""
    Path("/sys/bus/platform/drivers/vivid/unbind").write_text("vivid.0")


def remove_camera() -> None:
    """Unload the camera's driver, so that the machine has no camera."""
    if Path("/sys/module/vivid").exists():
        wait("unloading vivid", lambda: not call("rmmod", "vivid"))


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


def call(*command: str) -> int:
    return subprocess.run(command, check=False, capture_output=True).returncode


def wait(what: str, holds: Callable[[], object], seconds: float = TIMEOUT_S) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"waited {seconds:g} s in vain for {what}"
        time.sleep(0.05)


class StylecamProcess:
    """A `stylecam run` in a process of its own."""

    def __init__(self, *arguments: str, user: str | None = None) -> None:
        folder = Path(tempfile.mkdtemp(prefix="stylecam-"))
        folder.chmod(0o777)
        self._stats, self._log_file = folder / "stats.json", folder / "log"
        command = [*STYLECAM, "run", "--no-hotkeys", "--stats", str(self._stats)]
        if "--size" not in arguments:
            command += ["--size", "{}x{}".format(*SIZE)]
        if user:
            command = ["env", "HOME=/tmp", "setpriv", f"--reuid={user}", "--clear-groups", *command]
        with self._log_file.open("w") as log:
            self.process = subprocess.Popen(
                [*command, "--fps", str(FPS), *arguments], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    @property
    def log(self) -> str:
        """All it has printed."""
        return self._log_file.read_text()

    def stats(self) -> dict[str, object]:
        with contextlib.suppress(FileNotFoundError):
            found: dict[str, object] = json.loads(self._stats.read_text())
            return found
        return {}

    def wait(self, what: str, holds: Callable[[dict[str, object]], object]) -> dict[str, object]:
        """Wait until its statistics satisfy `holds`, and return them."""
        last: dict[str, object] = {}

        def check() -> bool:
            nonlocal last
            assert self.process.poll() is None, f"stylecam ended before {what}: {self.log}"
            last = self.stats()
            return bool(last) and bool(holds(last))

        wait(f"{what} ({self.log[-300:]!r})", check)
        return last

    def wait_for_frames(self) -> dict[str, object]:
        """Wait until frames of the camera are published."""
        return self.wait("frames", lambda stats: int(str(stats["styled"])) > 3)

    def refusal(self) -> str:
        """Wait until it refuses to start, and return the one line it printed."""
        assert self.process.wait(TIMEOUT_S) == 2, f"status {self.process.returncode}: {self.log}"
        lines = self.log.strip().splitlines()
        assert len(lines) == 1, f"more than one line: {lines}"
        return lines[0]

    def control(self, *words: str) -> None:
        """Run `stylecam ctl` with these words, again until it answers in time."""
        command = (*STYLECAM, "ctl", "--pid", str(self.process.pid), *words)
        wait(f"stylecam ctl {' '.join(words)}", lambda: call(*command) == 0)

    def descriptors(self) -> int:
        """Return the number of its open files."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def stop(self, how: int = signal.SIGINT) -> None:
        """Send it a signal and wait for its end."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(TIMEOUT_S)


@contextlib.contextmanager
def stylecam(*arguments: str) -> Iterator[StylecamProcess]:
    program = StylecamProcess(*arguments)
    try:
        yield program
    finally:
        program.stop()


@contextlib.contextmanager
def reader() -> Iterator[cv2.VideoCapture]:
    capture = cv2.VideoCapture(LOOPBACK, cv2.CAP_V4L2)
    try:
        yield capture
    finally:
        capture.release()


class Watcher(threading.Thread):
    """Reads the loopback device on a thread of its own, and counts the frames that are near a picture."""

    NEAR = 25.0
    """The mean absolute difference in levels below which a frame counts as this picture, mirrored or not."""

    def __init__(self, picture: np.ndarray) -> None:
        super().__init__(daemon=True)
        self._pictures = (picture, np.ascontiguousarray(picture[:, ::-1]))
        self._ended = threading.Event()
        self.frames = self.near = 0
        self.shows_it = False

    def __enter__(self) -> Watcher:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join(TIMEOUT_S)

    def start_counting(self) -> None:
        """Forget what was seen so far."""
        self.frames = self.near = 0

    def wait(self, what: str, *, seen: bool) -> None:
        """Wait until the newest frame is near the picture, or no longer is."""
        start = self.frames
        wait(what, lambda: self.frames > start and self.shows_it == seen)

    def run(self) -> None:
        capture = cv2.VideoCapture(LOOPBACK, cv2.CAP_V4L2)
        while not self._ended.is_set():
            ok, image = capture.read()
            if not ok:  # the writer is gone: as programs do, open it again
                capture.release()
                time.sleep(0.2)
                capture = cv2.VideoCapture(LOOPBACK, cv2.CAP_V4L2)
                continue
            self.shows_it = any(
                cv2.absdiff(image, np.ascontiguousarray(one)).mean() < self.NEAR for one in self._pictures
            )
            self.near += self.shows_it
            self.frames += 1
        capture.release()


@contextlib.contextmanager
def pipewire() -> Iterator[Callable[[], str]]:
    """Run udev, PipeWire and WirePlumber; yield a function that returns what PipeWire knows."""
    folder = Path("/run/pipewire-test")
    folder.mkdir(mode=0o700, exist_ok=True)
    kept = {"XDG_RUNTIME_DIR": str(folder), "DBUS_SESSION_BUS_ADDRESS": f"unix:path={folder}/bus"}
    run("/lib/systemd/systemd-udevd", "--daemon")
    run("udevadm", "trigger", "--subsystem-match=video4linux")
    address = kept["DBUS_SESSION_BUS_ADDRESS"]
    commands = (["dbus-daemon", "--session", "--nofork", f"--address={address}"], ["pipewire"], ["wireplumber"])
    started: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands:
            started.append(
                subprocess.Popen(command, env=os.environ | kept, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            )
            time.sleep(2)

        def dump() -> str:
            return subprocess.run(
                ["pw-dump"], env=os.environ | kept, capture_output=True, text=True, check=False, timeout=TIMEOUT_S
            ).stdout

        wait("PipeWire", lambda: "PipeWire:Interface:Core" in dump())
        yield dump
    finally:
        for process in reversed(started):
            process.kill()
            process.wait()
        call("udevadm", "control", "--exit")


def frames(capture: cv2.VideoCapture, count: int) -> list[np.ndarray]:
    images = []
    for number in range(count):
        ok, image = capture.read()
        assert ok, f"frame {number} did not come"
        images.append(image)
    return images


def moving(pictures: list[np.ndarray]) -> bool:
    return any(cv2.absdiff(one, other).max() > 0 for one, other in pairwise(pictures))


def has_open(device: str, pid: int) -> bool:
    with contextlib.suppress(OSError):
        return any(str(handle.readlink()) == device for handle in Path(f"/proc/{pid}/fd").iterdir())
    return False


def cpu_seconds(pid: int) -> float:
    """Return the processor seconds a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def doctor(user: str | None = None) -> dict[str, str]:
    """Return the findings of `stylecam doctor`: text and commands, by level and subject."""
    command = [*STYLECAM, "doctor", "--json"]
    if user:
        command = ["env", "HOME=/tmp", "setpriv", f"--reuid={user}", "--clear-groups", *command]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    assert done.returncode in (0, 1), f"status {done.returncode}: {done.stderr[-500:]}"
    findings: dict[str, str] = {}
    for one in json.loads(done.stdout):
        key = f"{one['level']} {one['subject']}"
        findings[key] = f"{findings.get(key, '')} {one['found']} {json.dumps(one['fix'])}"
    return findings


def pattern() -> np.ndarray:
    """Return blocks of random colours, larger than what the chroma of YUV 4:2:0 blurs."""
    width, height = SIZE
    image = np.zeros((height, width, 3), np.uint8)
    draw = np.random.default_rng(5)
    for top in range(0, height, 20):
        for left in range(0, width, 20):
            image[top : top + 20, left : left + 20] = draw.integers(0, 256, 3)
    return image


def block_centers(image: np.ndarray) -> np.ndarray:
    """Return the pixels in the middle of the blocks."""
    width, height = SIZE
    return image[10:height:20, 10:width:20].astype(int)


def pattern_arguments() -> list[str]:
    """Write the pattern to a file, and return the arguments that publish it unpainted."""
    cv2.imwrite("/tmp/pattern.png", pattern())
    return ["--camera", "/tmp/pattern.png", "--style", "none", "--output", "virtual"]
