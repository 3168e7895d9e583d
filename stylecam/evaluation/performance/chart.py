"""Measurements as a picture; needs matplotlib."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stylecam.evaluation.performance.suite import BenchReport
from stylecam.utils.files import write_bytes

_LOADED = "#f2c14e"


def write_chart(path: Path, report: BenchReport) -> None:
    """Draw what was measured to a PNG, one panel for each kind.

    Raises:
        OSError: it cannot be written.
    """
    from matplotlib.figure import Figure

    found = report.as_dict()
    drawn = [kind for kind in _DRAW if kind in found]
    figure = Figure(figsize=(11, 4.2 * max(1, len(drawn))), layout="constrained")
    figure.suptitle(str(report.host), fontsize=8)
    for number, kind in enumerate(drawn, 1):
        _DRAW[kind](figure.add_subplot(len(drawn), 1, number), found[kind])
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    write_bytes(path, buffer.getvalue())


def _draw_engines(axes: Any, found: dict[str, Any]) -> None:
    rows = [row for row in found["rows"] if row["paint_ms"] is not None]
    for place, row in enumerate(rows):
        spread = row["paint_ms"]
        colour = "tab:grey" if row["baseline"] else f"C{row['size'][0] % 7}"
        axes.barh(place, spread["p50"], color=colour, xerr=[[0.0], [max(0.0, spread["p95"] - spread["p50"])]])
        peak = "" if row["of_peak"] is None else f", {row['of_peak']:.0%} of the peak"
        ratio = row["picture_times_faster"]
        times = "" if ratio is None or row["baseline"] else f", {ratio:.0f}× as fast as Johnson's"
        axes.text(spread["p95"], place, f"  {spread['p50']:.1f} ms{peak}{times}", va="center", fontsize=8)
    names = [f"{row['version']} {row['device']}, {row['model']} {row['size'][0]}×{row['size'][1]}" for row in rows]
    axes.set_yticks(range(len(rows)), names, fontsize=8)
    axes.invert_yaxis()
    axes.set(xscale="log", xlabel="ms of a picture, median and 95 %", title="Engines")
    axes.set_xlim(right=8 * axes.get_xlim()[1])


def _draw_stages(axes: Any, found: dict[str, Any]) -> None:
    begin = 0.0
    for name, took in (found["stages"] or {}).items():
        axes.barh(0, took["mean"], 0.5, left=begin, label=f"{name} {took['mean']:.2f} ms")
        begin += took["mean"]
    axes.axvline(1000 / found["fps"], color="black", linestyle="--")
    axes.set(xlabel="mean ms of a frame; - - the time there is", yticks=[], ylim=(-1, 0.5), title="Stages of a frame")
    _explain(axes, 4)


def _draw_live(axes: Any, rows: list[dict[str, Any]]) -> None:
    shown = [row for row in rows if row["latency_ms"] is not None and row["latency_ms"]["p99"] is not None]
    for place, row in enumerate(shown):
        latency = row["latency_ms"]
        for name, colour in (("p99", "#c6dbef"), ("p95", "#6baed6"), ("p50", "#2171b5")):
            axes.barh(place, latency[name], color=colour, label=name if place == 0 else None)
        cores = "" if row["cores_busy"] is None else f", {row['cores_busy']} cores"
        told = f"  {row['published_fps']:.1f} published, {row['styled_fps']:.1f} painted{cores}"
        axes.text(latency["p99"], place, told, va="center", fontsize=8)
    rungs = ["" if not row["rung"] else f" {row['rung'][0]}×{row['rung'][1]}" for row in shown]
    names = [f"{Path(row['camera']).name} {row['engine']}{rung}" for row, rung in zip(shown, rungs, strict=True)]
    axes.set_yticks(range(len(shown)), names, fontsize=8)
    axes.invert_yaxis()
    axes.set(xlabel="latency, ms", title="Live")
    axes.margins(x=0.3)
    _explain(axes)


def _draw_governor(axes: Any, found: dict[str, Any]) -> None:
    seen = [entry for entry in found["timeline"] if entry["rung"]]
    for phase in found["phases"]:
        if phase["programs"]:
            axes.axvspan(phase["from_s"], phase["to_s"], color=_LOADED, alpha=0.35, label="another program")
    axes.step([entry["t"] for entry in seen], [entry["rung"][0] for entry in seen], where="post", label="rung")
    axes.set(xlabel="s", ylabel="width of the rung, pixels", title="The governor")
    late = axes.twinx()
    late.plot([entry["t"] for entry in seen], [entry["repeats"] for entry in seen], color="tab:red", linestyle=":")
    late.set_ylabel("late frames so far (dotted)", color="tab:red")
    _explain(axes)


def _draw_latency(axes: Any, rows: list[dict[str, Any]]) -> None:
    for place, (name, row) in enumerate(zip(("plain", "painted"), rows, strict=False)):
        pixels = row["pixels"] or {}
        for key, mark in (("p50", "o"), ("p95", "s"), ("p99", "^"), ("max", "x")):
            if pixels.get(key) is not None:
                axes.plot(pixels[key], place, mark, color=f"C{place}", label=f"{name} {key} {pixels[key]:.1f} ms")
    axes.set(xlabel="ms from capture to output, read from pixels", yticks=[], ylim=(-1, 2), title="Latency")
    _explain(axes, 2)


def _draw_soak(axes: Any, found: dict[str, Any]) -> None:
    minutes = [entry["t"] / 60 for entry in found["timeline"]]
    axes.plot(minutes, [entry["rss_mb"] for entry in found["timeline"]], label="memory, MB")
    axes.set(xlabel="minutes", ylabel="MB", title="Soak")
    gaps = axes.twinx()
    gaps.plot(minutes, [entry["longest_gap_ms"] or 0 for entry in found["timeline"]], color="tab:red", linestyle=":")
    gaps.set_ylabel("longest gap so far, ms (dotted)", color="tab:red")
    _explain(axes)


def _explain(axes: Any, columns: int = 1) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, ncols=columns, loc="lower right")


_DRAW: dict[str, Callable[[Any, Any], None]] = {
    "engines": _draw_engines,
    "stages": _draw_stages,
    "live": _draw_live,
    "governor": _draw_governor,
    "latency": _draw_latency,
    "soak": _draw_soak,
}
