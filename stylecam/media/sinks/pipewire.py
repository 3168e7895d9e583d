"""Publish a camera through PipeWire, without a driver or root, with GStreamer's `pipewiresink` in a child process."""

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
from stylecam.media.pipewire import PROGRAM as MONITOR_PROGRAM
from stylecam.media.pipewire import NodeMonitor
from stylecam.media.sinks.base import Sink
from stylecam.utils.clock import Clock, SystemClock
from stylecam.utils.latest import Latest
from stylecam.utils.message import Message
from stylecam.utils.process import READER_TIMEOUT_S, ChildProcess

PROGRAM = "gst-launch-1.0"
NODE = "stylecam"
"""The camera's name in lists, and the value for `pipewiresrc target-object=`."""
CONNECT_TIMEOUT_S = 5.0
"""How long PipeWire may take to answer: on a busy computer seconds. Where it does not run, `pw-dump` ends at once."""
NODE_TIMEOUT_S = 15.0
"""How long the camera may take to appear. GStreamer inspects all its plugins when it is started for the first time."""
POLL_S = 0.01
UNREAD_S = 0.4
"""Time between two frames while nobody reads the camera: converting them all would take processor time for nothing."""
PIPE_BYTES = 2**20
"""The capacity of the pipe to GStreamer, as far as the system grants it. Larger pieces of a frame cost less time."""
HD_LINES = 720
"""From this height on, readers without colour information take YUV for BT.709, and below it for BT.601."""
_MARK_PROPERTY = "stylecam.camera"
"""The node's property that tells it from other cameras, and from another stylecam's."""
_LAST_READER_LEFT = "all buffers have been removed"
"""The error with which plugins of PipeWire 1.4 end when the last reader leaves. The camera is then made again."""
_PACKAGES = {
    "apt-get": "sudo apt install gstreamer1.0-pipewire gstreamer1.0-tools gstreamer1.0-plugins-base pipewire-bin",
    "dnf": "sudo dnf install pipewire-gstreamer pipewire-utils gstreamer1 gstreamer1-plugins-base",
    "pacman": "sudo pacman -S gst-plugin-pipewire gst-plugins-base pipewire",
}


class PipeWireSink(Sink):
    """A PipeWire node of class Video/Source and role Camera, which exists while the sink is open.

    `gst-launch-1.0` makes the node and gets the frames; `pw-dump` reports whether a program reads the node. GStreamer
    discards frames that nobody reads, so it gets few of them.
    """

    name = "PipeWire camera"
    kind = "pipewire"
    opens_slowly = True
    label = NODE

    def __init__(self, clock: Clock | None = None) -> None:
        """Prepare a camera; `clock` is None for the system's."""
        super().__init__()
        self._clock = clock or SystemClock()
        self._shown_at = float("-inf")
        self._pipeline: list[str] = []
        self._camera: _GStreamerCamera | None = None
        self._monitor: NodeMonitor | None = None

    def _open(self, size: Size, fps: float) -> None:
        _check_programs()
        mark = f"camera-{secrets.token_hex(6)}"
        self._pipeline = _pipeline(size, fps, mark)
        try:
            self._monitor = NodeMonitor(_MARK_PROPERTY, mark)
            _wait_for_pipewire(self._monitor)
            self._camera = _GStreamerCamera(self._pipeline)
            _wait_for_node(self._monitor, self._camera)
        except BaseException as error:  # Ctrl-C too: no program is left behind
            self._close()
            if isinstance(error, OSError) and not isinstance(error, SinkUnavailableError):
                raise _unavailable(str(error), Message("use --output virtual or --output web")) from error
            raise

    def _write(self, frame: Frame) -> None:
        assert self._camera is not None
        assert self._monitor is not None
        if not self._monitor.running:  # first, because old plugins go on as if nothing had happened
            raise SinkLostError(
                Message("{name} has gone: PipeWire has ended; it comes back with PipeWire", name=self.name)
            )
        if not self._camera.program.running:
            reason = self._camera.program.exit_reason()
            if _LAST_READER_LEFT not in reason:
                raise SinkLostError(
                    Message("{name} has gone ({reason}); see whether PipeWire is well", name=self.name, reason=reason)
                )
            self._camera.close()
            try:
                self._camera = _GStreamerCamera(self._pipeline)
            except OSError as error:
                raise SinkLostError(
                    Message(
                        "{name} could not be made again ({error}); it is tried once more", name=self.name, error=error
                    )
                ) from error
        now = self._clock.now()
        if self._has_viewers() or now - self._shown_at >= UNREAD_S:
            self._shown_at = now
            self._camera.show(frame.image.copy())

    def viewer_names(self) -> tuple[str, ...]:
        """See `Sink.viewer_names`."""
        return (Message("a program on PipeWire"),) if self.opened and self._has_viewers() else ()

    def _has_viewers(self) -> bool | None:
        return self._monitor is not None and self._monitor.state == "running"

    def _close(self) -> None:
        camera, self._camera = self._camera, None
        if camera is not None:
            camera.close()
        monitor, self._monitor = self._monitor, None
        if monitor is not None:
            monitor.close()


