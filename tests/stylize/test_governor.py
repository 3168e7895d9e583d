"""Tests of the governor on simulated machines: it keeps the frame rate, recovers, and does not oscillate."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stylecam.media.frame import Size
from stylecam.stylize.governor import (
    HEADROOM,
    LATE_TO_STEP_DOWN,
    LATE_WINDOW,
    MAX_DETAIL_GROWTH,
    START_MARGIN,
    STEP_UP_MARGIN,
    Governor,
    Rung,
    ladder,
)

FPS = 30.0
PERIOD_MS = 1000 / FPS
HD = Size(1280, 720)
BUILD_S = 0.4
"""Seconds until the session of a new rung is warm."""

Load = Callable[[float], float]


@dataclass
class SimulatedMachine:
    """A machine that stylizes a megapixel in `per_megapixel` ms without other load, simulated frame by frame."""

    load: Load = lambda _: 1.0
    per_megapixel: float = 120.0
    fixed_ms: float = 4.0
    detail_ms: float = 3.0
    governor: Governor = field(default_factory=lambda: Governor(ladder(HD), FPS))
    now: float = 0.0
    chosen: list[tuple[float, Rung]] = field(default_factory=list)
    frames: list[tuple[float, Rung, float]] = field(default_factory=list)

    def start(self) -> SimulatedMachine:
        """Warm up, as the stylizer does."""
        first = self.governor.choose(self.now).rung
        self.governor.start(first, self.per_megapixel * first.megapixels * self.load(self.now))
        decision = self.governor.choose(self.now)
        self.rung, self.detail = decision.rung, decision.detail
        self.chosen.append((self.now, self.rung))
        self.ready_at = 0.0
        return self

    def play(self, seconds: float) -> SimulatedMachine:
        """Stylize every camera frame that arrives while the machine is free."""
        end = self.now + seconds
        while self.now < end:
            load = self.load(self.now)
            network = self.per_megapixel * self.rung.megapixels * load
            fixed = self.fixed_ms * load
            detail = self.detail_ms * load if self.detail else None
            spent = network + fixed + (detail or 0.0)
            finished_at = self.now + spent / 1000
            self.governor.observe(self.rung, network, fixed, finished_at, detail_ms=detail)
            self.frames.append((self.now, self.rung, spent))
            decision = self.governor.choose(finished_at)
            if decision.rung != self.chosen[-1][1]:
                self.chosen.append((finished_at, decision.rung))
                self.ready_at = finished_at + BUILD_S
            if finished_at >= self.ready_at:
                self.rung = decision.rung
            self.detail = decision.detail
            self.now = math.ceil(finished_at * FPS - 1e-9) / FPS
        return self

    def changes(self, after: float = 0.0, before: float = math.inf) -> int:
        return sum(after < at < before for at, _ in self.chosen[1:])

    def late_share(self, after: float = 0.0, before: float = math.inf) -> float:
        times = [ms for at, _, ms in self.frames if after <= at < before]
        return sum(ms > PERIOD_MS for ms in times) / len(times)

    def cost(self, rung: Rung) -> float:
        return self.fixed_ms + self.per_megapixel * rung.megapixels + self.detail_ms * has_detail(rung)

    def affordable(self) -> Rung:
        """Return the finest rung that the governor may step up to without other load, with a margin for noise."""
        limit = PERIOD_MS * HEADROOM * STEP_UP_MARGIN * 0.97
        return [rung for rung in ladder(HD) if self.cost(rung) <= limit or rung == ladder(HD)[0]][-1]


def has_detail(rung: Rung) -> bool:
    """Return whether a painting of `rung` has detail where there is time for it."""
    return rung.width * MAX_DETAIL_GROWTH >= HD.width


def load_between(start: float, end: float, factor: float) -> Load:
    return lambda now: factor if start <= now < end else 1.0


def noisy(load: Load, spread: float, seed: int = 1) -> Load:
    draw = random.Random(seed)
    return lambda now: load(now) * draw.lognormvariate(0, spread)


def test_the_ladder_reaches_from_a_quarter_to_the_whole_picture() -> None:
    rungs = ladder(HD)
    assert rungs[0] == Rung(320, 176)
    assert rungs[-1] == Rung(1280, 720)
    assert Rung(512, 288) in rungs


@given(st.integers(64, 4096), st.integers(64, 4096))
def test_every_rung_is_a_multiple_of_8_and_at_least_64_pixels(width: int, height: int) -> None:
    rungs = ladder(Size(width, height))
    assert all(rung.width % 8 == rung.height % 8 == 0 and min(rung.size) >= 64 for rung in rungs)
    assert all(coarse < fine for coarse, fine in pairwise(rungs))


def test_before_anything_is_observed_nothing_is_predicted() -> None:
    decision = Governor(ladder(HD), FPS).choose(0.0)
    assert decision.predicted_ms is None
    assert decision.reason == "starting"


def test_the_first_rung_after_the_warm_up_is_the_finest_that_fits() -> None:
    governor = Governor(ladder(HD), FPS)
    governor.start(Rung(512, 288), 120 * Rung(512, 288).megapixels)
    fitting = [rung for rung in ladder(HD) if 120 * rung.megapixels <= governor.budget_ms * START_MARGIN]
    assert governor.choose(0.0).rung == fitting[-1]


@pytest.mark.parametrize("per_megapixel", [40.0, 90.0, 150.0])
def test_it_begins_at_the_rung_that_held_last_time_and_stays_there(per_megapixel: float) -> None:
    held = SimulatedMachine(per_megapixel=per_megapixel).start().play(60).rung
    machine = SimulatedMachine(per_megapixel=per_megapixel, governor=Governor(ladder(HD), FPS, held=held)).start()
    assert machine.rung == held
    assert machine.play(20).changes() == 0


def test_a_rung_that_held_in_another_ladder_stands_for_the_one_of_its_area() -> None:
    governor = Governor(ladder(Size(640, 480)), FPS, held=Rung(512, 288))
    governor.start(Rung(320, 240), 1.0)
    rung = governor.choose(0.0).rung
    assert 0.7 * Rung(512, 288).megapixels < rung.megapixels <= Rung(512, 288).megapixels


def test_a_rung_that_may_have_held_without_detail_is_begun_without() -> None:
    first = next(rung for rung in ladder(HD) if has_detail(rung))
    machine = SimulatedMachine(per_megapixel=200.0, fixed_ms=8.0, detail_ms=12.0).start().play(60)
    assert (machine.rung, machine.detail) == (first, False)
    again = Governor(ladder(HD), FPS, held=first)
    assert SimulatedMachine(per_megapixel=200.0, governor=again).start().detail is False


def test_a_rung_that_the_warm_up_rules_out_is_not_begun_with() -> None:
    plain, hinted = Governor(ladder(HD), FPS), Governor(ladder(HD), FPS, held=Rung(1280, 720))
    for governor in (plain, hinted):
        governor.start(Rung(512, 288), 120 * Rung(512, 288).megapixels)
    assert hinted.choose(0.0) == plain.choose(0.0)


def test_a_remembered_rung_that_does_not_hold_is_left_within_half_a_second() -> None:
    governor = Governor(ladder(HD), FPS, held=Rung(512, 288))
    machine = SimulatedMachine(lambda now: 4.0 if now > 0 else 1.0, 100.0, governor=governor).start()
    assert machine.rung == Rung(512, 288)
    assert machine.play(0.5).chosen[-1][1] < Rung(512, 288)


@pytest.mark.parametrize("held", [Rung(1, 1), Rung(9999, 9999)], ids=str)
def test_a_senseless_remembered_rung_costs_nothing(held: Rung) -> None:
    machine = SimulatedMachine(per_megapixel=90.0, governor=Governor(ladder(HD), FPS, held=held)).start().play(60)
    assert machine.late_share() == 0
    assert machine.rung == SimulatedMachine(per_megapixel=90.0).start().play(60).rung


def test_the_budget_leaves_headroom_in_the_frame_period() -> None:
    assert Governor(ladder(HD), FPS).budget_ms == pytest.approx(PERIOD_MS * HEADROOM)


@pytest.mark.parametrize("per_megapixel", [5.0, 40.0, 90.0, 150.0, 260.0])
def test_under_steady_load_the_rung_settles_and_stays(per_megapixel: float) -> None:
    machine = SimulatedMachine(per_megapixel=per_megapixel).start().play(60)
    assert machine.changes(after=12) == 0
    assert machine.late_share() == 0


def test_it_starts_coarse_and_is_near_the_finest_rung_within_two_seconds() -> None:
    machine = SimulatedMachine(per_megapixel=40.0).start().play(2)
    assert machine.chosen[0][1] < machine.rung
    assert machine.rung.megapixels > 0.6 * machine.affordable().megapixels


@pytest.mark.parametrize("per_megapixel", [5.0, 40.0, 90.0, 150.0, 260.0])
def test_the_settled_rung_is_the_finest_the_machine_affords(per_megapixel: float) -> None:
    machine = SimulatedMachine(per_megapixel=per_megapixel).start().play(120)
    finer = [rung for rung in ladder(HD) if rung > machine.rung]
    assert machine.cost(machine.rung) <= PERIOD_MS
    assert not finer or machine.cost(finer[0]) > PERIOD_MS * HEADROOM * STEP_UP_MARGIN


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("per_megapixel", [60.0, 110.0, 170.0])
def test_measurement_noise_does_not_make_the_rung_oscillate(per_megapixel: float, seed: int) -> None:
    machine = SimulatedMachine(noisy(lambda _: 1.0, 0.12, seed), per_megapixel).start().play(200)
    assert machine.changes(after=60) <= 3
    assert machine.late_share(after=10) < 0.05


@pytest.mark.parametrize("factor", [1.5, 2.0, 2.5])
def test_another_programs_load_lowers_the_rung_and_not_the_frame_rate(factor: float) -> None:
    machine = SimulatedMachine(noisy(load_between(30, 60, factor), 0.05)).start().play(60)
    assert machine.late_share(after=32, before=60) < 0.08


@pytest.mark.parametrize("factor", [1.5, 2.0, 3.0])
def test_when_the_load_ends_the_rung_rises_again(factor: float) -> None:
    machine = SimulatedMachine(noisy(load_between(30, 60, factor), 0.03), per_megapixel=110).start().play(120)
    assert machine.rung >= machine.affordable()


def test_it_lowers_within_a_second_of_a_sudden_load() -> None:
    machine = SimulatedMachine(load_between(30, 90, 2.5)).start().play(31)
    assert machine.chosen[-1][1] < machine.chosen[-2][1]
    assert machine.chosen[-1][0] < 31


def test_a_step_down_goes_to_the_predicted_rung() -> None:
    machine = SimulatedMachine(load_between(30, 90, 3.0)).start().play(60)
    assert machine.changes(after=30) <= 4


def test_a_slowly_rising_load_only_lowers_the_rung() -> None:
    machine = SimulatedMachine(noisy(lambda now: 1 + now / 60, 0.03)).start().play(120)
    rungs = [rung for at, rung in machine.chosen if at > 8]
    assert rungs == sorted(rungs, reverse=True)
    assert len(rungs) > 2
    assert machine.late_share() < 0.1


def spikes(now: float) -> float:
    """Return a load with one slow frame every four seconds."""
    return 8.0 if 1.0 <= now % 4 < 1.0 + 1 / FPS else 1.0


def test_single_slow_frames_change_nothing() -> None:
    machine = SimulatedMachine(spikes).start().play(60)
    assert machine.changes(after=12) == 0


def test_single_slow_frames_do_not_prevent_the_rung_from_rising() -> None:
    machine = SimulatedMachine(lambda now: spikes(now) * (2.0 if now < 20 else 1.0), per_megapixel=110).start().play(80)
    assert machine.rung >= machine.affordable()


@pytest.mark.parametrize(("period_s", "most"), [(1.0, 0), (4.0, 2), (10.0, 10), (20.0, 16), (45.0, 20)])
def test_a_periodic_load_causes_few_changes(period_s: float, most: int) -> None:
    machine = SimulatedMachine(lambda now: 2.0 if now % period_s < period_s / 2 else 1.0).start().play(400)
    assert machine.changes(after=200) <= most


@pytest.mark.parametrize("period_s", [1.0, 4.0, 10.0, 20.0, 45.0])
def test_a_periodic_load_makes_few_frames_late(period_s: float) -> None:
    machine = SimulatedMachine(lambda now: 2.0 if now % period_s < period_s / 2 else 1.0).start().play(400)
    assert machine.late_share(after=60) < 0.05


def test_a_rung_that_is_too_fine_is_tried_less_and_less_often() -> None:
    """The network costs more at large sizes than the linear law says."""
    machine = SimulatedMachine(fixed_ms=1.0).start()
    cliff = machine.rung
    while machine.now < 600:
        machine.per_megapixel = 120 if machine.rung <= cliff else 320
        machine.play(1 / FPS / 2)
    tries = [at for at, rung in machine.chosen if rung > cliff]
    assert 0 < sum(at >= 300 for at in tries) <= 10


def load_each_minute(seconds: float, times: int, seed: int) -> Load:
    """Return another program's load: heavy and light by turns in the first `seconds` of `times` minutes."""
    draw = random.Random(seed)
    ends, end, heavy = [], 0.0, True
    while end < seconds:
        end += draw.uniform(1, 4) if heavy else draw.uniform(3, 8)
        ends.append((end, 3.0 if heavy else 1.2))
        heavy = not heavy

    def load(now: float) -> float:
        minute, second = divmod(now - 15, 60)
        if not (0 <= minute < times and second < seconds):
            return 1.0
        return next(factor for until, factor in ends if second < until)

    return load


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("seconds", [20.0, 35.0])
def test_after_the_tenth_load_the_rung_rises_as_soon_as_after_the_first(seconds: float, seed: int) -> None:
    machine = SimulatedMachine(noisy(load_each_minute(seconds, 10, seed), 0.05), per_megapixel=70).start()
    machine.play(15 + 9 * 60 + seconds + 20)
    assert machine.rung >= machine.affordable()


