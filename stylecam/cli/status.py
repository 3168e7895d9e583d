"""What `stylecam run` shows: messages, the greeting, the live status line, the summary."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.live import Live as RichLive
from rich.table import Column, Table
from rich.text import Text

from stylecam.control.actions import ACTIONS
from stylecam.control.keyboard.bindings import KeyCombination
from stylecam.models.catalog import Catalog

if TYPE_CHECKING:
    from stylecam.live.session import Session

PLAIN_EVERY = 40
"""Where nobody watches a terminal, one status line per this many ticks (10 s), with -v only."""


class StatusLine:
    """A line at the bottom of the terminal that follows the statistics; messages scroll above it."""

    def __init__(self, console: Console, verbose: bool) -> None:
        self._console = console
        self._verbose = verbose
        self._live: RichLive | None = None
        self._ticks = 0

    def __enter__(self) -> StatusLine:
        return self

    def start(self) -> None:
        """Show the line from now on, where there is a terminal; leaving the context takes it away."""
        if self._console.is_terminal:
            self._live = RichLive(console=self._console, auto_refresh=False, transient=True)
            self._live.start()

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def say(self, message: str) -> None:
        """One message for the user, on standard error."""
        self._console.print(Text(message), soft_wrap=True)

    def show(self, stats: dict[str, Any]) -> None:
        """Bring the line up to date."""
        self._ticks += 1
        if self._live is not None:
            self._live.update(line(stats, self._verbose), refresh=True)
        elif self._verbose and self._ticks % PLAIN_EVERY == 1:
            self.say(line(stats, True).plain)

    def profile(self, stats: dict[str, Any]) -> None:
        """How long each stage of a frame took, as a table."""
        table = Table("stage", *(Column(name, justify="right") for name in ("frames", "p50 ms", "p95 ms", "max ms")))
        for stage, took in stats["stages"].items():
            table.add_row(stage, str(took["count"]), *(f"{took[name]:.2f}" for name in ("p50", "p95", "max")))
        self._console.print(table)

    def summary(self, stats: dict[str, Any]) -> str:
        """The run in one line."""
        latency, gap = stats["latency_ms"], stats["gap_ms"]
        return (
            f"{stats['seconds']:.0f} s: published {stats['published_fps']:.1f} and painted {stats['styled_fps']:.1f} "
            f"frames a second, latency p50 {_ms(latency['p50'])} p95 {_ms(latency['p95'])}, "
            f"longest gap {_ms(gap['max'])}, "
            f"{stats['repeats']} repeats, {stats['drops']} drops, {stats['faults']['total']} faults"
        )


def line(stats: dict[str, Any], verbose: bool = False) -> Text:
    """The status line for `stats`, as `Session.report` gives them."""
    recent = stats["recent"]
    latency = recent["latency_ms"]
    rung = "×".join(map(str, stats["rung"])) if stats["rung"] else "camera picture"
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(
        f" {'❚❚ ' if stats['frozen'] else ''}{'bypass' if stats['bypass'] else stats['style']} ", "bold reverse"
    )
    if stats["strength"] < 1:
        text.append(f" {stats['strength']:.0%}")
    if stats["waiting_for"]:
        text.append(f"  {stats['waiting_for']}: the camera is off", "bold yellow")
        return text
    slow = recent["published_fps"] < 0.95 * stats["fps"] and stats["published"] > stats["fps"]
    text.append(f"  {recent['published_fps']:.1f} fps", "bold red" if slow else "bold green")
    text.append(f"  painted {recent['styled_fps']:.1f}  at {rung}  latency {_ms(latency['p50'])}/{_ms(latency['p95'])}")
    text.append(f"  repeats {stats['repeats']}  drops {stats['drops']}  {stats['engine']} {stats['device']}", "dim")
    if stats["source_trouble"]:
        text.append("  camera lost", "bold red")
    if verbose and stats["governor"]:
        text.append(f"  [{stats['governor']['reason']}]", "dim")
    return text


def greeting(session: Session, catalog: Catalog) -> Iterator[str]:
    """What runs, where the picture is, and which keys do what."""
    report = session.report(session.stats.first_published_at or 0.0)
    source = report["source"]
    delivered = f", {source['size'][0]}x{source['size'][1]} {source['format']}" if "size" in source else ""
    yield f"camera: {source['name']}{delivered}"
    reason = f", {report['engine_reason']}" if report["engine_reason"] else ""
    yield f"engine: {report['engine_version']} on {report['device']}, {report['threads']} threads{reason}"
    for entry in report["outputs"]:
        yield f"output: {entry['name']}"
    if session.server is not None:
        yield f"page: {session.server.link} (whoever has this link can watch and steer)"
    names = [f"{number} {card.name}" for number, card in enumerate(catalog.cards[:9], 1)]
    yield f"styles: {', '.join(names)}"
    keys = {order: combo for combo, order in session.hotkeys.items()}
    yield "keys here: " + ", ".join(f"{a.key} {a.help}" for a in ACTIONS.values() if a.key) + ", 1-9 style"
    if keys:
        yield "hotkeys everywhere: " + ", ".join(_hotkeys(keys))


def _hotkeys(keys: dict[Any, KeyCombination]) -> Iterator[str]:
    for order, combo in keys.items():
        if order.action != "select":
            yield f"{combo} {ACTIONS[order.action].help}"
    chosen = [combo for order, combo in keys.items() if order.action == "select"]
    if chosen:
        yield f"{chosen[0]} to {chosen[-1].key} style" if len(chosen) > 1 else f"{chosen[0]} style"


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f} ms"
