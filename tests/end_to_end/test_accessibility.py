"""What axe-core, the checker that browsers' own tools are built on, finds on the page."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from stylecam.utils.languages import LANGUAGES
from tests.end_to_end.browser import Host, hosted, visited
from tests.end_to_end.conftest import unavailable
from tests.end_to_end.outside import PORTRAIT

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.system

AXE = "axe-core@4.10.3"
INSTALL_S = 60.0
RUN = "axe.run({ resultTypes: ['violations'] }).then(({ violations }) => ({ violations }))"
"""Runs the checker; of its report only what is wrong, for the rest is long to carry out of the browser."""
STILL = ("--camera", str(PORTRAIT), "--size", "640x360", "--scale", "0.5", "--tier", "lean", "--style", "the_scream")
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SIZES = {"desk": (1280, 800), "phone": (390, 844)}


@pytest.fixture(scope="module")
def axe(pytestconfig: pytest.Config) -> str:
    """The checker's source, from npm once and then from pytest's cache."""
    cache = pytestconfig.cache
    assert cache is not None
    folder = cache.mkdir("axe-core")
    script = folder / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        npm = shutil.which("npm")
        if npm is None:
            unavailable("npm is not installed")
        command = [npm or "npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts", AXE]
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S, check=False)
        if done.returncode != 0:
            unavailable(f"npm cannot install {AXE}: {done.stderr.strip().splitlines()[-1:]}")
    return script.read_text("utf-8")


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with hosted(tmp_path_factory.mktemp("host"), *STILL) as host:
        yield host


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES)
def test_nothing_serious_is_found(browser: Browser, host: Host, axe: str, theme: Any, size: str) -> None:
    width, height = SIZES[size]
    viewport = {"width": width, "height": height}
    host.begin_anew()
    with visited(browser, host, color_scheme=theme, viewport=viewport, reduced_motion="reduce") as visit:
        visit.page.wait_for_selector("li img.painted")
        visit.page.evaluate(axe)
        found = _problems(visit.page.evaluate(RUN))
        visit.page.click(".tile[data-style=starry_night]", modifiers=["Shift"])
        visit.page.wait_for_selector("#mixer:visible")
        visit.page.click("#open-help")
        visit.page.wait_for_selector("#help[open]")
        found += _problems(visit.page.evaluate(RUN))
        visit.page.keyboard.press("Escape")
        visit.page.click("#blending")
    assert found == []


@pytest.mark.parametrize("code", [code for code in LANGUAGES if code != "en"])
def test_nothing_serious_is_found_on_a_phone_in_another_language(
    browser: Browser, host: Host, axe: str, code: str
) -> None:
    width, height = SIZES["phone"]
    host.begin_anew()
    viewport = {"width": width, "height": height}
    with visited(browser, host, locale=code, viewport=viewport, reduced_motion="reduce") as visit:
        page = visit.page
        page.evaluate(axe)
        found = []
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            found += _problems(page.evaluate(RUN))
            page.click("#open-help")
            page.wait_for_selector("#help[open]")
            found += _problems(page.evaluate(RUN))
            page.keyboard.press("Escape")
    assert found == []


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES)
def test_nothing_serious_is_found_in_hints_comparison_and_dialogs(
    browser: Browser, host: Host, axe: str, theme: Any, size: str
) -> None:
    width, height = SIZES[size]
    viewport = {"width": width, "height": height}
    host.begin_anew()
    host.do("save_preset", name="calm")
    host.do("favorite", style="udnie", on=True)
    with visited(browser, host, hints=True, color_scheme=theme, viewport=viewport, reduced_motion="reduce") as visit:
        page = visit.page
        page.evaluate(axe)
        page.wait_for_selector("#hint", state="visible")
        page.wait_for_selector("#compare:enabled", state="attached")
        page.evaluate("document.querySelector('#compare').click()")
        page.wait_for_selector("#before", state="visible")
        page.click("#only-favorites")
        page.click("#for-room")
        page.click("[data-room=blur]")
        page.wait_for_selector("#room-blur", state="visible")
        found = _problems(page.evaluate(RUN))
        page.click("#skip-hints")
        page.click("#open-presets")
        page.click("[aria-label='Rename calm']")
        found += _problems(page.evaluate(RUN))
        page.click("#preset-list [type=button]")
        page.click("[aria-label='Delete calm']")
        found += _problems(page.evaluate(RUN))
        page.keyboard.press("Escape")
        page.click("#open-phone")
        page.wait_for_selector("#phone-closed", state="visible")
        found += _problems(page.evaluate(RUN))
        page.keyboard.press("Escape")
        page.click("#add-own")
        found += _problems(page.evaluate(RUN))
        page.set_input_files("#own-file", PORTRAIT)
        page.wait_for_selector("#crop", state="visible")
        found += _problems(page.evaluate(RUN))
        page.keyboard.press("Escape")
        page.evaluate("document.querySelector('#own-style').showModal()")
        found += _problems(page.evaluate(RUN))
    assert found == []


def _problems(report: dict[str, Any]) -> list[str]:
    return [
        f"{violation['impact']}: {violation['help']}: {node['html'][:120]} {node.get('failureSummary', '')}"
        for violation in report["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


def test_the_checker_finds_what_is_wrong(browser: Browser, axe: str, tmp_path: Path) -> None:
    """It is not the checker that is silent."""
    page = browser.new_page()
    page.set_content("<html lang=en><title>x</title><main><button></button><img src=data:,></main>")
    page.evaluate(axe)
    assert _problems(page.evaluate(RUN))
    page.close()
