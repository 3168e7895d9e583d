"""What a live run starts with."""

from __future__ import annotations

from pathlib import Path

from stylecam.live.settings import Settings
from stylecam.live.startup import initial_state
from stylecam.models.catalog import Catalog
from tests.models.networks import network


def test_a_style_file_given_at_the_start_is_listed_with_the_others(tmp_path: Path) -> None:
    catalog = Catalog()
    state = initial_state(Settings(style=str(network(tmp_path / "mine.onnx"))), catalog)
    assert state.look.label == "mine"
    assert [card.name for card in catalog.cards] == ["mine"]
