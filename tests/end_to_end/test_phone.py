"""The page in a small window: what must be at hand is at hand, and large enough for a finger."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from tests.end_to_end.browser import Host, Visit, hosted, visited
from tests.end_to_end.outside import wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.system

DEMO = ("--camera", "demo", "--size", "640x360", "--scale", "0.35", "--style", "great_wave", "--engine", "opencv")
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
WINDOWS = {
    "phone": PHONE,
    "phone on its side": {**PHONE, "viewport": {"width": 844, "height": 390}},
    "tablet": {**PHONE, "viewport": {"width": 800, "height": 1000}},
    "low window": {"viewport": {"width": 1280, "height": 500}},
}
AT_HAND = (
    "panic", "rest", "previous", "random", "next", "bypass", "preserve_color", "freeze", "mirror", "snapshot", "record",
)  # fmt: skip
FINGER = 44
"""Pixels: the smallest target by WCAG 2.5.5 and Apple's guidelines."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with hosted(tmp_path_factory.mktemp("demo"), *DEMO) as host:
        yield host


@pytest.fixture
def phone(browser: Browser, demo: Host) -> Iterator[Visit]:
    demo.begin_anew()
    with visited(browser, demo, **PHONE) as visit:
        yield visit


@pytest.mark.parametrize("window", WINDOWS)
def test_panic_and_all_switches_are_at_hand_without_scrolling(browser: Browser, demo: Host, window: str) -> None:
    demo.begin_anew()
    with visited(browser, demo, **WINDOWS[window]) as visit:
        for scrolled in ("0", "document.body.scrollHeight"):
            visit.page.evaluate(f"scrollTo(0, {scrolled})")
            for action in AT_HAND:
                assert visit.page.evaluate(
                    "action => { const button = document.querySelector(`[data-action=${action}]`),"
                    " box = button.getBoundingClientRect();"
                    " return button.contains(document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2))"
                    " && box.bottom <= innerHeight; }",
                    action,
                ), f"{action} is out of reach"
        visit.page.click("[data-action=panic]")
        wait_for("panic", lambda: demo.state()["panic"])


def test_everything_that_is_touched_is_as_large_as_a_fingertip(phone: Visit) -> None:
    phone.page.click("#blending")
    phone.page.wait_for_selector("#mixer:visible")
    sizes = _sizes(phone, "button, select, input")
    phone.page.click("#for-room")
    phone.page.click("[data-room=blur]")
    phone.page.wait_for_selector("#room-blur", state="visible")
    sizes |= _sizes(phone, "#room button, #room input, #room select")
    phone.page.click("#open-help")
    phone.page.wait_for_selector("#help[open]")
    sizes |= _sizes(phone, "#help button, #help label")
    for dialog in ("presets", "phone"):
        phone.page.keyboard.press("Escape")
        phone.page.click(f"#open-{dialog}")
        phone.page.wait_for_selector(f"#{dialog}[open]")
        sizes |= _sizes(phone, f"#{dialog} button, #{dialog} input")
    assert len(sizes) > 20
    assert {name: size for name, size in sizes.items() if min(size) < FINGER} == {}


def _sizes(visit: Visit, selector: str) -> dict[str, list[float]]:
    found = visit.page.evaluate(
        "selector => Object.fromEntries([...document.querySelectorAll(selector)].filter(e => e.checkVisibility())"
        ".map(e => [e.id || e.dataset.style || e.dataset.action || e.getAttribute('aria-label') || e.textContent,"
        " (box => [box.width, box.height])(e.getBoundingClientRect())]))",
        selector,
    )
    return dict(found)


@pytest.mark.parametrize("window", ["phone", "desk"])
def test_no_title_of_a_painting_is_cut(browser: Browser, demo: Host, window: str) -> None:
    with visited(browser, demo, **(PHONE if window == "phone" else {})) as visit:
        words = "[...document.querySelectorAll('.tile .name, .tile .by, #title, #artist')]"
        cut = f"{words}.filter(e => e.scrollHeight > e.clientHeight + 1 || e.scrollWidth > e.clientWidth + 1)"
        assert visit.page.evaluate(f"{words}.length") > 20
        assert visit.page.evaluate(f"{cut}.map(e => e.textContent)") == []


def test_the_help_names_keys_only_where_there_is_a_keyboard(phone: Visit, browser: Browser) -> None:
    phone.page.click("#open-help")
    phone.page.wait_for_selector("#help[open]")
    assert phone.page.is_hidden("#keys")
    assert "Shift" not in phone.page.inner_text("#help")
    assert phone.page.is_visible("text=Hold a painting")
    phone.page.keyboard.press("z")  # a keyboard that was connected by radio
    phone.page.wait_for_selector("#keys:visible")
    with visited(browser, phone.host) as desk:
        desk.page.click("#open-help")
        desk.page.wait_for_selector("#keys:visible")


