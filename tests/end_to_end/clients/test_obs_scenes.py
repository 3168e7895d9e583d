"""The scenes of a real OBS choose the style."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.end_to_end.outside import PORTRAIT, Program, environment, free_port, get, run_command, wait_for

if TYPE_CHECKING:
    from tests.end_to_end.clients.obs_studio import ObsStudio

pytestmark = pytest.mark.system

SLOW_FADE_S = 2.0
TIMES = 5
"""How often a change of scene is timed."""
CONFIGURATION = """
[presets.faint]
style = "udnie"
strength = 0.3

[scenes]
Chat = "faint"
Game = "the_scream"
Break = "water_lilies"
Encore = "great_wave"
"""


class FollowingStylecam:
    """A stylecam that follows OBS."""

    def __init__(self, port: int) -> None:
        self._port = port

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(get(self._port, "/api/state"))
        return found

    def wait_for(self, style: str) -> None:
        """Wait until the style is chosen."""
        wait_for(f"the style {style}", lambda: self.state()["style"] == style)

    def seconds_until(self, style: str, change: Callable[[], object]) -> float:
        """Begin `change` on another thread and return how long it takes until the style is chosen."""
        with ThreadPoolExecutor(1) as thread:
            began_at = time.monotonic()
            change_done = thread.submit(change)
            self.wait_for(style)
            taken_s = time.monotonic() - began_at
            change_done.result()
        return taken_s


@pytest.fixture(scope="module")
def started(obs: ObsStudio, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FollowingStylecam]:
    """A stylecam whose flag --obs has no address, so that it takes that of the configuration file."""
    home = tmp_path_factory.mktemp("home")
    (home / "config" / "stylecam").mkdir(parents=True)
    text = f'[obs]\nurl = "{obs.address}"\n{CONFIGURATION}'
    (home / "config" / "stylecam" / "config.toml").write_text(text, "utf-8")
    port = free_port()
    command = run_command(
        "--camera", str(PORTRAIT), "--style", "great_wave", "--strength", "0.9", "--size", "320x180",
        "--output", f"web:{port}", "--no-hotkeys", "--obs",
    )  # fmt: skip
    program = Program(command, environment(home), home)
    try:
        program.wait_until_published()
        yield FollowingStylecam(port)
    finally:
        program.kill()


@pytest.fixture
def following(obs: ObsStudio, started: FollowingStylecam) -> Iterator[FollowingStylecam]:
    """The stylecam, while OBS has the scenes of the configuration and one without a style, and Chat is on air."""
    for scene in ("Chat", "Game", "Break", "Credits"):
        obs.create_scene(scene)
    obs.call("SetCurrentSceneTransition", transitionName="Cut")
    on_air(obs, "Chat")
    started.wait_for("udnie")
    yield started
    obs.call("SetStudioModeEnabled", studioModeEnabled=False)
    obs.call("SetCurrentSceneTransition", transitionName="Cut")
    on_air(obs, "Scene")
    for scene in obs.call("GetSceneList")["scenes"]:
        if scene["sceneName"] != "Scene":
            obs.call("RemoveScene", sceneName=scene["sceneName"])


def on_air(obs: ObsStudio, scene: str) -> None:
    obs.call("SetCurrentProgramScene", sceneName=scene)


def preview(obs: ObsStudio, scene: str) -> None:
    """Choose the preview of studio mode, which OBS sometimes ignores while it is still busy with the one before."""

    def choose() -> bool:
        obs.call("SetCurrentPreviewScene", sceneName=scene)
        return bool(obs.call("GetCurrentPreviewScene")["currentPreviewSceneName"] == scene)

    wait_for(f"the preview of {scene}", choose)


def fade_slowly(obs: ObsStudio) -> None:
    obs.call("SetCurrentSceneTransition", transitionName="Fade")
    obs.call("SetCurrentSceneTransitionDuration", transitionDuration=round(SLOW_FADE_S * 1000))


def wait_for_the_end_of_the_fade(obs: ObsStudio) -> None:
    wait_for("the end of the fade", lambda: obs.call("GetCurrentSceneTransitionCursor")["transitionCursor"] == 1.0)


def timed(obs: ObsStudio, following: FollowingStylecam, label: str) -> float:
    """Change the scene a few times, print how long the style takes, and return the median in seconds."""
    styles = [("Game", "the_scream"), ("Break", "water_lilies")]
    taken = []
    for number in range(TIMES):
        scene, style = styles[number % 2]
        taken.append(following.seconds_until(style, partial(on_air, obs, scene)))
        wait_for_the_end_of_the_fade(obs)
    p50, p95 = np.percentile(taken, (50, 95)) * 1000
    print(f"\nscene to style, {label}: n {TIMES}, p50 {p50:.0f}, p95 {p95:.0f} ms")
    return float(p50) / 1000


def test_the_scene_on_air_and_each_cut_to_another_choose_the_look(obs: ObsStudio, following: FollowingStylecam) -> None:
    assert timed(obs, following, "cut") < SLOW_FADE_S / 2
    on_air(obs, "Credits")
    on_air(obs, "Chat")
    following.wait_for("udnie")


def test_the_style_comes_when_a_slow_fade_begins_and_not_when_it_has_ended(
    obs: ObsStudio, following: FollowingStylecam
) -> None:
    fade_slowly(obs)
    assert timed(obs, following, f"fade of {SLOW_FADE_S:g} s") < SLOW_FADE_S / 2


def test_a_fade_that_another_one_overtakes_does_not_bring_its_style_back(
    obs: ObsStudio, following: FollowingStylecam
) -> None:
    fade_slowly(obs)
    on_air(obs, "Game")
    following.wait_for("the_scream")
    on_air(obs, "Break")
    following.wait_for("water_lilies")
    version = following.state()["version"]
    wait_for_the_end_of_the_fade(obs)
    on_air(obs, "Chat")
    following.wait_for("udnie")
    assert following.state()["version"] == version + 1


def test_a_preview_in_studio_mode_chooses_nothing_until_it_goes_on_air(
    obs: ObsStudio, following: FollowingStylecam
) -> None:
    obs.call("SetStudioModeEnabled", studioModeEnabled=True)
    version = following.state()["version"]
    for scene in ("Game", "Chat", "Break"):
        preview(obs, scene)
    obs.call("TriggerStudioModeTransition")
    following.wait_for("water_lilies")
    assert following.state()["version"] == version + 1


def test_the_scene_on_air_is_followed_under_a_new_name(obs: ObsStudio, following: FollowingStylecam) -> None:
    on_air(obs, "Credits")
    obs.call("SetSceneName", sceneName="Credits", newSceneName="Encore")
    following.wait_for("great_wave")


def test_another_scene_collection_is_followed(obs: ObsStudio, following: FollowingStylecam) -> None:
    obs.call("CreateSceneCollection", sceneCollectionName="Other")  # with one scene, named Scene
    obs.call("SetSceneName", sceneName="Scene", newSceneName="Break")
    following.wait_for("water_lilies")
    obs.call("SetCurrentSceneCollection", sceneCollectionName="Tests")
    following.wait_for("udnie")


def test_a_scene_with_a_style_does_not_keep_the_strength_of_the_preset_before_it(
    obs: ObsStudio, following: FollowingStylecam
) -> None:
    assert following.state()["strength"] == 0.3
    on_air(obs, "Game")
    following.wait_for("the_scream")
    assert following.state()["strength"] == 0.9


def test_an_obs_that_was_killed_is_followed_again_soon_after_it_is_back(
    obs: ObsStudio, following: FollowingStylecam
) -> None:
    collection = obs.call("GetSceneCollectionList")["currentSceneCollectionName"]
    obs.call("SetCurrentSceneCollection", sceneCollectionName=collection)  # which saves it
    obs.kill()
    obs.start()
    on_air(obs, "Game")
    took_s = following.seconds_until("the_scream", lambda: None)
    print(f"\nOBS is back to style: {took_s:.1f} s")
