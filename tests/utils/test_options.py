"""Tests of options declared as fields of a dataclass."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stylecam.errors import UsageError
from stylecam.utils.options import LOOK, OUTPUT, Option, option, options_of


class Pace(str, enum.Enum):
    CALM = "calm"
    QUICK = "quick"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    strength: float = option(1.0, help="How much.", group=LOOK, minimum=0.0, maximum=1.0, example=0.5)
    scale: float | None = option(None, help="How large.", group=LOOK, minimum=0.25, maximum=1.0, word="auto")


@dataclass(frozen=True, slots=True)
class Example(Base):
    seconds: float | None = option(None, help="How long.", minimum=0.1, maximum=math.inf, example=60.0)
    outputs: tuple[str, ...] = option((), help="Where to.", group=OUTPUT, name="output")
    idle_after: int | None = option(None, help="When.")
    folder: Path | None = option(None, help="Where.")
    loud: bool = option(False, help="Louder.")
    token: str | None = option(None, help="A secret.", secret=True)
    style: str | None = option(None, help="Which.", group=LOOK)
    pace: Pace = option(Pace.CALM, help="How fast.")
    plain: int = 3


BY_NAME: dict[str, Option] = {declared.name: declared for declared in options_of(Example)}


def test_only_declared_fields_are_options_and_a_class_lists_its_own_first_in_each_group() -> None:
    expected = ["style", "strength", "scale", "output", "seconds", "idle_after", "folder", "loud", "token", "pace"]
    assert list(BY_NAME) == expected


@pytest.mark.parametrize(
    ("name", "kind"),
    [("strength", "number"), ("output", "texts"), ("idle_after", "whole number"), ("folder", "path"), ("loud", "flag"),
     ("style", "text"), ("pace", "choice")],
)  # fmt: skip
def test_the_kind_follows_from_the_annotation(name: str, kind: str) -> None:
    assert BY_NAME[name].kind == kind


def test_flag_variable_and_key_follow_from_the_name() -> None:
    idle = BY_NAME["idle_after"]
    assert (idle.flag, idle.variable, idle.place) == ("--idle-after", "STYLECAM_IDLE_AFTER", ("run", "idle_after"))
    assert (BY_NAME["output"].attribute, BY_NAME["output"].flag) == ("outputs", "--output")


def test_a_dataclass_of_options_has_their_defaults_and_does_not_show_secrets() -> None:
    assert (Example().strength, Example().outputs, Example().plain) == (1.0, (), 3)
    assert "secret-word" not in repr(Example(token="secret-word"))


@pytest.mark.parametrize(
    ("name", "value", "accepted"),
    [
        ("strength", 1, True), ("strength", True, False), ("strength", "0.5", False),
        ("strength", "80%", True), ("strength", "%", False), ("seconds", "80%", False), ("scale", "auto", True),
        ("scale", 0.5, True), ("idle_after", 1.5, False), ("loud", True, True), ("loud", 1, False),
        ("output", ["a"], True), ("output", "a", True), ("output", [1], False), ("style", 5, True),
        ("style", [], False), ("pace", "Quick", True), ("pace", "slow", False), ("pace", 1, False),
    ],
)  # fmt: skip
def test_a_value_of_the_config_file_is_accepted_by_its_kind(name: str, value: Any, accepted: bool) -> None:
    assert BY_NAME[name].accepts(value) is accepted


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [("scale", "auto", None), ("scale", "0.5", 0.5), ("scale", "50%", 0.5), ("output", ["a", "b"], ("a", "b")),
     ("strength", 0.5, 0.5), ("strength", "80%", 0.8), ("pace", " Quick ", Pace.QUICK)],
)  # fmt: skip
def test_typed_text_is_read_as_the_value_of_the_attribute(name: str, typed: Any, value: Any) -> None:
    assert BY_NAME[name].read(typed) == value


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("strength", 2.0, "--strength 2 is out of range; it must be a number from 0 to 1, for example 0.5"),
        ("strength", math.nan, "out of range"),
        ("seconds", 0.0, "--seconds 0 is out of range; it must be a number of at least 0.1, for example 60"),
    ],
)
def test_a_number_out_of_range_is_refused_with_the_allowed_range(name: str, value: float, message: str) -> None:
    with pytest.raises(UsageError, match=message.replace(".", r"\.")):
        BY_NAME[name].check(value)


def test_text_that_is_not_a_number_is_refused_with_the_allowed_range() -> None:
    with pytest.raises(UsageError, match=r"--scale 'half' must be auto or a number from 0\.25 to 1"):
        BY_NAME["scale"].read("half")


def test_a_word_that_is_no_choice_is_refused_with_the_choices_and_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"^--pace 'quik' must be calm or quick; did you mean quick\?$"):
        BY_NAME["pace"].read("quik")


def test_a_value_is_written_as_a_file_holds_it() -> None:
    written = [BY_NAME[name].written(value) for name, value in [("pace", Pace.QUICK), ("scale", None), ("scale", 0.5)]]
    assert written == ["quick", None, 0.5]
    assert type(written[0]) is str
    assert BY_NAME["pace"].written_default == "calm"


def test_every_default_is_in_range() -> None:
    for declared in BY_NAME.values():
        declared.check(declared.default)
