"""One live run: everything put together from plain settings, started, watched and stopped."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import psutil

from stylecam import __version__
from stylecam.allowance import Allowance
from stylecam.audience import Audience
from stylecam.clock import Clock, SystemClock
from stylecam.control.actions import Control
from stylecam.control.hotkeys import GlobalHotkeys
from stylecam.control.keys import Bindings, bind
from stylecam.control.state import LiveState
from stylecam.control.terminal import TerminalKeys, order_for
from stylecam.engines.base import Engine
from stylecam.engines.pool import SessionPool
from stylecam.errors import CameraNotFoundError, EngineError, HotkeysUnavailableError, SinkUnavailableError, UsageError
from stylecam.files import write_json
from stylecam.motor import Motor
from stylecam.pipeline import Pipeline, waiting_frame
from stylecam.processor import usable_cores
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

Say = Callable[[str], None]

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
        *,
        source: Source | None = None,
        sinks: Sequence[Sink] | None = None,
    ) -> None:
        """`say` is told, in one line each, what the user should know.

        `source` and `sinks`, none of them open, take the place of those that the settings name: for measuring, and for
        programs that bring their own.
        """
        self._settings = settings
        self._catalogue = catalogue
        self._say = say
        self._own_source, self._own_sinks = source, sinks
        self._clock = clock or SystemClock()
        self._began_at = self._clock.now()
        self.stats = Stats()
        self._allowance = Allowance(settings.cpu / 100, usable_cores())
        self.bindings: Bindings = {}
        self._told: dict[int, tuple[str, str]] = {}
        self._engine_said: set[str] = set()
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
        state = self._first_state()
        sinks = self._wanted_sinks()
        self._motor = Motor(settings, self._clock, self._say)
        asked = self._motor.asked_for()
        self.control = Control(self._catalogue, state)
        self.source = self._open_source()
        opened: list[Sink] = []
        try:
            self._open_sinks(sinks, opened)
            card = waiting_frame(settings.size, self._clock.now())
            for sink in opened:
                sink.write(card)
            if asked is None:
                asked = self._motor.fastest(self._catalogue.models if state.mix is None else [state.mix.model])
            self._use(asked)
            self._prepare(state)
        except BaseException:
            for sink in opened:
                sink.discard()
            self.source.close()
            if hasattr(self, "pool"):
                self.pool.close()
            raise
        self.sinks = opened
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
            self.sinks,
            self.control,
            self.stats,
            self._clock,
            settings.size,
            settings.fps,
            audience,
            self._allowance,
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
        terminal = TerminalKeys(self.control.submit)
        with contextlib.ExitStack() as closing:  # in reverse order, each also when another one fails
            closing.callback(self._finish)
            closing.callback(self.pool.close)
            closing.callback(self.pipeline.stop)
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
            "engine_reason": self._motor.reason,
            "cpu_percent": settings.cpu,
            "threads": cv2.getNumThreads(),
            "source": self.source.describe(),
            "outputs": [{"name": outlet.sink.name, "trouble": outlet.trouble} for outlet in self.pipeline.outlets],
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
        """Load the first network; an engine or device that nobody asked for and that fails is replaced by OpenCV's."""
        try:
            self.stylist.prepare(state)
        except EngineError as error:
            other = self._motor.instead_of(self.pool.engine, error)
            self.pool.close()
            self._use(other)
            self.stylist.prepare(state)
        self.pool.spare = self._motor.spare_for(self.pool.engine)

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

    def _wanted_sinks(self) -> list[Sink]:
        if self._own_sinks is not None:
            return list(self._own_sinks)
        settings = self._settings
        return make_sinks(settings.outputs, mirror_preview=not settings.mirror, stats=self._report_once_open)

    def _open_source(self) -> Source:
        settings = self._settings
        try:
            source = self._own_source or make_source(settings.camera, self._clock)
        except CameraNotFoundError as error:
            if settings.camera is not None:
                raise
            self._say(f"{error}; showing the built-in demo. Choose one with --camera (stylecam cameras lists them).")
            source = DemoSource(self._clock)
        source.open(settings.size, settings.fps)
        return source

    def _open_sinks(self, sinks: list[Sink], opened: list[Sink]) -> None:
        """Open all into `opened`, so that the caller can close those that were when one is refused."""
        settings = self._settings
        for sink in sinks or [self._virtual_or_web()]:
            if isinstance(sink, Recorder) and settings.camera and _same_file(sink.path, settings.camera):
                raise UsageError(f"--output file:{sink.path} is the video being read; choose another name")
            opened.append(sink)
            sink.open(settings.size, settings.fps)

    def _virtual_or_web(self) -> Sink:
        virtual = VirtualCameraSink()
        try:
            virtual.open(self._settings.size, self._settings.fps)
        except SinkUnavailableError as error:
            more = (
                " --output pipewire needs no driver, for programs that ask PipeWire for cameras."
                if pipewire_is_possible()
                else ""
            )
            self._say(f"{error}. Until then the picture is on a web page.{more}")
            return WebSink(stats=self._report_once_open)
        return virtual

    def _start_hotkeys(self) -> GlobalHotkeys | None:
        if not self._settings.hotkeys or not self.bindings:
            return None
        hotkeys = GlobalHotkeys(self.bindings, self.control.submit, self._clock)
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
        while not self._ended(began, windows):
            for window in windows:
                order = order_for(key) if (key := window.show()) else None
                if order is not None:
                    self.control.submit(order)
            now = self._clock.now()
            if now - ticked >= TICK_S:
                ticked = now
                self._pass_on_news()
                if tick is not None:
                    tick(self.report(now))
            if self._settings.stats is not None and now - written >= STATS_S:
                written = now
                self._write_stats(self.report(now))
            self._clock.wait_until(now + (WINDOW_TICK_S if windows else TICK_S / 2), self.control.quitting)

    def _ended(self, began: float, windows: list[WindowSink]) -> bool:
        seconds = self._settings.seconds
        return (
            self._interrupted
            or self.control.quitting.is_set()
            or self.pipeline.stopping.is_set()
            or (seconds is not None and self._clock.now() - began >= seconds)
            or any(window.closed_by_user for window in windows)
            or all(outlet.given_up for outlet in self.pipeline.outlets)
        )

    def _pass_on_news(self) -> None:
        """Say what changed for the worse or the better since the last look."""
        refused, self.control.refused = self.control.refused, None
        if refused:
            self._say(refused)
        trouble = self.pool.engine.trouble
        if trouble is not None and trouble not in self._engine_said:
            self._engine_fault("engine", trouble)
        while self.pool.notices:
            self._say(self.pool.notices.popleft())
        troubles = {id(o): (o.sink.name, o.trouble) for o in self.pipeline.outlets if o.trouble}
        if self.pipeline.capture.trouble:
            troubles[id(self.source)] = ("the camera", self.pipeline.capture.trouble)
        if self._hotkeys is not None and not self._hotkeys.alive:
            troubles[id(self._hotkeys)] = ("hotkeys", "global hotkeys have stopped: the display went away")
        for key, (_, trouble) in troubles.items():
            if key not in self._told:
                self._say(trouble)
        for key in self._told.keys() - troubles.keys():
            self._say(f"{self._told[key][0]} is back")
        self._told = troubles

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
        if message not in self._engine_said:
            self._engine_said.add(message)
            self._say(message)


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
