"""Tests of the model repository for servers."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

from stylecam.errors import UsageError
from stylecam.models.model import Model
from stylecam.models.repository import export, served_name
from stylecam.models.rewrite.row_input import row_form

CONFIG = """\
name: "{name}"
backend: "onnxruntime"
max_batch_size: 0  # pictures come one by one, each of its own size
input [{{ name: "picture" data_type: TYPE_UINT8 dims: [ 1, -1, -1, 3 ] }}]
input [{{ name: "style" data_type: TYPE_FP32 dims: [ 1, {rows} ] }}]
input [{{ name: "grain" data_type: TYPE_FP32 dims: [ 1, 8, -1, -1 ] }}]
output [{{ name: "painted" data_type: TYPE_UINT8 dims: [ 1, -1, -1, 3 ] }}]
"""


def test_a_bank_is_written_for_one_style_and_for_two(tmp_path: Path, bank: Model) -> None:
    folder = tmp_path / "served"
    written = export([bank], folder)
    name = served_name(row_form(bank))
    assert [path.name for path in written] == [name, f"{name}-two"]
    assert (folder / name / "config.pbtxt").read_text() == CONFIG.format(name=name, rows=row_form(bank).style_length)
    assert 'name: "person" data_type: TYPE_UINT8 dims: [ 1, 1, -1, -1 ]' in (written[1] / "config.pbtxt").read_text()
    for path in written:
        onnx.checker.check_model(onnx.load(path / "1" / "model.onnx"))


def test_openvino_model_server_finds_all_networks_of_the_folder(tmp_path: Path, bank: Model) -> None:
    (tmp_path / "stylecam-older" / "1").mkdir(parents=True)
    (tmp_path / "stylecam-older" / "config.pbtxt").write_text("")
    export([bank], tmp_path)
    listed = json.loads((tmp_path / "config.json").read_text())["model_config_list"]
    name = served_name(row_form(bank))
    assert [entry["config"]["name"] for entry in listed] == [name, f"{name}-two", "stylecam-older"]
    assert listed[0]["config"]["base_path"] == name


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, bank: Model) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written to"):
        export([bank], tmp_path / "file")
