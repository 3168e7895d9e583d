"""A camera of PipeWire, without a driver and without root: GStreamer's `pipewiresink` in a process of its own."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import sys
import threading
from fractions import Fraction
from typing import IO

from stylecam.companion import PART_S, Companion
from stylecam.errors import SinkLostError, SinkUnavailableError
from stylecam.frame import Frame, Image, Size
from stylecam.graph import PROGRAM as WATCHER
from stylecam.graph import NodeWatch
from stylecam.sinks.base import Sink
from stylecam.slot import Slot

PROGRAM = "gst-launch-1.0"
NODE = "stylecam"
"""The camera's name in lists, and what `pipewiresrc target-object=` wants."""
ANSWER_S, APPEAR_S = 0.5, 15.0
"""How long PipeWire may take to answer, and the camera to appear: the first GStreamer ever looks at all its plugins."""
LOOK_S = 0.01
PIPE_BYTES = 2**20
"""A pipe's room, as far as the system grants it: the fewer parts a frame goes in, the less work."""
HD_LINES = 720
"""From this height on, YUV is taken for BT.709 by those who are not told, and below for BT.601."""
_MARK = "stylecam.camera"
_PACKAGES = {
    "apt-get": "sudo apt install gstreamer1.0-pipewire gstreamer1.0-tools gstreamer1.0-plugins-base pipewire-bin",
    "dnf": "sudo dnf install pipewire-gstreamer pipewire-utils gstreamer1 gstreamer1-plugins-base",
    "pacman": "sudo pacman -S gst-plugin-pipewire gst-plugins-base pipewire",
}


class PipeWireSink(Sink):
    """A PipeWire node of class Video/Source and role Camera, there as long as the sink is open.

    A thread feeds the newest frame, always a whole one, to `gst-launch-1.0`; while that does not take any, newer frames
    replace the one that waits. Frames that nobody reads end there.
    """

    name = "PipeWire camera"

    def __init__(self) -> None:
        super().__init__()
        self._camera: Companion | None = None
        self._watch: NodeWatch | None = None
        self._feeder: threading.Thread | None = None
        self._frames: Slot[Image] = Slot()
        self._stop = threading.Event()

    def _open(self, size: Size, fps: float) -> None:
        mark = f"camera-{secrets.token_hex(6)}"
        try:
            self._check_programs()
            self._watch = NodeWatch(_MARK, mark)
            self._await_pipewire(self._watch)
            self._camera = Companion([PROGRAM, "-q", "-f", *_pipeline(size, fps, mark)], fed=True)
            self._await_node(self._watch, self._camera)
        except OSError as error:  # SinkUnavailableError too
            self._close()
            if isinstance(error, SinkUnavailableError):
                raise
            raise _unavailable(str(error)) from error
        except BaseException:  # Ctrl-C: no program is left behind
            self._close()
            raise
        self._frames, self._stop = Slot(), threading.Event()
        arguments = (self._camera.input, self._frames, self._stop)
        self._feeder = threading.Thread(target=_feed, args=arguments, name="stylecam-pipewire", daemon=True)
        self._feeder.start()

    def _check_programs(self) -> None:
        if sys.platform != "linux":
            raise SinkUnavailableError("no PipeWire camera: PipeWire is a part of Linux; use --output virtual")
        missing = [program for program in (PROGRAM, WATCHER) if shutil.which(program) is None]
        if missing:
            plural = "are" if len(missing) > 1 else "is"
            raise _unavailable(f"{' and '.join(missing)} {plural} not installed", install_hint())

    def _await_pipewire(self, watch: NodeWatch) -> None:
        if watch.answered(ANSWER_S):
            return
        why = "it does not answer" if watch.running else watch.last_words()
        raise _unavailable(f"PipeWire: {why}", "start it: systemctl --user start pipewire wireplumber")

    def _await_node(self, watch: NodeWatch, camera: Companion) -> None:
        pause = threading.Event()
        for _ in range(round(APPEAR_S / LOOK_S)):
            if watch.state is not None:
                return
            if not camera.running:
                words = camera.last_words()
                lacking = 'no element "' in words or "no property" in words
                raise _unavailable(words, install_hint() if lacking else "see whether PipeWire is well")
            pause.wait(LOOK_S)
        raise _unavailable(f"GStreamer did not bring it forth within {APPEAR_S:g} s", "see whether PipeWire is well")

    def _write(self, frame: Frame) -> None:
        assert self._camera is not None
        assert self._watch is not None
        if not self._camera.running:
            raise SinkLostError(f"{self.name} has gone ({self._camera.last_words()}); it comes back with PipeWire")
        if not self._watch.running:  # old plugins do not notice
            raise SinkLostError(f"{self.name} has gone: PipeWire has ended; it comes back with PipeWire")
        if self._watch.state is None:
            raise SinkLostError(f"{self.name} was taken away; it is made again")
        self._frames.put(frame.image.copy())

    def _watched(self) -> bool | None:
        return self._watch is not None and self._watch.state == "running"

    def _close(self) -> None:
        self._stop.set()
        self._frames.close()
        camera, self._camera = self._camera, None
        feeder, self._feeder = self._feeder, None
        watch, self._watch = self._watch, None
        if camera is not None:
            camera.kill()
        if feeder is not None:
            feeder.join(PART_S)  # its pipe is broken
        for program in (camera, watch):
            if program is not None:
                program.close()


