"""Copy a video file with every frame changed and the same times and sound.

PyAV (extra `video`) reads and writes, because OpenCV handles neither sound nor the real times of the frames.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from stylecam.errors import SinkLostError, SinkUnavailableError, SourceUnreadableError, UsageError
from stylecam.media.file_check import check_video_file, utf8_name
from stylecam.media.frame import Image, Size
from stylecam.media.transforms import resize
from stylecam.utils.files import create_part_file, resolve_target
from stylecam.utils.optional import load

SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv")
CUT_OFF_SHARE = 0.9
"""A video counts as cut off if its last frame comes before this share of the length it claims."""
_BT709, _BT601, _LIMITED = 1, 5, 1
_SCALER_FLAGS = 0x4 | 0x2000 | 0x40000
"""libswscale's BICUBIC, FULL_CHR_H_INT and ACCURATE_RND. Without the last, greys are tinted by a few levels."""
_ENCODER_OPTIONS = {"crf": "18", "preset": "fast", "bf": "0"}

Transform = Callable[[Image], Image]
Progress = Callable[[int, "int | None"], None]


@dataclass(frozen=True, slots=True)
class VideoResult:
    """What `transform_video` has written.

    Attributes:
        seconds: from the first frame's time to the end of the last.
        audio_streams: how many of them were copied.
        damaged: how many parts of the source could not be decoded and were skipped.
        cut_off: whether the source ended well before the length it claims.
    """

    size: Size
    frames: int
    seconds: float
    audio_streams: int
    damaged: int
    cut_off: bool


def check_target(path: Path) -> None:
    """Check that a video can be written to a file with the suffix of `path`.

    Raises:
        SinkUnavailableError: PyAV is not installed; the message has the command that installs it.
        UsageError: the suffix is not one of `SUFFIXES`.
    """
    pyav()
    utf8_name(path, UsageError)
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path}: clips are written as {', '.join(SUFFIXES)}; write {path.stem or 'clip'}.mp4")


def result_suffix(path: Path) -> str:
    """Return the suffix of a copy of the video `path`: its own where that can be written, else .mp4."""
    return path.suffix if path.suffix.lower() in SUFFIXES else SUFFIXES[0]


def transform_video(source: Path, target: Path, transform: Transform, on_progress: Progress) -> VideoResult:
    """Write `target`: the video `source` with `transform` applied to each frame.

    Frames keep their times, also where the rate varies. Rotation is applied, so the result needs none. Audio streams
    are copied. Until it is complete the result is called `NAME.part.mp4`; that file is removed if the work fails or is
    interrupted.

    Args:
        source: the video file to read.
        target: the file to write; its suffix is one of `SUFFIXES`.
        transform: gets each frame as it is shown (H×W×3 uint8 BGR) and returns a picture, always of the same size.
        on_progress: called after each frame with the frames so far and an estimate of their total, or None.

    Raises:
        SourceUnreadableError: `source` is missing, or no video that can be read.
        SinkUnavailableError: `target` cannot be written, or its format cannot hold the sound.
        SinkLostError: writing failed on the way, for example because the disk is full; nothing is kept.
    """
    check_target(target)
    with opened_clip(source) as clip, _part_of(target) as part:
        writer = _Writer(clip, part)
        try:
            for image, frame in clip.frames(writer.sound):
                writer.write(transform(image), frame)
                on_progress(writer.frames, clip.expected)
            if not writer.frames:
                raise SourceUnreadableError(f"{source} holds no video frame that can be read; try it in a player")
            writer.finish()
        except pyav().error.FFmpegError as error:
            raise SinkLostError(f"{target} could not be written: {error.strerror}; nothing is kept") from error
        finally:
            with contextlib.suppress(pyav().error.FFmpegError):  # a full disk, which is reported already
                writer.close()
        cut_off = clip.length is not None and writer.seconds < CUT_OFF_SHARE * clip.length
        return VideoResult(writer.size, writer.frames, writer.seconds, len(clip.audio_streams), clip.damaged, cut_off)


