"""What the doctor really tries, tried here; the camera alone is played."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stylecam.engines.names import LIBRARY_NAMES, PACKAGES
from stylecam.errors import SourceError
from stylecam.media import v4l2
from stylecam.media.frame import Frame
from stylecam.media.sources import camera
from stylecam.media.sources.devices import Camera
from stylecam.system.doctor.diagnostics import Diagnostics
from stylecam.utils import paths
from stylecam.utils.clock import ManualClock, SystemClock
from tests.engines.fixtures import require_library
from tests.system.fake_host import WEBCAM


def diagnostics(clock: Any = None) -> Diagnostics:
    return Diagnostics(clock or SystemClock(), lambda: None)


def test_a_network_really_runs_on_the_processor() -> None:
    run = diagnostics().network("cpu")
    assert run.device == "cpu"
    assert run.engine.startswith("OpenCV ")
    assert run.milliseconds > 0


@pytest.mark.parametrize("engine", sorted(PACKAGES))
def test_a_network_really_runs_on_an_engine_that_is_an_extra(engine: str) -> None:
    require_library(engine)
    assert "cpu" in diagnostics().devices(engine)
    run = diagnostics().network("cpu", engine)
    assert run.device == "cpu"
    assert run.engine.startswith(LIBRARY_NAMES[engine])
    assert any(diagnostics().versions()[package] for package in PACKAGES[engine])


def test_opencv_tells_what_it_is() -> None:
    told = diagnostics().opencv()
    assert told.version[0].isdecimal()
    assert told.threads >= 1
    assert "cpu" in told.devices
    assert all("*" not in feature for feature in told.features)


@pytest.mark.usefixtures("own_settings")
def test_styles_packages_and_folders_are_looked_up() -> None:
    count, problems = diagnostics().styles()
    assert count > 0
    assert problems == []
    assert diagnostics().versions()["numpy"] == np.__version__
    assert all(Path(folder).is_absolute() for folder in diagnostics().folders.values())
    assert str(paths.user_videos()) in diagnostics().folders.values()


class Played:
    """Stands in for `CameraSource`: a picture every 1/15 s of the clock."""

    every_s = 1 / 15
    gives = True

    def __init__(self, camera: Camera, clock: ManualClock) -> None:
        self._clock, self.closed = clock, False
        Played.last = self

    last: Any = None

    def open(self, *_: object) -> None:
        pass

    def read(self) -> Frame | None:
        self._clock.advance(self.every_s)
        return Frame(np.full((720, 1280, 3), 40, np.uint8), 0, self._clock.now()) if self.gives else None

    def describe(self) -> dict[str, object]:
        return {"format": "MJPG"}

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> type[Played]:
    monkeypatch.setattr(camera, "CameraSource", Played)
    monkeypatch.setattr(Played, "gives", True)
    monkeypatch.setattr(
        v4l2, "read_control", lambda _, number: {v4l2.EXPOSURE_TIME: 625, v4l2.EXPOSURE_MAY_SLOW: 1}[number]
    )
    return Played


@pytest.mark.skipif(sys.platform != "linux", reason="controls are read on Linux")
def test_a_cameras_rate_is_counted_and_its_exposure_read(played: type[Played], clock: ManualClock) -> None:
    measured = diagnostics(clock).measure(WEBCAM)
    assert measured.fps == pytest.approx(15)
    assert (measured.width, measured.height, measured.fourcc, measured.brightness) == (1280, 720, "MJPG", 40)
    assert (measured.exposure_ms, measured.may_slow) == (62.5, True)
    assert played.last.closed


def test_a_camera_that_gives_nothing_is_closed_and_said(
    played: type[Played], clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(played, "gives", False)
    with pytest.raises(SourceError, match="gave no picture"):
        diagnostics(clock).measure(WEBCAM)
    assert played.last.closed


@pytest.mark.skipif(sys.platform != "linux", reason="V4L2 is Linux")
def test_a_device_without_controls_has_none() -> None:
    assert v4l2.read_control("/dev/null", v4l2.EXPOSURE_TIME) is None
    assert v4l2.read_control("/dev/no-such-device", v4l2.EXPOSURE_TIME) is None
