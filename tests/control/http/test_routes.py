"""State, styles and actions over HTTP."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from stylecam.control.actions import ACTIONS
from stylecam.control.http.thumbnails import Thumbnail, Thumbnails
from stylecam.errors import CommandRefusedError
from stylecam.models.catalog import Catalog
from stylecam.utils.clock import ManualClock
from tests.control.running_server import REPORT, TOKEN, RunningServer
from tests.doubles import until


def test_the_state_is_what_is_set_at_this_moment(running_server: RunningServer, catalog: Catalog) -> None:
    state = running_server.ask("/api/state").json
    assert state == running_server.describe(running_server.control.state)
    assert state["weights"] == {catalog.cards[0].name: 1.0}


def test_the_state_comes_with_all_figures_on_demand(running_server: RunningServer) -> None:
    assert running_server.ask("/api/state?stats=1").json["stats"] == REPORT
    assert running_server.ask("/api/stats").json == REPORT
    assert "stats" not in running_server.ask("/api/state?stats=0").json
    assert running_server.ask("/api/state?stats=perhaps").status == 422


def test_the_styles_are_told_with_their_numbers_and_pictures(running_server: RunningServer, catalog: Catalog) -> None:
    styles = running_server.ask("/api/styles").json["styles"]
    card = catalog.cards[1]
    assert len(styles) == len(catalog.cards)
    assert styles[1] == {
        "name": card.name, "number": 2, "title": card.title, "artist": card.artist, "year": card.year,
        "thumbnail": f"/api/styles/{card.name}/thumbnail.jpg",
    }  # fmt: skip


class Painted(Thumbnails):
    """Thumbnails that are there already: one twice, and then another."""

    def __init__(self, catalog: Catalog) -> None:
        super().__init__(catalog, lambda: None, ManualClock())
        self._tags = iter(["one", "one", "two"])

    async def get(self, name: str) -> Thumbnail | None:
        return Thumbnail(b"jpeg", next(self._tags))


def test_a_thumbnail_is_answered_with_a_tag_and_only_when_it_is_new(catalog: Catalog) -> None:
    path = f"/api/styles/{catalog.cards[0].name}/thumbnail.jpg"
    with RunningServer(catalog, thumbnails=Painted(catalog)) as running_server:
        first = running_server.ask(path)
        again = running_server.ask(path, headers={"If-None-Match": first.headers["ETag"]})
        newer = running_server.ask(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status, first.body, first.headers["Content-Type"]) == (200, b"jpeg", "image/jpeg")
    assert (again.status, again.body) == (304, b"")
    assert (newer.status, newer.headers["ETag"]) == (200, '"two"')


def test_a_thumbnail_that_is_not_there_yet_or_never_is_said(running_server: RunningServer, catalog: Catalog) -> None:
    assert running_server.ask(f"/api/styles/{catalog.cards[0].name}/thumbnail.jpg").status == 503
    with RunningServer(catalog, thumbnails=Thumbnails(catalog, lambda: None, ManualClock())) as other:
        assert other.ask("/api/styles/..%2F..%2Fetc%2Fpasswd/thumbnail.jpg").status == 404


def test_the_actions_are_told_with_the_keys_that_are_listened_to(running_server: RunningServer) -> None:
    actions = {action["name"]: action for action in running_server.ask("/api/actions").json["actions"]}
    assert list(actions) == list(ACTIONS)
    assert (actions["next"]["hotkey"], actions["next"]["key"]) == ("ctrl+alt+right", "n")
    assert actions["previous"]["hotkey"] == ""
    assert actions["strength"]["parameters"][0]["high"] == 1.0


def test_an_action_is_carried_out_and_answered_with_the_state_after_it(running_server: RunningServer) -> None:
    answer = running_server.act("strength", {"value": 0.25})
    assert answer.status == 200
    assert answer.json == {"state": running_server.describe(running_server.control.state)}
    assert running_server.control.state.look.strength == 0.25


@pytest.mark.parametrize("body", [None, "", "{}"])
def test_an_action_without_arguments_needs_no_body(running_server: RunningServer, body: str | None) -> None:
    kind = {} if not body else {"Content-Type": "application/json"}
    assert running_server.ask("/api/actions/bypass", "POST", body, kind).json["state"]["bypass"]


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
    answer = running_server.ask(path, token=None)
    assert answer.status == 200
    assert answer.json["state"][name] == value


WRONG: list[tuple[str, bytes, str, int]] = [
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


@pytest.mark.parametrize(("name", "body", "kind", "status"), WRONG, ids=[f"{w[0]}-{w[1][:30]!r}" for w in WRONG])
def test_what_cannot_be_meant_is_answered_in_one_line_and_changes_nothing(
    running_server: RunningServer, name: str, body: bytes, kind: str, status: int
) -> None:
    before = running_server.control.state
    answer = running_server.ask(f"/api/actions/{name}", "POST", body, {"Content-Type": kind})
    assert answer.status == status
    assert answer.json.keys() == {"error"}
    assert "\n" not in answer.json["error"]
    assert running_server.control.state == before


@pytest.mark.parametrize(
    "query", ["fly", "strength", "strength?value=2", "strength?value=x", "next?x=1", "freeze?on=maybe"]
)
def test_an_address_that_cannot_be_meant_is_refused(running_server: RunningServer, query: str) -> None:
    answer = running_server.ask(f"/api/do/{query}{'&' if '?' in query else '?'}token={TOKEN}")
    assert answer.status == (404 if query == "fly" else 422)
    assert running_server.control.state.version == 0


def test_looking_at_an_address_without_asking_for_its_answer_does_nothing(running_server: RunningServer) -> None:
    assert running_server.ask(f"/api/do/next?token={TOKEN}", "HEAD").status == 405
    assert running_server.control.state.version == 0


def test_what_cannot_be_done_now_is_another_answer(running_server: RunningServer) -> None:
    def refuse() -> None:
        running_server.control.attention.wait(20)
        for pending in running_server.control.take_deferred():
            pending.refuse(CommandRefusedError("there is no picture yet"))

    runner = threading.Thread(target=refuse)
    runner.start()
    answer = running_server.act("snapshot")
    runner.join()
    assert (answer.status, answer.json) == (409, {"error": "there is no picture yet"})


def test_what_came_of_an_errand_is_in_the_answer(running_server: RunningServer) -> None:
    def run() -> None:
        running_server.control.attention.wait(20)
        for pending in running_server.control.take_deferred():
            pending.finish(running_server.control.state, {"file": "me.png"})

    runner = threading.Thread(target=run)
    runner.start()
    answer = running_server.act("snapshot", {"name": "me"})
    runner.join()
    assert answer.json["result"] == {"file": "me.png"}


def test_quitting_is_answered_before_all_ends(running_server: RunningServer) -> None:
    assert running_server.act("quit").status == 200
    assert running_server.control.quitting.is_set()


def test_two_that_write_at_once_are_both_answered_and_one_comes_last(running_server: RunningServer) -> None:
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
    seen = {state["version"]: state["strength"] for states in answers.values() for state in states}
    assert sorted(seen) == list(range(1, 51))
    assert running_server.control.state.look.strength == seen[50]


def test_the_description_names_every_action_twice_and_what_it_takes(running_server: RunningServer) -> None:
    told = running_server.ask("/api/openapi.json").json
    assert told["openapi"].startswith("3.1")
    for name in ACTIONS:
        assert f"/api/do/{name}" in told["paths"]
        assert f"/api/actions/{name}" in told["paths"]
    body = told["paths"]["/api/actions/strength"]["post"]["requestBody"]
    assert body["required"]
    value = body["content"]["application/json"]["schema"]["properties"]["value"]
    assert (value["type"], value["minimum"], value["maximum"]) == ("number", 0.0, 1.0)
    assert json.dumps(told, allow_nan=False)


def test_no_answer_is_lost_when_the_server_goes(catalog: Catalog) -> None:
    with RunningServer(catalog) as running_server:
        running_server.control.wake = lambda: None  # nobody carries out
        asked = threading.Thread(target=lambda: answers.append(running_server.act("next").status))
        answers: list[int] = []
        asked.start()
        assert until(lambda: not running_server.control._pending.empty())
        running_server.control.close()
        asked.join()
    assert answers == [409]
