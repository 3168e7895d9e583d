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
from tests.models.importers.onnx_files import ForeignNetwork, model_zoo_network, sigmoid_network
from tests.models.importers.torch7_files import LayerFactory, checkpoint, encode_torch7, instance_norm


def accept_all(_: bytes) -> str | None:
    return None


def torch7() -> bytes:
    return encode_torch7(checkpoint(instance_norm(LayerFactory(np.random.default_rng(1)), 1, 1)))


def write_file(folder: Path, data: bytes, name: str = "La Muse (1).bin") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(("data", "importer"), [(torch7(), "torch7"), (model_zoo_network().encode(), "onnx")])
def test_the_importer_is_chosen_by_the_content_not_the_name(data: bytes, importer: str, tmp_path: Path) -> None:
    imported = import_style(write_file(tmp_path, data), ImportOptions(), accept_all)
    model = Model.read(write_file(tmp_path, imported.data, f"{imported.name}.onnx"))
    assert imported.name == "la_muse_1"
    assert model.metadata["importer"] == importer
    assert model.metadata["source"] == "La Muse (1).bin"
    assert model.metadata["imported"] == "; ".join(imported.notes)
    (card,) = read_cards(model)
    assert (card.name, card.title, card.artist, card.licence) == ("la_muse_1", "la muse 1", "unknown", "unknown")


def test_the_users_options_are_on_the_card(tmp_path: Path) -> None:
    options = ImportOptions(name="Muse", title="La Muse", artist="Pablo Picasso", licence="for research")
    imported = import_style(write_file(tmp_path, torch7()), options, accept_all)
    (card,) = read_cards(Model.read(write_file(tmp_path, imported.data, f"{imported.name}.onnx")))
    assert (card.name, card.title, card.artist, card.licence) == ("muse", "La Muse", "Pablo Picasso", "for research")


def test_a_stylecam_bank_is_imported_unchanged(bank: Model, tmp_path: Path) -> None:
    imported = import_style(write_file(tmp_path, bank.data, "friends.onnx"), ImportOptions(name="theirs"), accept_all)
    assert imported.data == bank.data
    assert imported.name == "theirs"
    with pytest.raises(ModelFormatError, match=r"friends\.onnx failed the test on a photo: all black"):
        import_style(tmp_path / "friends.onnx", ImportOptions(), lambda _: "all black")


def test_options_about_a_stylecam_bank_are_refused(bank: Model, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="already names its styles; leave out all options but --name"):
        import_style(write_file(tmp_path, bank.data), ImportOptions(title="La Muse"), accept_all)


def test_the_styles_of_a_bank_are_numbered(tmp_path: Path) -> None:
    net = ForeignNetwork().add_convolution()
    data = net.add_node("Add", net.constant(0.0)).encode(extra_inputs=[("weights", (3,))])
    imported = import_style(write_file(tmp_path, data, "many.onnx"), ImportOptions(), accept_all)
    cards = read_cards(Model.read(write_file(tmp_path, imported.data, "many.onnx")))
    assert [card.name for card in cards] == ["many_1", "many_2", "many_3"]


def test_an_unknown_range_is_the_first_one_that_passes_the_check(tmp_path: Path) -> None:
    tried: list[bytes] = []

    def accept_second(data: bytes) -> str | None:
        tried.append(data)
        return "black" if len(tried) == 1 else None

    imported = import_style(write_file(tmp_path, model_zoo_network().encode()), ImportOptions(), accept_second)
    assert "0..1, RGB: nothing in it tells" in imported.notes[1]
    assert len(tried) == 2


def test_a_network_that_passes_with_no_range_is_refused_with_the_reasons(tmp_path: Path) -> None:
    path = write_file(tmp_path, sigmoid_network().encode())
    with pytest.raises(
        ModelFormatError, match=r"failed the test on a photo: all black \(takes [^:]*, 0\.\.1, RGB\); .*--range"
    ) as caught:
        import_style(path, ImportOptions(), lambda _: "all black")
    assert str(path) in str(caught.value)


def test_a_network_that_does_not_run_is_refused(tmp_path: Path) -> None:
    def raise_engine_error(_: bytes) -> str | None:
        raise EngineRunError("OpenCV cannot load it")

    with pytest.raises(ModelFormatError, match="OpenCV cannot load it, or it works only at one fixed size"):
        import_style(write_file(tmp_path, torch7()), ImportOptions(), raise_engine_error)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"GIF89a" + bytes(100), "not an ONNX, Torch7 or PyTorch file"),
        (bytes(100), "not an ONNX, Torch7 or PyTorch file"),
        (torch7()[:5000], r"at byte \d+"),
        (model_zoo_network().encode()[:-20], "damaged"),
    ],
)
def test_a_damaged_file_is_named_with_the_reason(data: bytes, message: str, tmp_path: Path) -> None:
    path = write_file(tmp_path, data)
    with pytest.raises(ModelFormatError, match=message) as caught:
        import_style(path, ImportOptions(), accept_all)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match="cannot be read: No such file"):
        import_style(tmp_path / "missing.t7", ImportOptions(), accept_all)


def test_a_range_for_a_torch_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="leave out these options"):
        import_style(write_file(tmp_path, torch7()), ImportOptions(color_range="0..1"), accept_all)


def test_without_onnx_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stylecam.utils.optional.find_spec", lambda name: None)
    with pytest.raises(ImporterUnavailableError, match=r'pip install "stylecam\[import\]"'):
        import_style(write_file(tmp_path, torch7()), ImportOptions(), accept_all)


def test_the_cards_are_written_as_json_metadata(tmp_path: Path) -> None:
    imported = import_style(write_file(tmp_path, torch7()), ImportOptions(), accept_all)
    styles = json.loads(Model.read(write_file(tmp_path, imported.data, "x.onnx")).metadata["styles"])
    assert styles == [{"name": "la_muse_1", "title": "la muse 1", "artist": "unknown", "licence": "unknown"}]
