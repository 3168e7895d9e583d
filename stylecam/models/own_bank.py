"""Put own styles beside the styles of a bank in row form."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import replace

import numpy as np

from stylecam.models.card import OWN_KEY, card_entries, read_cards
from stylecam.models.model import Model
from stylecam.models.own_style import OwnStyle


def with_own_styles(
    model: Model, styles: Iterable[OwnStyle], bodies: Collection[str], problems: list[str] | None = None
) -> Model:
    """Return the bank `model`, which is in row form, with those of `styles` that have rows for its body.

    The network stays the same, and so does `key`.

    Args:
        model: a bank without own styles.
        styles: the own styles; their names differ.
        bodies: the digests of all installed bodies, to tell a style that was trained for one that is gone.
        problems: gets a line for each style that cannot be put there.
    """
    problems = [] if problems is None else problems
    entries = card_entries(model)
    taken = {card.name for card in read_cards(model)}
    shape = (model.row_count // model.style_count, sum(model.row_lengths))
    vectors = []
    for style in styles:
        learned = style.rows.get(model.body)
        if learned is None:
            continue
        if style.name in taken:
            problems.append(
                f"{style.name}.style: {model.path.stem} has a style of this name; give yours another: stylecam styles "
                f"rename {style.name}.style NAME"
            )
        elif learned.values.shape != shape:
            problems.append(f"{style.name}.style: its rows do not fit {model.path.stem}; ask for the file again")
        else:
            trained_before = any(rows.minutes for body, rows in style.rows.items() if body not in bodies)
            learning = {"own": True, "minutes": learned.minutes, "redrafted": not learned.minutes and trained_before}
            entries.append({
                "name": style.name, "title": style.title, "artist": style.artist, "licence": style.licence,
                "year": style.year, "source": style.source, OWN_KEY: learning,
            })  # fmt: skip
            vectors.append(np.ascontiguousarray(learned.values, "<f4").tobytes())
    if not vectors:
        return model
    assert model.row_data is not None
    return replace(
        model,
        style_count=model.style_count + len(vectors),
        own_count=len(vectors),
        row_data=model.row_data + b"".join(vectors),
        metadata={**model.metadata, "styles": json.dumps(entries, ensure_ascii=False)},
    )
