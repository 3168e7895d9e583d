"""Benchmarks as tables for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Column, Table
from rich.text import Text

if TYPE_CHECKING:
    from stylecam.evaluation.performance.suite import BenchReport

_QUIET = 0.15
"""So many cores are always busy with something."""
_TELLING_S = 600.0
"""A soak of less says little about memory."""

Row = Mapping[str, Any]


def tables(report: BenchReport) -> Iterator[tuple[Table, str]]:
    """One for each thing that was measured, with a note below it that may be empty."""
    found = report.as_dict()
    if "engines" in found:
        yield _engines(found["engines"])
    if "stages" in found:
        yield _stages(found["stages"])
    if "live" in found:
        yield _live(found["live"])
    if "governor" in found:
        yield _governor(found["governor"])
    if "latency" in found:
        yield _latency(found["latency"])
    if "soak" in found:
        yield _soak(found["soak"])


def _table(title: str, first: str, *columns: str) -> Table:
    return Table(
        Column(first, no_wrap=True),
        *(Column(name, justify="right") for name in columns),
        title=title,
        title_justify="left",
        box=None,
        pad_edge=False,
    )


def _engines(found: Row) -> tuple[Table, str]:
    table = _table(
        "Networks and engines: milliseconds of one picture, taken in turns",
        "engine", "network", "size", "picture p50", "p95", "network alone p50", "p95", "GMAC", "GMAC/s", "of the peak",
        "× faster: picture", "network",
    )  # fmt: skip
    for row in found["rows"]:
        if row["problem"] is not None and row["paint_ms"] is None:
            continue
        paint, run = row["paint_ms"] or {}, row["run_ms"] or {}
        cells = [f"{row['version']} {row['device']}", row["model"], _size(row["size"])]
        cells += [_number(value, 2) for value in (paint.get("p50"), paint.get("p95"), run.get("p50"), run.get("p95"))]
        cells += [_number(row["gmac"], 2), _number(row["gmac_per_s"], 0), _percent(row["of_peak"])]
        cells += [_number(row["picture_times_faster"], 1), _number(row["network_times_faster"], 1)]
        table.add_row(*map(Text, cells))
    return table, _peaks(found)


def _peaks(found: Row) -> str:
    peak, half = found["peak_gmac_per_s"], found["peak_bf16_gmac_per_s"]
    told = [
        "picture: uint8 in and out, as live frames are painted; network alone: float32 in and out; GMAC/s by the "
        "faster of the two; × faster: than Johnson's network, which most style transfer programs run"
    ]
    if peak is not None:
        also = "" if half is None else f", {half:.0f} in bfloat16 (PyTorch's)"
        told.append(f"peak: {peak:.0f} GMAC/s in float32 matrix products (NumPy's){also}; bfloat16 may pass float32's")
    told += [_others(found)] if _others(found) else []
    told += [f"left out: {row['version']} {row['device']}: {row['problem']}" for row in found["rows"] if row["problem"]]
    told += [f"left out: {problem}" for problem in found["problems"]]
    return "\n".join(told)


def _stages(found: Row) -> tuple[Table, str]:
    table = _table("Stages of a frame, in milliseconds", "stage", "frames", "mean", "p50", "p95", "max")
    for name, took in (found["stages"] or {}).items():
        cells = [_number(took[key], 2) for key in ("mean", "p50", "p95", "max")]
        table.add_row(name, str(took["count"]), *cells)
    return table, _run_in_words(found)


def _live(rows: Sequence[Row]) -> tuple[Table, str]:
    table = _table(
        f"Live, {_size(rows[0]['size'])} at {rows[0]['fps']:g}",
        "camera", "engine", "seconds", "published", "painted", "rung", "of the time", "latency p50/p95/p99 ms",
        "gap p99/max ms", "cores busy", "by others", "MB",
    )  # fmt: skip
    for row in rows:
        latency, gap = row["latency_ms"] or {}, row["gap_ms"] or {}
        cells = [str(row["camera"]).replace("\\", "/").rpartition("/")[2], f"{row['engine']} {row['device'] or ''}"]
        cells += [f"{row['seconds']:.0f}", _number(row["published_fps"], 2), _number(row["styled_fps"], 2)]
        cells += [_size(row["rung"]), _percent(next(iter(row["rungs"].values()), None))]
        cells += ["/".join(_number(latency.get(key), 0) for key in ("p50", "p95", "p99"))]
        cells += ["/".join(_number(gap.get(key), 0) for key in ("p99", "max"))]
        cells += [_number(row[name], 2) for name in ("cores_busy", "others_busy")]
        cells.append(_number(row["rss_mb"], 0))
        table.add_row(*map(Text, cells))
    return table, "\n".join(_crashes(rows))


def _governor(found: Row) -> tuple[Table, str]:
    table = _table(
        "The governor while another program comes and goes",
        "phase", "programs", "from s", "to s", "rung at its end", "changes", "settled after s", "late frames",
        "published", "painted",
    )  # fmt: skip
    for phase in found["phases"]:
        cells = [phase["name"], str(phase["programs"]), f"{phase['from_s']:.1f}", f"{phase['to_s']:.1f}"]
        cells += [_size(phase["rung"]) + (" and detail" if phase.get("detail") else ""), str(phase.get("changes", ""))]
        cells += [_number(phase.get("settled_after_s"), 1), str(phase.get("late", ""))]
        cells += [_number(phase.get("published_fps"), 2), _number(phase.get("styled_fps"), 2)]
        table.add_row(*map(Text, cells))
    return table, _run_in_words({**found, "others_busy": None})


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


def _soak(found: Row) -> tuple[Table, str]:
    table = _table("Soak", "what", "figure")
    gap = found["gap_ms"] or {}
    for name, value in (
        ("seconds", f"{found['seconds']:.0f}"),
        ("style switches", str(found["switches"])),
        ("times another program took half of the processor", str(found["loads"])),
        ("times the camera was lost", f"{found['faults']} (seen {found['faults_seen']})"),
        ("published and painted frames a second", _rates(found)),
        ("longest gap, ms", _number(found["longest_gap_ms"], 0)),
        ("99 % of gaps, ms", _number(gap.get("p99"), 0)),
        ("memory after warm-up and at the end, MB", _both(found["rss_mb_first"], found["rss_mb_last"], 1)),
        ("growth of memory, MB in ten minutes", _number(found["growth_mb_per_10_min"], 2)),
        ("from the first tenth to the last, MB", _number(found["risen_mb"], 1)),
        ("crashes", "none" if found["crash"] is None else str(found["crash"])),
    ):
        table.add_row(Text(name), Text(value))
    short = found["seconds"] < _TELLING_S
    return table, "memory grows at first, while networks are loaded: ask for ten minutes or more" if short else ""


def _run_in_words(found: Row) -> str:
    cores = "" if found["cores_busy"] is None else f", {found['cores_busy']:.2f} cores busy"
    told = (
        f"{found['version'] or found['engine']} on {found['device'] or '?'}, {_size(found['size'])}, mostly at "
        f"{_size(found['rung'])}, {_rates(found)} frames a second published and painted{cores}"
    )
    told = "\n".join([told, _others(found)]).strip()
    return told if found["crash"] is None else f"{told}\ncrashed: {found['crash']}"


def _others(found: Row) -> str:
    """A warning where other programs were busy meanwhile, else nothing."""
    busy = found["others_busy"]
    if busy is None or busy < _QUIET:
        return ""
    return f"other programs kept {busy:.1f} cores busy meanwhile: the figures of a quiet machine are better"


def _crashes(rows: Sequence[Row]) -> list[str]:
    return [f"crashed: {row['camera']} with {row['engine']}: {row['crash']}" for row in rows if row["crash"]]


def _rates(found: Row) -> str:
    return _both(found["published_fps"], found["styled_fps"], 2)


def _both(one: float | None, other: float | None, digits: int) -> str:
    return f"{_number(one, digits)} and {_number(other, digits)}"


def _size(sides: Sequence[int] | None) -> str:
    return "camera picture" if not sides else f"{sides[0]}×{sides[1]}"


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"
