"""`stylecam optimize`: paint one picture by optimizing its pixels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from stylecam.cli import shared_options as shared
from stylecam.cli.declared import flag, flags
from stylecam.cli.interrupts import says_what_is_kept
from stylecam.cli.progress import TrainingProgress, stopped_by_ctrl_c
from stylecam.cli.shared_options import FILE
from stylecam.errors import TrainingUnavailableError
from stylecam.training.hyperparameters import OPTIMIZERS, GatysHyperparameters, Hyperparameters
from stylecam.utils.files import check_writable

if TYPE_CHECKING:
    from stylecam.training.optimize_image import OptimizeConfig

_INITS = ("photo", "noise", "painting")


def complete_init(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the words that start with `incomplete`; if none does, complete files."""
    items = [CompletionItem(name) for name in _INITS if name.startswith(incomplete)]
    return items or [CompletionItem(incomplete, type="file")]


@click.command(
    "optimize",
    epilog="""\b
Examples:
  stylecam optimize me.jpg --style harvest.jpg -o painted.png
      minutes on a laptop, seconds on a graphics card
  stylecam optimize me.jpg --style a.jpg:2 --style b.jpg -o painted.png --iterations 500 --preview-every 20
      two parts of one painting's style, one part of the other's; painted.preview.png shows progress
  stylecam optimize me.jpg --style a.jpg -o print.png --max-size 0 --style-scale 900 --preserve-color --device cuda
      at full size with large strokes, in the photograph's own colours
\b
Ctrl-C writes the best picture so far. A network from `stylecam train` approximates the same result
in one pass per picture.""",
)
@click.argument("photo", **FILE, metavar="IMAGE")
@click.option(
    "--style", "styles", type=click.Path(), multiple=True, required=True, metavar="PAINTING[:WEIGHT][@SCALE]",
    help="A painting whose style to use; several are mixed.",
)  # fmt: skip
@click.option("-o", "--output", **FILE, required=True, metavar="FILE", help="The picture to write: .png, .jpg …")
@click.option(
    "--max-size", type=int, default=512, help="Long side of the result in pixels; 0 keeps the photograph's size."
)
@flag(Hyperparameters, "style_scale")
@flag(GatysHyperparameters, "iterations")
@click.option(
    "--optimizer", type=click.Choice(OPTIMIZERS), default="lbfgs",
    help="lbfgs improves more with each step; adam needs less memory.",
)  # fmt: skip
@flag(GatysHyperparameters, "rate")
@click.option(
    "--init", default="photo", metavar="photo|noise|painting|FILE", shell_complete=complete_init,
    help="Picture to start from.",
)  # fmt: skip
@click.option("--preserve-color", is_flag=True, help="Keep the photograph's colours; change only brightness.")
@flags(GatysHyperparameters, "content", "fine", "style_weight", "tv")
@click.option(
    "--preview-every", type=int, default=0, help="Iterations between previews in NAME.preview.png; 0 writes none."
)
@click.option("--seed", type=int, default=0, help="Random seed of --init noise.")
@shared.vgg
@shared.device
@shared.bfloat16
@shared.as_json
def command(output: Path, as_json: bool, **options: Any) -> None:
    """Paint one picture by optimizing its pixels.

    This is Gatys' method of 2015. No network is trained; the picture itself is changed step by step, until it has the
    shapes of the photograph and the style of the painting.
    """
    from stylecam.utils.optional import require

    require("torch", purpose="optimizing a picture", extra="train", error=TrainingUnavailableError)
    with says_what_is_kept(lambda: _kept(output)):
        screen = TrainingProgress("iteration", 15.0, {"preview": "preview"})
        screen.wait()
        from stylecam.training.optimize_image import ImageOptimizer

        with stopped_by_ctrl_c() as stop:
            optimizer = ImageOptimizer(_config(output, **options), listener=screen, stop=stop)
            with screen:
                optimizer.run()
        if not optimizer.iterations:
            raise click.Abort  # interrupted before the first iteration, so there is no result
    if as_json:
        result = {
            "picture": str(output),
            "size": list(optimizer.size),
            "iterations": optimizer.iterations,
            "seconds": round(screen.elapsed_s, 3),
            "losses": screen.losses,
            "stopped_early": optimizer.iterations < options["iterations"],
        }
        shared.print_json(result)
        return
    state = "stopped early, best picture so far" if optimizer.iterations < options["iterations"] else "done"
    click.echo(
        f"{state}: {output} ({optimizer.size}) after {optimizer.iterations} iterations, {screen.elapsed_s:.0f} s"
    )


def _kept(output: Path) -> str:
    from stylecam.training.config import preview_path

    preview = preview_path(output)
    return f"{output} was not written" + (f"; the last preview is {preview}" if preview.exists() else "")


def _config(output: Path, styles: tuple[str, ...], style_weight: float, **options: Any) -> OptimizeConfig:
    from stylecam.training.optimize_image import OptimizeConfig
    from stylecam.training.style_image import StyleImage

    names = ("iterations", "optimizer", "rate", "content", "fine", "variation")
    hyperparameters = GatysHyperparameters(style=style_weight, **{name: options.pop(name) for name in names})
    paintings = tuple(map(StyleImage.parse, styles))
    config = OptimizeConfig(paintings=paintings, output=output, hyperparameters=hyperparameters, **options)
    check_writable(output)
    return config
