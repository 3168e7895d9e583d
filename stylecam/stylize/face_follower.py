"""Follow the faces of the camera's people for looks that frame them, or keep their eyes and mouths clear."""

from __future__ import annotations

import cv2
import numpy as np

from stylecam.errors import EngineRunError
from stylecam.media.frame import Frame, Image, Size
from stylecam.stylize.face import FaceTracker
from stylecam.stylize.framing import Framer
from stylecam.stylize.look import Look
from stylecam.stylize.network_loader import NetworkLoader
from stylecam.stylize.postprocess.chain import FrameView
from stylecam.stylize.postprocess.compositor import FaultReport, mixed
from stylecam.stylize.postprocess.face_share import Share
from stylecam.stylize.room import Framing, Paint
from stylecam.utils.clock import Clock
from stylecam.utils.metrics import StageTimes


class FaceFollower:
    """Follows the faces of one stream, on the style thread. Without a face, or without its network, it does nothing."""

    def __init__(
        self, size: Size, tracker: FaceTracker | None, clock: Clock, stages: StageTimes, report: FaultReport
    ) -> None:
        """Frame pictures of `size`, the output's; see `PersonCompositor` for the rest."""
        self._size, self._tracker, self._stages, self._report = size, tracker, stages, report
        self._framer = Framer(size)
        self._loader = NetworkLoader(None if tracker is None else tracker.prepare, clock, report, "stylecam-face")

    def view(self, frame: Frame, look: Look) -> FrameView:
        """Return the part of `frame` that `look` shows, after the faces were followed into it."""
        height, width = frame.image.shape[:2]
        if self._follows(look) and self._tracker is not None and self._loader.is_ready():
            with self._stages.time("face"):
                try:
                    self._tracker.update(frame.image, frame.captured_at)
                except EngineRunError as error:  # the tracker has forgotten all faces
                    self._report("engine", str(error))
            faces = self._tracker.faces
        else:
            faces = []
        region = self._framer.crop(faces, look.framing, Size(width, height), frame.captured_at)
        return FrameView(frame.image, self._size, look.mirror, region)

    def share(self, view: FrameView, look: Look) -> Share | None:
        """Return how far `look` keeps each pixel of `view`, the last one, clear: H×W uint8 of the output's size.

        None where nothing stays clear.
        """
        if self._tracker is None or look.face <= 0 or look.paint is Paint.ROOM:
            return None
        with self._stages.time("face"):
            share = self._tracker.share(view, self._size)
            if share is None or look.face == 1:
                return share
            return np.asarray(cv2.convertScaleAbs(share, alpha=look.face), np.uint8)

    def clear(self, painted: Image, view: FrameView, share: Share | None) -> Image:
        """Return `painted` (H×W×3, of the output's size) with the eyes and mouths of `view`, by their `share`."""
        if share is None:
            return painted
        with self._stages.time("face"):
            return mixed(painted, view.at(self._size), share)

    def presences(self, look: Look) -> tuple[float, ...]:
        """Return how far each face has faded in that `clear` keeps clear."""
        return () if self._tracker is None or look.face <= 0 else self._tracker.presences

    def forget(self) -> None:
        """Forget the frames before: the next one has nothing to do with them."""
        if self._tracker is not None:
            self._tracker.forget()
        self._framer.forget()

    def _follows(self, look: Look) -> bool:
        return look.framing is not Framing.OFF or (look.paints and look.face > 0)
