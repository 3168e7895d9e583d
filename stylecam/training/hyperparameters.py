"""Every number of a training run, in one value that is kept with the result."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from stylecam.errors import UsageError
from stylecam.utils.validation import check_ranges


@dataclass(frozen=True, slots=True)
class Hyperparameters:
    """How to train. The defaults are those of the shipped gallery.

    Attributes:
        steps: number of steps, or None where `minutes` decides.
        minutes: duration, summed over resumed runs, or None where `steps` decides.
        batch: pictures in each step.
        crop: side of the square crop that the losses see, in pixels; a multiple of 8. Two large crops teach more than
            four small ones, because the strokes of a whole painting do not fit into a small crop.
        scale: short side of a painting in pixels; a larger value gives larger strokes.
        content: weight of the content loss.
        fine: weight of relu2_2 within the content loss.
        style: weight of the style loss.
        variation: weight of the total variation loss.
        stability: weight of the stability loss.
        noise: weight of the noise loss.
        rate: highest learning rate of Adam, for the convolutions.
        norm_rate: highest learning rate for the norm rows, which need larger steps.
        warm_up: steps until the highest learning rate is reached; from there it falls along a cosine to 3 %.
        width: channels of a new network at 1/8 size.
        blocks: residual blocks of a new network.
        frozen: learn only the norm rows of the new styles.
        seed: seed of all random numbers.
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
            raise UsageError("the length of the training is not clear; give either --steps or --minutes")
        check_ranges(self, _RANGES, {"scale": "--style-scale", "variation": "--tv"})
        for name in ("crop", "width"):
            value = getattr(self, name)
            if value % 8:
                raise UsageError(f"--{name} is {value} and must be a multiple of 8, such as {value // 8 * 8}")

    def done(self, step: int, elapsed_s: float) -> float:
        """Return the share of the run that is done after `step` steps and `elapsed_s` seconds, 0..1."""
        if self.steps is not None:
            return min(1.0, step / self.steps)
        assert self.minutes is not None
        return min(1.0, elapsed_s / 60 / self.minutes)

    def learning_rate_factor(self, step: int, done: float) -> float:
        """Return the factor of the highest learning rates: a linear warm-up times a cosine that ends at 3 %."""
        return min(1.0, (step + 1) / self.warm_up) * (0.485 * (1 + math.cos(math.pi * done)) + 0.03)

    def stability_factor(self, done: float) -> float:
        """Return the factor of `stability` and `noise`: it rises to 1 over the first quarter, when a style exists."""
        return min(1.0, done * 4)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
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
