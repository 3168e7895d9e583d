"""The scenes of a real OBS choose the style."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.conftest import Start
from tests.end_to_end.outside import PORTRAIT, Program

if TYPE_CHECKING:
    from tests.end_to_end.clients.obs_studio import ObsStudio

pytestmark = pytest.mark.system


@pytest.fixture
def create_scene(obs: ObsStudio) -> Iterator[Callable[[str], None]]:
    """Creates scenes in OBS; afterwards OBS is at its first scene, and they are removed."""
    created: list[str] = []

    def create(name: str) -> None:
        obs.call("CreateScene", sceneName=name)
        created.append(name)

    yield create
    obs.call("SetCurrentProgramScene", sceneName="Scene")
    for name in created:
        obs.call("RemoveScene", sceneName=name)


@pytest.fixture
def follow(stylecam: Start, obs: ObsStudio, tmp_path: Path) -> Callable[[str], Program]:
    """Starts a stylecam that follows OBS, with further lines of the configuration file."""

    def start(lines: str) -> Program:
        folder = tmp_path / "config" / "stylecam"
        folder.mkdir(parents=True)
        (folder / "config.toml").write_text(f'[obs]\nurl = "{obs.address}"\n{lines}', "utf-8")
        return stylecam(
            "--camera", str(PORTRAIT), "--style", "great_wave", "--size", "320x180", "--output", "null", "--no-hotkeys"
        )  # fmt: skip

    return start


def paints(program: Program, style: str) -> None:
    program.wait_until(f"the style {style}", lambda stats: stats["style"] == style)


def test_the_scene_on_air_and_each_change_of_it_choose_the_style(
    obs: ObsStudio, create_scene: Callable[[str], None], follow: Callable[[str], Program]
) -> None:
    for scene in ("Chat", "Game"):
        create_scene(scene)
    obs.call("SetCurrentProgramScene", sceneName="Chat")
    program = follow('[scenes]\nChat = "udnie"\nGame = "the_scream"\n')
    paints(program, "udnie")
    obs.call("SetCurrentProgramScene", sceneName="Game")
    paints(program, "the_scream")
