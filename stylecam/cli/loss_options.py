"""Options that `train`, `optimize` and `evaluate` share: VGG-16, its precision, and the device."""

from __future__ import annotations

import click

from stylecam.cli.file_options import FILE

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
