"""Tests of importing any file: which importer reads it, and what metadata it gets."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from stylecam.errors import EngineRunError, ImporterUnavailableError, ModelFormatError, UsageError
from stylecam.models.card import read_cards
from stylecam.models.importers.base import ImportOptions
from stylecam.models.importers.detect import import_style
from stylecam.models.model import Model
from tests.models.importers.onnx_files import Foreign, unit, zoo
from tests.models.importers.torch7_files import Maker, instance_norm, saved, trained


def passes(_: bytes) -> str | None:
    return None


def torch7() -> bytes:
    return saved(trained(instance_norm(Maker(np.random.default_rng(1)), 1, 1)))


def written(folder: Path, data: bytes, name: str = "La Muse (1).bin") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(("data", "importer"), [(torch7(), "torch7"), (zoo().saved(), "onnx")])
def test_the_kind_of_a_file_is_in_its_bytes_not_its_name(data: bytes, importer: str, tmp_path: Path) -> None:
    made = import_style(written(tmp_path, data), ImportOptions(), passes)
    model = Model.read(written(tmp_path, made.data, f"{made.name}.onnx"))
    assert made.name == "la_muse_1"
    assert model.metadata["importer"] == importer
    assert model.metadata["source"] == "La Muse (1).bin"
    assert model.metadata["imported"] == "; ".join(made.notes)
    (card,) = read_cards(model)
    assert (card.name, card.title, card.artist, card.licence) == ("la_muse_1", "la muse 1", "unknown", "unknown")


def test_what_the_user_says_is_on_the_card(tmp_path: Path) -> None:
    options = ImportOptions(name="Muse", title="La Muse", artist="Pablo Picasso", licence="for research")
    made = import_style(written(tmp_path, torch7()), options, passes)
    (card,) = read_cards(Model.read(written(tmp_path, made.data, f"{made.name}.onnx")))
    assert (card.name, card.title, card.artist, card.licence) == ("muse", "La Muse", "Pablo Picasso", "for research")


def test_a_stylecam_bank_is_imported_unchanged(bank: Model, tmp_path: Path) -> None:
    made = import_style(written(tmp_path, bank.data, "friends.onnx"), ImportOptions(name="theirs"), passes)
    assert made.data == bank.data
    assert made.name == "theirs"
    with pytest.raises(ModelFormatError, match=r"friends\.onnx failed the test on a photo: all black"):
        import_style(tmp_path / "friends.onnx", ImportOptions(), lambda _: "all black")


def test_options_about_a_stylecam_bank_are_refused(bank: Model, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="already names its styles; leave out all options but --name"):
        import_style(written(tmp_path, bank.data), ImportOptions(title="La Muse"), passes)


def test_the_styles_of_a_bank_are_numbered(tmp_path: Path) -> None:
    net = Foreign().core()
    data = net.then("Add", net.constant(0.0)).saved(more=[("weights", (3,))])
    made = import_style(written(tmp_path, data, "many.onnx"), ImportOptions(), passes)
    cards = read_cards(Model.read(written(tmp_path, made.data, "many.onnx")))
    assert [card.name for card in cards] == ["many_1", "many_2", "many_3"]


def test_where_nothing_tells_the_range_the_first_that_passes_is_taken(tmp_path: Path) -> None:
    tried: list[bytes] = []

    def second(data: bytes) -> str | None:
        tried.append(data)
        return "black" if len(tried) == 1 else None

    made = import_style(written(tmp_path, zoo().saved()), ImportOptions(), second)
    assert "0..1, RGB: nothing in it tells" in made.notes[1]
    assert len(tried) == 2


def test_a_network_that_passes_in_no_way_is_refused_with_the_reasons(tmp_path: Path) -> None:
    path = written(tmp_path, unit().saved())
    with pytest.raises(
        ModelFormatError, match=r"failed the test on a photo: all black \(takes [^:]*, 0\.\.1, RGB\); .*--range"
    ) as caught:
        import_style(path, ImportOptions(), lambda _: "all black")
    assert str(path) in str(caught.value)


def test_a_network_that_does_not_run_is_refused(tmp_path: Path) -> None:
    def fails(_: bytes) -> str | None:
        raise EngineRunError("OpenCV cannot load it")

    with pytest.raises(ModelFormatError, match="OpenCV cannot load it, or it works only at one fixed size"):
        import_style(written(tmp_path, torch7()), ImportOptions(), fails)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"GIF89a" + bytes(100), "not an ONNX, Torch7 or PyTorch file"),
        (bytes(100), "not an ONNX, Torch7 or PyTorch file"),
        (torch7()[:5000], r"at byte \d+"),
        (zoo().saved()[:-20], "damaged"),
    ],
)
def test_a_damaged_file_is_named_with_the_reason(data: bytes, message: str, tmp_path: Path) -> None:
    path = written(tmp_path, data)
    with pytest.raises(ModelFormatError, match=message) as caught:
        import_style(path, ImportOptions(), passes)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match="cannot be read: No such file"):
        import_style(tmp_path / "missing.t7", ImportOptions(), passes)


def test_a_torch_network_needs_no_range(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="leave out these options"):
        import_style(written(tmp_path, torch7()), ImportOptions(color_range="0..1"), passes)


def test_without_onnx_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stylecam.utils.optional.find_spec", lambda name: None)
    with pytest.raises(ImporterUnavailableError, match=r'pip install "stylecam\[import\]"'):
        import_style(written(tmp_path, torch7()), ImportOptions(), passes)


def test_the_form_is_written_for_whoever_reads_the_file(tmp_path: Path) -> None:
    made = import_style(written(tmp_path, torch7()), ImportOptions(), passes)
    styles = json.loads(Model.read(written(tmp_path, made.data, "x.onnx")).metadata["styles"])
    assert styles == [{"name": "la_muse_1", "title": "la muse 1", "artist": "unknown", "licence": "unknown"}]
