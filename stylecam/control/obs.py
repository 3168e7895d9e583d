"""Let the scenes of OBS choose the style.

OBS 28 and later contain obs-websocket 5. simpleobsws speaks its protocol and has the same authors. The other Python
client, obsws-python, is under the GPL, does not report that a connection has ended, and logs the password. simpleobsws
does not reconnect by itself, so this module does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import unquote, urlsplit

from stylecam.control.command import Command
from stylecam.control.command_queue import CommandQueue
from stylecam.errors import ObsUnavailableError, UsageError
from stylecam.utils.message import Message
from stylecam.utils.optional import load

logger = logging.getLogger(__name__)

HOST, PORT = "127.0.0.1", 4455
DEFAULT = f"ws://{HOST}:{PORT}"
"""Where obs-websocket listens by default."""
CONFIG, SCENES, TRANSITIONS = 1 << 1, 1 << 2, 1 << 4
"""The kinds of events that we subscribe to, bits of EventSubscription."""
COLLECTION_CHANGING, COLLECTION_CHANGED = "CurrentSceneCollectionChanging", "CurrentSceneCollectionChanged"
TRANSITION_STARTED = "SceneTransitionStarted"
"""Comes when a transition begins. CurrentProgramSceneChanged comes when it has ended, seconds later for a slow fade."""
ASKING_EVENTS = frozenset({TRANSITION_STARTED, COLLECTION_CHANGED, "CurrentProgramSceneChanged", "SceneNameChanged"})
"""The events after which another scene may be on air, or the same one under another name."""
RECHECKS_S = (0.02, 0.05, 0.1, 0.2)
"""The pauses before asking again when OBS still names the old scene: it sends the event just before it changes that."""
WRONG_PASSWORD = 4009
"""The close code WebSocketCloseCode::AuthenticationFailed."""
ANSWER_S = 10.0
STOP_S = 3.0
LOCAL_RETRY_S, REMOTE_RETRY_S = 2.0, 30.0
"""The longest pause before connecting again, for an OBS on this computer and for one elsewhere."""
CLOSE_TIMEOUT_S = 0.5
"""How long to wait for OBS to close a connection. The library would wait ten seconds for an OBS that hangs."""


@dataclass(frozen=True, slots=True)
class ObsAddress:
    """Where OBS listens, and its password."""

    host: str = HOST
    port: int = PORT
    password: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> ObsAddress:
        """Parse `ws://:password@host:port`; parts that are missing get OBS's defaults.

        Raises:
            UsageError: `text` is not such an address.
        """
        whole = text.strip() if "://" in text else f"ws://{text.strip()}"
        try:
            parts = urlsplit(whole)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme != "ws" or parts.path not in ("", "/") or parts.query or parts.fragment or port == 0:
            raise UsageError("--obs is not an address; write ws://:PASSWORD@127.0.0.1:4455, as OBS shows it")
        return cls(parts.hostname or HOST, port or PORT, unquote(parts.password or ""))

    @property
    def is_local(self) -> bool:
        """True if this is an address of this computer that no other computer can reach."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host.lower() == "localhost"

    @property
    def url(self) -> str:
        """The address without the password."""
        return f"ws://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


