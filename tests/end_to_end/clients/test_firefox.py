"""The page in Firefox ESR: stream, change of style, panic, and the video of /whep."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.end_to_end.browser import Host
from tests.end_to_end.clients.firefox import Firefox
from tests.end_to_end.conftest import Need
from tests.end_to_end.outside import CHANGED, difference, wait_for

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory, still: Host, need: Need) -> Iterator[Firefox]:
    """A Firefox that shows the page, with its first picture."""
    firefox = Firefox(need("firefox-esr"), tmp_path_factory.mktemp("firefox"))
    try:
        firefox.open(still.link)
        wait_for("a picture", lambda: firefox.evaluate("performance.getEntriesByName('first-picture').length"))
        wait_for("the state", lambda: firefox.evaluate("document.querySelectorAll('.tile[aria-pressed=true]').length"))
        yield firefox
    finally:
        firefox.kill()


def test_the_stream_is_shown_and_a_click_changes_the_style(firefox: Firefox, still: Host) -> None:
    before = firefox.picture("#picture")
    assert before.std() > 10, "the picture is empty"
    firefox.click(".tile[data-style=the_scream]")
    wait_for("the style", lambda: still.state()["weights"] == {"the_scream": 1.0})
    wait_for("another picture", lambda: difference(before, firefox.picture("#picture")) > CHANGED)
    assert firefox.evaluate("document.querySelector('#title').textContent") == "The Scream"


def test_panic_covers_the_picture(firefox: Firefox, still: Host) -> None:
    before = firefox.picture("#picture")
    firefox.click("[data-action=panic]")
    wait_for("panic", lambda: still.state()["panic"])
    wait_for("the cover", lambda: difference(before, firefox.picture("#picture")) > CHANGED)
    wait_for("the badge", lambda: firefox.evaluate("document.querySelector('#publishing').textContent") == "Covered")
    firefox.click("[data-action=panic]")
    wait_for("the picture", lambda: difference(before, firefox.picture("#picture")) < CHANGED)


def test_a_slider_is_moved_and_small_paintings_are_shown(firefox: Firefox, still: Host) -> None:
    firefox.evaluate(
        "(slider => { slider.value = 40; slider.dispatchEvent(new Event('input')); })"
        "(document.querySelector('#strength'))"
    )
    wait_for("the strength", lambda: still.state()["strength"] == 0.4)
    wait_for("a small painting", lambda: firefox.evaluate("document.querySelectorAll('img.painted').length"))


def test_firefox_complains_about_nothing(firefox: Firefox) -> None:
    assert firefox.errors == []
