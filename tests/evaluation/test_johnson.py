"""Tests of Johnson's network, the baseline."""

from __future__ import annotations

import numpy as np
import pytest

from stylecam.engines.opencv import OpenCVEngine
from stylecam.evaluation.johnson import johnson
from stylecam.evaluation.macs import gmac
from stylecam.media.frame import Size


def test_it_takes_as_many_multiply_adds_as_published_implementations() -> None:
    assert gmac(johnson(), Size(640, 360)) == pytest.approx(35.4, abs=0.1)
    assert gmac(johnson(), Size(640, 480)) == pytest.approx(47.2, abs=0.1)


def test_the_result_has_the_size_of_the_picture() -> None:
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    styled = OpenCVEngine("cpu").session(johnson(), 64, 48).stylize(image, (1.0,))
    assert styled.shape == image.shape
    assert styled.std() > 1


def test_it_is_a_valid_onnx_file() -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load_from_string(johnson().data)
    onnx.checker.check_model(model, full_check=True)


def test_it_is_the_same_network_each_time() -> None:
    assert johnson().key == johnson().key
