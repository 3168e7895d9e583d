"""The `stylecam` command: its subcommands, and how errors become one line and an exit status."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from stylecam.cli import language, streams
from stylecam.cli.suggestions import SuggestingGroup, guess_command, no_such_option
from stylecam.errors import StylecamError
from stylecam.utils.version import __version__

_COMMANDS = {
    "run": "paint the camera and publish it as a webcam; `stylecam` alone does the same",
    "ctl": "control the running stylecam: next style, strength, snapshot and more",
    "obs": "print the addresses under which OBS shows the picture",
    "token": "make a new token for the links of the page",
    "image": "paint pictures and folders of pictures",
    "video": "paint a video clip",
    "sheet": "paint one picture in every style, on one sheet",
    "cameras": "list the cameras of this computer",
    "doctor": "find out why a camera does not appear, or why the picture is slow",
    "setup": "install the driver of the virtual camera",
    "config": "show or change the configuration file",
    "service": "start stylecam when you log in",
    "styles": "list the styles; learn one from a picture; show, add, rename or remove one",
    "models": "write the networks for a server that paints",
    "train": "train a network that paints like a painting",
    "evaluate": "measure how good styles are",
    "compare": "let people judge two ways to paint, blind",
    "bench": "measure how fast and how steadily this computer paints",
    "optimize": "paint one picture slowly, at the best quality",
}

_LOST_OUTPUT = (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EIO)
"""Errors of writing to a stream: it was closed by its reader, its disk is full, its terminal is gone."""


class _LazyGroup(SuggestingGroup):
    """Loads a subcommand's module only when it is used. Without a subcommand it runs `run`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        command = import_module(f"stylecam.cli.{name}").command
        assert isinstance(command, click.Command)
        return command

    def guess(self, ctx: click.Context, name: str) -> list[str]:
        """See `SuggestingGroup.guess`."""
        from stylecam.control.actions import ACTIONS

        return guess_command(name, ACTIONS)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands that start with `incomplete`; their modules are not loaded. Or the options of `run`."""
        if not incomplete.startswith("-"):
            return [CompletionItem(name, help=text) for name, text in _COMMANDS.items() if name.startswith(incomplete)]
        run = self.get_command(ctx, "run")
        assert run is not None
        with run.make_context("run", [], parent=ctx, resilient_parsing=True) as inner:
            items = [*click.Command.shell_complete(self, ctx, incomplete), *run.shell_complete(inner, incomplete)]
        return list({item.value: item for item in items}.values())

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        group_options = {"-h", "--help", "-V", "--version"}
        if not args and ctx.resilient_parsing:  # the shell asks for the first word
            return super().parse_args(ctx, args)
        if not args or (args[0].startswith("-") and args[0] not in group_options):
            args = ["run", *args]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand. If its output cannot be written, return a status in place of an OSError."""
        try:
            status = super().invoke(ctx)
            sys.stdout.flush()
        except OSError as error:
            if error.filename is not None or error.errno not in _LOST_OUTPUT:
                raise
            streams.silence(sys.stdout)
            return _print_lost_output(error)
        return status

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.command(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110, "show_default": True},
    epilog="""\b
Examples:
  stylecam                            the first camera, to the virtual camera or a web page
  stylecam --style the_scream         with another style
  stylecam run --help                 all options
\b
Tab completion, by a line in the file that your shell reads at its start:
  bash  eval "$(_STYLECAM_COMPLETE=bash_source stylecam)"
  zsh   autoload -Uz compinit && compinit; eval "$(_STYLECAM_COMPLETE=zsh_source stylecam)"
  fish  _STYLECAM_COMPLETE=fish_source stylecam | source""",
)
@click.version_option(__version__, "-V", "--version", prog_name="stylecam")
def group() -> None:
    """A webcam that paints you live: each frame of your camera in the style of a painting."""


_NO_COMMAND: Any = getattr(click.exceptions, "NoArgsIsHelpError", ())
"""Raised by click 8.2 and newer for a group without a command, such as `stylecam config`; its message is the help."""


def run_command_line(arguments: Sequence[str]) -> int:
    """Run `arguments` and return the exit status. An error is one line on standard error."""
    language.speak("en")  # until a command that has been translated begins
    if "_STYLECAM_COMPLETE" in os.environ:
        from stylecam.cli import completion

        completion.register()
    try:
        status = group.main(list(arguments), prog_name="stylecam", standalone_mode=False)
    except click.NoSuchOption as error:
        return _print_error(no_such_option(error) + value_origin(error), error.ctx)
    except click.UsageError as error:
        if isinstance(error, _NO_COMMAND):
            streams.print_error(error.format_message())
            return 2
        return _print_error(error.format_message() + value_origin(error), error.ctx)
    except click.ClickException as error:
        return _print_error(error.format_message())
    except StylecamError as error:
        return _print_error(str(error))
    except (click.Abort, KeyboardInterrupt):
        return 130
    except Exception as error:
        from stylecam.utils.resources import lacks_memory

        if not lacks_memory(error):
            raise
        return _print_error("there is not enough memory; close other programs")
    return status if isinstance(status, int) else 0


def _print_error(message: str, context: click.Context | None = None) -> int:
    from stylecam.utils.text import printable

    line = printable(" ".join(language.say(message).split()), 4000)
    hint = ""
    if context is not None:
        hint = f"{'' if line.endswith(('.', '?', '。')) else '.'} Try: {context.command_path} --help"
    streams.print_error(f"stylecam: {line}{hint}")
    return 2


def _print_lost_output(error: OSError) -> int:
    if isinstance(error, BrokenPipeError):  # `stylecam styles | head`
        return 0
    streams.print_error(f"stylecam: the output could not be written ({error.strerror}); send it elsewhere")
    return 1


def value_origin(error: click.UsageError) -> str:
    """Return where a wrong value was set, in brackets; nothing if it was set on the command line."""
    parameter, context = getattr(error, "param", None), error.ctx
    if parameter is None or context is None:
        return ""
    source = context.get_parameter_source(parameter.name)
    if source is ParameterSource.DEFAULT_MAP:
        return f" (set in {context.meta.get('stylecam.path')})"
    if source is ParameterSource.ENVIRONMENT:
        return f" (set by the variable STYLECAM_{parameter.name.upper()})"
    return ""
