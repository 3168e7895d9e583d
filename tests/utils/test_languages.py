"""Tests of choosing a language and of saying messages in it."""

from __future__ import annotations

import pytest

from stylecam.errors import UsageError
from stylecam.utils.languages import ENGLISH, LANGUAGES, Language, accepted, check_language, choose, load
from stylecam.utils.message import Message, joined

GERMAN = Language("de", {}, {"{name} is back": "{name}: wieder da", "the camera": "die Kamera", "off": "aus"})


def test_a_message_and_those_within_it_are_translated() -> None:
    assert GERMAN.say(Message("{name} is back", name=Message("the camera"))) == "die Kamera: wieder da"
    assert GERMAN.say(joined((Message("off"), Message("the camera")))) == "aus, die Kamera"


def test_a_text_without_values_is_looked_up_as_it_is() -> None:
    assert GERMAN.say("off") == "aus"


def test_what_nobody_has_translated_stays_english() -> None:
    assert GERMAN.say(Message("{name} is gone", name=Message("the camera"))) == "die Kamera is gone"
    assert GERMAN.say("gone") == "gone"


def test_a_value_that_is_no_message_stays() -> None:
    """A style may be called `off`."""
    assert GERMAN.say(Message("{name} is back", name="off")) == "off: wieder da"


def test_only_the_messages_of_a_json_value_are_translated() -> None:
    value = {"style": "off", "notice": Message("off"), "viewers": (Message("the camera"), 3), "rung": None}
    assert GERMAN.localized(value) == {"style": "off", "notice": "aus", "viewers": ["die Kamera", 3], "rung": None}
    assert ENGLISH.localized(value) is value


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (["de-AT", "en"], "de"),
        (["de_AT.UTF-8"], "de"),
        (["tlh", "ja"], "ja"),
        (["zh-Hans-CN"], "zh"),
        (["en-GB", "de"], "en"),
        (["tlh"], "en"),
        ([], "en"),
        (["../../x"], "en"),
    ],
)
def test_the_first_language_that_there_is_is_chosen(wanted: list[str], code: str) -> None:
    assert choose(wanted).code == code


@pytest.mark.parametrize(
    ("header", "tags"),
    [
        ("de-AT,de;q=0.9,en;q=0.5", ["de-AT", "de", "en"]),
        ("en;q=0.2, ko", ["ko", "en"]),
        ("fr;q=0, en;q=0.500", ["en"]),
        ("*", []),
        ("", []),
        (";;q=,,", ["q"]),
        ("de;q=1.2.3", ["de"]),
        ("x" * 5000, ["x" * 400]),
    ],
)
def test_a_header_lists_the_most_welcome_language_first(header: str, tags: list[str]) -> None:
    assert accepted(header) == tags


def test_a_language_that_does_not_exist_lists_those_that_do() -> None:
    check_language("es-MX")
    with pytest.raises(UsageError, match=r"there is no language 'klingon'; choose en \(English\), ko \(한국어\)"):
        check_language("klingon")


@pytest.mark.parametrize("code", LANGUAGES)
def test_each_language_loads_and_has_a_tag_for_html(code: str) -> None:
    language = load(code)
    assert language.code == code
    assert language.tag == ("zh-Hans" if code == "zh" else code)
    assert bool(language.page) is bool(language.messages) is (code != "en")
