"""One live run: everything put together from plain settings, started, watched and stopped."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import cv2

from stylecam.control.actions import Command
from stylecam.control.commands import AutoCycle, CommandQueue
from stylecam.control.http.context import ServerContext
from stylecam.control.http.server import Server
from stylecam.control.http.thumbnails import Thumbnails
from stylecam.control.keyboard.bindings import Bindings, bind, command_for_key
from stylecam.control.keyboard.global_hotkeys import Keyboard
from stylecam.control.obs import Scenes
from stylecam.control.state import LiveState
from stylecam.engines.base import Engine
from stylecam.errors import CommandRefusedError, EngineError, WindowClosedError
from stylecam.live.cpu_budget import CpuBudget
from stylecam.live.engine_choice import Motor
from stylecam.live.notifications import Notifications
from stylecam.live.pipeline import Pipeline, waiting_frame
from stylecam.live.publisher import SinkRunner
from stylecam.live.recording import MediaSaver
from stylecam.live.reload import Reloader
from stylecam.live.settings import Settings
from stylecam.live.startup import find_web_sink, initial_state, open_sinks, open_source, serve
from stylecam.live.stats import Stats, StatsFile
from stylecam.live.viewers import Viewers
from stylecam.media.frame import Frame
from stylecam.media.overlays import panic_cover_from_file
from stylecam.media.sinks.base import Sink
from stylecam.media.sinks.factory import make_sinks
from stylecam.media.sinks.mjpeg import MjpegSink
from stylecam.media.sinks.window import WindowSink
from stylecam.media.sources.base import Source
from stylecam.models.catalog import Catalog
from stylecam.stylize.live import PADDING, FrameStylizer
from stylecam.stylize.session_pool import SessionPool
from stylecam.utils import malloc
from stylecam.utils.clock import Clock, SystemClock
from stylecam.utils.resources import limit_threads, process_age_s, process_usage, usable_cores
from stylecam.utils.text import Say
from stylecam.utils.version import __version__

WINDOW_TICK_S = 1 / 60
TICK_S = 0.25
REPORTED = frozenset({"style", "strength", "steadiness", "bypass", "frozen", "panic", "version"})


class Session:
    """A live run: `open`, then `run` from the main thread, which has closed everything when it returns."""

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        say: Say,
        clock: Clock | None = None,
        *,
        source: Source | None = None,
        sinks: Sequence[Sink] | None = None,
        reload: Callable[[], Settings] | None = None,
    ) -> None:
        """`say` is told, in one line each, what the user should know.

        `source` and `sinks`, none of them open, take the place of those that the settings name: for measuring, and for
        programs that bring their own. `reload` reads the configuration again; what can be changed while it runs is
        taken from what it gives.
        """
        self._settings = settings
        self._catalog = catalog
        self._tell_user = say
        self._own_source, self._own_sinks = source, sinks
        self._read_settings = reload
        self._clock = clock or SystemClock()
        self._began_at = self._clock.now()
        self.stats = Stats()
        self._cpu_budget = CpuBudget(settings.cpu / 100, usable_cores())
        self.server: Server | None = None
        self._notifications = Notifications(self._say)
        self._interrupted = self._reload_asked = False
        self._reloader: Reloader | None = None
        self._stats_file = StatsFile(settings.stats, self._say)
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
        malloc.limit_arenas()
        self._keyboard = Keyboard(bind(settings.bindings), settings.hotkeys, self.press, self._clock, self._say)
        state = initial_state(settings, self._catalog)
        sinks = self._own_sinks or make_sinks(settings.outputs, mirror_preview=not settings.mirror)
        web = find_web_sink(settings, sinks)
        panic = None if settings.panic_picture is None else panic_cover_from_file(settings.panic_picture, settings.size)
        self._engine_chooser = Motor(settings, self._clock, self._say)
        if self._engine_chooser.threads is not None:
            limit_threads(self._engine_chooser.threads)
        asked = self._engine_chooser.requested()
        self.control = CommandQueue(self._catalog, state, settings.presets)
        self._scenes = Scenes(settings.obs, settings.scenes, self.control, self.press, self._notifications.enqueue)
        self.source = open_source(settings, self._clock, self._say, self._own_source)
        opened: list[Sink] = []
        try:
            open_sinks(sinks, opened, web, settings, self._say)
            self.sinks = tuple(opened)
            if web is not None:
                self._serve(web, opened)
            card = waiting_frame(settings.size, self._clock.now())
            for sink in opened:
                sink.write(card)
            if asked is None:
                mix = state.look.mix
                asked = self._engine_chooser.fastest(self._catalog.models if mix is None else [mix.model])
            self._use(asked)
            self._prepare(state)
        except BaseException:
            if self.server is not None:
                self.server.stop()
            for sink in opened:
                sink.discard()
            self.source.close()
            if hasattr(self, "pool"):
                self.pool.close()
            raise
        viewers = Viewers(
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
            viewers,
            self._cpu_budget,
            panic,
        )
        self.media_saver = MediaSaver(
            self.control,
            self.pipeline.publisher,
            viewers,
            settings.size,
            settings.fps,
            pictures=settings.pictures,
            videos=settings.videos,
            reload=self._reload,
            changed=self._changed,
        )
        if self._read_settings is not None:
            self._reloader = Reloader(
                settings,
                self._read_settings,
                self._catalog,
                self.control,
                rebind=self._keyboard.rebind,
                cover_with=self.pipeline.set_panic_picture,
                follow=self._scenes.replace,
                press=self.press,
                say=self._say,
            )

    @property
    def hotkeys(self) -> Bindings:
        """The global hotkeys that are listened to; empty where there are none."""
        return self._keyboard.hotkeys

    def run(
        self,
        started: Callable[[], None] | None = None,
        tick: Callable[[dict[str, Any]], None] | None = None,
        stopping: Callable[[], None] | None = None,
    ) -> dict[str, Any]:
        """Run until the user, the time or a fault ends it; the final statistics. Everything is closed afterwards.

        `started` is called once pictures flow and keys are listened to; `tick` gets the statistics about four times a
        second; `stopping` is called before anything is closed; all on this thread.
        """
        with contextlib.ExitStack() as closing:  # in reverse order, each also when another one fails
            closing.callback(self._finish)
            closing.callback(self.pool.close)
            if self.server is not None:
                closing.callback(self.server.stop)
            closing.callback(self.pipeline.stop)
            closing.callback(self.media_saver.close)
            closing.callback(self.control.close)
            closing.callback(self.pool.stop_building)
            for sink in self.sinks:
                if isinstance(sink, WindowSink):
                    closing.callback(sink.destroy)
            self.pipeline.start()
            closing.callback(self._keyboard.stop)
            self._keyboard.start()
            closing.callback(self._scenes.stop)
            self._scenes.start()
            if stopping is not None:
                closing.callback(stopping)
            if started is not None:
                started()
            self._watch(tick)
        return self._final

    def _finish(self) -> None:
        self._final = self.report(self._clock.now())
        self._stats_file.write(self._final, self._clock.now())

    def interrupt(self) -> None:
        """End the run, from a signal handler: so it only sets a flag, and takes no lock that `run` may hold."""
        self._interrupted = True

    def request_reload(self) -> None:
        """Have the configuration read again, from a signal handler."""
        self._reload_asked = True

    def press(self, order: Command) -> None:
        """Submit the order of a key, from any thread; a refusal is said."""
        self.control.submit(order).add_done_callback(self._notifications.note_refusal)

    def describe(self, state: LiveState) -> dict[str, Any]:
        """`state`, and what is true of the run beside it, ready for JSON."""
        recording = self.media_saver.recording if hasattr(self, "media_saver") else None
        return {
            **state.describe(),
            "recording": None if recording is None else str(recording),
            "presets": list(self.control.presets),
            "notice": self._notifications.notice,
        }

    def report(self, now: float) -> dict[str, Any]:
        """All figures of this run, ready for JSON."""
        settings = self._settings
        first = self.stats.first_published_at
        return {
            **self.pipeline.report(),
            "size": list(settings.size),
            "fps": settings.fps,
            **{name: value for name, value in self.control.state.describe().items() if name in REPORTED},
            "engine": self.pool.engine.name,
            "device": self.pool.engine.device,
            "engine_version": self.pool.engine.version,
            "engine_reason": self._engine_chooser.reason,
            "cpu_percent": settings.cpu,
            "threads": cv2.getNumThreads(),
            "source": self.source.describe(),
            "outputs": [{"name": runner.sink.name, "trouble": runner.trouble} for runner in self._wanted()],
            **process_usage(now),
            "seconds": round(now - self._began_at, 2),
            "start_s": None if first is None else round(process_age_s(now, first), 2),
            "stylecam": __version__,
        }

    def _use(self, engine: Engine) -> None:
        self.pool = SessionPool(engine, PADDING)
        self.stylist = FrameStylizer(
            self.pool,
            self._settings.size,
            self._settings.fps,
            self._clock,
            self._engine_fault,
            self._catalog.models,
            busy_budget_ms=self._cpu_budget.frame_budget_ms(self._settings.fps),
        )

    def _prepare(self, state: LiveState) -> None:
        """Load the first network; an engine or device that nobody asked for and that fails is replaced by OpenCV's."""
        try:
            self.stylist.prepare(state.look)
        except EngineError as error:
            other = self._engine_chooser.fallback_for(self.pool.engine, error)
            self.pool.close()
            self._use(other)
            self.stylist.prepare(state.look)
        self.pool.fallback = self._engine_chooser.spare_for(self.pool.engine)

    def _wanted(self) -> list[SinkRunner]:
        """The outputs asked for: not the page nobody asked for, and no recording begun meanwhile."""
        return [runner for runner in self.pipeline.sink_runners if runner.sink in self.sinks]

    @property
    def window_closed(self) -> bool:
        """True once the user has closed a preview window, which ends the run without an error."""
        return any(isinstance(runner.failure, WindowClosedError) for runner in self._wanted())

    def _report_once_open(self) -> dict[str, Any]:
        """For the web page, which may ask before all is open."""
        return self.report(self._clock.now()) if hasattr(self, "pipeline") else {}

    def _newest(self) -> Frame | None:
        return self.pipeline.newest if hasattr(self, "pipeline") else None

    def _serve(self, web: MjpegSink, opened: list[Sink]) -> None:
        thumbnails = Thumbnails(self._catalog, self._newest, self._clock)
        told = (self.describe, self._report_once_open, self._keyboard.names, thumbnails)
        desk = ServerContext(self.control, self._catalog, web.broadcast, *told)
        self.server = serve(self._settings, desk, web, opened, self._say)

    def _changed(self) -> None:
        if self.server is not None:
            self.server.send_state()

    def _say(self, message: str) -> None:
        self._tell_user(message)
        if self.server is not None:
            self.server.send_notice(message)

    def _reload(self) -> None:
        if self._reloader is None:
            raise CommandRefusedError("there is no configuration to read again")
        self._reloader.reload()
        self._changed()

    def _watch(self, tick: Callable[[dict[str, Any]], None] | None) -> None:
        windows = [sink for sink in self.sinks if isinstance(sink, WindowSink)]
        began = self._clock.now()
        ticked = float("-inf")
        cycle = AutoCycle()
        while not self._ended(began, windows):
            for window in windows:
                order = command_for_key(key) if (key := window.show()) else None
                if order is not None:
                    self.press(order)
            if self._reload_asked:
                self._reload_asked = False
                self.press(Command("reload"))
            self.media_saver.handle_commands()
            now = self._clock.now()
            if (order := cycle.due(self.control.state, now)) is not None:
                self.press(order)
            if now - ticked >= TICK_S:
                ticked = now
                self._tick(now, tick)
            if self._stats_file.due(now):
                self._stats_file.write(self.report(now), now)
            self._clock.wait_until(now + (WINDOW_TICK_S if windows else TICK_S / 2), self.control.attention)

    def _ended(self, began: float, windows: list[WindowSink]) -> bool:
        seconds = self._settings.seconds
        return (
            self._interrupted
            or self.control.quitting.is_set()
            or self.pipeline.stopping.is_set()
            or (seconds is not None and self._clock.now() - began >= seconds)
            or any(window.closed_by_user for window in windows)
            or all(runner.given_up for runner in self._wanted())
        )

    def _tick(self, now: float, tick: Callable[[dict[str, Any]], None] | None) -> None:
        """Tell what is new, about four times a second."""
        self.media_saver.maintain()
        self.pool.return_memory(now)
        trouble = self.pool.engine.trouble
        if trouble is not None and self._notifications.notify_once(trouble):
            self.stats.count_fault("engine", trouble)
        while self.pool.notices:
            self._say(self.pool.notices.popleft())
        if self._notifications.update(self._troubles()):
            self._changed()
        if tick is None and not (self.server is not None and self.server.has_clients):
            return
        report = self.report(now)
        if tick is not None:
            tick(report)
        if self.server is not None:
            self.server.send_stats(report)

    def _troubles(self) -> dict[str, str]:
        """What does not work at this moment, by whom it concerns."""
        troubles = {runner.sink.name: runner.trouble for runner in self.pipeline.sink_runners if runner.trouble}
        if self.pipeline.capture.trouble:
            troubles["the camera"] = self.pipeline.capture.trouble
        if self._keyboard.trouble is not None:
            troubles["hotkeys"] = self._keyboard.trouble
        return troubles

    def _engine_fault(self, kind: str, message: str) -> None:
        self.stats.count_fault(kind, message)
        self._notifications.notify_once(message)
