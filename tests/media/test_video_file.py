"""Tests of transforming videos: frame times, sound, size, rotation and failures."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stylecam.errors import SinkUnavailableError, SourceUnreadableError, UsageError
from stylecam.media.frame import Image
from stylecam.media.video_file import VideoResult, check_target, transform_video

av: Any = pytest.importorskip("av", reason='clips need PyAV: pip install "stylecam[video]"')

TIMES = (0, 40, 80, 200, 240, 600, 640)
"""The frame times of a clip with a variable rate, in milliseconds."""
EXACT = 0x42004  # bicubic, full chroma, accurate rounding
COLOUR = (40, 90, 200)


def make_clip(
    path: Path, times: tuple[int, ...] = TIMES, sound: str | None = "aac", size: tuple[int, int] = (96, 64)
) -> Path:
    """Write a clip in one colour with a white upper left corner, frames at `times` (ms) and a second of sound."""
    picture = np.full((size[1], size[0], 3), COLOUR, np.uint8)
    picture[: size[1] // 4, : size[0] // 4] = 255
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"crf": "10", "bf": "0"})
        video.width, video.height = size
        video.pix_fmt = "yuv444p" if size[0] % 2 else "yuv420p"
        video.codec_context.time_base = video.time_base = Fraction(1, 1000)
        audio = container.add_stream(sound, rate=48000, layout="mono") if sound else None
        for time in times:
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base, frame.duration = time, Fraction(1, 1000), 40
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            wave = (np.sin(np.arange(32 * 1024)[None] / 20) * 9000).astype(np.int16)
            for start in range(0, wave.shape[1], 1024):
                part = av.AudioFrame.from_ndarray(wave[:, start : start + 1024], format="s16", layout="mono")
                part.sample_rate, part.pts, part.time_base = 48000, start, Fraction(1, 48000)
                container.mux(audio.encode(part))
            container.mux(audio.encode(None))
    return path


def times(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        return [round(frame.time * 1000) for frame in container.decode(video=0)]


def sound(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def frames(path: Path) -> list[Image]:
    with av.open(str(path)) as container:
        return [
            frame.reformat(format="bgr24", dst_colorspace=5, interpolation=EXACT).to_ndarray()
            for frame in container.decode(video=0)
        ]


def unchanged(image: Image) -> Image:
    return image


def ignore_progress(done: int, total: int | None) -> None:
    """Do nothing with the progress."""


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_every_frame_keeps_its_time_and_the_sound_is_copied(suffix: str, tmp_path: Path) -> None:
    clip, out = make_clip(tmp_path / "in.mp4"), tmp_path / f"out{suffix}"
    reported: list[tuple[int, int | None]] = []
    result = transform_video(clip, out, unchanged, lambda done, total: reported.append((done, total)))
    first = times(out)[0]  # Matroska has no times below 0, so the sound's lead moves all by some milliseconds
    assert first == 0 or suffix == ".mkv"
    assert [time - first for time in times(out)] == list(TIMES)
    assert sound(out) == sound(clip)
    assert (result.size, result.frames, result.audio_streams, result.damaged) == ((96, 64), len(TIMES), 1, 0)
    assert result.seconds == pytest.approx(0.68, abs=0.05)
    assert reported[-1] == (len(TIMES), len(TIMES))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["in.mp4", f"out{suffix}"])


def test_colours_are_kept(tmp_path: Path) -> None:
    transform_video(make_clip(tmp_path / "in.mp4"), tmp_path / "out.mp4", unchanged, ignore_progress)
    before, after = (frames(tmp_path / name)[0].astype(int) for name in ("in.mp4", "out.mp4"))
    assert np.abs(before - after)[32:, 32:].max() <= 4
    assert after[4, 4].min() > 240


def test_the_transformed_pictures_are_written(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", sound=None)
    result = transform_video(
        clip, tmp_path / "out.mp4", lambda image: np.full((50, 80, 3), 77, np.uint8), ignore_progress
    )
    assert (result.size, result.audio_streams) == ((80, 50), 0)
    assert np.abs(frames(tmp_path / "out.mp4")[3].astype(int) - 77).max() <= 3


def test_an_odd_size_is_kept(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", size=(97, 63))
    assert transform_video(clip, tmp_path / "out.mp4", unchanged, ignore_progress).size == (97, 63)
    assert frames(tmp_path / "out.mp4")[0].shape == (63, 97, 3)


def write_rotated(clip: Path, rotated: Path, turn: int) -> bool:
    """Copy `clip` with a display matrix, in the way of ffmpeg 6 and later or in the way of those before."""
    for before, after in ((["-display_rotation", str(turn)], []), ([], ["-metadata:s:v:0", f"rotate={turn}"])):
        words = ["ffmpeg", "-v", "error", "-y", *before, "-i", str(clip), "-c", "copy", *after, str(rotated)]
        if subprocess.run(words, check=False, capture_output=True).returncode == 0:
            with av.open(str(rotated)) as container:
                return bool(next(container.decode(video=0)).rotation)
    return False


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_rotation_is_applied_and_removed_from_the_metadata(turn: int, tmp_path: Path) -> None:
    required = "STYLECAM_NEED_ALL" in os.environ  # then what is missing is a failure
    if shutil.which("ffmpeg") is None and not required:
        pytest.skip("ffmpeg writes the rotation of this test's clip")
    clip, rotated = make_clip(tmp_path / "in.mp4", sound=None), tmp_path / "rotated.mp4"
    if not write_rotated(clip, rotated, turn):
        assert not required, "this ffmpeg cannot write a rotation"
        pytest.skip("this ffmpeg cannot write a rotation")
    result = transform_video(rotated, tmp_path / "out.mp4", unchanged, ignore_progress)
    decoded = subprocess.run(  # ffmpeg turns frames upright by itself
        ["ffmpeg", "-v", "error", "-i", str(rotated), "-frames:v", "1", "-f", "rawvideo", "-pix_fmt", "bgr24", "-"],
        check=True, capture_output=True,
    ).stdout  # fmt: skip
    expected = np.frombuffer(decoded, np.uint8).reshape(result.size.height, result.size.width, 3).astype(int)
    assert np.abs(frames(tmp_path / "out.mp4")[0] - expected).mean() < 4
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert next(container.decode(video=0)).rotation == 0


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ValueError])
def test_an_interruption_leaves_no_file_and_keeps_an_older_result(failure: type[BaseException], tmp_path: Path) -> None:
    clip, out = make_clip(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    out.write_bytes(b"an older result")
    file_names: list[str] = []

    def fail_at_third_frame(image: Image) -> Image:
        file_names.append(",".join(sorted(path.name for path in tmp_path.iterdir())))
        if len(file_names) == 3:
            raise failure
        return image

    with pytest.raises(failure):
        transform_video(clip, out, fail_at_third_frame, ignore_progress)
    assert "out.part.mp4" in file_names[-1]
    assert out.read_bytes() == b"an older result"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]


def test_the_part_file_of_another_run_is_not_touched(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4")
    (tmp_path / "out.part.mp4").write_bytes(b"of another run")
    with pytest.raises(SinkUnavailableError, match=r"out\.part\.mp4 exists beside"):
        transform_video(clip, tmp_path / "out.mp4", unchanged, ignore_progress)
    assert (tmp_path / "out.part.mp4").read_bytes() == b"of another run"


def cut(path: Path, share: float) -> Path:
    path.write_bytes(path.read_bytes()[: round(path.stat().st_size * share)])
    return path


def test_a_truncated_video_is_written_as_far_as_it_goes_and_reported(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mkv", times=tuple(range(0, 4000, 40)), sound=None)
    result: VideoResult = transform_video(cut(clip, 0.5), tmp_path / "out.mkv", unchanged, ignore_progress)
    assert result.cut_off
    assert 0 < result.frames < 100


@pytest.mark.parametrize("damage", ["missing", "empty", "text", "half", "sound only"])
def test_a_clip_that_cannot_be_read_is_named_and_nothing_is_written(damage: str, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4")
    if damage == "missing":
        clip.unlink()
    elif damage == "half":
        cut(clip, 0.5)  # its index was at the end
    elif damage == "sound only":
        with av.open(str(clip), "w", format="mp4") as container:
            stream = container.add_stream("aac", rate=48000, layout="mono")
            part = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.int16), format="s16", layout="mono")
            part.sample_rate = 48000
            container.mux(stream.encode(part))
            container.mux(stream.encode(None))
    else:
        clip.write_bytes(b"" if damage == "empty" else b"not a clip " * 100)
    with pytest.raises(SourceUnreadableError, match=r"in\.mp4"):
        transform_video(clip, tmp_path / "out.mp4", unchanged, ignore_progress)
    assert not list(tmp_path.glob("out*"))


def test_sound_that_the_format_cannot_hold_is_reported(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mkv", sound="pcm_u8")
    with pytest.raises(SinkUnavailableError, match=r"pcm_u8.*write \.mkv"):
        transform_video(clip, tmp_path / "out.mp4", unchanged, ignore_progress)
    assert not list(tmp_path.glob("out*"))
    assert transform_video(clip, tmp_path / "out.mkv", unchanged, ignore_progress).audio_streams == 1


def test_an_unsupported_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"write out\.mp4"):
        check_target(tmp_path / "out.gif")


def test_without_pyav_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(SinkUnavailableError, match=r'pip install "stylecam\[video\]"'):
        check_target(tmp_path / "out.mp4")
