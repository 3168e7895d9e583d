"""Log the troubles of a run once when they begin and once when they end, and show log messages on the page."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING

from stylecam.control.command_queue import CommandResult
from stylecam.utils.message import Message, message_of

if TYPE_CHECKING:
    from stylecam.control.http.server import Server

logger = logging.getLogger(__name__)


class Notifications:
    """Logs troubles as they come and go.

    Attributes:
        notice: the present trouble, or None.
    """

    def __init__(self) -> None:
        self.notice: str | None = None
        self._troubles: dict[str, str] = {}
        self._logged: set[str] = set()

    def warn_once(self, message: str) -> bool:
        """Log `message` unless it was logged before; return whether it was logged now. Any thread may call it."""
        if message in self._logged:
            return False
        self._logged.add(message)
        logger.warning("%s", message)
        return True

    def update(self, parts: Mapping[str, str | None]) -> bool:
        """Log which troubles have begun and which are over; return whether anything has changed.

        `parts` has the trouble of each part of the run by its name, None where it works. A part that is no longer
        there is not reported as back.
        """
        troubles = {name: trouble for name, trouble in parts.items() if trouble}
        if troubles == self._troubles:
            return False
        for name, trouble in troubles.items():
            if name not in self._troubles:
                logger.warning("%s", trouble)
        for name in self._troubles.keys() - troubles.keys():
            if name in parts:
                logger.info(Message("{name} is back", name=name))
        self._troubles = troubles
        self.notice = next(iter(troubles.values()), None)
        return True


def log_refusal(ended: Future[CommandResult]) -> None:
    """Log why a command was refused, if it was. Any thread may call it."""
    if (error := ended.exception()) is not None:
        logger.warning("%s", str(error) or type(error).__name__)


class _PageHandler(logging.Handler):
    """Shows records as notices on the server's page, without blocking; not those marked `only_on_terminal`."""

    def __init__(self, server: Server) -> None:
        super().__init__(logging.INFO)
        self._server = server

    def emit(self, record: logging.LogRecord) -> None:
        if getattr(record, "only_on_terminal", False):
            return
        self._server.send_notice(message_of(record))


@contextlib.contextmanager
def notices_on_page(server: Server) -> Iterator[None]:
    """Show what stylecam logs from INFO on as notices on the page of `server` while the block lasts."""
    root, handler = logging.getLogger("stylecam"), _PageHandler(server)
    level = root.level
    if level == logging.NOTSET:  # no program has chosen one: INFO records must get as far as the handler
        root.setLevel(logging.INFO)
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
