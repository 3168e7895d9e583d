"""Tests of authentication by token, and of the checks on Host and Origin."""

from __future__ import annotations

import hashlib
import socket

import pytest

from stylecam.control.http.address import HOST, Address
from stylecam.control.http.auth import MAX_BODY_BYTES
from stylecam.models.catalog import Catalog
from tests.control.running_server import TOKEN, Response, RunningServer, free_port

PATHS = ["/api/state", "/api/styles", "/api/actions", "/api/openapi.json", "/api/live", "/stream.mjpg",
         "/snapshot.jpg", "/api/do/next", "/no/such/place"]  # fmt: skip


def is_refused(response: Response, status: int) -> bool:
    return response.status == status and response.json.keys() == {"error"} and "\n" not in response.json["error"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("token", [None, "", "wrong-token", TOKEN[:-1], TOKEN + "x", "é" * 20])
def test_without_the_token_every_path_is_refused(running_server: RunningServer, path: str, token: str | None) -> None:
    before = running_server.control.state
    assert is_refused(
        running_server.request(path, token=None if token is None else token.encode().decode("latin-1")), 401
    )
    assert running_server.control.state == before


def test_an_action_without_the_token_does_nothing(running_server: RunningServer) -> None:
    assert is_refused(running_server.request("/api/actions/quit", "POST", token=None), 401)
    assert is_refused(running_server.request("/api/do/quit?token=wrong-token", token=None), 401)
    assert not running_server.control.quitting.is_set()


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (f"/api/state?token={TOKEN}", {}),
        ("/api/state", {"Authorization": f"Bearer {TOKEN}"}),
        ("/api/state", {"Authorization": f"bearer  {TOKEN}"}),
    ],
)
def test_the_token_is_read_from_address_or_header(
    running_server: RunningServer, path: str, headers: dict[str, str]
) -> None:
    assert running_server.request(path, headers=headers, token=None).status == 200


@pytest.mark.parametrize("path", ["/", "/picture", "/static/page.js", "/static/access.js"])
@pytest.mark.parametrize("query", ["", f"?token={TOKEN}"])
def test_the_page_itself_is_open_and_sets_no_cookie(running_server: RunningServer, path: str, query: str) -> None:
    response = running_server.request(path + query, token=None)
    assert response.status == 200
    assert "Set-Cookie" not in response.headers
    assert TOKEN.encode() not in response.body


@pytest.mark.parametrize("path", PATHS)
def test_no_cookie_opens_anything(running_server: RunningServer, path: str) -> None:
    old = hashlib.sha256(b"stylecam cookie " + TOKEN.encode()).hexdigest()
    cookies = f"stylecam-{running_server.server.port}={old}; stylecam-token={TOKEN}; token={TOKEN}"
    assert is_refused(running_server.request(path, headers={"Cookie": cookies}, token=None), 401)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "192.168.1.7", "0.0.0.0", "a:b:c", "[::1", ""]
)
def test_an_unknown_host_name_is_refused(running_server: RunningServer, host: str) -> None:
    assert is_refused(running_server.request("/api/state", headers={"Host": host}), 403)


@pytest.mark.parametrize("host", ["localhost", HOST, "LOCALHOST", "[::1]"])
def test_every_name_of_this_machine_is_accepted(running_server: RunningServer, host: str) -> None:
    assert running_server.request("/api/state", headers={"Host": f"{host}:{running_server.server.port}"}).status == 200


def test_a_request_without_a_host_is_refused(running_server: RunningServer) -> None:
    response = running_server.send_raw(f"GET /api/state?token={TOKEN} HTTP/1.0\r\n\r\n")
    assert response.startswith(b"HTTP/1.0 403")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1", "http://localhost:{port}", ""])
@pytest.mark.parametrize("path", ["/api/state", "/api/live", "/"])
def test_a_foreign_origin_is_refused_even_with_the_token(running_server: RunningServer, origin: str, path: str) -> None:
    origin = origin.format(port=running_server.server.port)
    assert is_refused(running_server.request(path, headers={"Origin": origin}), 403)


def test_our_own_origin_is_accepted(running_server: RunningServer) -> None:
    response = running_server.request("/api/state", headers={"Origin": f"http://{HOST}:{running_server.server.port}"})
    assert response.status == 200


def test_a_large_body_is_refused_before_it_is_read(running_server: RunningServer) -> None:
    headers = {"Content-Type": "application/json"}
    assert is_refused(running_server.request("/api/actions/next", "POST", b" " * (MAX_BODY_BYTES + 1), headers), 413)


def test_a_large_body_of_unknown_length_is_refused(running_server: RunningServer) -> None:
    head = (
        f"POST /api/actions/next?token={TOKEN} HTTP/1.1\r\nHost: {HOST}:{running_server.server.port}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    chunk = f"{MAX_BODY_BYTES:x}\r\n{' ' * MAX_BODY_BYTES}\r\n"
    assert b" 413 " in running_server.send_raw(head + chunk * 2 + "0\r\n\r\n").splitlines()[0]


@pytest.mark.parametrize(("path", "method", "status"), [("/nowhere", "GET", 404), ("/api/state", "DELETE", 405)])
def test_unknown_paths_and_methods_are_refused_in_json(
    running_server: RunningServer, path: str, method: str, status: int
) -> None:
    assert is_refused(running_server.request(path, method), status)


@pytest.mark.parametrize("path", ["/", "/api/state", "/static/page.css", "/nowhere"])
def test_every_response_has_security_headers(running_server: RunningServer, path: str) -> None:
    headers = running_server.request(path).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "default-src 'none'; script-src 'self'" in headers["Content-Security-Policy"]
    assert "Access-Control-Allow-Origin" not in headers


def test_when_listening_publicly_ip_addresses_and_its_own_name_are_accepted(catalog: Catalog) -> None:
    with RunningServer(catalog, Address("0.0.0.0", free_port())) as running_server:
        for host in ("127.0.0.1", "192.168.1.7", "[fe80::1]", "localhost", socket.gethostname()):
            assert running_server.request("/api/state", headers={"Host": f"{host}:8765"}).status == 200
        assert is_refused(running_server.request("/api/state", headers={"Host": "evil.example"}), 403)


def test_it_listens_on_this_machine_only(running_server: RunningServer) -> None:
    with socket.socket() as other:
        other.settimeout(5)
        assert other.connect_ex(("127.0.0.2", running_server.server.port)) != 0
