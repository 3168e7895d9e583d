"""Tests of the cost of a network."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from stylecam.evaluation.johnson import johnson
from stylecam.evaluation.quality.model_runner import ModelRunner
from stylecam.evaluation.quality.speed import InferenceCost, InferenceEnvironment, inference_times_ms
from stylecam.media.frame import Size
from stylecam.models.model import Model
from tests.models.networks import network


def test_johnsons_network_runs() -> None:
    styled = ModelRunner(johnson()).style(0)(np.full((48, 64, 3), 128, np.uint8))
    assert styled.shape == (48, 64, 3)
    assert np.isfinite(styled).all()


def test_times_are_medians_taken_turn_by_turn(tmp_path: Path) -> None:
    class SlowingClock:
        """A clock on which each reading takes one millisecond longer than the previous one."""

        def __init__(self) -> None:
            self.at, self.step = 0.0, 0.0

        def now(self) -> float:
            self.step += 0.001
            self.at += self.step
            return self.at

        def process_time(self) -> float:
            raise AssertionError

        def wait_until(self, deadline: float, stop: threading.Event | None = None) -> bool:
            raise AssertionError

    runner = ModelRunner(Model.read(network(tmp_path / "a.onnx")))
    first, second = inference_times_ms([runner, ModelRunner(runner.model)], Size(64, 48), SlowingClock())
    assert second - first == pytest.approx(2)  # measured two readings later
    assert first == pytest.approx(26)  # four readings in the warm-up, five rounds of four, and the second of the sixth


def test_the_ratio_is_the_others_cost_divided_by_its_own() -> None:
    found = InferenceCost(2.0, 10.0).against(InferenceCost(47.0, 200.0))
    assert (found.times_less, found.times_faster) == (23.5, 20.0)


def test_the_environment_names_engine_device_and_threads(bank: Model) -> None:
    import cv2

    environment = InferenceEnvironment.of(ModelRunner(bank))
    assert f"OpenCV {cv2.__version__} on cpu" in str(environment)
    assert environment.threads == cv2.getNumThreads()
