"""A live session as a whole: its fallbacks, its messages, and that it closes everything."""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import pytest
import pyvirtualcam
from pyvirtualcam import camera as pyvirtualcam_camera

from stylecam.control.command import Command
from stylecam.control.http import server
from stylecam.control.http.server import Server
from stylecam.control.keyboard.global_hotkeys import GlobalHotkeys
from stylecam.engines import opencv
from stylecam.engines.autotune import Autotuner, EngineChoice
from stylecam.engines.base import InferenceSession
from stylecam.errors import (
    CameraNotFoundError,
    EngineRunError,
    HotkeysUnavailableError,
    ServerUnavailableError,
    SinkError,
    SinkLostError,
    SinkUnavailableError,
    StylecamError,
    UsageError,
    WindowClosedError,
)
from stylecam.live import engine_choice as engine_choice_module
from stylecam.live import session as session_module
from stylecam.live import stats as stats_module
from stylecam.live import viewers as viewers_module
from stylecam.live.recording import MediaSaver
from stylecam.live.report import SessionReport
from stylecam.live.session import Session
from stylecam.live.settings import Settings
from stylecam.live.tier_choice import TierChoice
from stylecam.media import v4l2
from stylecam.media.frame import Size
from stylecam.media.sinks.virtual_camera import install_hint
from stylecam.media.sources import factory as source_factory
from stylecam.media.sources.demo import DemoSource
from stylecam.media.testing import CollectingSink
from stylecam.models.catalog import Catalog
from stylecam.models.model import Model
from stylecam.stylize.session_pool import SessionPool
from stylecam.utils.resources import limit_threads, usable_cores
from tests.control import running_server
from tests.doubles import TintEngine, until
from tests.models.networks import bank_of

SIZE = Size(128, 96)


