"""The numbers of a training run and of an optimization, each declared once with its range and its flag."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from stylecam.errors import UsageError
from stylecam.models.tier import TIERS
from stylecam.utils.options import check_options, option

MAX_WEIGHT = 1e6
OPTIMIZERS = ("lbfgs", "adam")


@dataclass(frozen=True, slots=True, kw_only=True)
class LossWeights:
    """The weights of the losses that training and optimization share."""

    content: float = option(1.0, help="Weight of the photograph's shapes (relu3_3).", minimum=0.0, maximum=MAX_WEIGHT)
    fine: float = option(
        0.22,
        help="Share of fine shapes in that weight, such as eyes and mouths (relu2_2).",
        minimum=0.0, maximum=MAX_WEIGHT,
    )  # fmt: skip
    variation: float = option(
        0.5, help="Weight of smoothness (total variation).", name="tv", parameter="variation",
        minimum=0.0, maximum=MAX_WEIGHT,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Hyperparameters(LossWeights):
    """How to train a bank; kept in its metadata and in the checkpoint.

    Either `steps` or `minutes` is None; the other decides how long the run takes. With `frozen`, only the norm rows of
    the new styles are trained. `scale` is the short side of a painting in pixels, `crop` the side of the square that
    the losses see. `rate` and `norm_rate` are Adam's highest learning rates: they are reached after `warm_up` steps and
    fall along a cosine to 3 %. The norm rows need larger steps than the convolutions.
    """

    steps: int | None = option(None, help="Number of steps, instead of --minutes.", minimum=1, maximum=10_000_000)
    minutes: float | None = option(
        None, help="Training time.  [default: 15 with a frozen body, else 60]", minimum=0.01, maximum=100_000.0
    )
    # One large crop teaches more than several small ones: the strokes of a whole painting do not fit into a small crop.
    batch: int = option(1, help="Pictures per step.", minimum=1, maximum=256)
    crop: int = option(448, help="Side of the crop that is compared, in pixels.", minimum=64, maximum=1024)
    scale: int = option(
        560, help="Short side of the paintings, in pixels: larger means larger strokes.",
        name="style_scale", parameter="scale", minimum=64, maximum=2048,
    )  # fmt: skip
    style: float = option(2.0, help="Weight of the painting's strokes and forms.", minimum=0.0, maximum=MAX_WEIGHT)
    fine: float = option(
        0.0, help="Share of fine shapes outside of faces in the content's weight (relu2_2).",
        minimum=0.0, maximum=MAX_WEIGHT,
    )  # fmt: skip
    faces: float = option(
        0.8, help="Weight of eyes and mouths, in faces that --face-model finds.", minimum=0.0, maximum=MAX_WEIGHT
    )
    variation: float = option(
        0.4, help="Weight of smoothness (total variation).", name="tv", parameter="variation",
        minimum=0.0, maximum=MAX_WEIGHT,
    )  # fmt: skip
    stability: float = option(
        0.3, help="Weight of stability: strokes move with the picture and do not flicker.",
        minimum=0.0, maximum=MAX_WEIGHT,
    )  # fmt: skip
    tone: float = option(0.15, help="Weight of the photograph's light and dark areas.", minimum=0.0, maximum=MAX_WEIGHT)
    warmth: float = option(
        0.0, help="Weight of the photograph's warm and cool areas: skin stays warmer than the wall.",
        minimum=0.0, maximum=MAX_WEIGHT,
    )  # fmt: skip
    weave: float = option(60.0, help="Weight against a weave of two or four pixels.", minimum=0.0, maximum=MAX_WEIGHT)
    rate: float = option(1.5e-3, help="Highest learning rate of the convolutions.", minimum=1e-8, maximum=1.0)
    norm_rate: float = option(
        5e-3,
        help="Highest learning rate of the styles' norm rows.  [default: 0.005, with a frozen body 0.015]",
        minimum=1e-8, maximum=1.0,
    )  # fmt: skip
    warm_up: int = option(100, help="Steps until the highest learning rate.", minimum=1, maximum=1_000_000)
    tier: str = "lean"
    width: int | None = option(
        None, help="Channels of a new network.  [default: 48 for lean, 128 for rich]", minimum=8, maximum=512
    )
    blocks: int = option(4, help="Residual blocks of a new network.", minimum=1, maximum=32)
    frozen: bool = False
    seed: int = option(0, help="Random seed.", minimum=0, maximum=2**63 - 1)
    save_every: int = option(100, help="Steps between checkpoints.", minimum=1, maximum=1_000_000)
    sheet_every: float = option(3.0, help="Minutes between sheets of samples.", minimum=0.01, maximum=100_000.0)

    def __post_init__(self) -> None:
        if (self.steps is None) == (self.minutes is None):
            raise UsageError("the length of the training is not clear; give either --steps or --minutes")
        check_options(self)
        if self.tier not in TIERS:
            raise UsageError(f"there is no tier {self.tier!r}; choose {' or '.join(TIERS)}")
        if self.tier == "rich" and self.crop % 16:
            raise UsageError(f"--crop is {self.crop} and must be a multiple of 16 for a rich network")
        for name in ("crop", "width"):
            value = getattr(self, name)
            if value is not None and value % 8:
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
        """Return the factor of `stability`: it rises to 1 over the first quarter, when a style exists."""
        return min(1.0, done * 4)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class GatysHyperparameters(LossWeights):
    """How to optimize a picture. The rate is Adam's, for pixels of 0..1; L-BFGS finds its own."""

    iterations: int = option(300, help="Number of steps.", minimum=1, maximum=1_000_000)
    optimizer: str = "lbfgs"
    rate: float = option(0.02, help="Learning rate of adam, 0 to 1.", minimum=1e-8, maximum=1.0)
    style: float = option(
        2.6, help="Weight of the painting's texture.", name="style_weight", minimum=0.0, maximum=MAX_WEIGHT
    )

    def __post_init__(self) -> None:
        if self.optimizer not in OPTIMIZERS:
            raise UsageError(f"there is no optimizer {self.optimizer!r}; choose {' or '.join(OPTIMIZERS)}")
        check_options(self)
