"""What the threads of one run share."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from stylecam.live.cpu_budget import CpuBudget
from stylecam.live.stats import Stats
from stylecam.live.viewers import Viewers
from stylecam.media.frame import Size
from stylecam.media.sound.microphone import Microphone
from stylecam.utils.clock import Clock
from stylecam.utils.languages import ENGLISH, Language


@dataclass(slots=True)
class PipelineContext:
    """What the capture, style and publish threads share.

    Attributes:
        size: the size of the published picture. The `FormatSwitcher` alone changes it, and the rate.
        fps: the rate to publish at, in frames per second.
        viewers: says whether anybody watches, and so whether to capture and style at all.
        microphone: gives recordings and streams their sound, or None.
        language: that of the words on the published picture.
        stopping: set to end all three threads.
    """

    size: Size
    fps: float
    clock: Clock
    stats: Stats
    viewers: Viewers
    cpu_budget: CpuBudget
    microphone: Microphone | None = None
    language: Language = ENGLISH
    stopping: threading.Event = field(default_factory=threading.Event)
