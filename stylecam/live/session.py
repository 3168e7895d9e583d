"""A live session: source, stylizer, sinks and controls, opened from plain settings, run and closed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from stylecam.control.command import Command
from stylecam.control.command_queue import CommandQueue
from stylecam.control.http.server import Server
from stylecam.control.keyboard.bindings import bind
from stylecam.control.keyboard.global_hotkeys import Keyboard
from stylecam.control.obs import SceneFollower
from stylecam.control.state import LiveState
from stylecam.engines.base import Engine
from stylecam.engines.remote import RemoteEngine
from stylecam.errors import SessionNotOpenError
from stylecam.live.config.keeper import ConfigFile, ConfigKeeper
from stylecam.live.context import PipelineContext
from stylecam.live.cpu_budget import CpuBudget
from stylecam.live.engine_choice import EngineChooser
from stylecam.live.improving import Improvements
from stylecam.live.kept_cover import KeptCover
from stylecam.live.main_loop import MainLoop, Tick
from stylecam.live.notifications import Notifications, log_refusal
from stylecam.live.own_styles import OwnStyleWatcher
from stylecam.live.page import find_page_sink, open_page, server_context
from stylecam.live.picture_chooser import PictureChooser
from stylecam.live.pipeline import Pipeline
from stylecam.live.recording import MediaSaver
from stylecam.live.reload import Reloader, no_configuration, panic_image
from stylecam.live.report import SessionReport
from stylecam.live.reporter import Reporter
from stylecam.live.server_watch import ServerWatch
from stylecam.live.settings import Settings
from stylecam.live.startup import (
    Devices,
    OpenParts,
    choose_source,
    initial_state,
    make_viewers,
    open_microphone,
    open_sinks,
)
from stylecam.live.stats import Stats, StatsFile
from stylecam.live.stylizers import StylizerMaker
from stylecam.live.switches import Switches
from stylecam.live.tier_choice import settle_tier
from stylecam.media.frame import Frame
from stylecam.media.sinks.base import Sink
from stylecam.media.sinks.factory import make_sinks
from stylecam.media.sinks.mjpeg import MjpegSink
from stylecam.media.sources.base import Source
from stylecam.models.catalog import Catalog
from stylecam.models.model import Model
from stylecam.stylize.frame_stylizer import PADDING, FrameStylizer
from stylecam.stylize.session_pool import SessionPool
from stylecam.utils import malloc
from stylecam.utils.clock import Clock, SystemClock
from stylecam.utils.paths import improving_file, user_styles
from stylecam.utils.resources import allowed_threads, limit_threads, usable_cores


class Session:
    """A running camera, to be used as a context manager and run from the main thread.

    Example:
        with Session(settings, catalog) as session:
            report = session.run()

    What the user should know is logged to the loggers under `stylecam`.

    Attributes:
        stats: the counters.
        control: takes commands from any thread, and keeps the state.
    """

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        clock: Clock | None = None,
        *,
        source: Source | None = None,
        sinks: Sequence[Sink] | None = None,
        reload: Callable[[], Settings] | None = None,
        config_file: ConfigFile | None = None,
        runtime_folder: Path | None = None,
    ) -> None:
        """Check the settings; nothing is opened yet.

        Args:
            settings: what the user wants.
            catalog: the installed styles.
            clock: None for the system's.
            source: replaces the source that the settings name; not open.
            sinks: replace the outputs that the settings name; not open.
            reload: reads the configuration again; None where there is none.
            config_file: where presets and favorites are kept; None where there is none.
            runtime_folder: the private folder where other programs of this user find the run; None for none.

        Raises:
            StylecamError: something in the settings makes no sense.
        """
        settings.check()
        self._settings = settings
        self._catalog = catalog
        self._clock = clock or SystemClock()
        self._own_source, self._own_sinks = source, sinks
        self._read_settings = reload or no_configuration
        self._config_file = config_file
        self._runtime_folder = runtime_folder
        self.stats = Stats()
        self._kept_cover = KeptCover(runtime_folder, settings.outputs)
        self._terminated = False
        state = self._kept_cover.restore(initial_state(settings, catalog))
        self.control = CommandQueue(catalog, state, settings.presets, settings.scenes, settings.favorites)
        self._keyboard = Keyboard(
            bind(settings.bindings), settings.hotkeys, self.press, self._clock, terminal_enabled=settings.terminal_keys
        )
        self._scene_follower = SceneFollower(settings.obs, self.control, self.press)
        self._notifications = Notifications()
        self._stats_file = StatsFile(settings.stats)
        self._main_loop = MainLoop(
            settings, self._clock, self.control, self.stats, self._stats_file, self._keyboard, self._notifications,
            self._kept_cover,
        )  # fmt: skip
        self._cpu_budget = CpuBudget(settings.cpu / 100, usable_cores())
        self._stylizers = StylizerMaker(settings, catalog, self._clock, self._cpu_budget, self._engine_fault)
        self._reporter = Reporter(settings, catalog, self.control, self.stats, self._notifications, self._clock)
        self._closing = contextlib.ExitStack()
        self._devices = Devices(settings.size, settings.fps, self._closing)
        self._own_styles = OwnStyleWatcher(user_styles(), self.control, self._send_state)
        self._used = False
        self._parts: OpenParts | None = None

    def __enter__(self) -> Session:
        self.open()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    @property
    def opened(self) -> bool:
        """True once everything was opened, also after it is closed."""
        return self._parts is not None

    @property
    def server(self) -> Server | None:
        """The server of the page, or None; raises SessionNotOpenError before `open`, as the next two do."""
        return self._require_parts().server

    @property
    def sinks(self) -> tuple[Sink, ...]:
        """The outputs of the moment, without recordings."""
        return self._require_parts().switches.outputs.sinks

    @property
    def pipeline(self) -> Pipeline:
        """The three threads."""
        return self._require_parts().pipeline

    @property
    def keyboard(self) -> Keyboard:
        """The keys that are listened to."""
        return self._keyboard

    def open(self) -> None:
        """Open source, sinks, page and network, in that order, with their fallbacks.

        The sinks get a first card before the network is loaded: a virtual camera appears in other programs with its
        first frame. If opening fails or is interrupted, what was opened is closed in reverse order and no file is
        left behind.

        Raises:
            StylecamError: something asked for cannot be had.
            SessionNotOpenError: it was opened before, with or without success; a session runs once.
        """
        if self._used:
            raise SessionNotOpenError("a session runs once; make a new one")
        self._used = True
        try:
            self._parts = self._open()
            self._parts.send_state()  # a page that was open before everything else learns the camera
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close in reverse order what is open. It may be called twice, and before `open`."""
        self._closing.close()

    def run(
        self,
        started: Callable[[], None] | None = None,
        tick: Tick | None = None,
        stopping: Callable[[], None] | None = None,
    ) -> SessionReport:
        """Run until the user, the time or a fault ends it, and close source and sinks.

        Args:
            started: called once frames flow and keys are listened to.
            tick: called with the figures about four times a second.
            stopping: called before anything stops. All three are called on the thread that runs.

        Returns:
            The final figures.

        Raises:
            SessionNotOpenError: it is not open.
            Exception: what ended one of the pipeline's threads unexpectedly.
        """
        parts = self._require_parts()
        try:
            with contextlib.ExitStack() as ending:  # in reverse order, each also when another one fails
                ending.callback(self._stylizers.save)
                ending.callback(parts.media_saver.close)  # after the camera: a disk may not answer
                ending.callback(parts.pipeline.stop)
                ending.callback(parts.switches.close)
                ending.callback(self.control.close)
                ending.callback(parts.pool.stop_building)
                for window in parts.windows:
                    ending.callback(window.destroy)
                self._devices.pipeline = parts.pipeline
                parts.pipeline.start()
                ending.callback(self._keyboard.stop)
                self._keyboard.start()
                ending.callback(self._scene_follower.stop)
                self._scene_follower.start()
                if stopping is not None:
                    ending.callback(stopping)
                if started is not None:
                    started()
                self._main_loop.run(parts, self.press, self.report, tick)
        finally:
            final = self.report()
            self._stats_file.write(final.to_json(), self._clock.now())
        if not final.failed and not self._terminated:
            self._kept_cover.close(by_user=True)
        return final

    def interrupt(self, *, terminated: bool = False) -> None:
        """End the run. It only sets flags, so a signal handler may call it, and any thread.

        `terminated` if the user may not have wanted it, as when a service is restarted: a cover is then kept.
        """
        self._terminated |= terminated
        self._main_loop.interrupted = True

    def settle_outputs(self, timeout_s: float) -> None:
        """Wait until all outputs are known that this run has by itself, at most `timeout_s`. Main thread only."""
        self._require_parts().switches.outputs.settle(timeout_s)

    def request_reload(self) -> None:
        """Have the configuration read again. Like `interrupt`, it only sets a flag."""
        self._main_loop.reload_requested = True

    def press(self, command: Command | str) -> None:
        """Submit a command as if a key was pressed, from any thread; a refusal is logged.

        Raises:
            UsageError: no command reads like `command`, for example `next` or `select:2`.
        """
        self.control.submit(command).add_done_callback(log_refusal)

    def describe(self, state: LiveState) -> dict[str, Any]:
        """Return `state` with the run's recording, presets, notice and what is published. Any thread may call it."""
        return self._reporter.describe(state, self._parts)

    def report(self) -> SessionReport:
        """Return all figures of this moment. Any thread may call it.

        Raises:
            SessionNotOpenError: it is not open yet.
        """
        return self._reporter.report(self._require_parts())

    def _require_parts(self) -> OpenParts:
        if self._parts is None:
            raise SessionNotOpenError("the session is not open; use `with session:` or call open() first")
        return self._parts

    def _open(self) -> OpenParts:
        settings, devices = self._settings, self._devices
        self._closing.callback(self.control.close)
        self._closing.callback(self._kept_cover.close)
        self._kept_cover.open()
        self._closing.callback(self.control.subscribe(self._kept_cover.keep))
        self._kept_cover.keep(self.control.state)
        malloc.limit_arenas()
        microphone = open_microphone(settings, self._clock, self._closing)
        make = partial(
            make_sinks, mirror_preview=not settings.mirror, stream_kbit=settings.stream_bitrate, microphone=microphone
        )
        requested = self._own_sinks or make(settings.outputs)
        page = find_page_sink(settings, requested)
        panic, language = panic_image(settings, settings.size), settings.chosen_language
        engines = EngineChooser(settings, self._clock)
        if engines.remote is not None:
            self._use_server(engines.remote)
        self._closing.callback(limit_threads, allowed_threads())
        if engines.threads is not None:
            limit_threads(engines.threads)
        source = devices.open_source(
            self._own_source or choose_source(settings, self._clock), off=self.control.state.resting
        )
        missing_camera = open_sinks(requested, page, settings, devices)
        output_sinks = tuple(devices.sinks)
        server = None if page is None else self._open_page(page)
        state = self.control.state
        covers = PictureChooser(
            settings.size, Frame(panic, 0, self._clock.now()), frozen=state.frozen, language=language
        )
        card = covers.choose(state).frame
        for sink in devices.sinks:
            sink.write(card)
        tier = settle_tier(settings, self._catalog, self.control, engines.speed)
        pool, stylizer = engines.load(self.control.state.look, self._catalog.cycled_models, self._stylizer)
        engines.spare_threads()
        viewers = make_viewers(settings, devices.sinks, lambda: self.control.state, self._clock.now())
        context = PipelineContext(
            settings.size, settings.fps, self._clock, self.stats, viewers, self._cpu_budget, microphone, language
        )
        pipeline = Pipeline(source, devices.sinks, stylizer, self.control, context, panic)
        changed = (lambda: None) if server is None else server.send_state
        media_saver = MediaSaver(
            self.control, pipeline.publisher, context, settings.pictures, settings.videos, changed=changed
        )
        self._closing.callback(media_saver.close)
        switches = Switches(
            pipeline, context, pool, self._stylizers, self.control, lambda text: make([text])[0],
            camera=settings.camera, missing_camera=missing_camera, panic=lambda size: reloader.panic_image(size),
            changed=changed,
        )  # fmt: skip
        self._closing.callback(switches.close)
        switches.outputs.start_with(() if self._own_sinks else settings.outputs, output_sinks)
        if not requested:
            switches.outputs.add_unasked()
        reloader = self._reloader(pipeline, switches, context)
        keeper = ConfigKeeper(self._config_file, self.control, reloader.keep, changed)
        return OpenParts(
            context, server, pool, engines, tier.reason, pipeline, media_saver, switches, reloader, keeper,
            self._own_styles,
        )  # fmt: skip

    def _use_server(self, remote: RemoteEngine) -> None:
        watch = ServerWatch(remote, self._clock)
        self._closing.callback(watch.stop)
        self._closing.callback(self._stylizers.use_server(remote).close)
        watch.start()

    def _open_page(self, page: MjpegSink) -> Server | None:
        self._reporter.improvements = improvements = Improvements(user_styles(), improving_file().parent)
        self._closing.callback(improvements.close)
        context = server_context(
            page, self._settings, self._catalog, self.control, self._clock, lambda: self._parts,
            describe=self.describe, report=lambda: self.report().to_json(), hotkeys=self._keyboard.names,
            improvements=improvements,
        )  # fmt: skip
        server = open_page(self._settings, context, page, self._devices, self._closing, self._runtime_folder)
        self._keyboard.link = None if server is None else server.link
        return server

    def _stylizer(self, engine_of: Callable[[Model], Engine]) -> tuple[SessionPool, FrameStylizer]:
        pool = SessionPool(engine_of, PADDING)
        self._closing.callback(pool.close)
        return pool, self._stylizers.make(pool, self._settings.size, self._settings.fps)

    def _reloader(self, pipeline: Pipeline, switches: Switches, context: PipelineContext) -> Reloader:
        return Reloader(
            self._settings, self._read_settings, self._catalog, self.control,
            set_hotkeys=self._keyboard.rebind, set_panic_picture=switches.formats.set_panic_picture,
            allow_camera=switches.camera.allow, outputs=switches.outputs, size=lambda: context.size,
            scenes_changed=self._scene_follower.submit_again, press=self.press,
        )  # fmt: skip

    def _send_state(self) -> None:
        if self._parts is not None:
            self._parts.send_state()

    def _engine_fault(self, kind: str, message: str) -> None:
        self.stats.count_fault(kind, message)
        self._notifications.warn_once(message)
