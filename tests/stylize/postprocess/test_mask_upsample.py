"""Tests of enlarging a person mask along the camera's edges."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from stylecam.media.frame import Image, Size
from stylecam.stylize.postprocess.mask_upsample import MaskUpsampler, Share

OUTPUT, SMALL = Size(640, 360), Size(320, 180)
EDGE = 301
"""The column at which the person begins in the output's picture."""


def scene(person: tuple[int, int, int], room: tuple[int, int, int]) -> Image:
    image: Image = np.empty((OUTPUT.height, OUTPUT.width, 3), np.uint8)
    image[:, :EDGE], image[:, EDGE:] = room, person
    return image


def small(image: Image) -> Image:
    return np.asarray(cv2.resize(image, SMALL, interpolation=cv2.INTER_AREA), np.uint8)


def soft_mask(column: float, softness: float = 12) -> Share:
    """A mask that rises around `column` of the output."""
    columns = np.arange(SMALL.width) * OUTPUT.width / SMALL.width
    rise = np.clip((columns - column) / softness + 0.5, 0, 1)
    return np.tile((255 * rise).astype(np.uint8), (SMALL.height, 1))


def enlarged(mask: Share, image: Image) -> Share:
    return MaskUpsampler(OUTPUT).enlarge(mask, small(image), image)


@pytest.mark.parametrize(
    ("person", "room"),
    [((40, 40, 40), (180, 180, 180)), ((200, 200, 200), (90, 90, 90)), ((40, 105, 200), (200, 105, 49))],
    ids=["dark before light", "light before dark", "another colour of the same light"],
)
@pytest.mark.parametrize("off", [-5, 0, 5])
def test_the_masks_edge_goes_where_the_cameras_edge_is(
    person: tuple[int, int, int], room: tuple[int, int, int], off: int
) -> None:
    row = enlarged(soft_mask(EDGE + off), scene(person, room))[180]
    assert row[EDGE - 3] < 100
    assert row[EDGE + 3] > 155
    assert int(row[EDGE + 3]) - int(row[EDGE - 3]) > 110


def test_without_an_edge_the_mask_stays_soft_and_where_it_is() -> None:
    row = enlarged(soft_mask(EDGE), scene((120, 120, 120), (120, 120, 120)))[180].astype(int)
    assert abs(row[EDGE] - 128) < 20
    assert np.diff(row).max() < 25


def test_an_edge_of_the_camera_far_from_the_masks_changes_nothing() -> None:
    result = enlarged(soft_mask(EDGE - 120), scene((40, 40, 40), (180, 180, 180)))
    assert result[:, EDGE - 40 :].min() == 255
    assert result[:, : EDGE - 200].max() == 0


@pytest.mark.parametrize("output", [Size(1280, 720), Size(854, 480), Size(321, 181), SMALL, Size(160, 90)], ids=str)
def test_any_size_can_be_made(output: Size) -> None:
    view: Image = np.asarray(cv2.resize(scene((40, 40, 40), (180, 180, 180)), output), np.uint8)
    camera = np.asarray(cv2.resize(view, SMALL), np.uint8)
    result = MaskUpsampler(output).enlarge(soft_mask(EDGE), camera, view)
    assert result.shape == (output.height, output.width)
    assert result.dtype == np.uint8
    assert result[:, : output.width // 4].max() < 20
    assert result[:, -output.width // 4 :].min() > 235


def test_one_result_does_not_change_the_one_before() -> None:
    upsampler, image = MaskUpsampler(OUTPUT), scene((40, 40, 40), (180, 180, 180))
    first = upsampler.enlarge(soft_mask(EDGE), small(image), image)
    kept = first.copy()
    upsampler.enlarge(soft_mask(100), small(image), image)
    assert np.array_equal(first, kept)
