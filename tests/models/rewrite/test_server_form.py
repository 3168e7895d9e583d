"""Tests that the form for a server paints the same picture, at any size."""

from __future__ import annotations

import numpy as np
import pytest

from stylecam.engines.base import ExtraInputs
from stylecam.engines.opencv import OpenCVEngine
from stylecam.models.model import Model
from stylecam.models.rewrite.row_input import row_form
from stylecam.models.rewrite.server_form import server_form
from stylecam.models.rewrite.two_styles import two_styles
from tests.engines.fixtures import photo, require_library


@pytest.mark.parametrize("library", ["onnxruntime", "openvino"])  # what Triton and OpenVINO Model Server run it with
@pytest.mark.parametrize("styles", [1, 2])
def test_it_paints_the_same_at_any_size(bank: Model, library: str, styles: int) -> None:
    require_library(library)
    model = row_form(bank) if styles == 1 else two_styles(row_form(bank))
    run = _loaded(library, server_form(model))
    for width, height in ((96, 64), (64, 72)):
        picture, mask = photo(width, height), np.zeros((height, width), np.uint8)
        mask[:, :30] = 200
        rows = model.rows(model.one_hot(1), height)
        inputs = {"picture": picture[None], **ExtraInputs(model, width, height).changed(rows, (0, 0))}
        if inputs.pop("mask", None) is not None:
            inputs["person"] = mask[None, None]
        expected = OpenCVEngine("cpu").session(model, width, height).stylize(picture, rows, mask=mask)
        painted = run(inputs)
        assert painted.dtype == np.uint8
        assert np.abs(painted[0].astype(int) - expected).max() <= 1


def _loaded(library: str, data: bytes):  # type: ignore[no-untyped-def]
    if library == "onnxruntime":
        import onnxruntime

        session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
        return lambda inputs: session.run(["painted"], inputs)[0]
    import openvino

    compiled = openvino.compile_model(openvino.Core().read_model(data), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda inputs: compiled(inputs)["painted"]
