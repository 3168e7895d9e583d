"""`stylecam train`: from paintings to a bank of styles."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from stylecam.cli import loss_options as objective
from stylecam.cli.file_options import FILE
from stylecam.cli.progress import TrainingProgress, stopped_by_ctrl_c
from stylecam.errors import TrainingFailedError, TrainingUnavailableError, UsageError
from stylecam.utils.files import check_writable

if TYPE_CHECKING:
    from stylecam.training.events import Event
    from stylecam.training.trainer import Trainer


_FEW = 50
_WITH_RESUME = {"output", "resume", "device", "install", "as_json"}


@click.command(
    "train",
    epilog="""\b
Examples:
  stylecam train harvest.jpg -o harvest.onnx --photos ~/Pictures --from gallery
      one more style for the shipped gallery: a quarter of an hour on a laptop
  stylecam train a.jpg b.jpg calm=c.jpg:0.6 -o three.onnx --photos ~/Pictures --minutes 90
      a new bank of three; `calm` is named, and its style weighs 0.6 of the others'
  stylecam train [ab].jpg calm=c.jpg -o more.onnx --from three.onnx --body free --photos ~/Pictures --photos ~/Faces
      go on training all of a bank; half of the crops are from the second folder
  stylecam train models/gallery.toml --paintings ~/Art -o gallery.onnx --photos ~/Pictures --steps 40000
      the shipped gallery, painting by painting as its file says (weights, scales, crops, cards)
  torchrun --nproc-per-node 4 -m stylecam train *.jpg -o gallery.onnx --photos ~/Pictures --steps 40000
      on four graphics cards
  stylecam train --resume -o three.onnx
      go on after a crash or Ctrl-C, exactly where it was
