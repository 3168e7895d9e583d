"""Flags made from declared options, and a command whose help lists them under headings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from stylecam.cli.completion import (
    complete_camera,
    complete_device,
    complete_engine,
    complete_output,
    complete_room,
    complete_size,
    complete_style,
    complete_tier,
    complete_words,
)
from stylecam.utils.options import GROUPS, OTHER, Option, options_of
from stylecam.utils.text import read_share

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
_COMPLETE: dict[str, Complete] = {
    "camera": complete_camera,
    "room": complete_room,
    "size": complete_size,
    "style": complete_style,
    "output": complete_output,
    "engine": complete_engine,
    "device": complete_device,
    "tier": complete_tier,
}


class ShareType(click.ParamType):  # type: ignore[type-arg]  # click 8.1 takes none
    """A share of 0..1, written as `0.8` or `80%`."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the share, of whatever size."""
        try:
            return read_share(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a number or a percentage; write for example 0.8 or 80%", param, ctx)

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """Return what the help shows for the value."""
        return "SHARE"


class NumberType(click.types.FloatParamType):
    """A number, whose mistake is told in plain words."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number, of whatever size."""
        try:
            return float(value)
        except ValueError:
            self.fail(f"{value!r} is not a number; write for example 1.5", param, ctx)


SHARE = ShareType()
_TYPES: dict[str, Any] = {
    "number": NumberType(),
    "whole number": click.INT,
    "path": click.Path(path_type=Path),
}


class DeclaredOption(click.Option):
    """A flag made from a declared option.

    A flag that was typed without the value it may have, such as `--obs`, takes that of the variable or of the file.
    """

    def __init__(self, _: Sequence[str] | None = None, *, declared: Option) -> None:
        negative = f"/--no-{declared.flag[2:]}" if declared.default is True else ""
        names = [*filter(None, [declared.short]), f"{declared.flag}{negative}", declared.parameter]
        details: dict[str, Any] = {
            "help": declared.help,
            "shell_complete": _completion(declared),
        }
        default = declared.written_default
        if declared.kind == "flag":
            details |= {"is_flag": True, "default": default}
        else:
            number = declared.word is None
            type_ = SHARE if declared.is_share else _TYPES.get(declared.kind)
            details |= {"metavar": declared.metavar, "type": type_ if number else click.STRING}
            details |= {"multiple": declared.kind == "texts"}
            details |= {} if default is None else {"default": default}
            details |= {} if declared.bare is None else {"is_flag": False, "flag_value": declared.bare}
        super().__init__(names, **details)
        self.declared = declared

    def consume_value(self, ctx: click.Context, opts: Mapping[str, Any]) -> tuple[Any, ParameterSource]:
        """Return the option's value and where it comes from; `opts` has what was typed."""
        value, source = super().consume_value(ctx, opts)
        if self.declared.bare is not None and source is ParameterSource.COMMANDLINE:
            typed = isinstance(opts[str(self.name)], str)  # click has a marker in its place for a flag without a value
            elsewhere, place = (None, source) if typed else super().consume_value(ctx, {})
            if place in (ParameterSource.ENVIRONMENT, ParameterSource.DEFAULT_MAP):
                return elsewhere, place
        return value, source


class GroupedCommand(click.Command):
    """A command whose help lists its options under headings."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, group by group."""
        for group in GROUPS:
            records = [
                record
                for parameter in self.get_params(ctx)
                if _group(parameter) == group and (record := parameter.get_help_record(ctx)) is not None
            ]
            if records:
                with formatter.section(group):
                    formatter.write_dl(records)


def _completion(declared: Option) -> Complete | None:
    if declared.choices:
        return complete_words(declared.choices)
    return _COMPLETE.get(declared.name) if declared.kind in ("text", "texts") else None


def _group(parameter: click.Parameter) -> str:
    return parameter.declared.group if isinstance(parameter, DeclaredOption) else OTHER


def flags_of(*declaring: type) -> list[click.Parameter]:
    """The flags for the options that the dataclasses declare."""
    return [
        DeclaredOption(declared=declared)
        for one in declaring
        for declared in options_of(one)
        if declared.kind != "table"
    ]


def flag(declaring: type, name: str, **changes: Any) -> Callable[[Any], Any]:
    """Return a decorator that gives a command the flag of the option `name`, with `changes` to what it declares."""
    declared = next(one for one in options_of(declaring) if one.name == name)
    return click.option(cls=DeclaredOption, declared=replace(declared, **changes))


def flags(declaring: type, *names: str) -> Callable[[Any], Any]:
    """Return a decorator that gives a command the flags of the options `names`, in this order."""

    def decorate(command: Any) -> Any:
        for name in reversed(names):
            command = flag(declaring, name)(command)
        return command

    return decorate


def declared_flags(command: click.Command) -> dict[str, DeclaredOption]:
    """The flags of `command` that the file may set, by their key under [run]."""
    return {one.declared.name: one for one in command.params if isinstance(one, DeclaredOption)}


def declared_options(command: click.Command) -> list[Option]:
    """The options of `command` that the file may set."""
    return [one.declared for one in declared_flags(command).values()]
