"""Record frames to a video file, on a thread of its own."""

from __future__ import annotations

import contextlib
import logging
import queue
import shutil
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from stylecam.errors import SinkLostError, SinkUnavailableError
from stylecam.media.file_check import utf8_name
from stylecam.media.frame import Frame, Image, Size
from stylecam.media.sinks.base import Sink
from stylecam.media.sound.microphone import Microphone, SoundFeed
from stylecam.media.sound.track import AacTrack
from stylecam.media.video_file import SUFFIXES
from stylecam.utils.clock import Clock, SystemClock
from stylecam.utils.files import create_numbered_part, rename_part
from stylecam.utils.message import Message, joined
from stylecam.utils.optional import install_command, load

logger = logging.getLogger(__name__)

QUEUE_FRAMES = 8
"""How many frames may wait for the encoder. If it cannot keep up, the newest frame is dropped."""
DISK_CHECK_FRAMES = 30
"""The free space is checked every so many frames."""
MIN_FREE_BYTES = 64 * 2**20
FINISH_TIMEOUT_S = 8.0
"""How long `close` waits for the encoder to finish the file."""
_POLL_S = 0.1
"""How often the encoder's thread checks whether the recording has ended while no frame comes."""


SOUND_TIME_BASE = Fraction(1, 90_000)
"""The unit of the pictures' times in a recording with sound."""
_Numbered = tuple[int, float, Image]
"""A frame's number, the time it was published at, and its picture."""


