"""Many styles of one picture on a sheet."""

from __future__ import annotations

import numpy as np
import pytest

from stylecam.errors import UsageError
from stylecam.media.frame import Size
from stylecam.models.catalog import StyleMix
from stylecam.stylize.contact_sheet import ContactSheet
from stylecam.stylize.image import Stylist
from stylecam.testing import gray_image
from tests import doubles


@pytest.fixture
def engine() -> doubles.TintEngine:
    return doubles.TintEngine()


def sheet(engine: doubles.TintEngine, picture: Size, styles: int = 4, columns: int | None = None) -> ContactSheet:
    bank = doubles.model("bank", styles)
    mixes = [StyleMix(bank, tuple(float(i == j) for j in range(styles)), f"style_{i}") for i in range(styles)]
    first = StyleMix(bank, (1.0,), "plain")
    return ContactSheet(Stylist(first, engine=engine), mixes, picture, columns)


def test_every_style_has_its_cell_and_the_first_is_the_picture(engine: doubles.TintEngine) -> None:
    made = sheet(engine, Size(64, 48), columns=2)
    counted: list[int] = []
    drawn = made.draw(gray_image(90, Size(64, 48)), counted.append)
    assert counted == [0, 1, 2, 3, 4]
    assert drawn.shape == (made.size.height, made.size.width, 3)
    assert made.labels == ("picture", "style_0", "style_1", "style_2", "style_3")
    plain = {level for level in range(256) if (drawn == level).all(2).sum() >= 64 * 48}
    assert plain >= {90, 51, 102, 153, 204}
    assert len(engine.loaded) == 1  # one network for all styles of a bank


def test_there_are_names_below_the_cells(engine: doubles.TintEngine) -> None:
    made = sheet(engine, Size(640, 480), columns=5)
    drawn = made.draw(gray_image(90, Size(640, 480)))
    strip = drawn[8 + made.cell.height : -8]
    for column in range(5):
        left = 8 + column * (made.cell.width + 8)
        assert strip[:, left : left + made.cell.width].min() < 120


@pytest.mark.parametrize("picture", [Size(1920, 1080), Size(1080, 1920), Size(33, 7), Size(1, 900)], ids=str)
def test_a_sheet_is_even_and_wider_than_high_and_cells_keep_the_shape(
    picture: Size, engine: doubles.TintEngine
) -> None:
    made = sheet(engine, picture, styles=26)
    assert max(made.cell) == min(480, max(picture))
    assert made.size.width % 2 == made.size.height % 2 == 0
    assert made.size.width > made.size.height or picture.width < 100  # in one row already
    assert made.draw(np.zeros((picture.height, picture.width, 3), np.uint8)).shape[:2] == made.size[::-1]


def test_a_sheet_beyond_reason_is_refused(engine: doubles.TintEngine) -> None:
    with pytest.raises(UsageError, match="--columns"):
        sheet(engine, Size(480, 480), styles=100, columns=1)
    with pytest.raises(UsageError, match="no style"):
        sheet(engine, Size(480, 480), styles=0)


def test_networks_are_let_go_one_after_the_other_and_kept_for_clips(engine: doubles.TintEngine) -> None:
    banks = [doubles.model(name) for name in ("one", "two", "three")]
    mixes = [StyleMix(bank, (1.0,), bank.key) for bank in banks]
    for keep, held in ((False, ["three"]), (True, ["one", "two", "three"])):
        painter = Stylist(mixes[0], engine=engine)
        ContactSheet(painter, mixes, Size(64, 48), keep=keep).draw(gray_image(90, Size(64, 48)))
        assert [key for key, *_ in painter._sessions._sessions] == held


def test_a_style_that_fails_has_a_cell_that_says_so_and_the_others_are_painted(engine: doubles.TintEngine) -> None:
    mixes = [StyleMix(doubles.model(name), (1.0,), name) for name in ("one", "two", "three")]
    engine.unloadable.add("two")
    made = ContactSheet(Stylist(mixes[0], engine=engine), mixes, Size(640, 480), columns=4)
    for _ in range(2):
        drawn = made.draw(gray_image(90, Size(640, 480)))
        assert made.failed == {"two": "two cannot be loaded"}
        cells = [
            drawn[8 : 8 + made.cell.height, 8 + i * (made.cell.width + 8) :][:, : made.cell.width] for i in range(4)
        ]
        assert [len(np.unique(cell)) > 2 for cell in cells] == [False, False, True, False]  # only one is written on


def test_where_a_picture_is_transparent_the_paper_shows(engine: doubles.TintEngine) -> None:
    alpha = np.zeros((48, 64), np.uint8)
    alpha[:, 32:] = 255
    drawn = sheet(engine, Size(64, 48), styles=1).draw(gray_image(90, Size(64, 48)), None, alpha)
    assert (drawn[10, 10, 0], drawn[10, 60, 0]) == (248, 90)
