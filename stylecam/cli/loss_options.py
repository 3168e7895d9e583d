"""Options that `train`, `optimize` and `evaluate` share: the loss weights, VGG-16, and the device."""

from __future__ import annotations

import click

from stylecam.cli.file_options import FILE

scale = click.option(
    "--style-scale", "scale", type=int, default=288, show_default=True,
    help="Short side of the paintings, in pixels: larger means larger strokes.",
)  # fmt: skip
content = click.option(
    "--content", type=float, default=1.0, show_default=True, help="Weight of the photograph's shapes (relu3_3)."
)
fine = click.option(
    "--fine", type=float, default=0.22, show_default=True,
    help="Share of fine shapes in it, such as eyes and mouths (relu2_2).",
)  # fmt: skip
variation = click.option(
    "--tv", "variation", type=float, default=0.5, show_default=True, help="Weight of smoothness (total variation)."
)
vgg = click.option(
    "--vgg", **FILE, metavar="FILE",
    help="VGG-16, the network that compares shapes and texture: torchvision's vgg16-397923af.pth, or an .npz.  "
    "[default: downloaded once, 528 MB]",
)  # fmt: skip
device = click.option(
    "--device", default="auto", show_default=True, help="Device to compute on: auto, cpu, cuda (NVIDIA) or mps (Apple)."
)
bfloat16 = click.option(
    "--bfloat16/--no-bfloat16", "bfloat16", default=None,
    help="Run VGG-16 in bfloat16, which is faster and less exact.  [default: if the processor is fast at it]",
)  # fmt: skip
