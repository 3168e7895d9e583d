"""The page in a real browser: what a person sees who opens it, and what their hand does."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from tests.end_to_end import outside
from tests.end_to_end.browser import Host, Visit, hosted, visited
from tests.end_to_end.outside import (
    ALIKE,
    CHANGED,
    HOST,
    PATIENCE_S,
    TOKEN,
    decoded,
    difference,
    settled,
    shows_again,
    shows_change,
    snapshot,
    stream,
    wait_for,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

pytestmark = pytest.mark.system

LARGEST_PAGE = 150_000
STILL = (*outside.STILL, "--tier", "lean", "--style", "great_wave")
MOVING = ("--camera", "demo", "--size", "640x360", "--scale", "0.5", "--tier", "lean", "--style", "great_wave")
CLICKS = 12
CONFIG = '[presets.calm]\nstyle = "udnie"\nsteadiness = 1.0\n'
PICTURE = Path(__file__).parents[2] / "stylecam" / "assets" / "page"


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """One whose camera shows a photograph: what changes in the picture is what a hand on the page did."""
    folder = tmp_path_factory.mktemp("still")
    (folder / "config" / "stylecam").mkdir(parents=True)
    (folder / "config" / "stylecam" / "config.toml").write_text(CONFIG)
    with hosted(folder, *STILL) as host:
        yield host


@pytest.fixture
def visit(browser: Browser, still: Host) -> Iterator[Visit]:
    still.begin_anew()
    with visited(browser, still) as visit:
        yield visit


@pytest.fixture
def moving(browser: Browser, tmp_path: Path) -> Iterator[Visit]:
    """A page of a camera whose picture moves."""
    with hosted(tmp_path, *MOVING) as host, visited(browser, host) as visit:
        yield visit


def test_a_browser_that_keeps_nothing_shows_the_page_all_the_same(browser: Browser, still: Host) -> None:
    still.begin_anew()
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no') } })")
    visit = Visit(page, still, hints=True)
    page.wait_for_selector("#hint:not([hidden])")
    page.click("#skip-hints")
    assert page.is_hidden("#hint")
    assert visit.complaints == []
    context.close()


def test_the_page_says_when_stylecam_is_gone_and_comes_back_with_it(moving: Visit) -> None:
    moving.wait_until_it_moves()
    assert moving.complaints == []
    moving.host.do("strength", value=0.5)  # so that the state's version is beyond the next run's
    moving.host.program.kill()
    wait_for("the words", lambda: "reconnecting" in moving.text("veil"))
    moving.host.start()
    wait_for("the words to go", lambda: moving.text("veil") == "")
    wait_for("the state of the new run", lambda: moving.text("strength-said") == "100%")
    moving.wait_until_it_moves()


def test_a_link_of_an_earlier_start_is_said_to_be_one(browser: Browser, still: Host) -> None:
    page = browser.new_context().new_page()
    page.goto(f"http://{HOST}:{still.port}/?token=of-an-earlier-start")
    wait_for("the words about the link", lambda: "earlier start" in page.inner_text("#veil"))
    page.context.close()


def test_the_page_without_a_link_says_what_opens_it(browser: Browser, still: Host) -> None:
    page = browser.new_context().new_page()
    page.goto(f"http://{HOST}:{still.port}/")
    wait_for("the words", lambda: "the link that stylecam prints" in page.inner_text("#veil"))
    page.context.close()


def test_the_token_leaves_the_address_and_outlives_a_reload(visit: Visit) -> None:
    address = f"http://{HOST}:{visit.host.port}/"
    wait_for("an address without the token", lambda: visit.page.url == address)
    visit.page.reload()
    wait_for("the picture after the reload", lambda: visit.first_picture_ms() is not None)
    visit.page.wait_for_selector(".tile[aria-pressed=true]")
    visit.page.click("button[data-action=bypass]")
    wait_for("the click to arrive", lambda: visit.host.state()["bypass"])
    visit.page.wait_for_selector("li:nth-child(2) img.painted")
    assert visit.complaints == []


def test_a_second_tab_opens_by_the_bare_address(visit: Visit) -> None:
    wait_for("the token to be kept", lambda: "token" not in visit.page.url)
    second = visit.page.context.new_page()
    second.goto(f"http://{HOST}:{visit.host.port}/")
    second.wait_for_selector(".tile[aria-pressed=true]", timeout=PATIENCE_S * 1000)
    first_picture = "performance.getEntriesByName('first-picture').length > 0"
    wait_for("its picture", lambda: bool(second.evaluate(first_picture)))


def test_a_link_of_an_earlier_start_falls_back_to_the_one_that_works(visit: Visit) -> None:
    wait_for("the token to be kept", lambda: "token" not in visit.page.url)
    second = visit.page.context.new_page()
    second.goto(f"http://{HOST}:{visit.host.port}/?token=of-an-earlier-start")
    second.wait_for_selector(".tile[aria-pressed=true]", timeout=PATIENCE_S * 1000)


def test_a_server_on_another_port_gets_nothing_that_opens_ours(visit: Visit) -> None:
    """Browsers send cookies to every port of a host, so another user's server on this computer would get ours."""
    wait_for("the token to be kept", lambda: "token" not in visit.page.url)
    received: list[str] = []

    class Stranger(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            received.extend([self.path, *self.headers.values()])
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<script>fetch('/more', {credentials: 'include'})</script>")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer((HOST, 0), Stranger) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            other = visit.page.context.new_page()
            address = f"http://{HOST}:{server.server_port}/"
            other.goto(address)
            wait_for("its second request", lambda: "/more" in received)
            visit.page.evaluate(f"open('{address}')")
            wait_for("a visit by a link from our page", lambda: received.count("/") == 2)
            kept = other.evaluate("[document.cookie, ...Object.values(localStorage), ...Object.values(sessionStorage)]")
            assert kept == [""]
            assert visit.page.context.cookies() == []
            stolen = other.evaluate(
                "address => fetch(address, {credentials: 'include'}).then(r => r.status, () => 0)",
                f"http://{HOST}:{visit.host.port}/api/state",
            )
            assert stolen in (0, 401, 403)
        finally:
            server.shutdown()
    assert not any(TOKEN in text for text in received)
    for text in received:
        for headers in ({"Cookie": text}, {"Authorization": f"Bearer {text}"}):
            connection = HTTPConnection(HOST, visit.host.port, timeout=PATIENCE_S)
            connection.request("GET", "/api/state", headers=headers)
            assert connection.getresponse().status == 401
            connection.close()


def test_a_lost_connection_is_made_again_before_anybody_worries(visit: Visit) -> None:
    visit.drop_connection()
    visit.host.do("strength", value=0.4)
    wait_for("the news", lambda: visit.text("strength-said") == "40%")
    assert visit.text("veil") == ""


def test_everything_on_the_page_is_filled_in_without_a_complaint(visit: Visit) -> None:
    wait_for("all figures", lambda: all(visit.text(name) not in ("", "–") for name in ("fps", "latency", "rung")))
    assert visit.text("title") == "The Great Wave off Kanagawa"
    assert visit.text("artist") == "Katsushika Hokusai, 1831"
    wait_for("the size in the medium", lambda: visit.text("rung") in visit.text("medium"))
    assert visit.text("notice") == visit.text("alarm") == visit.text("veil") == ""
    wait_for("words for the graph", lambda: "a second" in (visit.page.get_attribute("#graph", "aria-label") or ""))
    visit.page.wait_for_selector("li:nth-child(4) img.painted")
    assert visit.complaints == []
    assert all(url.startswith((f"http://{HOST}:{visit.host.port}/", "data:", "blob:")) for url in visit.asked)
    assert not any("token=" in url for url in visit.asked[1:])


def test_the_page_weighs_little_and_shows_a_picture_at_once(browser: Browser, still: Host) -> None:
    weight = sum(file.stat().st_size for file in PICTURE.iterdir())
    with visited(browser, still) as visit:
        first = visit.first_picture_ms()
    print(f"\nthe page: {weight / 1000:.1f} kB; first picture after {first:.0f} ms")
    assert weight < LARGEST_PAGE
    assert first is not None
    assert first < PATIENCE_S * 1000


def test_the_gallery_shows_the_viewer_in_each_style(visit: Visit) -> None:
    shown = "[...document.querySelectorAll('.tile img')].slice(0, 6).map(i => i.naturalWidth + 'x' + i.naturalHeight)"
    wait_for("six small paintings", lambda: visit.page.evaluate(shown) == ["256x144"] * 6)
    wave = visit.page.locator(".tile[data-style=great_wave] img").screenshot()
    udnie = visit.page.locator(".tile[data-style=udnie] img").screenshot()
    assert wave != udnie


def test_a_click_on_a_tile_changes_what_is_published(visit: Visit) -> None:
    before = settled(visit.host.port)
    visit.page.click(".tile[data-style=the_scream]")
    shows_change(visit.host.port, before)
    visit.page.wait_for_selector(".tile[data-style=the_scream][aria-pressed=true]")
    assert not visit.pressed(".tile[data-style=great_wave]")
    assert visit.text("title") == "The Scream"
    visit.page.click(".tile[data-style=great_wave]")
    shows_again(visit.host.port, before)


def test_two_tiles_are_blended_and_a_slider_moves_between_them(visit: Visit) -> None:
    visit.page.click(".tile[data-style=the_scream]", modifiers=["Shift"])
    wait_for("both", lambda: visit.host.state()["weights"] == {"great_wave": 0.5, "the_scream": 0.5})
    visit.page.wait_for_selector(".tile[data-style=the_scream][aria-pressed=true]")
    wait_for("both names", lambda: visit.text("title") == "Hokusai × Munch")
    visit.page.fill("#share", "80")
    wait_for("the other share", lambda: visit.host.state()["weights"].get("the_scream") == pytest.approx(0.8))
    visit.page.click("#blending")
    wait_for("the stronger alone", lambda: visit.host.state()["weights"] == {"the_scream": 1.0})
    assert visit.page.is_hidden("#mixer")


@pytest.mark.parametrize("artist", ["", " Edvard Munch ", "unknown"])
def test_a_blend_is_titled_whatever_is_known_of_its_painters(visit: Visit, artist: str) -> None:
    def signed(route: Route) -> None:
        styles = route.fetch().json()["styles"]
        route.fulfill(json={"styles": [{**style, "artist": artist} for style in styles]})

    visit.page.route("**/api/styles", signed)
    visit.drop_connection()  # so that they are asked for anew
    visit.host.do("blend", weights={"great_wave": 0.5, "the_scream": 0.5})
    surname = artist.split()[-1] if artist.strip() and artist != "unknown" else None
    wait_for("the blend's title", lambda: (surname or "Scream") in visit.text("title") and "×" in visit.text("title"))
    assert not [words for words in visit.complaints if "WebSocket" not in words]
    visit.page.unroute_all(behavior="wait")  # the request for the styles may still be on its way


def test_holding_a_tile_blends_it_as_on_a_phone(visit: Visit) -> None:
    visit.page.click(".tile[data-style=udnie]", delay=700)
    wait_for("both", lambda: set(visit.host.state()["weights"]) == {"great_wave", "udnie"})
    visit.host.do("blend", weights={"udnie": 0.6, "starry_night": 0.4})
    wait_for("both names", lambda: visit.text("title") == "Picabia × van Gogh")


def test_the_sliders_do_what_they_say_and_follow_others(visit: Visit) -> None:
    port, before = visit.host.port, settled(visit.host.port)
    visit.page.fill("#strength", "30")
    wait_for("less of the painting", lambda: visit.host.state()["strength"] == 0.3)
    shows_change(port, before)
    visit.page.fill("#steadiness", "45")
    wait_for("less calm", lambda: visit.host.state()["steadiness"] == 0.45)
    visit.host.do("strength", value=0.65)
    wait_for("the slider to follow", lambda: visit.page.input_value("#strength") == "65")
    assert visit.text("strength-said") == "65%"


def test_a_slider_in_the_hand_does_not_jump(visit: Visit) -> None:
    box = visit.page.locator("#strength").bounding_box()
    assert box is not None
    visit.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    visit.page.mouse.down()
    held = visit.page.input_value("#strength")
    wait_for("the slider's own order", lambda: visit.host.state()["strength"] < 0.9)
    visit.host.do("strength", value=0.1)
    visit.host.do("next")
    wait_for("the news", lambda: visit.text("title") == "The Scream")
    assert visit.page.input_value("#strength") == held
    visit.page.mouse.up()
    wait_for("the news on the slider", lambda: visit.page.input_value("#strength") == "10")


SWITCHES = {"bypass": "bypass", "preserve_color": "preserve_color", "freeze": "frozen", "mirror": "mirror"}


@pytest.mark.parametrize("action", SWITCHES)
def test_a_switch_is_thrown_and_thrown_back(visit: Visit, action: str) -> None:
    button = f"#dock [data-action={action}]"
    for wanted in (True, False):
        visit.page.click(button)
        visit.page.wait_for_selector(f"{button}[aria-pressed={str(wanted).lower()}]")
        assert visit.host.state()[SWITCHES[action]] is wanted


def test_a_tile_gives_the_room_a_painting_of_its_own(visit: Visit) -> None:
    page, host = visit.page, visit.host
    page.click("#for-room")
    assert re.fullmatch(r"The room in \d+ styles", visit.text("gallery-title"))
    page.click(".tile[data-style=the_scream]")
    page.wait_for_selector(".tile[data-style=the_scream][aria-pressed=true]")
    assert (host.state()["room"], host.state()["style"]) == ("style:the_scream", "great_wave")
    assert not visit.pressed(".tile[data-style=great_wave]")
    assert page.inner_text(".tile[data-style=great_wave] .worn") == "you"
    wait_for("both titles", lambda: visit.text("artist").endswith("1831 · the room: The Scream"))
    page.click("#for-you")
    page.wait_for_selector(".tile[data-style=great_wave][aria-pressed=true]")
    assert page.inner_text(".tile[data-style=the_scream] .worn") == "room"


def test_the_room_is_painted_shown_blurred_or_in_one_colour(visit: Visit) -> None:
    page, host = visit.page, visit.host
    page.click("#for-room")
    assert visit.pressed("[data-room=painted]")
    page.click("[data-room=camera]")
    wait_for("the person alone painted", lambda: (host.state()["paint"], host.state()["room"]) == ("person", "camera"))
    page.click("[data-room=blur]")
    page.wait_for_selector("[data-room=blur][aria-pressed=true]")
    page.fill("#room-blur", "90")
    wait_for("more blur", lambda: host.state()["room"] == "blur:0.9")
    page.fill("#room-color", "#ff8000")
    wait_for("the colour", lambda: host.state()["room"] == "color:#ff8000")
    page.wait_for_selector("[data-room=color][aria-pressed=true]")
    page.click("[data-room=painted]")
    wait_for("all of it", lambda: (host.state()["paint"], host.state()["room"]) == ("everything", "camera"))


def test_a_room_that_is_hidden_just_after_it_was_shown_stays_hidden(visit: Visit) -> None:
    """To show the room takes two actions, and the second must not undo the choice that came between."""
    visit.page.evaluate("""() => {
        document.querySelector("[data-room=camera]").click(); document.querySelector("[data-room=blur]").click() }""")
    visit.page.wait_for_selector("[data-room=blur][aria-pressed=true]", state="attached")
    visit.page.select_option("#framing", "gentle")  # sent after whatever was pending
    wait_for("what came last", lambda: visit.host.state()["framing"] == "gentle")
    assert visit.host.state()["room"] == "blur:0.6"


def test_who_is_painted_the_framing_and_the_face_are_chosen(visit: Visit) -> None:
    visit.host.do("room", value="blur")
    visit.page.select_option("#paint", "room")
    visit.page.wait_for_selector("[data-room=painted][aria-pressed=true]", state="attached")
    visit.host.do("room", value="camera")
    visit.page.select_option("#framing", "gentle")
    visit.page.fill("#face", "40")
    names = ("paint", "framing", "face")
    wait_for("all three", lambda: [visit.host.state()[name] for name in names] == ["room", "gentle", 0.4])
    visit.host.do("framing", value="close")
    wait_for("the list to follow", lambda: visit.page.input_value("#framing") == "close")
    assert visit.text("face-said") == "40%"


def test_a_hidden_room_is_hidden_on_the_whole_page(visit: Visit) -> None:
    page, host = visit.page, visit.host
    tile = page.locator(".tile[data-style=great_wave] img")
    page.wait_for_selector(".tile[data-style=great_wave] img.painted")
    before = tile.get_attribute("src")
    page.click("#dock [data-action=room]")
    page.wait_for_selector("#dock [data-action=room][aria-pressed=true]")
    assert (host.state()["room"], host.state()["paint"]) == ("blur:0.6", "everything")
    assert (page.input_value("#paint"), page.is_disabled("#paint [value=everything]")) == ("person", True)
    page.wait_for_selector("#compare:disabled", state="attached")
    wait_for("a tile of another picture", lambda: tile.get_attribute("src") != before)
    host.do("bypass", on=True)
    wait_for("the words", lambda: visit.text("publishing") == "You as you are, the room hidden")
    page.click("#dock [data-action=room]")
    wait_for("the room again", lambda: visit.text("publishing") == "Camera as it is")


def test_panic_shows_everybody_a_still_picture_and_says_so(visit: Visit) -> None:
    before = settled(visit.host.port)
    visit.page.click("[data-action=panic]")
    shows_change(visit.host.port, before)
    wait_for("the words", lambda: "still picture" in visit.text("notice"))
    visit.page.click("[data-action=panic]")
    shows_again(visit.host.port, before)
    wait_for("the words to go", lambda: visit.text("notice") == "")


def test_a_panic_empties_the_tiles_until_it_ends(visit: Visit) -> None:
    painted = "document.querySelectorAll('.tile img.painted').length"
    wait_for("painted tiles", lambda: visit.page.evaluate(painted) >= 1)
    visit.host.do("panic", on=True)
    wait_for("empty tiles", lambda: visit.page.evaluate(painted) == 0)
    visit.host.do("panic", on=False)
    wait_for("painted tiles again", lambda: visit.page.evaluate(painted) >= 1, 60)


def test_camera_off_is_said_and_undone(visit: Visit) -> None:
    visit.page.click("[data-action=rest]")
    wait_for("the words", lambda: visit.text("title") == "Camera off")
    visit.page.click("[data-action=rest]")
    wait_for("the painting", lambda: visit.text("title") == "The Great Wave off Kanagawa")


def test_a_snapshot_and_a_recording_lie_where_the_page_says(visit: Visit) -> None:
    visit.page.click("[data-action=snapshot]")
    (said,) = wait_for("the file's name", lambda: [said for said in [visit.text("toast")] if said.endswith(".png")])
    assert Path(said.partition(": ")[2]).stat().st_size > 10_000
    visit.page.click("[data-action=record]")
    visit.page.wait_for_selector("#recording:visible")
    visit.page.click("[data-action=record]")
    visit.page.wait_for_selector("#recording", state="hidden")
    wait_for("the recording's name", lambda: visit.text("toast").endswith(".mp4"))
    assert visit.host.state()["recording"] is None


def test_period_fineness_and_presets_are_chosen_from_lists(visit: Visit) -> None:
    visit.page.select_option("#cycle", "30")
    wait_for("the period", lambda: visit.host.state()["cycle_s"] == 30)
    visit.page.select_option("#scale", "auto")
    wait_for("the fineness", lambda: visit.host.state()["scale"] is None)
    assert visit.text("tier") == f"({visit.host.state()['tier']} network)"
    visit.host.do("cycle", seconds=7)
    wait_for("a period the list did not have", lambda: visit.page.input_value("#cycle") == "7")
    visit.page.select_option("#preset", "calm")
    wait_for("the preset", lambda: visit.host.state()["weights"] == {"udnie": 1.0})
    assert visit.host.state()["steadiness"] == 1.0


def test_the_present_look_is_saved_as_a_preset_renamed_and_deleted(visit: Visit) -> None:
    def presets() -> object:
        return visit.host.state()["presets"]

    page = visit.page
    file = visit.host.folder / "config" / "stylecam" / "config.toml"
    visit.host.do("strength", value=0.4)
    page.click("#open-presets")
    page.fill("#preset-name", "quiet night")
    page.click("#save")
    wait_for("the preset", lambda: presets() == ["calm", "quiet night"])
    assert '[presets."quiet night"]\nstyle = "great_wave"\nstrength = 0.4\n' in file.read_text()
    page.wait_for_selector("#presets", state="hidden")
    visit.host.do("strength", value=1.0)
    page.select_option("#preset", "quiet night")
    wait_for("its look", lambda: visit.host.state()["strength"] == 0.4)
    page.click("#open-presets")
    page.fill("#preset-name", "calm")
    assert visit.text("save") == "Replace"
    page.click("[aria-label='Rename quiet night']")
    page.fill("#preset-list input", "calm")
    page.click("#preset-list [type=submit]")
    wait_for("the refusal", lambda: "there is a preset 'calm' already" in visit.text("presets-refusal"))
    page.fill("#preset-list input", "late")
    page.click("#preset-list [type=submit]")
    wait_for("the other name", lambda: presets() == ["calm", "late"])
    page.click("[aria-label='Delete late']")
    page.click("#preset-list [type=submit]")
    wait_for("it to go", lambda: presets() == ["calm"])
    assert file.read_text() == CONFIG
    page.keyboard.press("Escape")
    assert visit.complaints == []


def listed(page: Page) -> list[str]:
    """The styles that the gallery lists, in their order."""
    tiles = page.evaluate(
        "[...document.querySelectorAll('.tile')].filter(e => e.checkVisibility()).map(e => e.dataset.style)"
    )
    return list(tiles)


def test_favorites_come_first_on_every_page_and_are_kept(visit: Visit, browser: Browser) -> None:
    page = visit.page
    usual = listed(page)
    last = usual[-1]
    assert page.is_disabled("#only-favorites")
    page.focus(".tile[data-style=udnie]")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    wait_for("it to be first", lambda: listed(page)[0] == "udnie")
    assert page.evaluate("document.activeElement.matches('[data-style=udnie] + .star')")  # it keeps the focus
    with visited(browser, visit.host) as other:
        wait_for("it on another page", lambda: listed(other.page)[0] == "udnie")
        other.page.click(f"[data-style={last}] + .star")
        wait_for("both", lambda: listed(page)[:2] == ["udnie", last])
    page.click("#only-favorites")
    assert listed(page) == ["udnie", last]
    assert visit.text("gallery-title") == f"2 of {len(usual)} styles"
    file = visit.host.folder / "config" / "stylecam" / "config.toml"
    assert f'favorite = ["udnie", "{last}"]' in file.read_text()
    for style in ("udnie", last):
        page.click(f"[data-style={style}] + .star")
        wait_for("one less", lambda style=style: style not in visit.host.state()["favorites"])  # type: ignore[misc]
    wait_for("the usual list", lambda: listed(page) == usual)
    assert not visit.pressed("#only-favorites")
    assert visit.complaints == []


def test_a_search_finds_titles_and_painters_however_they_are_typed(visit: Visit) -> None:
    page, usual = visit.page, listed(visit.page)
    page.fill("#search", "VAN gogh")
    assert listed(page) == [name for name in usual if name in ("starry_night", "self_portrait")]
    page.keyboard.type(" sternennacht n b")  # keys of the page do nothing in the field
    assert listed(page) == []
    assert page.is_visible("#nothing-found")
    assert not visit.host.state()["bypass"]
    page.fill("#search", "kandinsky VIII")
    assert listed(page) == ["composition_viii"]
    page.keyboard.press("Tab")  # to the button for a painting of one's own
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    wait_for("the one that was found", lambda: visit.host.state()["weights"] == {"composition_viii": 1.0})
    page.fill("#search", "")
    assert listed(page) == usual


def test_a_code_opens_the_page_on_a_phone_once(browser: Browser, tmp_path: Path) -> None:
    with hosted(tmp_path, *STILL, "--listen", "0.0.0.0") as host, visited(browser, host) as visit:
        visit.page.click("#open-phone")
        wait_for("the code", lambda: visit.page.evaluate("document.querySelector('#qr').naturalWidth > 200"))
        link = visit.text("phone-link")
        visit.page.keyboard.press("Escape")  # the browser tells the page of it a moment later
        wait_for("the code to be gone", lambda: visit.page.get_attribute("#qr", "src") is None)
        here = f"http://{HOST}:{host.port}/?{link.partition('?')[2]}"
        for words in ("", "the link that stylecam prints"):
            context = browser.new_context()
            phone = context.new_page()
            phone.goto(here)
            if not words:
                phone.wait_for_selector(".tile[aria-pressed=true]", timeout=PATIENCE_S * 1000)
            wait_for("what the page says", lambda: words in phone.inner_text("#veil"))  # noqa: B023
            context.close()


def test_a_page_for_this_computer_alone_says_how_a_phone_gets_in(visit: Visit) -> None:
    visit.page.click("#open-phone")
    wait_for("the command", lambda: "stylecam --listen 0.0.0.0" in visit.page.inner_text("#phone-closed"))
    assert visit.page.is_hidden("#phone-open")


def test_a_refusal_is_told_and_nothing_else_changes(visit: Visit) -> None:
    visit.page.evaluate("document.querySelector('#scale').add(new Option('none', '7'))")
    visit.page.select_option("#scale", "7")
    wait_for("the reason", lambda: "7" in visit.text("alarm"))
    wait_for("the list to say what is", lambda: visit.page.input_value("#scale") == "1")


def test_before_and_after_are_compared_on_this_page_alone_until_a_panic(visit: Visit) -> None:
    page, port = visit.page, visit.host.port
    hidden = (
        "[...document.querySelectorAll('#before, #cut')].every(e => e.hidden)"
        " && !document.querySelector('#before-picture').width"
    )
    assert page.evaluate(hidden)
    page.hover("#frame")
    page.click("#compare:enabled")
    page.wait_for_selector("#before", state="visible")
    assert "Only this page" in visit.text("only-here")
    page.fill("#cut", "100")
    unpainted = decoded(page.locator("#before").screenshot())
    for _ in range(5):  # others see the painting, and nothing else
        others = snapshot(port)
        assert difference(unpainted, cv2.resize(others, unpainted.shape[1::-1]).astype(np.uint8)) > CHANGED
    assert visit.host.state()["publishing"] == "painted"
    visit.host.do("panic", on=True)
    wait_for("no unpainted picture", lambda: page.evaluate(hidden))
    visit.host.do("panic", on=False)
    page.wait_for_selector("#compare:enabled")
    assert page.evaluate(hidden)  # it has to be asked for again
    assert not visit.pressed("#compare")
    assert visit.complaints == []


def test_everything_can_be_done_from_the_keyboard(visit: Visit) -> None:
    press = visit.page.keyboard.press
    visit.page.focus(".tile[aria-pressed=true]")
    press("ArrowRight")
    press("Enter")
    visit.page.wait_for_selector(".tile[data-style=the_scream][aria-pressed=true]")
    press("ArrowRight")
    press("Shift+Enter")
    wait_for("a blend", lambda: set(visit.host.state()["weights"]) == {"the_scream", "udnie"})
    visit.page.wait_for_selector(".tile[data-style=udnie][aria-pressed=true]")
    press("g")
    wait_for("one style", lambda: len(visit.host.state()["weights"]) == 1)
    press("1")
    wait_for("a style by its number", lambda: visit.host.state()["weights"] == {"starry_night": 1.0})
    press("b")
    wait_for("the plain camera", lambda: visit.host.state()["bypass"])
    wait_for("its label", lambda: visit.text("title") == "You")
    press("?")
    visit.page.wait_for_selector("#help[open]")
    press("n")
    press("Escape")
    visit.page.wait_for_selector("#help", state="hidden")
    assert visit.host.state()["bypass"]  # no key acts behind the list of keys
    press("q")
    press("n")  # the next after Starry Night, the first
    wait_for("the next style", lambda: visit.host.state()["weights"] == {"great_wave": 1.0})


def test_every_control_is_reached_by_tab_and_shows_it(visit: Visit) -> None:
    controls = "[...document.querySelectorAll('button, input, select')].filter(e => e.checkVisibility() && !e.disabled)"
    wanted = visit.page.evaluate(f"{controls}.filter(e => e.tabIndex >= 0).length")
    reached = set()
    visit.page.evaluate("document.activeElement.blur()")
    for _ in range(wanted):
        visit.page.keyboard.press("Tab")
        name, outlined = visit.page.evaluate(
            "[(e => e.id || e.dataset.style || e.dataset.action || e.className)(document.activeElement),"
            " getComputedStyle(document.activeElement).outlineStyle]"
        )
        reached.add(name)
        assert outlined == "solid", f"{name} does not show that it has the focus"
    assert len(reached) == wanted


def test_the_keys_can_be_switched_off(visit: Visit) -> None:
    visit.page.click("#open-help")
    visit.page.uncheck("#use-keys")
    visit.page.keyboard.press("Escape")
    visit.page.keyboard.press("b")
    visit.page.click(".tile[data-style=udnie]")
    wait_for("the click", lambda: visit.host.state()["weights"] == {"udnie": 1.0})
    assert not visit.host.state()["bypass"]


def test_the_mirror_on_the_page_turns_only_what_this_page_shows(visit: Visit) -> None:
    turned = "getComputedStyle(document.querySelector('#picture')).transform"
    before = settled(visit.host.port)
    assert visit.page.evaluate(turned) == "matrix(-1, 0, 0, 1, 0, 0)"
    visit.page.hover("#frame")
    visit.page.click("#self")
    assert visit.page.evaluate(turned) == "none"
    assert difference(before, snapshot(visit.host.port)) < ALIKE


def test_scripts_and_styles_of_others_are_not_run(visit: Visit) -> None:
    visit.page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.broken = 1'}));"
        "document.body.insertAdjacentHTML('beforeend', '<p id=styled style=\"color: rgb(1, 2, 3)\">x</p>"
        '<img src=x onerror="window.broken = 1">\')'
    )
    visit.page.wait_for_timeout(200)
    assert visit.page.evaluate("window.broken") is None
    assert visit.page.evaluate("getComputedStyle(document.querySelector('#styled')).color") != "rgb(1, 2, 3)"


