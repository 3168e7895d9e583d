"""`stylecam ctl`: control the running stylecam from a key of the desktop, a script or a Stream Deck."""

from __future__ import annotations

import json
from typing import Any

import click
from click.shell_completion import CompletionItem

from stylecam.cli import shared_options as shared
from stylecam.control.actions import ACTIONS
from stylecam.control.command import Command
from stylecam.errors import CommandRefusedError, UsageError
from stylecam.stylize.room import Room

QUERIES = {
    "state": "the current state",
    "link": "the link of the page",
    "watch": "every change, as it happens",
    "actions": "this list",
}
"""Words that only read, by help text."""


def _complete(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the action first, then its arguments."""
    words: tuple[str, ...] = context.params.get("words") or ()
    if not words:
        items = [CompletionItem(action.name, help=action.help) for action in ACTIONS.values()]
        items += [CompletionItem(name, help=text) for name, text in QUERIES.items()]
        return [item for item in items if item.value.startswith(incomplete)]
    parameters = ACTIONS[words[0]].parameters if words[0] in ACTIONS else ()
    if len(words) > len(parameters):
        return []
    parameter = parameters[len(words) - 1]
    if parameter.name in ("style", "weights"):
        from stylecam.cli.completion import complete_style

        return complete_style(context, context.command.params[0], incomplete)
    if words[0] == "room":
        from stylecam.cli.completion import complete_room

        return complete_room(context, context.command.params[0], incomplete)
    if words[0] == "camera":
        from stylecam.cli.completion import complete_camera

        return [
            item for item in complete_camera(context, context.command.params[0], incomplete) if item.type == "plain"
        ]
    if words[0] in ("preset", "rename_preset", "delete_preset") and parameter.name == "name":
        return [CompletionItem(name) for name in _presets() if name.startswith(incomplete)]
    choices = ("on", "off") if parameter.kind == "flag" else parameter.choices
    return [CompletionItem(choice) for choice in choices if choice.startswith(incomplete)]


@click.command(
    "ctl",
    context_settings={"ignore_unknown_options": True},  # a negative number must reach the action, which refuses it
    epilog="""\b
Examples:
  stylecam ctl next                       the next style
  stylecam ctl select great_wave          this style
  stylecam ctl blend great_wave:0.6,the_scream:0.4
  stylecam ctl strength 0.5               half camera, half painting
  stylecam ctl room blur                  hide the room
  stylecam ctl camera "HD Webcam"         another camera, without a gap
  stylecam ctl size 720p                  another size of the picture
  stylecam ctl panic on                   show a still picture at once
  stylecam ctl snapshot                   save the picture and print its path
  stylecam ctl link                       the link of the page, for a browser
  stylecam ctl state --json               the current state
  stylecam ctl watch                      every change, as it happens
  stylecam ctl actions                    all actions""",
)
@click.argument("words", nargs=-1, required=True, metavar="ACTION [ARGUMENT]...", shell_complete=_complete)
@click.option("--json", "as_json", is_flag=True, help="Print the state as JSON; with watch, one object per line.")
@click.option("--stats", is_flag=True, help="With state or watch: print the statistics too.")
@shared.pid
def command(words: tuple[str, ...], as_json: bool, stats: bool, pid: int | None) -> None:
    """Send an action to the running stylecam, and print the state after it.

    `stylecam ctl actions` lists the actions. Switches take on or off; without an argument they toggle. Arguments may
    also be written as name=value.
    """
    name, *arguments = words
    if name in QUERIES and arguments:
        raise UsageError(f"{name} takes no argument; leave out {arguments[0]!r}")
    if name == "actions":
        _list_actions(as_json)
        return
    request = None if name in QUERIES else command_from_words(name, arguments)
    from stylecam.control.http import client

    instance = client.find_instance(pid)
    if name == "link":
        _print_link(instance, as_json)
        return
    if name == "watch":
        _watch(instance, as_json, stats)
        return
    with client.Client(instance) as running:
        answer = {"state": running.state(stats)} if request is None else running.send(request)
    if as_json:
        shared.print_json(answer["state"] | ({"result": answer["result"]} if answer.get("result") else {}))
        return
    result = answer.get("result") or {}
    click.echo(_described(result) or ", ".join(client.describe_state(answer["state"])))
    if stats and answer["state"].get("stats"):
        shared.print_json(answer["state"]["stats"])


def command_from_words(name: str, arguments: list[str]) -> Command:
    """Parse an action and its arguments, which are positional or name=value.

    Raises:
        UsageError: there is no such action, or an argument is wrong or too much.
    """
    if name not in ACTIONS:
        Command.parse(name)  # raises, and names the nearest action
    names = [parameter.name for parameter in ACTIONS[name].parameters]
    values: dict[str, str] = {}
    for text in arguments:
        key, equals, value = text.partition("=")
        if not (equals and key in names):
            key, value = next((free for free in names if free not in values), ""), text
        if not key or key in values:
            takes = f"takes {', '.join(names)}" if names else "takes no argument"
            raise UsageError(f"{name} {takes}; leave out {text!r}")
        values[key] = str(Room.parse(value)) if name == "room" else value  # a file is named from this folder
    return Command.from_text(name, values)


def _described(result: dict[str, Any]) -> str:
    """Return what an action has produced, for people; empty where that is the state alone."""
    if "size" in result:
        return "\n".join([f"{result['size']} at {result['fps']:g} fps", *result["kept"]])
    if "outputs" in result:
        return ", ".join(result["outputs"]) or "no output"
    return str(result.get("file") or result.get("camera") or "")


def _print_link(instance: Any, as_json: bool) -> None:
    if not instance.port:  # it is still starting, or could not write the file that tells it
        raise CommandRefusedError(
            f"process {instance.pid} has not told its link yet; try again in a moment, or press ? in its terminal"
        )
    if as_json:
        shared.print_json({"link": instance.link})
    else:
        click.echo(instance.link)


def _watch(instance: Any, as_json: bool, stats: bool) -> None:
    from stylecam.control.http import client

    def show(message: dict[str, Any]) -> None:
        kind = message.get("type")
        if as_json and (kind != "stats" or stats):
            click.echo(json.dumps(message))
        elif kind == "state":
            click.echo(", ".join(client.describe_state(message["state"])))
        elif kind == "notice" and message.get("text"):
            click.echo(str(message["text"]))
        elif kind == "stats" and stats:
            click.echo(json.dumps(message["stats"]))

    client.watch(instance, show)
    click.echo("stylecam has ended", err=True)


def _list_actions(as_json: bool) -> None:
    if as_json:
        shared.print_json([action.describe() for action in ACTIONS.values()])
        return
    for action in ACTIONS.values():
        usage = " ".join([action.name, *(_usage(parameter) for parameter in action.parameters)])
        click.echo(f"{usage:<28}  {action.help}")


def _usage(parameter: Any) -> str:
    name = "on|off" if parameter.kind == "flag" else parameter.name.upper()
    return name if parameter.required else f"[{name}]"


def _presets() -> list[str]:
    from stylecam.control.http import client
    from stylecam.errors import StylecamError

    try:
        with client.Client(client.find_instance(), 1.0) as running:
            return [str(name) for name in running.state().get("presets", [])]
    except StylecamError:  # presets are only known while stylecam runs
        return []
