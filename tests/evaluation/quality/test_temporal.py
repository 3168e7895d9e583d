"""Tests of flicker and warped error, on clips whose result can be calculated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from stylecam.errors import TrainingDataError
from stylecam.evaluation.quality.model_runner import FloatImage
from stylecam.evaluation.quality.temporal import ClipMotion, flicker, pan_shimmer, read_clip
from stylecam.media.frame import Image, Size


def identity(image: Image) -> FloatImage:
    return image.astype(np.float32)


def constant(image: Image) -> FloatImage:
    return np.full(image.shape, 99, np.float32)


def blurred_noise(width: int = 160, height: int = 96, cells: int = 12) -> Image:
    small = np.random.default_rng(5).integers(40, 216, (cells, cells, 3), dtype=np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.uint8)


def moving_window(frames: int = 6, step: int = 3) -> list[Image]:
    """A window that moves over a larger picture."""
    large = blurred_noise(260, 140, 24)
    return [np.ascontiguousarray(large[20:116, step * i : step * i + 160]) for i in range(frames)]


@pytest.mark.parametrize(
    ("paint", "expected"),
    [(identity, 1.0), (constant, 0.0), (lambda image: 2 * identity(image), 2.0), (lambda image: image / 4, 0.25)],
    ids=["identity", "constant", "twice the contrast", "a quarter of it"],
)
def test_flicker_is_how_much_the_network_amplifies_the_noise(
    paint: Callable[[Image], FloatImage], expected: float
) -> None:
    assert flicker(paint, blurred_noise()) == pytest.approx(expected, abs=1e-4)


def test_the_noise_has_the_requested_strength_in_whole_levels() -> None:
    seen: list[Image] = []

    def paint(image: Image) -> FloatImage:
        seen.append(image)
        return identity(image)

    flicker(paint, np.full((96, 160, 3), 128, np.uint8), sigma=3)
    assert len(seen) == 8
    assert seen[0].dtype == np.uint8
    assert np.std(np.array(seen, np.float32), axis=0, ddof=1).mean() == pytest.approx(3, rel=0.05)


def test_a_moving_picture_itself_has_hardly_any_warped_error() -> None:
    found = ClipMotion(moving_window()).warped_error(identity)
    assert found.styled < 1.0
    assert found.camera == pytest.approx(found.styled)
    assert found.valid > 0.8


def test_a_pattern_that_does_not_move_with_the_scene_has_a_large_error() -> None:
    pattern = np.random.default_rng(2).uniform(0, 255, (96, 160, 3)).astype(np.float32)
    stuck = ClipMotion(moving_window()).warped_error(lambda image: pattern).styled
    assert stuck > 20 * ClipMotion(moving_window()).warped_error(identity).styled


@pytest.mark.parametrize("jump", [4.0, 20.0])
def test_a_style_that_alternates_has_an_error_of_that_size(jump: float) -> None:
    turns = iter(range(100))
    found = ClipMotion(moving_window()).warped_error(lambda image: constant(image) + jump * (next(turns) % 2))
    assert found.styled == pytest.approx(jump, abs=1e-3)
    assert found.camera < 1.0


def test_uncovered_ground_is_left_out() -> None:
    clip = []
    for number in range(4):
        frame = blurred_noise()
        cv2.rectangle(frame, (20 + 12 * number, 20), (60 + 12 * number, 76), (255, 255, 255), -1)
        clip.append(frame)
    assert ClipMotion(clip).warped_error(identity).valid < 0.99


def write_clip(path: Path, frames: list[Image]) -> Path:
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30, (width, height))
    for frame in frames:
        writer.write(frame)
    writer.release()
    return path


def test_the_part_with_the_most_motion_is_used_but_not_across_a_cut(tmp_path: Path) -> None:
    still, moving = [np.full((96, 160, 3), 250, np.uint8)] * 12, moving_window(8, 6)
    clip = read_clip(write_clip(tmp_path / "a.avi", [*still, *moving, *still]), 6, Size(160, 96))
    assert len(clip) == 6
    for found, expected in zip(clip, moving[1:], strict=False):  # any six of the eight; MJPEG is not exact
        near = min(float(cv2.absdiff(found, frame).mean()) for frame in moving)
        assert near < 8
        assert found.shape == expected.shape


def test_frames_are_cropped_to_the_shape_not_squeezed(tmp_path: Path) -> None:
    frames = [np.full((120, 160, 3), 128, np.uint8) for _ in range(4)]
    for frame in frames:
        frame[:10] = frame[-10:] = 0
    clip = read_clip(write_clip(tmp_path / "a.avi", frames), 3, Size(160, 90))
    assert clip[0].shape == (90, 160, 3)
    assert clip[0].min() > 100


@pytest.mark.parametrize("kind", ["missing", "no video", "short"])
def test_a_clip_that_cannot_be_used_is_named(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    if kind == "no video":
        path.write_bytes(b"no video")
    elif kind == "short":
        write_clip(path, moving_window(3))
    with pytest.raises(TrainingDataError, match=r"clip\.avi"):
        read_clip(path)


def test_a_network_that_moves_with_the_picture_hardly_shimmers() -> None:
    still = np.kron(
        np.random.default_rng(3).integers(0, 256, (24, 44, 3), dtype=np.uint8), np.ones((4, 4, 1), np.uint8)
    )
    assert pan_shimmer(identity, still) < 0.06
    assert pan_shimmer(lambda image: 2 * identity(image), still) < 0.06


def test_strokes_that_stay_in_place_shimmer_as_much_as_they_show() -> None:
    fixed = np.random.default_rng(4).uniform(-80, 80, (96, 160, 3)).astype(np.float32)
    shimmer = pan_shimmer(lambda image: 128 + fixed[:, : image.shape[1]], np.full((96, 160, 3), 128, np.uint8))
    assert shimmer == pytest.approx(np.sqrt(2), rel=0.05)  # two independent values a pixel


def test_an_even_painting_does_not_shimmer() -> None:
    assert pan_shimmer(constant, blurred_noise()) == 0
