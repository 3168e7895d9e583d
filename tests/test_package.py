"""What importing stylecam costs, what it offers, and what its core never does."""

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
HEAVY = ("cv2", "numpy", "pynput", "aiohttp", "pyvirtualcam", "onnx", "av", "rich", "psutil")


def relative_name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("module", ["stylecam", "stylecam.cli", "stylecam.__main__"])
def test_importing_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == ""


def test_asking_for_the_version_loads_no_picture_library() -> None:
    code = (
        "import sys; from stylecam.cli.group import run_command_line; run_command_line(['--version']);"
        f"print(*[name for name in {HEAVY[:6]!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines() == [f"stylecam, version {stylecam.__version__}", ""]


def test_every_public_name_is_there() -> None:
    assert stylecam.__all__
    assert all(hasattr(stylecam, name) for name in stylecam.__all__)


def test_the_package_says_that_it_is_typed() -> None:
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
def test_nothing_prints(path: Path) -> None:
    assert not {"print", "sys.stdout.write", "sys.stderr.write"} & set(_calls(path))


@pytest.mark.parametrize("path", CORE, ids=relative_name)
def test_the_core_knows_nothing_of_the_command_line(path: Path) -> None:
    wrong = [name for name in _imports(path) if name.startswith(("stylecam.cli", "click"))]
    assert path.name == "__main__.py" or not wrong


_PURE = ("cv2", "numpy", "threading", "time", "logging", "stylecam.utils.clock")


def test_the_governor_is_arithmetic_only() -> None:
    assert not [name for name in _imports(ROOT / "stylize" / "governor.py") if name.startswith(_PURE)]


@pytest.mark.parametrize("path", CORE, ids=relative_name)
def test_torch_is_imported_by_training_and_evaluation_only(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    reads_pytorch_files = name == "models/importers/pytorch.py"
    allowed = name.startswith(("training/", "evaluation/")) or reads_pytorch_files
    assert allowed or not [name for name in _imports(path) if name.split(".")[0] == "torch"]