def install_hint() -> str:
    """How to get what the PipeWire camera needs on this system, as one command or step."""
    for program, command in _PACKAGES.items():
        if shutil.which(program) is not None:
            return f"run: {command}"
    return "install GStreamer's tools and base plugins, its PipeWire plugin, and PipeWire's tools"


def is_possible() -> bool:
    """Whether the programs are there, for a hint; PipeWire itself is only asked when the sink is opened."""
    return sys.platform == "linux" and all(shutil.which(program) is not None for program in (PROGRAM, WATCHER))


def _unavailable(why: str, remedy: str = "use --output virtual or --output web") -> SinkUnavailableError:
    return SinkUnavailableError(f"no PipeWire camera can be made ({why}); {remedy}")


def _pipeline(size: Size, fps: float, mark: str) -> list[str]:
    """The words of `gst-launch-1.0`: BGR on standard input becomes YUY2, as most cameras give, and a node carries it.

    Where the sink hands its buffers to the converter (its "pool"), old plugins (0.3.65 for one) crash at the first
    reader, and frames wait for readers: a new one would see a picture of long ago. So the converter is told to use
    memory of its own. But the plugin learns the size of its buffers only from one who has accepted the pool: a test
    picture that gives no frame does that, ahead of ours.
    """
    rate = Fraction(fps).limit_denominator(1001)
    colorimetry = "bt709" if size.height >= HD_LINES else "bt601"
    shape = f"width={size.width},height={size.height},framerate={rate.numerator}/{rate.denominator}"
    yuy2 = (
        f"video/x-raw,format=YUY2,{shape},colorimetry={colorimetry},interlace-mode=progressive,pixel-aspect-ratio=1/1"
    )
    node = f"media.class=Video/Source,media.role=Camera,media.name={NODE},node.name={NODE},node.description={NODE}"
    return [
        *("concat", "name=joined"),
        *("videotestsrc", "num-buffers=0", "!", yuy2, "!", "joined."),
        *("fdsrc", "fd=0", "do-timestamp=true", f"blocksize={2**16}", "!"),
        *("rawvideoparse", "format=bgr", *shape.split(","), "!"),
        *("videoconvert", "!", yuy2, "!", "identity", "drop-allocation=true", "!", "joined."),
        *("joined.", "!", "pipewiresink", "mode=provide", "sync=false", f"client-name={NODE}"),
        f"stream-properties=properties,{node},{_MARK}={mark}",
    ]


def _feed(pipe: IO[bytes], frames: Slot[Image], stop: threading.Event) -> None:
    """The feeding thread: one whole frame after the other until told to stop, or nobody takes them."""
    _widen(pipe)
    with contextlib.suppress(OSError, ValueError):  # the program has ended: `write` finds out and says so
        while not stop.is_set():
            image = frames.take(timeout=1.0)
            rest = memoryview(b"") if image is None else image.data.cast("B")
            while rest:
                rest = rest[pipe.write(rest) :]


def _widen(pipe: IO[bytes]) -> None:
    import fcntl  # POSIX only, and this module must import everywhere

    with contextlib.suppress(OSError):
        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
