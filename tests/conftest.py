"""Fixtures for all tests."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from stylecam.control.http import instances
from stylecam.live.stats import Stats
from stylecam.models.catalog import Catalog, shipped_models
from stylecam.models.model import Model
from stylecam.utils import paths
from stylecam.utils.clock import ManualClock

# A busy machine is no failure, and neither is a fresh clone, in which the first text takes a second: Hypothesis then
# makes its table of all characters.
settings.register_profile("ours", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ours")


@pytest.fixture(autouse=True)
def _own_answers(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was measured about engines is remembered for the tests, and not where the user's answers lie."""
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: tmp_path_factory.getbasetemp() / "cache")


@pytest.fixture
def clock() -> ManualClock:
    """A clock that only moves when someone waits for it."""
    return ManualClock()


@pytest.fixture
def stop() -> threading.Event:
    """Set it to end a loop."""
    return threading.Event()


@pytest.fixture
def stats() -> Stats:
    """Fresh counters."""
    return Stats()


@pytest.fixture(scope="session")
def bank() -> Model:
    """The smallest shipped network: a bank of several styles."""
    paths = sorted(shipped_models().glob("*.onnx"), key=lambda path: path.stat().st_size)
    return Model.read(paths[0])


@pytest.fixture
def catalog() -> Catalog:
    """All shipped styles."""
    return Catalog.load([shipped_models()])


@pytest.fixture
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own: no variable, file or style of whoever runs the tests is seen; the file's path."""
    home = tmp_path / "home"
    (home / "styles").mkdir(parents=True)
    for name in [name for name in os.environ if name.startswith("STYLECAM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(paths, "config_file", lambda: home / "config.toml")
    monkeypatch.setattr(paths, "user_styles", lambda: home / "styles")
    monkeypatch.setattr(instances, "runtime_folder", lambda: home / "running")
    return home / "config.toml"
