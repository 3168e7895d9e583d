"""A few hundred damaged files of each kind; `python -m tests.end_to_end.fuzz` feeds thousands."""

from __future__ import annotations

import sys

import pytest

from tests.end_to_end.fuzz import fuzz

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the fuzzer forks, and watches a file with inotify")
PARENT_MB, SANDBOX_MB = 400, 1500


@pytest.mark.parametrize(("kind", "count"), [("image", 200), ("playlist", 80), ("onnx", 25), ("onnx-import", 10)])
def test_damaged_files_neither_end_the_program_nor_open_anything_else(kind: str, count: int) -> None:
    if kind.startswith("onnx"):
        pytest.importorskip("onnx", reason='importing needs onnx: pip install "stylecam[import]"')
    figures = fuzz(kind, seed=1, first=0, count=count)
    assert figures.files == count
    assert (figures.parent_crashes, figures.unexpected, figures.hangs, figures.opened_outside) == ([], [], [], [])
    assert figures.accepted
    assert figures.refused > count / 3
    assert figures.parent_mb < PARENT_MB
    assert figures.sandbox_mb < SANDBOX_MB
