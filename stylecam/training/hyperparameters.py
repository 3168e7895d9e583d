"""Every number of a training run, in one value that is kept with the result."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from stylecam.errors import UsageError
from stylecam.utils.validation import check_ranges


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to train; the defaults made the shipped gallery.

    Attributes:
        steps: how many, or None where `minutes` decides.
        minutes: how long, summed over resumed runs.
        batch: pictures a step.
        crop: side of the square the losses see, in pixels; a multiple of 8. Two large ones teach more than four small
            ones: a whole painting's strokes find room in none that is much smaller than the painting.
        scale: short side of a painting, in pixels: larger means larger strokes.
        content, fine, style, variation, stability, noise: weights of the losses (`fine`: relu2_2 within content).
        rate: the highest learning rate of Adam, for the convolutions.
        norm_rate: the same for the norm rows, which bear, and need, larger steps.
        warm_up: steps until it is reached; from there it falls along a cosine to 3 %.
        width, blocks: of a new network; one that is trained further keeps its own.
        frozen: learn only the new styles' norm rows.
        seed: of all chance.
        save_every: steps between checkpoints.
        sheet_every: minutes between sample sheets.
    """

    steps: int | None = None
    minutes: float | None = None
    batch: int = 2
    crop: int = 272
    scale: int = 288
    content: float = 1.0
    fine: float = 0.22
    style: float = 2.6
    variation: float = 0.5
    stability: float = 28.0
    noise: float = 0.15
    rate: float = 1.2e-3
    norm_rate: float = 5e-3
    warm_up: int = 100
    width: int = 48
    blocks: int = 4
    frozen: bool = False
    seed: int = 0
    save_every: int = 100
    sheet_every: float = 3.0

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.minutes is None):
            raise UsageError("say how long to train: either --steps or --minutes")
        check_ranges(self, _RANGES, {"scale": "--style-scale", "variation": "--tv"})
        for name in ("crop", "width"):
            value = getattr(self, name)
            if value % 8:
                raise UsageError(f"--{name} is {value} and must be a multiple of 8, such as {value // 8 * 8}")

    def done(self, step: int, elapsed_s: float) -> float:
        """The share of the whole that is behind us after `step` steps and `elapsed_s` seconds, 0 to 1."""
        if self.steps is not None:
            return min(1.0, step / self.steps)
        assert self.minutes is not None
        return min(1.0, elapsed_s / 60 / self.minutes)

    def pace(self, step: int, done: float) -> float:
        """The share of the learning rates to take: a linear warm-up times a cosine that ends at 3 %."""
        return min(1.0, (step + 1) / self.warm_up) * (0.485 * (1 + math.cos(math.pi * done)) + 0.03)

    def steadiness(self, done: float) -> float:
        """The share of `stability` and `noise`: the first quarter ramps in, for first there must be a style."""
        return min(1.0, done * 4)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


_RANGES = (
    ("steps", 1, 10_000_000),
    ("minutes", 0.01, 100_000),
    ("batch", 1, 256),
    ("crop", 64, 1024),
    ("scale", 64, 2048),
    ("content", 0, 1e6),
    ("fine", 0, 1e6),
    ("style", 0, 1e6),
    ("variation", 0, 1e6),
    ("stability", 0, 1e6),
    ("noise", 0, 1e6),
    ("rate", 1e-8, 1),
    ("norm_rate", 1e-8, 1),
    ("warm_up", 1, 1_000_000),
    ("width", 8, 512),
    ("blocks", 1, 32),
    ("seed", 0, 2**63 - 1),
    ("save_every", 1, 1_000_000),
    ("sheet_every", 0.01, 100_000),
)