def test_a_click_is_in_the_published_picture_soon(visit: Visit) -> None:
    """From the click in the page to the first changed picture that a reader of the stream has whole."""
    port, took = visit.host.port, []
    pictures, newest = stream(port), [(0.0, settled(port))]
    reading = threading.Event()

    def read() -> None:
        for _, image in pictures:
            newest.append((time.time(), image))
            if reading.is_set():
                return

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(CLICKS):
            before, seen = settled(port), len(newest)
            style = ("the_scream", "great_wave")[number % 2]
            script = f"document.querySelector('.tile[data-style={style}]').click(); Date.now() / 1000"
            clicked = visit.page.evaluate(script)
            changed = wait_for(
                "the change",
                lambda: next((at for at, image in newest[seen:] if difference(image, before) > CHANGED / 3), None),  # noqa: B023
            )
            took.append((changed - clicked) * 1000)
            del newest[:-1]
    finally:
        reading.set()
        reader.join(PATIENCE_S)
        pictures.close()
    p50, p95 = np.percentile(took, (50, 95))
    print(f"\nclick to changed published picture: p50 {p50:.0f}, p95 {p95:.0f} ms of {CLICKS}")
    assert p50 < PATIENCE_S * 1000


LOOKS: dict[str, Callable[[Page], None]] = {
    "light": lambda page: page.emulate_media(color_scheme="light"),
    "dark": lambda page: page.emulate_media(color_scheme="dark"),
    "small": lambda page: page.set_viewport_size({"width": 1024, "height": 768}),
    "tablet": lambda page: page.set_viewport_size({"width": 800, "height": 1000}),
    "phone": lambda page: page.set_viewport_size({"width": 360, "height": 740}),
}


