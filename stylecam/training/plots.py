"""The losses of a run as a picture; left out where matplotlib is not installed."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from stylecam.utils.files import write_bytes
from stylecam.utils.optional import is_installed


def write_plot(path: Path, history: Sequence[dict[str, float]]) -> bool:
    """Draw `history` (one entry of means every few steps, each with its `step`) to a PNG; False without matplotlib.

    Raises:
        OSError: it cannot be written.
    """
    if not is_installed("matplotlib"):
        return False
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    for name in [name for name in (history[0] if history else {}) if name != "step"]:
        axes.plot([entry["step"] for entry in history], [entry[name] for entry in history], label=name)
    axes.set(xlabel="step", ylabel="loss, weighted", yscale="log")
    axes.grid(visible=True, alpha=0.3)
    if history:
        axes.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    write_bytes(path, buffer.getvalue())
    return True
