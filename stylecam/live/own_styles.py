"""Notice that the user's own styles have changed, and let the run follow, whoever changed them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from stylecam.control.command_queue import CommandQueue, PendingCommand
from stylecam.models.own_folder import OwnStyleFolder
from stylecam.utils.message import Message

logger = logging.getLogger(__name__)

POLL_S = 0.75
"""Time between two looks at the folder, which reads only the times of its files."""


class OwnStyleWatcher:
    """Reads the folder of own styles now and then, and on the command `styles_changed`. The main thread uses it."""

    def __init__(self, folder: Path, control: CommandQueue, changed: Callable[[], None]) -> None:
        """Follow the files in `folder`; `changed` is called when the run has other styles."""
        self._folder = OwnStyleFolder(folder)
        self._folder.read()
        self._control, self._changed = control, changed
        self._looked_at = float("-inf")

    def look(self, now: float) -> None:
        """Follow what has changed, at the time `now` (s); more often than every `POLL_S` it does nothing."""
        if now - self._looked_at >= POLL_S:
            self._looked_at = now
            self._follow()

    def request(self, pending: PendingCommand) -> None:
        """Carry out `styles_changed`."""
        pending.carry_out(self._follow, self._control)

    def _follow(self) -> None:
        known = set(self._folder.problems)
        if not self._folder.read():
            return
        for problem in self._folder.problems:
            if problem not in known:
                logger.warning("%s", Message("an own style is left out: {problem}", problem=problem))
        painted = self._control.state.look.label
        self._control.change_styles(self._folder.styles)
        painting = self._control.state.look.label
        if painting != painted:
            logger.info(
                "%s", Message("the style {old} is no longer there; {new} is painted", old=painted, new=painting)
            )
        self._changed()
