"""Which engine drives a live run: never another than the one asked for, and always one that works."""

from __future__ import annotations

from typing import Any

import pytest

from stylecam.engines.autotune import Autotuner, EngineChoice
from stylecam.engines.base import Engine
from stylecam.engines.opencv import OpenCVEngine
from stylecam.errors import EngineError, EngineRunError, EngineUnavailableError
from stylecam.live import engine_choice
from stylecam.live.engine_choice import EngineChooser
from stylecam.live.settings import Settings
from stylecam.models.model import Model
from stylecam.utils.clock import ManualClock
from tests.doubles import TintEngine, model

FAILED = EngineRunError("it fell apart")


def chooser(**settings: Any) -> EngineChooser:
    return EngineChooser(Settings(**settings), ManualClock())


def engine(name: str, device: str = "cpu") -> Engine:
    made = TintEngine()
    made.name, made.device, made.version = name, device, name.title()
    return made


def test_auto_asks_for_none_by_name() -> None:
    assert chooser().requested() is None


def test_a_network_is_measured_once_in_a_run_also_with_retune(monkeypatch: pytest.MonkeyPatch) -> None:
    measured: list[tuple[str, bool]] = []

    def choose(_: Autotuner, network: Model, *__: object, retune: bool) -> EngineChoice:
        measured.append((network.key, retune))
        return EngineChoice(OpenCVEngine("cpu"), "5.0 ms", 21.7)

    monkeypatch.setattr(Autotuner, "choose", choose)
    found = chooser(retune=True)
    assert (found.speed(None, model("rich")), found.reason) == (21.7, None)
    assert (found.fastest([model("rich")]).name, found.reason) == ("opencv", "5.0 ms")
    assert measured == [("rich", True)]


def test_the_speed_of_an_engine_that_was_asked_for_or_is_the_only_one_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def speed(_: Autotuner, __: Model, engine: Engine, threads: int | None, *, retune: bool) -> float:
        return {"OpenVINO": 50.0}.get(engine.version, 160.0)

    monkeypatch.setattr(Autotuner, "choose", lambda *_, **__: EngineChoice(OpenCVEngine("cpu")))
    monkeypatch.setattr(Autotuner, "speed", speed)
    requested = engine("openvino")
    requested.version = "OpenVINO"
    assert chooser(engine="openvino").speed(requested, model("rich")) == 50.0
    assert chooser().speed(None, model("rich")) == 160.0


def test_without_any_network_opencv_does() -> None:
    found = chooser()
    assert found.fastest([]).name == "opencv"
    assert found.reason is None


def test_an_engine_that_is_not_installed_is_refused_before_anything_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> Engine:
        raise EngineUnavailableError("OpenVINO is not installed")

    monkeypatch.setattr(engine_choice, "make_engine", missing)
    with pytest.raises(EngineUnavailableError):
        chooser(engine="openvino").requested()


@pytest.mark.parametrize(
    ("settings", "failing"),
    [({}, engine("openvino")), ({}, engine("opencv", "cuda")), ({"device": "cuda"}, engine("onnxruntime", "cuda")),
     ({"engine": "opencv"}, engine("opencv", "cuda"))],
    ids=["the fastest", "its card", "the fastest on a device", "a card found by itself"],
)  # fmt: skip
def test_what_nobody_asked_for_and_fails_gives_way_to_opencv(
    settings: dict[str, Any], failing: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    other = chooser(**settings).fallback_for(failing, FAILED)
    assert (other.name, other.device) == ("opencv", "cpu")
    assert caplog.messages == [
        f"{failing.version} on {failing.device} does not work (it fell apart); going on with OpenCV"
    ]


@pytest.mark.parametrize(
    ("settings", "failing"),
    [({"engine": "openvino"}, engine("openvino")), ({"engine": "opencv", "device": "cuda"}, engine("opencv", "cuda")),
     ({}, engine("opencv"))],
    ids=["an engine", "a device", "the last resort"],
)  # fmt: skip
def test_what_was_asked_for_or_is_the_last_resort_is_not_replaced(settings: dict[str, Any], failing: Engine) -> None:
    with pytest.raises(EngineError, match="it fell apart"):
        chooser(**settings).fallback_for(failing, FAILED)


def test_the_fastest_has_a_spare_one_for_networks_it_cannot_run_and_one_asked_for_has_none() -> None:
    assert isinstance(chooser().spare_for(engine("openvino")), OpenCVEngine)
    assert chooser().spare_for(engine("opencv")) is None
    assert chooser(engine="openvino").spare_for(engine("openvino")) is None
