"""A real Firefox without a window, controlled by WebDriver BiDi over its own WebSocket: no driver program is needed."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import subprocess
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from stylecam.media.frame import Image
from tests.end_to_end.outside import PATIENCE_S, decoded, environment, wait_for

T = TypeVar("T")
_LISTENING = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
_PREFERENCES = """
user_pref("app.update.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("toolkit.telemetry.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("media.gmp-manager.updateEnabled", false);
user_pref("media.peerconnection.ice.loopback", true);
"""


class FirefoxError(AssertionError):
    """Firefox refused a command, or a script failed; the text has its reason."""


class Firefox:
    """One tab of a Firefox with a profile of its own."""

    def __init__(self, program: str, folder: Path, width: int = 1280, height: int = 900) -> None:
        """Start the Firefox at `program` with everything it writes below `folder`."""
        profile = folder / "profile"
        profile.mkdir()
        (profile / "user.js").write_text(_PREFERENCES)
        self._log = folder / "firefox.txt"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    program, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0",
                    f"--width={width}", f"--height={height}", "about:blank",
                ],
                env=environment(folder) | {"MOZ_HEADLESS_WIDTH": str(width), "MOZ_HEADLESS_HEIGHT": str(height)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        self._listener: asyncio.Task[None] | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._numbers = 0
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.errors: list[str] = []
        try:
            self._address = wait_for("Firefox", self._listening, 60)
            self._run(self._connect())
            self.call("session.new", capabilities={})
            self.call("session.subscribe", events=["log.entryAdded"])
            self._tab = self.call("browsingContext.getTree")["contexts"][0]["context"]
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """Kill Firefox and what it has started."""
        self._process.kill()
        self._process.wait(PATIENCE_S)
        if not self._loop.is_closed():
            if self._listener is not None:
                self._run(self._disconnect(self._listener))
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(PATIENCE_S)
            self._loop.close()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command; return its result.

        Raises:
            FirefoxError: it was refused.
        """
        answer = self._run(self._ask(method, parameters))
        if answer["type"] != "success":
            raise FirefoxError(f"{method}: {answer['error']}: {answer['message']}")
        return dict(answer["result"])

    def open(self, address: str) -> None:
        """Open an address and wait until its page is there."""
        self.call("browsingContext.navigate", context=self._tab, url=address, wait="interactive")

    def evaluate(self, script: str) -> Any:
        """Return the value of an expression in the page, which may be a promise."""
        result = self.call(
            "script.evaluate",
            expression=f"Promise.resolve({script}).then(value => JSON.stringify(value ?? null))",
            target={"context": self._tab},
            awaitPromise=True,
        )
        if result["type"] != "success":
            raise FirefoxError(f"{script}: {result['exceptionDetails']['text']}")
        return json.loads(result["result"]["value"])

    def click(self, selector: str) -> None:
        """Click in the middle of an element, as a mouse does."""
        self.evaluate(f"document.querySelector({json.dumps(selector)}).scrollIntoView({{block: 'center'}})")
        x, y = self.evaluate(
            f"(box => [box.x + box.width / 2, box.y + box.height / 2])"
            f"(document.querySelector({json.dumps(selector)}).getBoundingClientRect())"
        )
        move = {"type": "pointerMove", "x": round(x), "y": round(y)}
        press = [{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        pointer = {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": [move, *press]}
        self.call("input.performActions", context=self._tab, actions=[pointer])

    def picture(self, selector: str) -> Image:
        """Return the pixels of an element as Firefox shows them."""
        node = self.call(
            "script.evaluate",
            expression=f"document.querySelector({json.dumps(selector)})",
            target={"context": self._tab},
            awaitPromise=False,
        )["result"]
        clip = {"type": "element", "element": {"sharedId": node["sharedId"]}}
        shot = self.call("browsingContext.captureScreenshot", context=self._tab, clip=clip)
        return decoded(base64.b64decode(shot["data"]))

    def _listening(self) -> str | None:
        assert self._process.poll() is None, f"Firefox ended:\n{self._log.read_text('utf-8', 'replace')[-2000:]}"
        found = _LISTENING.search(self._log.read_text("utf-8", "replace"))
        return found[1] if found else None

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S * 2)

    async def _connect(self) -> None:
        session = aiohttp.ClientSession()
        try:
            self._socket = await session.ws_connect(f"{self._address}/session", max_msg_size=0)
        except BaseException:
            await session.close()
            raise
        self._listener = asyncio.create_task(self._listen(session))

    async def _listen(self, session: aiohttp.ClientSession) -> None:
        async with session:
            async for message in self._socket:
                event = json.loads(message.data)
                if event.get("method") == "log.entryAdded" and event["params"]["level"] == "error":
                    self.errors.append(str(event["params"]["text"]))
                waiting = self._waiting.pop(event.get("id"), None)
                if waiting is not None:
                    waiting.set_result(event)

    async def _disconnect(self, listener: asyncio.Task[None]) -> None:
        listener.cancel()
        await asyncio.gather(listener, return_exceptions=True)

    async def _ask(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self._numbers += 1
        answer: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self._waiting[self._numbers] = answer
        await self._socket.send_json({"id": self._numbers, "method": method, "params": parameters})
        return await answer
