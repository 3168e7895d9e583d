"""Tests of state, styles and actions over HTTP."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow

from stylecam.control.actions import ACTIONS
from stylecam.control.http.thumbnails import Thumbnail, Thumbnails
from stylecam.errors import CommandRefusedError
from stylecam.models.catalog import Catalog
from stylecam.utils.clock import ManualClock
from tests.control.running_server import CAMERAS, REPORT, TOKEN, RunningServer
from tests.doubles import until


def test_the_state_is_the_current_one(running_server: RunningServer, catalog: Catalog) -> None:
    state = running_server.request("/api/state").json
    assert state == running_server.describe(running_server.control.state)
    assert state["weights"] == {catalog.cards[0].name: 1.0}


def test_statistics_are_included_on_request(running_server: RunningServer) -> None:
    assert running_server.request("/api/state?stats=1").json["stats"] == REPORT
    assert running_server.request("/api/stats").json == REPORT
    assert "stats" not in running_server.request("/api/state?stats=0").json
    assert running_server.request("/api/state?stats=perhaps").status == 422


def test_the_cameras_that_may_be_chosen_are_listed(running_server: RunningServer) -> None:
    assert running_server.request("/api/cameras").json == {"cameras": CAMERAS}
    assert running_server.request("/api/cameras", token=None).status == 401
    described = running_server.request("/api/openapi.json").json
    assert set(described["components"]["schemas"]["Cameras"]["properties"]["cameras"]["items"]["required"]) == set(
        CAMERAS[0]
    )


def test_the_styles_are_listed_with_numbers_and_thumbnails(running_server: RunningServer, catalog: Catalog) -> None:
    styles = running_server.request("/api/styles").json["styles"]
    card = catalog.cards[1]
    assert len(styles) == len(catalog.cards)
    assert styles[1] == {
        "name": card.name, "number": 2, "title": card.title, "artist": card.artist, "year": card.year,
        "licence": card.licence, "own": False, "thumbnail": f"/api/styles/{card.name}/thumbnail.jpg",
    }  # fmt: skip


class ReadyThumbnails(Thumbnails):
    """Returns one thumbnail twice and then another."""

    def __init__(self, catalog: Catalog) -> None:
        super().__init__(catalog, lambda: None, ManualClock())
        self._tags = iter(["one", "one", "two"])

    async def get(self, name: str) -> Thumbnail | None:
        return Thumbnail(b"jpeg", next(self._tags))


def test_a_thumbnail_has_an_etag_and_is_sent_only_when_it_is_new(catalog: Catalog) -> None:
    path = f"/api/styles/{catalog.cards[0].name}/thumbnail.jpg"
    with RunningServer(catalog, thumbnails=ReadyThumbnails(catalog)) as running_server:
        first = running_server.request(path)
        unchanged = running_server.request(path, headers={"If-None-Match": first.headers["ETag"]})
        newer = running_server.request(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status, first.body, first.headers["Content-Type"]) == (200, b"jpeg", "image/jpeg")
    assert (unchanged.status, unchanged.body) == (304, b"")
    assert (newer.status, newer.headers["ETag"]) == (200, '"two"')


def test_while_the_picture_is_covered_there_is_no_thumbnail(catalog: Catalog) -> None:
    thumbnails = Thumbnails(catalog, lambda: None, ManualClock(), covered=lambda: True)
    with RunningServer(catalog, thumbnails=thumbnails) as running_server:
        answer = running_server.request(f"/api/styles/{catalog.cards[0].name}/thumbnail.jpg")
    assert (answer.status, answer.body) == (204, b"")


@pytest.mark.parametrize("action", ["panic", "rest", "freeze"])
def test_covering_the_picture_drops_the_thumbnails_that_were_made_before(catalog: Catalog, action: str) -> None:
    forgotten = threading.Event()
    thumbnails = Thumbnails(catalog, lambda: None, ManualClock())
    thumbnails.forget = forgotten.set  # type: ignore[method-assign]
    with RunningServer(catalog, thumbnails=thumbnails) as running_server:
        running_server.act("strength", {"value": 0.5})
        assert not forgotten.is_set()
        running_server.act(action, {"on": True})
        assert forgotten.wait(20)


def test_a_missing_thumbnail_is_204_and_an_unknown_style_404(running_server: RunningServer, catalog: Catalog) -> None:
    assert running_server.request(f"/api/styles/{catalog.cards[0].name}/thumbnail.jpg").status == 204
    with RunningServer(catalog, thumbnails=Thumbnails(catalog, lambda: None, ManualClock())) as other:
        assert other.request("/api/styles/..%2F..%2Fetc%2Fpasswd/thumbnail.jpg").status == 404


def test_the_actions_are_listed_with_their_active_keys(running_server: RunningServer) -> None:
    actions = {action["name"]: action for action in running_server.request("/api/actions").json["actions"]}
    assert list(actions) == list(ACTIONS)
    assert (actions["next"]["hotkey"], actions["next"]["key"]) == ("ctrl+alt+right", "n")
    assert actions["previous"]["hotkey"] == ""
    assert actions["strength"]["parameters"][0]["high"] == 1.0


def test_an_action_is_applied_and_the_new_state_is_returned(running_server: RunningServer) -> None:
    response = running_server.act("strength", {"value": 0.25})
    assert response.status == 200
    assert response.json == {"state": running_server.describe(running_server.control.state)}
    assert running_server.control.state.look.strength == 0.25


@pytest.mark.parametrize("body", [None, "", "{}"])
def test_an_action_without_arguments_needs_no_body(running_server: RunningServer, body: str | None) -> None:
    content_type = {} if not body else {"Content-Type": "application/json"}
    assert running_server.request("/api/actions/bypass", "POST", body, content_type).json["state"]["bypass"]


def test_a_blend_is_an_object(running_server: RunningServer) -> None:
    state = running_server.act("blend", {"weights": {"great_wave": 0.6, "the_scream": 0.4}}).json["state"]
    assert state["weights"] == {"great_wave": 0.6, "the_scream": 0.4}


@pytest.mark.parametrize(
    ("query", "name", "value"),
    [
        ("select?style=the_scream", "style", "the_scream"), ("select?style=2", "style", "great_wave"),
        ("strength?value=0.5", "strength", 0.5), ("freeze?on=true", "frozen", True), ("freeze", "frozen", True),
        ("scale?value=auto", "scale", None),
        ("blend?weights=great_wave:1,udnie:1", "style", "great_wave:0.5,udnie:0.5"),
    ],
)  # fmt: skip
def test_an_action_by_its_address_alone(running_server: RunningServer, query: str, name: str, value: Any) -> None:
    path = f"/api/do/{query}{'&' if '?' in query else '?'}token={TOKEN}"
    response = running_server.request(path, token=None)
    assert response.status == 200
    assert response.json["state"][name] == value


INVALID_REQUESTS: list[tuple[str, bytes, str, int]] = [
    ("fly", b"{}", "application/json", 404),
    ("strength", b"{", "application/json", 400),
    ("strength", b"\xff\xfe", "application/json", 400),
    ("strength", b"[" * 60_000, "application/json", 400),
    ("strength", b'{"value": ' + b"9" * 5000 + b"}", "application/json", 400),
    ("strength", b'{"value": 0.5}', "text/plain", 415),
    ("strength", b"value=0.5", "application/x-www-form-urlencoded", 415),
    ("strength", b"[0.5]", "application/json", 422),
    ("strength", b"null", "application/json", 422),
    ("strength", b"{}", "application/json", 422),
    ("strength", b'{"value": "0.5"}', "application/json", 422),
    ("strength", b'{"value": NaN}', "application/json", 422),
    ("strength", b'{"value": 1.5}', "application/json", 422),
    ("strength", b'{"value": 0.5, "x": 1}', "application/json", 422),
    ("select", b'{"style": "no_such_style"}', "application/json", 422),
    ("select", b'{"style": "../../etc/passwd.onnx"}', "application/json", 422),
    ("select", b'{"style": "\\ud800"}', "application/json", 422),
    ("blend", b'{"weights": {"great_wave": -1}}', "application/json", 422),
    ("blend", b'{"weights": {"great_wave": 0}}', "application/json", 422),
    ("snapshot", b'{"name": "../../up"}', "application/json", 422),
    ("snapshot", b'{"name": "/etc/passwd"}', "application/json", 422),
    ("snapshot", b'{"name": "a\\u0000b"}', "application/json", 422),
    ("record", b'{"on": true, "name": ".."}', "application/json", 422),
    ("preset", b'{"name": "unknown"}', "application/json", 422),
]


@pytest.mark.parametrize(
    ("name", "body", "content_type", "status"),
    INVALID_REQUESTS,
    ids=[f"{w[0]}-{w[1][:30]!r}" for w in INVALID_REQUESTS],
)
def test_an_invalid_request_is_refused_in_one_line_and_changes_nothing(
    running_server: RunningServer, name: str, body: bytes, content_type: str, status: int
) -> None:
    before = running_server.control.state
    response = running_server.request(f"/api/actions/{name}", "POST", body, {"Content-Type": content_type})
    assert response.status == status
    assert response.json.keys() == {"error"}
    assert "\n" not in response.json["error"]
    assert running_server.control.state == before


@pytest.mark.parametrize(
    "query", ["fly", "strength", "strength?value=2", "strength?value=x", "next?x=1", "freeze?on=maybe"]
)
def test_an_invalid_action_address_is_refused(running_server: RunningServer, query: str) -> None:
    response = running_server.request(f"/api/do/{query}{'&' if '?' in query else '?'}token={TOKEN}")
    assert response.status == (404 if query == "fly" else 422)
    assert running_server.control.state.version == 0


def test_a_head_request_runs_no_action(running_server: RunningServer) -> None:
    assert running_server.request(f"/api/do/next?token={TOKEN}", "HEAD").status == 405
    assert running_server.control.state.version == 0


def test_an_action_that_is_not_possible_now_is_409(running_server: RunningServer) -> None:
    def refuse() -> None:
        running_server.control.attention.wait(20)
        for pending in running_server.control.take_deferred():
            pending.refuse(CommandRefusedError("there is no picture yet"))

    runner = threading.Thread(target=refuse)
    runner.start()
    response = running_server.act("snapshot")
    runner.join()
    assert (response.status, response.json) == (409, {"error": "there is no picture yet"})


def test_the_result_of_a_deferred_command_is_returned(running_server: RunningServer) -> None:
    def run() -> None:
        running_server.control.attention.wait(20)
        for pending in running_server.control.take_deferred():
            pending.finish(running_server.control.state, {"file": "me.png"})

    runner = threading.Thread(target=run)
    runner.start()
    response = running_server.act("snapshot", {"name": "me"})
    runner.join()
    assert response.json["result"] == {"file": "me.png"}


def test_quitting_is_answered_before_the_server_stops(running_server: RunningServer) -> None:
    assert running_server.act("quit").status == 200
    assert running_server.control.quitting.is_set()


def test_concurrent_commands_are_all_answered_in_one_order(running_server: RunningServer) -> None:
    answers: dict[float, list[dict[str, Any]]] = {0.25: [], 0.75: []}

    def write(value: float) -> None:
        answers[value] += [running_server.act("strength", {"value": value}).json["state"] for _ in range(25)]

    writers = [threading.Thread(target=write, args=(value,)) for value in answers]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    for value, states in answers.items():
        assert [state["strength"] for state in states] == [value] * 25
        versions = [state["version"] for state in states]
        assert versions == sorted(versions)
    strengths = {state["version"]: state["strength"] for states in answers.values() for state in states}
    assert sorted(strengths) == list(range(1, 51))
    assert running_server.control.state.look.strength == strengths[50]


def test_the_openapi_description_has_every_action_and_its_parameters(running_server: RunningServer) -> None:
    description = running_server.request("/api/openapi.json").json
    assert description["openapi"].startswith("3.1")
    for name in ACTIONS:
        assert f"/api/do/{name}" in description["paths"]
        assert f"/api/actions/{name}" in description["paths"]
    body = description["paths"]["/api/actions/strength"]["post"]["requestBody"]
    assert body["required"]
    value = body["content"]["application/json"]["schema"]["properties"]["value"]
    assert (value["type"], value["minimum"], value["maximum"]) == ("number", 0.0, 1.0)
    assert json.dumps(description, allow_nan=False)


def test_waiting_requests_are_answered_when_the_server_stops(catalog: Catalog) -> None:
    with RunningServer(catalog) as running_server:
        running_server.control.wake = lambda: None  # no command is applied
        requester = threading.Thread(target=lambda: answers.append(running_server.act("next").status))
        answers: list[int] = []
        requester.start()
        assert until(lambda: not running_server.control._pending.empty())
        running_server.control.close()
        requester.join()
    assert answers == [409]


def png(folder: Path, name: str) -> Path:
    Pillow.new("RGB", (4, 4)).save(folder / name)
    return folder / name


def test_a_page_may_show_only_those_pictures_in_the_room_that_the_settings_name(
    running_server: RunningServer, tmp_path: Path
) -> None:
    named, other = png(tmp_path, "named.png"), png(tmp_path, "other.png")
    running_server.control.presets = {"beach": {"room": f"picture:{named}"}}
    assert running_server.act("room", {"value": f"picture:{named}"}).json["state"]["room"] == f"picture:{named}"
    refused = running_server.act("room", {"value": f"picture:{other}"})
    assert refused.status == 422
    assert f"only pictures that the settings name; name {other} with --room" in refused.json["error"]
    assert running_server.request(f"/api/do/room?value=picture:{other}").status == 422
    assert running_server.control.state.look.room.path == named


def test_the_description_lists_the_words_of_a_choice(running_server: RunningServer) -> None:
    paths = running_server.request("/api/openapi.json").json["paths"]
    body = paths["/api/actions/paint"]["post"]["requestBody"]
    assert not body["required"]
    (schema,) = body["content"]["application/json"]["schema"]["properties"].values()
    assert schema["enum"] == ["everything", "person", "room"]
