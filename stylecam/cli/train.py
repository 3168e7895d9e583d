"""`stylecam train`: from paintings to a bank of styles."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from stylecam.cli.work import FILE, Screen, stopped_by_ctrl_c
from stylecam.errors import TrainingFailedError, UsageError
from stylecam.files import check_writable

if TYPE_CHECKING:
    from stylecam.training.events import Event
    from stylecam.training.trainer import Trainer


_WITH_RESUME = {"output", "resume", "device", "install", "as_json"}


@click.command(
    "train",
    epilog="""\b
Examples:
  stylecam train harvest.jpg -o harvest.onnx --photos ~/Pictures --vgg vgg16.npz --from models/gallery.onnx
      one more style for a shipped bank: minutes on a laptop
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
Beside NAME.onnx lie NAME.checkpoint, NAME.sheet.png (samples) and NAME.losses.png.""",
)
@click.argument("paintings", nargs=-1, metavar="[NAME=]PAINTING[:WEIGHT][@SCALE] | GALLERY.toml...")
@click.option("-o", "--output", **FILE, required=True, metavar="NAME.onnx", help="Where the bank goes.")
@click.option("--paintings", "pictures", **FILE, metavar="DIR", help="Where the pictures of a gallery file are.")
@click.option(
    "--photos",
    **FILE,
    multiple=True,
    metavar="DIR",
    help="Photographs to learn on, subfolders included; may be given several times, each is drawn from equally often.",
)
@click.option(
    "--vgg", **FILE, metavar="FILE", help="VGG-16's weights as .npz. Without: torchvision's, from the internet."
)
@click.option("--from", "start", **FILE, metavar="BANK", help="Begin with the weights of this bank.")
@click.option(
    "--body",
    type=click.Choice(["frozen", "free"]),
    help="With --from: learn only the new styles' norm parameters, or everything.  [default: frozen with --from]",
)
@click.option("--steps", type=int, help="How many steps.  [default: 15 minutes with a frozen body, else 60]")
@click.option("--minutes", type=float, help="Or how long.")
@click.option("--batch", type=int, default=2, show_default=True, help="Pictures a step.")
@click.option("--crop", type=int, default=272, show_default=True, help="Side of what the losses see, in pixels.")
@click.option(
    "--style-scale",
    "scale",
    type=int,
    default=288,
    show_default=True,
    help="Short side of the paintings, in pixels: larger means larger strokes.",
)
@click.option("--content", type=float, default=1.0, show_default=True, help="Weight: forms kept (relu3_3).")
@click.option("--fine", type=float, default=0.22, show_default=True, help="Share of relu2_2 in it: eyes and mouths.")
@click.option("--style", type=float, default=2.6, show_default=True, help="Weight: texture of the painting.")
@click.option(
    "--tv", "variation", type=float, default=0.5, show_default=True, help="Weight: total variation, smoothness."
)
@click.option("--stability", type=float, default=28.0, show_default=True, help="Weight: moves with the picture.")
@click.option("--noise", type=float, default=0.15, show_default=True, help="Weight: no flicker by the camera's noise.")
@click.option("--rate", type=float, default=0.0012, show_default=True, help="Highest learning rate of convolutions.")
@click.option("--norm-rate", type=float, help="And of norm rows.  [default: 0.005, with a frozen body 0.015]")
@click.option("--width", type=int, default=48, show_default=True, help="Channels of a new network.")
@click.option("--blocks", type=int, default=4, show_default=True, help="Residual blocks of a new network.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of all chance.")
@click.option("--save-every", type=int, default=100, show_default=True, help="Steps between checkpoints.")
@click.option("--sheet-every", type=float, default=3.0, show_default=True, help="Minutes between sample sheets.")
@click.option("--sample", "samples", **FILE, multiple=True, help="A picture for the sheet; several times.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@click.option(
    "--bfloat16/--no-bfloat16",
    "bfloat16",
    default=None,
    help="Perceptual network in bfloat16.  [default: where the processor is fast at it]",
)
@click.option("--licence", metavar="TEXT", help="Licence written into the bank.")
@click.option(
    "--install/--no-install",
    default=None,
    help="Copy the result to your own styles, so that `stylecam` lists it.  [default: with a frozen body]",
)
@click.option("--resume", is_flag=True, help="Go on from NAME.checkpoint; all else is kept there.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on standard output.")
@click.pass_context
def command(
    context: click.Context, /, output: Path, resume: bool, install: bool | None, as_json: bool, **given: Any
) -> None:
    """Learn the style of one or more paintings."""
    from stylecam.training.needs import check_installed

    check_installed()
    if output.suffix.lower() != ".onnx":
        raise UsageError(f"{output}: the name of a bank ends in .onnx")
    check_writable(output)
    with stopped_by_ctrl_c() as stop, _Screen() as screen:
        trainer = _resume(context, output, stop, screen) if resume else _begin(output, stop, screen, **given)
        trainer.run()
    if not trainer.leads:
        return
    if trainer.step == 0:
        raise click.Abort  # interrupted before the first step: there is nothing to show
    installed = _install(output) if (trainer.frozen if install is None else install) else None
    names = [str(entry["name"]) for entry in trainer.entries]
    if as_json:
        result = {
            "bank": str(output),
            "styles": names,
            "steps": trainer.step,
            "losses": screen.losses,
            "corrupt_photos": screen.corrupt,
            "stopped_early": stop.is_set(),
            "installed": str(installed) if installed else None,
        }
        click.echo(json.dumps(result, indent=2))
        return
    how = "stopped early, go on with --resume" if stop.is_set() else "done"
    click.echo(f"{how}: {output} after {trainer.step} steps ({', '.join(names)})")
    if screen.corrupt:
        click.echo(f"{screen.corrupt} photos could not be read and were passed over", err=True)
    click.echo(f"try it: stylecam --style {installed.stem + '/' + names[-1] if installed else output}")


def _begin(
    output: Path,
    stop: threading.Event,
    listener: Callable[[Event], None],
    *,
    paintings: tuple[str, ...],
    pictures: Path | None,
    photos: tuple[Path, ...],
    start: Path | None,
    body: str | None,
    **given: Any,
) -> Trainer:
    from stylecam.training.gallery import read_gallery
    from stylecam.training.painting import Painting
    from stylecam.training.plan import Plan
    from stylecam.training.recipe import Recipe
    from stylecam.training.trainer import Trainer

    if not paintings:
        raise UsageError("name at least one painting to learn from, or --resume")
    if not photos:
        raise UsageError("say where photographs to learn on are: --photos DIR")
    frozen = (body or ("frozen" if start else "free")) == "frozen"
    if given["norm_rate"] is None:
        given["norm_rate"] = 0.015 if frozen else 0.005  # rows alone bear, and need, the largest steps
    if given["steps"] is None and given["minutes"] is None:
        given["minutes"] = 15.0 if frozen else 60.0
    other = {name: given.pop(name) for name in ("vgg", "samples", "licence", "device", "bfloat16")}
    named: list[Painting] = []
    for text in paintings:
        named += read_gallery(Path(text), pictures) if text.endswith(".toml") else [Painting.parse(text)]
    plan = Plan(Recipe(**given, frozen=frozen), tuple(named), photos, **other)
    return Trainer.begin(plan, output, start, listener=listener, stop=stop)


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


def _install(output: Path) -> Path:
    from stylecam.config import user_styles
    from stylecam.files import write_bytes

    target = user_styles() / output.name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(target, output.read_bytes())
    except OSError as error:
        raise TrainingFailedError(f"{output} is trained, but {target} cannot be written: {error.strerror}") from error
    return target


class _Screen(Screen):
    """Progress, and what is told of at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.corrupt = 0

    def __call__(self, event: Event) -> None:
        """Take in one event of the trainer."""
        from stylecam.training.events import Saved

        if isinstance(event, Saved):
            if event.kind == "sheet":
                self.note(f"samples: {event.path}")
            return
        self.corrupt = event.corrupt
        self.show(event, smooth=0.95)
