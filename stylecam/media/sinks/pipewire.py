"""A camera of PipeWire, without a driver and without root: GStreamer's `pipewiresink` in a process of its own."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import sys
import threading
from collections.abc import Sequence
from fractions import Fraction
from typing import IO

from stylecam.errors import SinkLostError, SinkUnavailableError
from stylecam.media.frame import Frame, Image, Size
from stylecam.media.pipewire import PROGRAM as WATCHER
from stylecam.media.pipewire import NodeMonitor
from stylecam.media.sinks.base import Sink
from stylecam.utils.latest import Latest
from stylecam.utils.process import PART_S, ChildProcess

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
"""The node's property by which it is told from other cameras, and from another stylecam's."""
_LAST_READER_LEFT = "all buffers have been removed"
"""What plugins of PipeWire 1.4 end with when the last reader leaves, taking the camera along. It is made again."""
_PACKAGES = {
    "apt-get": "sudo apt install gstreamer1.0-pipewire gstreamer1.0-tools gstreamer1.0-plugins-base pipewire-bin",
    "dnf": "sudo dnf install pipewire-gstreamer pipewire-utils gstreamer1 gstreamer1-plugins-base",
    "pacman": "sudo pacman -S gst-plugin-pipewire gst-plugins-base pipewire",
}


class PipeWireSink(Sink):
    """A PipeWire node of class Video/Source and role Camera, there as long as the sink is open.

    Its frames are made by `gst-launch-1.0`; `pw-dump` tells whether anybody reads them. Frames that nobody reads end
    in the first of the two.
    """

    name = "PipeWire camera"

    def __init__(self) -> None:
        super().__init__()
        self._pipeline: list[str] = []
        self._camera: _Camera | None = None
        self._watch: NodeMonitor | None = None

    def _open(self, size: Size, fps: float) -> None:
        _check_programs()
        mark = f"camera-{secrets.token_hex(6)}"
        self._pipeline = _pipeline(size, fps, mark)
        try:
            self._watch = NodeMonitor(_MARK, mark)
            _await_pipewire(self._watch)
            self._camera = _Camera(self._pipeline)
            _await_node(self._watch, self._camera)
        except BaseException as error:  # Ctrl-C too: no program is left behind
            self._close()
            if isinstance(error, OSError) and not isinstance(error, SinkUnavailableError):
                raise _unavailable(str(error), "use --output virtual or --output web") from error
            raise

    def _write(self, frame: Frame) -> None:
        assert self._camera is not None
        assert self._watch is not None
        if not self._watch.running:  # asked first: old plugins go on as if nothing had happened
            raise SinkLostError(f"{self.name} has gone: PipeWire has ended; it comes back with PipeWire")
        if not self._camera.running:
            words = self._camera.exit_reason()
            if _LAST_READER_LEFT not in words:
                raise SinkLostError(f"{self.name} has gone ({words}); see whether PipeWire is well")
            self._camera.close()
            try:
                self._camera = _Camera(self._pipeline)
            except OSError as error:
                raise SinkLostError(f"{self.name} could not be made again ({error}); it is tried once more") from error
        self._camera.show(frame.image.copy())

    def _has_viewers(self) -> bool | None:
        return self._watch is not None and self._watch.state == "running"

    def _close(self) -> None:
        camera, self._camera = self._camera, None
        if camera is not None:
            camera.close()
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.close()


class _Camera:
    """`gst-launch-1.0`, and a thread that feeds it whole frames; while one waits, a newer one takes its place."""

    def __init__(self, pipeline: Sequence[str]) -> None:
        """Raises OSError if it cannot be started."""
        self._frames: Latest[Image] = Latest()
        self._closed = False
        self._program = ChildProcess([PROGRAM, "-q", "-f", *pipeline], fed=True)
        self._feeder = threading.Thread(target=self._feed, name="stylecam-pipewire", daemon=True)
        self._feeder.start()

    @property
    def running(self) -> bool:
        return self._program.running

    def exit_reason(self) -> str:
        return self._program.exit_reason()

    def show(self, image: Image) -> None:
        """Feed `image` next; it is the camera's to keep."""
        self._frames.put(image)

    def close(self) -> None:
        self._closed = True
        self._frames.close()
        self._program.kill()
        self._feeder.join(PART_S)  # its pipe is broken
        self._program.close()

    def _feed(self) -> None:
        pipe = self._program.input
        _widen(pipe)
        with contextlib.suppress(OSError, ValueError):  # the program has ended, which the next `write` finds out
            while not self._closed:
                image = self._frames.take(timeout=1.0)
                rest = memoryview(b"") if image is None else image.data.cast("B")
                while rest:
                    rest = rest[pipe.write(rest) :]