class RecorderSink(Sink):
    """Records at the publishing rate into the file `path`, or into `NAME-2.mp4` and so on where that exists.

    Until the recording is finished it is called `NAME.part.mp4`. With PyAV (`pip install "stylecam[video]"`) it is
    H.264 in fragments, which can be played even after a power cut. Without PyAV it is MPEG-4 through OpenCV.

    The publisher's thread hands over copies of the frames; the thread `stylecam-recorder` encodes them.

    Attributes:
        path: the file; from `open` on with its number.
        failure: why the recording stopped or could not be finished, and what is left of it; None without a failure.
        finished: True once the file is whole and has its name.
    """

    kind = "file"
    retries = False

    def __init__(self, path: Path, microphone: Microphone | None = None, clock: Clock | None = None) -> None:
        """Prepare a recording; nothing is written before `open`.

        Args:
            path: the file, or its name before it gets a number.
            microphone: gives the sound; None for a recording without.
            clock: the time of the pictures where there is sound; None for the system's.
        """
        super().__init__()
        self._microphone, self._clock = microphone, clock or SystemClock()
        self._sound: SoundFeed | None = None
        self.path = path
        self.name = f"file {path}"
        self.failure: str | None = None
        self.finished = False
        self._part: Path | None = None
        self._fps = 0.0
        self._discarded = self._late = False
        self._count = 0
        self._queue: queue.Queue[_Numbered | None] = queue.Queue(QUEUE_FRAMES)
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def _open(self, size: Size, fps: float) -> None:
        if self.path.suffix.lower() not in SUFFIXES:
            raise SinkUnavailableError(
                Message(
                    "{path}: recordings are {suffixes} files; write {path}.mp4",
                    path=self.path,
                    suffixes=", ".join(SUFFIXES),
                )
            )
        utf8_name(self.path, SinkUnavailableError)
        folder = self.path.parent
        if not folder.is_dir():
            raise SinkUnavailableError(
                Message("{path}: there is no folder {folder}; create it first", path=self.path, folder=folder)
            )
        if shutil.disk_usage(folder).free < MIN_FREE_BYTES:
            raise SinkUnavailableError(
                Message("{path}: the disk is nearly full; free some space or choose another place", path=self.path)
            )
        part = self._reserve()
        self._fps = fps
        try:
            if self._microphone is not None:
                self._sound = self._microphone.add_feed()
            encoder = _make_encoder(part, size, fps, self._sound)
        except BaseException as error:  # Ctrl-C too: nothing half-written stays
            part.unlink(missing_ok=True)
            self._release_sound()
            if isinstance(error, SinkUnavailableError) or not isinstance(error, Exception):
                raise
            raise SinkUnavailableError(
                Message("{path} cannot be recorded: {error}; update PyAV or remove it", path=self.path, error=error)
            ) from error
        self._thread = threading.Thread(
            target=self._encode, args=(encoder, part), name="stylecam-recorder", daemon=True
        )
        self._thread.start()

    def _reserve(self) -> Path:
        """Choose a name that is free and create its part file. What exists, whole or unfinished, stays as it is."""
        requested = self.path
        if requested.is_dir():
            raise SinkUnavailableError(Message("{path} is a folder; name a file", path=requested))
        try:
            self.path, self._part = create_numbered_part(requested)
        except OSError as error:
            raise SinkUnavailableError(
                Message(
                    "{path} cannot be written: {reason}; choose another place",
                    path=requested,
                    reason=error.strerror,
                )
            ) from error
        self.name = f"file {self.path}"
        if self.path != requested:
            taken = Message(
                "{path} exists or is being recorded; this recording is {file}", path=requested, file=self.path
            )
            logger.warning(taken)
        return self._part

    def _write(self, frame: Frame) -> None:
        if self.failure is not None:
            raise SinkLostError(self.failure)
        self._count += 1
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait((self._count, self._clock.now(), frame.image.copy()))

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
        reported = self.failure is not None  # `write` has raised it
        self._ending.set()
        self._release_sound()
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(None)  # it need not wait for the next look at `_ending`
        thread.join(FINISH_TIMEOUT_S)
        if self._discarded:
            return
        if thread.is_alive():
            self._late = True
            raise SinkLostError(
                Message(
                    "recording {path} is not finished after {seconds:g} s, as its disk is too slow; as long "
                    "as it is not, it is called {part}",
                    path=self.path,
                    seconds=FINISH_TIMEOUT_S,
                    part=self._part,
                )
            )
        if self.failure is not None and not reported:
            raise SinkLostError(self.failure)

    def _release_sound(self) -> None:
        if self._microphone is not None and self._sound is not None:
            self._microphone.remove_feed(self._sound)

    def _encode(self, encoder: _Encoder, part: Path) -> None:
        """Encode frames until the recording ends, then give the file its name. The body of the encoding thread."""
        encoded, stopped = 0, ""
        for count, at, image in self._frames():
            try:
                encoder.write(image, count, at)
                check_due = count // DISK_CHECK_FRAMES > encoded // DISK_CHECK_FRAMES
                encoded = count
                if check_due and shutil.disk_usage(part.parent).free < MIN_FREE_BYTES:
                    raise OSError(Message("the disk is nearly full"))
            except Exception as error:  # noqa: BLE001 - encoders raise their own kinds; `write` reports it
                stopped = Message(
                    "recording {path} stopped after {seconds:.0f} s: {error}",
                    path=self.path,
                    seconds=encoded / self._fps,
                    error=error,
                )
                break
        try:
            encoder.close()
            if encoded and not self._discarded:
                self._rename(part)
            part.unlink(missing_ok=True)
        except Exception as error:  # noqa: BLE001 - as above
            reason = stopped or Message("recording {path} could not be finished: {error}", path=self.path, error=error)
            self.failure = joined((reason, _what_is_left(part)), "; ")
        else:
            if stopped:
                left = Message("{path} holds what came before", path=self.path)
                left = left if self.finished else Message("nothing is left of it")
                self.failure = joined((stopped, left), "; ")
        if self._late:
            logger.warning("%s", self.failure or Message("recording {path} is finished now", path=self.path))
        elif self.finished and self.failure is None:
            logger.info(Message("recording saved: {file}", file=self.path), extra={"only_on_terminal": True})

    def _frames(self) -> Iterator[_Numbered]:
        """Yield the frames, their numbers and their times as they come, until the recording ends."""
        while True:
            try:
                item = self._queue.get(timeout=_POLL_S)
            except queue.Empty:
                if self._ending.is_set():
                    return
                continue
            if item is None:
                return
            yield item

    def _rename(self, part: Path) -> None:
        path = rename_part(part, self.path)
        if path != self.path:
            news = Message(
                "another program has written {path} meanwhile; this recording is {file}", path=self.path, file=path
            )
            logger.warning(news)
        self.path, self.finished = path, True


