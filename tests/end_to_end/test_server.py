"""A real Triton paints."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from stylecam.cli.group import run_command_line
from stylecam.engines.opencv import OpenCVEngine
from stylecam.engines.remote import RemoteEngine
from stylecam.engines.remote_target import RemoteTarget
from stylecam.models.catalog import Catalog
from stylecam.models.rewrite.two_styles import two_styles
from tests.end_to_end.triton import triton
from tests.engines.fixtures import photo, require_library

pytestmark = pytest.mark.system
require_library("tritonclient.grpc")


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """The port of a Triton with all networks."""
    environment = os.environ.get("STYLECAM_TRITON")
    if environment is None:
        pytest.skip("the variable STYLECAM_TRITON names no environment with Triton, see tests/end_to_end/triton.py")
    assert run_command_line(["models", "export", str(tmp_path / "served")]) == 0
    with triton(Path(environment), tmp_path / "served") as found:
        yield found


def test_it_paints_the_same_pictures(port: int, catalog: Catalog) -> None:
    engine, mask = RemoteEngine(RemoteTarget("127.0.0.1", port)), np.zeros((104, 160), np.uint8)
    mask[:, :70] = 255
    engine.connect()
    assert engine.version.startswith("triton 2.")
    for model in (*catalog.models, two_styles(catalog.models[0])):
        rows = model.rows(model.one_hot(1), 104)
        painted, expected = (
            each.session(model, 160, 104).stylize(photo(160, 104), rows, mask=mask)
            for each in (engine, OpenCVEngine("cpu"))
        )
        assert np.abs(painted.astype(int) - expected).max() <= 1
    engine.close()
