"""`stylecam optimize`: one picture, painted by optimising its pixels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from stylecam.cli.work import FILE, Screen, stopped_by_ctrl_c
from stylecam.files import check_writable

if TYPE_CHECKING:
    from stylecam.training.commission import Commission
    from stylecam.training.events import Event

_INITS = ("photo", "noise", "painting")


def complete_init(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The words that begin like `incomplete`, else files."""
    items = [CompletionItem(name) for name in _INITS if name.startswith(incomplete)]
    return items or [CompletionItem(incomplete, type="file")]


def _complete_file(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(incomplete, type="file")]


@click.command(
    "optimize",
    epilog="""\b
Examples:
  stylecam optimize me.jpg --style harvest.jpg -o painted.png --vgg vgg16.npz
      minutes on a laptop, seconds on a graphics card
  stylecam optimize me.jpg --style a.jpg:2 --style b.jpg -o painted.png --iterations 500 --preview-every 20
      two parts of one painting's style, one of the other's; watch painted.preview.png
  stylecam optimize me.jpg --style a.jpg -o print.png --max-size 0 --style-scale 900 --preserve-color --device cuda
      at full size with large strokes, in the photograph's own colours
\b
Ctrl-C writes the best picture so far. A network from `stylecam train` strives for the same, in one
pass a picture.""",
)
@click.argument("photo", **FILE, metavar="IMAGE", shell_complete=_complete_file)
@click.option(
    "--style",
    "styles",
    multiple=True,
    required=True,
    metavar="PAINTING[:WEIGHT]",
    shell_complete=_complete_file,
    help="Whose style; several times for a style between them.",
)
@click.option("-o", "--output", **FILE, required=True, metavar="FILE", help="Where the picture goes: .png, .jpg …")
@click.option(
    "--max-size", type=int, default=512, show_default=True, help="Long side of the result in pixels; 0: full size."
)
@click.option(
    "--style-scale",
    "scale",
    type=int,
    default=288,
    show_default=True,
    help="Short side of the paintings, in pixels: larger means larger strokes.",
)
@click.option("--iterations", type=int, default=300, show_default=True, help="How many.")
@click.option(
    "--optimizer",
    type=click.Choice(["lbfgs", "adam"]),
    default="lbfgs",
    show_default=True,
    help="L-BFGS ends lower; Adam needs less memory.",
)
@click.option("--rate", type=float, default=0.02, show_default=True, help="Adam's, on pixels of 0 to 1.")
@click.option(
    "--init",
    default="photo",
    show_default=True,
    metavar="photo|noise|painting|FILE",
    shell_complete=complete_init,
    help="Where to begin.",
)
@click.option("--preserve-color", is_flag=True, help="Keep the photograph's colours; paint only light and dark.")
@click.option("--content", type=float, default=1.0, show_default=True, help="Weight: forms kept (relu3_3).")
@click.option("--fine", type=float, default=0.22, show_default=True, help="Share of relu2_2 in it: eyes and mouths.")
@click.option("--style-weight", type=float, default=2.6, show_default=True, help="Weight: texture of the painting.")
@click.option(
    "--tv", "variation", type=float, default=0.5, show_default=True, help="Weight: total variation, smoothness."
)
@click.option("--preview-every", type=int, default=0, help="Iterations between previews, OUTPUT's name.preview.png.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the noise.")
@click.option(
    "--vgg", **FILE, metavar="FILE", help="VGG-16's weights as .npz. Without: torchvision's, from the internet."
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@click.option(
    "--bfloat16/--no-bfloat16",
    "bfloat16",
    default=None,
    help="Perceptual network in bfloat16.  [default: where the processor is fast at it]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on standard output.")
def command(output: Path, as_json: bool, **given: Any) -> None:
    """Paint one picture, optimising its very pixels.

    Gatys' method of 2015: no network is trained; instead the picture itself is changed, step by step, until it has the
    forms of the photograph and the style of the painting.
    """
    from stylecam.training.needs import check_installed

    check_installed("torch")
    from stylecam.training.commission import Studio

    with stopped_by_ctrl_c() as stop, _Screen() as screen:
        studio = Studio(_order(output, **given), listener=screen, stop=stop)
        studio.run()
    if not studio.iterations:
        raise click.Abort  # interrupted before the first one: there is nothing to show
    if as_json:
        result = {
            "picture": str(output),
            "size": list(studio.size),
            "iterations": studio.iterations,
            "seconds": round(screen.seconds, 3),
            "losses": screen.losses,
            "stopped_early": stop.is_set(),
        }
        click.echo(json.dumps(result, indent=2))
        return
    how = "stopped early, the best so far" if stop.is_set() else "done"
    click.echo(f"{how}: {output} ({studio.size}) after {studio.iterations} iterations, {screen.seconds:.0f} s")


def _order(output: Path, styles: tuple[str, ...], style_weight: float, **given: Any) -> Commission:
    from stylecam.training.commission import Commission
    from stylecam.training.gatys import GatysRecipe
    from stylecam.training.painting import Painting

    names = ("iterations", "optimizer", "rate", "content", "fine", "variation")
    recipe = GatysRecipe(style=style_weight, **{name: given.pop(name) for name in names})
    ordered = Commission(paintings=tuple(map(Painting.parse, styles)), output=output, recipe=recipe, **given)
    check_writable(output)
    return ordered


class _Screen(Screen):
    """Progress, and what is told of at the end."""

    def __init__(self) -> None:
        super().__init__("iteration", 15.0)
        self.seconds = 0.0

    def __call__(self, event: Event) -> None:
        """Take in one event of the studio."""
        from stylecam.training.events import Saved

        if isinstance(event, Saved):
            if event.kind == "preview":
                self.note(f"preview: {event.path}")
            return
        self.seconds = event.elapsed_s
        self.show(event)
