"""From the network's painting to the published picture: calm, of full size and detail, as strong as wished."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stylecam.media.frame import Image, Size
from stylecam.media.transforms import resize
from stylecam.stylize.frame_view import FrameView
from stylecam.stylize.look import Look
from stylecam.stylize.postprocess.color import blend, with_colors_of
from stylecam.stylize.postprocess.guided_upsample import GuidedUpsampler
from stylecam.stylize.postprocess.temporal_filter import TemporalFilter
from stylecam.stylize.postprocess.transition import TransitionStep
from stylecam.utils.metrics import StageTimes


@dataclass(frozen=True, slots=True)
class PostprocessResult:
    """A finished picture (H×W×3 uint8 BGR, only to be read), and what adding detail took; None if none was added."""

    image: Image
    detail_ms: float | None


class Postprocessor:
    """Finishes the paintings of one stylist, one after the other. Its times go into `stages`."""

    def __init__(self, size: Size, stages: StageTimes) -> None:
        """`size` is the output's."""
        self._size = size
        self._stages = stages
        self._steady = TemporalFilter()
        self._upsampler = GuidedUpsampler(size)
        self._weights: tuple[float, ...] = ()
        self._switch_count = 0
        self._before_switch: Image | None = None

    def reset(self) -> None:
        """Forget the pictures before: the next painting has nothing to do with them."""
        self._steady.reset()
        self._before_switch = None

    def finish(
        self,
        painted: Image,
        view: FrameView,
        step: TransitionStep,
        last: Image | None,
        *,
        look: Look,
        detail: bool,
    ) -> PostprocessResult:
        """Finish `painted` (h×w×3 uint8 BGR), which the network made of `view` at this size.

        `last` is the picture published before; it fades out after a switch to another network.
        """
        height, width = painted.shape[:2]
        small = view.at(Size(width, height))
        if step.weights != self._weights:  # on its way to another style, everything is to change
            self._weights = step.weights
            self._steady.reset()
        with self._stages.time("steady"):
            painted = self._steady.apply(painted, small, look.steadiness)
        detail_ms = None
        if (width, height) == self._size:
            image = np.ascontiguousarray(painted)
        elif detail:
            with self._stages.time("detail") as lap:
                image = self._upsampler.enlarge(painted, small, view.at(self._size))
            detail_ms = lap.milliseconds
        else:
            with self._stages.time("enlarge"):
                image = resize(painted, self._size)
        if look.preserve_color:
            with self._stages.time("color"):
                image = with_colors_of(view.at(self._size), image)
        if look.strength < 1 or step.fading > 0 or step.switch_count != self._switch_count:
            with self._stages.time("compose"):
                image = self._composed(image, view, step, last, look.strength)
        return PostprocessResult(image, detail_ms)

    def _composed(
        self, image: Image, view: FrameView, step: TransitionStep, last: Image | None, strength: float
    ) -> Image:
        if strength < 1:
            image = blend(view.at(self._size), image, strength)
        if step.switch_count != self._switch_count:
            self._switch_count, self._before_switch = step.switch_count, last
        if step.fading > 0 and self._before_switch is not None:
            return blend(image, self._before_switch, step.fading)
        self._before_switch = None
        return image
