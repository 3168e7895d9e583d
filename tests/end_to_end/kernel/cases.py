"""Runs in the guest, as root: the cases. Each prepares the drivers, runs stylecam and looks at it from outside.

A case is a function that returns one line about what it saw, or fails an assertion. Results go to `results.jsonl` in
the current folder, one line each as they come. No case judges a time, as everything is slow here.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np

from tests.end_to_end.kernel.harness import (
    CAMERA,
    LOOPBACK,
    SIZE,
    STYLECAM,
    TIMEOUT_S,
    StylecamProcess,
    Watcher,
    block_centers,
    cpu_seconds,
    doctor,
    frames,
    has_open,
    load,
    moving,
    pattern,
    pattern_arguments,
    pipewire,
    plug,
    reader,
    remove_camera,
    run,
    stylecam,
    unload,
    unplug,
    wait,
)

TINY = "tiny.onnx"
"""A network that passes its input on, in the current folder."""
INVERTING, FAILING, UNKNOWN = "inverting.onnx", "failing.onnx", "unknown.onnx"
"""Networks whose painting is far from the camera picture, whose runs fail, and which no engine can load."""
VERSIONS = ("0.12.7", "0.15.0")
KILLS, UNPLUGS = 2, 20

Case = Callable[[str], str]
CASES: dict[str, tuple[Case, tuple[str, ...]]] = {}


def case(*versions: str) -> Callable[[Case], Case]:
    """Register a case, to be run with each of these versions of v4l2loopback."""

    def register(function: Case) -> Case:
        CASES[function.__name__] = (function, versions)
        return function

    return register


LIVE = ("--camera", CAMERA, "--style", "none", "--output", "virtual")
LEVELS = 6
"""How far the conversion to YUV and back may change a colour."""


def _pixel_true() -> str:
    with stylecam(*pattern_arguments()) as program:
        program.wait_for_frames()
        with reader() as capture:
            wait(
                "the picture in cv2",
                lambda: abs(block_centers(frames(capture, 1)[0]) - block_centers(pattern())).max() <= LEVELS,
            )
            by_cv2 = abs(block_centers(frames(capture, 1)[0]) - block_centers(pattern())).max()
        command = ["ffmpeg", "-nostdin", "-v", "error", "-f", "v4l2", "-i", LOOPBACK, "-frames:v", "30",
                   "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "bgr24", "-"]  # fmt: skip
        raw = subprocess.run(command, capture_output=True, check=True, timeout=TIMEOUT_S).stdout
        taken = np.frombuffer(raw, np.uint8).reshape(-1, SIZE[1], SIZE[0], 3)
        by_ffmpeg = abs(block_centers(taken[-1]) - block_centers(pattern())).max()
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
        started_at = time.monotonic()
        program = StylecamProcess(*LIVE)
        program.wait_for_frames()
        times.append(time.monotonic() - started_at)
        program.stop(signal.SIGKILL)
    with stylecam(*LIVE) as program:
        program.wait_for_frames()
        with reader() as capture:
            assert moving(frames(capture, 10))
    return f"{KILLS} kills, pictures again after {', '.join(f'{t:.0f}' for t in times[1:])} s"


@case(*VERSIONS)
def covered_after_kill(version: str) -> str:
    """A panic outlives a kill, also for a reader that goes on reading."""
    load(version)
    arguments = (*pattern_arguments(), "--always-on")
    first, second = StylecamProcess(*arguments), None
    try:
        first.wait_for_frames()
        with Watcher(pattern()) as watcher:
            watcher.wait("the picture", seen=True)
            first.control("panic", "on")
            watcher.wait("the cover", seen=False)
            watcher.start_counting()
            first.stop(signal.SIGKILL)
            second = StylecamProcess(*arguments)
            before = watcher.frames
            wait("covered frames of the second", lambda: watcher.frames > before + 20)
            assert watcher.near == 0, f"{watcher.near} of {watcher.frames} frames showed the picture"
            covered = watcher.frames
            second.control("panic", "off")
            watcher.wait("the picture after the panic", seen=True)
    finally:
        for program in (first, second):
            if program is not None:
                program.stop()
    return f"none of {covered} frames showed the picture until the panic was ended"


@case(VERSIONS[0])
def no_raw_frame_through_every_fault(version: str) -> str:
    """A reader reads on through networks that fail, an unplugged camera, other sizes and a kill."""
    load(version)
    plug()
    styles = Path.home() / ".local/share/stylecam/styles"
    styles.mkdir(parents=True, exist_ok=True)
    for name in (INVERTING, FAILING, UNKNOWN):
        shutil.copy(name, styles)
    camera = cv2.VideoCapture(CAMERA, cv2.CAP_V4L2)
    camera.set(cv2.CAP_PROP_FRAME_WIDTH, SIZE[0])
    camera.set(cv2.CAP_PROP_FRAME_HEIGHT, SIZE[1])
    bare = cv2.resize(frames(camera, 5)[-1], SIZE)
    camera.release()
    arguments = ("--camera", CAMERA, "--style", Path(INVERTING).stem, "--output", "virtual", "--always-on")
    program, faults = StylecamProcess(*arguments), []
    try:
        program.wait("a painting", lambda stats: stats["painting"])
        with Watcher(bare) as watcher:
            watcher.start_counting()
            for command in (("select", "failing"), ("select", "unknown"), ("scale", "0.5"), ("select", "inverting"),
                            ("select", "failing"), ("scale", "1"), ("select", "inverting")):  # fmt: skip
                program.control(*command)
                faults.append(" ".join(command))
                before = watcher.frames
                wait("frames after it", lambda before=before: watcher.frames > before + 10)  # type: ignore[misc]
            unplug()
            program.wait("the loss", lambda stats: stats["source_trouble"])
            plug()
            program.wait("the return", lambda stats: not stats["source_trouble"])
            program.stop(signal.SIGKILL)
            program = StylecamProcess(*arguments)
            program.wait("a painting after the kill", lambda stats: stats["painting"])
            before = watcher.frames
            wait("frames after the kill", lambda: watcher.frames > before + 20)
            assert watcher.near == 0, f"{watcher.near} of {watcher.frames} frames showed the camera picture"
            painted = watcher.frames
            program.control("bypass", "on")
            watcher.wait("the camera picture once it is asked for", seen=True)
    finally:
        program.stop()
        shutil.rmtree(styles)
    return f"none of {painted} frames showed the camera picture through {', '.join(faults)}, unplug and kill -9"


@case(*VERSIONS)
def beside_pipewire(version: str) -> str:
    """PipeWire looks at every camera as it appears; that must not take the loopback device from us."""
    load(version)
    with pipewire() as dump:
        saw = _pixel_true()
        plug()
        with stylecam(*LIVE, "--always-on") as program:
            program.wait_for_frames()
            with reader() as capture:
                assert moving(frames(capture, 10))
            listed = [path for path in (CAMERA, LOOPBACK) if path in dump()]
    return f"{saw}; PipeWire lists {', '.join(listed) or 'neither camera'}"


@case(*VERSIONS)
def reader_before_writer(version: str) -> str:
    load(version)
    plug()
    early = os.open(LOOPBACK, os.O_RDWR | os.O_NONBLOCK)
    try:
        with stylecam(*LIVE) as program:
            program.wait_for_frames()
            with reader() as capture:
                assert moving(frames(capture, 10))
                program.stop(signal.SIGKILL)
                with stylecam(*LIVE) as next_program:
                    next_program.wait_for_frames()
                    assert moving(frames(capture, 10)), "the waiting reader did not carry on"
    finally:
        os.close(early)
    return "an early opener disturbs nothing; a streaming reader carries on with the next stylecam"


@case(*VERSIONS)
def two_readers(version: str) -> str:
    load(version)
    plug()
    with stylecam(*LIVE) as program:
        program.wait_for_frames()
        with reader() as one:
            assert moving(frames(one, 5))
            with reader() as other:
                second = other.isOpened() and other.read()[0]
                assert moving(frames(one, 10)), "the second reader stopped the first"
            assert second == (version == "0.12.7")
            first = one.read()[0]
        with reader() as third:
            assert moving(frames(third, 5)), "nothing for a new reader"
    if not second:
        return "the driver lets only one in; the first is not disturbed"
    return "both get pictures; after the second's end the first " + ("goes on" if first else "must open it again")


@case(*VERSIONS)
def on_demand(version: str) -> str:
    load(version)
    plug()
    with stylecam(*LIVE) as program:
        program.wait("rest", lambda stats: stats["waiting_for"])
        wait("the camera to be free", lambda: not has_open(CAMERA, program.process.pid))
        for _ in range(3):  # open and close, as Discord does
            os.close(os.open(LOOPBACK, os.O_RDWR | os.O_NONBLOCK))
            time.sleep(1)
        assert program.stats()["waiting_for"], "opening without streaming has started the camera"
        before = cpu_seconds(program.process.pid)
        time.sleep(10)
        idle = (cpu_seconds(program.process.pid) - before) / 10
        with reader() as capture:
            started_at = time.monotonic()
            card = frames(capture, 1)[0]
            wait("a live picture", lambda: cv2.absdiff(frames(capture, 1)[0], card)[: SIZE[1] // 2].max() > 40)
            live_s = time.monotonic() - started_at
            assert has_open(CAMERA, program.process.pid), f"live without the camera: {program.stats()}"
            wait("a moving picture", lambda: moving(frames(capture, 5)))
        started_at = time.monotonic()
        wait("the camera to be free again", lambda: not has_open(CAMERA, program.process.pid))
        off_s = time.monotonic() - started_at
    return (
        f"live {live_s:.1f} s after a reader's start, off {off_s:.1f} s after its end, idle {idle:.0%} of a core here"
    )


@case(VERSIONS[0])
def unplugged_twenty_times(version: str) -> str:
    load(version)
    plug()
    with stylecam(*LIVE, "--always-on") as program:
        program.wait_for_frames()
        before, times = program.descriptors(), []
        for _ in range(UNPLUGS):
            unplug()
            program.wait("the loss", lambda stats: stats["source_trouble"])
            plug()
            started_at = time.monotonic()
            program.wait("the return", lambda stats: not stats["source_trouble"])
            times.append(time.monotonic() - started_at)
        after = program.descriptors()
    assert after <= before, f"descriptors: {before} before, {after} after"
    median = sorted(times)[len(times) // 2]
    return f"{len(times)} of {UNPLUGS} recoveries, median {median:.1f} s, descriptors {before} → {after}"


@case(VERSIONS[0])
def size_and_rate_stay_while_rungs_change(version: str) -> str:
    """`stylecam ctl scale` sets the rung. The governor alone stays at the coarsest rung on so slow a machine."""
    load(version)
    plug()
    arguments = ("--camera", CAMERA, "--style", TINY, "--output", "virtual", "--always-on", "--size", "640x360")
    rungs, rates = [], []
    with stylecam(*arguments) as program:
        program.wait("a styled frame", lambda stats: stats["rung"])
        with reader() as capture:
            sizes = {image.shape for image in frames(capture, 10)}
            for scale, width in (("0.25", 160), ("0.5", 320), ("0.25", 160)):
                program.control("scale", scale)
                stats = program.wait(f"the rung of scale {scale}", has_rung(width))
                sizes |= {image.shape for image in frames(capture, 10)}
                rungs.append(stats["rung"])
                rates.append(stats["recent"]["published_fps"])  # type: ignore[index]
    assert sizes == {(360, 640, 3)}, sizes
    return f"rungs {rungs}, always 640x360, at {', '.join(f'{rate:.1f}' for rate in rates)} frames a second"


def has_rung(width: int) -> Callable[[dict[str, object]], bool]:
    """Return a test for statistics: is the last styled frame's rung `width` pixels wide?"""

    def check(stats: dict[str, object]) -> bool:
        rung = stats["rung"]
        return isinstance(rung, list) and rung[0] == width

    return check


