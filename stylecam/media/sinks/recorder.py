"""Record frames to a video file, on a thread of its own."""

from __future__ import annotations

import contextlib
import queue
import shutil
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from stylecam.errors import SinkLostError, SinkUnavailableError
from stylecam.media.frame import Frame, Image, Size
from stylecam.media.sinks.base import Sink
from stylecam.media.video_file import SUFFIXES
from stylecam.utils.files import create_part_file
from stylecam.utils.optional import install_command, load

QUEUE_FRAMES = 8
"""How many frames may wait for the encoder. If it cannot keep up, the newest frame is dropped."""
DISK_CHECK_FRAMES = 30
"""The free space is checked every so many frames."""
MIN_FREE_BYTES = 64 * 2**20
FINISH_TIMEOUT_S = 8.0
"""How long `close` waits for the encoder to finish the file."""
FAILURE_TIMEOUT_S = 0.3
"""How long it waits after the encoder has failed."""


class RecorderSink(Sink):
    """Records at the publishing rate into the file `path`.

    Until the recording is finished it is called `NAME.part.mp4`. With PyAV (`pip install "stylecam[video]"`) it is
    H.264 in fragments, which can be played even after a power cut. Without PyAV it is MPEG-4 through OpenCV.

    The publisher's thread hands over copies of the frames; the thread `stylecam-recorder` encodes them.
    """

    retries = False

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.name = f"file {path}"
        self._part: Path | None = None
        self._discarded = False
        self._count = 0
        self._queue: queue.Queue[tuple[int, Image] | None] = queue.Queue(QUEUE_FRAMES)
        self._thread: threading.Thread | None = None
        self._failure: str | None = None

    def _open(self, size: Size, fps: float) -> None:
        if self.path.suffix.lower() not in SUFFIXES:
            raise SinkUnavailableError(
                f"{self.path}: recordings are {', '.join(SUFFIXES)} files; write {self.path}.mp4"
            )
        folder = self.path.parent
        if not folder.is_dir():
            raise SinkUnavailableError(f"{self.path}: there is no folder {folder}; create it first")
        if self.path.is_dir():
            raise SinkUnavailableError(f"{self.path} is a folder; name a file")
        part = self._part = self._new_part()
        self._failure, self._count = None, 0
        try:
            encoder = _make_encoder(part, size, fps)
        except BaseException as error:  # Ctrl-C too: nothing half-written stays
            part.unlink(missing_ok=True)
            if isinstance(error, SinkUnavailableError) or not isinstance(error, Exception):
                raise
            raise SinkUnavailableError(f"{self.path} cannot be recorded: {error}; update PyAV or remove it") from error
        self._thread = threading.Thread(
            target=self._encode, args=(encoder, part), name="stylecam-recorder", daemon=True
        )
        self._thread.start()

    def _new_part(self) -> Path:
        """Create a file beside the recording's; what a crash or another stylecam has left under such a name stays."""
        try:
            return create_part_file(self.path, attempts=99)
        except FileExistsError as error:
            raise SinkUnavailableError(f"{self.path}: 99 unfinished recordings lie beside it; remove them") from error
        except OSError as error:
            raise SinkUnavailableError(
                f"{self.path} cannot be written: {error.strerror}; choose another place"
            ) from error

    def _write(self, frame: Frame) -> None:
        if self._failure is not None:
            raise SinkLostError(self._failure)
        self._count += 1
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait((self._count, frame.image.copy()))

    def discard(self) -> None:
        """See `Sink.discard`. A file that existed before the recording stays as it was."""
        self._discarded = True
        self.close()
        self._close()  # an interrupt while it opened may have left the thread and the file
        if self._part is not None:
            self._part.unlink(missing_ok=True)

    def _close(self) -> None:
        thread, self._thread = self._thread, None
        if thread is None or thread.ident is None:  # never started
            return
        reported = self._failure is not None  # `write` has raised it
        while thread.is_alive():
            with contextlib.suppress(queue.Full):
                self._queue.put(None, timeout=0.1)
                break
        thread.join(FAILURE_TIMEOUT_S if reported else FINISH_TIMEOUT_S)
        if self._failure is not None and not reported and not self._discarded:
            raise SinkLostError(self._failure)

    def _encode(self, encoder: _Encoder, part: Path) -> None:
        """Encode frames until None comes, then give the file its name. The body of the encoding thread."""
        encoded = 0
        while (item := self._queue.get()) is not None:
            if self._failure is not None:
                continue  # keep taking, so that `close` need not wait for room in the queue
            count, image = item
            try:
                encoder.write(image, count)
                check_due = count // DISK_CHECK_FRAMES > encoded // DISK_CHECK_FRAMES
                if check_due and shutil.disk_usage(part.parent).free < MIN_FREE_BYTES:
                    raise OSError("the disk is nearly full")
                encoded = count
            except Exception as error:  # noqa: BLE001 - encoders raise their own kinds; `write` reports it
                self._failure = f"recording {self.path} stopped: {error}; what was recorded until now is kept"
        try:
            encoder.close()
            if encoded and not self._discarded:
                part.replace(self.path)
        except Exception as error:  # noqa: BLE001 - as above
            self._failure = f"recording {self.path} could not be finished: {error}; the unfinished file is {part}"
            return
        part.unlink(missing_ok=True)


class _Encoder(Protocol):
    def write(self, image: Image, number: int) -> None:
        """Encode `image` as frame `number`, counted from 1. A gap in the numbers is a gap in time."""

    def close(self) -> None: ...


def _make_encoder(path: Path, size: Size, fps: float) -> _Encoder:
    try:
        av = load("av", purpose="recording in H.264", extra="video", error=SinkUnavailableError)
    except SinkUnavailableError:
        return _OpenCVEncoder(path, size, fps)
    return _PyAVEncoder(av, path, size, fps)


class _OpenCVEncoder:
    """Encodes MPEG-4 Part 2, which every OpenCV package can; the file can be played once it is closed."""

    def __init__(self, path: Path, size: Size, fps: float) -> None:
        self._written = 0
        self._writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
        if not self._writer.isOpened():
            raise SinkUnavailableError(f"{path}: OpenCV has no video encoder here; run: {install_command('video')}")

    def write(self, image: Image, number: int) -> None:
        for _ in range(number - self._written):
            self._writer.write(image)
        self._written = number

    def close(self) -> None:
        self._writer.release()


class _PyAVEncoder:
    """Encodes H.264, 4:2:0, in fragments of about a second."""

    def __init__(self, av: Any, path: Path, size: Size, fps: float) -> None:
        options = {"movflags": "+frag_keyframe+empty_moov+default_base_moof"} if path.suffix != ".mkv" else {}
        self._container: Any = av.open(str(path), "w", options=options)
        rate = Fraction(fps).limit_denominator(1001)
        self._stream: Any = self._container.add_stream(
            "libx264", rate=rate, options={"preset": "ultrafast", "crf": "20", "g": str(max(1, round(fps)))}
        )
        self._stream.width, self._stream.height = size
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.thread_count = 1  # the network needs the cores
        self._frame_type = av.VideoFrame

    def write(self, image: Image, number: int) -> None:
        frame = self._frame_type.from_ndarray(np.ascontiguousarray(image), format="bgr24")
        frame.pts = number - 1
        frame.time_base = 1 / self._stream.codec_context.rate
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        self._container.mux(self._stream.encode(None))
        self._container.close()
