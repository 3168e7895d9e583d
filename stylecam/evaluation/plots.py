"""Draw the results of `stylecam bench` and `stylecam evaluate`; needs matplotlib."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from stylecam.utils.plots import add_legend, name_bars, new_figure, write_figure

if TYPE_CHECKING:
    from stylecam.evaluation.performance.suite import BenchReport
    from stylecam.evaluation.quality.report import QualityReport, StyleMetrics

_LOAD_COLOR = "#f2c14e"


def write_bench_chart(path: Path, report: BenchReport) -> None:
    """Draw the measurements to a PNG, one panel each.

    Raises:
        OSError: it cannot be written.
    """
    panels: dict[str, Callable[[Any, Any], None]] = {
        "engines": _draw_engines,
        "stages": _draw_stages,
        "live": _draw_live,
        "governor": _draw_governor,
        "latency": _draw_latency,
        "soak": _draw_soak,
    }
    values = report.as_dict()
    kinds = [kind for kind in panels if kind in values]
    figure = new_figure(11, 4.2 * max(1, len(kinds)))
    figure.suptitle(str(report.host), fontsize=8)
    for number, kind in enumerate(kinds, 1):
        panels[kind](figure.add_subplot(len(kinds), 1, number), values[kind])
    write_figure(path, figure)


def write_quality_chart(path: Path, report: QualityReport) -> None:
    """Draw content against style loss with the Gatys baseline, the marks, the faces and the steadiness to a PNG.

    Raises:
        OSError: it cannot be written.
    """
    from matplotlib import colormaps

    styles = report.styles
    panels: dict[str, tuple[str, list[float | None], float | None]] = {
        "boldness": ("contrast of marks on a wall, ÷ the painting's", [_boldness(one) for one in styles], 1.0),
        "large forms": ("distance from the painting's", [_mean(one.large_forms) for one in styles], None),
        "repetition": ("of the marks on a wall", [one.wall.repetition if one.wall else None for one in styles], None),
        "faces": ("share found again", [one.faces_found for one in styles], None),
        "flicker": ("of a still noisy picture, ÷ the camera's", [_mean(one.flickers) for one in styles], 1.0),
        "pan shimmer": ("÷ the painting's own detail", [_mean(one.shimmers) for one in styles], None),
        "warped error": (
            "of moving clips, levels",
            [one.warped_error.styled if one.warped_error else None for one in styles],
            _mean([one.warped_error.camera for one in styles if one.warped_error]),
        ),
    }
    panels = {title: panel for title, panel in panels.items() if any(value is not None for value in panel[1])}
    figure = new_figure(16, 5.0 + max(4.0, 1.5 + 0.32 * len(styles)))
    above, below = figure.subfigures(2, 1, height_ratios=(5.0, max(4.0, 1.5 + 0.32 * len(styles))))
    colors = [colormaps["tab20"](number % 20) for number in range(len(styles))]
    _draw_losses(above.subplots(), report, colors)
    for number, (title, (meaning, values, camera)) in enumerate(panels.items(), 1):
        axes = below.add_subplot(1, len(panels), number)
        _draw_bars(axes, styles, colors, values)
        axes.set(xlabel=meaning, title=title)
        if number > 1:
            axes.set(yticklabels=[])
        if camera is not None:
            axes.axvline(camera, color="black", linestyle="--")
    write_figure(path, figure)


def _draw_engines(axes: Any, values: dict[str, Any]) -> None:
    rows = [row for row in values["rows"] if row["paint_ms"] is not None]
    for place, row in enumerate(rows):
        times = row["paint_ms"]
        color = "tab:grey" if row["baseline"] else f"C{row['size'][0] % 7}"
        axes.barh(place, times["p50"], color=color, xerr=[[0.0], [max(0.0, times["p95"] - times["p50"])]])
        peak = "" if row["of_peak"] is None else f", {row['of_peak']:.0%} of the peak"
        ratio = row["picture_times_faster"]
        faster = "" if ratio is None or row["baseline"] else f", {ratio:.0f}× as fast as Johnson's"
        axes.text(times["p95"], place, f"  {times['p50']:.1f} ms{peak}{faster}", va="center", fontsize=8)
    name_bars(
        axes, [f"{row['version']} {row['device']}, {row['model']} {row['size'][0]}×{row['size'][1]}" for row in rows]
    )
    axes.set(xscale="log", xlabel="ms of a picture, median and 95 %", title="Engines")
    axes.set_xlim(right=8 * axes.get_xlim()[1])


def _draw_stages(axes: Any, values: dict[str, Any]) -> None:
    start = 0.0
    for name, times in (values["stages"] or {}).items():
        axes.barh(0, times["mean"], 0.5, left=start, label=f"{name} {times['mean']:.2f} ms")
        start += times["mean"]
    axes.axvline(1000 / values["fps"], color="black", linestyle="--")
    axes.set(xlabel="mean ms of a frame; - - the time there is", yticks=[], ylim=(-1, 0.5), title="Stages of a frame")
    add_legend(axes, ncols=4, loc="lower right")


def _draw_live(axes: Any, rows: list[dict[str, Any]]) -> None:
    rows = [row for row in rows if row["latency_ms"] is not None and row["latency_ms"]["p99"] is not None]
    for place, row in enumerate(rows):
        latency = row["latency_ms"]
        for name, color in (("p99", "#c6dbef"), ("p95", "#6baed6"), ("p50", "#2171b5")):
            axes.barh(place, latency[name], color=color, label=name if place == 0 else None)
        cores = "" if row["cores_busy"] is None else f", {row['cores_busy']} cores"
        text = f"  {row['published_fps']:.1f} published, {row['styled_fps']:.1f} painted{cores}"
        axes.text(latency["p99"], place, text, va="center", fontsize=8)
    rungs = ["" if not row["rung"] else f" {row['rung'][0]}×{row['rung'][1]}" for row in rows]
    name_bars(
        axes, [f"{Path(row['camera']).name} {row['engine']}{rung}" for row, rung in zip(rows, rungs, strict=True)]
    )
    axes.set(xlabel="latency, ms", title="Live")
    axes.margins(x=0.3)
    add_legend(axes, loc="lower right")


def _draw_governor(axes: Any, values: dict[str, Any]) -> None:
    samples = [entry for entry in values["timeline"] if entry["rung"]]
    times = [entry["t"] for entry in samples]
    for phase in values["phases"]:
        if phase["programs"]:
            axes.axvspan(phase["from_s"], phase["to_s"], color=_LOAD_COLOR, alpha=0.35, label="another program")
    axes.step(times, [entry["rung"][0] for entry in samples], where="post", label="rung")
    axes.set(xlabel="s", ylabel="width of the rung, pixels", title="The governor")
    late = axes.twinx()
    late.plot(times, [entry["repeats"] for entry in samples], color="tab:red", linestyle=":")
    late.set_ylabel("late frames so far (dotted)", color="tab:red")
    add_legend(axes, loc="lower right")


def _draw_latency(axes: Any, rows: list[dict[str, Any]]) -> None:
    for place, (name, row) in enumerate(zip(("plain", "painted"), rows, strict=False)):
        pixels = row["pixels"] or {}
        for key, mark in (("p50", "o"), ("p95", "s"), ("p99", "^"), ("max", "x")):
            if pixels.get(key) is not None:
                axes.plot(pixels[key], place, mark, color=f"C{place}", label=f"{name} {key} {pixels[key]:.1f} ms")
    axes.set(xlabel="ms from capture to output, read from pixels", yticks=[], ylim=(-1, 2), title="Latency")
    add_legend(axes, ncols=2, loc="lower right")


def _draw_soak(axes: Any, values: dict[str, Any]) -> None:
    minutes = [entry["t"] / 60 for entry in values["timeline"]]
    axes.plot(minutes, [entry["rss_mb"] for entry in values["timeline"]], label="memory, MB")
    axes.set(xlabel="minutes", ylabel="MB", title="Soak")
    gaps = axes.twinx()
    gaps.plot(minutes, [entry["longest_gap_ms"] or 0 for entry in values["timeline"]], color="tab:red", linestyle=":")
    gaps.set_ylabel("longest gap so far, ms (dotted)", color="tab:red")
    add_legend(axes, loc="lower right")


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None


def _boldness(style: StyleMetrics) -> float | None:
    return style.wall.boldness if style.wall else None


def _draw_losses(axes: Any, report: QualityReport, colors: list[Any]) -> None:
    drawn: set[int] = set()
    for style, color in zip(report.styles, colors, strict=True):
        if style.crop is None:
            continue
        axes.plot(style.crop.content, style.crop.style, "o", color=color, markersize=9, label=style.label)
        for baseline in style.baselines:
            own = style.crop_mean(baseline.photos)
            if baseline.optimizer != "adam" or own is None:
                continue
            axes.plot(own.content, own.style, "o", color=color, markersize=9, fillstyle="none")
            if id(baseline) in drawn:  # shared by several banks
                continue
            drawn.add(id(baseline))
            points = [number for number in report.iterations if number < len(baseline.content)]
            content, style_loss = baseline.content.mean(1), baseline.style.mean(1)
            shown = slice(min(points, default=0), max(points, default=0) + 1)
            axes.plot(content[shown], style_loss[shown], "-", color=color, alpha=0.6)
            axes.plot(content[points], style_loss[points], "x", color=color)
            for number in points:
                place = (content[number], style_loss[number])
                axes.annotate(str(number), place, fontsize=7, xytext=(3, 3), textcoords="offset points")
    axes.set(
        xlabel="content loss (crops)",
        ylabel="style loss",
        yscale="log",
        title="• network   ○ on those photographs that Gatys painted: × after N (Adam)",
    )
    axes.grid(visible=True, which="both", alpha=0.25)
    add_legend(axes)


def _draw_bars(axes: Any, styles: list[StyleMetrics], colors: list[Any], values: list[float | None]) -> None:
    axes.barh(range(len(styles)), [value or 0.0 for value in values], color=colors)
    for place, value in enumerate(values):
        axes.text(value or 0.0, place, " –" if value is None else f" {value:.2f}", va="center", fontsize=8)
    name_bars(axes, [one.label for one in styles])
    axes.margins(x=0.15)
