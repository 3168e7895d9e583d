from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from stylecam.engines.opencv import OpenCVEngine
from stylecam.errors import ModelFormatError
from stylecam.models import vgg

Array = npt.NDArray[np.float32]


def test_the_network_measures_means_and_squares_of_the_feature_maps() -> None:
    weights = vgg.read_weights(vgg.shipped_vgg())
    picture = np.random.default_rng(0).random((1, 3, 16, 24), np.float32)
    session = OpenCVEngine().session(vgg.statistics_network(weights), 24, 16)
    found = session.run(picture, ())[0, :, 0, 0]
    value = picture[0, ::-1] * 255 - np.array(vgg.MEAN, np.float32)[:, None, None]
    for layer in ("conv1_1", "conv1_2"):
        value = np.maximum(_convolved(value, weights[f"{layer}.w"], weights[f"{layer}.b"]), 0)
    np.testing.assert_allclose(found[:64], value.mean((1, 2)), rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(found[64:128], np.square(value).mean((1, 2)), rtol=1e-3, atol=1)
    assert found.shape == (2 * sum(vgg.CHANNELS),)


def _convolved(value: Array, weights: Array, biases: Array) -> Array:
    padded = np.pad(value, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    return np.asarray(np.einsum("ihwyx,oiyx->ohw", windows, weights) + biases[:, None, None], np.float32)


def test_damaged_weights_are_named(tmp_path: Path) -> None:
    damaged = tmp_path / "vgg16.npz"
    damaged.write_bytes(vgg.shipped_vgg().read_bytes()[:10_000])
    with pytest.raises(ModelFormatError, match=r"vgg16\.npz is missing or damaged"):
        vgg.read_weights(damaged)
    with pytest.raises(ModelFormatError, match="install stylecam again"):
        vgg.read_weights(tmp_path / "none.npz")
