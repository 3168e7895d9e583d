"""A frame on its way to the publisher, and how it was made."""

from __future__ import annotations

from dataclasses import dataclass

from stylecam.media.frame import Frame
from stylecam.stylize.governor import Decision, Rung
from stylecam.stylize.look import Content, Exposure


@dataclass(frozen=True, slots=True)
class StyledFrame:
    """A picture of the output's size, tagged with what it shows; the publisher takes nothing else.

    Attributes:
        frame: the picture, with the index and the capture time of the camera frame.
        exposure: how much it shows of the person and of the room, whatever was asked for.
        ready_at: when it was finished, in clock seconds.
    """

    frame: Frame
    exposure: Exposure
    ready_at: float

    @property
    def content(self) -> Content:
        """The word for what it shows."""
        return self.exposure.content


@dataclass(frozen=True, slots=True)
class StylizeResult:
    """How the last frame was made, for the statistics.

    Attributes:
        stylized: there is a styled picture of it, new or used again.
        reused: it was the one before, because nothing had moved.
        rung: the size it was styled at.
        detail: the camera's detail was added at full size.
        decision: what the governor chose for the next frame.
        trouble: why the requested style is not what is painted, in one line; None if nothing is wrong.
    """

    stylized: bool
    rung: Rung | None = None
    decision: Decision | None = None
    reused: bool = False
    detail: bool = False
    trouble: str | None = None