def test_three_hints_greet_the_first_visit_and_do_not_come_again(browser: Browser, demo: Host) -> None:
    with visited(browser, demo, hints=True, **PHONE) as first:
        page = first.page
        for number, target in enumerate(("gallery", "standing", "hide"), 1):
            wait_for("the hint", lambda number=number: first.text("hint-count") == f"{number} of 3")  # type: ignore[misc]
            assert page.evaluate("document.querySelector('.hinted').id") == target
            assert min(min(size) for size in _sizes(first, "#hint button").values()) >= FINGER
            page.click("#next-hint")
        assert page.is_hidden("#hint")
        page.reload()
        page.wait_for_selector(".tile[aria-pressed=true]")
        wait_for(
            "the keys, after which hints would come",
            lambda: page.evaluate("document.querySelector('#keys dt') !== null"),
        )
        assert page.is_hidden("#hint")
    with visited(browser, demo, hints=True) as desk:
        desk.page.click("#skip-hints")
        assert desk.page.is_hidden("#hint")
        assert desk.page.evaluate("document.querySelector('.hinted')") is None


def test_a_badge_says_what_others_see(phone: Visit) -> None:
    changes = {"painted": ("rest", False), "raw": ("bypass", True), "covered": ("panic", True)}
    for kind, words in (("painted", "Painted"), ("raw", "Camera as it is"), ("covered", "Covered")):
        action, on = changes[kind]
        phone.host.do(action, on=on)
        wait_for(words, lambda words=words: phone.text("publishing") == words)  # type: ignore[misc]
        assert phone.page.is_visible(f"#publishing[data-kind={kind}]")


def test_the_demo_is_not_called_a_webcam(phone: Visit) -> None:
    wait_for("the medium", lambda: phone.text("medium").startswith("Neural paint on the demo picture, "))
    phone.page.click("[data-action=bypass]")
    wait_for("the medium without paint", lambda: phone.text("medium") == "Demo picture, no camera")


def test_without_new_frames_there_is_no_delay_in_milliseconds(phone: Visit) -> None:
    wait_for("a delay", lambda: phone.text("latency").endswith(" ms"))
    phone.page.click("[data-action=panic]")
    wait_for("no delay", lambda: phone.text("latency") == "–")
    assert "NaN" not in (phone.page.get_attribute("#graph", "aria-label") or "")


def test_both_paintings_of_a_blend_are_chosen(phone: Visit) -> None:
    def weights() -> set[str]:
        return set(phone.host.state()["weights"])

    phone.page.click("#blending")
    wait_for("the worn one in the first place", lambda: "Great Wave" in phone.text("mix-a"))
    assert phone.pressed("#mix-b")
    phone.page.click(".tile[data-style=the_scream]")
    wait_for("a blend", lambda: weights() == {"great_wave", "the_scream"})
    phone.page.click("#mix-a")
    assert phone.text("mix-hint") == "Choose another first painting"
    phone.page.click(".tile[data-style=udnie]")
    wait_for("another first", lambda: weights() == {"udnie", "the_scream"})
    phone.page.click(".tile[data-style=the_scream]")  # the second becomes the first
    wait_for("the two exchanged", lambda: "Scream" in phone.text("mix-a") and "Udnie" in phone.text("mix-b"))
    phone.page.click("#mix-b")
    phone.page.click(".tile[data-style=starry_night]")
    wait_for("another second", lambda: weights() == {"the_scream", "starry_night"})
    phone.page.click(".tile[data-style=starry_night]")  # chosen again: it leaves
    wait_for("one alone", lambda: weights() == {"the_scream"})
    assert phone.text("mix-b") == "choose …"


def test_without_a_style_both_places_of_a_blend_are_empty(phone: Visit) -> None:
    phone.page.click("#blending")
    phone.host.do("select", style="none")
    wait_for("two empty places", lambda: phone.text("mix-a") == phone.text("mix-b") == "choose …")
    phone.page.click(".tile[data-style=udnie]")
    wait_for("the first", lambda: phone.host.state()["weights"] == {"udnie": 1.0})
    wait_for("its name", lambda: "Udnie" in phone.text("mix-a"))
    assert phone.pressed("#mix-b")


def test_a_recording_that_has_ended_is_recorded(phone: Visit) -> None:
    for words in ("Recording to: ", "Recorded: "):
        phone.page.click("[data-action=record]")
        wait_for(words, lambda words=words: phone.text("toast").startswith(words))  # type: ignore[misc]
