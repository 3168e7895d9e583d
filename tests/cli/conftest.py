"""Fixtures for the tests of the commands."""

from __future__ import annotations

import pytest

from stylecam.system.setup import steps


@pytest.fixture
def training_packages() -> None:
    """Skip the test if PyTorch or onnx is not installed."""
    for package in ("torch", "onnx"):
        pytest.importorskip(package, reason=f'training needs {package}: pip install "stylecam[train]"')


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The commands that were run; none really is."""
    done: list[tuple[str, ...]] = []

    def execute(command: tuple[str, ...]) -> int:
        done.append(command)
        return 0

    monkeypatch.setattr(steps, "_run_command", execute)
    return done
