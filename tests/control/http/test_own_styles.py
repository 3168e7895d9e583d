"""Tests of own styles over HTTP: real files and a real catalog, and a learner that copies the rows of another style."""

from __future__ import annotations

import errno
import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from stylecam.control.http import own_styles as routes
from stylecam.control.http.address import HOST
from stylecam.control.http.auth import MAX_PICTURE_BYTES
from stylecam.control.own_styles import Crop, OwnStyles
from stylecam.errors import SourceUnreadableError, TrainingUnavailableError
from stylecam.models.catalog import Catalog, shipped_models
from stylecam.models.model import Model
from stylecam.models.own_style import LearnedRows, OwnStyle
from stylecam.models.rewrite.style_rows import StyleRows
from stylecam.utils.file_lock import is_locked
from tests.control.running_server import TOKEN, Response, RunningServer

JPEG = b"\xff\xd8\xff\xe0 a painting"
PATH = "/api/own-styles"


class CopyingLearner:
    """Takes everything for a picture that begins like a JPEG."""

    def __init__(self, rows: dict[str, LearnedRows]) -> None:
        self._rows = rows
        self.crops: list[Crop | None] = []
        self.prepared: list[tuple[bytes, Crop | None]] = []
        self.go_on = threading.Event()
        self.go_on.set()

    def learn(
        self,
        picture: bytes,
        *,
        name: str,
        title: str,
        artist: str,
        licence: str,
        crop: Crop | None,
        note: Callable[[str], None],
    ) -> OwnStyle:
        assert self.go_on.wait(20)
        if not picture.startswith(b"\xff\xd8\xff"):
            raise SourceUnreadableError("the file is no picture that can be read; open it in a viewer to check")
        self.crops.append(crop)
        note("shows a face")
        return OwnStyle(name, title, artist or "unknown", licence, picture, self._rows)

    def prepare(self, picture: bytes, crop: Crop | None) -> None:
        self.prepared.append((picture, crop))

    def redraft(self, style: OwnStyle) -> OwnStyle:
        return style


class Improving:
    """Notes what it is asked to do."""

    def __init__(self) -> None:
        self.calls: list[object] = []
        self.installed = True
        self.progress = None

    def start(self, name: str, minutes: float) -> None:
        if not self.installed:
            raise TrainingUnavailableError("improving needs PyTorch (200 MB to download); run: pip install")
        self.calls.append((name, minutes))

    def stop(self, name: str) -> None:
        self.calls.append(name)


class OwnServer(RunningServer):
    """A server with own styles in `folder`."""

    def __init__(self, catalog: Catalog, folder: Path) -> None:
        rows = [StyleRows.read(Model.read(path)) for path in shipped_models().glob("*.onnx")]
        self.learner = CopyingLearner({bank.body: LearnedRows(bank.vectors[0]) for bank in rows if bank is not None})
        self.improving = Improving()
        self.folder, self.catalog = folder, catalog
        own = OwnStyles(folder, self.load, catalog.taken_names, self.improving)
        super().__init__(catalog, own_styles=own)
        self.loaded = 0

    def load(self) -> CopyingLearner:
        self.loaded += 1
        return self.learner

    def __enter__(self) -> OwnServer:
        super().__enter__()
        return self

    def run_deferred(self) -> None:
        for pending in self.control.take_deferred():
            assert pending.command.action == "styles_changed"
            self.catalog.own_styles = [OwnStyle.read(path) for path in sorted(self.folder.glob("*.style"))]
            pending.finish(self.control.state)

    def add(self, body: bytes = JPEG, **query: str) -> Response:
        return self.request(f"{PATH}?{urlencode(query)}", "POST", body)

    def send(self, method: str, path: str, body: object = None) -> Response:
        return self.request(f"{PATH}/{path}", method, None if body is None else json.dumps(body))

    def styles(self) -> dict[str, dict[str, Any]]:
        return {style["name"]: style for style in self.request("/api/styles").json["styles"]}


@pytest.fixture
def server(catalog: Catalog, tmp_path: Path) -> Iterator[OwnServer]:
    with OwnServer(catalog, tmp_path / "styles") as running:
        yield running


def test_a_picture_becomes_a_style_among_the_others(server: OwnServer) -> None:
    answer = server.add(title="Grandma's quilt", artist="Ruth", licence="own work", crop="0.1,0,0.8,1")
    style = answer.json["style"]
    assert (answer.status, answer.json["notes"]) == (201, ["shows a face"])
    assert (style["name"], style["title"], style["artist"]) == ("grandma_s_quilt", "Grandma's quilt", "Ruth")
    assert (style["own"], style["minutes"], style["licence"]) == (True, 0.0, "own work")
    assert server.learner.crops == [(0.1, 0.0, 0.8, 1.0)]
    assert server.styles()["grandma_s_quilt"] == style
    assert [other["own"] for other in server.styles().values()].count(True) == 1
    assert server.act("select", {"style": "grandma_s_quilt"}).status == 200
    picture = server.request(f"{PATH}/grandma_s_quilt/picture.jpg")
    assert (picture.body, picture.headers["Content-Type"]) == (JPEG, "image/jpeg")


