"""Paint frames on a server: several are on their way at once, in order, and the newest answer counts.

The style thread sends a frame and takes the newest one that has come back, with what it had kept of it. A frame whose
answer comes after that of a later one is dropped. A server that is late or gone is left to its `RemoteLink`; meanwhile
the caller paints here. A single late answer is no outage, because lost packets and the slow start of an idle connection
cause such: the caller paints here until it has come, and then goes on with the server.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, cast

from stylecam.engines.base import Mask, StyleInput
from stylecam.engines.remote_link import DEADLINE_S, RemoteLink
from stylecam.errors import EngineLostError, EngineRunError
from stylecam.media.frame import Image
from stylecam.models.style_mix import StyleMix
from stylecam.stylize.governor import Rung
from stylecam.stylize.look import Look
from stylecam.stylize.session_chooser import SessionChooser
from stylecam.stylize.session_pool import SessionPool, WarmSession
from stylecam.utils.clock import Clock
from stylecam.utils.metrics import SlidingWindow

MAX_FLIGHTS = 3
"""The number of frames that are on their way at once."""
ROOM_SHARE = 0.8
"""A frame is sent only if its answer is expected within this share of `DEADLINE_S`, or no other is on its way.

Otherwise a slow server would be overrun, and all its answers late; so the governor sees how slow it is.
"""
PATIENCE_S = 0.5
"""The longest that a late answer is waited for while this computer paints, in seconds from sending."""
FORGIVEN_EVERY_S = 2.0
"""The server is left at once when an answer is late within this time after another late one, in seconds."""
_LEAST_NETWORK_MS = 0.1
_NETWORK_WEIGHT = 0.2
"""The weight of one frame in the running estimate of what a megapixel takes."""

T = TypeVar("T")


class Call(Protocol):
    """A picture on its way, see `stylecam.engines.remote_call`."""

    sent_at: float
    answered_at: float | None

    @property
    def done(self) -> bool:
        """Whether the answer has come."""
        ...

    def result(self) -> Image:
        """Return the painted picture."""
        ...

    def cancel(self) -> None:
        """Give it up."""
        ...


class PaintingServer(Protocol):
    """What a relay needs of `stylecam.engines.remote.RemoteEngine`."""

    device: str
    link: RemoteLink

    def wait(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until an answer has made `condition` true."""
        ...


class SendingSession(Protocol):
    """A session that does not wait, see `stylecam.engines.remote.RemoteSession`."""

    def send(self, image: Image, style: StyleInput, origin: tuple[int, int] = (0, 0), mask: Mask | None = None) -> Call:
        """Send a picture."""
        ...


@dataclass(frozen=True, slots=True)
class _Flight(Generic[T]):
    context: T
    call: Call
    rung: Rung


@dataclass(frozen=True, slots=True)
class Arrival(Generic[T]):
    """A frame that has come back.

    Attributes:
        context: what was kept of it.
        image: what the server has painted, H×W×3 uint8 BGR.
        network_ms: how long it kept the server and the network busy, without the distance, in milliseconds.
        round_trip_ms: from sending to the answer, in milliseconds.
    """

    context: T
    image: Image
    network_ms: float
    round_trip_ms: float


@dataclass(frozen=True, slots=True)
class RelayFigures:
    """How the server does. Times are those of the last five seconds, in milliseconds, None without a frame.

    Attributes:
        place: host and port.
        up: whether frames go there.
        trouble: why not, or None.
        outages: how often it was left because it was late or gone.
        sent: frames that were sent.
        painted: frames that came back and were shown.
        dropped: frames whose answer was not needed any more, because a later one was there.
        distance_ms: how long a question without a picture takes.
        server_ms: how long a frame keeps the server and the network busy.
    """

    place: str
    up: bool
    trouble: str | None
    outages: int
    sent: int
    painted: int
    dropped: int
    distance_ms: float
    round_trip_p50_ms: float | None
    round_trip_p95_ms: float | None
    server_ms: float | None


