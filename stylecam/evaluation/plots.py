"""An evaluation as a picture; needs matplotlib."""

from __future__ import annotations

import io
from pathlib import Path
from statistics import fmean
from typing import Any

from stylecam.evaluation.quality.report import QualityReport, StyleMetrics, mean_of
from stylecam.utils.files import write_bytes


def write_chart(path: Path, report: QualityReport) -> None:
    """Draw what is known to a PNG: content against style with Gatys' way beside, flicker and warped error.

    Raises:
        OSError: it cannot be written.
    """
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    height = max(5.0, 1.5 + 0.32 * len(report.styles))
    figure = Figure(figsize=(16, height), layout="constrained")
    losses, flicker, warped = figure.subplots(1, 3, width_ratios=(2, 1, 1))
    colours = [colormaps["tab20"](number % 20) for number in range(len(report.styles))]
    _draw_losses(losses, report, colours)
    _draw_bars(
        flicker, report.styles, colours, [fmean(one.flickers) if one.flickers else None for one in report.styles]
    )
    flicker.axvline(1, color="black", linestyle="--")
    flicker.set(xlabel="flicker of a still noisy picture, ÷ the camera's", title="- - the camera's own")
    errors = [one.warped_error for one in report.styles]
    _draw_bars(warped, report.styles, colours, [one.styled if one else None for one in errors])
    if known := [one.camera for one in errors if one]:
        warped.axvline(fmean(known), color="black", linestyle="--")
        warped.set(title="- - the clips' own")
    warped.set(xlabel="warped error of moving clips, levels", yticklabels=[])
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    write_bytes(path, buffer.getvalue())


def _draw_losses(axes: Any, report: QualityReport, colours: list[Any]) -> None:
    drawn: set[int] = set()
    for figures, colour in zip(report.styles, colours, strict=True):
        judged = figures.crop
        if judged is None:
            continue
        axes.plot(judged.content, judged.style, "o", color=colour, markersize=9, label=figures.label)
        for descent in figures.descents:
            if descent.optimizer != "adam":
                continue
            own = mean_of(figures.crops[: descent.content.shape[1]])
            assert own is not None
            axes.plot(own.content, own.style, "o", color=colour, markersize=9, fillstyle="none")
            if id(descent) in drawn:
                continue
            drawn.add(id(descent))
            points = [number for number in report.iterations if number < len(descent.content)]
            content, style = descent.content.mean(1), descent.style.mean(1)
            way = slice(min(points, default=0), max(points, default=0) + 1)
            axes.plot(content[way], style[way], "-", color=colour, alpha=0.6)
            axes.plot(content[points], style[points], "x", color=colour)
            for number in points:
                where = (content[number], style[number])
                axes.annotate(str(number), where, fontsize=7, xytext=(3, 3), textcoords="offset points")
    axes.set(
        xlabel="content loss (crops)",
        ylabel="style loss",
        yscale="log",
        title="• network   ○ on those photographs that Gatys painted: × after N (Adam)",
    )
    axes.grid(visible=True, which="both", alpha=0.25)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8)


def _draw_bars(axes: Any, styles: list[StyleMetrics], colours: list[Any], values: list[float | None]) -> None:
    places = list(range(len(styles)))
    axes.barh(places, [value or 0.0 for value in values], color=colours)
    for place, value in zip(places, values, strict=True):
        axes.text(value or 0.0, place, " –" if value is None else f" {value:.2f}", va="center", fontsize=8)
    axes.set_yticks(places, [one.label for one in styles])
    axes.invert_yaxis()
    axes.margins(x=0.15)