@pytest.mark.parametrize("look", LOOKS)
def test_nothing_on_the_page_is_cut_off(visit: Visit, look: str, tmp_path: Path) -> None:
    LOOKS[look](visit.page)
    visit.page.screenshot(path=tmp_path / f"{look}.png", full_page=True)
    assert visit.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    box = visit.page.locator("#picture").bounding_box()
    assert box is not None
    assert box["width"] / box["height"] == pytest.approx(16 / 9, rel=0.02)


def test_the_picture_alone_moves_on_nothing_without_cookies(browser: Browser, still: Host) -> None:
    """As OBS opens it: the token stands in the address."""
    still.begin_anew()
    context = browser.new_context(viewport={"width": 800, "height": 800})
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text))
    page.goto(f"http://{HOST}:{still.port}/picture?token={TOKEN}")
    page.wait_for_selector("canvas.seen", timeout=PATIENCE_S * 1000)
    assert page.evaluate("document.querySelectorAll('button, p, a, h1').length") == 0
    for part in ("body", "html"):
        assert (
            page.evaluate(f"getComputedStyle(document.querySelector('{part}')).backgroundColor") == "rgba(0, 0, 0, 0)"
        )
    assert page.evaluate("(c => [c.width, c.height])(document.querySelector('canvas'))") == [320, 180]
    assert complaints == []
    context.close()
