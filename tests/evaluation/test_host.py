"""Tests of describing the machine of a measurement."""

from __future__ import annotations

import platform
from dataclasses import asdict
from importlib.metadata import version

import pytest

import stylecam
from stylecam.evaluation import host
from stylecam.evaluation.host import HostInfo
from stylecam.evaluation.performance.load_test import CpuLoad
from stylecam.utils.clock import ManualClock
from stylecam.utils.resources import usable_cores
from tests.doubles import until


def test_machine_and_versions_are_reported() -> None:
    here = HostInfo.collect()
    assert here.cores == usable_cores()
    assert here.packages["numpy"] == version("numpy")
    assert here.memory_gb > 0
    assert asdict(here)["python"] == platform.python_version()
    for text in (stylecam.__version__, version("numpy"), f"{here.cores} core"):
        assert text in str(here)


def test_other_programs_are_counted_apart_from_this_one(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = [100.0]
    monkeypatch.setattr(host, "machine_busy_s", lambda: machine[0])
    others = host.BackgroundLoad(clock)
    clock.advance(10.0, process_time=4.0)
    machine[0] += 9.0
    assert others.cores() == pytest.approx(0.5)


def test_the_busy_time_grows_under_load() -> None:
    before = host.machine_busy_s()
    with CpuLoad() as load:
        load.set(1)
        assert until(lambda: host.machine_busy_s() > before + 0.1)