@pytest.mark.parametrize("seed", range(4))
def test_with_a_load_each_minute_the_rung_is_fine_between_the_loads(seed: int) -> None:
    load = load_each_minute(20.0, 10, seed)
    machine = SimulatedMachine(noisy(load, 0.05), per_megapixel=70).start().play(15 + 600)
    idle = [rung.megapixels for at, rung, _ in machine.frames if at > 15 and load(at) == 1.0]
    assert sum(idle) / len(idle) > 0.75 * machine.affordable().megapixels
    assert machine.changes(after=15) <= 7 * 10
    assert machine.late_share(after=15) < 0.03


def test_a_load_and_a_rung_that_is_too_fine_are_told_apart() -> None:
    """Beyond 512 pixels this network costs three times what the linear law says, and a load comes each minute."""
    machine = SimulatedMachine(fixed_ms=1.0).start()
    load, cliff = load_each_minute(20.0, 100, 0), Rung(512, 288)
    while machine.now < 1800:
        machine.per_megapixel = (60 if machine.rung <= cliff else 180) * load(machine.now)
        machine.play(1 / FPS / 2)
    tries = [at for at, rung in machine.chosen if rung > cliff]
    assert sum(at >= 900 for at in tries) <= 10
    idle = [rung for at, rung, _ in machine.frames if at > 15 and load(at) == 1.0]
    assert sum(rung >= cliff for rung in idle) > 0.6 * len(idle)


