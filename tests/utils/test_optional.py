"""Libraries that are extras: found, loaded, or missed with the line that installs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from stylecam.errors import EngineUnavailableError
from stylecam.utils.optional import brief, is_installed, load


def test_a_library_that_is_missing_is_told_with_the_line_that_installs_it() -> None:
    with pytest.raises(EngineUnavailableError) as caught:
        load("no_such_library", "The Library")
    assert str(caught.value) == (
        'The Library is not installed; install it with: pip install "stylecam[no_such_library]"'
    )


@pytest.mark.parametrize(
    "body", ["import no_such_part", "raise OSError('wrong ELF class')", "raise AttributeError('np.float')"]
)
def test_a_library_that_is_broken_is_told_with_its_reason(
    body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_library.py").write_text(body)
    monkeypatch.syspath_prepend(tmp_path)
    assert is_installed("broken_library")
    with pytest.raises(EngineUnavailableError) as caught:
        load("broken_library", "The Library")
    assert "is installed and cannot be loaded" in str(caught.value)
    assert str(caught.value).endswith('pip install "stylecam[broken_library]" --force-reinstall')


def test_a_library_that_is_there_is_loaded() -> None:
    assert load("json", "JSON").loads("[1]") == [1]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("[ONNXRuntimeError] : 10 : INVALID_GRAPH : No Op registered", "No Op registered"),
        (
            "Exception from src/core.cpp:105:\nCheck 'false' failed at a.cpp:1:\nModel can't be parsed\n\n",
            "Model can't be parsed",
        ),
        ("", "RuntimeError"),
    ],
)
def test_what_a_library_says_is_made_one_line(said: str, told: str) -> None:
    assert brief(RuntimeError(said)) == told
