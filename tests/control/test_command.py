"""Tests of commands: parsed from text and JSON, with names, kinds and ranges checked."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stylecam.control.actions import ACTIONS
from stylecam.control.command import Command
from stylecam.errors import UsageError


@pytest.mark.parametrize(
    "text",
    ["next", "select:3", "select:great_wave", "select:a:0.6,b:0.4", "blend:a:0.6,b:0.4", "strength:0.5", "freeze:on",
     "scale:auto", "record:on,talk", "record:off", "snapshot:me"],
)  # fmt: skip
def test_a_command_is_parsed_from_its_text(text: str) -> None:
    assert str(Command.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "nxt", "select", "select:", "next:1", "next:", "quit:now", "strength:", "strength:2", "strength:nan",
     "strength:x", "strength:-0.1", "scale:0.2", "scale:automatic", "freeze:maybe", "cycle:-1", "cycle:1e9",
     "record:on,a\x00b", "record:talk", "select:" + "a" * 201],
)  # fmt: skip
def test_an_invalid_command_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Command.parse(text)


@pytest.mark.parametrize(
    ("action", "arguments"),
    [
        ("strength", {"value": "0.5"}), ("strength", {"value": True}), ("strength", {"value": None}),
        ("strength", {"value": float("nan")}), ("strength", {"value": 10**400}), ("strength", {}),
        ("strength", {"value": 0.5, "more": 1}), ("select", {"style": 3}), ("select", {"style": ["a"]}),
        ("freeze", {"on": "on"}), ("freeze", {"on": 1}), ("blend", {"weights": {}}), ("blend", {"weights": {"a": -1}}),
        ("blend", {"weights": {"a:b": 1}}), ("blend", {"weights": {"a": True}}), ("blend", {"weights": 3}),
        ("fly", {}), ("next", {"": 1}), ("strength", {"value": 0.5, "": {}}),
    ],
    ids=str,
)  # fmt: skip
def test_arguments_of_a_wrong_type_or_range_are_refused(action: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Command.from_json(action, arguments)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_subnormal=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(list(ACTIONS.values())), st.data())
def test_any_arguments_give_a_command_or_a_usage_error(action: Any, data: st.DataObject) -> None:
    names = [parameter.name for parameter in action.parameters] + ["other"]
    arguments = data.draw(st.dictionaries(st.sampled_from(names), json_values, max_size=3))
    try:
        command = Command.from_json(action.name, arguments)
    except UsageError:
        return
    assert set(command.arguments) == set(arguments)
    assert all(isinstance(value, str | float | bool) for value in command.arguments.values())
