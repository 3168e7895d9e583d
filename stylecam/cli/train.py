"""`stylecam train`: train a bank of styles from paintings."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from stylecam.cli import shared_options as shared
from stylecam.cli.completion import complete_file
from stylecam.cli.declared import flag, flags
from stylecam.cli.interrupts import says_what_is_kept
from stylecam.cli.progress import TrainingProgress, stopped_by_ctrl_c
from stylecam.cli.shared_options import FILE
from stylecam.errors import TrainingFailedError, TrainingUnavailableError, UsageError
from stylecam.models.tier import TIERS
from stylecam.training.hyperparameters import Hyperparameters
from stylecam.utils.files import check_writable

if TYPE_CHECKING:
    from stylecam.models.user_styles import UserStyles
    from stylecam.training.events import Event
    from stylecam.training.trainer import Trainer


_FEW_PHOTOS = 50
"""Below this number of photographs a warning is printed."""
_ALLOWED_WITH_RESUME = {"output", "resume", "device", "install", "as_json"}


@click.command(
    "train",
    epilog="""\b
Examples:
  stylecam train harvest.jpg -o harvest.onnx --photos ~/Pictures --from gallery
      one more style for the shipped gallery: a quarter of an hour on a laptop
  stylecam train harvest.jpg -o harvest.onnx --photos ~/Pictures --from gallery --title "Ernte" --artist "Ada Lang"
      the same, with what its card says
  stylecam train a.jpg b.jpg calm=c.jpg:0.6 -o three.onnx --photos ~/Pictures --minutes 90
      a new bank of three styles; `calm` gets a name, and 0.6 of the others' style weight
  stylecam train [ab].jpg calm=c.jpg -o more.onnx --from three.onnx --body free --photos ~/Pictures --photos ~/Faces
      train all of a bank further; half of the crops come from the second folder
  stylecam train models/gallery.toml --paintings ~/Art -o gallery.onnx --photos ~/Pictures --steps 40000
      the shipped gallery, with the weights, scales, crops and cards of its file
  torchrun --nproc-per-node 4 -m stylecam train *.jpg -o gallery.onnx --photos ~/Pictures --steps 40000
      on four graphics cards
  stylecam train --resume -o three.onnx
      continue exactly where a crash or Ctrl-C stopped it
