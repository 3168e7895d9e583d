"""The next style by itself, every so many seconds."""

from __future__ import annotations

from stylecam.control.actions import Order
from stylecam.control.state import LiveState


class AutoCycle:
    """Says when it is time for the next style: a period after the last change of style, by whatever hand.

    While the plain camera or a still picture is shown, or none, time stands still.
    """

    def __init__(self) -> None:
        self._showing: tuple[str, float | None] | None = None
        self._since = 0.0

    def due(self, state: LiveState, now: float) -> Order | None:
        """The order to give at `now` (s), or None; to be asked a few times a second."""
        showing = (state.look.label, state.cycle_s)
        waiting = state.bypass or state.frozen or state.resting or state.panic
        if state.cycle_s is None or waiting or showing != self._showing:
            self._showing, self._since = showing, now
            return None
        if now - self._since < state.cycle_s:
            return None
        self._since = now
        return Order("next")