@pytest.mark.parametrize("per_megapixel", [60.0, 100.0])
def test_a_rung_that_costs_more_than_predicted_is_tried_at_most_once_a_minute(per_megapixel: float) -> None:
    machine = SimulatedMachine(fixed_ms=1.0, per_megapixel=per_megapixel).start()
    cliff = Rung(384, 216)
    while machine.now < 900:
        machine.per_megapixel = per_megapixel if machine.rung <= cliff else 8 * per_megapixel
        machine.play(1 / FPS / 2)
    tries = [at for at, rung in machine.chosen if rung > cliff]
    assert 0 < sum(at >= 300 for at in tries) <= 11


def test_a_machine_too_slow_for_everything_stays_on_the_coarsest_rung() -> None:
    machine = SimulatedMachine(per_megapixel=2000).start().play(60)
    assert machine.rung == ladder(HD)[0]
    assert machine.changes(after=3) == 0


def test_a_fixed_rung_is_never_left() -> None:
    governor = Governor((Rung(512, 288),), FPS)
    for i in range(100):
        governor.observe(Rung(512, 288), 500.0, 5.0, i / FPS)
    decision = governor.choose(4.0)
    assert decision.rung == Rung(512, 288)
    assert decision.reason == "fixed"


def _late(governor: Governor, rung: Rung, frames: int, now: float = 0.0) -> None:
    for i in range(frames):
        governor.observe(rung, PERIOD_MS + 1, 0.0, now + i / FPS)


