"""What `stylecam run` says once it runs: three lines, and with -v all else that is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from stylecam.cli.language import say
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
        yield say("There is no page (--no-server).")
    elif is_service:
        yield say("Page: {address} (`stylecam ctl link` prints the link with the token)", address=server.url)
    else:
        yield say("Page: {link} (whoever has this link can watch and control)", link=server.link)
    yield visibility(report.outputs, report.missing_camera)
    if not is_service:
        here, elsewhere = say("? for keys"), say("stylecam ctl --help for keys of your desktop")
        yield here if session.keyboard.reads_terminal else elsewhere


def visibility(outputs: Iterable[OutputStatus], missing: MissingCamera | None) -> str:
    """Return what sees the picture, in one line, or what to do so that anything does."""
    parts = [words for output in outputs if (words := _visible(output))]
    if missing is not None:
        fix = missing.command or missing.fix
        yet = say("Zoom and others do not see you yet: {fix}", fix=fix)
        return "; ".join([*parts, yet]) if parts else say("No program can see you yet: {fix}", fix=fix)
    return "; ".join(parts) or say("No program can see you: --output virtual shows you to Zoom and others")


def _visible(output: OutputStatus) -> str:
    file = output.name.removeprefix("file ").removeprefix("recording ")
    return {
        "virtual": say("Zoom and others see the camera {label!r}", label=output.label),
        "pipewire": say("browsers and OBS see the camera {label!r} through PipeWire", label=output.label),
        "stream": say("streaming to {address}", address=output.name),
        "file": say("recording to {file}", file=file),
        "window": say("shown in a window"),
    }.get(output.kind, "")


def details(session: Session, catalog: Catalog) -> Iterator[str]:
    """Yield what only -v shows: camera, engine, tier, outputs, styles and keys."""
    report = session.report()
    source, engine = report.source, report.engine
    delivered = f", {source['size'][0]}x{source['size'][1]} {source['format']}" if "size" in source else ""
    yield say("camera: {camera}", camera=f"{source['name']}{delivered}")
    yield say(
        "engine: {engine} on {device}, threads: {threads}",
        engine=engine.version, device=engine.device, threads=report.threads,
    ) + (f", {say(engine.reason)}" if engine.reason else "")  # fmt: skip
    if report.tier_reason is not None:
        yield say("tier: {reason}", reason=report.tier_reason)
    for output in report.outputs:
        yield say("output: {name}", name=output.name)
    names = [f"{number} {card.name}" for number, card in enumerate(catalog.cards[:9], 1)]
    yield say("styles: {names}", names=", ".join(names))
    keys = [f"{action.key} {say(action.help)}" for action in ACTIONS.values() if action.key]
    yield say("keys here: {keys}, 1-9 style", keys=", ".join(keys))
    if session.keyboard.hotkeys:
        yield say("hotkeys everywhere: {keys}", keys=", ".join(_hotkeys(session.keyboard.hotkeys)))


def _hotkeys(bindings: Bindings) -> Iterator[str]:
    for combination, command in bindings.items():
        if command.action != "select":
            yield f"{combination} {say(ACTIONS[command.action].help)}"
    selecting = [combination for combination, command in bindings.items() if command.action == "select"]
    if selecting:
        last = f" … {selecting[-1].key}" if len(selecting) > 1 else ""
        yield f"{selecting[0]}{last} {say('style by its number or name')}"
