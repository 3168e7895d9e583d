"""A stand-in for the predictor, without any network."""

from __future__ import annotations

import numpy as np
import pytest

from stylecam.media.frame import Image
from stylecam.models.onnx.proto import FloatArray
from stylecam.stylize import style_picture

LEAN, RICH = "a" * 64, "b" * 64


class MeanColor:
    """Predicts the mean color of the picture, for two bodies that no network has."""

    bodies = (LEAN, RICH)

    def rows(self, picture: Image) -> dict[str, FloatArray]:
        mean = np.asarray(picture.mean(axis=(0, 1)), np.float32)
        return {LEAN: mean[None], RICH: np.stack([mean, mean + 1])}


def learn_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pictures be read in this process and rows be predicted by `MeanColor`."""
    monkeypatch.setattr("stylecam.stylize.style_predictor.StylePredictor.load", MeanColor)
    monkeypatch.setattr("stylecam.stylize.style_learning.predicted_bodies", lambda: frozenset(MeanColor.bodies))
    monkeypatch.setattr("stylecam.utils.sandbox.run", lambda _, folder, __: style_picture.run_in_child(folder))