class SceneFollower:
    """Submits the command of the scene on air: on connecting, and as soon as OBS begins to show another scene.

    Only the scene on air counts; in studio mode, choosing a preview changes nothing. The follower has a thread of its
    own from `start` to `stop`, and connects again after OBS was away. Without an address it does nothing.
    """

    def __init__(
        self,
        address: str | None,
        control: CommandQueue,
        submit: Callable[[Command], object],
        *,
        retry_s: float = 1.0,
        slowest_retry_s: float | None = None,
    ) -> None:
        """Prepare to follow OBS; nothing is connected before `start`.

        Args:
            address: where OBS listens, as `ObsAddress.parse` reads it; None to follow nothing.
            control: has the scenes.
            submit: receives the commands, on the follower's thread.
            retry_s: the first pause before connecting again, in seconds; each further pause is twice as long.
            slowest_retry_s: the longest pause, in seconds; None for `LOCAL_RETRY_S` or `REMOTE_RETRY_S`.

        Raises:
            UsageError: `address` is not an address.
            ObsUnavailableError: the library for obs-websocket is not installed.
        """
        self._control, self._submit = control, submit
        self._retry_s = retry_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        self._thread: threading.Thread | None = None
        self._scene: str | None = None
        self._last_message = ""
        self.connected = False
        self._address = None if address is None else ObsAddress.parse(address)
        local = self._address is not None and self._address.is_local
        self.slowest_retry_s = slowest_retry_s or (LOCAL_RETRY_S if local else REMOTE_RETRY_S)
        if self._address is not None:
            self._library: Any = load("simpleobsws", purpose="following OBS", extra="obs", error=ObsUnavailableError)

    def start(self) -> None:
        """Start to connect; return at once."""
        if self._address is not None:
            ready = threading.Event()
            self._thread = threading.Thread(
                target=self._run, args=(self._address, ready), name="stylecam-obs", daemon=True
            )
            self._thread.start()
            ready.wait()

    def stop(self) -> None:
        """Disconnect and end the thread. May be called twice."""
        self._call_on_loop(self._stopping.set)
        if self._thread is not None:
            self._thread.join(STOP_S)
            self._thread = None

    def submit_again(self) -> None:
        """Submit the command of the scene on air again, because scenes or presets have changed. Any thread."""
        self._call_on_loop(self._submit_scene)

    def _call_on_loop(self, work: Callable[[], None]) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(work)

    def _run(self, address: ObsAddress, ready: threading.Event) -> None:
        try:
            asyncio.run(self._follow(address, ready))
        finally:
            ready.set()

    async def _follow(self, address: ObsAddress, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        ready.set()
        pause = self._retry_s
        ended = asyncio.create_task(self._stopping.wait())
        while not self._stopping.is_set():
            connection = asyncio.create_task(self._run_connection(address))
            await asyncio.wait({connection, ended}, return_when=asyncio.FIRST_COMPLETED)
            connection.cancel()
            (outcome,) = await asyncio.gather(connection, return_exceptions=True)
            was_connected, self.connected = self.connected, False
            if self._stopping.is_set():
                break
            if was_connected:
                pause = self._retry_s
            self._report(_connection_message(outcome, address, was_connected))
            await asyncio.wait({ended}, timeout=pause)
            pause = min(2 * pause, self.slowest_retry_s)

    async def _run_connection(self, address: ObsAddress) -> None:
        """Run one connection from connect to disconnect.

        Raises:
            PermissionError: OBS refuses the password.
            ConnectionError: the connection could not be made.
            Exception: whatever the library raises when the connection breaks.
        """
        library, events = self._library, _SceneEvents()
        parameters = library.IdentificationParameters(eventSubscriptions=CONFIG | SCENES | TRANSITIONS)
        client = library.WebSocketClient(address.url, address.password, parameters)
        client.register_event_callback(events.take)
        await client.connect()
        try:
            await _unless_closed(client, client.wait_until_identified(ANSWER_S))
            if not client.is_identified():
                if client.ws.close_code == WRONG_PASSWORD:
                    raise PermissionError(WRONG_PASSWORD, "wrong password")
                raise ConnectionError("what answers there is not obs-websocket 5")
            self.connected = True
            self._report(Message("OBS at {url} chooses the style", url=address.url))
            while not client.recv_task.done():
                await self._follow_scene(client, events)
            await client.recv_task
        finally:
            await _disconnect(client)

    async def _follow_scene(self, client: Any, events: _SceneEvents) -> None:
        """Wait until another scene may be on air, ask OBS for its name, and submit its command if it is another one.

        The name is asked for because no event has it in time: that of a transition does not say where it leads.
        """
        await _unless_closed(client, events.ask.wait())
        events.ask.clear()
        if events.collection_changing:
            return
        request = self._library.Request("GetCurrentProgramScene")
        answer = await _unless_closed(client, client.call(request, ANSWER_S))
        if answer is None or not answer.ok() or events.ask.is_set():  # an event is newer than an answer it overtook
            return
        scene = answer.responseData.get("currentProgramSceneName")
        if scene == self._scene:
            events.recheck()
        elif isinstance(scene, str):
            self._scene = scene
            self._submit_scene()

    def _submit_scene(self) -> None:
        if self._scene is not None and self._scene in self._control.scenes:
            self._submit(Command("scene", {"name": self._scene}))

    def _report(self, message: str) -> None:
        """Log `message` unless it was the last one, so that it is not repeated while OBS stays away."""
        if message != self._last_message:
            self._last_message = message
            logger.info("%s", message)


class _SceneEvents:
    """What the events of one connection say about the scene on air. It belongs to one event loop.

    Attributes:
        ask: set while OBS has to be asked which scene is on air; at first, too.
        collection_changing: True while OBS loads another scene collection. A request of that time would find a mixture
            of both collections, and can lock up OBS 29.
    """

    def __init__(self) -> None:
        self.ask = asyncio.Event()
        self.ask.set()
        self.collection_changing = False
        self._rechecks: list[float] = []

    async def take(self, event: str, _: Any) -> None:
        """Take an event; the library calls this for each."""
        if event in (COLLECTION_CHANGING, COLLECTION_CHANGED):
            self.collection_changing = event == COLLECTION_CHANGING
        if event == TRANSITION_STARTED:
            self._rechecks = list(RECHECKS_S)
        if event in ASKING_EVENTS:
            self.ask.set()

    def recheck(self) -> None:
        """Ask again after a pause, if a transition has begun and OBS has not named its scene yet."""
        if self._rechecks:
            asyncio.get_running_loop().call_later(self._rechecks.pop(0), self.ask.set)


def _connection_message(outcome: BaseException | None, address: ObsAddress, was_connected: bool) -> str:
    """Return what the user should know of the end of a connection."""
    url = address.url
    if isinstance(outcome, PermissionError):
        which = Message("another password") if address.password else Message("a password")
        return Message(
            "OBS at {url} wants {which}: its Tools > WebSocket Server Settings > Show Connect Info shows "
            'it; write url = "ws://:PASSWORD@HOST:PORT" under [obs] with: stylecam config edit',
            url=url,
            which=which,
        )
    if was_connected or outcome is None:
        return Message("OBS at {url} has gone; stylecam follows its scenes again when it is back", url=url)
    return Message(
        "OBS at {url} is not there yet ({reason}); stylecam follows its scenes as soon as it is",
        url=url,
        reason=_reason(outcome),
    )


def _reason(error: BaseException) -> str:
    if isinstance(error, ConnectionRefusedError):
        return Message("nothing listens there; is its WebSocket server switched on?")
    return str(error) or type(error).__name__


async def _unless_closed(client: Any, request: Coroutine[Any, Any, Any]) -> Any:
    """Return the result of `request`, or None if the connection ends first, for which the library would not look.

    It runs as a task of its own because the library waits with `asyncio.wait_for`, which before Python 3.12 ignores a
    cancellation that comes together with the result.
    """
    task = asyncio.create_task(request)
    try:
        await asyncio.wait({task, client.recv_task}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        task.cancel()


async def _disconnect(client: Any) -> None:
    """Disconnect `client`, wait a moment for OBS to agree, and ignore the errors of a broken connection."""
    transport = getattr(client.ws, "transport", None)
    disconnecting = asyncio.create_task(client.disconnect())
    await asyncio.wait({disconnecting}, timeout=CLOSE_TIMEOUT_S)
    if not disconnecting.done():
        disconnecting.cancel()
        if transport is not None:
            transport.abort()
    await asyncio.gather(disconnecting, return_exceptions=True)
