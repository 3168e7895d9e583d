"""Tests of the engine that is a server, against one in this process, and of the address of such a server."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stylecam.engines.remote import RemoteEngine, RemoteSession
from stylecam.engines.remote_target import RemoteTarget
from stylecam.errors import EngineLostError, EngineRunError, EngineUnavailableError, UsageError
from stylecam.models.grain import grain_map
from stylecam.models.model import Model
from stylecam.models.repository import ServedTensor, served_name
from stylecam.models.rewrite.row_input import row_form
from stylecam.models.rewrite.two_styles import two_styles
from stylecam.utils import optional
from tests.engines.fixtures import photo, require_library

require_library("tritonclient.grpc")
require_library("onnxruntime")

import grpc  # noqa: E402 - comes with the library

from tests.engines.remote_server import FakeServer, serving  # noqa: E402

SIZE = 64, 40


@pytest.fixture
def server(bank: Model) -> Iterator[FakeServer]:
    with serving(FakeServer(bank, two_styles(row_form(bank)))) as running:
        yield running


@pytest.fixture
def engine(server: FakeServer) -> Iterator[RemoteEngine]:
    made = RemoteEngine(RemoteTarget.parse(f"grpc://127.0.0.1:{server.port}"))
    yield made
    made.close()


def complaint(engine: RemoteEngine, model: Model) -> str:
    """Return the one line with which the engine refuses to paint."""
    with pytest.raises((EngineRunError, EngineLostError)) as caught:
        engine.session(model, *SIZE).stylize(photo(*SIZE), model.one_hot())
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_picture_goes_there_and_back_as_bytes(engine: RemoteEngine, server: FakeServer, bank: Model) -> None:
    picture = photo(*SIZE)
    engine.connect()
    painted = engine.session(bank, *SIZE).stylize(picture, bank.one_hot(2))
    assert engine.version == f"fake 7 on 127.0.0.1:{server.port}"
    assert np.array_equal(painted, 255 - picture)
    assert painted.flags.owndata
    sent = server.received[0]
    assert sent["picture"].dtype == np.uint8
    assert sent["style"].argmax() == 2
    assert np.array_equal(sent["grain"], grain_map(8, 5, 8, deviations=bank.grain_deviations))


def test_several_pictures_are_on_their_way_at_once(engine: RemoteEngine, server: FakeServer, bank: Model) -> None:
    session = engine.session(bank, *SIZE)
    assert isinstance(session, RemoteSession)
    server.hold.set()
    calls = [session.send(np.full((40, 64, 3), level, np.uint8), bank.one_hot()) for level in (1, 2, 3)]
    assert not any(call.done for call in calls)
    server.release()
    assert engine.wait(lambda: all(call.done for call in calls), 10)
    assert [int(call.result()[0, 0, 0]) for call in calls] == [254, 253, 252]
    assert all(call.answered_at is not None and call.answered_at >= call.sent_at for call in calls)


def test_a_mask_goes_with_a_picture_of_two_styles(engine: RemoteEngine, server: FakeServer, bank: Model) -> None:
    both, mask = two_styles(row_form(bank)), np.zeros((40, 64), np.uint8)
    mask[:, :9] = 200
    session = engine.session(both, *SIZE)
    rows = both.rows(both.one_hot(), 40)
    session.stylize(photo(*SIZE), rows, mask=mask)
    session.stylize(photo(*SIZE), rows)
    assert [np.unique(sent["person"]).tolist() for sent in server.received] == [[0, 200], [255]]


def test_a_network_of_coarser_alignment_gets_a_larger_picture(server: FakeServer, catalog: Any) -> None:
    rich = next(model for model in catalog.models if model.alignment == 16)
    server.inputs |= FakeServer(rich).inputs
    engine, picture = RemoteEngine(RemoteTarget.parse(f"grpc://127.0.0.1:{server.port}")), photo(*SIZE)
    painted = engine.session(rich, *SIZE).stylize(picture, rich.rows(rich.one_hot(), 40))
    assert server.received[0]["picture"].shape == (1, 48, 64, 3)
    assert np.array_equal(painted, 255 - picture)


def test_a_network_that_the_server_lacks_is_named(engine: RemoteEngine, server: FakeServer, bank: Model) -> None:
    server.inputs.clear()
    assert complaint(engine, bank) == (
        f"127.0.0.1:{server.port} has no network {served_name(bank)}; "
        "give it this version's: stylecam models export DIR"
    )


def test_another_version_of_a_network_is_named(engine: RemoteEngine, server: FakeServer, bank: Model) -> None:
    server.versions = ["2", "3"]
    assert "has version 2, 3 of" in complaint(engine, bank)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (ServedTensor("style", "FP32", (1, 3)), "has for 'style' FP32 1×3 in place of FP32 1×29"),
        (ServedTensor("style", "FP16", (1, 29)), "has for 'style' FP16 1×29"),
        (ServedTensor("pictures", "UINT8", (1, -1, -1, 3)), "has for 'style' nothing"),
    ],
)
def test_other_inputs_are_named(
    engine: RemoteEngine, server: FakeServer, bank: Model, other: ServedTensor, message: str
) -> None:
    server.inputs[served_name(bank)][1] = other
    assert message in complaint(engine, bank)


@pytest.mark.parametrize("shape", [(1, 40, 63, 3), (40, 64, 3), (1, 3, 40, 64)])
def test_an_answer_of_another_shape_is_refused(
    engine: RemoteEngine, server: FakeServer, bank: Model, shape: tuple[int, ...]
) -> None:
    server.answer = lambda _: np.zeros(shape, np.uint8)
    assert complaint(engine, bank) == (
        f"the server 127.0.0.1:{server.port} answered a picture of another size than the one it was sent"
    )


def test_an_answer_that_is_no_picture_is_refused(engine: RemoteEngine, server: FakeServer, bank: Model) -> None:
    server.datatype = "BYTES"
    assert complaint(engine, bank).endswith("answered BYTES where UINT8 was expected")


def test_a_network_that_fails_there_says_why(engine: RemoteEngine, server: FakeServer, bank: Model) -> None:
    def fail(_: Any) -> Any:
        raise ValueError("out of memory\nand more")

    server.answer = fail
    assert "refuses: Exception calling application: out of memory and more" in complaint(engine, bank)


def test_a_server_that_is_not_there_is_named(bank: Model) -> None:
    engine = RemoteEngine(RemoteTarget.parse("grpc://127.0.0.1:1"))
    assert complaint(engine, bank) == "the server 127.0.0.1:1 cannot be used: nothing listens there"


def test_a_server_that_dies_with_a_picture_is_lost(bank: Model) -> None:
    with serving(FakeServer(bank)) as server:
        engine = RemoteEngine(RemoteTarget.parse(f"grpc://127.0.0.1:{server.port}"))
        session = engine.session(bank, *SIZE)
        assert isinstance(session, RemoteSession)
        server.hold.set()
        call = session.send(photo(*SIZE), bank.one_hot())
        assert not call.done
    assert engine.wait(lambda: call.done, 10)
    with pytest.raises(EngineLostError):
        call.result()


def test_a_token_lets_in(server: FakeServer, bank: Model) -> None:
    server.token = "open-sesame"
    place = f"grpc://127.0.0.1:{server.port}"
    assert "it wants a valid --remote-token" in complaint(RemoteEngine(RemoteTarget.parse(place)), bank)
    engine = RemoteEngine(RemoteTarget.parse(place, token="open-sesame"))
    assert engine.session(bank, *SIZE).stylize(photo(*SIZE), bank.one_hot()).shape == (40, 64, 3)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A key and a certificate that vouches for itself, for the address 127.0.0.1."""
    folder = tmp_path_factory.mktemp("certificate")
    key, made = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(made)],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    return key, made


