"""Tests of the brush: strokes keep their size on the screen, whatever the size of the picture."""

from __future__ import annotations

import pytest

from stylecam.models.brush import LARGEST, SMALLEST, StrokeScales, rows_of

SCALES = StrokeScales(340, 860)


def test_the_rows_of_each_style_share_its_weight() -> None:
    assert rows_of((0.25, 0.75), 0.2) == pytest.approx((0.2, 0.05, 0.6, 0.15))


@pytest.mark.parametrize("side", [216, 360, 540, 720])
def test_a_finer_picture_is_painted_with_broader_strokes(side: int) -> None:
    assert SCALES.broad_share(side) <= SCALES.broad_share(side + 8)
    assert 0 <= SCALES.broad_share(side) <= 1


@pytest.mark.parametrize("brush", [SMALLEST, 1.0, LARGEST])
def test_the_brush_acts_like_the_size_of_the_picture(brush: float) -> None:
    assert SCALES.broad_share(300, brush) == pytest.approx(SCALES.broad_share(round(300 * brush)))


def test_the_rows_alone_are_reached_at_their_own_scale() -> None:
    assert SCALES.broad_share(round(340 / 1.5)) == pytest.approx(0, abs=0.01)
    assert SCALES.broad_share(round(860 / 1.5)) == pytest.approx(1, abs=0.01)
