"""What `stylecam run` shows while it runs and at its end: the status line, the summary and the table of stages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Column, Table
from rich.text import Text

from stylecam.cli.language import say
from stylecam.cli.terminal_log import TerminalWriter
from stylecam.utils.text import printable

if TYPE_CHECKING:
    from stylecam.live.report import SessionReport

PLAIN_EVERY = 40
"""Without a real terminal, one status line per this many reports (10 s), with -v only."""


class StatusLine:
    """Follows the figures of a run at the bottom of the terminal; messages scroll above it."""

    def __init__(self, terminal: TerminalWriter, verbose: bool) -> None:
        self._terminal = terminal
        self._verbose = verbose
        self._reports = 0

    def show(self, report: SessionReport) -> None:
        """Bring the line up to date."""
        self._reports += 1
        if self._terminal.interactive:
            self._terminal.show_status(status_line(report, self._verbose))
        elif self._verbose and self._reports % PLAIN_EVERY == 1:
            self._terminal.write(status_line(report, verbose=True))


def stages_table(report: SessionReport) -> Table:
    """Return how long each stage of a frame took."""
    table = Table("stage", *(Column(name, justify="right") for name in ("frames", "p50 ms", "p95 ms", "max ms")))
    for stage, times in report.pipeline.stages.items():
        table.add_row(stage, str(times["count"]), *(f"{times[name]:.2f}" for name in ("p50", "p95", "max")))
    return table


def summary(report: SessionReport, verbose: bool = False) -> str:
    """Return the run in one line, with all figures only if `verbose`."""
    frames = report.pipeline.frames
    if not verbose:
        return say(
            "ended after {seconds:.0f} s, {fps:.0f} pictures a second", seconds=report.seconds, fps=frames.published_fps
        )
    return say(
        "{seconds:.0f} s: published {published:.1f} and painted {painted:.1f} frames a second, "
        "latency p50 {p50} p95 {p95}, longest gap {gap}, {repeats} repeats, {drops} drops, {faults} faults",
        seconds=report.seconds, published=frames.published_fps, painted=frames.styled_fps,
        p50=_ms(frames.latency_ms.p50), p95=_ms(frames.latency_ms.p95), gap=_ms(frames.gap_ms.max),
        repeats=frames.repeats, drops=frames.drops, faults=frames.faults.total,
    )  # fmt: skip


def status_line(report: SessionReport, verbose: bool = False) -> Text:
    """Return the status line for `report`, with the figures that help to find a fault only if `verbose`."""
    pipeline, state = report.pipeline, report.state
    frames, recent = pipeline.frames, pipeline.frames.recent
    text = Text(no_wrap=True, overflow="ellipsis")
    if state["recording"]:
        text.append(" ● REC ", "bold red")
    if state["panic"]:
        text.append(f" {say('PANIC')} ", "bold white on red")
    if state["resting"]:
        text.append(f" {say('CAMERA OFF')} ", "bold black on yellow")
    shown = say("plain camera") if state["bypass"] else state["style"]
    text.append(f" {'❚❚ ' if state['frozen'] else ''}{shown} ", "bold reverse")
    if state["strength"] < 1:
        text.append(f" {state['strength']:.0%}")
    if state["paint"] != "everything":
        only = say("only the person is painted") if state["paint"] == "person" else say("only the room is painted")
        text.append(f"  {only}")
    if state["room"] != "camera":
        kind, _, detail = state["room"].partition(":")
        text.append("  " + say("room: {room}", room=detail if kind == "style" else kind))
    if state["cycle_s"] is not None:
        text.append("  " + say("changes every {seconds:g} s", seconds=state["cycle_s"]), "bold")
    if pipeline.painting_trouble:
        text.append(f"  {say(pipeline.painting_trouble)}", "bold red")
    if state["resting"]:
        return text
    if pipeline.waiting_for:
        text.append("  " + say("{reason}: the camera is off", reason=pipeline.waiting_for), "bold yellow")
        return text
    slow = recent.published_fps < 0.95 * report.fps and frames.published > report.fps
    text.append(
        "  " + say("{fps:.0f} pictures a second", fps=recent.published_fps), "bold red" if slow else "bold green"
    )
    if pipeline.viewers:
        names = ", ".join(printable(say(name)) for name in pipeline.viewers)
        text.append("  " + say("seen by {names}", names=names), "bold")
    if pipeline.source_trouble:
        text.append("  " + say("camera lost"), "bold red")
    if verbose:
        text.append(f"  {_figures(report)}", "dim")
    return text


def _figures(report: SessionReport) -> str:
    """Return how finely and how fast it paints, and with what."""
    pipeline, engine, tier = report.pipeline, report.engine, report.state["tier"]
    frames, latency = pipeline.frames, pipeline.frames.recent.latency_ms
    rung = "×".join(map(str, pipeline.rung.size)) if pipeline.rung is not None else say("camera picture")
    parts = [
        say("painted {fps:.1f}", fps=frames.recent.styled_fps),
        say("at {size}", size=rung),
        say("latency {latency}", latency=f"{_ms(latency.p50)}/{_ms(latency.p95)}"),
        say("repeats {repeats}  drops {drops}", repeats=frames.repeats, drops=frames.drops),
        f"{engine.name} {engine.device}{f' {tier}' if tier else ''}",
    ]
    if pipeline.governor is not None:
        parts.append(f"[{pipeline.governor.reason}]")
    return "  ".join(parts)


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f} ms"
