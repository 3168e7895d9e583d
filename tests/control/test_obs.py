"""OBS's scenes choose the style."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from stylecam.control.actions import Command
from stylecam.control.commands import CommandQueue
from stylecam.control.obs import ObsAddress, SceneFollower
from stylecam.control.state import LiveState
from stylecam.errors import ObsUnavailableError, UsageError
from stylecam.models.catalog import Catalog
from tests.control.running_server import free_port
from tests.doubles import until

pytest.importorskip("simpleobsws", reason='following OBS needs one more package: pip install "stylecam[obs]"')
from tests.control.fake_obs import HOST, FakeObs

STYLES = {"Chat": "great_wave", "Game": "udnie", "Break": "the_scream"}


@pytest.fixture
def obs() -> Iterator[FakeObs]:
    obs = FakeObs(free_port(), "sécret/@:?", "Chat").start()
    yield obs
    obs.stop()


class Follow:
    """A follower, and the commands and messages it has produced."""

    def __init__(self, port: int, password: str, log: pytest.LogCaptureFixture) -> None:
        self.commands: list[str] = []
        self._log = log
        address = f"ws://:{quote(password, safe='')}@{HOST}:{port}"
        control = CommandQueue(Catalog([]), LiveState())
        self.follower = SceneFollower(address, STYLES, control, self._take, retry_s=0.01, slowest_retry_s=0.05)

    @property
    def messages(self) -> list[str]:
        return self._log.messages

    def _take(self, command: Command) -> None:
        self.commands.append(str(command))


@pytest.fixture
def follow(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[..., Follow]]:
    caplog.set_level("INFO", "stylecam.control.obs")
    started: list[Follow] = []

    def start(port: int, password: str = "sécret/@:?") -> Follow:
        following = Follow(port, password, caplog)
        started.append(following)
        following.follower.start()
        return following

    yield start
    for following in started:
        following.follower.stop()
    assert not [thread for thread in threading.enumerate() if thread.name == "stylecam-obs"]


def test_the_scene_of_the_moment_and_every_change_choose_the_style(obs: FakeObs, follow: Callable[..., Follow]) -> None:
    following = follow(obs.port)
    assert until(lambda: following.commands == ["select:great_wave"])
    obs.switch("Game")
    obs.switch("Break")
    assert until(lambda: following.commands == ["select:great_wave", "select:udnie", "select:the_scream"])
    assert following.follower.connected
    assert following.messages == [f"OBS at ws://{HOST}:{obs.port} chooses the style"]


def test_a_scene_that_nothing_belongs_to_changes_nothing(obs: FakeObs, follow: Callable[..., Follow]) -> None:
    following = follow(obs.port)
    obs.switch("Credits")
    obs.tell("SceneCreated", {"sceneName": "Game"})
    obs.switch("Game")
    assert until(lambda: following.commands[-1:] == ["select:udnie"])
    assert following.commands in (["select:great_wave", "select:udnie"], ["select:udnie"])


def test_an_obs_without_a_password_is_followed_too(follow: Callable[..., Follow]) -> None:
    obs = FakeObs(free_port(), scene="Game").start()
    following = follow(obs.port, "")
    assert until(lambda: following.commands == ["select:udnie"])
    obs.stop()


def test_a_wrong_password_is_reported_once_and_tried_again(obs: FakeObs, follow: Callable[..., Follow]) -> None:
    following = follow(obs.port, "guessed")
    assert until(lambda: obs.refused >= 3)
    assert following.commands == []
    assert len(following.messages) == 1
    assert "wants another password" in following.messages[0]
    assert "guessed" not in following.messages[0]
    obs.password = "guessed"
    assert until(lambda: following.commands == ["select:great_wave"])


def test_an_obs_that_starts_later_is_found(follow: Callable[..., Follow]) -> None:
    port = free_port()
    following = follow(port)
    assert until(lambda: bool(following.messages))
    assert following.messages == [
        f"OBS at ws://{HOST}:{port} is not there yet (nothing listens there; is its WebSocket server switched on?); "
        "stylecam follows its scenes as soon as it is"
    ]
    obs = FakeObs(port, "sécret/@:?", "Break").start()
    assert until(lambda: following.commands == ["select:the_scream"])
    obs.stop()


def test_an_obs_that_ends_and_comes_back_is_followed_again(obs: FakeObs, follow: Callable[..., Follow]) -> None:
    following = follow(obs.port)
    assert until(lambda: following.commands == ["select:great_wave"])
    obs.stop()
    assert until(lambda: "has gone" in following.messages[-1])
    assert not following.follower.connected
    obs.scene = "Game"
    obs.start()
    assert until(lambda: following.commands == ["select:great_wave", "select:udnie"])
    assert following.messages[-1] == following.messages[0]


def test_a_style_chosen_by_hand_stays_when_the_connection_comes_back_to_the_same_scene(
    obs: FakeObs, follow: Callable[..., Follow]
) -> None:
    following = follow(obs.port)
    assert until(lambda: following.commands == ["select:great_wave"])
    obs.stop()
    obs.start()
    assert until(lambda: obs.identified == 1)
    obs.switch("Game")
    assert until(lambda: following.commands == ["select:great_wave", "select:udnie"])


def test_an_answer_that_a_change_of_scene_has_overtaken_is_ignored(obs: FakeObs, follow: Callable[..., Follow]) -> None:
    obs.overtaking = "Game"
    following = follow(obs.port)
    assert until(lambda: following.commands != [])
    obs.switch("Break")
    assert until(lambda: following.commands[-1] == "select:the_scream")
    assert following.commands == ["select:udnie", "select:the_scream"]


def test_an_obs_that_ends_before_it_has_answered_is_noticed_at_once(
    obs: FakeObs, follow: Callable[..., Follow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stylecam.control.obs.ANSWER_S", 60.0)
    obs.silent = True
    following = follow(obs.port)
    assert until(lambda: following.follower.connected)
    obs.stop()
    assert until(lambda: "has gone" in " ".join(following.messages))
    obs.silent = False
    obs.start()
    assert until(lambda: following.commands == ["select:great_wave"])


def test_what_belongs_to_the_scene_can_change_while_it_is_on(obs: FakeObs, follow: Callable[..., Follow]) -> None:
    following = follow(obs.port)
    assert until(lambda: following.commands == ["select:great_wave"])
    following.follower.replace({**STYLES, "Chat": "udnie"})
    assert until(lambda: following.commands == ["select:great_wave", "select:udnie"])


def test_another_program_at_the_port_is_reported_and_tried_again(follow: Callable[..., Follow]) -> None:
    with socket.create_server((HOST, 0)) as server:

        def serve() -> None:
            for _ in range(2):
                connection, _ = server.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        following = follow(server.getsockname()[1])
        thread.join(20)
        assert until(lambda: bool(following.messages))
        assert "is not there yet" in following.messages[0]


def test_stopping_does_not_wait_for_an_obs_that_does_not_answer(follow: Callable[..., Follow]) -> None:
    with socket.create_server((HOST, 0)) as server:
        following = follow(server.getsockname()[1])
        connection, _ = server.accept()  # and says nothing
        with connection:
            following.follower.stop()
            following.follower.stop()


def test_stopping_does_not_wait_for_an_obs_that_hangs(
    obs: FakeObs, follow: Callable[..., Follow], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stylecam.control.obs.CLOSE_TIMEOUT_S", 0.01)
    obs.hangs = True
    following = follow(obs.port)
    assert until(lambda: obs.greeted == 1)
    following.follower.stop()
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
    following = Follow(free_port(), "", caplog)
    following.follower.start()
    assert until(lambda: len(pauses) >= 5)
    following.follower.stop()
    assert pauses[:5] == [0.01, 0.02, 0.04, 0.05, 0.05]


def test_without_the_library_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "simpleobsws", None)
    with pytest.raises(ObsUnavailableError, match=r'pip install "stylecam\[obs\]"'):
        Follow(1, "", caplog).follower.start()


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
def test_an_address_may_leave_out_what_is_usual(text: str, address: ObsAddress) -> None:
    assert ObsAddress.parse(text) == address


@pytest.mark.parametrize(
    "text", ["http://a", "ws://a:b", "ws://a:0", "ws://a:99999", "ws://a/b", "ws://a?b", "ws://[a"]
)
def test_what_is_no_address_is_refused_without_showing_a_password(text: str) -> None:
    with pytest.raises(UsageError, match="--obs is not an address"):
        ObsAddress.parse(text)


def test_the_password_is_not_shown() -> None:
    address = ObsAddress.parse("ws://:secret@studio")
    assert "secret" not in repr(address) + address.url


def test_a_scene_stands_for_a_preset_or_a_style(catalog: Catalog) -> None:
    control = CommandQueue(catalog, LiveState(), {"calm": {"style": "udnie"}, "udnie": {"style": "great_wave"}})
    follower = SceneFollower(None, {"A": "calm", "B": "great_wave", "C": "udnie"}, control, lambda _: None)
    commands = [str(follower.command_for_scene(name)) for name in "ABC"]
    assert commands == ["preset:calm", "select:great_wave", "preset:udnie"]
    assert follower.command_for_scene("D") is None
    follower.replace({"D": "none"})
    assert follower.command_for_scene("A") is None
    assert str(follower.command_for_scene("D")) == "select:none"


def test_without_an_address_nothing_is_followed(catalog: Catalog) -> None:
    follower = SceneFollower(None, {}, CommandQueue(catalog, LiveState()), lambda _: None)
    follower.start()
    follower.replace({})
    follower.stop()


def test_an_address_that_is_none_is_refused(catalog: Catalog) -> None:
    with pytest.raises(UsageError, match="--obs is not an address"):
        SceneFollower("http://studio", {}, CommandQueue(catalog, LiveState()), lambda _: None)
