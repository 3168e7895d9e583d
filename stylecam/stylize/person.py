"""The person in the picture: found in each frame, and put together with the room as the look says.

What shows more than the look allows is never made. Where it is not known where the person is, a hidden room covers
everything, and otherwise the painting does.
"""

from __future__ import annotations

from stylecam.media.frame import Image, Size
from stylecam.stylize.look import ALL_PAINTED, Exposure, Look, Visibility
from stylecam.stylize.mask import PersonMask, PersonMasker
from stylecam.stylize.network_loader import NetworkLoader
from stylecam.stylize.postprocess.chain import FrameView
from stylecam.stylize.postprocess.compositor import FaultReport, RoomCompositor
from stylecam.stylize.room import Paint, RoomKind
from stylecam.utils.clock import Clock
from stylecam.utils.metrics import StageTimes

MASK_SHARE = 0.25
"""The share of a frame's time that a mask may take before it is made for every second or third frame only."""
MAX_EVERY = 3
_SLOWER_KEPT = 0.98
"""How slowly a slow mask is forgotten: frames that carry the mask on take less time."""
_COVERED = Exposure(Visibility.HIDDEN, Visibility.HIDDEN)


class PersonCompositor:
    """Finds the person and composes the pictures of one stream, on the style thread.

    Until the network that finds the person is there, nothing is known of the person.
    """

    def __init__(
        self, size: Size, fps: float, masker: PersonMasker | None, clock: Clock, stages: StageTimes, report: FaultReport
    ) -> None:
        """Compose the pictures of one stream.

        Args:
            size: the output's.
            fps: the rate to hold; a mask that would take much of a frame's time is made for some frames only.
            masker: finds the person; None for one that is never found.
            clock: tells the time.
            stages: takes the times of finding and composing.
            report: takes a line for each network or file that cannot be used.
        """
        self._size, self._masker, self._stages = size, masker, stages
        self._allowed_ms = MASK_SHARE * 1000 / fps
        self._took_ms = 0.0
        self._compositor = RoomCompositor(size, report)
        self._loader = NetworkLoader(None if masker is None else masker.prepare, clock, report, "stylecam-mask")

    def prepare(self, look: Look) -> None:
        """Load what `look` needs in the calling thread; a failure is reported and tried again later."""
        if look.needs_mask:
            self._loader.load()

    def find(self, view: FrameView, size: Size, look: Look, now: float) -> PersonMask | None:
        """Return where the person is, at `size`; None where `look` need not know it, or where it is not known.

        `now` is the time of the frame in clock seconds.
        """
        if self._masker is None or not look.needs_mask or not self._loader.is_ready():
            return None
        every = min(MAX_EVERY, 1 + int(self._took_ms / self._allowed_ms))
        with self._stages.time("mask") as timer:
            found = self._masker.mask(view, size, now, every)
        self._took_ms = max(timer.milliseconds, self._took_ms * _SLOWER_KEPT)
        return found

    def compose(
        self, painted: Image | None, view: FrameView, found: PersonMask | None, look: Look, now: float
    ) -> tuple[Image, Exposure]:
        """Return the picture that `look` asks for, as far as it can be made, and what it shows.

        Args:
            painted: the painting at the output's size, H×W×3 uint8 BGR; None for a look without one.
            view: the camera picture.
            found: where the person is, as `find` returned it.
            look: says who is painted and what the room shows.
            now: the time of the frame in clock seconds.
        """
        whole = view.at(self._size)
        one_pass = look.room.kind is RoomKind.STYLE and look.paint is not Paint.ROOM  # the network had the mask
        if not look.needs_mask or (one_pass and painted is not None):
            return (whole if painted is None else painted), look.exposure
        with self._stages.time("compose"):
            person = None
            if found is not None and self._masker is not None:
                height, width = found.share.shape
                person = self._masker.enlarged(found, view.at(Size(width, height)), whole)
            picture = self._compositor.compose(painted, whole, person, look, now)
        if person is not None:
            return picture, look.exposure
        return picture, _COVERED if look.hides_room else ALL_PAINTED

    def is_settled(self, look: Look, found: PersonMask | None) -> bool:
        """Return whether the same camera picture would become the same picture again."""
        moves = look.room.kind is RoomKind.PICTURE or found is None
        return not (look.needs_mask and moves)

    def forget(self) -> None:
        """Forget the frames before: the next one has nothing to do with them."""
        if self._masker is not None:
            self._masker.forget()
