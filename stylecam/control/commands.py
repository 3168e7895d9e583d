"""The one hand on the switches: orders come in from any thread, and are carried out between two frames."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from stylecam.control.actions import ACTIONS, Choice, Order, Preset
from stylecam.control.state import LiveState
from stylecam.errors import CommandRefusedError, StylecamError

if TYPE_CHECKING:
    from stylecam.models.catalog import Catalog

Listener = Callable[[LiveState], None]


class Ticket:
    """What becomes of an order. It ends once: done, or refused.

    Attributes:
        refusal: why it was not carried out, or None.
        result: what came of it beside the state, such as `{"file": ...}`, or None.
    """

    def __init__(self) -> None:
        self.refusal: StylecamError | None = None
        self.result: dict[str, Any] | None = None
        self._state: LiveState | None = None
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._callbacks: list[Callable[[Ticket], None]] = []

    @property
    def ended(self) -> bool:
        """True once it is done or refused."""
        return self._ended.is_set()

    @property
    def state(self) -> LiveState:
        """The state after it.

        Raises:
            StylecamError: the refusal: `UsageError` or `StyleNotFoundError` for arguments that cannot be meant,
                `CommandRefusedError` for what cannot be done now.
        """
        if self.refusal is not None:
            raise self.refusal
        if self._state is None:
            raise CommandRefusedError("it has not been carried out yet")
        return self._state

    def wait(self, timeout: float | None = None) -> LiveState:
        """Wait until it has ended, at most `timeout` seconds; the state after it.

        Raises:
            StylecamError: as `state`; `CommandRefusedError` also when the time is up.
        """
        self._ended.wait(timeout)
        return self.state

    def add_done_callback(self, callback: Callable[[Ticket], None]) -> None:
        """Have `callback(ticket)` called when it ends, on the thread that ends it; at once if it has ended."""
        with self._lock:
            if not self.ended:
                self._callbacks.append(callback)
                return
        callback(self)

    def finish(self, state: LiveState, result: dict[str, Any] | None = None) -> None:
        """It was carried out. Only the first ending counts."""
        self._end(state, result, None)

    def refuse(self, refusal: StylecamError) -> None:
        """It was not, and will not be."""
        self._end(None, None, refusal)

    def _end(self, state: LiveState | None, result: dict[str, Any] | None, refusal: StylecamError | None) -> None:
        with self._lock:
            if self.ended:
                return
            self._state, self.result, self.refusal = state, result, refusal
            self._ended.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(self)


@dataclass(frozen=True, slots=True)
class Errand:
    """Something to do outside the state; whoever takes it ends its ticket."""

    order: Order
    ticket: Ticket


class Control:
    """Keeps the state, and changes it one order after the other.

    `submit` and `subscribe` may be called from any thread. `apply` is called by the threads that style and publish,
    between their frames, so an order is carried out by whichever comes first, also while the other one is busy.

    Attributes:
        presets: the named looks; may be replaced at any time.
        quitting: set as soon as someone asked to quit.
        attention: set when there is an errand, or someone asked to quit.
        wake: called when there are orders; brings a thread that waits for frames to `apply`.
    """

    def __init__(self, catalog: Catalog, state: LiveState, presets: Mapping[str, Preset] | None = None) -> None:
        self.presets: Mapping[str, Preset] = presets or {}
        self.quitting = threading.Event()
        self.attention = threading.Event()
        self.wake: Callable[[], None] = lambda: None
        self._catalog = catalog
        self._state = state
        self._orders: queue.SimpleQueue[Errand] = queue.SimpleQueue()
        self._errands: queue.SimpleQueue[Errand] = queue.SimpleQueue()
        self._listeners: tuple[Listener, ...] = ()
        self._lock = threading.Lock()
        self._closed = False

    @property
    def state(self) -> LiveState:
        """The state as of the last `apply`."""
        return self._state

    def submit(self, order: Order) -> Ticket:
        """Enqueue `order`; returns at once. Quitting does not wait for the next frame."""
        ticket = Ticket()
        if self._closed:
            ticket.refuse(CommandRefusedError("stylecam is stopping"))
            return ticket
        if order.action == "quit":
            self.quitting.set()
            self.attention.set()
            ticket.finish(self._state)
        self._orders.put(Errand(order, ticket))
        self.wake()
        return ticket

    def apply(self) -> LiveState:
        """Carry out the orders that wait; the state after them. An impossible one changes nothing."""
        if self._orders.empty():
            return self._state
        with self._lock:
            for _ in range(self._orders.qsize()):  # those that come meanwhile wait for the next frame
                self._carry_out(self._orders.get())
            return self._state

    def errands(self) -> Iterator[Errand]:
        """Take the errands that wait, one after the other."""
        self.attention.clear()
        while True:
            try:
                yield self._errands.get_nowait()
            except queue.Empty:
                return

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Have `listener(state)` called after each change, in order, on whatever thread `apply` runs: it only enqueues.

        The function returned ends that.
        """
        with self._lock:
            self._listeners = (*self._listeners, listener)

        def unsubscribe() -> None:
            with self._lock:
                self._listeners = tuple(one for one in self._listeners if one is not listener)

        return unsubscribe

    def close(self) -> None:
        """Refuse what still waits, and all that comes."""
        self._closed = True
        for waiting in (self._orders, self._errands):
            while not waiting.empty():
                waiting.get().ticket.refuse(CommandRefusedError("stylecam is stopping"))

    def _carry_out(self, errand: Errand) -> None:
        order, ticket = errand.order, errand.ticket
        action = ACTIONS[order.action]
        try:
            changed = action.apply(self._state, order.arguments, Choice(self._catalog, self.presets))
        except StylecamError as error:
            ticket.refuse(error)
            return
        self._state = replace(changed, version=self._state.version + 1)
        for listener in self._listeners:
            listener(self._state)
        if action.errand:
            self._errands.put(errand)
            self.attention.set()
        else:
            ticket.finish(self._state)
