"""A painting of one's own on the page: dropped, worn, renamed, deleted and brought back, in a real browser."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest

from tests.end_to_end import outside
from tests.end_to_end.browser import Host, Visit, hosted, visited
from tests.end_to_end.outside import settled, shows_change, wait_for

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.system

DROP = """([name, data]) => {
    const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0)), transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name));
    for (const kind of ["dragenter", "dragover", "drop"])
        document.body.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: transfer }));
}"""
PREPARATION = "/api/own-styles/preparation"
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    with hosted(tmp_path_factory.mktemp("own"), *outside.STILL, "--tier", "lean", "--style", "great_wave") as host:
        yield host


def painting() -> bytes:
    """A picture of red and green stripes."""
    stripes = np.zeros((240, 320, 3), np.uint8)
    stripes[:, :, 2], stripes[(np.arange(240) // 12) % 2 == 0, :, 1] = 200, 180
    return cv2.imencode(".png", stripes)[1].tobytes()


def drop(visit: Visit, name: str, data: bytes) -> None:
    visit.page.evaluate(DROP, [name, base64.b64encode(data).decode()])


def test_a_dropped_picture_is_worn_renamed_deleted_and_brought_back(browser: Browser, host: Host) -> None:
    with visited(browser, host, **PHONE) as visit:
        page = visit.page
        before = settled(host.port)
        drop(visit, "red_stripes.png", painting())
        page.wait_for_selector("#crop", state="visible")
        assert page.input_value("#own-name") == "red stripes"
        page.focus("#crop-box")
        with page.expect_response(lambda answer: PREPARATION in answer.url) as studied:
            page.keyboard.press("Shift+ArrowLeft")
            page.select_option("#own-licence", "own work")
        if "?crop=" not in studied.value.url:  # a busy computer: the whole picture was begun before it was cropped
            page.wait_for_event("response", lambda answer: f"{PREPARATION}?crop=" in answer.url)
        page.click("#own-form [type=submit]")
        page.wait_for_selector(".tile[data-style=red_stripes][aria-pressed=true]")
        shows_change(host.port, before)
        assert host.state()["weights"] == {"red_stripes": 1.0}
        wait_for("its licence", lambda: "My own work" in visit.text("artist"))

        page.click(".more")
        page.fill("#style-name", "Stripes of mine")
        page.click("#style-form [type=submit]")
        wait_for("the new name", lambda: "Stripes of mine" in page.inner_text(".tile[data-style=red_stripes]"))
        wait_for("the new title", lambda: visit.text("title") == "Stripes of mine")

        page.click(".more")
        page.click("#style-delete")
        page.wait_for_selector(".more", state="detached")
        page.click("#undo")
        page.wait_for_selector(".tile[data-style=red_stripes]")
        assert visit.complaints == []


def test_what_cannot_be_learned_comes_back_with_the_reason(browser: Browser, host: Host) -> None:
    with visited(browser, host) as visit:
        drop(visit, "notes.txt", b"no picture at all")
        visit.page.wait_for_selector("#crop-unseen", state="visible")
        visit.page.click("#own-form [type=submit]")
        wait_for("the reason", lambda: visit.text("own-refusal") != "")
        assert visit.page.input_value("#own-name") == "notes"
        assert not any("notes" in style for style in host.state()["weights"])