def test_a_few_late_frames_step_down_at_once_with_the_reason() -> None:
    governor = Governor(ladder(HD), FPS)
    governor.start(Rung(512, 288), 12.0)
    start = governor.choose(0.0).rung
    _late(governor, start, LATE_TO_STEP_DOWN)
    decision = governor.choose(0.2)
    assert decision.rung < start
    assert decision.reason == f"down: {LATE_TO_STEP_DOWN} of the last {LATE_TO_STEP_DOWN} frames were late"


def test_late_frames_long_ago_do_not_count() -> None:
    governor = Governor(ladder(HD), FPS)
    governor.start(Rung(512, 288), 20.0)
    start = governor.choose(0.0).rung
    _late(governor, start, LATE_TO_STEP_DOWN - 1)
    for i in range(LATE_WINDOW):
        governor.observe(start, 20.0, 2.0, 1 + i / FPS)
    _late(governor, start, LATE_TO_STEP_DOWN - 1, 2.0)
    assert governor.choose(2.2).rung == start


def test_late_frames_of_the_old_rung_do_not_count_for_the_new_one() -> None:
    governor = Governor(ladder(HD), FPS)
    governor.start(Rung(512, 288), 12.0)
    start = governor.choose(0.0).rung
    _late(governor, start, LATE_TO_STEP_DOWN)
    lowered = governor.choose(0.2).rung
    _late(governor, start, 3 * LATE_WINDOW, 0.2)
    assert governor.choose(2.0).rung == lowered


