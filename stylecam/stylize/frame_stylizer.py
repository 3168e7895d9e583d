"""Stylize the frames of a camera: a frame of any size in, a styled frame of the output's size out.

The life of a frame in `FrameStylizer.stylize`:

1. It is cropped to the output's shape or to its people, and mirrored on request (`FaceFollower`, `FrameView`).
2. Now and then the sessions that may be needed soon are requested from the pool, which builds them on its own thread.
3. The style, and the warm session for the rung that the governor chooses, are picked (`SessionChooser`).
4. If the picture at the rung's size has not changed and nothing else has, the last styled picture is shown again.
5. The network stylizes the picture at the rung's size, padded by reflection.
   Where there is a server that paints, the picture is sent there, and the newest answer to a frame before is finished
   instead; if the server is late or gone, the network runs here (`Relay`).
6. The result is steadied, enlarged with detail, coloured and blended (`Postprocessor`).
7. Where the look treats person and room differently, the two are put together (`PersonCompositor`).
8. The times of all this go to the governor, which chooses the rung of the next frame.

Where this fails, there is no picture. What the camera sees is returned only where the look asks for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from stylecam.engines.base import InferenceSession, Mask, StyleInput
from stylecam.errors import EngineError, EngineRunError
from stylecam.media.frame import Box, Frame, Image, Size
from stylecam.media.transforms import pad_by_reflection
from stylecam.models.model import Model
from stylecam.models.style_mix import StyleMix
from stylecam.stylize.face import FaceTracker
from stylecam.stylize.face_follower import FaceFollower
from stylecam.stylize.governor import HEADROOM, Governor, Rung
from stylecam.stylize.look import Exposure, Look, Visibility
from stylecam.stylize.mask import PersonMask, PersonMasker
from stylecam.stylize.person import PersonCompositor
from stylecam.stylize.postprocess.chain import FrameView, Postprocessor
from stylecam.stylize.postprocess.change_detection import ChangeDetector
from stylecam.stylize.postprocess.face_share import Share
from stylecam.stylize.postprocess.transition import Transition, TransitionStep
from stylecam.stylize.relay import Relay, RelayFigures
from stylecam.stylize.room import Paint
from stylecam.stylize.rung_memory import RungMemory
from stylecam.stylize.session_chooser import FaultReport, SessionChooser
from stylecam.stylize.session_pool import SessionPool, WarmSession
from stylecam.stylize.styled_frame import StyledFrame, StylizeResult
from stylecam.utils.clock import Clock
from stylecam.utils.metrics import StageTimes
from stylecam.utils.optional import error_summary

PADDING = 8
"""Pixels of reflected picture around a network's input, cropped away because networks leave a frame at their border."""
UNPAINTED_SCALE = 0.3
"""The size, as a share of the output's, at which the person is found where nothing is painted."""
PAINTING_ERRORS = (EngineRunError, cv2.error, MemoryError, ValueError, ArithmeticError)
"""What a network, or the work on its result, raises where it fails; any other exception is a mistake of ours."""


@dataclass(frozen=True, slots=True)
class _Picture:
    """A finished picture of the output's size.

    Attributes:
        image: what is published, H×W×3 uint8 BGR.
        exposure: what it shows of person and room.
        painting: the painting in it, of person and room alike.
    """

    image: Image
    exposure: Exposure
    painting: Image


@dataclass(frozen=True, slots=True)
class _FrameInputs:
    """All that a styled picture depends on besides what the camera sees."""

    look: Look
    step: TransitionStep
    style: bytes
    network: str
    rung: Rung
    detail: bool
    faces: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Job:
    """A frame that is being painted, with all that finishing its picture takes.

    Attributes:
        found: where the person is; None where that does not matter or is not known.
        clear: where eyes and mouths stay clear, see `FaceFollower.share`.
        preparing_ms: the time that was spent on it before the network, in milliseconds.
    """

    sessions: SessionChooser
    governor: Governor
    mix: StyleMix
    warm: WarmSession
    view: FrameView
    frame: Frame
    inputs: _FrameInputs
    style: StyleInput
    found: PersonMask | None = None
    clear: Share | None = None
    preparing_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class _Relayed:
    """A picture painted by the server, and the camera frame that it shows."""

    frame: Frame
    picture: _Picture