def pyav() -> Any:
    """Return the library that reads and writes video.

    Raises:
        SinkUnavailableError: it is not installed.
    """
    return load("av", purpose="reading and writing video", extra="video", error=SinkUnavailableError)


class Clip:
    """Reads the frames and the sound of a video file; `opened_clip` makes it.

    Attributes:
        container: PyAV's container.
        video: PyAV's stream of the frames.
        expected: the number of frames, as far as the file tells; else None.
        damaged: how many parts could not be decoded so far.
    """

    def __init__(self, path: Path, container: Any) -> None:
        if not container.streams.video:
            raise SourceUnreadableError(f"{path} holds no video; `stylecam image` paints pictures")
        self.path = path
        self.container = container
        self.video = container.streams.video[0]
        self.video.thread_type = "AUTO"
        self.audio_streams = list(container.streams.audio)
        self.rate = Fraction(self.video.average_rate or self.video.guessed_rate or 30)
        own = self.video.duration * self.video.time_base if self.video.duration else None
        whole = Fraction(container.duration, 1_000_000) if container.duration else None
        length = own or whole
        self.length = None if length is None else float(length)
        self.expected = self.video.frames or (None if length is None else round(length * self.rate)) or None
        self.damaged = 0

    def frames(self, sound: Callable[[Any], None]) -> Iterator[tuple[Image, Any]]:
        """Yield each frame as it is shown and as PyAV's object; call `sound` with each packet of sound on the way."""
        return ((upright(frame), frame) for frame in self.decoded(sound))

    def decoded(self, sound: Callable[[Any], None]) -> Iterator[Any]:
        """Yield each frame as PyAV's object only."""
        error = pyav().error.FFmpegError
        packets = self.container.demux(self.video, *self.audio_streams)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except error:  # the file ends in the middle of something
                self.damaged += 1
                return
            if packet.stream.type == "audio":
                sound(packet)
                continue
            try:
                frames = packet.decode()
            except error:
                self.damaged += 1
                continue
            yield from frames


class _Writer:
    """Writes the result. The first frame, whose size it takes, begins the file."""

    def __init__(self, clip: Clip, path: Path) -> None:
        self._clip, self._path = clip, path
        self._container: Any = None
        self._video: Any = None
        self._sounds: dict[int, Any] = {}
        self._early: list[Any] = []
        self._first = self._last = 0
        self._end = Fraction(0)
        self.frames = 0
        self.size = Size(0, 0)

    @property
    def seconds(self) -> float:
        return float(self._end - self._first * self._clip.video.time_base) if self.frames else 0.0

    def write(self, image: Image, original: Any) -> None:
        """Encode `image` at the time of the frame `original`."""
        if self._container is None:
            self._begin(Size(image.shape[1], image.shape[0]), original)
        base = self._clip.video.time_base
        one = max(1, round(1 / (self._clip.rate * base)))
        at = original.pts if original.pts is not None else self._last + one
        if self.frames and at <= self._last:  # broken times; an encoder takes only increasing ones
            at = self._last + 1
        frame = pyav().VideoFrame.from_ndarray(np.ascontiguousarray(resize(image, self.size)), format="bgr24")
        frame = frame.reformat(
            format=self._video.pix_fmt, dst_colorspace=_BT709, dst_color_range=_LIMITED, interpolation=_SCALER_FLAGS
        )
        frame.pts, frame.time_base, frame.duration = at, base, original.duration or one
        self._first = at if not self.frames else self._first
        self._last, self._end = at, (at + frame.duration) * base
        self.frames += 1
        self._container.mux(self._video.encode(frame))

    def sound(self, packet: Any) -> None:
        """Copy a packet of sound."""
        if packet.dts is None:  # the end
            return
        if self._container is None:
            self._early.append(packet)
            return
        packet.stream = self._sounds[packet.stream.index]
        self._container.mux(packet)

    def finish(self) -> None:
        """Encode the remaining frames and write the end of the file."""
        self._container.mux(self._video.encode(None))
        self.close()

    def close(self) -> None:
        container, self._container = self._container, None
        if container is not None:
            container.close()

    def _begin(self, size: Size, original: Any) -> None:
        self.size = size
        av = pyav()
        self._container = av.open(str(self._path.absolute()), "w")
        video = self._video = self._container.add_stream("libx264", rate=self._clip.rate, options=_ENCODER_OPTIONS)
        video.width, video.height = size
        video.pix_fmt = "yuv444p" if size.width % 2 or size.height % 2 else "yuv420p"
        video.codec_context.time_base = video.time_base = self._clip.video.time_base
        video.codec_context.colorspace = video.codec_context.color_primaries = video.codec_context.color_trc = _BT709
        video.codec_context.color_range = _LIMITED
        aspect = self._clip.video.sample_aspect_ratio
        if aspect and aspect != 1:
            video.codec_context.sample_aspect_ratio = 1 / aspect if _quarter_turns(original) % 2 else aspect
        try:
            for stream in self._clip.audio_streams:
                self._sounds[stream.index] = self._container.add_stream_from_template(stream)
            self._container.start_encoding()
        except (av.error.FFmpegError, ValueError) as error:
            kinds = ", ".join(stream.codec_context.name for stream in self._clip.audio_streams)
            raise SinkUnavailableError(
                f"the sound of {self._clip.path} ({kinds}) does not fit into {self._path.suffix}; write .mkv"
            ) from error
        early, self._early = self._early, []
        for packet in early:
            self.sound(packet)