class _GStreamerCamera:
    """`gst-launch-1.0` and a thread that writes whole frames to it; a waiting frame is replaced by a newer one."""

    def __init__(self, pipeline: Sequence[str]) -> None:
        """Start the program; raises OSError if that fails."""
        self._frames: Latest[Image] = Latest()
        self._closed = False
        self.program = ChildProcess([PROGRAM, "-q", "-f", *pipeline], with_input=True)
        self._writer = threading.Thread(target=self._write_frames, name="stylecam-pipewire", daemon=True)
        self._writer.start()

    def show(self, image: Image) -> None:
        """Write `image` next; nobody may change the array afterwards."""
        self._frames.put(image)

    def close(self) -> None:
        self._closed = True
        self._frames.close()
        self.program.kill()
        self._writer.join(READER_TIMEOUT_S)  # its pipe is broken
        self.program.close()

    def _write_frames(self) -> None:
        pipe = self.program.input
        _enlarge_pipe(pipe)
        with contextlib.suppress(OSError, ValueError):  # the program has ended; `PipeWireSink._write` notices that
            while not self._closed:
                image = self._frames.take(timeout=1.0)
                rest = memoryview(b"") if image is None else image.data.cast("B")
                while rest:
                    rest = rest[pipe.write(rest) :]


def _check_programs() -> None:
    if sys.platform != "linux":
        raise SinkUnavailableError(
            Message("no PipeWire camera can be made: PipeWire is a part of Linux; use --output virtual")
        )
    if missing := _missing_programs():
        raise _unavailable(f"{' and '.join(missing)} not found", install_hint())


def _wait_for_pipewire(monitor: NodeMonitor) -> None:
    if not monitor.wait_answered(CONNECT_TIMEOUT_S):
        reason = Message("it does not answer") if monitor.running else monitor.exit_reason()
        raise _unavailable(
            Message("PipeWire: {reason}", reason=reason),
            Message("start it: {command}", command="systemctl --user start pipewire wireplumber"),
        )


def _wait_for_node(monitor: NodeMonitor, camera: _GStreamerCamera) -> None:
    pause = threading.Event()
    for _ in range(round(NODE_TIMEOUT_S / POLL_S)):
        if monitor.state is not None:
            return
        if not camera.program.running:
            reason = camera.program.exit_reason()
            plugin_missing = "no element" in reason or "no property" in reason
            raise _unavailable(reason, install_hint() if plugin_missing else Message("see whether PipeWire is well"))
        pause.wait(POLL_S)
    raise _unavailable(
        Message("it did not appear within {seconds:g} s", seconds=NODE_TIMEOUT_S),
        Message("see whether PipeWire is well"),
    )


def install_hint() -> str:
    """Return how to install what the PipeWire camera needs on this system, as one command or step."""
    for program, command in _PACKAGES.items():
        if shutil.which(program) is not None:
            return Message("run: {command}", command=command)
    return Message("install GStreamer's tools and base plugins, its PipeWire plugin, and PipeWire's tools")


def is_available() -> bool:
    """Return whether the programs are installed. Whether PipeWire runs shows when the sink is opened."""
    return sys.platform == "linux" and not _missing_programs()


def _missing_programs() -> list[str]:
    return [program for program in (PROGRAM, MONITOR_PROGRAM) if shutil.which(program) is None]


def _unavailable(reason: str, remedy: str) -> SinkUnavailableError:
    return SinkUnavailableError(
        Message("no PipeWire camera can be made ({reason}); {remedy}", reason=reason, remedy=remedy)
    )


def _pipeline(size: Size, fps: float, mark: str) -> list[str]:
    """Return the arguments of `gst-launch-1.0` that turn BGR on standard input into a node with YUY2 frames.

    Most cameras give YUY2. Three parts need a reason:

    - `drop-allocation=true` makes the converter use its own memory. With the buffers of the sink (its "pool"), old
      plugins such as 0.3.65 crash at the first reader, and frames wait for readers, so a new reader would see an old
      picture.
    - `videotestsrc num-buffers=0` gives no frame, but accepts the pool. Without that the sink never learns the size of
      its buffers.
    - `sync=false` and counted times instead of the pipeline's clock, which is PipeWire's: in 1.4 it leaps by hours when
      a reader connects, and readers would wait that long for their next frame.
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
        f"stream-properties=properties,{node},{_MARK_PROPERTY}={mark}",
    ]


def _enlarge_pipe(pipe: IO[bytes]) -> None:
    import fcntl  # POSIX only, and this module must import everywhere

    with contextlib.suppress(OSError):
        fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
