"""What the signals of the system do to a running stylecam."""

from __future__ import annotations

import logging
import os
import signal
from typing import TYPE_CHECKING

from stylecam.utils.message import Message

if TYPE_CHECKING:
    from stylecam.live.session import Session

logger = logging.getLogger(__name__)


class SignalHandlers:
    """Ctrl-C and SIGTERM end the run. A terminal that is closed does not: a call must not lose its picture by that.

    SIGHUP comes when a terminal is closed. Where stylecam was started without one, as by a service manager, it means
    that the configuration file is to be read again.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._hung_up = self._hangup_reported = False

    def install(self) -> None:
        """Handle the signals from now on; only the main thread may call this."""
        for name in ("SIGINT", "SIGTERM", "SIGBREAK"):  # the last on Windows
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._interrupt)
        if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # that is nohup's wish
            signal.signal(signal.SIGHUP, self._hang_up if _has_terminal() else self._reload)

    def report(self) -> None:
        """Log once that the terminal was closed. A handler must not do that: the code it interrupts may hold locks."""
        if self._hung_up and not self._hangup_reported:
            self._hangup_reported = True
            logger.warning(
                Message("the terminal was closed, and stylecam goes on without it; `stylecam ctl quit` ends it")
            )

    def _interrupt(self, number: int, _: object) -> None:
        self._session.interrupt(terminated=number == signal.SIGTERM)
        if not self._session.opened:  # while opening: undo and leave
            raise KeyboardInterrupt

    def _hang_up(self, *_: object) -> None:
        self._hung_up = True

    def _reload(self, *_: object) -> None:
        self._session.request_reload()


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
