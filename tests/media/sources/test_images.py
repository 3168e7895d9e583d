"""Tests of showing one picture or those of a folder."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from stylecam.errors import SourceUnreadableError
from stylecam.media.frame import Frame, Size
from stylecam.media.sources.base import Source
from stylecam.media.sources.images import SECONDS_PER_IMAGE, ImageSource
from stylecam.utils.clock import ManualClock

SIZE = Size(192, 128)


def read(source: Source) -> Frame:
    frame = source.read()
    assert frame is not None
    return frame


def picture(path: Path, level: int, size: tuple[int, int] = (300, 200)) -> Path:
    cv2.imwrite(str(path), np.full((size[1], size[0], 3), level, np.uint8))
    return path


def test_a_picture_is_shown_at_the_requested_rate(tmp_path: Path, clock: ManualClock) -> None:
    source = ImageSource(picture(tmp_path / "face.png", 90), clock)
    source.open(SIZE, 25)
    frames = [read(source) for _ in range(6)]
    assert np.diff([frame.captured_at for frame in frames]) == pytest.approx([0.04] * 5)
    assert all(frame.size == SIZE and frame.image.max() == 90 for frame in frames)


def levels_shown(source: Source, clock: ManualClock, times: int) -> list[int]:
    levels = []
    for _ in range(times):
        levels.append(int(read(source).image[0, 0, 0]))
        clock.advance(SECONDS_PER_IMAGE)
    return levels


def test_a_folder_is_shown_in_the_order_of_names_in_a_loop(tmp_path: Path, clock: ManualClock) -> None:
    for name, level in (("b.png", 20), ("a.jpg", 10), ("c.PNG", 30)):
        picture(tmp_path / name, level)
    (tmp_path / "notes.txt").write_text("no picture")
    source = ImageSource(tmp_path, clock)
    source.open(SIZE, 30)
    assert levels_shown(source, clock, 4) == [10, 20, 30, 10]


def test_a_picture_that_cannot_be_read_is_skipped(tmp_path: Path, clock: ManualClock) -> None:
    picture(tmp_path / "a.png", 10)
    (tmp_path / "b.png").write_bytes(b"broken")
    picture(tmp_path / "c.png", 30)
    source = ImageSource(tmp_path, clock)
    source.open(SIZE, 30)
    assert levels_shown(source, clock, 3) == [10, 30, 10]


def _broken(folder: Path) -> Path:
    (folder / "face.png").write_bytes(b"broken")
    return folder / "face.png"


def _empty(folder: Path) -> Path:
    return folder


def _missing(folder: Path) -> Path:
    return folder / "missing.png"


def _only_broken(folder: Path) -> Path:
    _broken(folder)
    return folder


@pytest.mark.parametrize("make", [_broken, _empty, _missing, _only_broken], ids=lambda make: make.__name__)
def test_a_path_without_a_picture_is_named(make: Callable[[Path], Path], tmp_path: Path, clock: ManualClock) -> None:
    path = make(tmp_path)
    with pytest.raises(SourceUnreadableError) as caught:
        ImageSource(path, clock).open(SIZE, 30)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("size", [(1, 2000), (2000, 1), (1, 1)], ids=str)
def test_a_picture_of_any_shape_fills_the_output(size: tuple[int, int], tmp_path: Path, clock: ManualClock) -> None:
    source = ImageSource(picture(tmp_path / "line.png", 50, size), clock)
    source.open(SIZE, 30)
    assert read(source).size == SIZE


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".tif", ".webp", ".ppm"])
def test_common_formats_are_read(suffix: str, tmp_path: Path, clock: ManualClock) -> None:
    source = ImageSource(picture(tmp_path / f"face{suffix}", 120), clock)
    source.open(SIZE, 30)
    assert abs(float(read(source).image.mean()) - 120) < 3


def test_a_picture_that_claims_an_enormous_size_is_refused(tmp_path: Path, clock: ManualClock) -> None:
    chunk = b"IHDR" + struct.pack(">2I5B", 100_000, 100_000, 8, 2, 0, 0, 0)
    path = tmp_path / "huge.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk)))
    with pytest.raises(SourceUnreadableError, match="is no picture that can be read"):
        ImageSource(path, clock).open(SIZE, 30)


def memory_of_opening(path: Path) -> tuple[str, float]:
    """Open `path` as a camera in a process of its own; return its message and the megabytes that this took."""
    code = (
        "import resource, sys\n"
        "from stylecam.media.frame import Size\n"
        "from stylecam.media.sources.factory import make_source\n"
        "from stylecam.utils.clock import SystemClock\n"
        "import cv2, PIL.Image; PIL.Image.init()\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "before, message = peak(), 'shown'\n"
        "try: make_source(sys.argv[1], SystemClock()).open(Size(1280, 720), 30)\n"
        "except Exception as error: message = str(error)\n"
        "print(peak() - before, message)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    megabytes, _, message = done.stdout.strip().partition(" ")
    return message, float(megabytes)


@pytest.mark.parametrize("name", ["bomb.png", "bomb.tif", "bomb.gif", "bomb", "bomb.mp4"])
def test_a_small_file_that_holds_a_huge_picture_is_refused_without_decoding_it(name: str, tmp_path: Path) -> None:
    kind = {".gif": "GIF", ".tif": "TIFF"}.get(Path(name).suffix, "PNG")
    options = {"compression": "group4"} if kind == "TIFF" else {}
    Pillow.new("1", (16384, 16384)).save(tmp_path / name, kind, **options)
    assert (tmp_path / name).stat().st_size < 300_000
    message, megabytes = memory_of_opening(tmp_path / name)
    assert "has more than 50 megapixels; make it smaller" in message
    assert megabytes < 100


def test_a_large_jpeg_is_decoded_small(tmp_path: Path) -> None:
    Pillow.new("RGB", (8400, 8400)).save(tmp_path / "large.jpg", quality=10)
    message, megabytes = memory_of_opening(tmp_path / "large.jpg")
    assert message == "shown"
    assert megabytes < 150


def test_a_name_that_is_not_utf8_is_a_picture_like_any_other(tmp_path: Path, clock: ManualClock) -> None:
    picture(tmp_path / "face.png", 90)
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/f\xff.png"))
    (tmp_path / "face.png").rename(odd)
    for path in (odd, tmp_path):
        source = ImageSource(path, clock)
        source.open(SIZE, 30)
        assert read(source).image.max() == 90


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_pipes_devices_and_folders_called_like_pictures_are_passed_over(tmp_path: Path, clock: ManualClock) -> None:
    os.mkfifo(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to("/dev/zero")
    (tmp_path / "c.png").symlink_to(tmp_path)
    (tmp_path / "d.png").symlink_to(tmp_path / "d.png")
    for name in ("a.png", "b.png"):
        with pytest.raises(SourceUnreadableError, match="is a device or a pipe, and no picture"):
            ImageSource(tmp_path / name, clock).open(SIZE, 30)
    picture(tmp_path / "e.png", 70)
    source = ImageSource(tmp_path, clock)
    source.open(SIZE, 30)
    assert levels_shown(source, clock, 3) == [70, 70, 70]