\b
Beside NAME.onnx lie NAME.checkpoint, NAME.sheet.png (samples, to see how it comes along) and
NAME.losses.png (the lower the better). What it paints looks wrong? More of the photograph with a
smaller --style, more of the painting with a larger one; larger strokes with a larger --style-scale.""",
)
@click.argument("paintings", nargs=-1, metavar="[NAME=]PAINTING[:WEIGHT][@SCALE] | GALLERY.toml...")
@click.option(
    "-o", "--output", **FILE, required=True, metavar="NAME.onnx", help="Where the bank goes: a network with its styles."
)
@click.option("--paintings", "pictures", **FILE, metavar="DIR", help="Where the pictures of a GALLERY.toml are.")
@click.option(
    "--photos", **FILE, multiple=True, metavar="DIR",
    help="Photographs to learn on, some hundreds, subfolders included; may be given several times, each is drawn from "
    "equally often.",
)  # fmt: skip
@click.option(
    "--from", "start", **FILE, metavar="BANK",
    help="Begin with what this bank has learned: a file, or the name of one that `stylecam` knows, such as gallery.",
)  # fmt: skip
@click.option(
    "--body", type=click.Choice(["frozen", "free"]),
    help="With --from: frozen adds styles and leaves all else as it is; free trains the whole network further, and "
    "wants the paintings of all its styles.  [default: frozen with --from]",
)  # fmt: skip
@objective.vgg
@click.option("--minutes", type=float, help="How long.  [default: 15 with a frozen body, else 60]")
@click.option("--steps", type=int, help="Or how many steps.")
@click.option(
    "--install/--no-install", default=None,
    help="Copy the result to your own styles, so that `stylecam` lists it.  [default: with a frozen body]",
)  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on from NAME.checkpoint; all else is kept there.")
@click.option("--overwrite", is_flag=True, help="Begin anew though NAME.checkpoint holds a run that is not finished.")
@objective.device
@click.option("--sample", "samples", **FILE, multiple=True, help="A picture for the samples; several times.")
@click.option("--sheet-every", type=float, default=3.0, show_default=True, help="Minutes between sheets of samples.")
@click.option("--licence", metavar="TEXT", help="Licence written into the bank.")
@objective.scale
@click.option("--style", type=float, default=2.6, show_default=True, help="Weight: the painting's texture.")
@objective.content
@objective.fine
@objective.variation
@click.option(
    "--stability", type=float, default=28.0, show_default=True, help="Weight: the painting moves with the picture."
)
@click.option(
    "--noise", type=float, default=0.15, show_default=True, help="Weight: the camera's noise does not make it flicker."
)
@click.option("--batch", type=int, default=2, show_default=True, help="Pictures a step.")
@click.option("--crop", type=int, default=272, show_default=True, help="Side of what is judged of each, in pixels.")
@click.option("--rate", type=float, default=0.0012, show_default=True, help="Highest learning rate of convolutions.")
@click.option(
    "--norm-rate", type=float,
    help="The same of the styles' own numbers, the norm rows.  [default: 0.005, with a frozen body 0.015]",
)  # fmt: skip
@click.option("--width", type=int, default=48, show_default=True, help="Channels of a new network.")
@click.option("--blocks", type=int, default=4, show_default=True, help="Residual blocks of a new network.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of all chance.")
@click.option("--save-every", type=int, default=100, show_default=True, help="Steps between checkpoints.")
@objective.bfloat16
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on standard output.")
@click.pass_context
def command(context: click.Context, /, output: Path, resume: bool, as_json: bool, **given: Any) -> None:
    """Learn the style of one or more paintings.

    All it needs is the painting, a name for the result, a folder of photographs and, for a good style in a quarter of
    an hour rather than a night, --from gallery. It shows how long it still takes and what it paints meanwhile, and says
    at the end how to paint with it.
    """
    from stylecam.training.train import new_trainer
    from stylecam.utils.optional import require

    require("torch", "onnx", purpose="training", extra="train", error=TrainingUnavailableError)
    if output.suffix.lower() != ".onnx":
        raise UsageError(f"{output}: the name of a bank ends in .onnx, such as {output.stem}.onnx")
    check_writable(output)
    screen = TrainingProgress("step", 60.0, {"sheet": "samples"}, smooth=0.95)
    screen.wait()
    with stopped_by_ctrl_c() as stop:
        if resume:
            trainer = _resume(context, output, stop, screen)
        else:
            trainer = new_trainer(output, listener=screen, stop=stop, **given)
        installs = trainer.installs if given["install"] is None else bool(given["install"])
        if installs:
            _check_name(output)
        if trainer.leads and trainer.photo_count < _FEW:
            click.echo(f"only {trainer.photo_count} photographs to learn on; some hundreds are better", err=True)
        with screen if trainer.leads else nullcontext():
            trainer.run()
    if not trainer.leads:
        return
    if trainer.step == 0:
        raise click.Abort  # interrupted before the first step: there is nothing to show
    installed = _install(output) if installs else None
    if as_json:
        result = {
            "bank": str(output),
            "styles": [str(entry["name"]) for entry in trainer.entries],
            "steps": trainer.step,
            "losses": screen.losses,
            "corrupt_photos": len(trainer.unreadable),
            "stopped_early": not trainer.finished,
            "installed": str(installed) if installed else None,
        }
        click.echo(json.dumps(result, indent=2))
        return
    _tell(trainer, output, installed)


def _tell(trainer: Trainer, output: Path, installed: Path | None) -> None:
    """What was made, and what to type next."""
    from stylecam.models.card import slug

    if trainer.unreadable:
        some = [path.name for path in trainer.unreadable[:3]] + ["…"] * (len(trainer.unreadable) > 3)
        click.echo(
            f"photos that could not be read and were passed over: {len(trainer.unreadable)} ({', '.join(some)})",
            err=True,
        )
    how = "done" if trainer.finished else "stopped early"
    click.echo(f"{how}: {output} after {trainer.step} steps ({', '.join(trainer.learned)})")
    if not trainer.finished:
        click.echo(f"go on: stylecam train --resume -o {_typed(output)}")
    style = trainer.learned[-1]
    if installed:
        named = _typed(f"{installed.stem}/{style}")
        click.echo(f"try it: stylecam --style {named} (a stylecam that runs already knows it once started anew)")
    elif len(trainer.entries) == 1:
        click.echo(f"try it: stylecam --style {_typed(output)}")
    else:
        added = f"{slug(output.stem)}/{style}"
        click.echo(f"to paint with it: stylecam styles add {_typed(output)}; then: stylecam --style {added}")


def _typed(word: object) -> str:
    """`word` as it is typed in any shell."""
    return f'"{word}"' if " " in str(word) else str(word)


def _resume(context: click.Context, output: Path, stop: threading.Event, listener: Callable[[Event], None]) -> Trainer:
    from stylecam.training.trainer import Trainer

    changed = [
        parameter.opts[-1]
        for parameter in context.command.params
        if parameter.name not in _WITH_RESUME
        and parameter.name is not None
        and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    ]
    if changed:
        raise UsageError(f"--resume goes on with the same plan, kept in the checkpoint; leave out {', '.join(changed)}")
    chosen = context.get_parameter_source("device") is ParameterSource.COMMANDLINE
    device = str(context.params["device"]) if chosen else None
    return Trainer.resume(output, device, listener=listener, stop=stop)


def _check_name(output: Path) -> None:
    """See that the result would be found among the styles.

    Raises:
        UsageError: a network of that name comes with stylecam.
    """
    from stylecam.models.catalog import shipped_models

    if any(path.stem.lower() == output.stem.lower() for path in shipped_models().glob("*.onnx")):
        raise UsageError(
            f"-o {output}: a network called {output.stem} comes with stylecam, and would be taken for yours; choose "
            "another name, or --no-install"
        )


def _install(output: Path) -> Path:
    from stylecam.utils import paths
    from stylecam.utils.files import write_bytes

    target = paths.user_styles() / output.name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(target, output.read_bytes())
    except OSError as error:
        raise TrainingFailedError(f"{output} is trained, but {target} cannot be written: {error.strerror}") from error
    return target
