"""Runs in the guest, as root: each case prepares the drivers, runs stylecam, looks from outside, and says what it saw.

A case is a function that returns a line of what it saw, or fails an assertion. Results go to `results.jsonl` in the
current folder, one line each as they come. Everything is slow here (Python 20 times, networks 100 times and more), so
nothing waits for a fixed time, and no time is judged.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

TINY = "tiny.onnx"
"""A network that passes its input on, in the current folder."""
CAMERA, LOOPBACK = "/dev/video0", "/dev/video10"
SIZE, FPS = (320, 180), 8
VERSIONS = ("0.12.7", "0.15.0")
PATIENCE_S = 600.0
"""Long: on a busy machine the guest gets a tenth of a processor."""
KILLS, UNPLUGS = 2, 20
STYLECAM = (sys.executable, "-m", "stylecam")

Case = Callable[[str], str]
CASES: dict[str, tuple[Case, tuple[str, ...]]] = {}


def case(*versions: str) -> Callable[[Case], Case]:
    """Register a case, to be run with each of these versions of v4l2loopback."""

    def register(function: Case) -> Case:
        CASES[function.__name__] = (function, versions)
        return function

    return register


def load(version: str, exclusive: int = 1, label: str = "stylecam") -> None:
    """v4l2loopback afresh, in this version."""
    unload()
    run("modprobe", "videodev")
    run("insmod", f"/opt/loopback/{version}/v4l2loopback.ko", "devices=1", "video_nr=10",
        f"exclusive_caps={exclusive}", f"card_label={label}")  # fmt: skip
    wait("the loopback device", lambda: Path(LOOPBACK).exists())


def unload() -> None:
    wait("unloading", lambda: not Path("/sys/module/v4l2loopback").exists() or not call("rmmod", "v4l2loopback"))


def plug() -> None:
    """A camera: vivid's, as /dev/video0."""
    if not Path("/sys/module/vivid").exists():
        run("modprobe", "vivid", "n_devs=1", "node_types=0x1", "num_inputs=1", "input_types=0x0", "vid_cap_nr=0")
    elif not Path(CAMERA).exists():
        Path("/sys/bus/platform/drivers/vivid/bind").write_text("vivid.0")
    wait("the camera", lambda: Path(CAMERA).exists())


def unplug() -> None:
    """Tear the camera out, also while it is in use."""
    Path("/sys/bus/platform/drivers/vivid/unbind").write_text("vivid.0")


def remove_camera() -> None:
    """As if there had never been one."""
    if Path("/sys/module/vivid").exists():
        wait("unloading vivid", lambda: not call("rmmod", "vivid"))


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)


def call(*command: str) -> int:
    return subprocess.run(command, check=False, capture_output=True).returncode


def wait(what: str, holds: Callable[[], object], seconds: float = PATIENCE_S) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"waited {seconds:g} s in vain for {what}"
        time.sleep(0.05)


class Stylecam:
    """`stylecam run` in a process of its own."""

    def __init__(self, *arguments: str, user: str | None = None) -> None:
        folder = Path(tempfile.mkdtemp(prefix="stylecam-"))
        folder.chmod(0o777)
        self._stats, self._log = folder / "stats.json", folder / "log"
        command = [*STYLECAM, "run", "--no-hotkeys", "--stats", str(self._stats)]
        if "--size" not in arguments:
            command += ["--size", "{}x{}".format(*SIZE)]
        if user:
            command = ["env", "HOME=/tmp", "setpriv", f"--reuid={user}", "--clear-groups", *command]
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [*command, "--fps", str(FPS), *arguments], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    @property
    def said(self) -> str:
        return self._log.read_text()

    def stats(self) -> dict[str, object]:
        with contextlib.suppress(FileNotFoundError):
            found: dict[str, object] = json.loads(self._stats.read_text())
            return found
        return {}

    def wait(self, what: str, holds: Callable[[dict[str, object]], object]) -> dict[str, object]:
        """The first statistics that hold."""
        last: dict[str, object] = {}

        def look() -> bool:
            nonlocal last
            assert self.process.poll() is None, f"stylecam ended before {what}: {self.said}"
            last = self.stats()
            return bool(last) and bool(holds(last))

        wait(f"{what} ({self.said[-300:]!r})", look)
        return last

    def flows(self) -> dict[str, object]:
        """Wait until pictures of the camera go out."""
        return self.wait("pictures", lambda stats: int(str(stats["styled"])) > 3)

    def refused(self) -> str:
        """Wait for its end; the last line it said."""
        assert self.process.wait(PATIENCE_S) == 2, f"status {self.process.returncode}: {self.said}"
        lines = self.said.strip().splitlines()
        assert len(lines) == 1, f"more than one line: {lines}"
        return lines[0]

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def stop(self, how: int = signal.SIGINT) -> None:
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(PATIENCE_S)


