"""Tests of the panic cover."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from stylecam.errors import UsageError
from stylecam.media.frame import Size
from stylecam.media.overlays import panic_cover, panic_cover_from_file

SIZE = Size(320, 180)


def write_picture(path: Path, width: int, height: int, level: int = 200) -> Path:
    cv2.imwrite(str(path), np.full((height, width, 3), level, np.uint8))
    return path


@pytest.mark.parametrize("shape", [(64, 36), (1920, 1080), (100, 100), (30, 300), (1, 1), (3000, 2)], ids=str)
def test_the_whole_picture_is_shown_as_large_as_possible(tmp_path: Path, shape: tuple[int, int]) -> None:
    cover = panic_cover_from_file(write_picture(tmp_path / "a.png", *shape), SIZE)
    scale = min(SIZE.width / shape[0], SIZE.height / shape[1])
    assert cover.shape == (180, 320, 3)
    assert cover.flags.c_contiguous
    assert (cover > 190).all(axis=2).sum() == max(1, round(shape[0] * scale)) * max(1, round(shape[1] * scale))


def test_a_transparent_picture_has_a_dark_background(tmp_path: Path) -> None:
    picture = np.full((180, 320, 4), 255, np.uint8)
    picture[:, 160:, 3] = 0
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    cover = panic_cover_from_file(tmp_path / "a.png", SIZE)
    assert cover[:, :160].min() == 255
    assert cover[:, 160:].max() < 40


@pytest.mark.parametrize("content", [None, b"", b"no picture"])
def test_an_invalid_cover_file_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(UsageError, match="--panic-picture: "):
        panic_cover_from_file(tmp_path / "a.png", SIZE)


@pytest.mark.parametrize("size", [Size(64, 64), Size(640, 480), Size(1280, 720), Size(480, 1280)], ids=str)
def test_without_a_file_the_cover_is_a_card_with_centered_text(size: Size) -> None:
    card = panic_cover(size)
    bright = np.argwhere(card.max(axis=2) > 100)
    assert card.shape == (size.height, size.width, 3)
    assert card.mean() < 60
    assert len(bright) > 10
    middle = (bright.min(axis=0) + bright.max(axis=0)) / 2
    assert np.allclose(middle, (size.height / 2, size.width / 2), atol=0.06 * max(size))
    assert bright.min(axis=0)[1] > 0
    assert bright.max(axis=0)[1] < size.width - 1
