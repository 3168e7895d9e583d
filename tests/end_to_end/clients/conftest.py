"""Fixtures that start the real programs once for all tests of a module."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.browser import Host, hosted
from tests.end_to_end.conftest import Display, Need, unavailable
from tests.end_to_end.outside import PORTRAIT, free_port

if TYPE_CHECKING:
    from tests.end_to_end.clients.obs_studio import ObsStudio


STILL = (
    "--camera", str(PORTRAIT), "--size", "640x360", "--scale", "0.5", "--style", "great_wave", "--engine", "opencv",
)  # fmt: skip


def pytest_ignore_collect() -> bool | None:
    """Leave this folder out of a run of all tests: they take minutes, and want programs that few machines have."""
    return None if os.environ.get("STYLECAM_CLIENTS") else True


@pytest.fixture(scope="module")
def module_display(need: Need) -> Iterator[str]:
    """The name of an X display that lasts as long as the module's tests."""
    display = Display(need("Xvfb"), "+extension", "GLX")
    yield display.name
    display.stop()


@pytest.fixture(scope="module")
def obs(need: Need, module_display: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObsStudio]:
    """A running OBS Studio with one empty scene, named Scene."""
    program = need("obs")
    try:
        from tests.end_to_end.clients.obs_studio import ObsStudio
    except ImportError:
        unavailable('simpleobsws is not installed: pip install "stylecam[obs]"')
    studio = ObsStudio(program, module_display, tmp_path_factory.mktemp("obs"), free_port())
    try:
        studio.start()
        yield studio
    finally:
        studio.kill()


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A stylecam that shows a still picture."""
    with hosted(tmp_path_factory.mktemp("still"), *STILL) as host:
        yield host
