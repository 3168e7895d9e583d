"""Tests of the memory of rungs: what has held is found by the next run, and a damaged file costs nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from stylecam.stylize.governor import Rung
from stylecam.stylize.rung_memory import HELD_S, MAX_NETWORKS, RungMemory
from tests.doubles import model

HERE = {"engine": "openvino", "size": [1280, 720], "fps": 30.0}
BANK = model("bank")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "rungs.json"


def run(path: Path, rung: Rung, seconds: float = HELD_S, network: str = "bank") -> RungMemory:
    memory = RungMemory(path, HERE)
    memory.painted(model(network), rung, 100.0)
    memory.painted(model(network), rung, 100.0 + seconds)
    memory.save()
    return memory


def test_what_has_held_is_found_by_the_next_run(path: Path) -> None:
    run(path, Rung(512, 288))
    assert RungMemory(path, HERE).recall(BANK) == Rung(512, 288)


def test_a_rung_that_was_left_soon_is_not_remembered(path: Path) -> None:
    run(path, Rung(512, 288))
    memory = run(path, Rung(640, 360), HELD_S - 0.1)
    assert memory.recall(BANK) == RungMemory(path, HERE).recall(BANK) == Rung(512, 288)


def test_the_last_rung_that_held_counts_and_at_once(path: Path) -> None:
    memory = RungMemory(path, HERE)
    for at, rung in ((0.0, Rung(640, 360)), (6.0, Rung(640, 360)), (7.0, Rung(320, 176)), (13.0, Rung(320, 176))):
        memory.painted(BANK, rung, at)
    assert memory.recall(BANK) == Rung(320, 176)


def test_a_network_of_two_styles_begins_where_its_bank_has_held(path: Path) -> None:
    run(path, Rung(512, 288))
    pair, memory = replace(BANK, key="bank.two", bank=BANK), RungMemory(path, HERE)
    assert memory.recall(pair) == Rung(512, 288)
    memory.painted(pair, Rung(320, 176), 0.0)
    memory.painted(pair, Rung(320, 176), HELD_S)
    assert (memory.recall(pair), memory.recall(BANK)) == (Rung(320, 176), Rung(512, 288))


@pytest.mark.parametrize("other", [{"engine": "opencv"}, {"size": [640, 360]}, {"fps": 60.0}])
def test_other_conditions_and_other_networks_know_nothing_of_it(path: Path, other: dict[str, object]) -> None:
    run(path, Rung(512, 288))
    assert RungMemory(path, HERE | other).recall(BANK) is None
    assert RungMemory(path, HERE).recall(model("another")) is None


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\xff\x00", b"[[[", b"7", b'[{"for": {}}]',
        *(
            b'[{"for": {"engine": "openvino", "size": [1280, 720], "fps": 30.0}, "rungs": ' + rungs + b"}]"
            for rungs in (b"7", b'{"bank": 7}', b'{"bank": [1]}', b'{"bank": ["a", "b"]}', b'{"bank": [-8, 8]}')
        ),
    ],
    ids=repr,
)  # fmt: skip
def test_a_damaged_file_costs_nothing_and_is_written_anew(path: Path, data: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(data)
    assert RungMemory(path, HERE).recall(BANK) is None
    run(path, Rung(512, 288))
    assert RungMemory(path, HERE).recall(BANK) == Rung(512, 288)


def test_a_file_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    run(tmp_path / "file" / "rungs.json", Rung(512, 288))


def test_only_the_newest_networks_are_kept(path: Path) -> None:
    for number in range(MAX_NETWORKS + 2):
        run(path, Rung(512, 288), network=f"network {number}")
    memory = RungMemory(path, HERE)
    known = [number for number in range(MAX_NETWORKS + 2) if memory.recall(model(f"network {number}"))]
    assert known == list(range(2, MAX_NETWORKS + 2))
