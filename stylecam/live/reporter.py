"""What a session says of itself: the state that the page shows, and all figures."""

from __future__ import annotations

from typing import Any

from stylecam.control.command_queue import CommandQueue
from stylecam.control.own_styles import ImprovementRunner
from stylecam.control.state import LiveState
from stylecam.live.notifications import Notifications
from stylecam.live.report import REPORTED, SessionReport
from stylecam.live.settings import Settings
from stylecam.live.startup import OpenParts
from stylecam.live.stats import Stats
from stylecam.models.catalog import Catalog
from stylecam.stylize.look import Content
from stylecam.utils.clock import Clock
from stylecam.utils.resources import allowed_threads, process_age_s, process_usage
from stylecam.utils.version import __version__


class Reporter:
    """Describes one session. Any thread may call the methods.

    Attributes:
        improvements: trains own styles further; None where nothing does.
    """

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        control: CommandQueue,
        stats: Stats,
        notifications: Notifications,
        clock: Clock,
    ) -> None:
        """Describe a session that begins now."""
        self._settings, self._catalog, self._control = settings, catalog, control
        self._stats, self._notifications, self._clock = stats, notifications, clock
        self._began_at = clock.now()
        self.improvements: ImprovementRunner | None = None

    def describe(self, state: LiveState, parts: OpenParts | None) -> dict[str, Any]:
        """Return `state` with the recording, presets, notice and what is published.

        `parts` is what is open; None until everything is.
        """
        recording = None if parts is None else parts.media_saver.recording
        publishing = Content.COVERED if parts is None else parts.pipeline.publisher.chooser.choose(state).content
        return {
            **state.describe(),
            "recording": None if recording is None else str(recording),
            "camera": None if parts is None else parts.pipeline.capture.source.name,
            "presets": list(self._control.presets),
            "favorites": list(self._control.favorites),
            "styles": hash(self._catalog.cards) % 2**32,
            "improving": None if self.improvements is None else self.improvements.progress,
            "room_pictures": [str(path) for path in self._control.room_pictures],
            "publishing": publishing.value,
            "notice": self._notifications.notice,
        }

    def report(self, parts: OpenParts) -> SessionReport:
        """Return all figures of this moment."""
        now, live, first = self._clock.now(), self._control.state, self._stats.first_published_at
        state = self.describe(live, parts)
        return SessionReport(
            pipeline=parts.pipeline.report(),
            size=parts.context.size,
            fps=parts.context.fps,
            state={name: value for name, value in state.items() if name in REPORTED},
            engine=parts.engines.status(None if live.look.mix is None else live.look.mix.model),
            tier_reason=parts.tier_reason,
            cpu_percent=self._settings.cpu,
            threads=allowed_threads(),
            source=parts.pipeline.capture.source.describe(),
            outputs=tuple(runner.status for runner in parts.switches.outputs.runners),
            missing_camera=parts.switches.late_camera.missing,
            usage=process_usage(now),
            notice=self._notifications.notice,
            seconds=round(now - self._began_at, 2),
            start_s=None if first is None else round(process_age_s(now, first), 2),
            stylecam=__version__,
        )
