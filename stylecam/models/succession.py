"""What a mix is after the user's own styles have changed, so that a run paints on."""

from __future__ import annotations

import numpy as np

from stylecam.models.card import StyleCard, cards_called
from stylecam.models.catalog import Catalog, CatalogContent
from stylecam.models.onnx.proto import FloatArray
from stylecam.models.style_mix import StyleMix


def successor(mix: StyleMix, before: CatalogContent, catalog: Catalog) -> StyleMix:
    """Return what `mix`, made when `catalog` held `before`, is now: the same styles with today's rows.

    A style that was renamed is painted under its new name. One that was removed leaves a blend; where it is painted
    alone, the most similar style of its network replaces it.
    """
    network = next((model for model in catalog.networks if model.key == mix.model.key and model.body), None)
    if network is None:
        return mix
    now = catalog.content
    of_network = [card for card in now.cards if now.models[card.bank].key == network.key]
    there: dict[str, list[StyleCard]] = {}
    shares: dict[str, float] = {}
    for name, share in mix.shares.items():
        old = [card for card in cards_called(name, before.cards) if before.models[card.bank].key == network.key]
        if not old:  # of a file that is in no folder of styles
            return mix
        new_name, cards = name, [card for card in of_network if card.full_name in {each.full_name for each in old}]
        if not cards:
            rows = _rows(before, old[0])
            cards = [card for card in of_network if card.own and np.array_equal(_rows(now, card), rows)]
            new_name = catalog.mix_of(cards[0]).label if cards else name
        if cards:
            there[new_name] = cards
            shares[new_name] = shares.get(new_name, 0.0) + share
    if not there:
        return min(map(catalog.mix_of, of_network), key=lambda other: _distance(other, mix), default=mix)
    if len(shares) > 1 and (blend := catalog.blend_in(network, there, shares)) is not None:
        return blend
    name, cards = next(iter(there.items()))
    found = catalog.mix_of(cards[0])
    return found if mix.blend else StyleMix(found.model, found.weights, name)


def _rows(content: CatalogContent, card: StyleCard) -> FloatArray:
    """Return the rows of a style in a bank in row form."""
    model = content.models[card.bank]
    rows: FloatArray = model.row_matrix.reshape(model.style_count, -1)[card.index]
    return rows


def _distance(one: StyleMix, other: StyleMix) -> float:
    return float(np.square(one.values - other.values).sum())
