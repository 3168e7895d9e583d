"""The options that `train`, `optimize` and `evaluate` share: what is striven for, what judges it, and where."""

from __future__ import annotations

import click

from stylecam.cli.progress import FILE

scale = click.option(
    "--style-scale", "scale", type=int, default=288, show_default=True,
    help="Short side of the paintings, in pixels: larger means larger strokes.",
)  # fmt: skip
content = click.option(
    "--content", type=float, default=1.0, show_default=True, help="Weight: the photograph's forms are kept (relu3_3)."
)
fine = click.option(
    "--fine", type=float, default=0.22, show_default=True,
    help="Share of the finer ones in it: eyes and mouths (relu2_2).",
)  # fmt: skip
variation = click.option(
    "--tv", "variation", type=float, default=0.5, show_default=True, help="Weight: smoothness (total variation)."
)
vgg = click.option(
    "--vgg", **FILE, metavar="FILE",
    help="The network that judges forms and texture, VGG-16: torchvision's vgg16-397923af.pth, or an .npz.  "
    "[default: fetched from the internet once, 528 MB]",
)  # fmt: skip
device = click.option(
    "--device", default="auto", show_default=True, help="Where to compute: auto, cpu, cuda (NVIDIA) or mps (Apple)."
)
bfloat16 = click.option(
    "--bfloat16/--no-bfloat16", "bfloat16", default=None,
    help="That network in bfloat16, less exact and faster.  [default: where the processor is fast at it]",
)  # fmt: skip
