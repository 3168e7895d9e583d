"""Tests of the `stylecam.train` function."""

from __future__ import annotations

from pathlib import Path

import pytest

import stylecam
from stylecam.errors import UsageError
from stylecam.training.events import Event, StepEvent
from tests.training import fixtures


def test_one_call_makes_a_bank_that_a_stylist_can_use(tmp_path: Path) -> None:
    painting, photos = fixtures.random_picture(tmp_path / "blots.png"), fixtures.photo_folder(tmp_path / "photos")
    events: list[Event] = []
    result = stylecam.train(
        [f"spring={painting}"], tmp_path / "mine.onnx", photos=[photos], steps=2, crop=64, scale=64, width=8, blocks=1,
        vgg=fixtures.small_vgg(tmp_path / "vgg.npz"), device="cpu", listener=events.append,
    )  # fmt: skip
    assert (result.styles, result.steps, result.finished, result.unreadable) == (("spring",), 2, True, ())
    assert [event.number for event in events if isinstance(event, StepEvent)] == [1, 2]
    assert stylecam.Stylist(str(result.bank), engine="opencv").mix.label.endswith("spring")


def test_an_option_that_does_not_exist_is_named(tmp_path: Path) -> None:
    painting, photos = fixtures.random_picture(tmp_path / "blots.png"), fixtures.photo_folder(tmp_path / "photos")
    with pytest.raises(UsageError, match="minuts"):
        stylecam.train([painting], tmp_path / "mine.onnx", photos=[photos], minuts=3)
