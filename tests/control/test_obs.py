"""Tests of following the scenes of OBS."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from stylecam.control.command import Command
from stylecam.control.command_queue import CommandQueue
from stylecam.control.obs import ObsAddress, SceneFollower
from stylecam.control.state import LiveState
from stylecam.errors import ObsUnavailableError, UsageError
from stylecam.models.catalog import Catalog
from tests.control.running_server import free_port
from tests.doubles import until

pytest.importorskip("simpleobsws", reason='following OBS needs one more package: pip install "stylecam[obs]"')
from tests.control.fake_obs import HOST, SCENES, FakeObs

STYLES = {"Chat": "great_wave", "Game": "udnie", "Break": "the_scream"}
CHAT, GAME, BREAK = "scene:Chat", "scene:Game", "scene:Break"


@pytest.fixture
def obs() -> Iterator[FakeObs]:
    obs = FakeObs(free_port(), "sécret/@:?", "Chat").start()
    yield obs
    obs.stop()


class RunningFollower:
    """A started follower with its commands and log messages."""

    def __init__(self, port: int, password: str, log: pytest.LogCaptureFixture) -> None:
        self.commands: list[str] = []
        self._log = log
        address = f"ws://:{quote(password, safe='')}@{HOST}:{port}"
        self.control = CommandQueue(Catalog([]), LiveState(), scenes=STYLES)
        self.follower = SceneFollower(address, self.control, self._take, retry_s=0.01, slowest_retry_s=0.05)

    @property
    def messages(self) -> list[str]:
        return self._log.messages

    def _take(self, command: Command) -> None:
        self.commands.append(str(command))


@pytest.fixture
def start_follower(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[..., RunningFollower]]:
    caplog.set_level("INFO", "stylecam.control.obs")
    started: list[RunningFollower] = []

    def start(port: int, password: str = "sécret/@:?") -> RunningFollower:
        running = RunningFollower(port, password, caplog)
        started.append(running)
        running.follower.start()
        return running

    yield start
    for running in started:
        running.follower.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "stylecam-obs"]


@pytest.fixture
def running(obs: FakeObs, start_follower: Callable[..., RunningFollower]) -> RunningFollower:
    """A follower of `obs` that has chosen the style of its first scene."""
    running = start_follower(obs.port)
    assert until(lambda: running.commands == [CHAT])
    return running


def test_the_current_scene_and_every_change_select_the_style(
    obs: FakeObs, start_follower: Callable[..., RunningFollower]
) -> None:
    running = start_follower(obs.port)
    assert until(lambda: running.commands == [CHAT])
    obs.switch("Game")
    assert until(lambda: running.commands == [CHAT, GAME])
    obs.switch("Break")
    assert until(lambda: running.commands == [CHAT, GAME, BREAK])
    assert running.follower.connected
    assert running.messages == [f"OBS at ws://{HOST}:{obs.port} chooses the style"]


def test_a_scene_without_a_style_changes_nothing(obs: FakeObs, start_follower: Callable[..., RunningFollower]) -> None:
    running = start_follower(obs.port)
    obs.switch("Credits")
    obs.send_event("SceneCreated", {"sceneName": "Game"}, SCENES)
    obs.switch("Game")
    assert until(lambda: running.commands[-1:] == [GAME])
    assert running.commands in ([CHAT, GAME], [GAME])


def test_the_beginning_of_a_transition_counts_and_not_its_end(obs: FakeObs, running: RunningFollower) -> None:
    obs.switch("Game")
    assert until(lambda: running.commands == [CHAT, GAME])
    obs.switch("Break")  # before the first transition has ended
    assert until(lambda: running.commands == [CHAT, GAME, BREAK])
    asked = obs.asked
    obs.end_transition()
    assert until(lambda: obs.asked > asked)
    assert running.commands == [CHAT, GAME, BREAK]


def test_a_scene_that_obs_names_a_moment_after_its_transition_began_is_asked_for_again(
    obs: FakeObs, running: RunningFollower
) -> None:
    obs.late = 3
    obs.switch("Game")
    assert until(lambda: running.commands == [CHAT, GAME])


def test_choosing_a_preview_in_studio_mode_changes_nothing(obs: FakeObs, running: RunningFollower) -> None:
    obs.send_event("CurrentPreviewSceneChanged", {"sceneName": "Game"}, SCENES)
    obs.switch("Break")
    assert until(lambda: running.commands == [CHAT, BREAK])


def test_the_scene_on_air_is_followed_when_it_is_renamed(obs: FakeObs, running: RunningFollower) -> None:
    obs.scene = "Game"
    obs.send_event("SceneNameChanged", {"oldSceneName": "Chat", "sceneName": "Game"}, SCENES)
    assert until(lambda: running.commands == [CHAT, GAME])


def test_another_collection_is_followed_and_obs_is_asked_nothing_while_it_loads(
    obs: FakeObs, running: RunningFollower
) -> None:
    asked = obs.asked
    obs.change_collection("Break")
    assert until(lambda: running.commands == [CHAT, BREAK])
    assert obs.asked == asked + 1


def test_an_obs_without_a_password_is_followed_too(start_follower: Callable[..., RunningFollower]) -> None:
    obs = FakeObs(free_port(), scene="Game").start()
    running = start_follower(obs.port, "")
    assert until(lambda: running.commands == [GAME])
    obs.stop()


def test_a_wrong_password_is_reported_once_and_tried_again(
    obs: FakeObs, start_follower: Callable[..., RunningFollower]
) -> None:
    running = start_follower(obs.port, "guessed")
    assert until(lambda: obs.refused >= 3)
    assert running.commands == []
    assert len(running.messages) == 1
    assert "wants another password" in running.messages[0]
    assert "guessed" not in running.messages[0]
    obs.password = "guessed"
    assert until(lambda: running.commands == [CHAT])


def test_a_missing_password_is_reported_with_where_to_write_it(
    obs: FakeObs, start_follower: Callable[..., RunningFollower]
) -> None:
    running = start_follower(obs.port, "")
    assert until(lambda: bool(running.messages))
    assert f"OBS at ws://{HOST}:{obs.port} wants a password" in running.messages[0]
    assert "stylecam config edit" in running.messages[0]


def test_an_obs_that_starts_later_is_found(start_follower: Callable[..., RunningFollower]) -> None:
    port = free_port()
    running = start_follower(port)
    assert until(lambda: bool(running.messages))
    assert running.messages == [
        f"OBS at ws://{HOST}:{port} is not there yet (nothing listens there; is its WebSocket server switched on?); "
        "stylecam follows its scenes as soon as it is"
    ]
    obs = FakeObs(port, "sécret/@:?", "Break").start()
    assert until(lambda: running.commands == [BREAK])
    obs.stop()


def test_an_obs_that_ends_and_comes_back_is_followed_again(
    obs: FakeObs, start_follower: Callable[..., RunningFollower]
) -> None:
    running = start_follower(obs.port)
    assert until(lambda: running.commands == [CHAT])
    obs.stop()
    assert until(lambda: "has gone" in running.messages[-1])
    assert not running.follower.connected
    obs.scene = "Game"
    obs.start()
    assert until(lambda: running.commands == [CHAT, GAME])
    assert running.messages[-1] == running.messages[0]


def test_a_style_chosen_by_hand_stays_when_the_connection_comes_back_to_the_same_scene(
    obs: FakeObs, running: RunningFollower
) -> None:
    obs.stop()
    obs.start()
    assert until(lambda: obs.identified == 1)
    obs.switch("Game")
    assert until(lambda: running.commands == [CHAT, GAME])


def test_an_answer_that_a_change_of_scene_has_overtaken_is_ignored(
    obs: FakeObs, start_follower: Callable[..., RunningFollower]
) -> None:
    obs.overtaking = "Game"
    running = start_follower(obs.port)
    assert until(lambda: running.commands == [GAME])


def test_an_obs_that_ends_before_it_has_answered_is_noticed_at_once(
    obs: FakeObs, start_follower: Callable[..., RunningFollower], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stylecam.control.obs.ANSWER_S", 60.0)
    obs.silent = True
    running = start_follower(obs.port)
    assert until(lambda: running.follower.connected)
    obs.stop()
    assert until(lambda: "has gone" in " ".join(running.messages))
    obs.silent = False
    obs.start()
    assert until(lambda: running.commands == [CHAT])


def test_the_style_of_the_current_scene_can_be_changed(obs: FakeObs, running: RunningFollower) -> None:
    running.control.scenes = {**STYLES, "Chat": "udnie"}
    running.follower.submit_again()
    assert until(lambda: running.commands == [CHAT, CHAT])


def test_another_program_at_the_port_is_reported_and_tried_again(
    start_follower: Callable[..., RunningFollower],
) -> None:
    with socket.create_server((HOST, 0)) as server:

        def serve() -> None:
            for _ in range(2):
                connection, _ = server.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        running = start_follower(server.getsockname()[1])
        thread.join(20)
        assert until(lambda: bool(running.messages))
        assert "is not there yet" in running.messages[0]


def test_stopping_does_not_wait_for_an_obs_that_does_not_answer(start_follower: Callable[..., RunningFollower]) -> None:
    with socket.create_server((HOST, 0)) as server:
        running = start_follower(server.getsockname()[1])
        connection, _ = server.accept()  # and sends nothing
        with connection:
            running.follower.stop()
            running.follower.stop()


def test_stopping_does_not_wait_for_an_obs_that_hangs(
    obs: FakeObs, start_follower: Callable[..., RunningFollower], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stylecam.control.obs.CLOSE_TIMEOUT_S", 0.01)
    obs.hangs = True
    running = start_follower(obs.port)
    assert until(lambda: obs.connections == 1)
    running.follower.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "stylecam-obs"]


def test_the_pauses_between_two_attempts_grow_to_a_limit(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pauses: list[float] = []
    wait = asyncio.wait

    async def waited(tasks: Any, *, timeout: float | None = None, **others: Any) -> Any:
        if timeout is not None:
            pauses.append(timeout)
            timeout = 0.0
        return await wait(tasks, timeout=timeout, **others)

    monkeypatch.setattr("stylecam.control.obs.asyncio.wait", waited)
    running = RunningFollower(free_port(), "", caplog)
    running.follower.start()
    assert until(lambda: len(pauses) >= 5)
    running.follower.stop()
    assert pauses[:5] == [0.01, 0.02, 0.04, 0.05, 0.05]


@pytest.mark.parametrize(
    ("address", "slowest_s"),
    [("127.0.0.1", 2.0), ("localhost", 2.0), ("ws://[::1]", 2.0), ("192.0.2.7", 30.0), ("ws://pc", 30.0)],
)
def test_an_obs_on_this_computer_is_looked_for_every_other_second(address: str, slowest_s: float) -> None:
    follower = SceneFollower(address, CommandQueue(Catalog([]), LiveState()), lambda _: None)
    assert follower.slowest_retry_s == slowest_s


def test_without_the_library_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "simpleobsws", None)
    with pytest.raises(ObsUnavailableError, match=r'pip install "stylecam\[obs\]"'):
        RunningFollower(1, "", caplog).follower.start()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ws://127.0.0.1:4455", ObsAddress()),
        ("ws://:pass%20word@studio:4456", ObsAddress("studio", 4456, "pass word")),
        ("ws://:p@studio", ObsAddress("studio", 4455, "p")),
        ("studio:4000", ObsAddress("studio", 4000)),
        ("ws://[::1]:4455/", ObsAddress("::1")),
    ],
)
def test_an_address_may_leave_out_defaults(text: str, address: ObsAddress) -> None:
    assert ObsAddress.parse(text) == address


@pytest.mark.parametrize(
    "text", ["http://a", "ws://a:b", "ws://a:0", "ws://a:99999", "ws://a/b", "ws://a?b", "ws://[a"]
)
def test_an_invalid_address_is_refused_without_showing_a_password(text: str) -> None:
    with pytest.raises(UsageError, match="--obs is not an address"):
        ObsAddress.parse(text)


def test_the_password_is_not_shown() -> None:
    address = ObsAddress.parse("ws://:secret@studio")
    assert "secret" not in repr(address) + address.url


def test_without_an_address_nothing_is_followed(catalog: Catalog) -> None:
    follower = SceneFollower(None, CommandQueue(catalog, LiveState()), lambda _: None)
    follower.start()
    follower.submit_again()
    follower.stop()


def test_an_address_that_is_none_is_refused(catalog: Catalog) -> None:
    with pytest.raises(UsageError, match="--obs is not an address"):
        SceneFollower("http://studio", CommandQueue(catalog, LiveState()), lambda _: None)
