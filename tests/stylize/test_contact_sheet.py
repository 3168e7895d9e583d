"""Tests of the contact sheet of many styles of one picture."""

from __future__ import annotations

import numpy as np
import pytest

from stylecam.errors import UsageError
from stylecam.media.frame import Size
from stylecam.media.testing import gray_image
from stylecam.models.style_mix import StyleMix
from stylecam.stylize.contact_sheet import ContactSheet
from stylecam.stylize.image import Stylist
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
    contact_sheet = sheet(engine, Size(64, 48), columns=2)
    reported: list[int] = []
    drawn = contact_sheet.draw(gray_image(90, Size(64, 48)), reported.append)
    assert reported == [0, 1, 2, 3, 4]
    assert drawn.shape == (contact_sheet.size.height, contact_sheet.size.width, 3)
    assert contact_sheet.labels == ("picture", "style_0", "style_1", "style_2", "style_3")
    levels = {level for level in range(256) if (drawn == level).all(2).sum() >= 64 * 48}
    assert levels >= {90, 51, 102, 153, 204}
    assert len(engine.loaded) == 1  # one network for all styles of a bank


def test_each_cell_has_a_label_below_it(engine: doubles.TintEngine) -> None:
    contact_sheet = sheet(engine, Size(640, 480), columns=5)
    drawn = contact_sheet.draw(gray_image(90, Size(640, 480)))
    strip = drawn[8 + contact_sheet.cell.height : -8]
    for column in range(5):
        left = 8 + column * (contact_sheet.cell.width + 8)
        assert strip[:, left : left + contact_sheet.cell.width].min() < 120


@pytest.mark.parametrize("picture", [Size(1920, 1080), Size(1080, 1920), Size(33, 7), Size(1, 900)], ids=str)
def test_a_sheet_is_even_and_wider_than_high_and_cells_keep_the_shape(
    picture: Size, engine: doubles.TintEngine
) -> None:
    contact_sheet = sheet(engine, picture, styles=26)
    assert max(contact_sheet.cell) == min(480, max(picture))
    assert contact_sheet.size.width % 2 == contact_sheet.size.height % 2 == 0
    assert contact_sheet.size.width > contact_sheet.size.height or picture.width < 100  # in one row already
    assert (
        contact_sheet.draw(np.zeros((picture.height, picture.width, 3), np.uint8)).shape[:2] == contact_sheet.size[::-1]
    )


def test_a_sheet_that_is_too_large_or_empty_is_refused(engine: doubles.TintEngine) -> None:
    with pytest.raises(UsageError, match="--columns"):
        sheet(engine, Size(480, 480), styles=100, columns=1)
    with pytest.raises(UsageError, match="no style"):
        sheet(engine, Size(480, 480), styles=0)


def test_networks_are_dropped_one_after_the_other_unless_they_are_kept(engine: doubles.TintEngine) -> None:
    banks = [doubles.model(name) for name in ("one", "two", "three")]
    mixes = [StyleMix(bank, (1.0,), bank.key) for bank in banks]
    for keep, cached in ((False, ["three"]), (True, ["one", "two", "three"])):
        stylist = Stylist(mixes[0], engine=engine)
        ContactSheet(stylist, mixes, Size(64, 48), keep=keep).draw(gray_image(90, Size(64, 48)))
        assert [key for key, *_ in stylist._sessions._sessions] == cached


def test_a_style_that_fails_has_a_cell_with_the_error_and_the_others_are_drawn(engine: doubles.TintEngine) -> None:
    mixes = [StyleMix(doubles.model(name), (1.0,), name) for name in ("one", "two", "three")]
    engine.unloadable.add("two")
    contact_sheet = ContactSheet(Stylist(mixes[0], engine=engine), mixes, Size(640, 480), columns=4)
    for _ in range(2):
        drawn = contact_sheet.draw(gray_image(90, Size(640, 480)))
        assert contact_sheet.failed == {"two": "two cannot be loaded"}
        cells = [
            drawn[8 : 8 + contact_sheet.cell.height, 8 + i * (contact_sheet.cell.width + 8) :][
                :, : contact_sheet.cell.width
            ]
            for i in range(4)
        ]
        assert [len(np.unique(cell)) > 2 for cell in cells] == [False, False, True, False]  # only one shows text


def test_transparent_parts_show_the_background(engine: doubles.TintEngine) -> None:
    alpha = np.zeros((48, 64), np.uint8)
    alpha[:, 32:] = 255
    drawn = sheet(engine, Size(64, 48), styles=1).draw(gray_image(90, Size(64, 48)), None, alpha)
    assert (drawn[10, 10, 0], drawn[10, 60, 0]) == (248, 90)