class FrameStylizer:
    """Stylizes frames with a `Look`, as finely as the governor allows.

    Used by one thread. It never waits for a session: until one is warm it goes on with the one it has. While nothing
    moves and nothing is changed, the last styled picture stays.

    Attributes:
        result: how the last frame was made.
        region: the part of the camera picture that the last frame shows; None before the first.
        stages: the time that each stage of a frame takes.
    """

    def __init__(
        self,
        pool: SessionPool,
        size: Size,
        fps: float,
        clock: Clock,
        report: FaultReport,
        models: Sequence[Model] = (),
        *,
        busy_budget_ms: float = math.inf,
        memory: RungMemory | None = None,
        stages: StageTimes | None = None,
        masker: PersonMasker | None = None,
        tracker: FaceTracker | None = None,
        relay: Relay[Any] | None = None,
    ) -> None:
        """Prepare to stylize; no session is built yet.

        Args:
            pool: builds and keeps the sessions.
            size: the output's.
            fps: the rate to hold.
            clock: tells the time and the processor time of the process.
            report: called with each failure to load or run a network.
            models: the networks that the user may switch to; `PREFETCHED_NETWORKS` of them are kept warm.
            busy_budget_ms: the processor time, of all cores together, that a frame may take, in milliseconds.
            memory: knows which rungs have held before; None for no memory.
            stages: takes the times of the stages; None for new ones.
            masker: finds the person for looks that treat person and room differently. Without it such a look hides or
                paints everything.
            tracker: finds faces for looks that frame them or keep them clear. Without it none are found.
            relay: paints on a server while that is up, or None.
        """
        self._pool = pool
        self._size = size
        self._clock = clock
        self._report = report
        self._sessions = SessionChooser(pool, size, fps, report, models, busy_budget_ms, memory)
        self.stages = stages or StageTimes(clock)
        self._transition = Transition(1 / fps)
        self._change_detector = ChangeDetector()
        self._postprocessor = Postprocessor(size, self.stages)
        self._person = PersonCompositor(size, fps, masker, clock, self.stages, report)
        self._faces = FaceFollower(size, tracker, clock, self.stages, report)
        self._last: _Picture | None = None
        self._last_inputs: _FrameInputs | None = None
        self._sent_inputs: _FrameInputs | None = None
        self._busy_at: float | None = None
        self._relay: Relay[_Job] | None = relay
        self._relay_wait_s = HEADROOM / fps
        self.result = StylizeResult(False)
        self.region: Box | None = None

    @property
    def retries(self) -> int:
        """How often a network that had failed was tried again."""
        return self._sessions.retries

    @property
    def server(self) -> RelayFigures | None:
        """How the server does that paints; None without one. Any thread may ask."""
        return None if self._relay is None else self._relay.figures()

    def prepare(self, look: Look) -> None:
        """Warm the first session in the calling thread, so that the first frame is styled.

        Raises:
            EngineError: the first style's network cannot be run.
        """
        self._person.prepare(look)
        self._sessions.prepare(_network_look(look), self._clock.now())

    def stylize(self, frame: Frame, look: Look) -> StyledFrame | None:
        """Stylize `frame` (any size) with `look`.

        Returns:
            A frame of the output's size with the same index and time. What the camera sees is in it only where the look
            asks for it. None where the look asks for a painting and there is none; `report` was called if a network
            failed.
        """
        started = self._clock.now()
        look = _network_look(look)
        view = self._faces.view(frame, look)
        self.region = view.region
        self._sessions.prefetch(look, started)
        if not look.paints:
            return self._unpainted(view, frame, look)
        assert look.mix is not None
        if self._relay is not None:
            waiting, relayed = self._stylize_there(self._relay, view, frame, look, started)
            if relayed is not None:
                self._last = relayed.picture
                return self._tagged(relayed.picture.image, relayed.frame, relayed.picture.exposure)
            if waiting:
                return None
        chosen = self._sessions.choose(look, started)
        finished = None if chosen is None else self._stylize(*chosen, view, frame, look, started)
        trouble = self._sessions.trouble(look.mix, painted=finished is not None)
        if finished is None:
            self.result = StylizeResult(False, trouble=trouble)
            return None
        self.result = replace(self.result, trouble=trouble)
        self._last = finished
        return self._tagged(finished.image, frame, finished.exposure)

    def forget(self) -> None:
        """Forget the pictures and masks before: nothing of them may be in the next picture."""
        self._forget_paintings()
        self._person.forget()
        self._faces.forget()

    def pause(self) -> None:
        """Give up the frames that are on their way to a server, whose answers would be old when painting goes on."""
        self._sent_inputs = None
        if self._relay is not None:
            self._relay.drop()

    def _forget_paintings(self) -> None:
        """Forget the paintings before: the next one must not fade in over them, nor over a camera picture."""
        self._transition.reset()
        self._postprocessor.reset()
        self._last = self._last_inputs = self._busy_at = None
        self.pause()

    def _unpainted(self, view: FrameView, frame: Frame, look: Look) -> StyledFrame | None:
        """Return the camera picture or, for a look that hides the room, the person before what hides it."""
        self._forget_paintings()
        self.result = StylizeResult(False)
        try:
            found = self._person.find(view, Rung.at(self._size, UNPAINTED_SCALE).size, look, frame.captured_at)
            image, exposure = self._person.compose(None, view, found, look, frame.captured_at)
        except PAINTING_ERRORS as error:
            self._report("engine", error_summary(error))
            return None
        return self._tagged(np.ascontiguousarray(image), frame, exposure)

    def _tagged(self, image: Image, frame: Frame, exposure: Exposure) -> StyledFrame:
        return StyledFrame(Frame(image, frame.index, frame.captured_at), exposure, self._clock.now())

    def _stylize(
        self, mix: StyleMix, warm: WarmSession, view: FrameView, frame: Frame, look: Look, started: float
    ) -> _Picture | None:
        """Return a new styled picture, or the last one while nothing moves; None if painting failed."""
        job, small, unmoved = self._begin(self._sessions, mix, warm, view, frame, look, started)
        if unmoved and job.inputs == self._last_inputs and self._last is not None:
            return self._reuse(job.governor, started)
        busy = self._clock.process_time()
        try:
            found = self._person.find(view, warm.rung.size, look, frame.captured_at)
            clear = self._faces.share(view, look)
            with self.stages.time("network") as network:
                styled = run_session(warm.session, small, job.style, None if found is None else found.share)
            busy_in_network = self._clock.process_time() - busy
            preparing_ms = (self._clock.now() - started) * 1000 - network.milliseconds
            job = replace(job, found=found, clear=clear, preparing_ms=preparing_ms)
            return self._finish(job, styled, network.milliseconds, busy_in_network)
        except PAINTING_ERRORS as error:
            self._fail(job, error)
            return None

    def _stylize_there(
        self, relay: Relay[_Job], view: FrameView, frame: Frame, look: Look, started: float
    ) -> tuple[bool, _Relayed | None]:
        """Send `frame` to the server, and finish the newest frame that has come back from there.

        Returns:
            Whether the server still has frames to answer, and the picture that was finished; False and None where the
            network must run here.
        """
        chosen = relay.choose(look, started)
        if chosen is None:
            return False, None
        mix, warm = chosen
        job, small, unmoved = self._begin(relay.sessions, mix, warm, view, frame, look, started)
        same = unmoved and job.inputs == self._sent_inputs
        if same and not relay.waiting and job.inputs == self._last_inputs and self._last is not None:
            return False, _Relayed(frame, self._reuse(job.governor, started))
        try:
            if not (same and relay.waiting) and relay.has_room(warm):
                found = self._person.find(view, warm.rung.size, look, frame.captured_at)
                clear = self._faces.share(view, look)
                padded = pad_by_reflection(small, PADDING)
                mask = None if found is None else pad_by_reflection(found.share, PADDING)
                preparing_ms = (self._clock.now() - started) * 1000
                job = replace(job, found=found, clear=clear, preparing_ms=preparing_ms)
                relay.send(job, warm, padded, job.style, mask)
                self._sent_inputs = job.inputs
            arrival = relay.newest(started + self._relay_wait_s - self._clock.now())
            if arrival is None:
                return True, None
            job = arrival.context
            self.stages.add("server", arrival.round_trip_ms)
            styled = arrival.image[PADDING:-PADDING, PADDING:-PADDING]
            return True, _Relayed(job.frame, self._finish(job, styled, arrival.network_ms, None))
        except (EngineError, *PAINTING_ERRORS) as error:
            self._sent_inputs = None
            if relay.take_blame(error):
                self._postprocessor.reset()
                self._last_inputs = self._busy_at = None
            else:
                self._fail(job, error)
            return False, None

    def _begin(
        self,
        sessions: SessionChooser,
        mix: StyleMix,
        warm: WarmSession,
        view: FrameView,
        frame: Frame,
        look: Look,
        now: float,
    ) -> tuple[_Job, Image, bool]:
        """Return the job of painting `frame`, the picture to paint, and whether it shows what the one before did."""
        governor = sessions.governor(mix.model, look)
        step = self._transition.toward(mix, frame.captured_at, look.brush)
        style = mix.model.style_input(step.values, min(warm.rung.size), step.brush)
        detail, presences = governor.choose(now).detail, self._faces.presences(look)
        inputs = _FrameInputs(look, step, style.tobytes(), mix.model.key, warm.rung, detail, presences)
        with self.stages.time("fit"):
            small = view.at(warm.rung.size)
            unmoved = self._change_detector.unchanged(small)
        return _Job(sessions, governor, mix, warm, view, frame, inputs, style), small, unmoved

    def _reuse(self, governor: Governor, now: float) -> _Picture:
        """Return the last picture again."""
        assert self._last is not None
        self._busy_at = None
        self.result = replace(self.result, decision=governor.choose(now), reused=True)
        return self._last

    def _finish(self, job: _Job, styled: Image, network_ms: float, busy_in_network: float | None) -> _Picture:
        """Make the picture to publish of `styled`, what the network made in `network_ms`; may raise `PAINTING_ERRORS`.

        `busy_in_network` is the processor time that it took here, in seconds; None where it ran elsewhere.
        """
        began, inputs = self._clock.now(), job.inputs
        look, rung, frame = inputs.look, job.warm.rung, job.frame
        before = self._before(look)
        finished = self._postprocessor.apply(styled, job.view, inputs.step, before, look=look, detail=inputs.detail)
        painted = self._faces.clear(finished.image, job.view, job.clear)
        image, exposure = self._person.compose(painted, job.view, job.found, look, frame.captured_at)
        now = self._clock.now()
        job.sessions.painted(job.mix, look, now)
        fixed_ms = job.preparing_ms + (now - began) * 1000 - (finished.detail_ms or 0.0)
        busy_ms = self._busy_ms(busy_in_network)
        job.governor.observe(rung, network_ms, fixed_ms, now, detail_ms=finished.detail_ms, busy_ms=busy_ms)
        if self._pool.building:
            job.governor.forget_recent()
        self._last_inputs = inputs if self._person.is_settled(look, job.found) else None
        self.result = StylizeResult(True, rung, job.governor.choose(now), detail=finished.detail_ms is not None)
        return _Picture(image, exposure, finished.image)

    def _before(self, look: Look) -> Image | None:
        """Return the picture before, over which the next one may fade in; None without one.

        Where the room is hidden nothing of it is in there, as the person may now be where the room was.
        """
        if self._last is None or not look.hides_room:
            return None if self._last is None else self._last.painting
        if self._last.exposure.room is Visibility.HIDDEN:
            return self._last.image
        self._postprocessor.reset()
        return None

    def _fail(self, job: _Job, error: Exception) -> None:
        """Take note that painting failed."""
        self._postprocessor.reset()
        self._last_inputs = self._busy_at = None
        job.sessions.failed(job.mix, job.warm, job.inputs.look, error_summary(error), self._clock.now())

    def _busy_ms(self, in_network: float | None) -> tuple[float, float] | None:
        """Return the processor time in the network and otherwise since the frame before, in milliseconds.

        None if this frame's network or the one before ran elsewhere, if there was no frame before, or while a session
        is being built, which takes processor time of its own.
        """
        before, now = self._busy_at, self._clock.process_time()
        self._busy_at = None if in_network is None else now
        if before is None or in_network is None or self._pool.building:
            return None
        return in_network * 1000, max(0.0, now - before - in_network) * 1000


def _network_look(look: Look) -> Look:
    """Return `look` with what the network paints as its style: one style, or the pair of the person's and the room's.

    A painted room behind a person without a style is what `Paint.ROOM` means.
    """
    if look.network_mix is look.mix:
        return look
    return replace(look, mix=look.network_mix, paint=Paint.ROOM if look.mix is None else look.paint)


def run_session(session: InferenceSession, image: Image, style: StyleInput, mask: Mask | None = None) -> Image:
    """Return what `session` makes of `image` (H×W×3 uint8 BGR) with these values of its input `style`.

    The result has the same size, without the padding that the network is run with. `mask` (H×W uint8) is where the
    person is, for a network of two styles; None for everywhere.

    Raises:
        EngineRunError: the network failed, its result is no such picture, or the mask has another size.
    """
    padded = pad_by_reflection(image, PADDING)
    padded_mask = None if mask is None else pad_by_reflection(mask, PADDING)
    styled = session.stylize(padded, style, mask=padded_mask)
    if styled.shape != padded.shape or styled.dtype != np.uint8:
        raise EngineRunError(f"the network made {styled.shape} {styled.dtype} of {padded.shape} uint8")
    return styled[PADDING:-PADDING, PADDING:-PADDING]
