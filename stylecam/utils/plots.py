"""Writes charts as PNG files with matplotlib, which is optional: callers check first that it is installed."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from stylecam.utils.files import write_bytes


def new_figure(width_in: float, height_in: float) -> Any:
    """Return an empty matplotlib figure of that size in inches, whose parts do not overlap."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width_in, height_in), layout="constrained")


def add_legend(axes: Any, **options: Any) -> None:
    """Add a legend, when anything in `axes` has a label."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(**{"fontsize": 8, **options})


def name_bars(axes: Any, names: list[str]) -> None:
    """Name the horizontal bars at 0, 1, 2 … and show the first one at the top."""
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.invert_yaxis()


def write_figure(path: Path, figure: Any, dpi: int = 100) -> None:
    """Write `figure` to a PNG file, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    write_bytes(path, buffer.getvalue())
