"""Tests of a run whose frames a server paints, and of looking after that server."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from stylecam.engines.opencv import OpenCVEngine
from stylecam.engines.remote import RemoteEngine
from stylecam.engines.remote_link import PAUSES_S
from stylecam.engines.remote_target import RemoteTarget
from stylecam.errors import EngineUnavailableError, UsageError
from stylecam.live.server_watch import ServerWatch
from stylecam.live.session import Session
from stylecam.live.settings import Settings
from stylecam.media.frame import Size
from stylecam.models.catalog import Catalog
from stylecam.models.model import Model
from stylecam.models.rewrite.row_input import row_form
from stylecam.utils.clock import ManualClock
from tests.doubles import until
from tests.engines.fixtures import photo, require_library

require_library("tritonclient.grpc")
require_library("onnxruntime")

from tests.engines.remote_server import FakeServer, network, serving  # noqa: E402 - needs the library

SETTINGS = Settings(
    camera="demo", outputs=("null",), size=Size(128, 96), hotkeys=False, server=False, tier="lean", engine="remote",
    always_on=True, seconds=60.0,
)  # fmt: skip


@pytest.fixture
def server(bank: Model, catalog: Catalog) -> Iterator[FakeServer]:
    with serving(FakeServer(bank, *catalog.models)) as running:
        yield running


def run_until(condition: Any, catalog: Catalog, remote: str) -> dict[str, Any]:
    """Run until the figures satisfy `condition`; return the final ones."""
    with Session(replace(SETTINGS, remote=remote), catalog) as session:
        final = session.run(tick=lambda report: session.interrupt() if condition(report.to_json()) else None)
        return final.to_json()


def test_the_server_paints_a_run_and_the_figures_say_so(server: FakeServer, catalog: Catalog) -> None:
    place = f"127.0.0.1:{server.port}"
    final = run_until(lambda now: now["server"]["painted"] > 5, catalog, f"grpc://{place}")
    assert final["server"]["place"] == place
    assert final["server"]["painted"] > 5  # on a busy computer it may be late and left meanwhile
    assert final["painting"]


def test_a_server_that_runs_the_network_is_left_and_returned_to(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stylecam.engines.remote_link.PAUSES_S", (0.1,))
    monkeypatch.setattr("stylecam.live.server_watch.LOOK_EVERY_S", 0.05)
    model = row_form(next(model for model in catalog.models if model.tier == "lean"))
    server = FakeServer(*catalog.models)
    server.answer = network(model)
    steps: list[tuple[str, Callable[[], object]]] = []
    """Whether the server paints, and what is done once it does or does not."""
    with contextlib.ExitStack() as first, contextlib.ExitStack() as second:
        first.enter_context(serving(server))
        steps += [
            ("server", server.hold.set),
            ("here", server.release),
            ("server", first.close),
            ("here", lambda: second.enter_context(serving(server))),
            ("server", lambda: None),
        ]
        with Session(replace(SETTINGS, remote=f"grpc://127.0.0.1:{server.port}"), catalog) as session:
            before: dict[str, Any] = {}

            def tick(report: Any) -> None:
                now = report.to_json()
                place = "server" if now["server"]["up"] else "here"
                count = now["server"]["painted"] if place == "server" else now["styled"]
                if place != steps[0][0]:
                    before.clear()
                elif count > before.setdefault(place, count) + 2:
                    before.clear()
                    steps.pop(0)[1]()
                if not steps:
                    session.interrupt()

            final = session.run(tick=tick).to_json()
        assert not steps
        assert final["server"]["outages"] >= 2
        assert final["painting"]
        engine, picture = RemoteEngine(RemoteTarget("127.0.0.1", server.port)), photo(64, 40)
        painted, expected = (
            each.session(model, 64, 40).stylize(picture, model.rows(model.one_hot(), 40))
            for each in (engine, OpenCVEngine("cpu"))
        )
        engine.close()
    assert np.abs(painted.astype(int) - expected).max() <= 1


def test_without_the_server_this_computer_paints_and_says_why(
    catalog: Catalog, caplog: pytest.LogCaptureFixture
) -> None:
    final = run_until(lambda now: now["styled"] > 2 and now["notice"], catalog, "grpc://127.0.0.1:1")
    line = "the server 127.0.0.1:1 cannot be used: nothing listens there; this computer paints meanwhile"
    assert final["painting"]
    assert final["notice"] == line
    assert [record.getMessage() for record in caplog.records].count(line) == 1
    assert final["server"]["sent"] == 0


def test_a_server_that_does_not_let_this_computer_in_ends_the_start(server: FakeServer, catalog: Catalog) -> None:
    server.token = "open-sesame"
    with pytest.raises(EngineUnavailableError) as caught:
        Session(replace(SETTINGS, remote=f"grpc://127.0.0.1:{server.port}"), catalog).open()
    assert str(caught.value) == f"the server 127.0.0.1:{server.port} cannot be used: it wants a valid --remote-token"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "--engine remote needs the server's address: --remote grpc://HOST:PORT"),
        ({"remote": "gpu.local"}, "--remote 'gpu.local' is not grpc://HOST:PORT"),
        ({"remote": "grpc://gpu.local", "device": "cuda"}, "the engine remote has no device 'cuda'"),
    ],
)
def test_settings_of_a_server_that_make_no_sense_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        replace(SETTINGS, **changes).check()
    assert message in str(caught.value)


def test_an_address_alone_sends_nothing() -> None:
    assert Settings(remote="grpc://gpu.local:8001").remote_target is None


def test_stopping_gives_up_a_question_on_its_way(clock: ManualClock) -> None:
    class SilentServer:
        def __init__(self) -> None:
            self.asked, self.closed, self.mistake = threading.Event(), threading.Event(), None
            self.close = self.closed.set

        def look_after(self) -> None:
            if threading.current_thread() is not threading.main_thread():
                self.asked.set()
                self.closed.wait(20)

    server = SilentServer()
    watch = ServerWatch(server, clock)  # type: ignore[arg-type]
    watch.start()
    assert server.asked.wait(20)
    watch.stop()
    assert not watch._thread.is_alive()


def test_a_server_that_comes_back_is_used_once_it_paints_in_time(
    server: FakeServer, bank: Model, clock: ManualClock
) -> None:
    engine = RemoteEngine(RemoteTarget("127.0.0.1", server.port), clock)
    engine.look_after()
    assert engine.link.up
    engine.session(bank, 64, 40).stylize(photo(64, 40), bank.one_hot())
    engine.link.lost("it was late")
    engine.look_after()
    assert engine.link.trouble == "it was late"  # its pause is not over
    clock.advance(PAUSES_S[0])

    def slowly(values: dict[str, Any]) -> Any:
        clock.advance(0.3)
        return 255 - values["picture"]

    server.answer = slowly
    engine.look_after()
    assert engine.link.trouble == f"the server 127.0.0.1:{server.port} takes 300 ms for a picture"
    server.answer = lambda values: 255 - values["picture"]
    clock.advance(PAUSES_S[-1])
    engine.look_after()
    assert engine.link.up
    assert until(lambda: engine.link.distance_s == 0)
    engine.close()
