import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from stylecam.errors import ModelFormatError
from stylecam.media.frame import Image
from stylecam.models import vgg
from stylecam.models.catalog import shipped_models
from stylecam.models.model import Model
from stylecam.models.rewrite.style_rows import StyleRows
from stylecam.stylize import style_predictor
from stylecam.stylize.style_predictor import StylePredictor


@pytest.fixture(scope="module")
def loaded() -> StylePredictor:
    return StylePredictor.load()


@pytest.fixture
def predictor(loaded: StylePredictor, monkeypatch: pytest.MonkeyPatch) -> StylePredictor:
    monkeypatch.setattr(style_predictor, "AREAS", (2**12, 2**10))  # as quick as a test may be
    return loaded


def _picture(hue: int, height: int = 120, width: int = 160) -> Image:
    noise = np.random.default_rng(hue).integers(0, 60, (height, width, 3), np.uint8)
    noise[..., hue] += 150
    return noise


def test_it_predicts_rows_for_every_shipped_body(predictor: StylePredictor) -> None:
    found = predictor.rows(_picture(0))
    banks = [StyleRows.read(Model.read(path)) for path in shipped_models().glob("gallery*.onnx")]
    expected = {bank.body: next(iter(bank.rows.values())).shape[1] for bank in banks if bank is not None}
    assert {body: len(rows) for body, rows in found.items()} == expected
    assert set(predictor.bodies) == set(expected)
    assert all(rows.dtype == np.float32 and np.isfinite(rows).all() for rows in found.values())


def test_rows_are_those_of_the_picture(predictor: StylePredictor) -> None:
    blue, again, red = (predictor.rows(_picture(hue)) for hue in (0, 0, 2))
    for body in predictor.bodies:
        np.testing.assert_array_equal(blue[body], again[body])
        assert np.abs(blue[body] - red[body]).max() > 0.05


def test_tiny_and_very_long_pictures_have_rows_too(predictor: StylePredictor) -> None:
    for picture in (_picture(1, 1, 1), _picture(1, 9, 900)):
        assert all(np.isfinite(rows).all() for rows in predictor.rows(picture).values())


@pytest.mark.parametrize(("module", "finder"), [(style_predictor, "predictor_path"), (vgg, "shipped_vgg")])
def test_a_damaged_file_is_named(
    module: ModuleType, finder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged = tmp_path / "damaged.npz"
    damaged.write_bytes(getattr(module, finder)().read_bytes()[:1000])
    monkeypatch.setattr(module, finder, lambda: damaged)
    message = rf"^{re.escape(str(damaged))} is missing or damaged \([^()]*\); install stylecam again$"
    with pytest.raises(ModelFormatError, match=message):
        StylePredictor.load()