@contextlib.contextmanager
def stylecam(*arguments: str) -> Iterator[Stylecam]:
    started = Stylecam(*arguments)
    try:
        yield started
    finally:
        started.stop()


@contextlib.contextmanager
def reader() -> Iterator[cv2.VideoCapture]:
    capture = cv2.VideoCapture(LOOPBACK, cv2.CAP_V4L2)
    try:
        yield capture
    finally:
        capture.release()


def frames(capture: cv2.VideoCapture, count: int) -> list[np.ndarray]:
    taken = []
    for number in range(count):
        ok, image = capture.read()
        assert ok, f"frame {number} did not come"
        taken.append(image)
    return taken


def moving(pictures: list[np.ndarray]) -> bool:
    return any(cv2.absdiff(one, other).max() > 0 for one, other in pairwise(pictures))


def pattern() -> np.ndarray:
    """Blocks of every kind of colour, larger than what the chroma of YUV 4:2:0 blurs."""
    width, height = SIZE
    image = np.zeros((height, width, 3), np.uint8)
    draw = np.random.default_rng(5)
    for top in range(0, height, 20):
        for left in range(0, width, 20):
            image[top : top + 20, left : left + 20] = draw.integers(0, 256, 3)
    return image


def inner(image: np.ndarray) -> np.ndarray:
    """The middles of the blocks."""
    width, height = SIZE
    return image[10:height:20, 10:width:20].astype(int)


def show_pattern() -> list[str]:
    cv2.imwrite("/tmp/pattern.png", pattern())
    return ["--camera", "/tmp/pattern.png", "--style", "none", "--output", "virtual"]


LIVE = ("--camera", CAMERA, "--style", "none", "--output", "virtual")
LEVELS = 6
"""What converting to YUV and back, on either side, may change a colour by."""


def _pixel_true() -> str:
    with stylecam(*show_pattern()) as painted:
        painted.flows()
        with reader() as capture:
            wait("the picture in cv2", lambda: abs(inner(frames(capture, 1)[0]) - inner(pattern())).max() <= LEVELS)
            by_cv2 = abs(inner(frames(capture, 1)[0]) - inner(pattern())).max()
        command = ["ffmpeg", "-nostdin", "-v", "error", "-f", "v4l2", "-i", LOOPBACK, "-frames:v", "30",
                   "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "bgr24", "-"]  # fmt: skip
        raw = subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE_S).stdout
        taken = np.frombuffer(raw, np.uint8).reshape(-1, SIZE[1], SIZE[0], 3)
        by_ffmpeg = abs(inner(taken[-1]) - inner(pattern())).max()
        assert by_ffmpeg <= LEVELS, f"ffmpeg's picture is {by_ffmpeg} levels off"
    return f"largest difference {by_cv2} of 255 in cv2, {by_ffmpeg} in ffmpeg ({len(taken)} frames)"


@case(*VERSIONS)
def pixel_true(version: str) -> str:
    load(version)
    return _pixel_true()


@case(*VERSIONS)
def pixel_true_without_exclusive_caps(version: str) -> str:
    load(version, exclusive=0)
    return _pixel_true()


@case(*VERSIONS)
def killed_and_started_again(version: str) -> str:
    load(version)
    plug()
    times = []
    for _ in range(KILLS):
        began = time.monotonic()
        painted = Stylecam(*LIVE)
        painted.flows()
        times.append(time.monotonic() - began)
        painted.stop(signal.SIGKILL)
    with stylecam(*LIVE) as painted:
        painted.flows()
        with reader() as capture:
            assert moving(frames(capture, 10))
    return f"{KILLS} kills, pictures again after {', '.join(f'{t:.0f}' for t in times[1:])} s"