def test_late_frames_during_a_warm_up_are_forgotten() -> None:
    governor = Governor(ladder(HD), FPS)
    governor.start(Rung(512, 288), 20.0)
    start = governor.choose(0.0).rung
    for _ in range(3):
        _late(governor, start, LATE_TO_STEP_DOWN - 1)
        governor.forget_recent()
    assert governor.choose(1.0).rung == start


def test_the_prediction_is_close_to_the_real_cost() -> None:
    machine = SimulatedMachine(noisy(lambda _: 1.0, 0.1), per_megapixel=100, fixed_ms=5).start().play(30)
    for rung in ladder(HD):
        assert machine.governor.predict(rung, has_detail(rung)) == pytest.approx(machine.cost(rung), rel=0.15)


def test_one_enormous_frame_hardly_moves_the_prediction() -> None:
    machine = SimulatedMachine(per_megapixel=100).start().play(10)
    rung = machine.rung
    before = machine.governor.predict(rung)
    machine.governor.observe(rung, 5000.0, 3.0, machine.now)
    after = machine.governor.predict(rung)
    assert before is not None
    assert after is not None
    assert after < before * 1.2


def _mixed_load(seed: int) -> Load:
    """Return the load of a laptop in a video call: slow drift (heat), bursts (other programs), long-tailed noise."""
    draw = random.Random(seed)
    state = {"drift": 0.0, "burst": 1.0, "until": 0.0}

    def load(now: float) -> float:
        state["drift"] = 0.995 * state["drift"] + draw.gauss(0, 0.004)
        if now > state["until"] and draw.random() < 0.002:
            state["burst"], state["until"] = draw.uniform(1.2, 2.2), now + draw.uniform(0.2, 12)
        burst = state["burst"] if now < state["until"] else 1.0
        tail = draw.uniform(2, 6) if draw.random() < 0.004 else 1.0
        return math.exp(state["drift"]) * burst * tail * draw.lognormvariate(0, 0.06)

    return load


@pytest.mark.parametrize("seed", range(3))
def test_under_mixed_load_frames_are_on_time(seed: int) -> None:
    machine = SimulatedMachine(_mixed_load(seed)).start().play(300)
    assert machine.late_share(after=10) < 0.06


@pytest.mark.parametrize("seed", range(3))
def test_under_mixed_load_changes_are_few(seed: int) -> None:
    machine = SimulatedMachine(_mixed_load(seed)).start().play(300)
    assert machine.changes() < 300 / 6


segments = st.lists(st.tuples(st.floats(0.2, 20.0), st.floats(1.0, 4.0)), min_size=1, max_size=8)


def _stepped_load(parts: list[tuple[float, float]]) -> tuple[Load, float]:
    ends, end = [], 0.0
    for seconds, factor in parts:
        end += seconds
        ends.append((end, factor))
    return (lambda now: next((factor for until, factor in ends if now < until), 1.0)), end


