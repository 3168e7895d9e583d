"""Tests of the highest rate of a matrix product."""

from __future__ import annotations

import pytest

from stylecam.evaluation.performance import peak_flops


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peak_flops, "_SIDE", 32)


def test_a_matrix_product_is_measured() -> None:
    found = peak_flops.matmul_peak(1, 0.01)
    assert found is not None
    assert found > 0


@pytest.mark.parametrize("program", ["import os; os.abort()", "raise SystemExit(1)", "import os; os.write(1, b'x')"])
def test_the_rate_is_unknown_where_the_product_does_not_run(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peak_flops, "_PROGRAM", program)
    assert peak_flops._run("f32", 1, 0.01, None) is None


def test_the_rate_of_the_best_kernel_is_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = {None: 10.0, "SkylakeX": 20.0}
    monkeypatch.setattr(peak_flops, "_run", lambda *arguments: rates[arguments[-1]])
    assert peak_flops.matmul_peak(2) == 20.0


def test_the_library_gets_the_requested_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peak_flops, "_PROGRAM", "import os, sys; sys.stdout.write(os.environ['OPENBLAS_NUM_THREADS'])")
    assert peak_flops._run("f32", 7, 0.01, None) == 7.0