\b
Beside NAME.onnx it writes NAME.checkpoint, NAME.sheet.png (samples that show the progress) and
NAME.losses.png (lower is better). A smaller --style keeps more of the photograph, a larger one takes
more of the painting; a larger --style-scale gives larger strokes.""",
)
@click.argument(
    "paintings", nargs=-1, metavar="[NAME=]PAINTING[:WEIGHT][@SCALE] | GALLERY.toml...", shell_complete=complete_file
)
@click.option(
    "-o",
    "--output",
    **FILE,
    required=True,
    metavar="NAME.onnx",
    help="The bank to write: a network with its styles.",
)
@click.option("--paintings", "pictures", **FILE, metavar="DIR", help="Folder with the pictures of a GALLERY.toml.")
@click.option(
    "--photos", **FILE, multiple=True, metavar="DIR",
    help="Folder with some hundred photographs to learn on, with subfolders; several folders are used equally often.",
)  # fmt: skip
@click.option(
    "--from", "start", **FILE, metavar="BANK",
    help="Start from this bank: a file, or the name of an installed one, such as gallery.",
)  # fmt: skip
@click.option(
    "--body", type=click.Choice(["frozen", "free"]),
    help="With --from: frozen adds styles and changes nothing else; free trains the whole network, and needs the "
    "paintings of all its styles.  [default: frozen with --from]",
)  # fmt: skip
@shared.vgg
@flags(Hyperparameters, "minutes", "steps")
@click.option(
    "--install/--no-install", default=None,
    help="Copy the result to your own styles, where `stylecam` lists it.  [default: with a frozen body]",
)  # fmt: skip
@click.option("--resume", is_flag=True, help="Continue from NAME.checkpoint, which holds all other options.")
@click.option("--overwrite", is_flag=True, help="Start again although NAME.checkpoint holds an unfinished run.")
@shared.device
@click.option("--sample", "samples", **FILE, multiple=True, help="Picture to show samples of; several times for more.")
@flag(Hyperparameters, "sheet_every")
@click.option("--title", metavar="TEXT", help="Title of the painting, if there is one.  [default: from its file name]")
@click.option("--artist", metavar="TEXT", help="Painter of the painting, if there is one.")
@click.option("--licence", metavar="TEXT", help="Licence written into the bank.")
@click.option(
    "--face-model", **FILE, metavar="FILE.onnx",
    help="YuNet (face_detection_yunet_2023mar.onnx of the OpenCV Zoo), to keep eyes and mouths readable.",
)  # fmt: skip
@flags(
    Hyperparameters,
    "style_scale",
    "style",
    "content",
    "fine",
    "faces",
    "tv",
    "weave",
    "stability",
    "batch",
    "crop",
    "rate",
)
@flag(Hyperparameters, "norm_rate", default=None)
@click.option(
    "--tier", type=click.Choice(TIERS), default="lean",
    help="Size of a new network: lean for slow processors, rich for a bolder picture at 2.5 times the cost.",
)  # fmt: skip
@flags(Hyperparameters, "width", "blocks", "seed", "save_every")
@shared.bfloat16
@shared.as_json
@click.pass_context
def command(context: click.Context, /, output: Path, resume: bool, as_json: bool, **options: Any) -> None:
    """Train a network that paints in the style of one or more paintings.

    It needs the paintings, a name for the result and a folder of photographs. With --from gallery, one more style takes
    a quarter of an hour; a new network takes an hour or more.
    """
    from stylecam.models.catalog import shipped_models
    from stylecam.models.user_styles import UserStyles
    from stylecam.training.train import check_inputs, new_trainer
    from stylecam.utils import paths
    from stylecam.utils.optional import require

    if not resume:
        names = ("paintings", "photos", "pictures", "title", "artist")
        check_inputs(**{name: options[name] for name in names})
    if output.suffix.lower() != ".onnx":
        raise UsageError(f"{output}: the name of a bank ends in .onnx, such as {output.stem}.onnx")
    check_writable(output)
    require("torch", "onnx", purpose="training", extra="train", error=TrainingUnavailableError)
    with says_what_is_kept(lambda: _kept(output)):
        screen = TrainingProgress("step", 60.0, {"sheet": "samples"}, smooth=0.95)
        screen.wait()
        styles = UserStyles(paths.user_styles(), shipped_models())
        with stopped_by_ctrl_c() as stop:
            if resume:
                trainer = _resume(context, output, stop, screen)
            else:
                trainer = new_trainer(output, listener=screen, stop=stop, **options)
            installs = trainer.installs if options["install"] is None else bool(options["install"])
            if installs:
                styles.check_installable(output)
            if trainer.leads and trainer.photo_count < _FEW_PHOTOS:
                click.echo(f"only {trainer.photo_count} photographs to learn on; some hundreds are better", err=True)
            with screen if trainer.leads else nullcontext():
                trainer.run()
        if not trainer.leads:
            return
        if trainer.step == 0:
            raise click.Abort  # interrupted before the first step, so there is no result
    installed = _install(styles, output, trainer.pictures()) if installs else None
    if as_json:
        result = {
            "bank": str(output),
            "styles": [str(entry["name"]) for entry in trainer.entries],
            "steps": trainer.step,
            "losses": screen.losses,
            "corrupt_photos": len(trainer.unreadable),
            "stopped_early": not trainer.finished,
            "installed": [str(path) for path in installed] if installed else None,
        }
        shared.print_json(result)
        return
    _print_result(trainer, output, installed)


def _kept(output: Path) -> str:
    """Return what is there of a run when the user stops it at once."""
    from stylecam.training.config import checkpoint_path

    checkpoint = checkpoint_path(output)
    if not checkpoint.exists():
        return "nothing was written"
    return (
        f"{checkpoint} has what was learned until it was written; continue: stylecam train --resume -o {_quote(output)}"
    )


def _print_result(trainer: Trainer, output: Path, installed: list[Path] | None) -> None:
    """Print what was trained, and what to type next."""
    from stylecam.models.card import slug

    if trainer.unreadable:
        some = [path.name for path in trainer.unreadable[:3]] + ["…"] * (len(trainer.unreadable) > 3)
        click.echo(
            f"photos skipped because they could not be read: {len(trainer.unreadable)} ({', '.join(some)})", err=True
        )
    state = "done" if trainer.finished else "stopped early"
    click.echo(f"{state}: {output} after {trainer.step} steps ({', '.join(trainer.trained_styles)})")
    if not trainer.finished:
        click.echo(f"continue: stylecam train --resume -o {_quote(output)}")
    style = trainer.trained_styles[-1]
    if installed and installed[-1].suffix == ".style":
        click.echo(f"try it: stylecam --style {installed[-1].stem}")
    elif installed:
        name = _quote(f"{installed[-1].stem}/{style}")
        click.echo(f"try it: stylecam --style {name} (restart a running stylecam first)")
    elif len(trainer.entries) == 1:
        click.echo(f"try it: stylecam --style {_quote(output)}")
    else:
        name = f"{slug(output.stem)}/{style}"
        click.echo(f"to use it: stylecam styles add {_quote(output)}; then: stylecam --style {name}")


def _quote(word: object) -> str:
    """Return `word` as it is typed in any shell."""
    return f'"{word}"' if " " in str(word) else str(word)


def _resume(context: click.Context, output: Path, stop: threading.Event, listener: Callable[[Event], None]) -> Trainer:
    from stylecam.training.trainer import Trainer

    forbidden = [
        parameter.opts[-1]
        for parameter in context.command.params
        if parameter.name not in _ALLOWED_WITH_RESUME
        and parameter.name is not None
        and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    ]
    if forbidden:
        raise UsageError(f"--resume uses the options kept in the checkpoint; leave out {', '.join(forbidden)}")
    from_user = context.get_parameter_source("device") is ParameterSource.COMMANDLINE
    device = str(context.params["device"]) if from_user else None
    return Trainer.resume(output, device, listener=listener, stop=stop)


def _install(styles: UserStyles, output: Path, pictures: Mapping[str, bytes]) -> list[Path]:
    try:
        return styles.install(output, pictures)
    except UsageError as error:
        raise TrainingFailedError(f"{output} is trained, but {error}") from error
