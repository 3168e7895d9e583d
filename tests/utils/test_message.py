"""Tests of messages, which are plain English text until somebody translates them."""

from __future__ import annotations

import copy
import json
import logging
from pathlib import Path

import pytest

from stylecam.errors import SinkUnavailableError
from stylecam.utils.message import Message, joined, message_of, packed, unpacked


def test_a_message_is_its_english_text() -> None:
    message = Message("port {port:04d} is in use by {name!r}", port=80, name="x")
    assert message == "port 0080 is in use by 'x'"
    assert json.dumps([message]) == "[\"port 0080 is in use by 'x'\"]"
    assert f"{message}!" == "port 0080 is in use by 'x'!"


def test_braces_stay_where_there_are_no_values() -> None:
    assert Message("--style {a,b}") == "--style {a,b}"


@pytest.mark.parametrize("kept", [str, copy.copy, copy.deepcopy], ids=lambda kept: kept.__name__)
def test_a_copy_remembers_how_it_was_made(kept: object) -> None:
    message = Message("port {port} is in use", port=80)
    made = kept(message)  # type: ignore[operator]
    assert made == "port 80 is in use"
    assert (made.template, made.values) == ("port {port} is in use", {"port": 80})


def test_the_text_of_an_error_is_the_message_it_was_raised_with() -> None:
    error = SinkUnavailableError(Message("{path} is gone", path="/dev/video10"))
    assert isinstance(str(error), Message)
    about = Message("{error}; it is tried again", error=error)
    assert about == "/dev/video10 is gone; it is tried again"
    assert isinstance(about.values["error"], Message)


def test_several_texts_become_one_whose_parts_are_still_messages() -> None:
    text = joined((Message("{name} (process {pid})", name="zoom", pid=4), "x"), "; ")
    assert text == "zoom (process 4); x"
    assert isinstance(text.values["text1"], Message)
    assert joined(()) == ""


@pytest.mark.parametrize(
    ("logged", "is_message"),
    [
        ((Message("{name} is back", name="x"),), True),
        (("%s", Message("{name} is back", name="x")), True),
        (("%s", ValueError(Message("{name} is back", name="x"))), True),
        (("%s is %s", "x", "back"), False),
    ],
)
def test_a_record_says_the_message_that_was_logged(logged: tuple[object, ...], is_message: bool) -> None:
    record = logging.LogRecord("stylecam", logging.INFO, "", 0, logged[0], logged[1:], None)
    assert message_of(record) == ("x is back")
    assert isinstance(message_of(record), Message) is is_message


def test_a_message_of_another_process_can_be_translated() -> None:
    kept = Message("the style is as it was")
    sent = Message("{path} has {count:.1f} faults; {kept}", path=Path("a.style"), count=2, kept=kept)
    received = unpacked(json.loads(json.dumps(packed(sent))))
    assert received == sent == "a.style has 2.0 faults; the style is as it was"
    assert isinstance(received, Message)
    assert received.template == sent.template
    assert isinstance(received.values["kept"], Message)
    assert unpacked(packed("a plain text with {braces}")) == "a plain text with {braces}"
