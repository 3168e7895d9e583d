"""Tests of painting on a server: several frames on their way, late and lost answers, and the local engine's turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from stylecam.engines.base import InferenceSession, Mask, StyleInput
from stylecam.engines.remote_link import CALM_S, PAUSES_S, RemoteLink
from stylecam.errors import EngineLostError, EngineRunError
from stylecam.media.frame import Frame, Image, Size
from stylecam.media.testing import gray_image
from stylecam.models.model import Model
from stylecam.models.style_mix import StyleMix
from stylecam.stylize.frame_stylizer import PADDING, FrameStylizer
from stylecam.stylize.look import Content, Look
from stylecam.stylize.relay import FORGIVEN_EVERY_S, MAX_FLIGHTS, PATIENCE_S, Relay
from stylecam.stylize.session_chooser import SessionChooser
from stylecam.stylize.styled_frame import StyledFrame
from stylecam.utils.clock import ManualClock
from tests.doubles import ManualSessionPool, TintEngine, TintSession, model

SIZE, FPS = Size(320, 176), 30.0
BANK = model("bank", 2)
LOOK = Look(StyleMix(BANK, BANK.one_hot(0), "first"))
HERE, THERE = 51, 153
"""The grey levels of what this computer and what the server paints."""


@pytest.fixture(autouse=True)
def warm_up_times_on_the_manual_clock(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure warm-up runs on the manual clock; those on the server, which hold no frame up, by their own time."""
    monkeypatch.setattr(
        "stylecam.stylize.session_pool.time", SimpleNamespace(perf_counter=lambda: clock.now() + ManualServer.warmed_s)
    )


class ManualCall:
    """A picture that is answered `delay_s` after it was sent."""

    def __init__(self, clock: ManualClock, delay_s: float, result: Callable[[], Image]) -> None:
        self._clock, self._result = clock, result
        self.sent_at, self.due_at = clock.now(), clock.now() + delay_s
        self.cancelled = False

    @property
    def done(self) -> bool:
        return self._clock.now() >= self.due_at

    @property
    def answered_at(self) -> float | None:
        return self.due_at if self.done else None

    def result(self) -> Image:
        return self._result()

    def cancel(self) -> None:
        self.cancelled = True


