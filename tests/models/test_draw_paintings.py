"""Tests of the program that draws paintings for stylecam's own styles."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from stylecam.evaluation.quality.texture import mark_contrast, repetition

PROGRAM = Path(__file__).parents[2] / "models" / "draw_paintings.py"
NAMES = ["stained_glass", "tesserae", "woodcut", "comic", "cut_paper", "candy", "facets", "impasto"]


@pytest.fixture(scope="module")
def program() -> ModuleType:
    spec = importlib.util.spec_from_file_location("draw_paintings", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def drawn(program: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "new"
    program.main(folder)
    return folder


def test_the_program_writes_all_of_them_to_a_folder(drawn: Path) -> None:
    assert sorted(path.name for path in drawn.iterdir()) == sorted(f"{name}.png" for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_painting_is_bold_and_does_not_repeat(drawn: Path, name: str) -> None:
    painting = cv2.imread(str(drawn / f"{name}.png"))
    assert painting is not None
    assert painting.shape == (1024, 1024, 3)
    small = cv2.resize(painting, (512, 512), interpolation=cv2.INTER_AREA).astype(np.uint8)
    assert mark_contrast(small) > 15
    assert repetition(small) < 0.3


def test_each_painting_has_colors_of_its_own(drawn: Path) -> None:
    def shares(name: str) -> npt.NDArray[np.float32]:
        picture = cv2.imread(str(drawn / f"{name}.png"))
        assert picture is not None
        counts = cv2.calcHist([picture], [0, 1, 2], None, [4, 4, 4], [0, 256] * 3)
        return np.asarray(counts.ravel() / counts.sum(), np.float32)

    colors = [shares(name) for name in NAMES]
    assert min(float(np.abs(a - b).sum()) for n, a in enumerate(colors) for b in colors[:n]) > 0.8


def test_a_painting_is_always_the_same(program: ModuleType, drawn: Path) -> None:
    before = cv2.imread(str(drawn / "woodcut.png"))
    assert before is not None
    assert np.array_equal(program.draw("woodcut"), before)


def test_without_a_folder_it_says_how_it_is_used() -> None:
    ended = subprocess.run([sys.executable, str(PROGRAM)], check=False, capture_output=True, text=True, timeout=110)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "usage: python models/draw_paintings.py FOLDER" in ended.stderr
