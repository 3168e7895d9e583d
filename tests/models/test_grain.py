"""Tests of the grain map: fixed, smooth, and the same for a tile as for the whole picture."""

from __future__ import annotations

import numpy as np
import pytest

from stylecam.models.grain import OCTAVES, grain_map, kernel_radius, smooth_noise


def test_the_map_is_the_one_that_shipped_networks_were_made_for() -> None:
    expected = [[0.13675, -0.74179], [-0.93970, -1.17363]]
    assert np.allclose(grain_map(8, 2, 2)[0, 0], expected, atol=1e-4)


def test_the_map_has_mean_zero_and_deviation_one() -> None:
    found = grain_map(4, 90, 160)
    assert found.shape == (1, 4, 90, 160)
    assert found.dtype == np.float32
    assert abs(float(found.mean())) < 0.05
    assert float(found.std()) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(("top", "left"), [(5, 7), (250, 0), (1000, 1000)])
def test_a_part_is_a_part_of_the_whole(top: int, left: int) -> None:
    rows, columns = top % 256 + 10, left % 256 + 12
    whole = grain_map(2, rows, columns)[:, :, -10:, -12:]
    assert np.allclose(grain_map(2, 10, 12, top, left), whole, atol=1e-5)


def test_neighbours_are_alike_and_channels_are_not() -> None:
    found = grain_map(2, 200, 200)[0]
    assert np.mean(found[:, 1:] * found[:, :-1]) > 0.4
    assert abs(np.mean(found[0] * found[1])) < 0.05


def test_the_map_moves_by_fractions_of_a_cell_without_growing_fainter() -> None:
    noise = np.random.default_rng(0).standard_normal((8, 60, 60), dtype=np.float32)
    maps = [smooth_noise(noise, 40, 40, kernel_radius() + part, 2) for part in (0.0, 0.25, 0.5, 1.0)]
    assert np.allclose(maps[3][:, :-1], maps[0][:, 1:], atol=1e-5)
    assert [float(one.std()) for one in maps] == pytest.approx([1] * 4, abs=0.06)
    apart = [float(np.abs(one - maps[0]).mean()) for one in maps]
    assert apart == sorted(apart)


def test_octaves_change_more_and_more_slowly_and_are_as_strong() -> None:
    found = grain_map(8, 256, 256, deviations=OCTAVES)[0]
    assert found.std((1, 2)) == pytest.approx([1] * 8, abs=0.15)
    steps = np.abs(found[:, 1:] - found[:, :-1]).mean((1, 2)).reshape(4, 2).mean(1)
    assert all(steps[:-1] > 1.5 * steps[1:])


def test_the_finest_octave_is_the_grain_without_octaves() -> None:
    assert np.allclose(grain_map(8, 20, 30, 3, 5, OCTAVES)[:, :2], grain_map(8, 20, 30, 3, 5)[:, :2], atol=1e-3)


def test_a_part_of_the_octaves_is_a_part_of_the_whole() -> None:
    whole = grain_map(8, 60, 70, deviations=OCTAVES)[:, :, -10:, -12:]
    assert np.allclose(grain_map(8, 10, 12, 50, 58, OCTAVES), whole, atol=1e-4)
