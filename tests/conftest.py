"""Fixtures for all tests."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from stylecam.live.stats import Stats
from stylecam.models.catalog import Catalog, shipped_models
from stylecam.models.model import Model
from stylecam.utils import paths, runtime_folder
from stylecam.utils.clock import ManualClock

# The language of messages follows the environment, also that of the programs that tests start.
os.environ["LC_ALL"] = "C.UTF-8"

# No deadline: a busy machine is not a failure. Neither is a fresh clone, where the first generated text takes a second
# because Hypothesis builds its table of characters.
settings.register_profile("ours", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ours")


@pytest.fixture(scope="session")
def engine_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache folder of this run of the tests, which all its workers share, so that engines are measured once."""
    folder = tmp_path_factory.getbasetemp()
    return (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "cache"


@pytest.fixture(autouse=True)
def _temporary_engine_cache(engine_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep engine timings in that folder instead of the user's."""
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: engine_cache)


@pytest.fixture(autouse=True)
def _temporary_token(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the token of links in a folder of the test run."""
    monkeypatch.setattr("platformdirs.user_state_path", lambda *_, **__: tmp_path_factory.getbasetemp() / "state")


@pytest.fixture(autouse=True)
def _temporary_runtime_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep running sessions of the tests apart from those of the user."""
    monkeypatch.setattr(runtime_folder, "_candidates", lambda: [tmp_path_factory.getbasetemp() / "running"])


@pytest.fixture(autouse=True)
def _no_unasked_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the PipeWire of the user's desktop out of the tests."""
    monkeypatch.setattr("stylecam.live.outputs.Outputs.add_unasked", lambda _: None)


@pytest.fixture
def clock() -> ManualClock:
    """A clock that moves only when code waits on it or a test advances it."""
    return ManualClock()


@pytest.fixture
def stop() -> threading.Event:
    """An event that ends a loop when it is set."""
    return threading.Event()


@pytest.fixture
def stats() -> Stats:
    """Statistics with all counters at zero."""
    return Stats()


@pytest.fixture(scope="session")
def bank() -> Model:
    """The smallest shipped network, which holds several styles."""
    paths = sorted(shipped_models().glob("*.onnx"), key=lambda path: path.stat().st_size)
    return Model.read(paths[0])


@pytest.fixture
def catalog() -> Catalog:
    """A catalog of all shipped styles."""
    return Catalog.load([shipped_models()])


@pytest.fixture
def one_torch_thread() -> Iterator[None]:
    """Let PyTorch compute on one thread, so that results do not depend on the machine."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Hide the user's environment variables, config file and styles; return the path of an empty config file."""
    home = tmp_path / "home"
    (home / "styles").mkdir(parents=True)
    (home / "running").mkdir(mode=0o700)
    for name in [name for name in os.environ if name.startswith("STYLECAM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(paths, "config_file", lambda: home / "config.toml")
    monkeypatch.setattr(paths, "user_styles", lambda: home / "styles")
    monkeypatch.setattr(runtime_folder, "_candidates", lambda: [home / "running"])
    return home / "config.toml"
