"""A virtual camera whose driver comes while stylecam runs is used at once."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import cast

import pytest
import pyvirtualcam
from pyvirtualcam import camera as pyvirtualcam_camera

from stylecam.live.late_camera import LOOK_S, SETTLE_S, LateCamera
from stylecam.live.outputs import Outputs
from stylecam.live.report import MissingCamera
from stylecam.media import v4l2
from stylecam.media.sinks.base import Sink
from stylecam.media.sinks.virtual_camera import VirtualCameraSink
from stylecam.utils.clock import ManualClock
from tests.live.fixtures import pipeline_context
from tests.media.sinks.test_virtual_camera import FakeDevice

NO_DRIVER = MissingCamera("no virtual camera can be opened", "set up the driver", "stylecam setup")
HELD = MissingCamera("no virtual camera can be opened", "close ffmpeg (process 4)", None)


class TakingOutputs:
    """Takes sinks as the outputs of a run do, until it `ended`."""

    def __init__(self) -> None:
        self.sinks: list[Sink] = []
        self.ended = False

    def add_late(self, sink: Sink, _: str) -> bool:
        if self.ended:
            sink.discard()
            return False
        self.sinks.append(sink)
        return True


class Looking:
    """A run without a virtual camera, whose looks are stepped by hand."""

    def __init__(self, clock: ManualClock, missing: MissingCamera | None) -> None:
        self.clock, self.outputs = clock, TakingOutputs()
        self.late = LateCamera(cast(Outputs, self.outputs), pipeline_context(clock), missing)

    def look(self) -> None:
        self.clock.advance(LOOK_S)
        self.late.look(self.clock.now())


@pytest.fixture(autouse=True)
def devices(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The paths of video devices; a test adds some. There is no backend before `pyvirtualcam.register_backend`."""
    paths: list[str] = []
    monkeypatch.setattr(pyvirtualcam_camera, "BACKENDS", {})
    monkeypatch.setattr(v4l2, "device_paths", lambda: list(paths))
    monkeypatch.setattr(sys, "platform", "linux")
    yield paths
    FakeDevice.opened.clear()
    FakeDevice.open_errors.clear()


def test_a_camera_whose_driver_is_set_up_meanwhile_is_used_at_once(
    clock: ManualClock, devices: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    looking = Looking(clock, NO_DRIVER)
    caplog.set_level("INFO", "stylecam")
    looking.look()
    assert (looking.outputs.sinks, looking.late.missing) == ([], NO_DRIVER)
    pyvirtualcam.register_backend("test", FakeDevice)
    devices.append("/dev/null")
    looking.look()
    assert looking.late.missing is None
    assert [sink.kind for sink in looking.outputs.sinks] == ["virtual"]
    assert caplog.messages == ["Zoom and others see the camera 'test camera' from now on"]
    looking.look()
    assert len(FakeDevice.opened) == 1
    looking.outputs.sinks[0].close()


def test_without_a_new_device_nothing_is_opened(clock: ManualClock) -> None:
    """Each try asks every camera, which would wake those that sleep."""
    looking = Looking(clock, NO_DRIVER)
    pyvirtualcam.register_backend("test", FakeDevice)
    for _ in range(20):
        looking.look()
    assert FakeDevice.opened == []


def test_a_device_that_gets_its_permissions_a_moment_later_is_tried_again(
    clock: ManualClock, devices: list[str]
) -> None:
    looking = Looking(clock, NO_DRIVER)
    pyvirtualcam.register_backend("test", FakeDevice)
    FakeDevice.open_errors.append("permission denied")
    devices.append("/dev/null")
    looking.look()
    assert looking.late.missing is not None
    assert "permission denied" in looking.late.missing.reason
    FakeDevice.open_errors.clear()
    clock.advance(SETTLE_S / 2)
    looking.look()
    assert looking.outputs.sinks
    looking.outputs.sinks[0].close()


def test_a_camera_that_another_program_lets_go_is_taken(clock: ManualClock) -> None:
    looking = Looking(clock, HELD)
    pyvirtualcam.register_backend("test", FakeDevice)
    looking.look()
    assert looking.outputs.sinks
    looking.outputs.sinks[0].close()


def test_a_run_that_misses_none_looks_for_none(clock: ManualClock, devices: list[str]) -> None:
    looking = Looking(clock, None)
    pyvirtualcam.register_backend("test", FakeDevice)
    devices.append("/dev/null")
    looking.look()
    assert FakeDevice.opened == []


def test_at_the_end_of_the_run_nothing_stays_open(clock: ManualClock, devices: list[str]) -> None:
    looking = Looking(clock, NO_DRIVER)
    pyvirtualcam.register_backend("test", FakeDevice)
    looking.outputs.ended = True
    devices.append("/dev/null")
    looking.look()
    assert looking.outputs.sinks == []
    assert FakeDevice.opened[0].closed == 1


def test_a_camera_that_a_command_has_added_is_not_looked_for_any_more(clock: ManualClock, devices: list[str]) -> None:
    looking = Looking(clock, NO_DRIVER)
    looking.outputs.sinks.append(VirtualCameraSink())
    devices.append("/dev/null")
    looking.look()
    assert looking.late.missing is None
    assert len(looking.outputs.sinks) == 1