@settings(max_examples=40, deadline=None)
@given(segments, st.floats(30.0, 250.0))
def test_after_any_load_the_rung_rises_again(parts: list[tuple[float, float]], per_megapixel: float) -> None:
    load, end = _stepped_load(parts)
    machine = SimulatedMachine(load, per_megapixel).start().play(end + 150)
    assert machine.rung >= machine.affordable()
    assert machine.cost(machine.rung) <= PERIOD_MS


@settings(max_examples=40, deadline=None)
@given(segments, st.floats(30.0, 250.0))
def test_under_any_load_changes_are_few(parts: list[tuple[float, float]], per_megapixel: float) -> None:
    """At most about a dozen changes of the rung for each change of the load."""
    load, end = _stepped_load(parts)
    machine = SimulatedMachine(load, per_megapixel).start().play(end)
    assert machine.changes() <= 6 * len(parts) + end / 4


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0.0, 1e4, allow_subnormal=False), st.floats(0.0, 1e3, allow_subnormal=False)), max_size=60
    ),
    st.floats(1.0, 120.0),
)
def test_for_any_times_the_chosen_rung_is_one_of_the_ladder(times: list[tuple[float, float]], fps: float) -> None:
    governor = Governor(ladder(HD), fps)
    now = 0.0
    for network, fixed in times:
        now += (network + fixed) / 1000
        rung = governor.choose(now).rung
        governor.observe(rung, network, fixed, now)
    assert governor.choose(now).rung in ladder(HD)


def test_after_short_bursts_of_load_the_rung_is_back_soon() -> None:
    def bursts(now: float) -> float:
        return 2.5 if any(start <= now < start + 4 for start in (20, 34, 48)) else 1.0

    machine = SimulatedMachine(bursts, per_megapixel=140).start().play(20)
    settled = machine.rung
    machine.play(32 + 40)
    assert machine.rung == settled


def test_the_ladder_of_a_large_picture_starts_at_a_small_rung() -> None:
    coarsest = ladder(Size(3840, 2160))[0]
    assert 320 <= coarsest.width <= 400


def observe_frames(
    governor: Governor, seconds: float, *, network: float, busy: tuple[float, float], detail: float = 0.0
) -> None:
    """Observe frames that take `network` ms per megapixel, and CPU time `busy`: ms per megapixel and fixed ms.

    Adding detail takes `detail` ms of time and twice as much CPU time.
    """
    for i in range(round(seconds * FPS)):
        decision = governor.choose(i / FPS)
        pixels = decision.rung.megapixels
        other = busy[1] + 2 * detail * decision.detail
        governor.observe(
            decision.rung,
            network * pixels,
            2.0,
            i / FPS,
            detail_ms=detail if decision.detail else None,
            busy_ms=(busy[0] * pixels, other),
        )


@pytest.mark.parametrize("allowed_ms", [20.0, 35.0, 50.0])
def test_the_cpu_budget_limits_the_rung_even_when_frames_are_on_time(allowed_ms: float) -> None:
    governor = Governor(ladder(HD), FPS, allowed_ms)
    observe_frames(governor, 60, network=10.0, busy=(100.0, 5.0))
    rung = governor.choose(60.0).rung
    finer = ladder(HD)[ladder(HD).index(rung) + 1]
    assert 100 * rung.megapixels + 5 <= allowed_ms
    assert 100 * finer.megapixels + 5 > allowed_ms * STEP_UP_MARGIN


def test_the_reason_names_the_limit_that_holds_the_rung() -> None:
    governor = Governor(ladder(HD), FPS, 30.0)
    observe_frames(governor, 60, network=10.0, busy=(100.0, 5.0))
    assert "% of the processor time allowed" in governor.choose(60.0).reason
    free = Governor(ladder(HD), FPS, 3000.0)
    observe_frames(free, 60, network=100.0, busy=(100.0, 5.0))
    assert free.choose(60.0).reason.endswith(" ms")


def test_rising_cpu_time_lowers_the_rung_and_falling_raises_it() -> None:
    governor = Governor(ladder(HD), FPS, 40.0)
    observe_frames(governor, 30, network=10.0, busy=(60.0, 5.0))
    before = governor.choose(30.0).rung
    for now, per_megapixel in ((30.0, 120.0), (60.0, 60.0)):
        for i in range(round(30 * FPS)):
            decision = governor.choose(now + i / FPS)
            pixels = decision.rung.megapixels
            governor.observe(decision.rung, 10 * pixels, 2.0, now + i / FPS, busy_ms=(per_megapixel * pixels, 5.0))
        if now == 30.0:
            assert governor.choose(60.0).rung < before
    assert governor.choose(90.0).rung == before


