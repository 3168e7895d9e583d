"""Tests of the model contract: valid files are read, all others are refused quickly and with the reason."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stylecam.errors import ModelFormatError
from stylecam.models.catalog import Catalog, shipped_models
from stylecam.models.model import MAX_FILE_BYTES, Model
from stylecam.models.onnx import wire as protobuf
from tests.models.networks import IMAGE_INPUT, network

SHIPPED = sorted(shipped_models().glob("*.onnx"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_network_keeps_the_contract(path: Path) -> None:
    model = Model.read(path)
    assert model.has_style_input
    assert model.metadata["licence"]
    onnx.checker.check_model(onnx.load(path))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_what_is_read_agrees_with_the_onnx_library(path: Path) -> None:
    model, truth = Model.read(path), onnx.load(path)
    assert model.metadata == {entry.key: entry.value for entry in truth.metadata_props}
    style = next(value for value in truth.graph.input if value.name == "style")
    assert model.row_count == style.type.tensor_type.shape.dim[1].dim_value


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_fixing_the_size_changes_the_image_input_and_nothing_else(path: Path) -> None:
    fixed, truth = onnx.load_from_string(Model.read(path).with_input_size(176, 104)), onnx.load(path)
    shapes = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in fixed.graph.input}
    assert shapes["image"] == [1, 3, 104, 176]
    for proto in (fixed, truth):
        del proto.graph.input[:]
    assert fixed == truth


def test_the_same_bytes_have_the_same_key_wherever_they_lie(tmp_path: Path) -> None:
    copy = tmp_path / "copy.onnx"
    copy.write_bytes(SHIPPED[0].read_bytes())
    assert Model.read(copy).key == Model.read(SHIPPED[0]).key


def test_other_bytes_have_another_key() -> None:
    assert len({Model.read(path).key for path in SHIPPED}) == len(SHIPPED)


def test_a_network_without_a_style_input_is_one_style(tmp_path: Path) -> None:
    model = Model.read(network(tmp_path / "a.onnx"))
    assert (model.style_count, model.has_style_input) == (1, False)


def test_the_grain_is_fixed_to_an_eighth_of_the_picture(tmp_path: Path) -> None:
    model = Model.read(network(tmp_path / "a.onnx", {**IMAGE_INPUT, "grain": (1, 8, "rows", "columns")}))
    assert model.grain_channels == 8
    inputs = onnx.load_from_string(model.with_input_size(640, 360)).graph.input
    dims = {value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in inputs}
    assert dims == {"image": [1, 3, 360, 640], "grain": [1, 8, 45, 80]}


def test_weights_listed_among_the_inputs_are_not_taken_for_inputs(tmp_path: Path) -> None:
    path = network(tmp_path / "a.onnx", {**IMAGE_INPUT, "weights": (3, 3)})
    proto = onnx.load(path)
    proto.graph.initializer.append(onnx.helper.make_tensor("weights", onnx.TensorProto.FLOAT, (3, 3), [0.0] * 9))
    path.write_bytes(proto.SerializeToString())
    assert not Model.read(path).has_style_input


@pytest.mark.parametrize(
    ("inputs", "output"),
    [
        ({"input": (1, 3, "H", "W")}, "styled"),
        (IMAGE_INPUT, "output"),
        ({"image": (1, "H", "W")}, "styled"),
        ({"image": (1, 1, "H", "W")}, "styled"),
        ({"image": (1, "H", "W", 3)}, "styled"),
        ({**IMAGE_INPUT, "noise": (1, 8)}, "styled"),
        ({**IMAGE_INPUT, "style": (8,)}, "styled"),
        ({**IMAGE_INPUT, "style": (1, "N")}, "styled"),
        ({**IMAGE_INPUT, "style": (1, 1_000_000_000)}, "styled"),
        ({**IMAGE_INPUT, "grain": (1, "C", "H", "W")}, "styled"),
        ({**IMAGE_INPUT, "grain": (1, 1_000_000, "H", "W")}, "styled"),
        ({**IMAGE_INPUT, "grain": (1, 8)}, "styled"),
    ],
)
def test_a_network_of_another_form_is_refused_with_the_form_wanted(
    tmp_path: Path, inputs: dict[str, tuple[int | str, ...]], output: str
) -> None:
    if inputs == {"image": (1, "H", "W", 3)}:
        inputs = {"image": (1, 240, 320, 3)}
    with pytest.raises(ModelFormatError, match="stylecam needs input 'image'") as caught:
        Model.read(network(tmp_path / "foreign.onnx", inputs, output))
    assert "foreign.onnx" in str(caught.value)


def truncated(data: bytes) -> bytes:
    return data[: len(data) // 2]


def one_byte(data: bytes) -> bytes:
    return data[:1]


def zero_bytes(data: bytes) -> bytes:
    return b""


def only_zeros(data: bytes) -> bytes:
    return bytes(4096)


def wrong_magic(data: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + data[8:]


def a_web_page(data: bytes) -> bytes:
    return b"<!DOCTYPE html><html><body>404: not found</body></html>"


def huge_claim(data: bytes) -> bytes:
    """A graph that says it is an exabyte long."""
    return protobuf.encode_varint(7 << 3 | 2) + protobuf.encode_varint(1 << 60) + data[:100]


def endless_number(data: bytes) -> bytes:
    return b"\xff" * 4096


def no_network(data: bytes) -> bytes:
    return protobuf.encode_number(1, 8)


def git_pointer(data: bytes) -> bytes:
    return b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


DAMAGES = [
    truncated, one_byte, zero_bytes, only_zeros, wrong_magic, a_web_page, huge_claim, endless_number, no_network,
    git_pointer,
]  # fmt: skip


@pytest.mark.timeout(5)
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_model_is_named_and_refused_at_once(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(damage(SHIPPED[0].read_bytes()))
    with pytest.raises(ModelFormatError, match=r"broken\.onnx"):
        Model.read(path)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_model_leaves_the_catalog_untouched(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(damage(SHIPPED[0].read_bytes()))
    catalog = Catalog.load([shipped_models(), tmp_path])
    assert catalog.all_cards == Catalog.load([shipped_models()]).all_cards
    assert len(catalog.problems) == 1


def test_a_damage_is_located_by_its_byte(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(SHIPPED[0].read_bytes()[:-7])
    with pytest.raises(ModelFormatError, match=r"at byte \d+"):
        Model.read(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match="cannot be read"):
        Model.read(tmp_path / "missing.onnx")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match="cannot be read"):
        Model.read(tmp_path)


def test_an_enormous_file_is_refused_without_reading_it(tmp_path: Path) -> None:
    path = tmp_path / "enormous.onnx"
    with path.open("wb") as file:
        os.truncate(file.fileno(), MAX_FILE_BYTES + 1)
    with pytest.raises(ModelFormatError, match=f"larger than {MAX_FILE_BYTES >> 20} MB"):
        Model.read(path)


DATA = SHIPPED[0].read_bytes()
TAIL = len(DATA) - 4096
"""The last bytes hold shapes and metadata; weights, which any value suits, fill the middle."""
positions = st.integers(0, 4096) | st.integers(TAIL, len(DATA) - 1) | st.integers(0, len(DATA) - 1)
changes = st.lists(st.tuples(positions, st.integers(0, 255)), min_size=1, max_size=6)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes, st.none() | positions)
def test_a_file_with_some_bytes_changed_is_read_or_refused(
    tmp_path: Path, changes: list[tuple[int, int]], end: int | None
) -> None:
    damaged = bytearray(DATA)
    for position, value in changes:
        damaged[position] = value
    path = tmp_path / "mutant.onnx"
    path.write_bytes(damaged[:end])
    try:
        model = Model.read(path)
        Catalog([model])
    except ModelFormatError:
        return
    assert 1 <= model.style_count <= 4096
    assert model.with_input_size(64, 64)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_random_bytes_are_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "noise.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelFormatError, match=r"noise\.onnx"):
        Model.read(path)


def test_grain_and_alignment_of_a_network_are_in_its_metadata(tmp_path: Path) -> None:
    inputs = {**IMAGE_INPUT, "grain": (1, 3, "rows", "columns")}
    plain = Model.read(network(tmp_path / "a.onnx", inputs))
    assert (plain.grain_deviations, plain.alignment) == ((), 8)
    metadata = {"grain_deviations": "0.7 1.4 5.6", "alignment": "16"}
    model = Model.read(network(tmp_path / "b.onnx", inputs, metadata=metadata))
    assert (model.grain_deviations, model.alignment) == ((0.7, 1.4, 5.6), 16)


@pytest.mark.parametrize("deviations", ["0.7", "0.7 0.7 zero", "0.7 0.7 0", "1 1 99", "nan 1 1", "1 1 1 1"])
def test_deviations_that_do_not_fit_the_grain_are_refused(deviations: str, tmp_path: Path) -> None:
    inputs = {**IMAGE_INPUT, "grain": (1, 3, "rows", "columns")}
    path = network(tmp_path / "a.onnx", inputs, metadata={"grain_deviations": deviations})
    with pytest.raises(ModelFormatError, match="'grain_deviations' must be 3 numbers"):
        Model.read(path)


def test_the_tier_of_a_network_is_in_its_metadata_and_lean_without(tmp_path: Path) -> None:
    assert Model.read(network(tmp_path / "a.onnx")).tier == "lean"
    assert Model.read(network(tmp_path / "b.onnx", metadata={"tier": "rich"})).tier == "rich"


BANK_INPUTS = {**IMAGE_INPUT, "style": (1, 4)}


def test_a_bank_of_two_sizes_of_strokes_has_two_rows_a_style(tmp_path: Path) -> None:
    bank = Model.read(network(tmp_path / "a.onnx", BANK_INPUTS, metadata={"stroke_scales": "340 860"}))
    assert (bank.style_count, bank.row_count, bank.stroke_scales) == (2, 4, (340, 860))
    fine, broad, *rest = bank.rows(bank.one_hot(0), 360)
    assert fine + broad == pytest.approx(1)
    assert 0 < broad < 1
    assert rest == [0, 0]
    assert bank.rows(bank.one_hot(1), 360, 2.0).tolist() == [0, 0, 0, 1]
    assert bank.has_brush
    assert [bank.largest_side(720, brush) for brush in (0.5, 1.0, 2.0)] == [920, 460, 230]


def test_a_bank_of_one_size_of_strokes_keeps_it(tmp_path: Path) -> None:
    bank = Model.read(network(tmp_path / "a.onnx", BANK_INPUTS))
    assert bank.rows(bank.one_hot(1), 360, 2.0).tolist() == [*bank.one_hot(1)]
    assert bank.largest_side(720, 2.0) == 720
    assert not bank.has_brush


def test_a_network_of_one_style_paints_larger_strokes_in_a_smaller_picture(tmp_path: Path) -> None:
    single = Model.read(network(tmp_path / "a.onnx"))
    assert single.has_brush
    assert [single.largest_side(720, brush) for brush in (0.5, 1.0, 2.0)] == [720, 720, 360]


@pytest.mark.parametrize("scales", ["", "340", "860 340", "340 nan", "a b", "0 100"])
def test_stroke_scales_that_are_no_two_sizes_are_refused(scales: str, tmp_path: Path) -> None:
    path = network(tmp_path / "a.onnx", BANK_INPUTS, metadata={"stroke_scales": scales})
    with pytest.raises(ModelFormatError, match="stroke_scales"):
        Model.read(path)


def test_an_odd_number_of_rows_has_no_pairs(tmp_path: Path) -> None:
    path = network(tmp_path / "a.onnx", {**IMAGE_INPUT, "style": (1, 3)}, metadata={"stroke_scales": "340 860"})
    with pytest.raises(ModelFormatError, match="pairs"):
        Model.read(path)


@pytest.mark.parametrize("tier", ["", "Rich", "medium", "9" * 5000])
def test_a_tier_that_no_network_has_is_refused(tier: str, tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match="'tier' must be one of lean, rich"):
        Model.read(network(tmp_path / "a.onnx", metadata={"tier": tier}))


@pytest.mark.parametrize("alignment", ["", "0", "7", "16.0", "9" * 5000])
def test_an_alignment_that_no_network_has_is_refused(alignment: str, tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match="'alignment' must be one of 8, 16"):
        Model.read(network(tmp_path / "a.onnx", metadata={"alignment": alignment}))
