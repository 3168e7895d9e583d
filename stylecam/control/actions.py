"""Every action once: its name, what it does, its default keys. All surfaces are adapters that only enqueue."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from stylecam.control.state import LiveState
from stylecam.errors import StylecamError, UsageError
from stylecam.styles.catalogue import Catalogue, Mix

STRENGTH_STEP = 0.1
STEADINESS_STEP = 0.2

Apply = Callable[[LiveState, Catalogue, str], LiveState]


@dataclass(frozen=True, slots=True)
class Action:
    """Something a user can do while stylecam runs.

    Attributes:
        name: for hotkeys, configuration and, later, every other surface.
        help: what it does, for people.
        hotkey: default global hotkey, empty for none.
        key: plain key in the terminal and in the preview window.
        apply: the state after it; pure.
    """

    name: str
    help: str
    hotkey: str
    key: str
    apply: Apply


def _cycle(by: int) -> Apply:
    def apply(state: LiveState, catalogue: Catalogue, _: str) -> LiveState:
        mixes: list[Mix] = [catalogue.mix_of(card) for card in catalogue.cards]
        if not mixes:
            return state
        at = mixes.index(state.mix) if state.mix in mixes else (-1 if by > 0 else 0)
        return replace(state, mix=mixes[(at + by) % len(mixes)], bypass=False)

    return apply


def _select(state: LiveState, catalogue: Catalogue, argument: str) -> LiveState:
    if argument.isdecimal():
        number = int(argument)
        if not 1 <= number <= len(catalogue.cards):
            raise UsageError(f"there is no style {number}, only 1 to {len(catalogue.cards)}")
        return replace(state, mix=catalogue.mix_of(catalogue.cards[number - 1]), bypass=False)
    return replace(state, mix=catalogue.parse(argument), bypass=False)


def _strength(by: float) -> Apply:
    def apply(state: LiveState, _: Catalogue, __: str) -> LiveState:
        return replace(state, strength=_moved(state.strength, by))

    return apply


def _steadiness(by: float) -> Apply:
    def apply(state: LiveState, _: Catalogue, __: str) -> LiveState:
        return replace(state, steadiness=_moved(state.steadiness, by))

    return apply


def _moved(share: float, by: float) -> float:
    return round(min(1.0, max(0.0, share + by)), 3)


def _bypass(state: LiveState, _: Catalogue, __: str) -> LiveState:
    return replace(state, bypass=not state.bypass)


def _freeze(state: LiveState, _: Catalogue, __: str) -> LiveState:
    return replace(state, frozen=not state.frozen)


def _rest(state: LiveState, _: Catalogue, __: str) -> LiveState:
    return replace(state, resting=not state.resting)


def _quit(state: LiveState, _: Catalogue, __: str) -> LiveState:
    return state


ACTIONS: dict[str, Action] = {
    action.name: action
    for action in (
        Action("next", "next style", "ctrl+alt+n", "n", _cycle(+1)),
        Action("previous", "previous style", "ctrl+alt+p", "p", _cycle(-1)),
        Action("select", "style by its number or name", "", "", _select),
        Action("bypass", "plain camera on and off", "ctrl+alt+b", "b", _bypass),
        Action("stronger", "more of the painting", "ctrl+alt+page_up", "+", _strength(+STRENGTH_STEP)),
        Action("weaker", "more of the camera", "ctrl+alt+page_down", "-", _strength(-STRENGTH_STEP)),
        Action("steadier", "calmer picture", "", "]", _steadiness(+STEADINESS_STEP)),
        Action("livelier", "picture follows faster", "", "[", _steadiness(-STEADINESS_STEP)),
        Action("freeze", "hold the picture", "ctrl+alt+f", "f", _freeze),
        Action("rest", "camera off and on", "ctrl+alt+o", "o", _rest),
        Action("quit", "stop stylecam", "ctrl+alt+q", "q", _quit),
    )
}


@dataclass(frozen=True, slots=True)
class Order:
    """An action to carry out, with its argument: what a key or a button stands for."""

    action: str
    argument: str = ""

    @classmethod
    def parse(cls, text: str) -> Order:
        """Read `next` or `select:3`.

        Raises:
            UsageError: no action has this name, or `select` lacks its argument.
        """
        name, _, argument = text.strip().partition(":")
        if name not in ACTIONS:
            raise UsageError(f"there is no action {name!r}; there are {', '.join(ACTIONS)}")
        if (name == "select") != bool(argument):
            raise UsageError(f"{text.strip()!r}: write select:NUMBER or select:NAME, and the others without argument")
        return cls(name, argument)

    def __str__(self) -> str:
        return f"{self.action}:{self.argument}" if self.argument else self.action


class Control:
    """The one hand on the switches: orders come in from any thread, the style thread applies them between frames."""

    def __init__(self, catalogue: Catalogue, state: LiveState) -> None:
        self._catalogue = catalogue
        self._orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
        self._state = state
        self.quitting = threading.Event()
        self.refused: str | None = None

    @property
    def state(self) -> LiveState:
        """The state as of the last `apply`."""
        return self._state

    def submit(self, order: Order) -> None:
        """Enqueue `order`; returns at once, from any thread. Quitting does not wait for the next frame."""
        if order.action == "quit":
            self.quitting.set()
        self._orders.put(order)

    def apply(self) -> LiveState:
        """Carry out all orders waiting; called by the style thread only. An impossible one is noted in `refused`."""
        while True:
            try:
                order = self._orders.get_nowait()
            except queue.Empty:
                return self._state
            try:
                changed = ACTIONS[order.action].apply(self._state, self._catalogue, order.argument)
            except StylecamError as error:
                self.refused = str(error)
            else:
                self._state = replace(changed, version=self._state.version + 1)
