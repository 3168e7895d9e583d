"""Talk to a running stylecam over HTTP, as `stylecam ctl` does.

Nothing heavy is imported, because a desktop shortcut that runs `stylecam ctl` should act at once.
"""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, urlsplit

from stylecam.control.command import Command
from stylecam.control.http.instances import Instance, running_instances
from stylecam.control.http.local_socket import LocalConnection, address
from stylecam.errors import CommandRefusedError, NotRunningError, UsageError

TIMEOUT_S = 15.0
"""How long an answer may take; the server waits up to twelve seconds for a recording to end."""
MAX_ANSWER_BYTES = 4 * 2**20


def find_instance(pid: int | None = None) -> Instance:
    """Return the running stylecam with process number `pid`, or the newest one.

    Raises:
        NotRunningError: there is none, or it runs without a server.
    """
    found = [instance for instance in running_instances() if pid is None or instance.pid == pid]
    if not found and pid is not None:
        raise NotRunningError(f"process {pid} is no running stylecam of yours; leave it out to reach the newest")
    if not found:
        raise NotRunningError("no stylecam is running; start one with `stylecam run`, in another terminal")
    served = [instance for instance in found if instance.port or instance.socket]
    if not served:
        raise NotRunningError(
            f"the running stylecam (process {found[0].pid}) cannot be reached, as it was started with --no-server"
        )
    return served[0]


class Client:
    """A connection to the server of one running stylecam, through its Unix socket if it has one. Not thread-safe."""

    def __init__(self, instance: Instance, timeout_s: float = TIMEOUT_S) -> None:
        self.instance = instance
        if instance.socket:
            self._connection: http.client.HTTPConnection = LocalConnection(Path(instance.socket), timeout_s)
        else:
            self._connection = http.client.HTTPConnection(urlsplit(instance.url).netloc, timeout=timeout_s)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def state(self, stats: bool = False) -> dict[str, Any]:
        """Return the state as the API gives it, with the statistics if `stats`."""
        return self._ask("GET", "/api/state?stats=1" if stats else "/api/state")

    def styles(self) -> list[dict[str, Any]]:
        """Return the available styles as the API describes them."""
        return cast("list[dict[str, Any]]", self._ask("GET", "/api/styles")["styles"])

    def send(self, command: Command) -> dict[str, Any]:
        """Carry out `command` and return the API's answer: the `state` after it, and a `result` if there is one.

        Raises:
            UsageError: the command is wrong; the message is the server's.
            CommandRefusedError: it cannot be carried out now; the message is the server's.
            NotRunningError: no stylecam answers.
        """
        return self._ask("POST", f"/api/actions/{quote(command.action, safe='')}", command.arguments)

    def _ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.instance.token}", "Accept": "application/json"}
        data = None
        if body is not None:
            data = json.dumps(dict(body)).encode()
            headers["Content-Type"] = "application/json"
        try:
            self._connection.request(method, path, data, headers)
            response = self._connection.getresponse()
            answer = _object(response.read(MAX_ANSWER_BYTES))
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise NotRunningError(
                f"stylecam (process {self.instance.pid}) does not answer at {self.instance.place}: "
                f"{str(error) or type(error).__name__}; start it anew if it hangs"
            ) from error
        if answer is None:
            raise NotRunningError(f"what answers at {self.instance.place} is no stylecam")
        if response.status == http.client.OK:
            return answer
        complaint = str(answer.get("error") or f"the server answered {response.status}")
        if response.status in (http.client.CONFLICT, http.client.SERVICE_UNAVAILABLE):
            raise CommandRefusedError(complaint)
        raise UsageError(complaint)


def watch(instance: Instance, on_message: Callable[[dict[str, Any]], None]) -> None:
    """Call `on_message` with every WebSocket message of the running stylecam, the state first, until it ends.

    Raises:
        NotRunningError: no stylecam answers.
    """
    import asyncio

    asyncio.run(_watch(instance, on_message))


async def _watch(instance: Instance, on_message: Callable[[dict[str, Any]], None]) -> None:
    import aiohttp

    headers = {"Authorization": f"Bearer {instance.token}"}
    timeout = aiohttp.ClientTimeout(connect=TIMEOUT_S)
    try:
        async with contextlib.AsyncExitStack() as closing:
            connector = None
            if instance.socket:
                connector = aiohttp.UnixConnector(closing.enter_context(address(Path(instance.socket))))
            session = await closing.enter_async_context(
                aiohttp.ClientSession(headers=headers, timeout=timeout, connector=connector)
            )
            url = "http://localhost/" if instance.socket else instance.url
            socket = await closing.enter_async_context(session.ws_connect(f"{url}api/live", heartbeat=TIMEOUT_S))
            async for message in socket:
                if isinstance(message.data, str) and (answer := _object(message.data)) is not None:
                    on_message(answer)
    except (aiohttp.ClientError, OSError) as error:
        reason = str(error) or type(error).__name__
        raise NotRunningError(
            f"stylecam (process {instance.pid}) does not answer at {instance.place}: {reason}"
        ) from error


def _object(data: bytes | str) -> dict[str, Any] | None:
    try:
        answer = json.loads(data)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def describe_state(state: Mapping[str, Any]) -> Iterator[str]:
    """Yield the state in words for the terminal, what is unusual last."""
    yield str(state.get("style", ""))
    if state.get("strength", 1) != 1:
        yield f"strength {state['strength']:g}"
    if "steadiness" in state:
        yield f"steadiness {state['steadiness']:g}"
    if state.get("brush", 1) != 1:
        yield f"brush {state['brush']:g}" + (
            "" if state.get("has_brush") else " (the strokes of this style have one size)"
        )
    for name, usual in _USUAL.items():
        if state.get(name, usual) != usual:
            yield f"{name} {state[name]}"
    for name, words in _FLAGS.items():
        if state.get(name):
            yield words
    if state.get("scale") is not None:
        yield f"scale {state['scale']:g}"
    if state.get("cycle_s") is not None:
        yield f"changes every {state['cycle_s']:g} s"
    if state.get("recording"):
        yield f"recording {state['recording']}"
    if state.get("notice"):
        yield str(state["notice"])


_USUAL = {"paint": "everything", "room": "camera", "face": 0, "framing": "off"}
"""What needs no word."""
_FLAGS = {
    "preserve_color": "own colours",
    "mirror": "mirrored",
    "bypass": "plain camera",
    "frozen": "frozen",
    "resting": "camera off",
    "panic": "panic picture",
}
