"""Who is let in, and how the others are told."""

from __future__ import annotations

import re
import socket

import pytest

from stylecam.control.http.address import HOST, Address
from stylecam.control.http.auth import MAX_BODY_BYTES, check_token, new_token
from stylecam.errors import UsageError
from stylecam.models.catalog import Catalog
from tests.control.running_server import TOKEN, Answer, RunningServer, free_port

DOORS = ["/api/state", "/api/styles", "/api/actions", "/api/openapi.json", "/api/live", "/stream.mjpg",
         "/snapshot.jpg", "/static/page.js", "/api/do/next", "/no/such/place"]  # fmt: skip


def is_refused(answer: Answer, status: int) -> bool:
    return answer.status == status and answer.json.keys() == {"error"} and "\n" not in answer.json["error"]


@pytest.mark.parametrize("path", DOORS)
@pytest.mark.parametrize("token", [None, "", "wrong-token", TOKEN[:-1], TOKEN + "x", "é" * 20])
def test_without_the_token_every_door_is_closed(running_server: RunningServer, path: str, token: str | None) -> None:
    before = running_server.control.state
    assert is_refused(running_server.ask(path, token=None if token is None else token.encode().decode("latin-1")), 401)
    assert running_server.control.state == before


def test_an_action_without_the_token_does_nothing(running_server: RunningServer) -> None:
    assert is_refused(running_server.ask("/api/actions/quit", "POST", token=None), 401)
    assert is_refused(running_server.ask("/api/do/quit?token=wrong-token", token=None), 401)
    assert not running_server.control.quitting.is_set()


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (f"/api/state?token={TOKEN}", {}),
        ("/api/state", {"Authorization": f"Bearer {TOKEN}"}),
        ("/api/state", {"Authorization": f"bearer  {TOKEN}"}),
    ],
)
def test_the_token_is_taken_from_address_or_header(
    running_server: RunningServer, path: str, headers: dict[str, str]
) -> None:
    assert running_server.ask(path, headers=headers, token=None).status == 200


def cookie(running_server: RunningServer) -> str:
    answer = running_server.ask(f"/?token={TOKEN}", token=None)
    assert (answer.status, answer.headers["Location"]) == (303, "/")
    return str(answer.headers["Set-Cookie"])


def test_the_link_leaves_a_cookie_that_opens_the_page(running_server: RunningServer) -> None:
    name, _, rest = cookie(running_server).partition(";")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in rest.split(";")}
    page = running_server.ask("/", headers={"Cookie": name}, token=None)
    assert page.status == 200
    assert page.headers["Content-Type"].startswith("text/html")


def test_the_cookie_does_not_hold_the_token(running_server: RunningServer) -> None:
    assert TOKEN not in cookie(running_server)


def test_each_port_has_a_cookie_of_its_own(running_server: RunningServer) -> None:
    assert cookie(running_server).startswith(f"stylecam-{running_server.server.port}=")


def test_a_cookie_is_not_enough_for_an_action_by_its_address(running_server: RunningServer) -> None:
    name = cookie(running_server).partition(";")[0]
    assert is_refused(running_server.ask("/api/do/next", headers={"Cookie": name}, token=None), 401)
    assert running_server.control.state.version == 0


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_cookie_sent_for_another_page_opens_nothing(running_server: RunningServer, site: str) -> None:
    name = cookie(running_server).partition(";")[0]
    headers = {"Cookie": name, "Sec-Fetch-Site": site}
    assert is_refused(running_server.ask("/api/state", headers=headers, token=None), 401)


def test_who_comes_without_the_link_is_told_so_in_plain_words(running_server: RunningServer) -> None:
    answer = running_server.ask("/", token=None)
    assert answer.status == 401
    assert answer.headers["Content-Type"].startswith("text/html")
    assert b"the link that stylecam prints" in answer.body


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "192.168.1.7", "0.0.0.0", "a:b:c", "[::1", ""]
)
def test_under_another_name_nothing_is_answered(running_server: RunningServer, host: str) -> None:
    assert is_refused(running_server.ask("/api/state", headers={"Host": host}), 403)


