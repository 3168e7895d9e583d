"""One live run: everything put together from plain settings, started, watched and stopped."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import psutil

from stylecam import __version__
from stylecam.allowance import Allowance
from stylecam.audience import Audience
from stylecam.clock import Clock, SystemClock
from stylecam.control.actions import Order
from stylecam.control.control import Control
from stylecam.control.cycle import AutoCycle
from stylecam.control.desk import Desk
from stylecam.control.hotkeys import GlobalHotkeys
from stylecam.control.keys import Bindings, bind
from stylecam.control.server import Server
from stylecam.control.state import LiveState
from stylecam.control.terminal import TerminalKeys, order_for
from stylecam.engines.base import Engine
from stylecam.engines.opencv import OpenCVEngine
from stylecam.engines.pool import SessionPool
from stylecam.errands import Errands
from stylecam.errors import (
    CameraNotFoundError,
    EngineError,
    HotkeysUnavailableError,
    RefusedError,
    ServerUnavailableError,
    SinkUnavailableError,
    UsageError,
)
from stylecam.files import write_json
from stylecam.news import News, Say
from stylecam.panic import panic_picture
from stylecam.pipeline import Pipeline, waiting_frame
from stylecam.publish import Outlet
from stylecam.serving import make_server, warning, web_sink
from stylecam.settings import Settings
from stylecam.sinks.base import Sink
from stylecam.sinks.pipewire import is_possible as pipewire_is_possible
from stylecam.sinks.recorder import Recorder
from stylecam.sinks.select import make_sinks
from stylecam.sinks.virtual import VirtualCameraSink
from stylecam.sinks.web import WebSink
from stylecam.sinks.window import WindowSink
from stylecam.sources.base import Source
from stylecam.sources.demo import DemoSource
from stylecam.sources.select import make_source
from stylecam.stats import Stats
from stylecam.styles.catalogue import Catalogue
from stylecam.stylist import RIM, Stylist

WINDOW_TICK_S = 1 / 60
TICK_S = 0.25
STATS_S = 1.0


class Live:
    """A live run: `open`, then `run` from the main thread, which has closed everything when it returns."""

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        say: Say,
        clock: Clock | None = None,
        reload: Callable[[], Settings] | None = None,
    ) -> None:
        """`say` is told, in one line each, what the user should know.

        `reload` reads the configuration again; what can be changed while it runs is taken from what it gives.
        """
        self._settings = settings
        self._catalogue = catalogue
        self._tell_user = say
        self._read_settings = reload
        self._clock = clock or SystemClock()
        self._began_at = self._clock.now()
        self.stats = Stats()
        self._allowance = Allowance(settings.cpu / 100, _cores())
        self.bindings: Bindings = {}
        self.server: Server | None = None
        self._news = News(self._say)
        self._hotkeys: GlobalHotkeys | None = None
        self._interrupted = False
        self._stats_trouble = False
        self._final: dict[str, Any] = {}

    def open(self) -> None:
        """Open camera, outputs and network, in that order, the first two with their fallbacks.

        The outputs get a first picture before the network is loaded: a virtual camera shows up in other programs with
        its first frame, and they should find it as soon as can be.

        Raises:
            StylecamError: something asked for cannot be had; nothing stays open and no file is left behind.
        """
        settings = self._settings
        settings.check()
        self.bindings = bind(settings.bindings)
        if settings.engine != OpenCVEngine.name:
            raise UsageError(f"there is no engine {settings.engine!r}; this version has: {OpenCVEngine.name}")
        state = self._first_state()
        sinks = make_sinks(settings.outputs, mirror_preview=not settings.mirror)
        web = web_sink(settings, sinks)
        panic = None if settings.panic_picture is None else panic_picture(settings.panic_picture, settings.size)
        if settings.threads is not None:
            cv2.setNumThreads(settings.threads)
        self._use(OpenCVEngine(settings.device))
        self.control = Control(self._catalogue, state, settings.presets)
        self.source = self._open_source()
        opened: list[Sink] = []
        try:
            self._open_sinks(sinks, opened, web)
            self.sinks = tuple(opened)
            if web is not None:
                self._serve(web, opened)
            card = waiting_frame(settings.size, self._clock.now())
            for sink in opened:
                sink.write(card)
            self._prepare(state)
        except BaseException:
            if self.server is not None:
                self.server.stop()
            for sink in opened:
                sink.discard()
            self.source.close()
            self.pool.close()
            raise
        audience = Audience(
            opened,
            lambda: self.control.state,
            self._clock.now(),
            always_on=settings.always_on,
            idle_after_s=None if settings.idle_after is None else settings.idle_after * 60,
        )
        self.pipeline = Pipeline(
            self.source,
            self.stylist,
            opened,
            self.control,
            self.stats,
            self._clock,
            settings.size,
            settings.fps,
            audience,
            self._allowance,
            panic,
        )
        self.errands = Errands(
            self.control,
            self.pipeline.publisher,
            audience,
            settings.size,
            settings.fps,
            pictures=settings.pictures,
            videos=settings.videos,
            reload=self._reload,
            changed=self._changed,
        )

    @property
    def hotkeys(self) -> Bindings:
        """The global hotkeys that are listened to; empty where there are none."""
        return self.bindings if self._hotkeys is not None else {}

    def run(
        self, started: Callable[[], None] | None = None, tick: Callable[[dict[str, Any]], None] | None = None
    ) -> dict[str, Any]:
        """Run until the user, the time or a fault ends it; the final statistics. Everything is closed afterwards.

        `started` is called once pictures flow and keys are listened to; `tick` gets the statistics about four times a
        second; both on this thread.
        """
        terminal = TerminalKeys(self.press)
        with contextlib.ExitStack() as closing:  # in reverse order, each also when another one fails
            closing.callback(self._finish)
            closing.callback(self.pool.close)
            if self.server is not None:
                closing.callback(self.server.stop)
            closing.callback(self.pipeline.stop)
            closing.callback(self.errands.close)
            closing.callback(self.control.close)
            closing.callback(self.pool.stop_building)
            for sink in self.sinks:
                if isinstance(sink, WindowSink):
                    closing.callback(sink.destroy)
            self.pipeline.start()
            closing.callback(terminal.stop)
            terminal.start()
            self._hotkeys = self._start_hotkeys()
            if self._hotkeys is not None:
                closing.callback(self._hotkeys.stop)
            if started is not None:
                started()
            self._watch(tick)
        return self._final

    def _finish(self) -> None:
        self._final = self.report(self._clock.now())
        self._write_stats(self._final)

    def interrupt(self) -> None:
        """End the run, from a signal handler: so it only sets a flag, and takes no lock that `run` may hold."""
        self._interrupted = True

    def press(self, order: Order) -> None:
        """Submit the order of a key, from any thread; a refusal is said."""
        self.control.submit(order).add_done_callback(self._news.hear)

    def describe(self, state: LiveState) -> dict[str, Any]:
        """`state`, and what is true of the run beside it, ready for JSON."""
        recording = self.errands.recording if hasattr(self, "errands") else None
        return {
            **state.describe(),
            "recording": None if recording is None else str(recording),
            "presets": list(self.control.presets),
            "notice": self._news.notice,
        }

    def report(self, now: float) -> dict[str, Any]:
        """All figures of this run, ready for JSON."""
        settings, state = self._settings, self.control.state
        first, process = self.stats.first_published_at, psutil.Process()
        return {
            **self.pipeline.report(),
            "size": list(settings.size),
            "fps": settings.fps,
            "style": state.label,
            "strength": state.strength,
            "steadiness": state.steadiness,
            "bypass": state.bypass,
            "frozen": state.frozen,
            "version": state.version,
            "engine": self.pool.engine.name,
            "device": self.pool.engine.device,
            "engine_version": self.pool.engine.version,
            "cpu_percent": settings.cpu,
            "threads": cv2.getNumThreads(),
            "source": self.source.describe(),
            "outputs": [{"name": outlet.sink.name, "trouble": outlet.trouble} for outlet in self._wanted()],
            "rss_mb": round(process.memory_info().rss / 2**20, 1),
            "cpu_cores": round(_processor_seconds(process) / max(1e-3, _process_age(now, now)), 2),
            "seconds": round(now - self._began_at, 2),
            "start_s": None if first is None else round(_process_age(now, first), 2),
            "stylecam": __version__,
        }

    def _use(self, engine: Engine) -> None:
        self.pool = SessionPool(engine, RIM)
        self.stylist = Stylist(
            self.pool,
            self._settings.size,
            self._settings.fps,
            self._clock,
            self._engine_fault,
            self._catalogue.models,
            busy_budget_ms=self._allowance.frame_ms(self._settings.fps),
        )

    def _prepare(self, state: LiveState) -> None:
        """Load the first network; a graphics card that was found by itself and fails is replaced by the processor."""
        try:
            self.stylist.prepare(state)
        except EngineError as error:
            if self._settings.device != "auto" or self.pool.engine.device == "cpu":
                raise
            self._say(f"{self.pool.engine.device} does not work ({error}); going on with the processor")
            self.pool.close()
            self._use(OpenCVEngine("cpu"))
            self.stylist.prepare(state)

    def _wanted(self) -> list[Outlet]:
        """The outputs asked for: not the page nobody asked for, and no recording begun meanwhile."""
        return [outlet for outlet in self.pipeline.outlets if outlet.sink in self.sinks]

    def _report_once_open(self) -> dict[str, Any]:
        """For the web page, which may ask before all is open."""
        return self.report(self._clock.now()) if hasattr(self, "pipeline") else {}

    def _first_state(self) -> LiveState:
        settings = self._settings
        if settings.style is not None:
            mix = self._catalogue.parse(settings.style)
        else:
            cards = self._catalogue.cards
            mix = self._catalogue.mix_of(cards[0]) if cards else None
        return LiveState(
            mix,
            strength=settings.strength,
            steadiness=settings.steadiness,
            mirror=settings.mirror,
            scale=settings.scale,
        )

    def _open_source(self) -> Source:
        settings = self._settings
        try:
            source = make_source(settings.camera, self._clock)
        except CameraNotFoundError as error:
            if settings.camera is not None:
                raise
            self._say(f"{error}; showing the built-in demo. Choose one with --camera (stylecam cameras lists them).")
            source = DemoSource(self._clock)
        source.open(settings.size, settings.fps)
        return source

    def _open_sinks(self, sinks: list[Sink], opened: list[Sink], web: WebSink | None) -> None:
        """Open all into `opened`, so that the caller can close those that were when one is refused."""
        settings = self._settings
        for sink in sinks or [self._virtual_or(web)]:
            if isinstance(sink, Recorder) and settings.camera and _same_file(sink.path, settings.camera):
                raise UsageError(f"--output file:{sink.path} is the video being read; choose another name")
            opened.append(sink)
            sink.open(settings.size, settings.fps)

    def _virtual_or(self, web: WebSink | None) -> Sink:
        virtual = VirtualCameraSink()
        try:
            virtual.open(self._settings.size, self._settings.fps)
        except SinkUnavailableError as error:
            if web is None:
                raise
            more = (
                " --output pipewire needs no driver, for programs that ask PipeWire for cameras."
                if pipewire_is_possible()
                else ""
            )
            self._say(f"{error}. Until then the picture is on a web page.{more}")
            return web
        return virtual

    def _serve(self, web: WebSink, opened: list[Sink]) -> None:
        """Start the server. A page that nobody asked for, and whose port nobody chose, may be missing."""
        settings = self._settings
        desk = Desk(
            self.control,
            self._catalogue,
            web.broadcast,
            self.describe,
            self._report_once_open,
            {str(order): str(combo) for combo, order in self.bindings.items()} if settings.hotkeys else {},
        )
        server = make_server(settings, desk, web)
        try:
            server.start()
        except ServerUnavailableError as error:
            if web in opened or server.address.port is not None:
                raise
            self._say(f"there is no page: {error}")
            return
        self.server, web.name = server, f"web {server.url}"
        if (words := warning(server)) is not None:
            self._say(words)
        if web not in opened:
            opened.append(web)
            web.open(settings.size, settings.fps)

    def _changed(self) -> None:
        if self.server is not None:
            self.server.changed()

    def _say(self, message: str) -> None:
        self._tell_user(message)
        if self.server is not None:
            self.server.notice(message)

    def _reload(self) -> None:
        if self._read_settings is None:
            raise RefusedError("there is no configuration to read again")
        self.control.presets = self._read_settings().presets
        self._changed()

    def _start_hotkeys(self) -> GlobalHotkeys | None:
        if not self._settings.hotkeys or not self.bindings:
            return None
        hotkeys = GlobalHotkeys(self.bindings, self.press, self._clock)
        try:
            hotkeys.start()
        except HotkeysUnavailableError as error:
            self._say(str(error))
            return None
        warning = hotkeys.warning()
        if warning:
            self._say(warning)
        return hotkeys

    def _watch(self, tick: Callable[[dict[str, Any]], None] | None) -> None:
        windows = [sink for sink in self.sinks if isinstance(sink, WindowSink)]
        began = self._clock.now()
        ticked = written = float("-inf")
        cycle = AutoCycle()
        while not self._ended(began, windows):
            for window in windows:
                order = order_for(key) if (key := window.show()) else None
                if order is not None:
                    self.press(order)
            self.errands.carry_out()
            now = self._clock.now()
            if (order := cycle.due(self.control.state, now)) is not None:
                self.press(order)
            if now - ticked >= TICK_S:
                ticked = now
                self._tick(now, tick)
            if self._settings.stats is not None and now - written >= STATS_S:
                written = now
                self._write_stats(self.report(now))
            self._clock.wait_until(now + (WINDOW_TICK_S if windows else TICK_S / 2), self.control.attention)

    def _ended(self, began: float, windows: list[WindowSink]) -> bool:
        seconds = self._settings.seconds
        return (
            self._interrupted
            or self.control.quitting.is_set()
            or self.pipeline.stopping.is_set()
            or (seconds is not None and self._clock.now() - began >= seconds)
            or any(window.closed_by_user for window in windows)
            or all(outlet.given_up for outlet in self._wanted())
        )

    def _tick(self, now: float, tick: Callable[[dict[str, Any]], None] | None) -> None:
        """Tell what is new, about four times a second."""
        self.errands.tend()
        if self._news.tell(self._troubles()):
            self._changed()
        listened = self.server is not None and self.server.listened
        if tick is None and not listened:
            return
        report = self.report(now)
        if tick is not None:
            tick(report)
        if self.server is not None:
            self.server.tell(report)

    def _troubles(self) -> dict[str, str]:
        """What does not work at this moment, by whom it concerns."""
        troubles = {outlet.sink.name: outlet.trouble for outlet in self.pipeline.outlets if outlet.trouble}
        if self.pipeline.capture.trouble:
            troubles["the camera"] = self.pipeline.capture.trouble
        if self._hotkeys is not None and not self._hotkeys.alive:
            troubles["hotkeys"] = "global hotkeys have stopped: the display went away"
        return troubles

    def _write_stats(self, report: dict[str, Any]) -> None:
        """Write the statistics file; where it cannot be written any more, say so once and go on."""
        if self._settings.stats is None:
            return
        try:
            write_json(self._settings.stats, report)
            self._stats_trouble = False
        except OSError as error:
            if not self._stats_trouble:
                self._say(f"--stats {self._settings.stats} cannot be written any more: {error.strerror or error}")
            self._stats_trouble = True

    def _engine_fault(self, kind: str, message: str) -> None:
        self.stats.fault(kind, message)
        self._news.once(message)


def _cores() -> int:
    """How many cores this process may run on."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _same_file(path: Path, camera: str) -> bool:
    try:
        return path.samefile(camera)
    except (OSError, ValueError):
        return False


def _processor_seconds(process: psutil.Process) -> float:
    used = process.cpu_times()
    return float(used.user + used.system)


def _process_age(now: float, then: float) -> float:
    """Seconds from the start of this process to `then` (both monotonic)."""
    return float(time.time() - psutil.Process().create_time()) - (now - then)