@case(*VERSIONS)
def reader_before_writer(version: str) -> str:
    load(version)
    plug()
    early = os.open(LOOPBACK, os.O_RDWR | os.O_NONBLOCK)
    try:
        with stylecam(*LIVE) as painted:
            painted.flows()
            with reader() as capture:
                assert moving(frames(capture, 10))
                painted.stop(signal.SIGKILL)
                with stylecam(*LIVE) as again:
                    again.flows()
                    assert moving(frames(capture, 10)), "the waiting reader did not carry on"
    finally:
        os.close(early)
    return "an early opener disturbs nothing; a streaming reader carries on with the next stylecam"


@case(*VERSIONS)
def two_readers(version: str) -> str:
    load(version)
    plug()
    with stylecam(*LIVE) as painted:
        painted.flows()
        with reader() as one:
            assert moving(frames(one, 5))
            with reader() as other:
                second = other.isOpened() and other.read()[0]
                assert moving(frames(one, 10)), "the second reader stopped the first"
            assert second == (version == "0.12.7")
            first = one.read()[0]
        with reader() as again:
            assert moving(frames(again, 5)), "nothing for a new reader"
    if not second:
        return "the driver lets only one in; the first is not disturbed"
    return "both get pictures; after the second's end the first " + ("goes on" if first else "must open it again")


