"""The page in other languages, in a real browser that asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stylecam.utils.languages import LANGUAGES, load
from tests.end_to_end.browser import Host, Visit, hosted, visited
from tests.end_to_end.outside import PORTRAIT, wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.system

STILL = ("--camera", str(PORTRAIT), "--size", "640x360", "--scale", "0.5", "--tier", "lean", "--style", "the_scream")
PHONE = {"width": 390, "height": 844}
MOST_BYTES = 170_000
_WEIGHT = "performance.getEntriesByType('resource').filter(e => e.name.includes('/static/')).reduce((sum, e) => sum + e.encodedBodySize, performance.getEntriesByType('navigation')[0].encodedBodySize)"  # noqa: E501


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with hosted(tmp_path_factory.mktemp("host"), *STILL) as host:
        yield host


def untranslated(visit: Visit, code: str) -> list[str]:
    """The English texts that the page shows although there are others for them."""
    page = load(code).page
    shown = {line.strip() for line in visit.page.inner_text("body").splitlines()}
    return sorted(
        english for english, text in page.items() if english != text and english in shown - set(page.values())
    )


@pytest.mark.parametrize("code", LANGUAGES)
def test_the_page_speaks_the_language_of_the_browser_on_a_phone(browser: Browser, host: Host, code: str) -> None:
    host.begin_anew()
    language = load(code)
    with visited(browser, host, locale=code, viewport=PHONE, has_touch=True, is_mobile=True) as visit:
        assert visit.page.get_attribute("html", "lang") == language.tag
        assert untranslated(visit, code) == []
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert visit.page.evaluate(_WEIGHT) < MOST_BYTES
        said = language.page.get("Panic", "Panic")
        assert visit.page.inner_text("[data-action=panic]").strip() == said
        host.do("panic", on=True)
        notice = language.page.get("Others see a still picture", "Others see a still picture")
        wait_for("the notice", lambda: notice in visit.text("notice"))
        host.do("panic", on=False)
        assert visit.complaints == []


def test_what_stylecam_refuses_is_said_in_the_language_of_the_page(browser: Browser, host: Host) -> None:
    host.begin_anew()
    with visited(browser, host, locale="de-AT") as visit:
        host.do("rest", on=True)
        visit.page.click("[data-action=snapshot]")
        wait_for("the refusal", lambda: visit.text("alarm") == "die Kamera ist aus; schalten Sie sie zuerst ein")
        host.do("rest", on=False)


def test_a_language_that_was_set_wins_over_that_of_the_browser(browser: Browser, tmp_path: Path) -> None:
    with hosted(tmp_path, *STILL, "--language", "ko") as host, visited(browser, host, locale="de") as visit:
        assert visit.page.get_attribute("html", "lang") == "ko"
        assert visit.page.inner_text("[data-action=freeze]").strip() == "화면 정지"
