"""Train a bank of styles in one call: `stylecam.train`, and what `stylecam train` shares with it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylecam.errors import TrainingUnavailableError, UsageError
from stylecam.models.catalog import shipped_models
from stylecam.utils import optional, paths
from stylecam.utils.text import printable

if TYPE_CHECKING:
    from stylecam.training.events import Event
    from stylecam.training.hyperparameters import Hyperparameters
    from stylecam.training.style_image import StyleImage
    from stylecam.training.trainer import Trainer

_CONFIG_OPTIONS = ("vgg", "face_model", "samples", "licence", "device", "bfloat16", "install")
_DEFAULT_MINUTES = {"frozen": 15.0, "free": 60.0}
_DEFAULT_NORM_RATE = {"frozen": 0.015, "free": 0.005}  # norm rows that train alone need the largest steps


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What a training run produced.

    Attributes:
        bank: the ONNX file, which `Stylist`, `stylecam run --style` and `stylecam styles add` take.
        styles: the names of all styles in it.
        steps: number of steps done, including those before a resume.
        finished: False if the run was stopped early; `stylecam train --resume` continues it.
        unreadable: photographs that could not be read.
    """

    bank: Path
    styles: tuple[str, ...]
    steps: int
    finished: bool
    unreadable: tuple[Path, ...]


def train(
    paintings: Sequence[str | Path],
    output: str | Path,
    *,
    photos: Sequence[str | Path],
    start: str | Path | None = None,
    listener: Callable[[Event], None] = lambda event: None,
    stop: threading.Event | None = None,
    **options: Any,
) -> TrainingResult:
    """Learn the style of one or more paintings and write a bank.

    It needs the extra `train` (PyTorch and onnx). Checkpoint, sample sheet and plot lie beside `output`.

    Args:
        paintings: picture files, each as `[NAME=]FILE[:WEIGHT][@SCALE]`, or gallery files (`.toml`).
        output: the ONNX file to write.
        photos: folders of photographs to learn on.
        start: a bank to start from: a file, or a name such as `gallery`. The new styles are added to it.
        listener: called for each step and written file, on the calling thread (see `stylecam.training.events`).
        stop: set it from another thread to end after the current step; everything is saved.
        **options: fields of `stylecam.training.hyperparameters.Hyperparameters` such as `minutes` or `style`, those of
            `TrainingConfig` (`vgg`, `face_model`, `samples`, `licence`, `device`, `bfloat16`), `body` (`frozen` or
            `free`), `overwrite`, and `title` and `artist` of a single painting.

    Raises:
        TrainingUnavailableError: PyTorch or onnx is missing; the message has the command that installs it.
        UsageError: an option does not exist or is out of range, or an unfinished run lies beside `output`.
        TrainingDataError: a painting, the photographs or VGG-16 cannot be read.
        TrainingFailedError: a loss is NaN or infinite, or memory or disk ran out.
    """
    optional.require("torch", "onnx", purpose="training", extra="train", error=TrainingUnavailableError)
    trainer = new_trainer(
        Path(output),
        [str(painting) for painting in paintings],
        photos=tuple(map(Path, photos)),
        start=None if start is None else Path(start),
        listener=listener,
        stop=stop,
        **options,
    )
    trainer.run()
    names = tuple(str(entry["name"]) for entry in trainer.entries)
    return TrainingResult(Path(output), names, trainer.step, trainer.finished, tuple(trainer.unreadable))


def new_trainer(
    output: Path,
    paintings: Sequence[str],
    *,
    photos: tuple[Path, ...],
    pictures: Path | None = None,
    start: Path | None = None,
    body: str | None = None,
    overwrite: bool = False,
    title: str | None = None,
    artist: str | None = None,
    listener: Callable[[Event], None] = lambda event: None,
    stop: threading.Event | None = None,
    **options: Any,
) -> Trainer:
    """Return a trainer for a new run, with the arguments of `train` and some more.

    `pictures` is the folder of the pictures that gallery files list, by default that of the gallery file. The `body`
    `frozen`, the default with `start`, trains only the norm rows of new styles, and `free` the whole network.
    `overwrite` replaces an unfinished run beside `output`. `title` and `artist` go to the card of a single painting.

    Raises:
        UsageError, TrainingDataError, ModelFormatError: the input cannot be trained with.
    """
    from stylecam.training.checkpoint import check_no_unfinished_run
    from stylecam.training.config import TrainingConfig
    from stylecam.training.trainer import Trainer

    images = check_inputs(paintings, photos, pictures, title=title, artist=artist)
    if not overwrite:
        check_no_unfinished_run(output)
    other = {name: options.pop(name) for name in _CONFIG_OPTIONS if name in options}
    hparams = _hyperparameters(body or ("frozen" if start else "free"), options)
    config = TrainingConfig(hparams, images, photos, **other)
    return Trainer.begin(config, output, start and find_bank(start), listener=listener, stop=stop)


def check_inputs(
    paintings: Sequence[str],
    photos: Sequence[Path],
    pictures: Path | None = None,
    *,
    title: str | None = None,
    artist: str | None = None,
) -> tuple[StyleImage, ...]:
    """Check that paintings and photographs are named, and find the paintings' files; needs no PyTorch.

    The arguments are those of `new_trainer`.

    Raises:
        UsageError, TrainingDataError: something is missing, or `title` or `artist` is given for several paintings.
    """
    if pictures is not None and not any(text.endswith(".toml") for text in paintings):
        raise UsageError("--paintings is the folder of the pictures of a GALLERY.toml; leave it out for paintings")
    if not paintings:
        raise UsageError("no painting is given; name at least one, or use --resume")
    if not photos:
        raise UsageError("no photographs to learn on are given; name their folder: --photos DIR")
    images = _style_images(paintings, pictures)
    card = {name: printable(text) for name, text in (("title", title), ("artist", artist)) if text}
    if not card:
        return images
    if len(images) > 1:
        raise UsageError("--title and --artist are those of one painting; several are described in a GALLERY.toml")
    return (replace(images[0], card={**images[0].card, **card}),)


def _hyperparameters(body: str, options: dict[str, Any]) -> Hyperparameters:
    from stylecam.training.hyperparameters import Hyperparameters

    if options.get("norm_rate") is None:
        options["norm_rate"] = _DEFAULT_NORM_RATE[body]
    if options.get("steps") is None and options.get("minutes") is None:
        options["minutes"] = _DEFAULT_MINUTES[body]
    try:
        return Hyperparameters(**options, frozen=body == "frozen")
    except TypeError as error:
        raise UsageError(f"training has no such option: {error}") from error


def _style_images(paintings: Sequence[str], pictures: Path | None) -> tuple[StyleImage, ...]:
    from stylecam.training.gallery import read_gallery
    from stylecam.training.style_image import StyleImage

    images: list[StyleImage] = []
    for text in paintings:
        images += read_gallery(Path(text), pictures) if text.endswith(".toml") else [StyleImage.parse(text)]
    return tuple(images)


def find_bank(name: Path) -> Path:
    """Return the file `name`, or the installed network of that name.

    Raises:
        UsageError: there is neither.
    """
    if name.exists():
        return name
    folders = (paths.user_styles(), shipped_models())
    installed = {path.stem: path for folder in folders for path in folder.glob("*.onnx")}
    if str(name) not in installed:
        raise UsageError(f"--from {name}: there is no such file; installed networks are {', '.join(installed)}")
    return installed[str(name)]