@case(*VERSIONS)
def on_demand(version: str) -> str:
    load(version)
    plug()
    with stylecam(*LIVE) as painted:
        painted.wait("rest", lambda stats: stats["waiting_for"])
        wait("the camera to be free", lambda: not held(CAMERA, painted.process.pid))
        for _ in range(3):  # open and close, as Discord does
            os.close(os.open(LOOPBACK, os.O_RDWR | os.O_NONBLOCK))
            time.sleep(1)
        assert painted.stats()["waiting_for"], "opening without streaming has started the camera"
        before = cpu(painted.process.pid)
        time.sleep(10)
        idle = (cpu(painted.process.pid) - before) / 10
        with reader() as capture:
            began = time.monotonic()
            card = frames(capture, 1)[0]
            wait("a live picture", lambda: cv2.absdiff(frames(capture, 1)[0], card)[: SIZE[1] // 2].max() > 40)
            live_s = time.monotonic() - began
            assert held(CAMERA, painted.process.pid), f"live without the camera: {painted.stats()}"
            wait("a moving picture", lambda: moving(frames(capture, 5)))
        began = time.monotonic()
        wait("the camera to be free again", lambda: not held(CAMERA, painted.process.pid))
        off_s = time.monotonic() - began
    return (
        f"live {live_s:.1f} s after a reader's start, off {off_s:.1f} s after its end, idle {idle:.0%} of a core here"
    )


def held(device: str, pid: int) -> bool:
    with contextlib.suppress(OSError):
        return any(str(handle.readlink()) == device for handle in Path(f"/proc/{pid}/fd").iterdir())
    return False


def cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@case(VERSIONS[0])
def unplugged_twenty_times(version: str) -> str:
    load(version)
    plug()
    with stylecam(*LIVE, "--always-on") as painted:
        painted.flows()
        before, times = painted.descriptors(), []
        for _ in range(UNPLUGS):
            unplug()
            painted.wait("the loss", lambda stats: stats["source_trouble"])
            plug()
            began = time.monotonic()
            painted.wait("the return", lambda stats: not stats["source_trouble"])
            times.append(time.monotonic() - began)
        after = painted.descriptors()
    assert after <= before, f"descriptors: {before} before, {after} after"
    median = sorted(times)[len(times) // 2]
    return f"{len(times)} of {UNPLUGS} recoveries, median {median:.1f} s, descriptors {before} → {after}"


@case(VERSIONS[0])
def size_and_rate_stay_while_rungs_change(version: str) -> str:
    """With a network that passes the picture on: a real one never leaves the lowest rung on this machine."""
    load(version)
    plug()
    arguments = ("--camera", CAMERA, "--style", TINY, "--output", "virtual", "--always-on", "--size", "640x360")
    busy: list[subprocess.Popen[bytes]] = []
    with stylecam(*arguments) as painted:
        first = painted.wait("a painting", lambda stats: stats["rung"] and int(str(stats["styled"])) > 20)["rung"]
        with reader() as capture:
            sizes = {image.shape for image in frames(capture, 20)}
            try:
                busy += [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(12)]
                stats = painted.wait("another rung", lambda stats: stats["rung"] not in (None, first))
            finally:
                for program in busy:
                    program.kill()
                    program.wait()
            sizes |= {image.shape for image in frames(capture, 20)}
    assert sizes == {(360, 640, 3)}
    return f"rung {first} → {stats['rung']}, always 640x360 at {stats['recent']['published_fps']} a second"  # type: ignore[index]


@case(*VERSIONS)
def second_stylecam(version: str) -> str:
    load(version)
    plug()
    with stylecam(*LIVE, "--always-on") as painted:
        painted.flows()
        second = Stylecam(*show_pattern())
        said = second.refused()
        assert "another stylecam is using it" in said
        assert painted.process.poll() is None
    return said


@case(*VERSIONS)
def loopback_busy(version: str) -> str:
    load(version)
    writer = subprocess.Popen(
        ["ffmpeg", "-nostdin", "-v", "error", "-re", "-f", "lavfi", "-i", "testsrc=size=320x180:rate=5",
         "-pix_fmt", "yuv420p", "-f", "v4l2", LOOPBACK], stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        wait("ffmpeg writing", lambda: held(LOOPBACK, writer.pid))
        time.sleep(3)
        return Stylecam(*show_pattern()).refused()
    finally:
        writer.kill()
        writer.wait()


@case("")
def no_loopback_module(_: str) -> str:
    unload()
    said = Stylecam(*show_pattern()).refused()
    assert "stylecam setup" in said
    return said


@case(VERSIONS[0])
def no_permission(version: str) -> str:
    load(version)
    Path(LOOPBACK).chmod(0o600)
    return Stylecam(*show_pattern(), user="65534").refused()


@case(*VERSIONS)
def only_our_own_loopback_is_there(version: str) -> str:
    load(version)
    remove_camera()
    with stylecam("--style", "none", "--output", "virtual") as painted:
        painted.flows()
        assert "showing the built-in demo" in painted.said
    return "the demo, not its own picture"


PAGE = """<script>
const say = what => fetch("/", {method: "POST", body: JSON.stringify(what)});
const pause = ms => new Promise(done => setTimeout(done, ms));
(async () => {
  const video = document.createElement("video"), canvas = document.createElement("canvas");
  video.muted = true;
  video.srcObject = await navigator.mediaDevices.getUserMedia({video: true});
  const names = (await navigator.mediaDevices.enumerateDevices()).map(device => device.label);
  await video.play();
  const context = canvas.getContext("2d", {willReadFrequently: true});
  let before = null, moved = 0;
  while (moved < 3) {
    context.drawImage(video, 0, 0, canvas.width, canvas.height);
    const now = context.getImageData(0, 0, canvas.width, canvas.height).data;
    moved += before !== null && now.some((value, index) => Math.abs(value - before[index]) > 8);
    before = now;
    await pause(300);
  }
  say({names, size: [video.videoWidth, video.videoHeight]});
})().catch(error => say({error: String(error)}));
</script>"""


@case(*VERSIONS)
def chromium_shows_it_moving(version: str) -> str:
    load(version)
    remove_camera()
    said: list[dict[str, object]] = []

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(PAGE.encode())

        def do_POST(self) -> None:
            said.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with stylecam("--camera", "demo", "--style", "none", "--output", "virtual") as painted:
        painted.wait("a first frame", lambda stats: stats["published"])
        began = time.monotonic()
        browser = subprocess.Popen(
            ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--user-data-dir=/tmp/chromium", "--use-fake-ui-for-media-stream", f"http://localhost:{server.server_port}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        try:
            wait("Chromium's word", lambda: said)
        finally:
            browser.kill()
            browser.wait()
            server.shutdown()
    assert "error" not in said[0], said
    assert said[0]["size"] == [*SIZE], said
    assert any("stylecam" in str(name) for name in said[0]["names"]), said  # type: ignore[attr-defined]
    return f"{said[0]['names']}, moving, {time.monotonic() - began:.0f} s after Chromium's start"


@case(*VERSIONS)
def setup_makes_the_camera_appear(version: str) -> str:
    """From a driver that is only installed; installing packages wants a network, which the guest has not."""
    unload()
    installed = Path("/lib/modules") / os.uname().release / "extra"
    installed.mkdir(exist_ok=True)
    shutil.copy(f"/opt/loopback/{version}/v4l2loopback.ko", installed)
    run("depmod")
    try:
        run(*STYLECAM, "setup", "--yes")
        wait("the loopback device", lambda: Path(LOOPBACK).exists())
        labels = [Path(f"/sys/class/video4linux/video{number}/name").read_text().strip() for number in (10, 11)]
        assert labels == ["stylecam", "OBS"], labels
        with stylecam(*show_pattern()) as painted:
            painted.flows()
        again = subprocess.run([*STYLECAM, "setup", "--yes"], capture_output=True, text=True, check=True).stdout
        assert "Everything is set up already" in again, again
        run(*STYLECAM, "setup", "--remove", "--yes")
        left = [path for path in ("/etc/modprobe.d/stylecam.conf", "/etc/modules-load.d/stylecam.conf", LOOPBACK)
                if Path(path).exists()]  # fmt: skip
        assert not left, left
    finally:
        shutil.rmtree(installed)
        run("depmod")
    return "devices “stylecam” and “OBS”, pictures go out; set up only once; all gone after --remove"


@case(*VERSIONS)
def doctor_finds_what_is_wrong(version: str) -> str:
    load(version)
    plug()
    well = doctor()
    named = "of unknown version" if version == "0.12.7" else version  # that one does not say
    assert f"v4l2loopback {named}, loaded" in well.get("ok driver", ""), well
    assert {"ok camera", "ok exclusive_caps", "ok permission"} <= well.keys(), well
    assert any(CAMERA in found for found in well.values()), f"no word of the camera: {well}"
    changes: tuple[tuple[Callable[[], None], str, str], ...] = (
        (lambda: load(version, exclusive=0), "fault exclusive_caps", "modprobe -r v4l2loopback"),
        (lambda: load(version, label="OBS"), "warning camera", "modprobe -r v4l2loopback"),
        (unload, "fault driver", ""),
        (unplug, "fault cameras", ""),
    )
    for change, finding, fix in changes:
        change()
        sick = doctor()
        assert fix in sick.get(finding, "nothing of that"), f"{finding}: {sick}"
    load(version)
    Path(LOOPBACK).chmod(0o600)
    sick = doctor(user="65534")
    assert "fault permission" in sick, sick
    return "all well said to be well, and five faults found with their fixes"


def doctor(user: str | None = None) -> dict[str, str]:
    """What `stylecam doctor` finds: level and subject, to words and commands."""
    command = [*STYLECAM, "doctor", "--json"]
    if user:
        command = ["env", "HOME=/tmp", "setpriv", f"--reuid={user}", "--clear-groups", *command]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    assert done.returncode in (0, 1), f"status {done.returncode}: {done.stderr[-500:]}"
    told: dict[str, str] = {}
    for one in json.loads(done.stdout):
        key = f"{one['level']} {one['subject']}"
        told[key] = f"{told.get(key, '')} {one['found']} {json.dumps(one['fix'])}"
    return told


def main() -> int:
    wanted = sys.argv[1:]
    failures = 0
    with Path("results.jsonl").open("w") as results:
        for name, (function, versions) in CASES.items():
            for version in versions:
                if wanted and not {name, f"{name}:{version}"} & set(wanted):
                    continue
                began = time.monotonic()
                try:
                    passed, saw = True, function(version)
                except (AssertionError, OSError, subprocess.SubprocessError, ValueError) as error:
                    passed, saw = False, f"{type(error).__name__}: {error} {getattr(error, 'stderr', '') or ''}"
                failures += not passed
                took = round(time.monotonic() - began, 1)
                line = {"case": name, "version": version, "passed": passed, "seconds": took, "saw": saw}
                results.write(json.dumps(line) + "\n")
                results.flush()
                print(line, flush=True)
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main())