class ManualServer(TintEngine):
    """A server that answers after `delay_s(megapixels)`; waiting moves the clock, except during a warm-up."""

    name, device = "remote", "gpu.local:8001"
    warmed_s = 0.0

    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self.manual = clock
        self.link = RemoteLink(clock)
        self.delay_s: Callable[[float], float] = lambda _: 0.02
        self.alone_s: Callable[[float], float] = lambda _: 0.0
        self.error: Exception | None = None
        self.calls: list[ManualCall] = []
        self.most = 0
        self.levels = {"bank": (0.6, 0.8)}

    def session(self, model: Model, width: int, height: int) -> InferenceSession:
        super().session(model, width, height)
        return ManualSession(self, model, width, height)

    def stall(self, seconds: float) -> None:
        """Let nothing through for `seconds` from now on, and then all."""
        ends_at = self.manual.now() + seconds
        self.delay_s = lambda _: max(0.02, ends_at - self.manual.now())

    def wait(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        until = self.manual.now() + timeout_s
        while not condition() and self.manual.now() < until:
            self.manual.advance(min(0.001, until - self.manual.now()))
        return condition()


class ManualSession(TintSession):
    """A session of a `ManualServer`."""

    def __init__(self, server: ManualServer, model: Model, width: int, height: int) -> None:
        super().__init__(server, model, width, height)
        self._server = server

    def stylize(
        self, image: Image, style: StyleInput, origin: tuple[int, int] = (0, 0), mask: Mask | None = None
    ) -> Image:
        ManualServer.warmed_s += self._server.alone_s(image.shape[0] * image.shape[1] / 1e6)
        return super().stylize(image, style, origin, mask)

    def send(
        self, image: Image, style: StyleInput, origin: tuple[int, int] = (0, 0), mask: Mask | None = None
    ) -> ManualCall:
        server, painted, error = self._server, super().stylize(image, style, origin, mask), self._server.error

        def result() -> Image:
            if error is not None:
                raise error
            return painted

        call = ManualCall(server.manual, server.delay_s(image.shape[0] * image.shape[1] / 1e6), result)
        server.calls.append(call)
        server.most = max(server.most, sum(not each.done and not each.cancelled for each in server.calls))
        return call


class RemoteCamera:
    """A camera whose frames a `FrameStylizer` paints on a server; local painting takes 5 ms."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.faults: list[str] = []
        self.server, self.local = ManualServer(clock), TintEngine(clock)
        self.local_pool, self.remote_pool = (ManualSessionPool(each, PADDING) for each in (self.local, self.server))

        def report(_: str, text: str) -> None:
            self.faults.append(text)

        self.relay: Relay[Any] = Relay(
            self.server, self.remote_pool, lambda pool: SessionChooser(pool, SIZE, FPS, report), clock
        )
        self.stylizer = FrameStylizer(self.local_pool, SIZE, FPS, clock, report, relay=self.relay)
        self.stylizer.prepare(LOOK)
        self.next_at, self.index = clock.now(), -1
        self.shown: list[StyledFrame] = []
        self.server.link.returned()

    def film(self, frames: int, look: Look = LOOK, *, still: bool = False) -> list[StyledFrame]:
        """Film `frames` frames, of which those are lost whose time the stylizer has missed; return what was painted."""
        first = len(self.shown)
        for _ in range(frames):
            self.index += 1
            self.next_at += 1 / FPS
            if self.clock.now() > self.next_at + 1 / FPS:
                continue
            self.clock.advance(max(0.0, self.next_at - self.clock.now()))
            image = gray_image(200, SIZE)
            image[:, : 20 if still else 20 + 15 * (self.index % 8)] = 0
            styled = self.stylizer.stylize(Frame(image, self.index, self.next_at), look)
            self.remote_pool.build_requested()
            self.local_pool.build_requested()
            if styled is not None:
                self.shown.append(styled)
        return self.shown[first:]

    def places(self, shown: list[StyledFrame]) -> list[int]:
        """Return the grey level of each picture."""
        return [int(styled.frame.image[88, 160, 0]) for styled in shown]


@pytest.fixture
def camera(clock: ManualClock) -> RemoteCamera:
    camera = RemoteCamera(clock)
    camera.film(3)  # the server's session is warm
    return camera


def test_the_server_paints(camera: RemoteCamera) -> None:
    shown = camera.film(10)
    assert camera.places(shown) == [THERE] * 10
    assert {styled.content for styled in shown} == {Content.PAINTED}


def test_until_its_session_is_warm_this_computer_paints(clock: ManualClock) -> None:
    camera = RemoteCamera(clock)
    assert camera.places(camera.film(1)) == [HERE]


@pytest.mark.parametrize("delay_s", [0.001, 0.03, 0.05, 0.08])
def test_the_rate_holds_while_several_frames_are_on_their_way(camera: RemoteCamera, delay_s: float) -> None:
    camera.server.delay_s = lambda _: delay_s
    camera.server.link.pinged(delay_s)
    camera.film(30)
    shown = camera.film(60)
    assert len(shown) >= 58
    assert set(camera.places(shown)) == {THERE}
    assert camera.server.most <= MAX_FLIGHTS


def test_a_picture_keeps_the_index_and_the_time_of_its_own_frame(camera: RemoteCamera) -> None:
    camera.server.delay_s = lambda _: 0.05
    shown = camera.film(40)[5:]
    assert all(styled.ready_at - styled.frame.captured_at == pytest.approx(0.05, abs=0.02) for styled in shown)
    indices = [styled.frame.index for styled in shown]
    assert indices == sorted(set(indices))


def test_an_answer_after_that_of_a_later_frame_is_dropped(camera: RemoteCamera) -> None:
    delays = iter([0.01, 0.09, 0.02, *[0.01] * 40])
    camera.server.delay_s = lambda _: next(delays)
    camera.film(12)
    indices = [styled.frame.index for styled in camera.shown]
    assert indices == sorted(set(indices))
    assert camera.relay.figures().dropped == 1
    assert any(call.cancelled for call in camera.server.calls)


def test_after_a_pause_no_picture_from_before_it_is_shown(camera: RemoteCamera) -> None:
    camera.server.delay_s = lambda _: 0.05
    camera.film(20)
    camera.stylizer.pause()
    camera.clock.advance(5.0)
    camera.next_at, last_before = camera.clock.now(), camera.index
    assert min(styled.frame.index for styled in camera.film(5)) > last_before


def test_this_computer_takes_over_within_200_ms_of_a_server_that_is_silent(camera: RemoteCamera) -> None:
    camera.film(20)
    camera.server.delay_s = lambda _: 60.0
    shown = camera.film(30)
    first_here = shown[camera.places(shown).index(HERE)]
    last_there = [styled for styled in camera.shown if styled.frame.image[88, 160, 0] == THERE][-1]
    assert first_here.ready_at - last_there.ready_at <= 0.2
    figures = camera.relay.figures()
    assert not figures.up
    assert figures.trouble == f"the server gpu.local:8001 has not answered for {PATIENCE_S * 1000:.0f} ms"
    assert figures.outages == 1
    assert {styled.content for styled in shown} == {Content.PAINTED}


def test_a_single_late_answer_is_no_outage(camera: RemoteCamera) -> None:
    camera.film(20)
    camera.server.stall(0.3)
    shown = camera.film(30)
    places = camera.places(shown)
    assert 2 <= places.count(HERE) <= 9  # painted here from 120 ms to 300 ms after it was sent
    assert places[-15:] == [THERE] * 15
    assert (camera.relay.figures().up, camera.relay.figures().outages) == (True, 0)
    indices = [styled.frame.index for styled in shown]
    assert indices == sorted(set(indices))


@pytest.mark.parametrize(("calm_s", "outages"), [(FORGIVEN_EVERY_S - 1.5, 1), (FORGIVEN_EVERY_S + 0.5, 0)])
def test_a_server_that_is_late_again_soon_is_left(camera: RemoteCamera, calm_s: float, outages: int) -> None:
    camera.film(20)
    camera.server.stall(0.2)
    camera.film(round(calm_s * FPS))
    camera.server.stall(0.2)
    camera.film(15)
    assert camera.relay.figures().outages == outages
    assert camera.server.link.up == (not outages)


def test_a_connection_that_breaks_after_a_late_answer_is_lost(camera: RemoteCamera) -> None:
    camera.film(20)
    camera.server.delay_s, camera.server.error = lambda _: 0.2, EngineLostError("the connection broke")
    assert camera.places(camera.film(12))[-5:] == [HERE] * 5
    assert camera.relay.figures().trouble == "the connection broke"


def test_this_computer_paints_the_very_frame_at_which_the_server_is_found_gone(camera: RemoteCamera) -> None:
    camera.film(20)
    camera.server.error = EngineLostError("the connection broke")
    shown = camera.film(1)
    assert camera.places(shown) == [HERE]
    assert shown[0].frame.index == camera.index


def test_frames_go_there_again_once_it_is_back(camera: RemoteCamera) -> None:
    camera.film(10)
    camera.server.error = EngineLostError("the connection broke")
    camera.film(10)
    camera.server.error = None
    assert set(camera.places(camera.film(10))) == {HERE}
    camera.server.link.returned()
    camera.film(4)
    assert set(camera.places(camera.film(10))) == {THERE}


def test_an_answer_of_another_form_is_reported_and_painted_here(camera: RemoteCamera) -> None:
    camera.film(10)
    camera.server.error = EngineRunError("the answer has another shape")
    assert set(camera.places(camera.film(10))) == {HERE}
    assert "the answer has another shape" in camera.faults
    assert camera.server.link.up


def test_a_network_that_the_server_lacks_is_painted_here(clock: ManualClock) -> None:
    camera = RemoteCamera(clock)
    camera.server.unloadable.add("bank")
    assert set(camera.places(camera.film(20))) == {HERE}
    assert "bank cannot be loaded" in camera.faults


def test_another_style_is_painted_here_until_the_server_has_it_warm(camera: RemoteCamera) -> None:
    other = model("other", 2)
    camera.server.levels["other"], camera.local.levels["other"] = (0.9, 1.0), (0.1, 0.15)
    camera.film(10)
    shown = camera.film(30, Look(StyleMix(other, other.one_hot(0), "other")))
    places = camera.places(shown)
    assert places[-3:] == [230] * 3  # 0.9 of 255
    assert THERE not in places[-20:]


def test_what_was_on_its_way_is_forgotten_with_the_pictures_before(camera: RemoteCamera) -> None:
    camera.server.delay_s = lambda _: 0.05
    camera.film(10)
    camera.stylizer.forget()
    before = camera.index
    assert all(styled.frame.index > before for styled in camera.film(10))


def test_no_answer_is_shown_after_a_later_frame_that_was_painted_here(camera: RemoteCamera) -> None:
    camera.server.delay_s = lambda _: 0.05
    camera.film(10)
    camera.server.error = EngineRunError("out of memory")
    camera.film(1)
    camera.server.error = None
    camera.film(10)
    assert "out of memory" in camera.faults
    other = model("other", 2)
    camera.server.levels["other"], camera.local.levels["other"] = (0.9, 1.0), (0.1, 0.15)
    camera.film(10, Look(StyleMix(other, other.one_hot(0), "other")))
    indices = [styled.frame.index for styled in camera.shown]
    assert indices == sorted(set(indices))


def test_what_was_sent_before_an_outage_is_no_second_one(camera: RemoteCamera) -> None:
    camera.server.delay_s = lambda _: 60.0
    camera.film(1)
    camera.server.link.lost("the connection broke")
    camera.clock.advance(1.0)
    camera.server.link.returned()
    camera.server.delay_s = lambda _: 0.02
    camera.next_at = camera.clock.now()
    camera.film(10)
    assert camera.relay.figures().outages == 1
    assert camera.places(camera.shown)[-1] == THERE


def test_processor_time_that_passed_while_the_server_painted_counts_for_no_frame(camera: RemoteCamera) -> None:
    camera.film(10)
    camera.clock.advance(0.0, process_time=60.0)
    camera.server.link.lost("the connection broke")
    assert camera.places(camera.film(2)) == [HERE] * 2
    rung = camera.stylizer.result.rung
    assert rung is not None
    assert camera.stylizer._sessions.governor(BANK, LOOK).predict_busy(rung) < 1000


def test_eyes_stay_clear_where_they_were_in_the_frame_that_was_sent(camera: RemoteCamera) -> None:
    def share(_: object, size: Size) -> Image:
        """Keep the column clear whose number is that of the newest frame."""
        clear = np.zeros((size.height, size.width), np.uint8)
        clear[:, 200 + camera.index] = 255
        return clear

    camera.stylizer._faces._tracker = SimpleNamespace(  # type: ignore[assignment]
        share=share, presences=(1.0,), faces=[], update=lambda *_: None
    )
    camera.server.delay_s = lambda _: 0.05
    shown = camera.film(20, replace(LOOK, face=1.0))[8:]
    assert len(shown) > 5
    for styled in shown:
        columns = np.flatnonzero(styled.frame.image[88, 200:, 0] != THERE)
        assert columns.tolist() == [styled.frame.index]


def test_while_nothing_moves_nothing_is_sent(camera: RemoteCamera) -> None:
    camera.film(40, still=True)
    sent = camera.relay.figures().sent
    shown = camera.film(20, still=True)
    assert len(shown) == 20
    assert camera.relay.figures().sent - sent <= 2


def one_after_another(clock: ManualClock, distance_s: float, per_megapixel_s: float) -> Callable[[float], float]:
    """Return the time to an answer of a server that paints one picture at a time."""
    free_at = 0.0

    def delay_s(megapixels: float) -> float:
        nonlocal free_at
        free_at = max(clock.now() + distance_s, free_at) + per_megapixel_s * megapixels
        return free_at - clock.now()

    return delay_s


def test_distance_costs_no_fineness_and_a_slow_network_does(clock: ManualClock) -> None:
    """The rung follows what a megapixel takes, and not how far away the server is."""
    rungs = {}
    for name, distance_s, per_megapixel_s in (("near", 0.0, 0.04), ("far", 0.05, 0.04), ("slow", 0.0, 0.9)):
        camera = RemoteCamera(clock)
        for _ in range(10):
            camera.server.link.pinged(distance_s)
        camera.server.delay_s = one_after_another(clock, distance_s, per_megapixel_s)
        camera.server.alone_s = lambda mp, far=distance_s, each=per_megapixel_s: far + each * mp  # type: ignore[misc]
        camera.film(150)
        assert camera.server.link.outages == 0
        assert camera.stylizer.result.rung is not None
        rungs[name] = camera.stylizer.result.rung.megapixels
    assert rungs["near"] == rungs["far"] > rungs["slow"]


def test_figures_tell_round_trip_and_server_time(camera: RemoteCamera) -> None:
    for _ in range(10):
        camera.server.link.pinged(0.02)
    camera.server.delay_s = lambda _: 0.03
    camera.film(200)
    figures = camera.relay.figures()
    assert figures.distance_ms == 20.0
    assert figures.round_trip_p50_ms == pytest.approx(30, abs=0.5)
    assert figures.server_ms == pytest.approx(10, abs=0.5)
    assert figures.painted >= 195


def test_a_lost_server_is_tried_again_after_growing_pauses(clock: ManualClock) -> None:
    link = RemoteLink(clock)
    due = [link.retry_due]
    for pause in (*PAUSES_S, PAUSES_S[-1]):
        link.lost("gone")
        clock.advance(pause - 0.01)
        due.append(link.retry_due)
        clock.advance(0.02)
        due.append(link.retry_due)
    assert due == [True, *[False, True] * (len(PAUSES_S) + 1)]
    figures = link.outages, link.trouble
    assert figures == (0, "gone")


def test_a_server_that_was_up_for_long_has_a_clean_record(clock: ManualClock) -> None:
    link = RemoteLink(clock)
    for _ in range(4):
        link.lost("gone")
        clock.advance(60)
    link.returned()
    clock.advance(CALM_S)
    link.lost("gone again")
    assert (link.outages, link.trouble) == (1, "gone again")
    clock.advance(PAUSES_S[0])
    assert link.retry_due
    assert np.isclose(link.distance_s, 0)
