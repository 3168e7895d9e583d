"""A stylecam that runs for several tests, and its page in a real browser."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylecam.media.frame import Image
from tests.end_to_end.outside import (
    HOST,
    PATIENCE_S,
    TOKEN,
    Program,
    decoded,
    difference,
    environment,
    free_port,
    run_command,
    wait_for,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SETTERS = {
    "style": ("select", "style"),
    "strength": ("strength", "value"),
    "steadiness": ("steadiness", "value"),
    "brush": ("brush", "value"),
    "room": ("room", "value"),
    "paint": ("paint", "value"),
    "face": ("face", "value"),
    "framing": ("framing", "value"),
    "preserve_color": ("preserve_color", "on"),
    "mirror": ("mirror", "on"),
    "scale": ("scale", "value"),
    "bypass": ("bypass", "on"),
    "frozen": ("freeze", "on"),
    "resting": ("rest", "on"),
    "panic": ("panic", "on"),
    "cycle_s": ("cycle", "seconds"),
}
"""For each entry of the state that tests change, the action that sets it, and that action's argument."""
WORDS_FOR_NONE = {"scale": "auto", "cycle_s": 0}
"""What the actions take for None."""


class Host:
    """A running stylecam with a page, which another program can control as well."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder, self.port = folder, free_port()
        self._arguments = arguments
        self._runs = 0
        self.program = self.start()
        self._initial = self.state()

    @property
    def link(self) -> str:
        return f"http://{HOST}:{self.port}/?token={TOKEN}"

    def start(self, *more: str) -> Program:
        """Start it, also a second time, on the same port."""
        self._runs += 1
        place = self.folder / f"run-{self._runs}"
        place.mkdir()
        self.program = Program(
            run_command(*self._arguments, "--no-hotkeys", "--output", f"web:{self.port}", *more),
            environment(self.folder),
            place,
        )
        try:
            self.program.wait_until_published()
        except BaseException:
            self.program.kill()
            raise
        return self.program

    def do(self, action: str, **arguments: object) -> dict[str, Any]:
        """Send an action as another program would, and return the state after it."""
        answer = self._ask("POST", f"/api/actions/{action}", json.dumps(arguments))
        assert "state" in answer, f"{action} was refused: {answer}"
        return dict(answer["state"])

    def state(self) -> dict[str, Any]:
        return self._ask("GET", "/api/state")

    def stats(self) -> dict[str, Any]:
        return self._ask("GET", "/api/stats")

    def begin_anew(self) -> None:
        """Restore the state of the start, whatever a test has left, also one that failed."""
        state, initial = self.state(), self._initial
        for entry, (action, argument) in SETTERS.items():
            if state[entry] != initial[entry]:
                self.do(action, **{argument: WORDS_FOR_NONE[entry] if initial[entry] is None else initial[entry]})
        for style in set(state["favorites"]) ^ set(initial["favorites"]):
            self.do("favorite", style=style, on=style in initial["favorites"])
        for preset in set(state["presets"]) - set(initial["presets"]):
            self.do("delete_preset", name=preset)

    def _ask(self, method: str, path: str, body: str | None = None) -> dict[str, Any]:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=PATIENCE_S)
        try:
            headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
            connection.request(method, path, body, headers)
            return dict(json.loads(connection.getresponse().read()))
        finally:
            connection.close()


@contextmanager
def hosted(folder: Path, *arguments: str) -> Iterator[Host]:
    """Run a `Host` inside the block."""
    host = Host(folder, *arguments)
    try:
        yield host
    finally:
        host.program.kill()


_KEEP_SOCKETS = """
    window.sockets = [];
    window.WebSocket = class extends WebSocket { constructor(...a) { super(...a); sockets.push(this); } };
"""


class Visit:
    """The page of a running stylecam in a browser; errors and warnings of the browser are recorded."""

    def __init__(self, page: Page, host: Host, hints: bool = False) -> None:
        """Open the page; without `hints` as somebody who has seen those of the first visit."""
        self.page, self.host = page, host
        self.complaints: list[str] = []
        self.asked: list[str] = []
        page.set_default_timeout(PATIENCE_S * 1000)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.add_init_script(_KEEP_SOCKETS)
        if not hints:
            page.add_init_script("localStorage.setItem('stylecam-hints', 'seen')")
        page.goto(host.link, wait_until="domcontentloaded")
        wait_for("the first picture", lambda: self.first_picture_ms() is not None)
        page.wait_for_selector(".tile[aria-pressed=true]")
        page.wait_for_selector("#keys dt", state="attached")  # before that it knows only some of its keys

    def _hear(self, message: ConsoleMessage) -> None:
        # One that a busy computer has no time to paint is no fault of the page, which asks for it again later.
        thumbnail = message.location["url"].endswith("/thumbnail.jpg") and "409" in message.text
        if message.type in ("error", "warning") and not thumbnail:
            self.complaints.append(message.text)

    def first_picture_ms(self) -> float | None:
        """When the first picture was drawn, from the moment the page was asked for."""
        found = self.page.evaluate("performance.getEntriesByName('first-picture')[0]?.startTime ?? null")
        return None if found is None else float(found)

    def drop_connection(self) -> None:
        """End the page's live connection under its feet."""
        self.page.evaluate("sockets.at(-1).close()")

    def text(self, name: str) -> str:
        return self.page.inner_text(f"#{name}").strip()

    def pressed(self, selector: str) -> bool:
        return self.page.get_attribute(selector, "aria-pressed") == "true"

    def picture(self) -> Image:
        """The pixels of the picture as the page shows it now."""
        return decoded(self.page.locator("#picture").screenshot())

    def wait_until_it_moves(self) -> None:
        """Wait until two looks at the picture differ as a live one does."""

        def look() -> bool:
            before = self.picture()
            self.page.wait_for_timeout(200)
            now = self.picture()
            return now.shape == before.shape and difference(before, now) > 0.5

        wait_for("a moving picture on the page", look)


@contextmanager
def visited(browser: Browser, host: Host, *, hints: bool = False, **options: Any) -> Iterator[Visit]:
    """A `Visit` in a window of its own; `options` are the window's."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
    try:
        yield Visit(context.new_page(), host, hints)
    finally:
        context.close()
