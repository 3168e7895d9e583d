"""OBS chooses the style: whenever its scene changes, the order that belongs to the scene is submitted.

OBS 28 and later bring obs-websocket 5, whose protocol simpleobsws speaks (by the same authors; the other Python client,
obsws-python, may only be passed on under the GPL, cannot tell that a connection has ended, and logs the password).
simpleobsws does not connect again by itself, so that is done here.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from stylecam.control.actions import Command
from stylecam.control.commands import CommandQueue
from stylecam.errors import ObsUnavailableError, UsageError
from stylecam.utils.optional import load

# ---- control.obs
HOST, PORT = "127.0.0.1", 4455
DEFAULT = f"ws://{HOST}:{PORT}"
"""Where obs-websocket listens unless told otherwise."""
SCENES = 1 << 2
"""The kind of events that are asked for: EventSubscription::Scenes."""
WRONG_PASSWORD = 4009
"""The close code WebSocketCloseCode::AuthenticationFailed."""
ANSWER_S = 10.0
STOP_S = 3.0
CLOSE_TIMEOUT_S = 0.5
"""An OBS that hangs does not answer the goodbye; the library would wait for it for ten seconds."""


@dataclass(frozen=True, slots=True)
class ObsAddress:
    """Where OBS listens, and the password it wants."""

    host: str = HOST
    port: int = PORT
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> ObsAddress:
        """Read `ws://:password@host:port`; what is left out is as OBS has it by itself.

        Raises:
            UsageError: it is no such address.
        """
        whole = text.strip() if "://" in text else f"ws://{text.strip()}"
        try:
            parts = urlsplit(whole)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme != "ws" or parts.path not in ("", "/") or parts.query or parts.fragment or port == 0:
            raise UsageError("--obs is no address; write ws://:PASSWORD@127.0.0.1:4455, as OBS shows it")
        return cls(parts.hostname or HOST, port or PORT, unquote(parts.password or ""))

    @property
    def url(self) -> str:
        """The address without the password."""
        return f"ws://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


class SceneFollower:
    """Listens to OBS on a thread of its own, from `start` to `stop`; while OBS is away it looks for it now and then."""

    def __init__(
        self,
        address: ObsAddress,
        choose: Callable[[str], Command | None],
        submit: Callable[[Command], object],
        say: Callable[[str], None],
        *,
        retry_s: float = 1.0,
        slowest_retry_s: float = 30.0,
    ) -> None:
        """`choose` gives the order that belongs to a scene, or None; all three are called from the thread of its own.

        `retry_s` is the first pause before looking for OBS again; each further one is twice as long, up to the slowest.

        Raises:
            ObsUnavailableError: the library is not installed.
        """
        self._library: Any = load("simpleobsws", purpose="following OBS", extra="obs", error=ObsUnavailableError)
        self._address = address
        self._choose, self._submit, self._say = choose, submit, say
        self._retry_s, self._slowest_retry_s = retry_s, slowest_retry_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self._scene: str | None = None
        self._said = ""
        self.connected = False

    def start(self) -> None:
        """Begin to look for OBS; returns at once."""
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="stylecam-obs", daemon=True)
        self._thread.start()
        ready.wait(STOP_S)

    def stop(self) -> None:
        """Let OBS go. Twice is fine."""
        loop, stopping, thread = self._loop, self._stopping, self._thread
        if loop is None or stopping is None or thread is None:
            return
        with contextlib.suppress(RuntimeError):  # it has ended already
            loop.call_soon_threadsafe(stopping.set)
        thread.join(STOP_S)
        self._thread = None

    def look_again(self) -> None:
        """Take the scene as new, because something else belongs to it now; from any thread."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._choose_again)

    def _run(self, ready: threading.Event) -> None:
        async def follow() -> None:
            self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
            ready.set()
            await self._follow(self._stopping)

        asyncio.run(follow())

    async def _follow(self, stopping: asyncio.Event) -> None:
        pause = self._retry_s
        ended = asyncio.create_task(stopping.wait())
        while not stopping.is_set():
            connection = asyncio.create_task(self._converse())
            await asyncio.wait({connection, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not connection.done():
                connection.cancel()
            (outcome,) = await asyncio.gather(connection, return_exceptions=True)
            was_connected, self.connected = self.connected, False
            if stopping.is_set():
                break
            if was_connected:
                pause = self._retry_s
            self._tell(_words(outcome, self._address.url, was_connected))
            await asyncio.wait({ended}, timeout=pause)
            pause = min(2 * pause, self._slowest_retry_s)

    async def _converse(self) -> None:
        """One connection, from its beginning to its end.

        Raises:
            ConnectionError: it could not be made, or OBS wants another password.
            Exception: whatever the library raises when the connection breaks.
        """
        library = self._library
        asked = library.IdentificationParameters(eventSubscriptions=SCENES)
        client = library.WebSocketClient(self._address.url, self._address.password, asked)
        client.register_event_callback(self._changed, "CurrentProgramSceneChanged")
        await client.connect()
        try:
            identified = asyncio.create_task(client.wait_until_identified(ANSWER_S))
            await asyncio.wait({identified, client.recv_task}, return_when=asyncio.FIRST_COMPLETED)
            if not client.is_identified():
                identified.cancel()
                if client.ws.close_code == WRONG_PASSWORD:
                    raise PermissionError(WRONG_PASSWORD, "wrong password")
                raise ConnectionError("what answers there is no obs-websocket 5")
            self.connected = True
            self._tell(f"OBS at {self._address.url} chooses the style")
            answer = await client.call(library.Request("GetCurrentProgramScene"), ANSWER_S)
            if answer.ok():
                await self._changed(answer.responseData)
            await client.recv_task
        finally:
            await _parted(client)

    async def _changed(self, data: Any) -> None:
        scene = data.get("sceneName", data.get("currentProgramSceneName")) if isinstance(data, dict) else None
        if isinstance(scene, str) and scene != self._scene:
            self._scene = scene
            self._choose_again()

    def _choose_again(self) -> None:
        order = None if self._scene is None else self._choose(self._scene)
        if order is not None:
            self._submit(order)

    def _tell(self, words: str) -> None:
        """Say it, but not again and again while OBS stays away."""
        if words != self._said:
            self._said = words
            self._say(words)


def _words(outcome: BaseException | None, url: str, was_connected: bool) -> str:
    """What became of a connection."""
    if isinstance(outcome, PermissionError):
        return f"OBS at {url} wants another password; see its Tools > WebSocket Server Settings > Show Connect Info"
    if was_connected or outcome is None:
        return f"OBS at {url} has gone; its scenes are followed again when it is back"
    return f"OBS at {url} is not there yet ({_reason(outcome)}); its scenes are followed when it is"


def _reason(error: BaseException) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "nobody listens; is its WebSocket server switched on?"
    return str(error) or type(error).__name__


async def _parted(client: Any) -> None:
    """Say goodbye, whatever a broken connection has the library raise, and wait a moment for the answer."""
    transport = getattr(client.ws, "transport", None)
    goodbye = asyncio.create_task(client.disconnect())
    await asyncio.wait({goodbye}, timeout=CLOSE_TIMEOUT_S)
    if not goodbye.done():
        goodbye.cancel()
        if transport is not None:
            transport.abort()
    await asyncio.gather(goodbye, return_exceptions=True)


# ---- scenes
class Scenes:
    """Has the styles and presets of `scenes` chosen as OBS goes from scene to scene, while it is wanted."""

    def __init__(
        self,
        address: str | None,
        scenes: Mapping[str, str],
        control: CommandQueue,
        press: Callable[[Command], None],
        say: Callable[[str], None],
    ) -> None:
        """Without an `address` nothing is followed. `press` and `say` may be called from any thread.

        Raises:
            UsageError: the address is none.
            ObsUnavailableError: the library for it is not installed.
        """
        self._scenes, self._control = scenes, control
        self._follower: SceneFollower | None = None
        if address is not None:
            self._follower = SceneFollower(ObsAddress.parse(address), self.command_for_scene, press, say)

    def start(self) -> None:
        """Begin to look for OBS."""
        if self._follower is not None:
            self._follower.start()

    def stop(self) -> None:
        """Let OBS go."""
        if self._follower is not None:
            self._follower.stop()

    def replace(self, scenes: Mapping[str, str]) -> None:
        """Other things belong to the scenes now, also to the one that is on; presets may be others, too."""
        self._scenes = scenes
        if self._follower is not None:
            self._follower.look_again()

    def command_for_scene(self, scene: str) -> Command | None:
        """What a scene stands for; a preset before a style of the same name, None for a scene that is not listed."""
        name = self._scenes.get(scene)
        if name is None:
            return None
        if name in self._control.presets:
            return Command.from_json("preset", {"name": name})
        return Command.from_json("select", {"style": name})
