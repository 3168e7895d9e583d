"""Results of `stylecam bench` and `stylecam evaluate` as tables for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

if TYPE_CHECKING:
    from stylecam.evaluation.performance.suite import BenchReport
    from stylecam.evaluation.quality.losses import PerceptualLoss
    from stylecam.evaluation.quality.report import QualityReport, StyleMetrics

_NORMAL_LOAD = 0.15
"""Cores that other programs keep busy on a quiet machine."""
_MIN_SOAK_S = 600.0
"""A shorter run says little about the growth of memory."""

Row = Mapping[str, Any]


def print_tables(tables: Iterable[tuple[Table, str]], width: int) -> None:
    """Print tables with the notes below them on standard output, `width` columns wide when that is no terminal."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(width=width, highlight=False)
    for number, (table, note) in enumerate(tables):
        if number:
            console.print()
        console.print(table)
        if note:
            console.print(note, markup=False, soft_wrap=True)


def bench_tables(report: BenchReport) -> Iterator[tuple[Table, str]]:
    """Make a table for each measurement, with a note below it that may be empty."""
    makers: dict[str, Callable[[Any], tuple[Table, str]]] = {
        "engines": _engines,
        "stages": _stages,
        "live": _live,
        "governor": _governor,
        "latency": _latency,
        "soak": _soak,
    }
    values = report.as_dict()
    for kind, make in makers.items():
        if kind in values:
            yield make(values[kind])


def quality_tables(report: QualityReport) -> Iterator[tuple[Table, str]]:
    """Make the tables of losses, marks, the Gatys baseline, and steadiness and cost, each when there are figures."""
    if any(style.crops for style in report.styles):
        yield _losses(report), ""
    if any(style.wall for style in report.styles):
        yield _marks(report), ""
    if any(style.baselines for style in report.styles):
        yield _baselines(report), ""
    if any(style.flickers or style.costs for style in report.styles):
        yield _steadiness_and_cost(report), ""


def _table(title: str, first: str, *columns: str) -> Table:
    return Table(
        Column(first, no_wrap=True),
        *(Column(name, justify="right") for name in columns),
        title=title,
        title_justify="left",
        caption_justify="left",
        box=None,
        pad_edge=False,
    )


def _engines(values: Row) -> tuple[Table, str]:
    table = _table(
        "Networks and engines: milliseconds of one picture, taken in turns",
        "engine", "network", "size", "picture p50", "p95", "network alone p50", "p95", "GMAC", "GMAC/s", "of the peak",
        "× faster: picture", "network",
    )  # fmt: skip
    for row in values["rows"]:
        if row["problem"] is not None and row["paint_ms"] is None:
            continue
        paint, run = row["paint_ms"] or {}, row["run_ms"] or {}
        cells = [f"{row['version']} {row['device']}", row["model"], _size(row["size"])]
        cells += [_number(value, 2) for value in (paint.get("p50"), paint.get("p95"), run.get("p50"), run.get("p95"))]
        cells += [_number(row["gmac"], 2), _number(row["gmac_per_s"], 0), _percent(row["of_peak"])]
        cells += [_number(row["picture_times_faster"], 1), _number(row["network_times_faster"], 1)]
        table.add_row(*map(Text, cells))
    return table, _peaks(values)


def _peaks(values: Row) -> str:
    peak, half = values["peak_gmac_per_s"], values["peak_bf16_gmac_per_s"]
    lines = [
        "picture: uint8 in and out, as live frames are painted; network alone: float32 in and out; GMAC/s by the "
        "faster of the two; × faster: than Johnson's network, which most style transfer programs run"
    ]
    if peak is not None:
        also = "" if half is None else f", {half:.0f} in bfloat16 (PyTorch's)"
        lines.append(f"peak: {peak:.0f} GMAC/s in float32 matrix products (NumPy's){also}; bfloat16 may pass float32's")
    lines += [_others(values)] if _others(values) else []
    lines += [
        f"left out: {row['version']} {row['device']}: {row['problem']}" for row in values["rows"] if row["problem"]
    ]
    lines += [f"left out: {problem}" for problem in values["problems"]]
    return "\n".join(lines)


def _stages(values: Row) -> tuple[Table, str]:
    table = _table("Stages of a frame, in milliseconds", "stage", "frames", "mean", "p50", "p95", "max")
    for name, took in (values["stages"] or {}).items():
        cells = [_number(took[key], 2) for key in ("mean", "p50", "p95", "max")]
        table.add_row(name, str(took["count"]), *cells)
    return table, _summary(values)