def test_an_encrypted_server_needs_a_certificate_to_trust(certificate: tuple[Path, Path], bank: Model) -> None:
    key, made = certificate
    credentials = grpc.ssl_server_credentials([(key.read_bytes(), made.read_bytes())])
    with serving(FakeServer(bank), credentials) as server:
        place = f"grpcs://127.0.0.1:{server.port}"
        assert "its certificate is not one to trust" in complaint(RemoteEngine(RemoteTarget.parse(place)), bank)
        engine = RemoteEngine(RemoteTarget.parse(place, made))
        assert engine.session(bank, *SIZE).stylize(photo(*SIZE), bank.one_hot()).shape == (40, 64, 3)
        assert complaint(RemoteEngine(RemoteTarget.parse(place.replace("grpcs", "grpc"))), bank)


def test_encryption_where_the_server_has_none_is_named(server: FakeServer, bank: Model) -> None:
    engine = RemoteEngine(RemoteTarget.parse(f"grpcs://127.0.0.1:{server.port}"))
    assert "it does not encrypt; use grpc:// in --remote" in complaint(engine, bank)


def test_without_the_client_the_install_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optional, "is_installed", lambda _: False)
    with pytest.raises(EngineUnavailableError, match=r'pip install "stylecam\[remote\]"'):
        RemoteEngine(RemoteTarget("localhost"))


def test_an_address_has_a_scheme_a_host_and_a_port() -> None:
    assert RemoteTarget.parse("grpc://gpu.local:8001") == RemoteTarget("gpu.local", 8001)
    assert RemoteTarget.parse("grpcs://gpu.local") == RemoteTarget("gpu.local", 8001, secure=True)
    assert RemoteTarget.parse("grpc://[::1]:9").place == "[::1]:9"
    assert [RemoteTarget(host).on_this_computer for host in ("localhost", "::1", "gpu")] == [True, True, False]
    assert "secret" not in repr(RemoteTarget("gpu", token="secret"))


@pytest.mark.parametrize(
    ("text", "certificates", "token", "message"),
    [
        ("gpu.local:8001", None, None, "is not grpc://HOST:PORT"),
        ("http://gpu.local:8000", None, None, "is not grpc://HOST:PORT"),
        ("grpc://gpu.local:80010", None, None, "is not grpc://HOST:PORT"),
        ("grpc://user:password@gpu.local", None, None, "is not grpc://HOST:PORT"),
        ("grpc://gpu.local", Path("ca.pem"), None, "--remote-ca is for an encrypted server"),
        ("grpcs://gpu.local", Path("missing.pem"), None, "missing.pem cannot be read"),
        ("grpcs://gpu.local", Path(__file__), None, "holds no certificate"),
        ("grpcs://gpu.local", None, "two words", "must be one word"),
        ("grpc://gpu.local", None, "word", "would be sent unencrypted"),
    ],
)
def test_an_address_that_makes_no_sense_is_refused(
    text: str, certificates: Path | None, token: str | None, message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        RemoteTarget.parse(text, certificates, token)
    assert message in str(caught.value)
