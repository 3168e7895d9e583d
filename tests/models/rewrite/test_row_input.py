"""Tests that a bank in row form paints what the bank paints, whatever engine runs it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from stylecam.engines.base import Engine
from stylecam.engines.likeness import MAX_DIFFERENCE
from stylecam.models.catalog import shipped_models
from stylecam.models.model import Model
from stylecam.models.rewrite.row_input import row_form
from stylecam.models.rewrite.style_rows import StyleRows
from tests.engines.fixtures import engine_on, photo
from tests.models.networks import bank_of, bank_with_rows, network

SIZE = WIDTH, HEIGHT = 128, 96
SHIPPED = sorted(shipped_models().glob("*.onnx"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
@pytest.mark.parametrize("name", ["opencv", "onnxruntime", "openvino"])
def test_it_paints_what_the_bank_paints(name: str, path: Path) -> None:
    engine: Engine = engine_on(name, "cpu")
    bank = Model.read(path)
    rows = row_form(bank)
    sessions = [engine.session(model, *SIZE) for model in (bank, rows)]
    blend = tuple(0.7 * a + 0.3 * b for a, b in zip(bank.one_hot(1), bank.one_hot(4), strict=True))
    for weights in (bank.one_hot(0), bank.one_hot(bank.style_count - 1), blend):
        expected, painted = (
            session.stylize(photo(*SIZE), model.rows(weights, HEIGHT, 1.2))
            for session, model in zip(sessions, (bank, rows), strict=True)
        )
        assert np.abs(expected.astype(int) - painted).max() <= MAX_DIFFERENCE


def test_banks_of_one_body_are_one_network(tmp_path: Path) -> None:
    one, two = (
        row_form(Model.read(bank_with_rows(tmp_path / f"{name}.onnx", rows)))
        for name, rows in {"one": {"wave": 1.0}, "two": {"kiss": 2.0, "cat": 3.0}}.items()
    )
    assert one.key == two.key == one.body[:12]
    assert (two.style_count, two.row_matrix.tolist(), two.row_lengths) == (2, [[2], [3]], (1,))
    other = row_form(Model.read(bank_with_rows(tmp_path / "other.onnx", {"wave": 1.0}, body=2)))
    assert other.key != one.key


def test_two_sizes_of_strokes_are_mixed_for_the_size_of_the_picture(tmp_path: Path) -> None:
    bank = Model.read(bank_with_rows(tmp_path / "a.onnx", {"wave": 1, "kiss": 2}, sizes=(1, 10)))
    rows = row_form(bank)
    assert rows.values((0, 1)).tolist() == [2, 20]
    for side, brush in ((200, 1.0), (360, 1.0), (360, 2.0)):
        expected = bank.rows((0.5, 0.5), side, brush) @ np.array([1, 10, 2, 20], np.float32)
        assert rows.rows((0.5, 0.5), side, brush).tolist() == pytest.approx([expected])


def test_networks_of_other_forms_stay_as_they_are(tmp_path: Path) -> None:
    for path in (network(tmp_path / "plain.onnx"), bank_of(tmp_path / "foreign.onnx", ["one", "two"])):
        model = Model.read(path)
        assert row_form(model) is model
    bank = row_form(Model.read(bank_with_rows(tmp_path / "bank.onnx", {"wave": 1})))
    assert row_form(bank) is bank


def test_the_file_s_own_rows_are_those_of_the_row_form() -> None:
    model = Model.read(SHIPPED[0])
    bank = StyleRows.read(model)
    assert bank is not None
    assert np.array_equal(row_form(model).row_matrix, bank.vectors.reshape(model.row_count, -1))
