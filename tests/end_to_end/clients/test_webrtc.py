"""The video of /whep in a real Chromium: what it shows, how late, and that it ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.end_to_end.clients.webrtc_player import Player
from tests.end_to_end.conftest import Start, unavailable
from tests.end_to_end.outside import HOST, PORTRAIT, TOKEN, decoded, difference, free_port, settled, wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.system

PICTURES = 60
BROKEN_MS = 2000.0
"""No promise of speed: two seconds mean that pictures queue up somewhere."""
CLOSE = 6.0
"""Levels that two encodings of one picture may differ by."""


@pytest.fixture(autouse=True)
def aiortc() -> None:
    """Skip where the server's library is missing."""
    try:
        import aiortc  # noqa: F401
    except ImportError:
        unavailable('aiortc is not installed: pip install "stylecam[webrtc]"')


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


def opened(page: Page, port: int) -> Player:
    """Return a player on a page of stylecam's that shows nothing by itself."""
    page.goto(f"http://{HOST}:{port}/static/picture.css?token={TOKEN}")
    return Player(page)


def test_chromium_shows_what_is_published_and_a_cover_at_once(page: Page, stylecam: Start) -> None:
    port = free_port()
    stylecam(
        "--camera", str(PORTRAIT), "--style", "udnie", "--engine", "opencv", "--size", "640x360", "--scale", "0.5",
        "--output", f"web:{port}",
    )  # fmt: skip
    before = settled(port)
    player = opened(page, port)
    player.play("Video")
    page.evaluate("document.querySelector('#video').style = 'position: fixed; inset: 0; width: 640px; height: 360px'")

    def shown_differs() -> float:
        return difference(before, decoded(page.locator("#video").screenshot()))

    wait_for("the published picture", lambda: shown_differs() < CLOSE)
    page.evaluate(
        "request('/api/actions/panic', {method: 'POST', body: '{}', headers: {'Content-Type': 'application/json'}})"
    )
    wait_for("the cover", lambda: shown_differs() > 4 * CLOSE)
    assert page.evaluate("request(place, {method: 'DELETE'}).then(answer => answer.status)") == 200
    wait_for("the end", lambda: page.evaluate("connection.connectionState") in ("disconnected", "failed", "closed"))


@pytest.mark.parametrize("what", ["Pictures", "Video"])
def test_the_picture_in_chromium_is_soon_there(page: Page, stylecam: Start, what: str) -> None:
    """`Video` is /whep and `Pictures` is /stream.mjpg, on the same page."""
    port = free_port()
    stylecam("--camera", "demo:timestamp", "--style", "none", "--engine", "opencv", "--output", f"web:{port}")
    player = opened(page, port)
    player.play(what)
    player.latencies_ms(PICTURES // 2)  # a receiver begins with a longer buffer
    latencies = player.latencies_ms(PICTURES)
    p50, p95 = np.percentile(latencies, (50, 95))
    print(f"\n{what} in Chromium at 1280x720: p50 {p50:.0f}, p95 {p95:.0f} ms of {len(latencies)} pictures")
    assert min(latencies) > 0
    assert p50 < BROKEN_MS
