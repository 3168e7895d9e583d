"""Choose the picture of each tick: the one place that decides what may be published."""

from __future__ import annotations

from dataclasses import dataclass

from stylecam.control.state import LiveState
from stylecam.media.frame import Frame, Size
from stylecam.media.overlays import OFF, STOPPED, panic_cover, starting_cover
from stylecam.stylize.look import Content, Exposure
from stylecam.stylize.styled_frame import StyledFrame
from stylecam.utils.languages import ENGLISH, Language

COVER_INDEX = -1
"""The index of the frames of covers."""


@dataclass(frozen=True, slots=True)
class Picture:
    """The picture of one tick, and what it shows."""

    frame: Frame
    content: Content


class PictureChooser:
    """Holds the pictures that may be published and chooses one of them for a live state.

    What shows more of the person or of the room than the state asks for is never chosen, whatever is offered. Where
    the picture that was offered last must not be shown, the last one that may be is held; else a card takes its place.

    The publish thread offers pictures and forgets them. Any thread may ask what is chosen, and may set the attributes.

    Attributes:
        panic: the card that is shown during a panic.
        stopped: whether nothing new is painted because something has failed; the style thread sets it.
    """

    def __init__(self, size: Size, panic: Frame, *, frozen: bool = False, language: Language = ENGLISH) -> None:
        """Choose pictures of `size`, the output's.

        `frozen` if a freeze goes on whose picture is lost; `language` is that of the cards.
        """
        self.stopped = False
        self._language = language
        self.resize(size, panic)
        self._frozen_lost = frozen
        self._newest: StyledFrame | None = None
        self._kept: dict[Exposure, StyledFrame] = {}
        """The last picture of each exposure, the newest one last; but not the plain camera picture."""

    def resize(self, size: Size, panic: Frame) -> None:
        """Draw all cards at `size` from now on; `panic` has it already. Pictures of the camera stay as they are.

        Any thread may call it: for a moment one that asks may get a card of the size before.
        """
        self.panic = panic
        self._starting, self._off, self._paused, self._stopped_card = (
            Frame(image, COVER_INDEX, panic.captured_at)
            for image in (
                starting_cover(size, language=self._language),
                starting_cover(size, OFF, self._language),
                panic_cover(size, language=self._language),
                panic_cover(size, STOPPED, self._language),
            )
        )

    def offer(self, styled: StyledFrame, state: LiveState) -> bool:
        """Take a new picture; return False for one that shows more than the state asks for, which is refused.

        While the picture is frozen a new one is ignored, unless the one before may no longer be shown.
        """
        if not _may_show(styled, state):
            return False
        self._frozen_lost &= state.frozen
        if state.frozen and self.holds_picture(state):
            return True
        self._newest = styled
        if styled.content is not Content.RAW:
            self._kept.pop(styled.exposure, None)
            self._kept[styled.exposure] = styled
        return True

    def forget(self, state: LiveState) -> None:
        """Drop all pictures of the camera: who looks next must not see what was made for somebody else.

        A picture that the user has frozen is meant for whoever looks, and stays unless the camera is off. From then on
        a card stands for it until the freeze ends.
        """
        if state.frozen and not state.resting:
            return
        self._frozen_lost = state.frozen
        self._newest = None
        self._kept.clear()

    def holds_picture(self, state: LiveState) -> bool:
        """Return whether the last picture offered, or the card that stands for a frozen one, may be shown."""
        if state.frozen and self._frozen_lost:
            return True
        return self._newest is not None and _may_show(self._newest, state)

    def choose(self, state: LiveState) -> Picture:
        """Return the picture to publish in `state`."""
        newest, stopped = self._newest, self.stopped
        if state.panic:
            return Picture(self.panic, Content.COVERED)
        if state.resting:
            return Picture(self._off, Content.COVERED)
        if state.frozen and self._frozen_lost:
            return Picture(self._paused, Content.COVERED)
        if newest is not None and _may_show(newest, state):
            held = state.frozen or (stopped and newest.content is not Content.RAW)
            return Picture(newest.frame, Content.COVERED if held else newest.content)
        kept = next((each for each in reversed(tuple(self._kept.values())) if _may_show(each, state)), None)
        if kept is not None:
            return Picture(kept.frame, Content.COVERED)
        return Picture(self._stopped_card if stopped else self._starting, Content.COVERED)


def _may_show(styled: StyledFrame, state: LiveState) -> bool:
    """Return whether a picture shows no more of the person and of the room than the look of this moment asks for.

    So the camera picture is shown only where the look asks for it, and what shows a room only while none is hidden.
    """
    return styled.exposure.within(state.visible_look.exposure)