def _check_programs() -> None:
    if sys.platform != "linux":
        raise SinkUnavailableError("no PipeWire camera can be made: PipeWire is a part of Linux; use --output virtual")
    missing = [program for program in (PROGRAM, WATCHER) if shutil.which(program) is None]
    if missing:
        raise _unavailable(f"{' and '.join(missing)} not found", install_hint())


def _await_pipewire(watch: NodeMonitor) -> None:
    if not watch.answered(ANSWER_S):
        why = "it does not answer" if watch.running else watch.exit_reason()
        raise _unavailable(f"PipeWire: {why}", "start it: systemctl --user start pipewire wireplumber")


def _await_node(watch: NodeMonitor, camera: _Camera) -> None:
    pause = threading.Event()
    for _ in range(round(APPEAR_S / LOOK_S)):
        if watch.state is not None:
            return
        if not camera.running:
            words = camera.exit_reason()
            lacking = "no element" in words or "no property" in words
            raise _unavailable(words, install_hint() if lacking else "see whether PipeWire is well")
        pause.wait(LOOK_S)
    raise _unavailable(f"it did not appear within {APPEAR_S:g} s", "see whether PipeWire is well")


def install_hint() -> str:
    """How to get what the PipeWire camera needs on this system, as one command or step."""
    for program, command in _PACKAGES.items():
        if shutil.which(program) is not None:
            return f"run: {command}"
    return "install GStreamer's tools and base plugins, its PipeWire plugin, and PipeWire's tools"


def is_available() -> bool:
    """Whether the programs are there, for a hint; PipeWire itself is only asked when the sink is opened."""
    return sys.platform == "linux" and all(shutil.which(program) is not None for program in (PROGRAM, WATCHER))


def _unavailable(why: str, remedy: str) -> SinkUnavailableError:
    return SinkUnavailableError(f"no PipeWire camera can be made ({why}); {remedy}")


def _pipeline(size: Size, fps: float, mark: str) -> list[str]:
    """The words of `gst-launch-1.0`: BGR on standard input becomes YUY2, as most cameras give, and a node carries it.

    Where the sink hands its buffers to the converter (its "pool"), old plugins (0.3.65 for one) crash at the first
    reader, and frames wait for readers: a new one would see a picture of long ago. So the converter is told to use
    memory of its own. But the plugin learns the size of its buffers only from one who has accepted the pool: a test
    picture that gives no frame does that, ahead of ours. Times are counted, not taken from the pipeline's clock, which
    is PipeWire's: in 1.4 it leaps by hours when a reader comes, and readers wait that long for their next frame.
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
        *("fdsrc", "fd=0", f"blocksize={2**16}", "!"),
        *("rawvideoparse", "format=bgr", *shape.split(","), "!"),
        *("videoconvert", "!", yuy2, "!", "identity", "drop-allocation=true", "!", "joined."),
        *("joined.", "!", "pipewiresink", "mode=provide", "sync=false", f"client-name={NODE}"),
        f"stream-properties=properties,{node},{_MARK}={mark}",
    ]


def _widen(pipe: IO[bytes]) -> None:
    import fcntl  # POSIX only, and this module must import everywhere

    with contextlib.suppress(OSError):
        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
