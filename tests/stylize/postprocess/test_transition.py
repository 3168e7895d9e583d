"""Tests of the change from one style to the next."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stylecam.models.model import Model
from stylecam.models.style_mix import StyleMix
from stylecam.stylize.postprocess.transition import DURATION_S, Transition
from tests.doubles import model

BANK = model("bank", styles=2)
PAIR = replace(BANK, key="bank.two", bank=BANK)
FRAME_S = DURATION_S / 10
ONE, OTHER = StyleMix(BANK, (1.0, 0.0), "one"), StyleMix(BANK, (0.0, 1.0), "other")
BOTH = StyleMix(PAIR, (1.0, 0.0, 0.0, 1.0), "one")


def test_within_a_bank_the_weights_move() -> None:
    transition = Transition(FRAME_S)
    transition.toward(ONE, 0.0)
    step = transition.toward(OTHER, FRAME_S)
    assert 0 < step.values[1] < 1
    assert sum(step.values) == pytest.approx(1)
    assert (step.fading, step.switch_count) == (0, 1)
    assert transition.toward(OTHER, 1.0).values.tolist() == [*OTHER.weights]


def test_from_one_style_to_two_of_its_bank_the_room_moves_away_from_the_person() -> None:
    transition = Transition(FRAME_S)
    transition.toward(ONE, 0.0)
    step = transition.toward(BOTH, FRAME_S)
    assert step.values[:2].tolist() == [*ONE.weights]
    assert 0 < step.values[3] < 1
    assert step.fading == 0
    assert transition.toward(BOTH, 1.0).values.tolist() == [*BOTH.weights]


def test_of_two_styles_both_sides_move() -> None:
    transition = Transition(FRAME_S)
    transition.toward(BOTH, 0.0)
    step = transition.toward(replace(BOTH, weights=(0.0, 1.0, 1.0, 0.0)), FRAME_S)
    assert all(0 < weight < 1 for weight in step.values)
    assert step.fading == 0


@pytest.mark.parametrize("other", [ONE, StyleMix(model("else"), (1.0,), "else")], ids=["its bank", "another network"])
def test_from_two_styles_to_one_the_picture_fades(other: StyleMix) -> None:
    transition = Transition(FRAME_S)
    transition.toward(BOTH, 0.0)
    step = transition.toward(other, FRAME_S)
    assert step.values.tolist() == [*other.weights]
    assert 0 < step.fading < 1
    assert transition.toward(other, 1.0).fading == 0


def test_two_styles_of_another_bank_fade_in() -> None:
    transition = Transition(FRAME_S)
    transition.toward(StyleMix(_another_bank(), (1.0, 0.0), "else"), 0.0)
    assert transition.toward(BOTH, FRAME_S).fading > 0


def _another_bank() -> Model:
    return model("else", styles=2)
