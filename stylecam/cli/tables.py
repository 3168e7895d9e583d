"""An evaluation as tables for people."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean
from typing import TYPE_CHECKING

from rich.table import Column, Table
from rich.text import Text

if TYPE_CHECKING:
    from stylecam.evaluation.quality.losses import PerceptualLoss
    from stylecam.evaluation.quality.report import QualityReport, StyleMetrics


def tables(report: QualityReport) -> Iterator[Table]:
    """What it paints, how far Gatys' method comes, and how steady and cheap it is; each only where known."""
    if any(figures.crops for figures in report.styles):
        yield _losses(report)
    if any(figures.descents for figures in report.styles):
        yield _descents(report)
    if any(figures.flickers or figures.costs for figures in report.styles):
        yield _steadiness_and_cost(report)


def _table(title: str, *columns: str) -> Table:
    return Table(
        Column("style", no_wrap=True),
        *(Column(name, justify="right") for name in columns),
        title=title,
        title_justify="left",
        box=None,
        pad_edge=False,
    )


def _losses(report: QualityReport) -> Table:
    photos = max(len(one.crops) for one in report.styles)
    table = _table(
        f"Losses on {photos} photograph{'s' if photos != 1 else ''}",
        *(
            "content",
            "style",
            "objective",
            "frames: content",
            "style",
            "objective",
            "weights",
            "worth (Adam)",
            "(L-BFGS)",
        ),
    )
    for one in report.styles:
        cells = [one.label]
        for judged in (one.crop, one.frame):
            cells += _judgement(one, judged)
        cells.append(f"{one.weights.fine:g}, {one.weights.style:g}" if one.painting else "")
        cells += [str(one.worth(optimizer) or "") for optimizer in ("adam", "lbfgs")]
        table.add_row(*map(Text, cells))
    table.caption = (
        "crops of 256×256, then whole frames; weights: relu2_2's in content, style's in the objective; worth: so many\n"
        "iterations of Gatys' method reach the same objective"
    )
    table.caption_justify = "left"
    return table


def _descents(report: QualityReport) -> Table:
    table = _table(
        "Objective that Gatys' method reaches after N iterations", *map(str, report.iterations), "the network"
    )
    for one in report.styles:
        for descent in one.descents:
            reached = [descent.after(number) for number in report.iterations]
            network = fmean(found.objective(one.weights) for found in one.crops[: descent.content.shape[1]])
            cells = [f"{found.objective(one.weights):.3f}" if found else "" for found in reached]
            table.add_row(Text(f"{one.label} ({descent.optimizer})"), *cells, f"{network:.3f}")
    return table


def _steadiness_and_cost(report: QualityReport) -> Table:
    sizes = list(dict.fromkeys(size for one in report.styles for size in one.costs))
    table = _table(
        "Steadiness at 640×360, and cost",
        *("flicker", "worst", "warped error", "worst", "clips' own"),
        *(column for size in sizes for column in (f"GMAC {size}", "ms")),
        *(("× less GMAC", "× faster") if report.baseline else ()),
    )
    for one in report.styles:
        warped = one.warped_error
        cells = [one.label]
        cells += [f"{fmean(one.flickers):.2f}", f"{max(one.flickers):.2f}"] if one.flickers else ["", ""]
        worst = max((clip.styled for clip in one.warped), default=0.0)
        cells += [f"{warped.styled:.2f}", f"{worst:.2f}", f"{warped.camera:.2f}"] if warped else ["", "", ""]
        for size in sizes:
            cost = one.costs.get(size)
            cells += ["" if cost is None or cost.gmac is None else f"{cost.gmac:.2f}", f"{cost.ms:.1f}" if cost else ""]
        if report.baseline and sizes:
            last = one.costs.get(sizes[-1])
            ratios = (last.times_less, last.times_faster) if last else ()
            cells += ["" if ratio is None else f"{ratio:.1f}" for ratio in ratios] or ["", ""]
        table.add_row(*map(Text, cells))
    told = [str(report.machine)]
    for size, cost in report.baseline.items():
        counted = "" if cost.gmac is None else f"{cost.gmac:.1f} GMAC, "
        told.append(f"Johnson's network at {size}: {counted}{cost.ms:.0f} ms")
    table.caption, table.caption_justify = "\n".join(told), "left"
    return table


def _judgement(figures: StyleMetrics, judged: PerceptualLoss | None) -> list[str]:
    if judged is None:
        return ["", "", ""]
    return [f"{value:.3f}" for value in (judged.content, judged.style, judged.objective(figures.weights))]