def test_detail_is_added_where_it_fits() -> None:
    governor = Governor(ladder(HD), FPS)
    observe_frames(governor, 30, network=60.0, busy=(0.0, 0.0), detail=5.0)
    decision = governor.choose(30.0)
    assert decision.detail
    assert decision.rung > ladder(HD)[0]


def test_the_cost_of_detail_counts_when_a_rung_is_chosen() -> None:
    plain, detailed = Governor(ladder(HD), FPS), Governor(ladder(HD), FPS)
    observe_frames(plain, 60, network=60.0, busy=(0.0, 0.0))
    observe_frames(detailed, 60, network=60.0, busy=(0.0, 0.0), detail=6.0)
    assert detailed.choose(60.0).rung < plain.choose(60.0).rung


def test_a_machine_too_slow_for_detail_adds_none() -> None:
    governor = Governor(ladder(HD), FPS)
    observe_frames(governor, 30, network=450.0, busy=(0.0, 0.0), detail=9.0)
    assert governor.choose(30.0).rung == ladder(HD)[0]
    assert not governor.choose(30.0).detail


@pytest.mark.parametrize(
    ("output", "network", "rung", "detail", "first"),
    [
        (Size(1920, 1080), 150.0, Rung(480, 272), False, False),
        (Size(1920, 1080), 130.0, Rung(576, 320), False, True),
        (Size(1280, 720), 100.0, Rung(512, 288), True, False),
        (Size(1920, 1080), 60.0, Rung(672, 376), True, False),
    ],
)
def test_a_painting_that_is_enlarged_much_becomes_finer_before_it_gets_detail(
    output: Size, network: float, rung: Rung, detail: bool, first: bool
) -> None:
    governor = Governor(ladder(output), FPS)
    observe_frames(governor, 60, network=network, busy=(0.0, 0.0), detail=9.0)
    decision = governor.choose(60.0)
    assert (decision.rung, decision.detail) == (rung, detail)
    finer = ladder(output)[ladder(output).index(rung) + 1]
    more = "detail" if first else f"{finer.width}x{finer.height}"
    assert decision.reason.startswith(f"holding: {more} would take ")


def test_what_no_finer_rung_may_take_goes_into_detail() -> None:
    governor = Governor(ladder(HD)[:2], FPS, output=HD)
    observe_frames(governor, 60, network=10.0, busy=(0.0, 0.0), detail=2.0)
    assert governor.choose(60.0).rung == ladder(HD)[1]
    assert governor.choose(60.0).detail


def test_detail_is_added_again_when_there_is_time() -> None:
    governor = Governor(ladder(HD), FPS)
    observe_frames(governor, 30, network=450.0, busy=(0.0, 0.0), detail=9.0)
    for i in range(round(60 * FPS)):
        decision = governor.choose(30 + i / FPS)
        governor.observe(decision.rung, 100 * decision.rung.megapixels, 2.0, 30 + i / FPS, detail_ms=3.0)
    assert governor.choose(90.0).detail
    assert governor.choose(90.0).rung > ladder(HD)[0]


def test_the_time_of_detail_under_load_does_not_prevent_it_after_the_load() -> None:
    governor = Governor(ladder(HD), FPS)
    before = None
    for i in range(round(90 * FPS)):
        now = i / FPS
        load = 6.0 if 30 <= now < 50 else 1.0
        decision = governor.choose(now)
        if now < 30:
            before = decision
        network, detail = 60.0 * decision.rung.megapixels * load, 6.0 * load
        governor.observe(decision.rung, network, 2.0, now, detail_ms=detail if decision.detail else None)
        if 49 <= now < 50:
            assert not decision.detail, "there was no time for it"
    after = governor.choose(90.0)
    assert before is not None
    assert (after.rung, after.detail) == (before.rung, True)


def test_at_a_fixed_rung_only_detail_is_dropped() -> None:
    governor = Governor((Rung(640, 360),), FPS)
    observe_frames(governor, 30, network=120.0, busy=(0.0, 0.0), detail=9.0)
    decision = governor.choose(30.0)
    assert (decision.rung, decision.detail, decision.reason) == (Rung(640, 360), False, "fixed")
