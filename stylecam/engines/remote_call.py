"""A picture on its way to a server and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stylecam.errors import EngineLostError, EngineRunError
from stylecam.media.frame import Image


class RemoteCall:
    """A picture on its way to the server and back. Any thread may ask.

    Attributes:
        sent_at: when it was sent, in clock seconds.
        answered_at: when the answer came, in clock seconds; None before.
    """

    def __init__(self, sent_at: float, read: Callable[[Any], Image]) -> None:
        """Take note of a picture sent at `sent_at`; `read` makes a picture of the client's answer, or raises."""
        self.sent_at = sent_at
        self.answered_at: float | None = None
        self._read = read
        self._answer: Any = None
        self._error: EngineLostError | EngineRunError | None = None
        self._cancel: Callable[[], None] = lambda: None

    @property
    def done(self) -> bool:
        """Whether the answer, or an error, has come."""
        return self.answered_at is not None

    def result(self) -> Image:
        """Return the painted picture, H×W×3 uint8 BGR, which belongs to the caller. Only once it is `done`.

        Raises:
            EngineLostError: the server is gone.
            EngineRunError: the server could not paint it, or the answer is no such picture.
        """
        if self._error is not None:
            raise self._error
        return self._read(self._answer)

    def answer(self, now: float, answer: Any, error: EngineLostError | EngineRunError | None) -> None:
        """Take in what came back."""
        self._answer, self._error, self.answered_at = answer, error, now

    def cancels_by(self, cancel: Callable[[], None]) -> None:
        """Take note of how the call is cancelled."""
        self._cancel = cancel

    def cancel(self) -> None:
        """Give the picture up."""
        if not self.done:
            self._cancel()