def test_a_title_that_is_there_twice_gets_two_names(server: OwnServer) -> None:
    assert [server.add(title="Sea").json["style"]["name"] for _ in range(3)] == ["sea", "sea_2", "sea_3"]
    assert server.add(title="The Starry Night", name="starry night").status == 409
    assert server.add(title="海").json["style"]["title"] == "海"


@pytest.mark.parametrize("title", ["x" * 120, "x" * 99 + " yz", "x" * 97 + " yz"])
def test_a_style_with_a_long_title_can_be_read_again(server: OwnServer, title: str) -> None:
    answers = [server.add(title=title), server.add(title=title), server.add(title="Sea", name="z" + title)]
    assert [answer.status for answer in answers] == [201] * 3
    assert len({answer.json["style"]["name"] for answer in answers} & server.styles().keys()) == 3


@pytest.mark.parametrize(
    ("body", "query", "status", "words"),
    [
        (b"GIF89 not really", {}, 422, "no picture"),
        (b"", {}, 422, "empty"),
        (b"PK\x03\x04 not a style", {}, 422, "not a style file"),
        (JPEG, {"crop": "0.5,0,0.9,1"}, 422, "crop must be"),
        (JPEG, {"crop": "nan,0,1,1"}, 422, "crop must be"),
        (JPEG, {"title": "x" * 201}, 422, "too long"),
    ],
    ids=["no picture", "empty", "no style", "crop outside", "crop of nothing", "long title"],
)
def test_what_cannot_be_learned_is_refused_in_one_line(
    server: OwnServer, body: bytes, query: dict[str, str], status: int, words: str
) -> None:
    answer = server.add(body, **query)
    assert (answer.status, words in answer.json["error"]) == (status, True)
    assert not list(server.folder.glob("*"))


def test_only_here_a_body_may_be_large_and_only_for_who_has_the_token(server: OwnServer) -> None:
    assert server.add(JPEG + bytes(200_000), title="Large").status == 201
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {MAX_PICTURE_BYTES + 1}\r\n"
    )
    refused = server.send_raw(f"{head}Authorization: Bearer {TOKEN}\r\n\r\n")
    assert b" 413 " in refused.splitlines()[0]
    assert b"64 MiB" in refused
    assert server.request(PATH, "POST", JPEG, token=None).status == 401
    assert server.request(f"{PATH}/large", "PATCH", bytes(70_000)).status == 413


def test_pictures_wait_for_each_other_up_to_a_limit(server: OwnServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "MAX_WAITING", 3)
    server.learner.go_on.clear()
    with ThreadPoolExecutor(8) as clients:
        answers = [clients.submit(server.add, title=f"Wave {number}") for number in range(8)]
        refused = [answer.result() for _, answer in zip(range(5), as_completed(answers), strict=False)]
        server.learner.go_on.set()
        statuses = sorted(answer.result().status for answer in answers)
    assert {answer.headers["Retry-After"] for answer in refused} == {"2"}
    assert statuses == [201] * 3 + [503] * 5
    assert len(list(server.folder.glob("wave_*.style"))) == 3


