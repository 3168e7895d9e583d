"""Words on cards and badges: what they say in a language, and a font that has its letters."""

from __future__ import annotations

from functools import lru_cache

from PIL import ImageFont

from stylecam.utils.languages import ENGLISH, Language

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_LATIN = (("DejaVuSans.ttf", 0), ("LiberationSans-Regular.ttf", 0), ("segoeui.ttf", 0), ("Arial.ttf", 0))
_NOTO, _NOTO_VARIABLE = "NotoSansCJK-Regular.ttc", "NotoSansCJK-VF.ttc"
_FONTS = {
    "ko": (("malgun.ttf", 0), ("AppleSDGothicNeo.ttc", 0), (_NOTO, 1), (_NOTO_VARIABLE, 1), ("NanumGothic.ttf", 0)),
    "ja": (("YuGothM.ttc", 0), ("ヒラギノ角ゴシック W3.ttc", 0), (_NOTO, 0), (_NOTO_VARIABLE, 0), ("ipag.ttf", 0)),
    "zh": (("msyh.ttc", 0), ("Hiragino Sans GB.ttc", 0), (_NOTO, 2), (_NOTO_VARIABLE, 2), ("wqy-zenhei.ttc", 0)),
}
"""File and number in it of the fonts that Windows, macOS and Linux may have, by language; `_LATIN` for the others."""


def lettered(text: str, language: Language, size: float) -> tuple[str, Font]:
    """Return `text` in `language` and a font of `size` pixels for it; in English where no installed font has it all."""
    words = language.say(text)
    if not words.isascii():  # Pillow's own font has no other letters
        if (found := _font_for(words, language.code)) is not None:
            return words, _load(found, size)
        words = ENGLISH.say(text)
    return words, _load(None, size)


@lru_cache(16)
def _load(file: tuple[str, int] | None, size: float) -> Font:
    return ImageFont.load_default(size) if file is None else ImageFont.truetype(file[0], size, file[1])


@lru_cache
def _font_for(words: str, code: str) -> tuple[str, int] | None:
    """Return the file, and the number in it, of an installed font with all letters of `words`."""
    for name, number in _FONTS.get(code, _LATIN):
        try:
            font = ImageFont.truetype(name, 16, number)  # Pillow knows the system's folders
        except OSError:
            continue
        missing = bytes(font.getmask("\U0010ffff"))  # what it draws for a letter that it has not
        if all(bytes(font.getmask(letter)) != missing for letter in set(words) if not letter.isspace()):
            return name, number
    return None
