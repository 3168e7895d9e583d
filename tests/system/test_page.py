"""The page in a real browser: what a person sees who opens it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from stylecam.frame import Image
from tests.system.conftest import Start, unavailable
from tests.system.outside import HOST, PATIENCE_S, Program, difference, free_port, wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.system

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
FIGURES = ("published", "painted", "rung", "latency", "engine")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        unavailable("chromium is not installed")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        unavailable("playwright is not installed")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield started
        started.close()


class Visit:
    """The page of a running stylecam, open in a browser; every complaint of the browser is kept."""

    def __init__(self, page: Page, start: Start) -> None:
        self.page = page
        self._start = start
        self.port = free_port()
        self.complaints: list[str] = []
        page.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.program = self.start()
        page.goto(f"http://{HOST}:{self.port}/", wait_until="domcontentloaded")

    def start(self) -> Program:
        arguments = ("--camera", "demo", "--style", "great_wave", "--size", "640x360")
        self.program = self._start(*arguments, "--output", f"web:{self.port}")
        return self.program

    def text(self, name: str) -> str:
        return self.page.inner_text(f"#{name}")

    def picture(self) -> Image:
        """The pixels of the picture as the page shows it now."""
        shown = cv2.imdecode(np.frombuffer(self.page.locator("#picture").screenshot(), np.uint8), cv2.IMREAD_COLOR)
        assert shown is not None
        return shown  # type: ignore[return-value]

    def wait_until_it_moves(self) -> None:
        """Wait until two looks at the picture differ as a live one does."""

        def look() -> bool:
            before = self.picture()
            self.page.wait_for_timeout(300)
            now = self.picture()
            return now.shape == before.shape and difference(before, now) > 0.5

        wait_for("a moving picture on the page", look)


@pytest.fixture
def visit(browser: Browser, stylecam: Start) -> Iterator[Visit]:
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    page.set_default_timeout(PATIENCE_S * 1000)
    yield Visit(page, stylecam)
    page.close()


def test_the_picture_moves_and_the_figures_fill_in_without_a_complaint(visit: Visit) -> None:
    visit.wait_until_it_moves()
    wait_for("all figures", lambda: all(any(c.isdigit() or c.isalpha() for c in visit.text(name)) for name in FIGURES))
    assert visit.text("style") == "great wave"
    assert visit.text("published").endswith(" fps")
    assert visit.text("notice") == ""
    assert visit.text("url") == f"http://{HOST}:{visit.port}/stream.mjpg"
    assert visit.complaints == []


def test_the_mirror_turns_only_what_this_page_shows(visit: Visit) -> None:
    before = visit.page.eval_on_selector("#picture", "picture => getComputedStyle(picture).transform")
    visit.page.uncheck("#mirror")
    after = visit.page.eval_on_selector("#picture", "picture => getComputedStyle(picture).transform")
    assert before == "matrix(-1, 0, 0, 1, 0, 0)"
    assert after == "none"


def test_the_page_says_when_stylecam_is_gone_and_comes_back_with_it(visit: Visit) -> None:
    visit.wait_until_it_moves()
    visit.program.kill()
    wait_for("the notice", lambda: "not running" in visit.text("notice"))
    visit.start()
    wait_for("the notice to go", lambda: visit.text("notice") == "")
    visit.wait_until_it_moves()


LOOKS: dict[str, Callable[[Page], None]] = {
    "light": lambda page: page.emulate_media(color_scheme="light"),
    "dark": lambda page: page.emulate_media(color_scheme="dark"),
    "phone": lambda page: page.set_viewport_size({"width": 360, "height": 740}),
}


@pytest.mark.parametrize("look", LOOKS)
def test_nothing_on_the_page_is_cut_off(visit: Visit, look: str, tmp_path: Path) -> None:
    LOOKS[look](visit.page)
    visit.wait_until_it_moves()
    wait_for("the figures", lambda: "fps" in visit.text("published"))
    visit.page.screenshot(path=tmp_path / f"{look}.png", full_page=True)
    assert visit.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    box = visit.page.locator("#picture").bounding_box()
    assert box is not None
    assert box["width"] / box["height"] == pytest.approx(16 / 9, rel=0.02)
