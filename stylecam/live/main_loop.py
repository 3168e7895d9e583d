"""The main loop of a session: what needs the main thread, and what happens a few times a second."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from stylecam.control.command import Command
from stylecam.control.command_queue import AutoCycle, CommandQueue
from stylecam.control.keyboard.bindings import HELP_KEYS, command_for_key
from stylecam.control.keyboard.global_hotkeys import Keyboard
from stylecam.live.kept_cover import KeptCover
from stylecam.live.notifications import Notifications
from stylecam.live.report import SessionReport
from stylecam.live.settings import Settings
from stylecam.live.startup import OpenParts
from stylecam.live.stats import Stats, StatsFile
from stylecam.utils.clock import Clock
from stylecam.utils.message import Message

logger = logging.getLogger(__name__)

WINDOW_TICK_S = 1 / 60
"""Time between two rounds of the main loop while there is a preview window."""
TICK_S = 0.25
"""Time between two reports of the figures. The loop comes round twice as often, for the signal that ends it."""
IDLE_TICK_S = 1.0
"""Time between two reports while nobody watches. The loop then comes round four times as often."""

Tick = Callable[[SessionReport], None]


@dataclass
class MainLoop:
    """Shows preview windows, carries out deferred commands, changes styles by time, logs troubles, reports figures.

    Attributes:
        interrupted: set it to end the loop.
        reload_requested: set it to have the configuration read again. Both are plain flags, so a signal handler may
            set them, and any thread.
    """

    settings: Settings
    clock: Clock
    control: CommandQueue
    stats: Stats
    stats_file: StatsFile
    keyboard: Keyboard
    notifications: Notifications
    kept_cover: KeptCover
    interrupted: bool = False
    reload_requested: bool = False

    def run(
        self,
        parts: OpenParts,
        press: Callable[[Command | str], None],
        report: Callable[[], SessionReport],
        tick: Tick | None,
    ) -> None:
        """Loop until the user, the time or a fault ends the run; `tick` gets a `report` about four times a second.

        While nobody watches, that is once a second.
        """
        began = self.clock.now()
        ticked_at = float("-inf")
        cycle = AutoCycle()
        while not self._ended(parts, began):
            for window in parts.windows:
                if not (key := window.show()):
                    continue
                if (command := command_for_key(key)) is not None:
                    press(command)
                elif key in HELP_KEYS:
                    self.keyboard.show_keys()
            if self.reload_requested:
                self.reload_requested = False
                press("reload")
            handlers = {**parts.switches.handlers, "styles_changed": parts.own_styles.request}
            parts.media_saver.handle_commands(parts.reload, handlers, parts.config_keeper)
            now, watching = self.clock.now(), parts.pipeline.watching
            if (command := cycle.due(self.control.state, now)) is not None:
                press(command)
            if now - ticked_at >= (TICK_S if watching else IDLE_TICK_S):
                ticked_at = now
                parts.own_styles.look(now)
                self._log_troubles(parts, now)
                self._report_figures(parts, report, tick)
            if self.stats_file.is_due(now):
                self.stats_file.write(report().to_json(), now)
            pause_s = WINDOW_TICK_S if parts.windows else TICK_S / 2 if watching else TICK_S
            self.clock.wait_until(now + pause_s, self.control.attention)
        self._log_troubles(parts, self.clock.now())  # the last one may be what ended the run

    def _ended(self, parts: OpenParts, began: float) -> bool:
        seconds = self.settings.seconds
        return (
            self.interrupted
            or self.control.quitting.is_set()
            or (seconds is not None and self.clock.now() - began >= seconds)
            or parts.ended
        )

    def _log_troubles(self, parts: OpenParts, now: float) -> None:
        parts.media_saver.maintain()
        parts.switches.maintain(now)
        parts.pool.return_memory(now)
        for trouble in parts.engines.troubles():
            if self.notifications.warn_once(trouble):
                self.stats.count_fault("engine", trouble)
        while parts.pool.notices:
            logger.warning("%s", parts.pool.notices.popleft())
            parts.engines.restore_threads()
        troubles = parts.pipeline.troubles()
        troubles |= parts.engines.server_troubles()
        troubles[Message("hotkeys")] = self.keyboard.trouble
        troubles[Message("the file that keeps panic, freeze, camera off and a hidden room")] = self.kept_cover.problem
        troubles[Message("the picture")] = self.kept_cover.notice(self.control.state)
        if self.notifications.update(troubles):
            parts.send_state()

    def _report_figures(self, parts: OpenParts, report: Callable[[], SessionReport], tick: Tick | None) -> None:
        if tick is None and not (parts.server is not None and parts.server.has_clients):
            return
        figures = report()
        if tick is not None:
            tick(figures)
        if parts.server is not None:
            parts.server.send_stats(figures.to_json())
