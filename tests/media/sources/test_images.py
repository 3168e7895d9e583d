"""Tests of showing one picture or those of a folder."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

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
    with pytest.raises(SourceUnreadableError, match="cannot be read as a picture"):
        ImageSource(path, clock).open(SIZE, 30)
