"""The most important cases on a real kernel, in one boot. Skipped with the reason where there is no guest."""

from __future__ import annotations

import os

import pytest

from tests.end_to_end.kernel import guest

CASES = ["pixel_true", "killed_and_started_again:0.12.7", "reader_before_writer:0.12.7"]


@pytest.mark.system
@pytest.mark.timeout(guest.BUILD_TIMEOUT_S + 900)
def test_the_camera_appears_with_true_pixels_every_time_on_a_real_kernel() -> None:
    requested = os.environ.get("STYLECAM_KERNEL")
    obstacle = guest.obstacle() if requested else "set STYLECAM_KERNEL=1, or run python -m tests.end_to_end.kernel"
    if obstacle is not None:
        pytest.skip(f"no run on a real kernel: {obstacle}")
    if not guest.built():
        guest.build()
    results = list(guest.play(CASES, 900))
    assert len(results) == 4
    assert not [result for result in results if not result.passed]
