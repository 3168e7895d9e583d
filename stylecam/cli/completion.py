"""Tab completion of styles, cameras, engines, devices, tiers and files, and the script that bash runs for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import click
from click.shell_completion import BashComplete, CompletionItem, add_completion_class

from stylecam.engines.names import AUTO, DEVICES, DEVICES_OF, ENGINES
from stylecam.models.tier import LEAN, RICH

_BASH_SCRIPT = """\
%(complete_func)s() {
    local kind value
    COMPREPLY=()
    while IFS=, read -r kind value; do
        case $kind in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain)
                printf -v value %%q "$value"
                COMPREPLY+=("$value")
                case $value in *: | */) compopt -o nospace ;; esac ;;
        esac
    done < <(env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD %(complete_var)s=bash_complete "$1" 2>/dev/null)
}

complete -o nosort -o bashdefault -o default -F %(complete_func)s %(prog_name)s
"""
"""Beside what click's own script does: it completes file names wherever nothing else fits, keeps spaces in a value
together, and adds none after `file:`."""


class _BashComplete(BashComplete):
    source_template = _BASH_SCRIPT


def register() -> None:
    """Have click give bash this module's script; zsh and fish get click's own."""
    add_completion_class(_BashComplete)


OUTPUTS = {
    "virtual": "the virtual camera; virtual:DEVICE for one of several",
    "pipewire": "a camera without a driver, on Linux",
    "web": "the page; web:PORT for a port of its own",
    "window": "a preview on this screen",
    "file:": "a recording, file:talk.mp4",
    "srt:": "a stream that others fetch, srt:9000; srt://HOST:PORT sends it to a server",
    "udp:": "a stream to an address, udp:127.0.0.1:5000",
    "rtmp://": "a stream to a server, rtmp://HOST/APP/KEY",
    "null": "nowhere, to measure",
}


def complete_file(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Let the shell complete the names of files and folders."""
    return [CompletionItem(incomplete, type="file")]


def complete_size(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the names of sizes that start with `incomplete`."""
    from stylecam.media.frame import SIZE_NAMES

    sizes = {name: "{}x{}".format(*size) for name, size in SIZE_NAMES.items()}
    return [CompletionItem(name, help=size) for name, size in sizes.items() if name.startswith(incomplete.lower())]


def complete_style(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the names of styles that start with `incomplete`; if none does, complete files."""
    from stylecam.models.catalog import Catalog

    cards = Catalog.installed().cards
    items = [CompletionItem(card.name, help=f"{card.title}, {card.artist}") for card in cards]
    items = [item for item in [*items, CompletionItem("none")] if item.value.startswith(incomplete)]
    return items or [CompletionItem(incomplete, type="file")]


def complete_user_style(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the names of the user's style files that start with `incomplete`, also of broken ones."""
    from stylecam.models.own_style import SUFFIX
    from stylecam.utils import paths

    folder = paths.user_styles()
    names = sorted(path.stem for path in (*folder.glob("*.onnx"), *folder.glob(f"*{SUFFIX}")))
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def complete_own_style(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the names of the styles learned from pictures that start with `incomplete`."""
    from stylecam.models.own_style import SUFFIX
    from stylecam.utils import paths

    names = sorted(path.stem for path in paths.user_styles().glob(f"*{SUFFIX}"))
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def complete_camera(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the paths of cameras and `demo` that start with `incomplete`; if none does, complete files."""
    from stylecam.media.sources.devices import list_cameras

    items = [CompletionItem(camera.path or str(camera.index), help=camera.name) for camera in list_cameras()]
    items = [item for item in [*items, CompletionItem("demo")] if item.value.startswith(incomplete)]
    return items or [CompletionItem(incomplete, type="file")]


def complete_output(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the kinds of outputs that start with `incomplete`."""
    return [CompletionItem(word, help=text) for word, text in OUTPUTS.items() if word.startswith(incomplete)]


def complete_engine(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the engines that start with `incomplete`."""
    return [CompletionItem(name) for name in (AUTO, *ENGINES) if name.startswith(incomplete)]


def complete_device(context: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the devices that start with `incomplete`; after --engine, only those of that engine."""
    devices = DEVICES_OF.get(str(context.params.get("engine")), DEVICES)
    return [CompletionItem(device) for device in devices if device.startswith(incomplete)]


def complete_tier(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the tiers that start with `incomplete`."""
    return [CompletionItem(name) for name in (AUTO, RICH, LEAN) if name.startswith(incomplete)]


def complete_room(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the rooms that start with `incomplete`, or the styles after `style:`."""
    if incomplete.startswith("style:"):
        styles = complete_style(context, parameter, incomplete.removeprefix("style:"))
        return [CompletionItem(f"style:{item.value}", help=item.help) for item in styles if item.type == "plain"]
    rooms = ("camera", "blur", "color:#", "picture:", "style:", "none")
    return [CompletionItem(room) for room in rooms if room.startswith(incomplete)]


def complete_words(
    words: Sequence[str],
) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    """Return a function that completes one of `words`."""
    return lambda _, __, incomplete: [CompletionItem(word) for word in words if word.startswith(incomplete.lower())]