def _live(rows: Sequence[Row]) -> tuple[Table, str]:
    table = _table(
        f"Live, {_size(rows[0]['size'])} at {rows[0]['fps']:g}",
        "camera", "engine", "seconds", "published", "painted", "rung", "of the time", "latency p50/p95/p99 ms",
        "gap p99/max ms", "cores busy", "by others", "MB",
    )  # fmt: skip
    for row in rows:
        latency, gap = row["latency_ms"] or {}, row["gap_ms"] or {}
        cells = [str(row["camera"]).replace("\\", "/").rpartition("/")[2]]
        cells.append(" ".join(filter(None, (row["engine"], row["device"], row["tier"]))))
        cells += [f"{row['seconds']:.0f}", _number(row["published_fps"], 2), _number(row["styled_fps"], 2)]
        cells += [_size(row["rung"]), _percent(next(iter(row["rungs"].values()), None))]
        cells += ["/".join(_number(latency.get(key), 0) for key in ("p50", "p95", "p99"))]
        cells += ["/".join(_number(gap.get(key), 0) for key in ("p99", "max"))]
        cells += [_number(row[name], 2) for name in ("cores_busy", "others_busy")]
        cells.append(_number(row["rss_mb"], 0))
        table.add_row(*map(Text, cells))
    return table, "\n".join(_crashes(rows))


def _governor(values: Row) -> tuple[Table, str]:
    table = _table(
        "The governor while another program comes and goes",
        "phase", "programs", "from s", "to s", "rung at its end", "changes", "settled after s", "late frames",
        "published", "painted",
    )  # fmt: skip
    for phase in values["phases"]:
        cells = [phase["name"], str(phase["programs"]), f"{phase['from_s']:.1f}", f"{phase['to_s']:.1f}"]
        cells += [_size(phase["rung"]) + (" and detail" if phase.get("detail") else ""), str(phase.get("changes", ""))]
        cells += [_number(phase.get("settled_after_s"), 1), str(phase.get("late", ""))]
        cells += [_number(phase.get("published_fps"), 2), _number(phase.get("styled_fps"), 2)]
        table.add_row(*map(Text, cells))
    return table, _summary({**values, "others_busy": None})


def _latency(rows: Sequence[Row]) -> tuple[Table, str]:
    table = _table(
        "Latency in milliseconds, from capture to the hands of the output",
        "picture", "by", "frames", "p50", "p95", "p99", "max", "unreadable", "out of order",
    )  # fmt: skip
    for name, row in zip(("plain", "painted"), rows, strict=False):
        pixels, stated = row["pixels"] or {}, row["latency_ms"] or {}
        cells = [_number(pixels.get(key), 1) for key in ("p50", "p95", "p99", "max")]
        counts = [str(pixels.get(key, "")) for key in ("unreadable", "backwards")]
        table.add_row(name, "pixels", str(pixels.get("count", "")), *cells, *counts)
        cells = [_number(stated.get(key), 1) for key in ("p50", "p95", "p99")]
        table.add_row(name, "statistics", "", *cells, "", "", "")
    note = "pixels: the time of capture was written into the picture, and read from what the output got"
    return table, "\n".join([note, *_crashes(rows)])


def _soak(values: Row) -> tuple[Table, str]:
    table = _table("Soak", "what", "figure")
    gap = values["gap_ms"] or {}
    for name, value in (
        ("seconds", f"{values['seconds']:.0f}"),
        ("style switches", str(values["switches"])),
        ("times another program took half of the processor", str(values["loads"])),
        ("times the camera was lost", f"{values['faults']} (seen {values['faults_seen']})"),
        ("published and painted frames a second", _rates(values)),
        ("longest gap, ms", _number(values["longest_gap_ms"], 0)),
        ("99 % of gaps, ms", _number(gap.get("p99"), 0)),
        ("memory after warm-up and at the end, MB", _both(values["rss_mb_first"], values["rss_mb_last"], 1)),
        ("growth of memory, MB in ten minutes", _number(values["growth_mb_per_10_min"], 2)),
        ("from the first tenth to the last, MB", _number(values["risen_mb"], 1)),
        ("crashes", "none" if values["crash"] is None else str(values["crash"])),
    ):
        table.add_row(Text(name), Text(value))
    short = values["seconds"] < _MIN_SOAK_S
    return table, "memory grows at first, while networks are loaded: ask for ten minutes or more" if short else ""


def _summary(values: Row) -> str:
    cores = "" if values["cores_busy"] is None else f", {values['cores_busy']:.2f} cores busy"
    lines = (
        f"{values['version'] or values['engine']} on {values['device'] or '?'}, {_size(values['size'])}, mostly at "
        f"{_size(values['rung'])}, {_rates(values)} frames a second published and painted{cores}"
    )
    lines = "\n".join([lines, _others(values)]).strip()
    return lines if values["crash"] is None else f"{lines}\ncrashed: {values['crash']}"


def _others(values: Row) -> str:
    """Warn when other programs were busy meanwhile."""
    busy = values["others_busy"]
    if busy is None or busy < _NORMAL_LOAD:
        return ""
    return f"other programs kept {busy:.1f} cores busy meanwhile: the figures of a quiet machine are better"


def _crashes(rows: Sequence[Row]) -> list[str]:
    return [f"crashed: {row['camera']} with {row['engine']}: {row['crash']}" for row in rows if row["crash"]]


def _rates(values: Row) -> str:
    return _both(values["published_fps"], values["styled_fps"], 2)


def _both(one: float | None, other: float | None, digits: int) -> str:
    return f"{_number(one, digits)} and {_number(other, digits)}"


