"""Measure whether strokes keep their size on the screen: `python -m benchmarks.brush [STYLE...]`.

A plain grey wall with the noise of a camera is painted at several rungs and published at 1280×720. For each style the
mean wavelength of what is painted is printed, in pixels of the published picture, and its largest difference from the
mean over the rungs; then the same for half and twice the brush.
"""

from __future__ import annotations

import argparse
from statistics import fmean

from stylecam.evaluation.quality.texture import mark_wavelength, plain_wall
from stylecam.media.frame import Size
from stylecam.models.brush import LARGEST, SMALLEST
from stylecam.models.catalog import Catalog
from stylecam.stylize.image import Stylist

PUBLISHED = Size(1280, 720)
SHORT_SIDES = (216, 288, 360, 432, 504, 576, 648)


def main() -> None:
    """Run the measurement."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("styles", nargs="*", help="names of styles  [default: all that have a brush]")
    parser.add_argument("--engine", default="auto")
    options = parser.parse_args()
    catalog = Catalog.installed()
    catalog.prefer("auto")
    mixes = [catalog.parse(name) for name in options.styles] or [catalog.mix_of(card) for card in catalog.cards]
    print(f"{'style':20}{'brush':>6}", *(f"{side:>6}" for side in SHORT_SIDES), f"{'off by':>8}")
    for mix in mixes:
        if mix is None or mix.model.stroke_scales is None:
            continue
        for brush in (SMALLEST, 1.0, LARGEST):
            lengths = [
                mark_wavelength(
                    Stylist(mix, engine=options.engine, brush=brush, scale=side / PUBLISHED.height)(
                        plain_wall(PUBLISHED)
                    )
                )
                for side in SHORT_SIDES
            ]
            mean = fmean(lengths)
            off = max(abs(length / mean - 1) for length in lengths)
            print(f"{mix.label:20}{brush:>6g}", *(f"{length:6.1f}" for length in lengths), f"{off:8.0%}", flush=True)


if __name__ == "__main__":
    main()