def _what_is_left(part: Path) -> str:
    """Return words for what a recording has left that could not be finished."""
    with contextlib.suppress(OSError):
        if part.stat().st_size:
            return Message("what could be written is in {part}", part=part)
    with contextlib.suppress(OSError):
        part.unlink(missing_ok=True)
    return Message("nothing is left of it")


class _Encoder(Protocol):
    def write(self, image: Image, number: int, at: float) -> None:
        """Encode `image` as frame `number`, counted from 1, published at `at`. A gap in the numbers is one in time."""

    def close(self) -> None: ...


def _make_encoder(path: Path, size: Size, fps: float, sound: SoundFeed | None) -> _Encoder:
    try:
        av = load("av", purpose="recording in H.264", extra="video", error=SinkUnavailableError)
    except SinkUnavailableError:
        if sound is not None:
            raise
        command = install_command("video")
        logger.info(
            Message("recordings are MPEG-4 here, which browsers do not play; for H.264: {command}", command=command)
        )
        return _OpenCVEncoder(path, size, fps)
    return _PyAVEncoder(av, path, size, fps, sound)


class _OpenCVEncoder:
    """Encodes MPEG-4 Part 2, which every OpenCV package can; the file can be played once it is closed."""

    def __init__(self, path: Path, size: Size, fps: float) -> None:
        self._path = path
        self._written = 0
        self._writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
        if not self._writer.isOpened():
            raise SinkUnavailableError(
                Message(
                    "{path}: OpenCV has no video encoder here; run: {command}",
                    path=path,
                    command=install_command("video"),
                )
            )

    def write(self, image: Image, number: int, at: float) -> None:
        for _ in range(number - self._written):
            self._writer.write(image)
        self._written = number

    def close(self) -> None:
        self._writer.release()
        if self._written and not cv2.VideoCapture(str(self._path), cv2.CAP_FFMPEG).isOpened():
            raise OSError(Message("OpenCV could not write all of it; is the disk full?"))  # it reports no failed write


class _PyAVEncoder:
    """Encodes H.264, 4:2:0, in fragments of about a second.

    Without sound the times follow from the numbers of the frames; with sound they are those of publishing.
    """

    def __init__(self, av: Any, path: Path, size: Size, fps: float, sound: SoundFeed | None) -> None:
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
        self._sound = None if sound is None else AacTrack(av, self._container, sound)
        self._time_base = 1 / rate
        if self._sound is not None:
            self._time_base = self._stream.codec_context.time_base = SOUND_TIME_BASE
        self._period_s = float(1 / rate)
        self._began_at: float | None = None
        self._last = -1
        self._container.start_encoding()  # opens the file: a failure belongs to `open`, not to the first frame

    def write(self, image: Image, number: int, at: float) -> None:
        frame = self._frame_type.from_ndarray(np.ascontiguousarray(image), format="bgr24")
        frame.pts, frame.time_base = number - 1, self._time_base
        if self._sound is not None:
            frame.pts = self._write_sound(self._sound, at)
        self._last = frame.pts
        self._container.mux(self._stream.encode(frame))

    def _write_sound(self, sound: AacTrack, at: float) -> int:
        """Encode the sound until a frame that is published at `at`, and return the time of that frame."""
        if self._last < 0:  # a card that was shown while the network was loaded, perhaps many seconds ago
            return 0
        if self._began_at is None:
            self._began_at = at - self._period_s
            sound.start(self._began_at)
        self._container.mux(list(sound.encode(at)))
        return max(self._last + 1, round((at - self._began_at) / self._time_base))

    def close(self) -> None:
        self._container.mux(self._stream.encode(None))
        if self._sound is not None and self._began_at is not None:
            self._container.mux(list(self._sound.finish()))
        self._container.close()
