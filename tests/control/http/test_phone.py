"""The link that opens the page on a phone."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import cv2
import numpy as np
import pytest

from stylecam.control.http import phone
from stylecam.control.http.address import Address
from stylecam.control.http.phone import qr_code
from stylecam.models.catalog import Catalog
from tests.control.running_server import TOKEN, RunningServer, free_port

LINK = "http://192.168.178.23:8765/?code=0a1B2c3D4e5F6g7H8i9J0k"


def test_a_private_page_has_no_link_for_a_phone(running_server: RunningServer) -> None:
    assert running_server.request("/api/phone", "POST").json == {"link": None, "svg": None}


def test_nobody_gets_one_without_the_token(running_server: RunningServer) -> None:
    assert running_server.request("/api/phone", "POST", token=None).status == 401


def test_the_link_opens_the_page_once_and_has_no_token(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phone, "seen_from_outside", lambda _: "192.168.178.23")
    with RunningServer(catalog, Address("0.0.0.0", free_port())) as server:
        answer = server.request("/api/phone", "POST").json
        found = re.fullmatch(r"http://192\.168\.178\.23:(\d+)/\?code=(\S+)", answer["link"])
        assert found is not None
        assert int(found[1]) == server.server.port
        assert TOKEN not in answer["link"] + answer["svg"]
        for status in (200, 401):
            assert server.request("/api/code", "POST", found[2], token=None).status == status


def test_a_computer_without_a_network_has_none(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(phone, "seen_from_outside", lambda _: None)
    with RunningServer(catalog, Address("0.0.0.0", free_port())) as server:
        assert server.request("/api/phone", "POST").json["link"] is None


def test_the_qr_code_reads_as_the_link() -> None:
    """Draw the path of the SVG and let OpenCV read it as a phone would."""
    drawing = ElementTree.fromstring(qr_code(LINK))
    width, height = int(drawing.attrib["width"]), int(drawing.attrib["height"])
    (lines,) = [
        path.attrib["d"] for path in drawing.iter("{http://www.w3.org/2000/svg}path") if "stroke" in path.attrib
    ]
    scale = 8
    image = np.full((height, width), 255, np.uint8)
    x = y = 0.0
    for kind, numbers in re.findall(r"([Mmh])([-\d. ]+)", lines):
        values = [float(number) for number in numbers.split()]
        if kind == "h":
            image[int((y - 0.5) * scale) : int((y + 0.5) * scale), int(x * scale) : int((x + values[0]) * scale)] = 0
            x += values[0]
        elif kind == "M":
            x, y = values
        else:
            x, y = x + values[0], y + values[1]
    text, _, _ = cv2.QRCodeDetector().detectAndDecode(image)
    assert text == LINK
