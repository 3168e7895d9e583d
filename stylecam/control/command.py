"""A command: an action with its arguments, parsed from text or JSON and checked against the table of actions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stylecam.control.action_context import Arguments
from stylecam.control.actions import find_action
from stylecam.control.parameters import NUMBER, WEIGHTS, Parameter, Value
from stylecam.errors import UsageError


@dataclass(frozen=True, slots=True)
class Command:
    """An action with its arguments: what a key, a button or a scene stands for.

    Make one with `parse`, `from_text` or `from_json`, which check names, kinds and ranges. What only a running program
    knows, for example whether a style of that name exists, is checked when the command is applied.

    Attributes:
        action: the name of the action.
        arguments: its arguments by name, checked.
        by_timer: whether a timer gives it: then it is no sign that anybody is there.
    """

    action: str
    arguments: Arguments = field(default_factory=dict, hash=False)
    by_timer: bool = False

    @classmethod
    def parse(cls, text: str) -> Command:
        """Parse `next`, `select:3`, `blend:a:0.6,b:0.4` or `record:on,talk`.

        Several arguments are separated by commas, in the order of the action's parameters.

        Raises:
            UsageError: no action has this name, with the nearest names; or the action does not take such arguments.
        """
        name, colon, rest = text.strip().partition(":")
        parameters = find_action(name).parameters
        values = rest.split(",", len(parameters) - 1) if len(parameters) > 1 else [rest]
        if colon and not parameters:
            raise UsageError(f"{text.strip()[:80]!r}: {name} takes no argument; write {name}")
        return cls.from_text(name, dict(zip([p.name for p in parameters], values, strict=False)) if colon else {})

    @classmethod
    def from_text(cls, name: str, texts: Mapping[str, str]) -> Command:
        """Make a command from arguments as text, by name, as a query string gives them.

        Raises:
            UsageError: as for `parse`.
        """
        return cls._checked(name, texts, lambda parameter: parameter.read(texts[parameter.name]))

    @classmethod
    def from_json(cls, name: str, arguments: Mapping[str, object]) -> Command:
        """Make a command from arguments as JSON values, by name.

        Raises:
            UsageError: as for `parse`.
        """
        return cls._checked(name, arguments, lambda parameter: parameter.check(arguments[parameter.name]))

    @classmethod
    def _checked(cls, name: str, arguments: Mapping[str, Any], value: Callable[[Parameter], Value]) -> Command:
        parameters = find_action(name).parameters
        names = [parameter.name for parameter in parameters]
        if unknown := [key for key in arguments if key not in names]:
            raise UsageError(f"{name} takes no {unknown[0][:60]!r}; it takes {', '.join(names) or 'nothing'}")
        if missing := next((p for p in parameters if p.required and p.name not in arguments), None):
            raise UsageError(f"{name} needs {missing.name}: {missing.allowed}; for example {name}:{_example(missing)}")
        return cls(name, {p.name: value(p) for p in parameters if p.name in arguments})

    def __str__(self) -> str:
        return ":".join([self.action, *filter(None, [",".join(_as_text(v) for v in self.arguments.values())])])


def _example(parameter: Parameter) -> str:
    return {NUMBER: "0.5", WEIGHTS: "a:0.6,b:0.4"}.get(parameter.kind, parameter.name.upper())


def _as_text(value: Value) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return value if isinstance(value, str) else f"{value:g}"