@case(*VERSIONS)
def second_stylecam(version: str) -> str:
    load(version)
    plug()
    with stylecam(*LIVE, "--always-on") as program:
        program.wait_for_frames()
        message = StylecamProcess(*pattern_arguments()).refusal()
        for part in (f"stylecam is running already (process {program.process.pid})", LOOPBACK, "stylecam ctl"):
            assert part in message, f"no word of {part!r} in: {message}"
        assert program.process.poll() is None, f"the first one ended: {program.log}"
    return message


@case(*VERSIONS)
def loopback_busy(version: str) -> str:
    load(version)
    writer = subprocess.Popen(
        ["ffmpeg", "-nostdin", "-v", "error", "-re", "-f", "lavfi", "-i", "testsrc=size=320x180:rate=5",
         "-pix_fmt", "yuv420p", "-f", "v4l2", LOOPBACK], stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        wait("ffmpeg writing", lambda: has_open(LOOPBACK, writer.pid))
        time.sleep(3)
        return StylecamProcess(*pattern_arguments()).refusal()
    finally:
        writer.kill()
        writer.wait()


@case("")
def no_loopback_module(_: str) -> str:
    unload()
    message = StylecamProcess(*pattern_arguments()).refusal()
    assert "stylecam setup" in message, message
    return message


@case(VERSIONS[0])
def no_permission(version: str) -> str:
    load(version)
    Path(LOOPBACK).chmod(0o600)
    return StylecamProcess(*pattern_arguments(), user="65534").refusal()


@case(*VERSIONS)
def only_our_own_loopback_is_there(version: str) -> str:
    load(version)
    remove_camera()
    with stylecam("--style", "none", "--output", "virtual") as program:
        program.wait_for_frames()
        assert "showing the built-in demo" in program.log
    return "it shows the demo, not its own picture"


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
    reports: list[dict[str, object]] = []

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(PAGE.encode())

        def do_POST(self) -> None:
            reports.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with stylecam("--camera", "demo", "--style", "none", "--output", "virtual") as program:
        program.wait("a first frame", lambda stats: stats["published"])
        started_at = time.monotonic()
        browser = subprocess.Popen(
            ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             "--user-data-dir=/tmp/chromium", "--use-fake-ui-for-media-stream", f"http://localhost:{server.server_port}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        try:
            wait("Chromium's report", lambda: reports)
        finally:
            browser.kill()
            browser.wait()
            server.shutdown()
    assert "error" not in reports[0], reports
    assert reports[0]["size"] == [*SIZE], reports
    assert any("stylecam" in str(name) for name in reports[0]["names"]), reports  # type: ignore[attr-defined]
    return f"{reports[0]['names']}, moving, {time.monotonic() - started_at:.0f} s after Chromium's start"


@case(*VERSIONS)
def setup_makes_the_camera_appear(version: str) -> str:
    """The driver is already installed: installing packages needs a network, which the guest lacks."""
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
        with stylecam(*pattern_arguments()) as program:
            program.wait_for_frames()
        second = subprocess.run([*STYLECAM, "setup", "--yes"], capture_output=True, text=True, check=True).stdout
        assert "Everything is set up already" in second, second
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
    assert any(CAMERA in found for found in well.values()), f"nothing about the camera: {well}"
    changes: tuple[tuple[Callable[[], None], str, str], ...] = (
        (lambda: load(version, exclusive=0), "fault exclusive_caps", "modprobe -r v4l2loopback"),
        (lambda: load(version, label="OBS"), "warning camera", "modprobe -r v4l2loopback"),
        (unload, "fault driver", ""),
        (unplug, "fault cameras", ""),
    )
    for change, finding, fix in changes:
        change()
        sick = doctor()
        assert fix in sick.get(finding, "no such finding"), f"{finding}: {sick}"
    load(version)
    Path(LOOPBACK).chmod(0o600)
    sick = doctor(user="65534")
    assert "fault permission" in sick, sick
    return "a healthy machine is found healthy, and five faults are found with their fixes"


def main() -> int:
    requested = sys.argv[1:]
    failures = 0
    with Path("results.jsonl").open("w") as results:
        for name, (function, versions) in CASES.items():
            for version in versions:
                if requested and not {name, f"{name}:{version}"} & set(requested):
                    continue
                started_at = time.monotonic()
                try:
                    passed, saw = True, function(version)
                except (AssertionError, OSError, subprocess.SubprocessError, ValueError) as error:
                    passed, saw = False, f"{type(error).__name__}: {error} {getattr(error, 'stderr', '') or ''}"
                failures += not passed
                seconds = round(time.monotonic() - started_at, 1)
                line = {"case": name, "version": version, "passed": passed, "seconds": seconds, "saw": saw}
                results.write(json.dumps(line) + "\n")
                results.flush()
                print(line, flush=True)
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main())