def _size(sides: Sequence[int] | None) -> str:
    return "camera picture" if not sides else f"{sides[0]}×{sides[1]}"


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


def _losses(report: QualityReport) -> Table:
    photos = max(len(style.crops) for style in report.styles)
    table = _table(
        f"Losses on {photos} photograph{'s' if photos != 1 else ''}",
        "style", "content", "style", "objective", "frames: content", "style", "objective", "weights", "worth (Adam)",
        "(L-BFGS)",
    )  # fmt: skip
    for style in report.styles:
        cells = [style.label, *_loss_cells(style, style.crop), *_loss_cells(style, style.frame)]
        cells.append(f"{style.weights.fine:g}, {style.weights.style:g}" if style.painting else "")
        cells += [str(style.equivalent_iterations(optimizer) or "") for optimizer in ("adam", "lbfgs")]
        table.add_row(*map(Text, cells))
    table.caption = (
        "crops of 256×256, then whole frames; weights: relu2_2's in content, style's in the objective; worth: so many\n"
        "iterations of Gatys' method reach the same objective"
    )
    return table


def _loss_cells(style: StyleMetrics, loss: PerceptualLoss | None) -> list[str]:
    if loss is None:
        return ["", "", ""]
    return [f"{value:.3f}" for value in (loss.content, loss.style, loss.objective(style.weights))]


def _marks(report: QualityReport) -> Table:
    table = _table(
        "Marks and faces",
        "style", "large forms", "worst", "marks, levels", "painting's", "boldness", "repetition", "wavelength",
        "faces found", "of",
    )  # fmt: skip
    for style in report.styles:
        wall, forms, faces = style.wall, style.large_forms, style.faces_found
        cells = [style.label]
        cells += [f"{fmean(forms):.2f}", f"{max(forms):.2f}"] if forms else ["", ""]
        marks = (wall.contrast, wall.painting) if wall else (None, None)
        cells += ["" if value is None else f"{value:.1f}" for value in marks]
        shares = (wall.boldness, wall.repetition) if wall else (None, None)
        cells += ["" if value is None else f"{value:.2f}" for value in shares]
        cells.append(f"{wall.wavelength:.1f}" if wall else "")
        cells += ["", ""] if faces is None else [f"{faces:.0%}", str(sum(one.shown for one in style.faces))]
        table.add_row(*map(Text, cells))
    table.caption = (
        "large forms: relative error of relu4_3's Gram matrix at half size; marks: contrast at wavelengths of 16 to\n"
        "128 pixels on a painted plain wall; boldness: as a share of the painting's; repetition: 1 is a regular\n"
        "pattern; wavelength: the mean size of these marks in pixels"
    )
    return table


def _baselines(report: QualityReport) -> Table:
    title = "Objective that Gatys' method reaches after N iterations"
    table = _table(title, "style", *map(str, report.iterations), "the network")
    for style in report.styles:
        for baseline in style.baselines:
            losses = [baseline.after(number) for number in report.iterations]
            cells = [f"{loss.objective(style.weights):.3f}" if loss else "" for loss in losses]
            network = fmean(loss.objective(style.weights) for loss in style.crops[: baseline.photos])
            table.add_row(Text(f"{style.label} ({baseline.optimizer})"), *cells, f"{network:.3f}")
    return table


def _steadiness_and_cost(report: QualityReport) -> Table:
    sizes = list(dict.fromkeys(size for style in report.styles for size in style.costs))
    table = _table(
        "Steadiness at 640×360, and cost",
        "style", "flicker", "worst", "pan shimmer", "warped error", "worst", "clips' own",
        *(column for size in sizes for column in (f"GMAC {size}", "ms")),
        *(("× less GMAC", "× faster") if report.baseline else ()),
    )  # fmt: skip
    for style in report.styles:
        warped = style.warped_error
        cells = [style.label]
        cells += [f"{fmean(style.flickers):.2f}", f"{max(style.flickers):.2f}"] if style.flickers else ["", ""]
        cells.append(f"{fmean(style.shimmers):.2f}" if style.shimmers else "")
        worst = max((clip.styled for clip in style.warped), default=0.0)
        cells += [f"{warped.styled:.2f}", f"{worst:.2f}", f"{warped.camera:.2f}"] if warped else ["", "", ""]
        for size in sizes:
            cost = style.costs.get(size)
            cells += ["" if cost is None or cost.gmac is None else f"{cost.gmac:.2f}", f"{cost.ms:.1f}" if cost else ""]
        if report.baseline and sizes:
            last = style.costs.get(sizes[-1])
            ratios = (last.times_less, last.times_faster) if last else (None, None)
            cells += ["" if ratio is None else f"{ratio:.1f}" for ratio in ratios]
        table.add_row(*map(Text, cells))
    lines = [str(report.environment)]
    for size, cost in report.baseline.items():
        gmac = "" if cost.gmac is None else f"{cost.gmac:.1f} GMAC, "
        lines.append(f"Johnson's network at {size}: {gmac}{cost.ms:.0f} ms")
    table.caption = "\n".join(lines)
    return table
