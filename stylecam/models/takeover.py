"""Turn banks of the user into own styles, where they differ from a shipped bank in their rows alone.

Earlier versions kept each of a user's styles as a whole network. Its body is then one that is there already.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stylecam.models.card import StyleCard, read_cards
from stylecam.models.model import Model
from stylecam.models.own_style import LearnedRows, OwnStyle

UNKNOWN_MINUTES = 1.0
"""The minutes of training of a style of which nobody knows more than that it was trained."""


def own_styles_of(
    model: Model, banks: Iterable[Model], pictures: Mapping[str, bytes] | None = None
) -> list[OwnStyle] | None:
    """Return what is new in `model` as own styles; None if its body is not that of one of `banks`.

    Styles that a bank holds already are left out.

    Args:
        model: a network in row form.
        banks: the shipped networks, in row form.
        pictures: of each style whose picture is known, by its name, as `OwnStyle.picture` has it.
    """
    alike = [bank for bank in banks if model.body and bank.body == model.body]
    if not alike:
        return None
    there = {row.tobytes() for bank in alike for row in bank.row_matrix.reshape(bank.style_count, -1)}
    rows = model.row_matrix.reshape(model.style_count, -1, sum(model.row_lengths))
    return [
        _own_style(card, LearnedRows(rows[card.index], UNKNOWN_MINUTES), model.body, (pictures or {}).get(card.name))
        for card in read_cards(model)
        if rows[card.index].tobytes() not in there
    ]


def _own_style(card: StyleCard, learned: LearnedRows, body: str, picture: bytes | None) -> OwnStyle:
    rows = {body: learned}
    return OwnStyle(card.name, card.title, card.artist, card.licence, picture or b"", rows, card.year, card.source)