@contextlib.contextmanager
def opened_clip(path: Path) -> Iterator[Clip]:
    """Open the video file `path` to read it.

    Raises:
        SourceUnreadableError: it is missing, or no video that can be read.
        SinkUnavailableError: PyAV is not installed.
    """
    av = pyav()
    utf8_name(path, SourceUnreadableError)
    if not path.is_file():
        raise SourceUnreadableError(f"there is no file {path}; check the path")
    check_video_file(path)
    try:
        container = av.open(str(path.absolute()))  # a relative name with a colon in it would be a protocol
    except (av.error.FFmpegError, OSError) as error:
        raise SourceUnreadableError(f"{path} holds no video that can be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SourceUnreadableError(f"{path} has a title that is not UTF-8; ffmpeg -map_metadata -1 helps") from error
    with container:
        yield Clip(path, container)


@contextlib.contextmanager
def _part_of(target: Path) -> Iterator[Path]:
    """Create a file beside `target`, which is renamed to it if the block succeeds and removed if it fails."""
    try:
        whole = resolve_target(target)
        part = create_part_file(whole)
    except FileExistsError as error:
        raise SinkUnavailableError(
            f"{whole.stem}.part{whole.suffix} exists beside {target}: another run writes it, or a killed run left it; "
            "remove it"
        ) from error
    except OSError as error:
        raise SinkUnavailableError(f"{target} cannot be written: {error.strerror}; choose another place") from error
    try:
        yield part
        part.replace(whole)
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def _quarter_turns(frame: Any) -> int:
    """Return how many quarter turns against the clock turn the frame upright, from its display matrix."""
    return round(int(frame.rotation) / 90) % 4


def upright(frame: Any) -> Image:
    """Return PyAV's `frame` as it is shown: H×W×3 uint8 BGR, its rotation applied."""
    # PyAV before 18 uses the frame's own colour space only if another one is requested; RGB has none.
    shown = frame.reformat(format="bgr24", dst_colorspace=_BT601, interpolation=_SCALER_FLAGS)
    image: Image = np.ascontiguousarray(np.rot90(shown.to_ndarray(), _quarter_turns(frame)))
    return image
