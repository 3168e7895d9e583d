"""The flags of `stylecam run`, made from the declared options, and the settings made from flags, variables and file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem

from stylecam.cli.completion import complete_camera, complete_device, complete_engine, complete_style
from stylecam.errors import StylecamError, UsageError
from stylecam.live.config.file import Config
from stylecam.live.settings import Settings
from stylecam.utils import paths
from stylecam.utils.options import GROUPS, OTHER, Option, Value, options_of

Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
_COMPLETE: dict[str, Complete] = {
    "camera": complete_camera,
    "style": complete_style,
    "engine": complete_engine,
    "device": complete_device,
}
_TYPES: dict[str, Any] = {
    "number": click.FLOAT,
    "whole number": click.INT,
    "path": click.Path(path_type=Path),
}


class DeclaredOption(click.Option):
    """A flag made from a declared option."""

    def __init__(self, _: Sequence[str] | None = None, *, declared: Option) -> None:
        negative = f"/--no-{declared.flag[2:]}" if declared.default is True else ""
        names = [*filter(None, [declared.short]), f"{declared.flag}{negative}", declared.parameter]
        details: dict[str, Any] = {"help": declared.help, "shell_complete": _COMPLETE.get(declared.name)}
        default = declared.written_default
        if declared.kind == "flag":
            details |= {"is_flag": True, "default": default, "show_default": default is True}
        else:
            number = declared.word is None
            details |= {"metavar": declared.metavar, "type": _TYPES.get(declared.kind) if number else click.STRING}
            details |= {"multiple": declared.kind == "texts"}
            details |= {} if default is None else {"default": default, "show_default": True}
            details |= {} if declared.bare is None else {"is_flag": False, "flag_value": declared.bare}
        super().__init__(names, **details)
        self.declared = declared


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


def declared_flags(command: click.Command) -> dict[str, DeclaredOption]:
    """The flags of `command` that the file may set, by their key under [run]."""
    return {one.declared.name: one for one in command.params if isinstance(one, DeclaredOption)}


def declared_options(command: click.Command) -> list[Option]:
    """What of `command` the file may set."""
    return [one.declared for one in declared_flags(command).values()]


def as_typed(value: Value, several: bool) -> str | bool | list[str]:
    """A value of the file as if it had been typed: click converts texts, and wants lists for repeated options."""
    if isinstance(value, bool | list):
        return value
    return [str(value)] if several else str(value)


def file_defaults(config: Config, command: click.Command) -> dict[str, Any]:
    """The values of the file as click's default map, which variables and flags win over."""
    flags = declared_flags(command)
    return {flags[name].declared.parameter: as_typed(value, flags[name].multiple) for name, value in config.run.items()}


def check_each(config: Config, context: click.Context) -> None:
    """Check each value of the file by itself, so that the wrong one is named with its line.

    Raises:
        ConfigError: for the first wrong value.
    """
    from stylecam.control.actions import Command
    from stylecam.control.keyboard.bindings import KeyCombination, bind

    flags = declared_flags(context.command)
    for name, value in config.run.items():
        parameter = flags[name]
        try:
            typed = parameter.type_cast_value(context, as_typed(value, parameter.multiple))
            settings_from({parameter.declared.parameter: typed}).check()
        except click.UsageError as error:
            raise config.error(config.places[name], error.format_message()) from error
        except UsageError as error:
            raise config.error(config.places[name], str(error)) from error
    for order, keys in config.hotkeys.items():
        try:
            Command.parse(order)
            if keys.strip():
                KeyCombination.parse(keys)
        except StylecamError as error:
            raise config.error(("hotkeys", order), str(error)) from error
    try:
        bind(config.hotkeys)
    except StylecamError as error:
        raise config.error(("hotkeys",), str(error)) from error


def check_variables(context: click.Context) -> None:
    """Check each value that an environment variable has set by itself, so that the wrong one is named.

    Raises:
        UsageError: for the first wrong value.
    """
    for parameter in declared_flags(context.command).values():
        declared = parameter.declared
        if source_of(context, parameter) == "environment":
            try:
                settings_from({declared.parameter: context.params[declared.parameter]}).check()
            except UsageError as error:
                raise UsageError(f"{error} (set by the variable {declared.variable})") from error


def settings_from(parameters: Mapping[str, Any], config: Config | None = None) -> Settings:
    """Settings with the values of click's `parameters` and the tables of `config`; all else is as by default.

    Raises:
        UsageError: a value cannot be read.
    """
    values: dict[str, Any] = {"pictures": paths.user_pictures(), "videos": paths.user_videos()}
    for each in options_of(Settings):
        if each.parameter in parameters:
            values[each.attribute] = each.read(parameters[each.parameter])
    if config is not None:
        values |= {"presets": dict(config.presets), "scenes": dict(config.scenes)}
        values["bindings"] = {**config.hotkeys, **values.get("bindings", {})}
    return Settings(**values)


def source_of(context: click.Context, parameter: click.Parameter) -> str:
    """Where a parameter's value comes from: flag, environment, file or default."""
    source = context.get_parameter_source(str(parameter.name))
    names = {
        ParameterSource.COMMANDLINE: "flag",
        ParameterSource.ENVIRONMENT: "environment",
        ParameterSource.DEFAULT_MAP: "file",
    }
    return "default" if source is None else names.get(source, "default")
