"""Tests of styles that are files: malformed networks end in one line, and none is loaded before it was tried."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from stylecam.engines.base import check_constants
from stylecam.errors import ModelFormatError, UsageError
from stylecam.models.catalog import Catalog, shipped_models
from stylecam.models.model import Model
from stylecam.models.rewrite.freeze_norms import InstanceNorms
from stylecam.models.rewrite.uint8_io import fold_conversions
from stylecam.stylize import style_file
from stylecam.stylize.style_file import check_network, resolve_style
from stylecam.utils import sandbox
from stylecam.utils.sandbox import SandboxLimits
from tests.models.networks import network, write_network


def convolution(weight: Any, inputs: tuple[str, ...] = ("image", "w")) -> tuple[list[Any], list[Any]]:
    return [helper.make_node("Conv", list(inputs), ["styled"], kernel_shape=[1, 1])], [weight]


def identity_weight() -> Any:
    return numpy_helper.from_array(np.eye(3, dtype=np.float32)[:, :, None, None], "w")


def conv_without_inputs(path: Path) -> Path:
    return write_network(path, [helper.make_node("Conv", [], ["styled"])])


def conv_without_weight(path: Path) -> Path:
    return write_network(path, [helper.make_node("Conv", ["image"], ["styled"], kernel_shape=[1, 1])])


def bank_ending_without_inputs(path: Path) -> Path:
    return write_network(path, [helper.make_node("Sigmoid", [], ["styled"])])


def norm_without_scale(path: Path) -> Path:
    nodes = [
        helper.make_node("Identity", [], ["a"]),
        helper.make_node("InstanceNormalization", ["image"], ["styled"]),
    ]
    return write_network(path, nodes)


def weight_of_huge_size(path: Path) -> Path:
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[2**31, 2**31, 2**31, 2**31], raw_data=b"\0" * 36)
    return write_network(path, *convolution(weight))


def weight_of_no_size(path: Path) -> Path:
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[0, 2**62, 1, 1], raw_data=b"")
    return write_network(path, *convolution(weight))


def external_weight(path: Path) -> Path:
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[3, 3, 1, 1], data_location=TensorProto.EXTERNAL)
    weight.external_data.add(key="location", value="/etc/passwd")
    return write_network(path, *convolution(weight))


def external_weight_in_a_branch(path: Path) -> Path:
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[3, 3, 1, 1], data_location=TensorProto.EXTERNAL)
    weight.external_data.add(key="location", value="/dev/zero")
    nodes, weights = convolution(weight)
    branch = helper.make_graph(nodes, "branch", [], [helper.make_tensor_value_info("styled", 1, None)], weights)
    condition = numpy_helper.from_array(np.array(True), "yes")
    chosen = helper.make_node("If", ["yes"], ["styled"], then_branch=branch, else_branch=branch)
    return write_network(path, [chosen], [condition])


def truncated(path: Path) -> Path:
    write_network(path, *convolution(identity_weight()))
    path.write_bytes(path.read_bytes()[:-40])
    return path


def nested_subgraphs(path: Path) -> Path:
    graph = helper.make_graph([helper.make_node("Identity", ["image"], ["styled"])], "inner", [], [])
    for _ in range(60):
        node = helper.make_node("If", ["yes"], ["styled"], then_branch=graph, else_branch=graph)
        graph = helper.make_graph([node], "outer", [], [])
        if graph.ByteSize() > 10**6:
            break
    return write_network(path, list(graph.node))


def function_that_calls_itself(path: Path) -> Path:
    write_network(path, [helper.make_node("Again", ["image"], ["styled"], domain="own")])
    import onnx

    model = onnx.load(str(path))
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("own", 1)]
    body = [helper.make_node("Again", ["x"], ["y"], domain="own")]
    model.functions.append(helper.make_function("own", "Again", ["x"], ["y"], body, opsets))
    model.opset_import.append(helper.make_opsetid("own", 1))
    path.write_bytes(model.SerializeToString())
    return path


def picture_of_huge_size(path: Path) -> Path:
    scales = numpy_helper.from_array(np.array([1, 1, 4096, 4096], np.float32), "scales")
    nodes = [helper.make_node("Resize", ["image", "", "scales"], ["styled"], mode="nearest")]
    return write_network(path, nodes, [scales])


def circle(path: Path) -> Path:
    nodes = [
        helper.make_node("Add", ["image", "b"], ["a"]),
        helper.make_node("Identity", ["a"], ["b"]),
        helper.make_node("Identity", ["b"], ["styled"]),
    ]
    return write_network(path, nodes)


MALFORMED: tuple[Callable[[Path], Path], ...] = (
    conv_without_inputs, conv_without_weight, bank_ending_without_inputs, norm_without_scale, weight_of_huge_size,
    weight_of_no_size, external_weight, external_weight_in_a_branch, truncated, nested_subgraphs,
    function_that_calls_itself, picture_of_huge_size, circle,
)  # fmt: skip


@pytest.mark.parametrize("damage", MALFORMED, ids=lambda damage: str(damage.__name__))
def test_a_malformed_network_is_refused_in_one_line(damage: Callable[[Path], Path], tmp_path: Path) -> None:
    path = damage(tmp_path / "mine.onnx")
    with pytest.raises(ModelFormatError) as caught:
        resolve_style(str(path), Catalog())
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("damage", [external_weight, external_weight_in_a_branch])
def test_external_data_is_refused_before_any_library_sees_it(damage: Callable[[Path], Path], tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError, match="keeps the values of 'w' in another file; save it again as one file"):
        Model.read(damage(tmp_path / "mine.onnx"))


def test_a_network_that_runs_is_a_style_and_leaves_the_catalog_as_it_is(tmp_path: Path) -> None:
    catalog = Catalog()
    path = write_network(tmp_path / "mine.onnx", *convolution(identity_weight()))
    mix = resolve_style(f" {path} ", catalog)
    assert mix is not None
    assert (mix.label, mix.model.path, catalog.models) == ("mine", path, ())


def test_a_network_that_crashes_a_library_crashes_only_the_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sandbox.run
    monkeypatch.setattr(sandbox, "run", lambda _, name, limits: real("tests.utils.test_sandbox:crash", name, limits))
    with pytest.raises(ModelFormatError, match=r"mine\.onnx is refused: trying it .* crashed \(SIGSEGV"):
        resolve_style(str(network(tmp_path / "mine.onnx")), Catalog())


def test_a_network_that_needs_too_much_memory_or_time_is_refused(tmp_path: Path) -> None:
    model = Model.read(network(tmp_path / "mine.onnx"))
    with pytest.raises(ModelFormatError, match="refused: trying it on a small picture took longer than"):
        check_network(model, SandboxLimits(0.01, 2**30))
    with pytest.raises(ModelFormatError, match="refused: trying it on a small picture needed more than 1 MB"):
        check_network(model, SandboxLimits(60, 2**20))


def test_an_installed_network_given_by_its_path_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = Catalog.load([shipped_models()])
    monkeypatch.setattr(style_file, "check_network", lambda _: pytest.fail("it was tried"))
    mix = resolve_style(str(catalog.models[0].path), catalog)
    assert mix is not None
    assert mix.model is catalog.models[0]


@pytest.mark.parametrize("damage", MALFORMED, ids=lambda damage: str(damage.__name__))
def test_what_is_rewritten_for_an_engine_is_never_an_unexpected_error(
    damage: Callable[[Path], Path], tmp_path: Path
) -> None:
    """What a user has copied into the folder of styles is loaded without a trial."""
    with contextlib.suppress(ModelFormatError):
        model = Model.read(damage(tmp_path / "mine.onnx"))
        check_constants(model)
        assert fold_conversions(model) is None
        assert InstanceNorms(model).count <= 1


def test_a_name_is_looked_up_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve_style("none", Catalog()) is None
    with pytest.raises(UsageError, match="sum to nothing"):
        resolve_style("udnie:0", Catalog())
