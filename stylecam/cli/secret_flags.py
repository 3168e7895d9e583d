"""Finds the flags of `stylecam run` whose values must not be shown, and takes them out of a command line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from stylecam.cli.declared import DeclaredOption, declared_flags
from stylecam.cli.options import source_of
from stylecam.errors import UsageError
from stylecam.utils.redact import redact


def secret_values(context: click.Context) -> list[str]:
    """Return the typed values of `context` that hold a secret."""
    return [text for flag in _secret_flags(context) for text in _texts(context, flag)]


def split_secrets(context: click.Context, words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Split the command line `words`, parsed in `context`, into one without secrets and the variables that hold them.

    Raises:
        UsageError: a value cannot be passed on in a variable.
    """
    secret = list(_secret_flags(context))
    if not secret:
        return list(words), {}
    variables = {}
    for flag in secret:
        texts = _texts(context, flag)
        if flag.multiple and any(len(text.split()) != 1 for text in texts):
            raise UsageError(
                f"{flag.declared.flag} has a secret beside a value with a space in it; set it in the configuration "
                "file instead: stylecam config edit"
            )
        variables[flag.declared.variable] = " ".join(texts)
    typed, _, order = context.command.make_parser(context).parse_args(list(words))
    kept = []
    for parameter in dict.fromkeys(order):
        if parameter not in secret and isinstance(parameter, click.Option):
            kept += _typed_again(parameter, typed[str(parameter.name)])
    return kept, variables


def _secret_flags(context: click.Context) -> Iterator[DeclaredOption]:
    for flag in declared_flags(context.command).values():
        if source_of(context, flag) == "flag" and any(_is_secret(flag, text) for text in _texts(context, flag)):
            yield flag


def _is_secret(flag: DeclaredOption, text: str) -> bool:
    whole = "".join(text.split())  # a password may have a space in it, where a URL in a text ends
    return redact(whole) != whole or (flag.declared.secret and "://" not in text)


def _texts(context: click.Context, flag: DeclaredOption) -> list[str]:
    value = context.params[flag.declared.parameter]
    return [str(one) for one in value] if isinstance(value, tuple) else [str(value)]


def _typed_again(option: click.Option, value: object) -> list[str]:
    name = option.opts[-1]
    if option.is_flag:
        return [name if value else option.secondary_opts[-1]]
    if isinstance(value, list):
        return [f"{name}={one}" for one in value]
    return [f"{name}={value}"] if isinstance(value, str) else [name]  # click has a marker for a flag without a value
