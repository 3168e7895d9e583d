"""Tests of loading optional packages and of the messages for those that are missing or broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from stylecam.errors import EngineUnavailableError, TrainingUnavailableError
from stylecam.utils.optional import error_summary, install_command, is_installed, load, require


def test_a_missing_package_is_reported_with_the_command_that_installs_it() -> None:
    with pytest.raises(EngineUnavailableError) as caught:
        load("no_such_package", purpose="--engine fast", extra="fast", error=EngineUnavailableError)
    assert str(caught.value) == (
        '--engine fast needs no_such_package, not installed here; run: pip install "stylecam[fast]"'
    )


@pytest.mark.parametrize(
    ("system", "command"),
    [
        ("linux", 'pip install uv && uv pip install --torch-backend cpu "stylecam[train]"'),
        ("darwin", 'pip install "stylecam[train]"'),
    ],
)
def test_pytorch_is_installed_for_processors(system: str, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", system)
    assert install_command("train") == command


def test_of_several_packages_all_missing_ones_are_named() -> None:
    with pytest.raises(TrainingUnavailableError, match="training needs one_missing and two_missing, not installed"):
        require("one_missing", "json", "two_missing", purpose="training", extra="train", error=TrainingUnavailableError)


def test_installed_packages_raise_nothing() -> None:
    require("json", "email.mime", purpose="this", extra="none", error=TrainingUnavailableError)


@pytest.mark.parametrize(
    "body", ["import no_such_part", "raise OSError('wrong ELF class')", "raise AttributeError('np.float')"]
)
def test_a_broken_package_is_reported_with_its_reason(
    body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_package.py").write_text(body)
    monkeypatch.syspath_prepend(tmp_path)
    assert is_installed("broken_package")
    with pytest.raises(EngineUnavailableError) as caught:
        load("broken_package", purpose="--engine fast", extra="fast", error=EngineUnavailableError)
    assert "broken_package is installed and cannot be loaded" in str(caught.value)
    assert str(caught.value).endswith(f"{install_command('fast')} --force-reinstall")


def test_an_installed_package_is_loaded() -> None:
    assert load("json", purpose="this", extra="none", error=EngineUnavailableError).loads("[1]") == [1]


@pytest.mark.parametrize(
    ("reported", "summary"),
    [
        ("[ONNXRuntimeError] : 10 : INVALID_GRAPH : No Op registered", "No Op registered"),
        (
            "Exception from src/core.cpp:105:\nCheck 'false' failed at a.cpp:1:\nModel can't be parsed\n\n",
            "Model can't be parsed",
        ),
        ("", "RuntimeError"),
    ],
)
def test_a_librarys_message_is_made_one_line(reported: str, summary: str) -> None:
    assert error_summary(RuntimeError(reported)) == summary
