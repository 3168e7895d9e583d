"""What `stylecam run` says once it runs: three lines, and with -v all else that is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from stylecam.control.actions import ACTIONS
from stylecam.control.keyboard.bindings import Bindings
from stylecam.models.catalog import Catalog

if TYPE_CHECKING:
    from stylecam.live.report import MissingCamera, OutputStatus
    from stylecam.live.session import Session


def first_lines(session: Session, is_service: bool = False) -> Iterator[str]:
    """Yield the link of the page, what sees the picture, and where the keys are explained.

    The lines of a service go to a log, so they have no link with a token and name no keys.
    """
    server, report = session.server, session.report()
    if server is None:
        yield "There is no page (--no-server)."
    elif is_service:
        yield f"Page: {server.url} (`stylecam obs` prints links with the token)"
    else:
        yield f"Page: {server.link} (whoever has this link can watch and control)"
    yield visibility(report.outputs, report.missing_camera)
    if not is_service:
        yield "? for keys" if session.keyboard.reads_terminal else "stylecam ctl --help for keys of your desktop"


def visibility(outputs: Iterable[OutputStatus], missing: MissingCamera | None) -> str:
    """Return what sees the picture, in one line, or what to do so that anything does."""
    if missing is not None:
        return f"No program can see you yet: {missing.command or missing.fix}"
    parts = [words for output in outputs if (words := _visible(output))]
    return "; ".join(parts) or "No program can see you: --output virtual shows you to Zoom and others"


def _visible(output: OutputStatus) -> str:
    return {
        "virtual": f"Zoom and others see the camera {output.label!r}",
        "pipewire": f"browsers and OBS see the camera {output.label!r} through PipeWire",
        "stream": f"streaming to {output.name}",
        "file": f"recording to {output.name.removeprefix('file ').removeprefix('recording ')}",
        "window": "shown in a window",
    }.get(output.kind, "")


def details(session: Session, catalog: Catalog) -> Iterator[str]:
    """Yield what only -v shows: camera, engine, tier, outputs, styles and keys."""
    report = session.report()
    source, engine = report.source, report.engine
    delivered = f", {source['size'][0]}x{source['size'][1]} {source['format']}" if "size" in source else ""
    yield f"camera: {source['name']}{delivered}"
    reason = f", {engine.reason}" if engine.reason else ""
    yield f"engine: {engine.version} on {engine.device}, {report.threads} threads{reason}"
    if report.tier_reason is not None:
        yield f"tier: {report.tier_reason}"
    for output in report.outputs:
        yield f"output: {output.name}"
    names = [f"{number} {card.name}" for number, card in enumerate(catalog.cards[:9], 1)]
    yield f"styles: {', '.join(names)}"
    keys = [f"{action.key} {action.help}" for action in ACTIONS.values() if action.key]
    yield f"keys here: {', '.join(keys)}, 1-9 style"
    if session.keyboard.hotkeys:
        yield "hotkeys everywhere: " + ", ".join(_hotkeys(session.keyboard.hotkeys))


def _hotkeys(bindings: Bindings) -> Iterator[str]:
    for combination, command in bindings.items():
        if command.action != "select":
            yield f"{combination} {ACTIONS[command.action].help}"
    selecting = [combination for combination, command in bindings.items() if command.action == "select"]
    if selecting:
        yield f"{selecting[0]} to {selecting[-1].key} style" if len(selecting) > 1 else f"{selecting[0]} style"
