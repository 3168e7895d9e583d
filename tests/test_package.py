"""Tests of the package as a whole: light imports, public names, and rules that every module keeps."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
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


def _calls(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", CORE, ids=relative_name)
def test_the_core_never_sleeps(path: Path) -> None:
    assert not {"time.sleep", "sleep", "asyncio.sleep", "cv2.waitKey"} & set(_calls(path)) - (
        {"cv2.waitKey"} if path.name == "window.py" else set()
    )
    assert "time.sleep" not in set(_imports(path))


@pytest.mark.parametrize("path", MODULES, ids=relative_name)
def test_no_module_prints(path: Path) -> None:
    assert not {"print", "sys.stdout.write", "sys.stderr.write"} & set(_calls(path))


@pytest.mark.parametrize("path", CORE, ids=relative_name)
def test_the_core_does_not_import_the_command_line(path: Path) -> None:
    offending = [name for name in _imports(path) if name.startswith(("stylecam.cli", "click"))]
    assert path.name == "__main__.py" or not offending


_IMPURE = ("cv2", "numpy", "threading", "time", "logging", "stylecam.utils.clock")


def test_the_governor_does_arithmetic_only() -> None:
    assert not [name for name in _imports(ROOT / "stylize" / "governor.py") if name.startswith(_IMPURE)]


@pytest.mark.parametrize("path", CORE, ids=relative_name)
def test_torch_is_imported_by_training_and_evaluation_only(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    is_pytorch_importer = name == "models/importers/pytorch.py"
    allowed = name.startswith(("training/", "evaluation/")) or is_pytorch_importer
    assert allowed or not [name for name in _imports(path) if name.split(".")[0] == "torch"]
