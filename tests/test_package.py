"""Tests of the package as a whole: light imports, public names, and rules that every module keeps."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

import stylecam

ROOT = Path(stylecam.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
CORE = [path for path in MODULES if path.relative_to(ROOT).parts[0] != "cli" and path.name != "clock.py"]
HEAVY = ("cv2", "numpy", "pynput", "jeepney", "aiohttp", "pyvirtualcam", "onnx", "av", "rich", "psutil")


def relative_name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("module", ["stylecam", "stylecam.cli", "stylecam.__main__"])
def test_importing_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert finished.stdout.strip() == ""


def test_the_version_option_loads_no_image_library() -> None:
    code = (
        "import sys; from stylecam.cli.group import run_command_line; run_command_line(['--version']);"
        f"print(*[name for name in {HEAVY[:7]!r} if name in sys.modules])"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert finished.stdout.splitlines() == [f"stylecam, version {stylecam.__version__}", ""]


def test_every_public_name_is_there() -> None:
    assert stylecam.__all__
    assert all(hasattr(stylecam, name) for name in stylecam.__all__)


def test_the_package_is_marked_as_typed() -> None:
    assert (ROOT / "py.typed").is_file()


@functools.cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


@functools.cache
def _calls(path: Path) -> frozenset[str]:
    return frozenset(ast.unparse(node.func) for node in ast.walk(_tree(path)) if isinstance(node, ast.Call))


@functools.cache
def _imports(path: Path) -> frozenset[str]:
    found: set[str] = set()
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def test_the_core_never_sleeps() -> None:
    sleeping = {"time.sleep", "sleep", "asyncio.sleep", "cv2.waitKey"}
    assert [relative_name(path) for path in CORE if sleeping & (_calls(path) | _imports(path))] == []


def test_no_module_prints() -> None:
    printing = {"print", "sys.stdout.write", "sys.stderr.write"}
    assert [relative_name(path) for path in MODULES if printing & _calls(path)] == []


def test_the_core_does_not_import_the_command_line() -> None:
    importing = [
        relative_name(path)
        for path in CORE
        if any(name.startswith(("stylecam.cli", "click")) for name in _imports(path))
    ]
    assert importing == ["__main__.py"]


_IMPURE = ("cv2", "numpy", "threading", "time", "logging", "stylecam.utils.clock")


def test_the_governor_does_arithmetic_only() -> None:
    assert not [name for name in _imports(ROOT / "stylize" / "governor.py") if name.startswith(_IMPURE)]


def test_torch_is_imported_by_training_and_evaluation_only() -> None:
    importing = [relative_name(path) for path in CORE if any(name.split(".")[0] == "torch" for name in _imports(path))]
    assert importing
    assert all(
        name.startswith(("training/", "evaluation/")) or name == "models/importers/pytorch.py" for name in importing
    )
