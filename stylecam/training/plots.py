"""Draws the losses of a training run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stylecam.utils.optional import is_installed
from stylecam.utils.plots import add_legend, new_figure, write_figure


def write_plot(path: Path, history: Sequence[dict[str, float]]) -> bool:
    """Draw `history` (one entry of means every few steps, each with its `step`) to a PNG; False without matplotlib.

    Raises:
        OSError: it cannot be written.
    """
    if not is_installed("matplotlib"):
        return False
    figure = new_figure(8, 5)
    axes = figure.add_subplot()
    for name in [name for name in (history[0] if history else {}) if name != "step"]:
        axes.plot([entry["step"] for entry in history], [entry[name] for entry in history], label=name)
    axes.set(xlabel="step", ylabel="loss, weighted", yscale="log")
    axes.grid(visible=True, alpha=0.3)
    add_legend(axes, fontsize=None)
    write_figure(path, figure, dpi=110)
    return True
