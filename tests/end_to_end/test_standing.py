"""The strip of the page that says where you stand: the camera, what others can see, who is watching."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.end_to_end.browser import Host, Visit, hosted, visited
from tests.end_to_end.outside import PORTRAIT, wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.system

STILL = ("--camera", str(PORTRAIT), "--size", "640x360", "--scale", "0.35", "--style", "great_wave")
STATS: dict[str, Any] = {
    "size": "1280x720", "fps": 30, "source": "camera", "outputs": [], "missing_camera": None, "viewers": [],
}  # fmt: skip
SETUP = {"reason": "no driver", "fix": "run this", "command": "stylecam setup"}


def output(kind: str, name: str = "", label: str | None = None, trouble: str | None = None) -> dict[str, Any]:
    return {"kind": kind, "name": name, "label": label, "trouble": trouble, "dropped": 0}


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with hosted(tmp_path_factory.mktemp("standing"), *STILL) as host:
        yield host


@pytest.fixture
def visit(browser: Browser, still: Host) -> Iterator[Visit]:
    still.do("camera", which=PORTRAIT.name)
    with visited(browser, still, permissions=["clipboard-read", "clipboard-write"]) as visit:
        yield visit


def shown(visit: Visit, **stats: Any) -> dict[str, str]:
    """Return the texts of the strip, those that are visible, for statistics with these entries."""
    script = """async stats => {
        const { Standing } = await import("/static/standing.js");
        new Standing(() => {}).see(stats);
        const ids = ["visibility", "fix", "command", "viewers"];
        const chosen = ["size", "rate"].map(id => [id, document.getElementById(id).selectedOptions[0].text]);
        const seen = ids.map(id => document.getElementById(id)).filter(e => e.checkVisibility());
        return Object.fromEntries([...chosen, ...seen.map(e => [e.id, e.innerText.trim()]),
            ["ready", document.getElementById("standing").dataset.ready]]);
    }"""
    return dict(visit.page.evaluate(script, STATS | stats))


def test_the_camera_is_picked_on_the_page_and_others_picks_are_followed(visit: Visit) -> None:
    picked = "document.querySelector('#camera').selectedOptions[0]?.text"
    wait_for("the camera in use", lambda: visit.page.evaluate(picked) == PORTRAIT.name)
    visit.page.select_option("#camera", "demo")
    wait_for("the demo", lambda: visit.host.state()["camera"] == "demo")
    visit.page.wait_for_selector("#standing.is-demo")
    assert visit.page.evaluate(picked) == "Demo picture, no camera"
    visit.host.do("camera", which=PORTRAIT.name)
    wait_for("what another client has picked", lambda: visit.page.evaluate(picked) == PORTRAIT.name)
    assert visit.complaints == []


def test_a_camera_that_is_gone_is_refused_in_a_line_and_the_old_one_stays(visit: Visit) -> None:
    picked = "document.querySelector('#camera').value"
    wait_for("the camera in use", lambda: visit.page.evaluate(picked) == PORTRAIT.name)
    gone = {"which": "HD Webcam", "name": "HD Webcam", "kind": "camera", "current": False, "problem": None}
    own = {**gone, "which": PORTRAIT.name, "name": PORTRAIT.name, "current": True}
    answer = json.dumps({"cameras": [gone, own]})
    visit.page.route("**/api/cameras", lambda route: route.fulfill(body=answer, content_type="application/json"))
    visit.page.focus("#camera")
    first = "document.querySelector('#camera').options[0].value"
    wait_for("it in the list", lambda: visit.page.evaluate(first) == "HD Webcam")
    visit.page.select_option("#camera", "HD Webcam")
    wait_for("the reason", lambda: "no camera matches 'HD Webcam'" in visit.text("alarm"))
    wait_for("the old one", lambda: visit.page.evaluate(picked) == PORTRAIT.name)
    assert visit.host.state()["camera"] == PORTRAIT.name
    visit.page.unroute_all(behavior="wait")


def test_without_a_program_that_could_see_you_the_strip_says_so_with_the_command_to_copy(visit: Visit) -> None:
    told = shown(visit, outputs=[output("web", "web")], missing_camera=SETUP, viewers=["a web page"])
    assert told["visibility"] == "No program can see you yet"
    assert told["command"] == "stylecam setup"
    assert told["fix"].startswith("Run this:")
    assert told["viewers"] == "Only this page is watching"
    assert told["ready"] == "false"
    script = """async stats => {
        const { Standing } = await import("/static/standing.js");
        new Standing(() => {}).see(stats);
        document.getElementById("copy").click();
    }"""
    visit.page.evaluate(script, STATS | {"missing_camera": SETUP})
    kept = "navigator.clipboard.readText()"
    wait_for("it in the clipboard", lambda: visit.page.evaluate(kept) == "stylecam setup")
    wait_for("its word", lambda: visit.page.inner_text("#copy") == "Copied" or visit.page.is_hidden("#copy"))


def test_size_and_rate_are_picked_on_the_page_and_others_picks_are_followed(visit: Visit) -> None:
    page = visit.page
    page.focus("#size")
    wait_for("the sizes", lambda: page.locator("#size option").count() > 3)
    for chosen, size in (("960x540", [960, 540]), ("640x360", [640, 360])):
        page.select_option("#size", chosen)
        wait_for("the picture of that size", partial(lambda size: visit.host.stats()["size"] == size, size))
        wait_for("the pick to stay", partial(lambda chosen: page.input_value("#size") == chosen, chosen))
    page.focus("#rate")
    page.select_option("#rate", "15")
    wait_for("that rate", lambda: visit.host.stats()["fps"] == 15)
    visit.host.do("fps", value=30)
    wait_for("what another client has picked", lambda: page.input_value("#rate") == "30")
    assert visit.complaints == []


def test_outputs_are_listed_and_what_cannot_be_opened_is_refused_with_the_fix(visit: Visit) -> None:
    page = visit.page
    page.click("#outputs summary")
    box = page.get_by_label("Virtual camera")
    box.wait_for()
    box.click()
    wait_for("the fix", lambda: "stylecam setup" in visit.text("alarm") or "stylecam doctor" in visit.text("alarm"))
    wait_for("the box to say so", lambda: not page.get_by_label("Virtual camera").is_checked())
    assert visit.complaints == []


def test_a_fix_without_a_command_is_words_alone(visit: Visit) -> None:
    told = shown(visit, missing_camera={"reason": "busy", "fix": "close ffmpeg (process 4)", "command": None})
    assert told["fix"] == "Close ffmpeg (process 4)"
    assert "command" not in told


def test_what_sees_you_and_who_is_watching_are_named(visit: Visit) -> None:
    told = shown(
        visit, outputs=[output("virtual", label="stylecam"), output("file", "file /home/me/talk.mp4")], viewers=["zoom"]
    )
    assert told["visibility"] == "Zoom and others see the camera “stylecam”. Recording talk.mp4"
    assert told["viewers"] == "Watching now: zoom"
    assert (told["size"], told["rate"]) == ("1280\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}720", "30 fps")
    assert told["ready"] == "true"
    assert "fix" not in told
    assert shown(visit, outputs=[output("web", "web")])["visibility"] == "Only pages with your link see you"


def test_a_recording_that_was_begun_on_the_page_is_named_while_it_lasts(visit: Visit) -> None:
    file = visit.host.do("record", on=True)["recording"]
    wait_for("its name", lambda: f"Recording {file.rpartition('/')[2]}" in visit.text("visibility"))
    visit.page.click("[data-action=record]")
    wait_for("what became of it", lambda: visit.text("toast") == f"Recorded: {file}")
    wait_for("the name to go", lambda: "Recording" not in visit.text("visibility"))


def test_an_output_in_trouble_is_not_called_ready(visit: Visit) -> None:
    told = shown(visit, outputs=[output("virtual", label="stylecam", trouble="the driver has gone; load it again")])
    assert told["visibility"] == "the driver has gone; load it again"
    assert told["ready"] == "false"
