"""Words on cards in other languages, where a font of the system has their letters."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PIL import ImageFont

from stylecam.media import lettering
from stylecam.media.frame import Size
from stylecam.media.lettering import lettered
from stylecam.media.overlays import PANIC, STARTING, panic_cover, starting_cover
from stylecam.utils.languages import ENGLISH, LANGUAGES, load

SIZE = Size(1280, 720)


@pytest.fixture(autouse=True)
def _look_for_fonts_anew() -> Iterator[None]:
    lettering._font_for.cache_clear()
    yield
    lettering._font_for.cache_clear()


@pytest.fixture
def no_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system on which no font is installed; Pillow brings one of its own."""
    monkeypatch.setattr(lettering, "_LATIN", ())
    monkeypatch.setattr(lettering, "_FONTS", {})


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_card_is_in_the_chosen_language_or_in_english_and_never_in_boxes(code: str) -> None:
    language = load(code)
    words, font = lettered(PANIC, language, 40)
    assert words in (language.say(PANIC), PANIC)
    missing = bytes(font.getmask("\U0010ffff"))
    assert all(bytes(font.getmask(letter)) != missing for letter in words if letter != " ")


@pytest.mark.parametrize("code", ["ko", "ja", "zh", "fr"])
@pytest.mark.usefixtures("no_fonts")
def test_without_a_font_of_its_letters_a_card_stays_english(code: str) -> None:
    assert lettered(STARTING, load(code), 40)[0] == STARTING
    assert np.array_equal(starting_cover(SIZE, language=load(code)), starting_cover(SIZE))


@pytest.mark.usefixtures("no_fonts")
def test_plain_letters_need_no_font_of_the_system() -> None:
    assert lettered(PANIC, load("de"), 40)[0] == "Gleich wieder da"
    assert lettered(PANIC, ENGLISH, 40)[0] == "Back in a moment"


@pytest.mark.skipif(not lettering._font_for("뒤", "ko"), reason="no font with Korean letters is installed")
def test_a_korean_card_is_drawn_with_a_font_of_the_system() -> None:
    words, font = lettered(PANIC, load("ko"), 40)
    assert words == load("ko").say(PANIC)
    assert isinstance(font, ImageFont.FreeTypeFont)
    assert not np.array_equal(panic_cover(SIZE, language=load("ko")), panic_cover(SIZE))
