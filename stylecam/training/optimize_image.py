"""Paint one picture by optimization, from image files to an image file."""

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
from stylecam.training.color import gray_image, match_luminance, transfer_color
from stylecam.training.config import preview_path
from stylecam.training.dataset import read_picture
from stylecam.training.device import out_of_memory_as_error, pick_bfloat16, pick_device
from stylecam.training.events import FileSaved, Listener, StepEvent, skipping_on_error
from stylecam.training.gatys import Iteration, mix_grams, optimize_pixels
from stylecam.training.hyperparameters import GatysHyperparameters
from stylecam.training.style_image import StyleImage
from stylecam.training.vgg import grams_of, load_vgg
from stylecam.utils.clock import Clock, SystemClock
from stylecam.utils.options import check_options, option

MIN_SIDE = 32
"""Pixels on the short side below which VGG-16 sees nothing but its own padding."""


@dataclass(frozen=True, slots=True)
class OptimizeConfig:
    """What to paint, and how.

    Attributes:
        photo: the picture to paint.
        paintings: the styles; their weights give the share of each.
        output: the file to write.
        hyperparameters: numbers of the optimization.
        max_size: longest side of the result in pixels; 0 for that of the photograph.
        init: where to start: `photo`, `noise`, `painting` (the first one) or the path of a picture.
        preserve_color: paint only the luminance, and keep the photograph's colors.
        vgg: weights of VGG-16; None for those that come with stylecam.
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.
        bfloat16: whether VGG-16 computes in bfloat16; None decides by the device and the optimizer.

    Raises:
        UsageError: a value is out of range, or the output would overwrite an input.
    """

    photo: Path
    paintings: tuple[StyleImage, ...]
    output: Path
    hyperparameters: GatysHyperparameters
    max_size: int = 512
    scale: int = option(
        288, help="Short side of the paintings, in pixels.", name="style_scale", minimum=64, maximum=4096
    )
    init: str = "photo"
    preserve_color: bool = False
    preview_every: int = option(0, help="Iterations between previews; 0 for none.", minimum=0, maximum=1_000_000)
    seed: int = option(0, help="Random seed of --init noise.", minimum=0, maximum=2**63 - 1)
    vgg: Path | None = None
    device: str = "auto"
    bfloat16: bool | None = None

    def __post_init__(self) -> None:
        inputs = [self.photo, *(painting.path for painting in self.paintings), Path(self.init)]
        for path in (self.output, self.preview) if self.preview_every else (self.output,):
            check_output(path, inputs)
        if not self.paintings:
            raise UsageError("no painting is given; name at least one: --style FILE")
        if self.max_size and not 64 <= self.max_size <= 16384:
            raise UsageError(f"--max-size is {self.max_size} and must be between 64 and 16384, or 0 for full size")
        check_options(self)

    @property
    def preview(self) -> Path:
        """Return where the previews are written."""
        return preview_path(self.output)


