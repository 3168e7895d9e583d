"""One picture to be painted by optimisation: what was ordered, and the work from files to a file."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from stylecam.errors import TrainingDataError, TrainingFailedError, UsageError
from stylecam.media.frame import Image, Size
from stylecam.media.image_file import ImageFile, check_suffix
from stylecam.media.transforms import fit, resize, to_image, to_tensor
from stylecam.training import color as colors
from stylecam.training.dataset import read_picture
from stylecam.training.device import naming_memory, pick_bfloat16, pick_device
from stylecam.training.events import Listener, Saved, Step, sparing
from stylecam.training.gatys import GatysRecipe, Iteration, mix, paint
from stylecam.training.style_image import Painting
from stylecam.training.vgg import grams_of, load_perceptual
from stylecam.utils.clock import Clock, SystemClock
from stylecam.utils.validation import check_ranges

_RANGES = (("scale", 64, 4096), ("preview_every", 0, 10**6), ("seed", 0, 2**63 - 1))
SMALLEST = 32
"""Pixels on the short side below which the perceptual network sees nothing but its own rim."""


@dataclass(frozen=True, slots=True)
class Commission:
    """What is ordered.

    Attributes:
        photo, output: the picture and where its painting goes.
        paintings: whose style; their weights say how much of each.
        recipe: numbers of the optimisation.
        max_size: the long side of the result at most, in pixels; 0 is the photograph's own.
        scale: short side of the paintings, in pixels.
        init: `photo`, `noise`, `painting` (the first one) or a picture's path.
        preserve_color: paint light and dark only, and keep the photograph's colours.
        preview_every: iterations between previews; 0 makes none.
        seed: of the noise.
    """

    photo: Path
    paintings: tuple[Painting, ...]
    output: Path
    recipe: GatysRecipe
    max_size: int = 512
    scale: int = 288
    init: str = "photo"
    preserve_color: bool = False
    preview_every: int = 0
    seed: int = 0
    vgg: Path | None = None
    device: str = "auto"
    bfloat16: bool | None = None

    def __post_init__(self) -> None:
        inputs = [self.photo, *(painting.path for painting in self.paintings), Path(self.init)]
        for path in (self.output, self.preview) if self.preview_every else (self.output,):
            check_output(path, inputs)
        if not self.paintings:
            raise UsageError("name at least one painting: --style FILE")
        if self.max_size and not 64 <= self.max_size <= 16384:
            raise UsageError(f"--max-size is {self.max_size} and must be between 64 and 16384, or 0 for full size")
        check_ranges(self, _RANGES, {"scale": "--style-scale"})

    @property
    def preview(self) -> Path:
        """Where the previews lie."""
        return self.output.with_suffix(".preview.png")


class Studio:
    """Does the work of one commission. Make one, call `run` once.

    Args:
        commission: what to do.
        listener: told of each iteration and file, from the calling thread.
        stop: set it to end after the current iteration; the best picture so far is written.
        clock: tells the time.

    Raises:
        UsageError, TrainingDataError, SourceUnreadableError: what was given cannot be painted.
        TrainingFailedError: memory does not suffice for the paintings.
    """

    def __init__(
        self,
        commission: Commission,
        *,
        listener: Listener = lambda event: None,
        stop: threading.Event | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._ordered, self._listener = commission, listener
        self._stop, self._clock = stop or threading.Event(), clock or SystemClock()
        device = torch.device(pick_device(commission.device))
        whole = ImageFile.read(commission.photo)
        photo, self._exif, self._profile = whole.flattened_on_white(), whole.exif, whole.profile
        height, width = photo.shape[:2]
        factor = min(1.0, commission.max_size / max(height, width)) if commission.max_size else 1.0
        self.size = Size(round(width * factor), round(height * factor))
        if min(self.size) < SMALLEST:
            raise TrainingDataError(
                f"{commission.photo} would be painted at {self.size}; it needs {SMALLEST} pixels on its short side"
            )
        with naming_memory(lambda: f"lower --max-size (the picture is {self.size} pixels)"):
            self._photo = torch.from_numpy(to_tensor(resize(photo, self.size))).to(device)
        self._subject = colors.grey(self._photo) if commission.preserve_color else self._photo
        self._start = self._begin()
        paintings = [painting.read(commission.scale) for painting in commission.paintings]
        # Last of what may be missing: it may be fetched.
        with naming_memory(lambda: f"lower --max-size (the picture is {self.size} pixels)"):
            self._perceptual = load_perceptual(commission.vgg).to(device)
        searches = commission.recipe.optimizer == "lbfgs" and commission.bfloat16 is None  # a noisy objective stalls it
        self._perceptual.bfloat16 = not searches and pick_bfloat16(device, commission.bfloat16)
        self._targets = self._measure(paintings)
        self._began_at = 0.0
        self._last: Iteration | None = None

    @property
    def iterations(self) -> int:
        """Those done."""
        return 0 if self._last is None else self._last.number

    def run(self) -> None:
        """Paint until it is done or told to stop, and write the picture.

        Raises:
            TrainingFailedError: a loss is no number, memory or disk ran out; what there is has been written.
        """
        self._began_at = self._clock.now()
        try:
            paint(
                self._perceptual,
                self._subject,
                self._targets,
                self._ordered.recipe,
                start=self._start,
                listener=self._hear,
                stop=self._stop,
            )
        except TrainingFailedError as error:
            raise TrainingFailedError(f"{error}{self._rescued()}") from error
        if self.iterations:  # nothing painted, nothing to write
            self._finish()

    def _measure(self, paintings: list[Image]) -> list[Tensor]:
        found = []
        for painting in paintings:
            picture = torch.from_numpy(to_tensor(painting)).to(self._photo.device)
            if self._ordered.preserve_color:
                picture = colors.lit_like(colors.grey(picture), self._subject)
            with naming_memory(lambda: f"lower --style-scale (now {self._ordered.scale})"):
                found.append(grams_of(self._perceptual, picture))
        return mix(found, [painting.weight for painting in self._ordered.paintings])

    def _begin(self) -> Tensor:
        init = self._ordered.init
        if init == "photo":
            return self._subject
        if init == "noise":
            chance = torch.Generator().manual_seed(self._ordered.seed)
            start = torch.rand(self._photo.shape, generator=chance)
        else:
            path = self._ordered.paintings[0].path if init == "painting" else Path(init)
            start = torch.from_numpy(to_tensor(fit(_start(path), self.size)))
        start = start.to(self._photo.device)
        return colors.grey(start) if self._ordered.preserve_color else start

    def _hear(self, iteration: Iteration) -> None:
        self._last = iteration
        if not iteration.number:
            return
        done = iteration.number / self._ordered.recipe.iterations
        elapsed = self._clock.now() - self._began_at
        values = {name: getattr(iteration, name).item() for name in ("total", "content", "style", "variation")}
        self._listener(Step(iteration.number, done, elapsed, elapsed / done * (1 - done), values))
        every = self._ordered.preview_every
        if every and iteration.number % every == 0:
            with sparing(self._ordered.preview, self._listener):
                self._write(self._ordered.preview, "preview")

    def _finish(self) -> None:
        output = self._ordered.output
        try:
            self._write(output, "picture")
        except OSError as error:
            raise TrainingFailedError(f"{output} cannot be written: {error.strerror or error}") from error

    def _write(self, path: Path, kind: str) -> None:
        assert self._last is not None
        picture = self._last.picture
        if self._ordered.preserve_color:
            picture = colors.with_colors(picture, self._photo)
        ImageFile(to_image(picture.cpu().numpy()), exif=self._exif, profile=self._profile).write(path)
        self._listener(Saved(kind, path))

    def _rescued(self) -> str:
        """Write what there is after a failure; says where."""
        if not self.iterations:
            return "; nothing was painted yet"
        self._finish()
        return f"; the picture after {self.iterations} good iterations is {self._ordered.output}"


def check_output(output: Path, inputs: list[Path]) -> None:
    """See that `output` names a kind of picture and would not take the place of one of `inputs`.

    Raises:
        UsageError: it does not, or it would.
    """
    check_suffix(output)
    if any(_same(output, path) for path in inputs):
        raise UsageError(f"{output} would take the place of a picture it is made from; choose another name")


def _same(one: Path, other: Path) -> bool:
    """Whether both are the same file, by whatever name: links, and capitals where the disk sees none."""
    try:
        return one.samefile(other)
    except OSError:  # one is not there
        return False


def _start(path: Path) -> Image:
    try:
        return read_picture(path)
    except TrainingDataError as error:
        raise TrainingDataError(f"--init photo, noise, painting or FILE: {error}") from error