class Relay(Generic[T]):
    """The frames that are on their way to one server. Used by the style thread; any thread may ask for `figures`."""

    def __init__(
        self,
        server: PaintingServer,
        pool: SessionPool,
        make_sessions: Callable[[SessionPool], SessionChooser],
        clock: Clock,
    ) -> None:
        """Send frames to `server`, whose sessions `pool` builds.

        `make_sessions` makes what chooses among them; it is called again after each outage, because another server, or
        another network, may then be there.
        """
        self._server, self._link, self._pool = server, server.link, pool
        self._make_sessions, self._clock = make_sessions, clock
        self.sessions = make_sessions(pool)
        self._outages = self._link.outages
        self._flights: deque[_Flight[T]] = deque()
        self._straggler: Call | None = None
        self._answered_at = self._expected_at = self._late_at = float("-inf")
        self._s_per_megapixel: float | None = None
        self._round_trips, self._busy = SlidingWindow(), SlidingWindow()
        self._sent = self._painted = self._dropped = 0

    @property
    def waiting(self) -> bool:
        """Whether frames are on their way."""
        return bool(self._flights)

    def has_room(self, warm: WarmSession) -> bool:
        """Return whether another frame may be sent now to be painted with `warm`."""
        if not self._flights:
            return True
        if self._s_per_megapixel is None or len(self._flights) >= MAX_FLIGHTS:
            return False
        return self._expected_answer(warm.rung) - self._clock.now() <= ROOM_SHARE * DEADLINE_S

    def choose(self, look: Look, now: float) -> tuple[StyleMix, WarmSession] | None:
        """Return the mix of `look` and the session to paint with there; None where the frame must be painted here.

        Frames that are on their way are then given up: their answers would come after that of a later frame.
        """
        assert look.mix is not None
        if self._link.up:
            if self._link.outages != self._outages:
                self.drop()
                self._outages = self._link.outages
                self._pool.renew(look.mix.model)
                self.sessions, self._s_per_megapixel = self._make_sessions(self._pool), None
            self.sessions.prefetch(look, now)
            if self._waits_for_straggler(now):
                return None
            chosen = self.sessions.choose(look, now)
            if chosen is not None and chosen[0] is look.mix:
                return chosen
        self.drop()
        return None

    def send(self, context: T, warm: WarmSession, image: Image, style: StyleInput, mask: Mask | None) -> None:
        """Send `image` to be painted with `warm`, and keep `context` for its return; see `InferenceSession.stylize`.

        Raises:
            EngineLostError: the connection was closed.
            EngineRunError: the mask is none of this picture.
        """
        call = cast(SendingSession, warm.session).send(image, style, mask=mask)
        self._expected_at = self._expected_answer(warm.rung)
        self._flights.append(_Flight(context, call, warm.rung))
        self._sent += 1

    def newest(self, wait_s: float) -> Arrival[T] | None:
        """Return the newest frame that has come back, waiting for one at most `wait_s`; None if none has.

        Raises:
            EngineLostError: the server is late or gone.
            EngineRunError: it could not paint the newest frame that it answered.
        """
        if not self._flights:
            return None
        late_at = self._flights[0].call.sent_at + DEADLINE_S
        until = min(self._clock.now() + wait_s, late_at)
        flights = tuple(self._flights)
        self._server.wait(lambda: any(flight.call.done for flight in flights), max(0.0, until - self._clock.now()))
        answered = [number for number, flight in enumerate(flights) if flight.call.done]
        if not answered:
            now = self._clock.now()
            if now < late_at:
                return None
            if now - self._late_at >= FORGIVEN_EVERY_S:
                self._straggler = self._flights.popleft().call
            self._late_at = now
            raise self._late(DEADLINE_S)
        for flight in flights[: answered[-1]]:
            flight.call.cancel()
            self._answered_at = max(self._answered_at, flight.call.answered_at or self._answered_at)
            self._dropped += 1
        for _ in range(answered[-1] + 1):
            self._flights.popleft()
        return self._arrived(flights[answered[-1]])

    def take_blame(self, error: Exception) -> bool:
        """Give up all frames, and leave the server if `error` is that it is late again or gone.

        Returns:
            Whether it is late or gone.
        """
        self._give_up_flights()
        if not isinstance(error, EngineLostError):
            return False
        if self._straggler is None:
            self._link.lost(str(error))
        return True

    def drop(self) -> None:
        """Give up all frames that are on their way."""
        self._give_up_flights()
        if self._straggler is not None:
            self._straggler.cancel()
            self._straggler = None

    def figures(self) -> RelayFigures:
        """Return how the server does at this moment."""
        now = self._clock.now()
        return RelayFigures(
            place=self._server.device, up=self._link.up, trouble=self._link.trouble, outages=self._link.outages,
            sent=self._sent, painted=self._painted, dropped=self._dropped,
            distance_ms=round(self._link.distance_s * 1000, 2),
            round_trip_p50_ms=_rounded(self._round_trips.percentile(50, now)),
            round_trip_p95_ms=_rounded(self._round_trips.percentile(95, now)),
            server_ms=_rounded(self._busy.percentile(50, now)),
        )  # fmt: skip

    def _give_up_flights(self) -> None:
        for flight in self._flights:
            flight.call.cancel()
        self._flights.clear()

    def _waits_for_straggler(self, now: float) -> bool:
        """Return whether a late answer is still to come; leave the server if it does not, or is that it is gone."""
        call = self._straggler
        if call is None:
            return False
        if not call.done:
            if now - call.sent_at >= PATIENCE_S:
                self._lose(self._late(PATIENCE_S))
            return True
        self._straggler = None
        self._dropped += 1
        try:
            call.result()
        except EngineLostError as error:
            self._lose(error)
            return True
        except EngineRunError:  # the next frame shows whether it can paint
            pass
        return False

    def _lose(self, error: EngineLostError) -> None:
        self.drop()
        self._link.lost(str(error))

    def _late(self, seconds: float) -> EngineLostError:
        return EngineLostError(f"the server {self._server.device} has not answered for {seconds * 1000:.0f} ms")

    def _expected_answer(self, rung: Rung) -> float:
        """Return when the answer to a frame at `rung` is expected that is sent now, in clock seconds."""
        before = self._expected_at if self._flights else float("-inf")
        return max(self._clock.now() + self._link.distance_s, before) + (self._s_per_megapixel or 0.0) * rung.megapixels

    def _arrived(self, flight: _Flight[T]) -> Arrival[T]:
        call = flight.call
        assert call.answered_at is not None
        image = call.result()
        round_trip_ms = (call.answered_at - call.sent_at) * 1000
        # While the server still had a frame before this one, this one only waited.
        begun_at = max(call.sent_at + self._link.distance_s, self._answered_at)
        network_ms = max(_LEAST_NETWORK_MS, (call.answered_at - begun_at) * 1000)
        self._answered_at = call.answered_at
        took_s = network_ms / 1000 / flight.rung.megapixels
        before_s = took_s if self._s_per_megapixel is None else self._s_per_megapixel
        self._s_per_megapixel = before_s + _NETWORK_WEIGHT * (took_s - before_s)
        self._painted += 1
        self._round_trips.add(call.answered_at, round_trip_ms)
        self._busy.add(call.answered_at, network_ms)
        return Arrival(flight.context, image, network_ms, round_trip_ms)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
