"""Latency proven from outside: the time of capture is written into the pixels, and a reader compares it with now."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from stylecam.media.timestamp import read_timestamp
from tests.end_to_end.conftest import Start
from tests.end_to_end.outside import free_port, stream

pytestmark = pytest.mark.system

FRAMES = 90
BROKEN_MS = 500.0
"""No promise of speed: half a second means that frames queue up somewhere."""


@pytest.fixture
def measured(stylecam: Start) -> tuple[list[float], list[float], dict[str, float]]:
    """Capture times and latencies in ms of frames read from the stream, and the latency stylecam states."""
    port = free_port()
    program = stylecam(
        "--camera", "demo:timestamp", "--style", "none", "--size", "640x360", "--output", f"web:{port}"
    )  # fmt: skip
    captured, latencies = [], []
    for arrived, image in islice(stream(port), FRAMES):
        at = read_timestamp(image)
        assert at is not None, "a frame's time stamp cannot be read"
        captured.append(at)
        latencies.append((arrived - at) * 1000)
    program.interrupt()
    assert program.finish() == 0
    return captured, latencies, program.stats()["latency_ms"]


def test_pixels_reach_a_reader_soon_in_order_and_as_the_statistics_say(
    measured: tuple[list[float], list[float], dict[str, float]],
) -> None:
    captured, latencies, stated = measured
    p50, p95, p99 = np.percentile(latencies, (50, 95, 99))
    print(f"\nlatency to a reader: p50 {p50:.1f}, p95 {p95:.1f}, p99 {p99:.1f} ms; stated until published: {stated}")
    assert captured == sorted(captured)
    assert len(set(captured)) > FRAMES / 2
    assert min(latencies) > 0
    assert p50 < BROKEN_MS
    assert stated["p50"] == pytest.approx(p50, abs=100)