class ImageOptimizer:
    """Paints one picture. Create one, then call `run` once.

    Args:
        listener: called for each iteration and file, on the calling thread.
        stop: set it to end after the current iteration; the best picture so far is written.

    Attributes:
        size: size of the result.

    Raises:
        UsageError, TrainingDataError, SourceUnreadableError: the input cannot be used.
        TrainingFailedError: there is not enough memory for the paintings.
    """

    def __init__(
        self,
        config: OptimizeConfig,
        *,
        listener: Listener = lambda event: None,
        stop: threading.Event | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._config, self._listener = config, listener
        self._stop, self._clock = stop or threading.Event(), clock or SystemClock()
        device = torch.device(pick_device(config.device))
        file = ImageFile.read(config.photo)
        photo, self._exif, self._profile = file.flattened_on_white(), file.exif, file.profile
        height, width = photo.shape[:2]
        factor = min(1.0, config.max_size / max(height, width)) if config.max_size else 1.0
        self.size = Size(round(width * factor), round(height * factor))
        if min(self.size) < MIN_SIDE:
            raise TrainingDataError(
                f"{config.photo} would be painted at {self.size}; it needs {MIN_SIDE} pixels on its short side"
            )
        with out_of_memory_as_error(self._size_advice):
            self._photo = torch.from_numpy(to_tensor(resize(photo, self.size))).to(device)
        self._content = gray_image(self._photo) if config.preserve_color else self._photo
        self._start = self._starting_picture()
        paintings = [painting.read(config.scale) for painting in config.paintings]
        with out_of_memory_as_error(self._size_advice):
            self._vgg = load_vgg(config.vgg).to(device)
        exact = config.hyperparameters.optimizer == "lbfgs" and config.bfloat16 is None  # rounding stalls L-BFGS
        self._vgg.use_bfloat16(not exact and pick_bfloat16(device, config.bfloat16))
        self._targets = self._style_targets(paintings)
        self._started_at = 0.0
        self._last: Iteration | None = None

    @property
    def iterations(self) -> int:
        """Return the number of iterations done."""
        return 0 if self._last is None else self._last.number

    def run(self) -> None:
        """Paint until all iterations are done or `stop` is set, and write the picture.

        Raises:
            TrainingFailedError: a loss is NaN or infinite, or memory or disk ran out; the best picture so far has been
                written.
        """
        self._started_at = self._clock.now()
        try:
            optimize_pixels(
                self._vgg,
                self._content,
                self._targets,
                self._config.hyperparameters,
                start=self._start,
                listener=self._on_iteration,
                stop=self._stop,
            )
        except TrainingFailedError as error:
            raise TrainingFailedError(f"{error}{self._write_after_failure()}") from error
        if self.iterations:
            self._write_output()

    def _size_advice(self) -> str:
        return f"lower --max-size (the picture is {self.size} pixels)"

    def _style_targets(self, paintings: list[Image]) -> list[Tensor]:
        grams = []
        for painting in paintings:
            picture = torch.from_numpy(to_tensor(painting)).to(self._photo.device)
            if self._config.preserve_color:
                picture = match_luminance(gray_image(picture), self._content)
            with out_of_memory_as_error(lambda: f"lower --style-scale (now {self._config.scale})"):
                grams.append(grams_of(self._vgg, picture))
        return mix_grams(grams, [painting.weight for painting in self._config.paintings])

    def _starting_picture(self) -> Tensor:
        init = self._config.init
        if init == "photo":
            return self._content
        if init == "noise":
            rng = torch.Generator().manual_seed(self._config.seed)
            start = torch.rand(self._photo.shape, generator=rng)
        else:
            path = self._config.paintings[0].path if init == "painting" else Path(init)
            try:
                picture = read_picture(path)
            except TrainingDataError as error:
                raise TrainingDataError(f"--init photo, noise, painting or FILE: {error}") from error
            start = torch.from_numpy(to_tensor(fit(picture, self.size)))
        start = start.to(self._photo.device)
        return gray_image(start) if self._config.preserve_color else start

    def _on_iteration(self, iteration: Iteration) -> None:
        self._last = iteration
        if not iteration.number:
            return
        done = iteration.number / self._config.hyperparameters.iterations
        elapsed = self._clock.now() - self._started_at
        values = {name: getattr(iteration, name).item() for name in ("total", "content", "style", "variation")}
        self._listener(StepEvent(iteration.number, done, elapsed, elapsed / done * (1 - done), values))
        every = self._config.preview_every
        if every and iteration.number % every == 0:
            with skipping_on_error(self._config.preview, self._listener):
                self._write(self._config.preview, "preview")

    def _write_output(self) -> None:
        output = self._config.output
        try:
            self._write(output, "picture")
        except OSError as error:
            raise TrainingFailedError(f"{output} cannot be written: {error.strerror or error}") from error

    def _write(self, path: Path, kind: str) -> None:
        assert self._last is not None
        picture = self._last.picture
        if self._config.preserve_color:
            picture = transfer_color(picture, self._photo)
        ImageFile(to_image(picture.cpu().numpy()), exif=self._exif, profile=self._profile).write(path)
        self._listener(FileSaved(kind, path))

    def _write_after_failure(self) -> str:
        """Write the best picture so far and return the end of the message that says where."""
        if not self.iterations:
            return "; nothing was painted yet"
        self._write_output()
        return f"; the picture after {self.iterations} good iterations is {self._config.output}"


def check_output(output: Path, inputs: list[Path]) -> None:
    """Check that `output` has the suffix of a picture format and would not overwrite one of `inputs`.

    Raises:
        UsageError: it has not, or it would.
    """
    check_suffix(output)
    if any(_is_same_file(output, path) for path in inputs):
        raise UsageError(f"{output} would overwrite a picture it is made from; choose another name")


def _is_same_file(one: Path, other: Path) -> bool:
    """Return whether both name the same file, also through links and with capitals where the disk ignores them."""
    try:
        return one.samefile(other)
    except OSError:  # one does not exist
        return False