@pytest.fixture(autouse=True)
def _a_bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the cameras and virtual cameras of the machine that runs the tests."""
    monkeypatch.setattr(source_factory, "list_cameras", list)
    monkeypatch.setattr(pyvirtualcam_camera, "BACKENDS", {})
    monkeypatch.setattr(v4l2, "device_paths", list)


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Logged:
    """What was logged so far, oldest first."""
    caplog.set_level(logging.INFO, "stylecam")
    return lambda: list(caplog.messages)


MakeSession = Callable[..., Session]
Logged = Callable[[], list[str]]


@pytest.fixture
def make_session(catalog: Catalog) -> Iterator[MakeSession]:
    """Build sessions, which are closed after the test and must leave no thread behind."""
    sessions: list[Session] = []

    def build(**changes: Any) -> Session:
        defaults = {
            "camera": "demo",
            "style": "none",
            "outputs": ("null",),
            "size": SIZE,
            "hotkeys": False,
            "server": False,
            "tier": "lean",
        }
        sessions.append(Session(Settings(**{**defaults, **changes}), catalog))
        return sessions[-1]

    yield build
    for session in sessions:
        session.close()
    assert until(lambda: not remaining_threads()), f"a run has left threads behind: {remaining_threads()}"


def remaining_threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("stylecam")}


def run_briefly(live: Session, seconds: float = 0.15) -> dict[str, Any]:
    """Run for `seconds`, and return the final figures as JSON."""
    live.open()
    timer = threading.Timer(seconds, live.interrupt)
    timer.start()
    try:
        return live.run().to_json()
    finally:
        timer.cancel()
        timer.join()


def test_without_a_camera_the_demo_is_shown_and_a_warning_logged(make_session: MakeSession, logged: Logged) -> None:
    final = run_briefly(make_session(camera=None))
    assert final["source"]["name"] == "demo"
    assert "no camera found" in logged()[0]
    assert "showing the built-in demo" in logged()[0]


def test_a_camera_asked_for_by_name_is_not_replaced_by_the_demo(make_session: MakeSession) -> None:
    with pytest.raises(CameraNotFoundError):
        make_session(camera="Logitech").open()


def test_without_the_demo_a_missing_camera_is_an_error(make_session: MakeSession) -> None:
    with pytest.raises(CameraNotFoundError):
        make_session(camera=None, demo=False).open()


@pytest.fixture
def free_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "DEFAULT_PORT", 18765)


@pytest.mark.usefixtures("free_port")
def test_without_a_virtual_camera_the_picture_is_on_a_page_and_the_install_command_logged(
    make_session: MakeSession, logged: Logged
) -> None:
    final = run_briefly(make_session(outputs=(), server=True))
    assert final["outputs"][0]["name"].startswith("web http://127.0.0.1:")
    assert install_hint() in logged()[0]
    assert "Until then the picture is on a web page" in logged()[0]


def test_a_virtual_camera_asked_for_is_not_replaced_by_a_page(make_session: MakeSession) -> None:
    with pytest.raises(SinkUnavailableError, match="no virtual camera can be opened"):
        make_session(outputs=("virtual",)).open()


def test_with_a_virtual_camera_it_is_the_output(make_session: MakeSession, logged: Logged) -> None:
    from tests.media.sinks.test_virtual_camera import FakeDevice

    pyvirtualcam.register_backend("test", FakeDevice)
    final = run_briefly(make_session(outputs=()))
    frames = FakeDevice.opened[-1].frames
    FakeDevice.opened.clear()
    assert [entry["name"] for entry in final["outputs"]] == ["virtual camera test camera"]
    assert frames
    assert logged() == []


def test_without_a_display_the_run_goes_on_and_one_warning_is_logged(
    make_session: MakeSession, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise HotkeysUnavailableError("there is no X display")

    monkeypatch.setattr(GlobalHotkeys, "start", refuse)
    live = make_session(hotkeys=True)
    final = run_briefly(live)
    assert logged() == ["global hotkeys are off: there is no X display"]
    assert live.keyboard.hotkeys == {}
    assert final["published"] > 0


def test_the_first_style_is_painted_unless_another_is_asked_for(make_session: MakeSession, catalog: Catalog) -> None:
    assert run_briefly(make_session(style=None), 0.4)["style"] == catalog.cards[0].name


def test_without_any_style_the_plain_camera_is_shown() -> None:
    settings = Settings(camera="demo", outputs=("null",), size=SIZE, hotkeys=False, server=False)
    with Session(settings, Catalog([])) as live:
        live.interrupt()
        assert live.run().state["style"] == "none"


def test_without_a_configuration_a_reload_is_refused(make_session: MakeSession, logged: Logged) -> None:
    live = make_session(seconds=0.6)
    live.open()
    live.press("reload")
    live.run()
    assert "there is no configuration to read again" in logged()


def test_the_final_statistics_are_written_whole(make_session: MakeSession, tmp_path: Path) -> None:
    path = tmp_path / "stats.json"
    final = run_briefly(make_session(stats=path))
    written = json.loads(path.read_text())
    assert written.keys() == final.keys()
    assert written["published"] == final["published"]


def test_the_run_ends_after_the_time_asked_for(make_session: MakeSession) -> None:
    live = make_session(seconds=0.2)
    live.open()
    assert live.run().to_json()["seconds"] >= 0.2


def test_memory_of_what_was_loaded_is_given_back_while_it_runs_and_not_on_the_threads_of_frames(
    make_session: MakeSession, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    trimmed_on: list[str] = []
    monkeypatch.setattr("stylecam.utils.malloc.trim", lambda: trimmed_on.append(threading.current_thread().name))
    live = make_session(style=catalog.cards[0].name)
    live.open()
    live.run(lambda: None, lambda _: live.interrupt() if trimmed_on else None)
    assert set(trimmed_on) == {threading.current_thread().name}


def test_figures_are_reported_while_it_runs(make_session: MakeSession) -> None:
    seen: list[SessionReport] = []
    live = make_session(seconds=0.6)
    live.open()
    live.run(tick=seen.append)
    assert seen
    assert seen[0].size == SIZE


def test_the_refusal_of_an_impossible_command_is_logged(make_session: MakeSession, logged: Logged) -> None:
    live = make_session(seconds=0.6)
    live.open()
    live.press(Command.parse("select:99"))
    live.run()
    assert any("there is no style 99" in line for line in logged())


@pytest.mark.parametrize(
    "change",
    [
        {"outputs": ("null", "file:missing/a.mp4")},
        {"outputs": ("file:a.mp4", "file:missing/a.mp4")},
        {"outputs": ("virtual",)},
        {"camera": "missing.mp4"},
        {"style": "no_such_style"},
        {"engine": "other"},
        {"device": "tpu"},
        {"engine": "opencv", "device": "gpu"},
        {"bindings": {"next": "n"}},
        {"fps": 0.0},
        {"strength": float("nan")},
    ],
    ids=str,
)
def test_a_run_that_cannot_be_opened_leaves_nothing_behind(
    make_session: MakeSession, change: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StylecamError):
        make_session(**change).open()
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> CollectingSink:
    """One output, which fails while `failing` holds an error."""
    failing: list[SinkError] = []
    sink = CollectingSink(failing=lambda during: failing[0] if failing and during == "write" else None)
    sink.errors = failing  # type: ignore[attr-defined]
    monkeypatch.setattr(session_module, "make_sinks", lambda *_, **__: [sink])
    return sink


def test_an_output_that_fails_and_recovers_is_logged_once_each(
    make_session: MakeSession, scripted: CollectingSink, logged: Logged
) -> None:
    live = make_session(fps=60.0)
    live.open()
    runner = threading.Thread(target=live.run)
    runner.start()
    errors: list[SinkError] = scripted.errors  # type: ignore[attr-defined]
    until(lambda: bool(scripted.frames))
    errors.append(SinkLostError("the device has gone"))
    until(lambda: "the device has gone" in logged())
    errors.clear()
    until(lambda: "collected is back" in logged())
    live.interrupt()
    runner.join()
    assert logged() == ["the device has gone", "collected is back"]


def test_the_camera_is_closed_before_files_are_waited_for(
    make_session: MakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    monkeypatch.setattr(DemoSource, "close", lambda _: order.append("camera"))
    close = MediaSaver.close

    def close_files(saver: MediaSaver) -> None:
        order.append("files")
        close(saver)

    monkeypatch.setattr(MediaSaver, "close", close_files)
    live = make_session(seconds=0.3)
    live.open()
    live.run()
    assert order[:2] == ["camera", "files"]


def test_the_run_ends_when_its_only_output_is_given_up_and_logs_why(
    make_session: MakeSession, scripted: CollectingSink, logged: Logged
) -> None:
    scripted.retries = False
    errors: list[SinkError] = scripted.errors  # type: ignore[attr-defined]
    live = make_session()
    live.open()
    errors.append(SinkLostError("the disk is full; nothing is left of it"))
    final = live.run().to_json()
    trouble = "the disk is full; nothing is left of it"
    (output,) = final["outputs"]
    assert (output["name"], output["trouble"], output["dropped"]) == ("collected", trouble, 0)
    assert logged() == [trouble]


@pytest.mark.parametrize(
    ("error", "closed"),
    [(WindowClosedError("the preview window was closed"), True), (SinkLostError("file window.mp4: disk full"), False)],
)
def test_a_closed_window_differs_from_an_output_that_failed(
    error: SinkError, closed: bool, make_session: MakeSession, scripted: CollectingSink
) -> None:
    scripted.retries = False
    errors: list[SinkError] = scripted.errors  # type: ignore[attr-defined]
    live = make_session()
    live.open()
    errors.append(error)
    report = live.run()
    assert report.outputs[0].closed_by_user is closed
    assert report.failed is not closed  # which is the exit status of the command


def test_a_full_disk_under_the_statistics_does_not_end_the_call(
    make_session: MakeSession, logged: Logged, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    live = make_session(stats=tmp_path / "stats.json", seconds=0.3)
    live.open()
    monkeypatch.setattr(stats_module, "write_json", full)
    assert live.run().to_json()["seconds"] >= 0.3
    assert [line for line in logged() if "No space left on device" in line] == logged()[:1]


@pytest.mark.parametrize(
    "wrong",
    [
        {"fps": 0.5}, {"fps": 121.0}, {"fps": float("nan")}, {"strength": 1.01}, {"scale": 0.2}, {"threads": 0},
        {"seconds": 0.0}, {"stats": Path("missing/stats.json")}, {"stats": Path()},
    ],
    ids=str,
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Settings(**wrong).check()


def test_the_defaults_make_sense() -> None:
    Settings().check()


def test_a_graphics_card_found_by_itself_that_fails_gives_way_to_the_processor(
    make_session: MakeSession, logged: Logged, monkeypatch: pytest.MonkeyPatch, catalog: Catalog
) -> None:
    real = opencv.OpenCVEngine.session

    def session(engine: opencv.OpenCVEngine, model: Model, width: int, height: int) -> InferenceSession:
        if engine.device == "cuda":
            raise EngineRunError("no kernel image for this device")
        return real(engine, model, width, height)

    monkeypatch.setattr(opencv, "available_devices", lambda: ("cuda", "cpu"))
    monkeypatch.setattr(opencv.OpenCVEngine, "session", session)
    report = run_briefly(make_session(style=catalog.cards[0].name, engine="opencv"))
    assert report["device"] == "cpu"
    assert any("on cuda does not work (no kernel image" in line for line in logged())


class Broken(TintEngine):
    """Cannot run anything."""

    name = "openvino"

    def session(self, model: Model, width: int, height: int) -> InferenceSession:
        raise EngineRunError("it cannot run")


def test_the_fastest_engine_is_used_and_its_reason_reported(
    make_session: MakeSession, monkeypatch: pytest.MonkeyPatch, catalog: Catalog
) -> None:
    requested: list[tuple[str, str, int | None, bool]] = []

    def choose(_: Autotuner, model: Model, device: str, threads: int | None, *, retune: bool) -> EngineChoice:
        requested.append((model.key, device, threads, retune))
        return EngineChoice(opencv.OpenCVEngine("cpu"), "3.9 ms at 640×360 (OpenCV 12.4)")

    monkeypatch.setattr(Autotuner, "choose", choose)
    report = run_briefly(make_session(style=catalog.cards[0].name, tier="rich", threads=1, retune=True))
    assert requested == [(model.key, "auto", 1, True) for model in catalog.cycled_models], "one of each tier"
    assert report["engine_reason"] == "3.9 ms at 640×360 (OpenCV 12.4)"
    assert report["engine"] == "opencv"


def test_the_tier_is_settled_once_and_reported(make_session: MakeSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "settle_tier", lambda *_: TierChoice("lean", "lean, because it is tried"))
    monkeypatch.setattr(Autotuner, "choose", lambda *_, **__: EngineChoice(opencv.OpenCVEngine("cpu")))
    live = make_session(style="great_wave", tier="auto")
    report = run_briefly(live)
    assert (report["tier"], report["tier_reason"]) == ("lean", "lean, because it is tried")
    assert live.describe(live.control.state)["tier"] == "lean"
    report = run_briefly(make_session(tier="auto"))
    assert report["tier"] is None


@pytest.mark.parametrize(("ms_per_megapixel", "tier"), [(10.0, "rich"), (10_000.0, "lean")])
def test_only_the_network_of_the_tier_is_loaded_and_paints(
    ms_per_megapixel: float, tier: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    banks = {tier: Model.read(bank_of(tmp_path / f"{tier}.onnx", ["wave", "kiss"], tier)) for tier in ("lean", "rich")}
    engine = TintEngine()
    engine.name = "opencv"
    engine.levels = {banks["lean"].key: (0.2, 0.2), banks["rich"].key: (0.8, 0.8)}
    monkeypatch.setattr(Autotuner, "choose", lambda *_, **__: EngineChoice(engine, "the fastest", ms_per_megapixel))
    settings = Settings(camera="demo", size=SIZE, hotkeys=False, server=False, terminal_keys=False)
    live = Session(settings, Catalog(banks.values()), sinks=[CollectingSink()])
    live.open()
    report = live.run(tick=lambda report: live.interrupt() if report.pipeline.painting else None).to_json()
    assert (report["tier"], report["raw_refused"]) == (tier, 0)
    assert report["tier_reason"].startswith(f"{tier}, ")
    assert {key for key, _, _ in engine.loaded} == {key for key, _ in engine.runs} == {banks[tier].key}


def test_outputs_have_a_first_picture_before_engines_are_measured(
    make_session: MakeSession, scripted: CollectingSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames_before: list[int] = []

    def choose(*_: object, **__: object) -> EngineChoice:
        frames_before.append(len(scripted.frames))
        return EngineChoice(opencv.OpenCVEngine("cpu"))

    monkeypatch.setattr(Autotuner, "choose", choose)
    run_briefly(make_session())
    assert set(frames_before) == {1}


def test_an_autotuned_engine_that_fails_is_replaced_by_opencv_with_a_warning(
    make_session: MakeSession, logged: Logged, monkeypatch: pytest.MonkeyPatch, catalog: Catalog
) -> None:
    monkeypatch.setattr(Autotuner, "choose", lambda *_, **__: EngineChoice(Broken(), "the fastest"))
    report = run_briefly(make_session(style=catalog.cards[0].name))
    assert report["engine"] == "opencv"
    assert report["engine_reason"] is None
    assert [line for line in logged() if "it cannot run" in line] == [
        "1 on cpu does not work (it cannot run); going on with OpenCV"
    ]


def test_an_engine_asked_for_by_name_is_not_replaced(
    make_session: MakeSession, monkeypatch: pytest.MonkeyPatch, catalog: Catalog
) -> None:
    monkeypatch.setattr(engine_choice_module, "make_engine", lambda *_: Broken())
    with pytest.raises(EngineRunError, match="it cannot run"):
        make_session(style=catalog.cards[0].name, engine="openvino").open()


def test_a_device_that_failed_while_it_ran_is_logged_once(
    make_session: MakeSession, logged: Logged, monkeypatch: pytest.MonkeyPatch, catalog: Catalog
) -> None:
    engine = opencv.OpenCVEngine("cpu")
    engine.trouble = "it cannot use cuda (launch failure); going on with the processor"
    monkeypatch.setattr(Autotuner, "choose", lambda *_, **__: EngineChoice(engine))
    run_briefly(make_session(style=catalog.cards[0].name), 0.8)
    assert logged().count(engine.trouble) == 1


def test_a_network_that_the_fallback_paints_is_named_and_opencv_gets_its_threads_again(
    make_session: MakeSession, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    restored: list[int] = []
    news = "mosaic cannot be run; OpenCV paints it"
    monkeypatch.setattr(engine_choice_module.EngineChooser, "restore_threads", lambda _: restored.append(1))
    monkeypatch.setattr(SessionPool, "return_memory", lambda pool, _: pool.notices.append(news))
    run_briefly(make_session())
    assert logged().count(news) == len(restored) > 0


def test_more_threads_than_cores_are_not_used_and_a_warning_is_logged(
    make_session: MakeSession, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = make_session(threads=512, engine="opencv")
    cores = usable_cores()
    monkeypatch.setattr(engine_choice_module.EngineChooser, "spare_threads", lambda _: limit_threads(cores, opencv=1))
    before = cv2.getNumThreads()
    try:
        report = run_briefly(live)
    finally:
        cv2.setNumThreads(before)
    assert report["threads"] == min(cores, 512)
    assert (f"--threads 512: stylecam may run on {cores} cores; using {cores} threads" in logged()) == (cores < 512)


@pytest.mark.usefixtures("free_port")
def test_with_nobody_at_the_page_the_camera_rests_and_a_viewer_wakes_it(
    make_session: MakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewers_module, "LINGER_S", 0.05)
    live = make_session(outputs=("web",), server=True)
    live.open()
    running = threading.Thread(target=live.run)
    running.start()

    def waiting() -> object:
        return live.report().to_json()["waiting_for"]

    try:
        assert until(lambda: waiting() == "waiting for a viewer")
        monkeypatch.setattr(live.sinks[0], "_has_viewers", lambda: True)
        assert until(lambda: waiting() is None)
        styled = live.report().to_json()["styled"]
        assert until(lambda: live.report().to_json()["styled"] > styled)
    finally:
        live.interrupt()
        running.join()


def test_always_on_stylizes_while_nobody_watches(make_session: MakeSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewers_module, "LINGER_S", 0.01)
    monkeypatch.setattr(CollectingSink, "_has_viewers", lambda _: False)
    monkeypatch.setattr(session_module, "make_sinks", lambda *_, **__: [CollectingSink()])
    assert run_briefly(make_session(always_on=True))["styled"] > 0


def test_a_time_to_rest_must_make_sense(make_session: MakeSession) -> None:
    with pytest.raises(UsageError, match="--idle-after 0 is out of range"):
        make_session(idle_after=0.0).open()


class Page:
    """A client of the page of a session that runs in another thread."""

    def __init__(self, live: Session) -> None:
        self.live = live

    def request(self, path: str, method: str = "GET", body: Any = None) -> tuple[int, Any]:
        assert self.live.server is not None
        connection = http.client.HTTPConnection("127.0.0.1", self.live.server.port, timeout=20)
        headers = {"Authorization": f"Bearer {self.live.server.token}", "Content-Type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, json.loads(data) if answer.headers.get_content_type() == "application/json" else data

    def run_action(self, name: str, /, **arguments: Any) -> tuple[int, Any]:
        return self.request(f"/api/actions/{name}", "POST", arguments)


@contextlib.contextmanager
def served(live: Session) -> Iterator[Page]:
    """Run `live` in another thread for as long as the block lasts."""
    live.open()
    running = threading.Thread(target=live.run)
    running.start()
    try:
        yield Page(live)
    finally:
        live.interrupt()
        running.join()


@pytest.mark.usefixtures("free_port")
def test_every_run_has_a_page_that_controls_it(make_session: MakeSession) -> None:
    with served(make_session(server=True)) as page:
        status, answer = page.run_action("mirror", on=True)
        state = page.request("/api/state?stats=1")[1]
    assert (status, answer["state"]["mirror"]) == (200, True)
    assert state["mirror"]
    assert (state["recording"], state["presets"], state["notice"]) == (None, [], None)
    assert state["stats"]["outputs"] == [{"name": "null", "trouble": None, "dropped": 0, "kind": "null", "label": None}]


@pytest.mark.usefixtures("free_port")
def test_a_page_that_was_open_before_the_rest_learns_the_camera(
    make_session: MakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = make_session(server=True)
    sent: list[object] = []
    monkeypatch.setattr(Server, "send_state", lambda _: sent.append(live.describe(live.control.state)["camera"]))
    with live:
        assert sent[-1] == live.pipeline.capture.source.name


def test_without_a_server_there_is_none(make_session: MakeSession) -> None:
    live = make_session()
    run_briefly(live)
    assert live.server is None


def test_a_page_and_no_server_cannot_be_together(make_session: MakeSession) -> None:
    with pytest.raises(UsageError, match="--output web and --no-server"):
        make_session(outputs=("web",)).open()


def test_without_a_virtual_camera_and_a_server_there_is_nothing_to_run(make_session: MakeSession) -> None:
    with pytest.raises(SinkUnavailableError, match="no virtual camera can be opened"):
        make_session(outputs=()).open()


def test_a_page_that_nobody_asked_for_may_be_missing(
    make_session: MakeSession, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setattr(server, "DEFAULT_PORT", taken.getsockname()[1])
        monkeypatch.setattr(server, "PORTS_TRIED", 1)
        assert run_briefly(make_session(server=True))["published"] > 0
    assert "there is no page" in logged()[0]


def test_a_port_asked_for_that_is_taken_ends_it_before_it_begins(make_session: MakeSession) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for change in ({"outputs": (f"web:{port}",)}, {"listen": f":{port}"}):
            with pytest.raises(ServerUnavailableError, match=f"port {port} is in use"):
                make_session(server=True, **change).open()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"token": "short"}, "--token must have"),
        ({"listen": "nowhere:x"}, "--listen"),
        ({"listen": ":9000", "outputs": ("web:9001",)}, "name two ports"),
        ({"panic_picture": Path("missing.png")}, "--panic-picture"),
    ],
    ids=str,
)
def test_a_server_that_cannot_be_meant_is_refused(
    make_session: MakeSession, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        make_session(server=True, **change).open()


def test_a_server_that_other_computers_reach_is_warned_of(make_session: MakeSession, logged: Logged) -> None:
    port = running_server.free_port()
    with served(make_session(server=True, listen=f"0.0.0.0:{port}")) as page:
        assert page.live.server is not None
        link = f":{port}/?token={page.live.server.token}"
    assert "can be reached from other computers" in logged()[0]
    assert link in logged()[0]


@pytest.mark.usefixtures("free_port")
def test_a_viewer_of_the_page_switches_the_camera_on(
    make_session: MakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(viewers_module, "LINGER_S", 0.05)
    monkeypatch.setattr(CollectingSink, "_has_viewers", lambda _: False)
    monkeypatch.setattr(session_module, "make_sinks", lambda *_, **__: [CollectingSink()])
    with served(make_session(server=True)) as page:
        assert until(lambda: page.live.report().to_json()["waiting_for"] == "waiting for a viewer")
        status, picture = page.request("/snapshot.jpg")
    assert status == 200
    assert picture[:2] == b"\xff\xd8"


@pytest.mark.usefixtures("free_port")
def test_a_snapshot_and_a_recording_from_the_page(make_session: MakeSession, tmp_path: Path) -> None:
    with served(make_session(server=True, pictures=tmp_path / "p", videos=tmp_path / "v")) as page:
        assert until(lambda: page.live.pipeline.publisher.shown.frame.index >= 0)
        picture = page.run_action("snapshot", name="me")[1]["result"]["file"]
        begun = page.run_action("record", on=True)[1]
        assert begun["state"]["recording"] == begun["result"]["file"]
        assert until(lambda: page.live.report().to_json()["published"] > 20)
        assert page.run_action("record", on=True)[0] == 200  # it is on
        assert page.run_action("record", on=True, name="another")[0] == 409
        ended = page.run_action("record", on=False)[1]
        outputs = page.request("/api/stats")[1]["outputs"]
    assert ended["state"]["recording"] is None
    assert Path(picture).is_file()
    assert Path(ended["result"]["file"]).is_file()
    assert outputs == [{"name": "null", "trouble": None, "dropped": 0, "kind": "null", "label": None}]


@pytest.mark.usefixtures("free_port")
def test_the_page_can_end_the_run(make_session: MakeSession) -> None:
    live = make_session(server=True)
    live.open()
    running = threading.Thread(target=live.run)
    running.start()
    assert Page(live).run_action("quit")[0] == 200
    running.join(20)
    assert not running.is_alive()


@pytest.mark.usefixtures("free_port")
def test_a_lost_camera_is_shown_on_the_page_and_commands_are_still_carried_out(
    make_session: MakeSession, scripted: CollectingSink, logged: Logged
) -> None:
    errors: list[SinkError] = scripted.errors  # type: ignore[attr-defined]
    with served(make_session(server=True)) as page:
        errors.append(SinkLostError("the device has gone"))
        assert until(lambda: page.request("/api/state")[1]["notice"] == "the device has gone")
        assert page.run_action("freeze")[1]["state"]["frozen"]
        errors.clear()
        assert until(lambda: page.request("/api/state")[1]["notice"] is None)
    assert logged() == ["the device has gone", "collected is back"]


@pytest.mark.usefixtures("free_port")
def test_while_the_camera_is_switched_off_commands_are_still_carried_out(make_session: MakeSession) -> None:
    with served(make_session(server=True)) as page:
        page.run_action("rest", on=True)
        assert until(lambda: page.live.report().to_json()["waiting_for"] == "camera switched off by hand")
        assert page.run_action("mirror")[1]["state"]["mirror"]
        assert page.run_action("rest", on=False)[1]["state"]["resting"] is False
        assert until(lambda: page.live.report().to_json()["waiting_for"] is None)


def test_styles_change_by_themselves_while_it_runs(make_session: MakeSession, catalog: Catalog) -> None:
    live = make_session(style=catalog.cards[0].name)
    live.open()
    live.press(Command.parse("cycle:1"))
    timer = threading.Timer(1.6, live.interrupt)
    timer.start()
    assert live.run().to_json()["style"] == catalog.cards[1].name
    timer.join()


def test_the_configuration_is_reloaded_while_it_runs(catalog: Catalog, logged: Logged) -> None:
    settings = Settings(camera="demo", style="none", outputs=("null",), size=SIZE, hotkeys=False, server=False)
    reread = replace(settings, presets={"soft": {"strength": 0.4}})
    live = Session(settings, catalog, reload=lambda: reread)
    live.open()
    live.press(Command.parse("preset:soft"))
    live.press(Command.parse("reload"))

    def press_again() -> None:
        assert until(lambda: "soft" in live.control.presets)
        live.control.submit(Command.parse("preset:soft")).result(20)
        live.press(Command.parse("quit"))

    timer = threading.Timer(0.5, press_again)
    timer.start()
    assert live.run().to_json()["strength"] == 0.4
    timer.join()
    assert any("no preset 'soft'" in line for line in logged())


@pytest.mark.usefixtures("free_port")
def test_what_is_logged_for_the_user_is_a_notice_on_the_page_while_the_session_is_open(
    make_session: MakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    notices: list[str] = []
    monkeypatch.setattr(server.Server, "send_notice", lambda _, text: notices.append(text))
    log = logging.getLogger("stylecam.live.session")
    with make_session(server=True):
        log.info("the camera is back")
        log.debug("only with -v")
    log.warning("nobody sees this")
    assert notices == ["the camera is back"]


def test_the_json_of_a_run_has_the_promised_keys_in_their_order(make_session: MakeSession) -> None:
    final = run_briefly(make_session())
    assert list(final) == [
        "published_fps", "styled_fps", "latency_ms", "gap_ms", "style_ms", "captured", "styled", "published",
        "repeats", "drops", "reused", "spared", "faults", "recent", "painting", "publishing",
        "painting_trouble", "raw_refused", "network_retries", "detail", "stages", "rung", "governor",
        "waiting_for", "beats", "source_trouble", "viewers", "server", "size", "fps", "version", "style", "tier",
        "strength",
        "steadiness", "brush", "paint", "room", "face", "framing", "bypass", "frozen", "resting", "panic", "cycle_s",
        "recording", "engine", "device",
        "engine_version", "engine_reason", "tier_reason", "cpu_percent", "threads", "source", "outputs",
        "missing_camera", "rss_mb", "cpu_cores", "notice", "seconds", "start_s", "stylecam",
    ]  # fmt: skip
    assert list(final["latency_ms"]) == ["p50", "p95", "p99"]
    assert list(final["gap_ms"]) == ["p99", "max"]
    assert list(final["style_ms"]) == ["p50", "p95"]
    assert list(final["faults"]) == ["total", "last"]
    assert list(final["recent"]) == ["published_fps", "styled_fps", "latency_ms"]