def test_a_full_disk_is_said_and_leaves_nothing(server: OwnServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: OwnStyle, path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(OwnStyle, "write", full)
    answer = server.add(title="Sea")
    assert answer.status == 507
    assert "No space left on device; nothing was changed" in answer.json["error"]
    assert "sea" not in server.styles()


def test_a_new_title_keeps_the_name_that_presets_have(server: OwnServer) -> None:
    server.add(title="IMG 2034")
    changed = server.send("PATCH", "img_2034", {"title": "The quilt", "licence": "CC BY 4.0"})
    assert changed.json["style"] == server.styles()["img_2034"]
    assert (changed.json["style"]["title"], changed.json["style"]["licence"]) == ("The quilt", "CC BY 4.0")
    longest = {"title": "The quilt", "artist": "A" * 200, "licence": "L" * 200}  # as the style of a friend may have
    assert server.send("PATCH", "img_2034", longest).status == 200
    assert server.send("PATCH", "img_2034", {"title": " "}).status == 422
    assert server.send("PATCH", "img_2034", {"rows": "none"}).status == 422
    assert server.send("PATCH", "img_2034", []).status == 422
    assert server.send("PATCH", "starry_night", {"title": "Mine"}).status == 404
    assert server.send("PATCH", "..%2F..%2Fetc", {"title": "Mine"}).status == 404


def test_a_copied_file_is_changed_and_not_the_one_whose_name_is_still_in_it(server: OwnServer) -> None:
    server.add(title="Sea")
    sea, lake = server.folder / "sea.style", server.folder / "lake.style"
    before = sea.read_bytes()
    lake.write_bytes(before)
    server.catalog.own_styles = [replace(OwnStyle.read(path), name=path.stem) for path in (lake, sea)]
    assert server.send("PATCH", "lake", {"title": "Lake"}).status == 200
    assert (sea.read_bytes(), OwnStyle.read(lake).title) == (before, "Lake")


def test_nobody_else_writes_a_style_while_it_is_changed_or_deleted(
    server: OwnServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add(title="Sea")
    alone: list[bool] = []
    write, unlink = OwnStyle.write, Path.unlink

    def noted_write(style: OwnStyle, path: Path) -> None:
        alone.append(is_locked(path.parent))
        write(style, path)

    def noted_unlink(path: Path, **options: bool) -> None:
        alone.append(is_locked(path.parent))
        unlink(path, **options)

    monkeypatch.setattr(OwnStyle, "write", noted_write)
    assert server.send("PATCH", "sea", {"title": "The sea"}).status == 200
    monkeypatch.setattr(Path, "unlink", noted_unlink)
    assert server.send("DELETE", "sea").status == 200
    assert alone == [True, True]


def test_a_style_without_a_picture_has_none_to_show(server: OwnServer) -> None:
    server.add(title="Sea")
    replace(OwnStyle.read(server.folder / "sea.style"), picture=b"").write(server.folder / "sea.style")
    assert server.send("GET", "sea/picture.jpg").status == 404


def test_what_learns_is_loaded_before_the_first_picture_is_sent(server: OwnServer) -> None:
    assert server.request(f"{PATH}/preparation", "POST").status == 200
    assert (server.loaded, server.request(f"{PATH}/preparation", "POST", token=None).status) == (1, 401)
    assert server.request(f"{PATH}/preparation?crop=0,0,1,0.5", "POST", JPEG).status == 200
    assert server.learner.prepared == [(JPEG, (0, 0, 1, 0.5))]
    assert server.request(f"{PATH}/preparation?crop=2", "POST", JPEG).status == 422


def test_a_picture_that_arrives_slowly_holds_up_no_other_change(server: OwnServer) -> None:
    server.add(title="Sea")
    head = f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 9\r\n"
    with socket.create_connection((HOST, server.server.port), timeout=20) as slow:
        slow.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
        assert b" 100 " in slow.recv(100)  # it is being read now
        assert server.send("DELETE", "sea").status == 200


def test_a_deleted_style_comes_back_from_its_file(server: OwnServer) -> None:
    before = server.add(title="Sea", licence="public domain").json["style"]
    file = server.send("GET", "sea/file")
    assert file.headers["Content-Disposition"] == "attachment; filename*=UTF-8''sea.style"
    (server.folder / "broken.style").write_bytes(file.body[:100])
    assert server.send("GET", "broken/file").status == 422
    (server.folder / "broken.style").unlink()
    assert server.send("DELETE", "sea").status == 200
    assert (server.improving.calls, "sea" in server.styles()) == (["sea"], False)
    assert server.send("DELETE", "sea").status == 404
    assert server.add(file.body).json["style"] == before
    assert server.add(file.body).json["style"]["name"] == "sea_2"
    assert server.styles().keys() >= {"sea", "sea_2"}


def test_improving_is_begun_and_ended_and_says_what_is_missing(server: OwnServer) -> None:
    server.add(title="Sea")
    assert server.send("POST", "sea/improvement", {"minutes": 5}).status == 202
    assert server.send("DELETE", "sea/improvement").status == 200
    assert server.improving.calls == [("sea", 5), "sea"]
    assert server.send("POST", "sea/improvement", {"minutes": 0}).status == 422
    assert server.send("POST", "sea/improvement", {"minutes": True}).status == 422
    assert server.send("POST", "great_wave/improvement", {"minutes": 5}).status == 404
    server.improving.installed = False
    refused = server.send("POST", "sea/improvement", {"minutes": 5})
    assert (refused.status, "pip install" in refused.json["error"]) == (501, True)


def test_a_refusal_is_said_in_the_language_of_the_page(server: OwnServer) -> None:
    answer = server.request(f"{PATH}/sea", "DELETE", headers={"Accept-Language": "de"})
    assert answer.json["error"] == "keiner Ihrer eigenen Stile heißt sea"
    answer = server.request(PATH, "POST", b"PK\x03\x04 a document", headers={"Accept-Language": "de"})
    assert answer.json["error"].startswith("die Datei ist keine Stildatei oder beschädigt: ")