@pytest.mark.parametrize("host", ["localhost", HOST, "LOCALHOST", "[::1]"])
def test_this_machine_by_any_of_its_names_is_let_in(running_server: RunningServer, host: str) -> None:
    assert running_server.ask("/api/state", headers={"Host": f"{host}:{running_server.server.port}"}).status == 200


def test_a_request_without_a_host_is_refused(running_server: RunningServer) -> None:
    answer = running_server.raw(f"GET /api/state?token={TOKEN} HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.0 403")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1", "http://localhost:{port}", ""])
@pytest.mark.parametrize("path", ["/api/state", "/api/live", "/"])
def test_a_foreign_page_is_not_answered_even_with_the_token(
    running_server: RunningServer, origin: str, path: str
) -> None:
    origin = origin.format(port=running_server.server.port)
    assert is_refused(running_server.ask(path, headers={"Origin": origin}), 403)


def test_our_own_page_is_answered(running_server: RunningServer) -> None:
    answer = running_server.ask("/api/state", headers={"Origin": f"http://{HOST}:{running_server.server.port}"})
    assert answer.status == 200


def test_a_large_body_is_refused_before_it_is_read(running_server: RunningServer) -> None:
    kind = {"Content-Type": "application/json"}
    assert is_refused(running_server.ask("/api/actions/next", "POST", b" " * (MAX_BODY_BYTES + 1), kind), 413)


def test_a_large_body_of_unknown_length_is_refused(running_server: RunningServer) -> None:
    head = (
        f"POST /api/actions/next?token={TOKEN} HTTP/1.1\r\nHost: {HOST}:{running_server.server.port}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    chunk = f"{MAX_BODY_BYTES:x}\r\n{' ' * MAX_BODY_BYTES}\r\n"
    assert b" 413 " in running_server.raw(head + chunk * 2 + "0\r\n\r\n").splitlines()[0]


@pytest.mark.parametrize(("path", "method", "status"), [("/nowhere", "GET", 404), ("/api/state", "DELETE", 405)])
def test_what_is_not_there_is_said_in_json(running_server: RunningServer, path: str, method: str, status: int) -> None:
    assert is_refused(running_server.ask(path, method), status)


@pytest.mark.parametrize("path", ["/", "/api/state", "/static/page.css", "/nowhere"])
def test_every_answer_has_the_headers_that_keep_browsers_strict(running_server: RunningServer, path: str) -> None:
    headers = running_server.ask(path).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "default-src 'none'; script-src 'self'" in headers["Content-Security-Policy"]
    assert "Access-Control-Allow-Origin" not in headers


def test_asked_to_let_others_in_it_answers_to_addresses_and_its_own_name_and_no_other(catalog: Catalog) -> None:
    with RunningServer(catalog, Address("0.0.0.0", free_port())) as running_server:
        for host in ("127.0.0.1", "192.168.1.7", "[fe80::1]", "localhost", socket.gethostname()):
            assert running_server.ask("/api/state", headers={"Host": f"{host}:8765"}).status == 200
        assert is_refused(running_server.ask("/api/state", headers={"Host": "evil.example"}), 403)


def test_it_listens_on_this_machine_only(running_server: RunningServer) -> None:
    with socket.socket() as other:
        other.settimeout(5)
        assert other.connect_ex(("127.0.0.2", running_server.server.port)) != 0


def test_tokens_are_long_and_never_the_same() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", check_token(token)) for token in tokens)


@pytest.mark.parametrize("text", ["", "short", "with space in it", "päckchen-mit-umlaut", "a&b=c&d=e", "x" * 129])
def test_a_token_that_cannot_stand_in_an_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--token must have"):
        check_token(text)
