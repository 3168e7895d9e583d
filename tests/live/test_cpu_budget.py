"""The cpu_budget of processor time: what is used beyond it is made up for by letting frames pass."""

from __future__ import annotations

import pytest

from stylecam.live.cpu_budget import OWED_S, CpuBudget

FPS = 30.0


def played(cpu_budget: CpuBudget, busy_ms: float, seconds: float) -> tuple[float, float]:
    """Frames that cost `busy_ms` each are painted unless it is exceeded; share of a core and painted frames/s."""
    now = busy = 0.0
    painted = 0
    for _ in range(round(seconds * FPS)):
        now += 1 / FPS
        if not cpu_budget.is_exceeded(now, busy):
            busy += busy_ms / 1000
            painted += 1
    return busy / seconds, painted / seconds


def test_a_frame_s_part_is_the_share_of_all_cores() -> None:
    assert CpuBudget(0.5, 4).frame_budget_ms(25.0) == pytest.approx(80.0)


@pytest.mark.parametrize("busy_ms", [5.0, 20.0, 33.0])
def test_within_the_budget_every_frame_is_styled(busy_ms: float) -> None:
    assert played(CpuBudget(0.5, 2), busy_ms, 20)[1] == FPS


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
@pytest.mark.parametrize("busy_ms", [50.0, 90.0, 400.0])
def test_beyond_it_as_much_is_used_as_is_allowed(busy_ms: float, share: float) -> None:
    used, fps = played(CpuBudget(share, 2), busy_ms, 120)
    if busy_ms / 1000 * FPS > share * 2 and busy_ms / 1000 <= OWED_S * share * 2:
        assert used == pytest.approx(share * 2, rel=0.1)
    assert 0 < fps <= FPS


def test_one_expensive_moment_stops_the_picture_for_a_moment_only() -> None:
    cpu_budget = CpuBudget(0.5, 2)
    cpu_budget.is_exceeded(0.0, 0.0)
    assert cpu_budget.is_exceeded(1.0, 30.0)
    assert cpu_budget.is_exceeded(1.0 + OWED_S * 0.9, 30.0)
    assert not cpu_budget.is_exceeded(1.0 + OWED_S * 1.1, 30.0)


def test_a_long_rest_earns_no_right_to_a_long_excess() -> None:
    cpu_budget = CpuBudget(0.5, 2)
    cpu_budget.is_exceeded(0.0, 0.0)
    assert not cpu_budget.is_exceeded(1000.0, 0.0)
    assert cpu_budget.is_exceeded(1001.0, 1.5)
