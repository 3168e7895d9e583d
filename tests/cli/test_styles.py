"""`stylecam styles add, show, rename, remove` as a user types them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from stylecam.cli import styles as styles_module
from stylecam.cli.completion import complete_user_style
from stylecam.cli.group import run_command_line
from stylecam.models.catalog import Catalog, shipped_models
from stylecam.models.model import Model
from stylecam.models.own_style import LearnedRows, OwnStyle
from stylecam.models.rewrite.style_rows import StyleRows, bank_of_rows
from tests.models.importers.onnx_files import model_zoo_network, sigmoid_network
from tests.models.importers.torch7_files import LayerFactory, encode_torch7, instance_norm
from tests.models.networks import bank_of

Typed = Callable[..., str]


@pytest.fixture
def styles(own_settings: Path) -> Path:
    """The user's folder of styles."""
    return own_settings.parent / "styles"


@pytest.fixture
def typed(styles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Run `stylecam styles …`; what it printed, or its one line of complaint where `fails`."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    Path("mosaic.onnx").write_bytes(model_zoo_network().encode())
    Path("dark.onnx").write_bytes(sigmoid_network().add_arithmetic("Mul", 0).encode())
    Path("muse.t7").write_bytes(encode_torch7(instance_norm(LayerFactory(np.random.default_rng(7)), 1, 1))[:3000])

    def run(*arguments: str, fails: bool = False) -> str:
        before = sorted((path, path.read_bytes()) for path in styles.iterdir())
        status = run_command_line(["styles", *arguments])
        printed = capsys.readouterr()
        if not fails:
            assert (status, printed.err) == (0, "")
            return printed.out
        assert status == 2
        assert printed.out == ""
        assert printed.err.startswith("stylecam: ")
        assert printed.err.count("\n") == 1
        assert sorted((path, path.read_bytes()) for path in styles.iterdir()) == before
        return printed.err

    return run


def test_a_style_is_added_shown_renamed_and_removed(typed: Typed, styles: Path) -> None:
    out = typed("add", "mosaic.onnx", "--artist", "Unknown Roman", "--licence", "BSD-3-Clause")
    assert "takes 1×3×H×W, 0..255, RGB: nothing in it tells" in out
    assert "try it: stylecam --style mosaic" in out
    assert "Unknown Roman" in typed("show", "mosaic")
    assert "BSD-3-Clause" in typed("--json")
    assert "mosaic is now floor" in typed("rename", "mosaic", "floor")
    assert [path.name for path in styles.iterdir()] == ["floor.onnx"]
    assert "removed" in typed("remove", "floor")
    assert list(styles.iterdir()) == []


@pytest.fixture
def harvest(own_settings: Path) -> OwnStyle:
    """A friend's style for all shipped networks: their first style, with other rows."""
    rows = {
        model.body: LearnedRows(model.row_matrix[: model.row_count // model.style_count] * np.float32(0.9), 5.0)
        for model in Catalog.load([shipped_models()]).models
    }
    picture = cv2.imencode(".jpg", np.tile(np.arange(96, dtype=np.uint8), (96, 1)))[1].tobytes()
    return OwnStyle("harvest", "The Harvest", "Ann Ode", "CC BY 4.0", picture, rows)


def test_an_own_style_is_added_shown_given_away_renamed_and_removed(
    typed: Typed, styles: Path, harvest: OwnStyle
) -> None:
    harvest.write(Path("harvest (1).style"))
    out = typed("add", "harvest (1).style")
    assert out == "added: harvest\ntry it: stylecam --style harvest\n"
    shown = json.loads(typed("show", "harvest", "--json"))
    assert (shown["licence"], shown["artist"], shown["own"], shown["minutes"]) == ("CC BY 4.0", "Ann Ode", True, 5.0)
    assert (shown["file"], shown["styles_in_file"]) == (str(styles / "harvest.style"), 1)
    assert "own, 5 min" in typed()
    assert "is called harvest already" in typed("add", "harvest (1).style", fails=True)
    assert "harvest is now wheat" in typed("rename", "harvest", "wheat")
    assert typed("export", "wheat") == "written: wheat.style (The Harvest, Ann Ode; licence: CC BY 4.0)\n"
    given = OwnStyle.read(Path("wheat.style"))
    assert (given.name, given.picture, given.rows.keys()) == ("wheat", harvest.picture, harvest.rows.keys())
    assert "is there already; --overwrite replaces it" in typed("export", "wheat", fails=True)
    assert "came with stylecam" in typed("export", "the_scream", fails=True)
    assert "removed: wheat" in typed("remove", "wheat")
    assert list(styles.iterdir()) == []
    harvest.with_rows("0" * 64, LearnedRows(np.zeros((1, 8), np.float32))).write(Path("other.style"))
    assert "The Harvest" in typed("add", "other.style", "--name", "Field", "--licence", "CC0-1.0", "--json")
    assert json.loads(typed("show", "field", "--json"))["licence"] == "CC0-1.0"


@pytest.mark.parametrize(
    ("picture", "says"),
    [
        (b"\xff\xd8\xff and no picture", "the picture of harvest"),
        (b"<svg/>", "is not a style file, or a damaged one"),
    ],
)
def test_a_hostile_style_file_is_refused(typed: Typed, harvest: OwnStyle, picture: bytes, says: str) -> None:
    replace(harvest, picture=picture).write(Path("bad.style"))
    assert says in typed("add", "bad.style", fails=True)


def test_a_network_of_an_earlier_version_is_taken_over_with_a_word(
    styles: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gallery = StyleRows.read(Model.read(shipped_models() / "gallery.onnx"))
    assert gallery is not None
    changed = replace(gallery, rows={name: rows * np.float32(0.9) for name, rows in gallery.rows.items()})
    old = bank_of_rows(styles / "mine.onnx", [(changed, 2)])
    entries = json.dumps([{"name": "harbor", "title": "Harbor"}])
    (styles / "mine.onnx").write_bytes(old.with_metadata({**old.metadata, "styles": entries}))
    for words in ("your styles of mine.onnx are own styles now: harbor; the network is kept as ", ""):
        assert run_command_line(["styles", "--json"]) == 0
        printed = capsys.readouterr()
        assert printed.err.startswith(words)
        assert bool(printed.err) is bool(words)
        assert "gallery/harbor" in [card["full_name"] for card in json.loads(printed.out)]
    assert (styles / "earlier" / "mine.onnx").is_file()


def test_everything_can_be_had_as_json(typed: Typed) -> None:
    added = json.loads(typed("add", "mosaic.onnx", "--name", "Stone Floor", "--json"))
    assert added["added"][0]["full_name"] == "stone_floor/stone_floor"
    assert len(added["notes"]) == 3
    shown = json.loads(typed("show", "stone_floor", "--json"))
    assert (shown["source"], shown["importer"], shown["styles_in_file"]) == ("mosaic.onnx", "onnx", 1)
    assert json.loads(typed("rename", "stone_floor", "floor", "--json"))["renamed"][0]["name"] == "floor"
    assert json.loads(typed("remove", "floor", "--json"))["removed"].endswith("floor.onnx")


def test_a_shipped_style_is_shown_too(typed: Typed) -> None:
    assert "Edvard Munch" in typed("show", "the_scream")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["add", "missing.t7"], "missing.t7 cannot be read: No such file"),
        (["add", "muse.t7"], "at byte"),
        (["add", "dark.onnx"], "it painted the photo all black"),
        (["add", "mosaic.onnx", "--range", "0..2"], "'0..2' is not a range; choose from 0..1, 0..255"),
        (["add", "mosaic.onnx", "--layout", "chw"], "is not a layout"),
        (["add", "mosaic.onnx", "--order", "gbr"], "is not an order of colours"),
        (["add", "mosaic.onnx", "--range", "0..255:0..1"], "give --layout, --range or --order"),
        (["add", "mosaic.onnx", "--name", "the_scream"], "called the_scream already"),
        (["add", "mosaic.onnx", "--name", "none"], "called none already"),
        (["add", "."], "cannot be read"),
        (["add"], "Missing argument 'FILE'"),
        (["show", "grate_wave"], "did you mean great_wave"),
        (["show", "none"], "no single style"),
        (["show", "great_wave,the_scream"], "no single style"),
        (["remove", "the_scream"], "came with stylecam"),
        (["remove", "nothing"], "there are none"),
        (["rename", "the_scream", "shout"], "came with stylecam"),
        (["rename", "nothing", "shout"], "there are none"),
        (["rename", "nothing"], "Missing argument 'NEW'"),
        (["paint"], "stylecam styles has no command 'paint'; there are add, "),
    ],
)
def test_what_cannot_be_is_one_line_and_changes_nothing(typed: Typed, arguments: list[str], says: str) -> None:
    assert says in typed(*arguments, fails=True)


@pytest.mark.parametrize("command", ["show", "learn", "improve", "add", "export", "remove", "rename"])
def test_every_command_shows_examples(command: str, typed: Typed) -> None:
    assert f"  stylecam styles {command} " in typed(command, "--help").split("Examples:")[1]


def test_the_help_names_every_command() -> None:
    assert set((styles_module.command.subcommand_metavar or "")[1:-1].split("|")) == set(styles_module.command.commands)


def test_ones_own_styles_complete_by_their_beginning(styles: Path) -> None:
    for name in ("mosaic", "muse", "broken"):
        (styles / f"{name}.onnx").write_bytes(b"")
    context: Any = None
    assert [item.value for item in complete_user_style(context, context, "m")] == ["mosaic", "muse"]
    assert styles_module.remove.params[0].shell_complete is not None


def test_in_a_narrow_terminal_the_names_stay_whole(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    table = typed()
    assert "composition_viii" in table
    assert "CC0-1.0" in table


def test_a_strangers_names_steer_no_terminal(typed: Typed, styles: Path) -> None:
    Path("odd.onnx").write_bytes(model_zoo_network().encode(("N", 3, "\x1b[2J", "W")))
    assert "\x1b" not in typed("add", "odd.onnx")
    (styles / "odd.onnx").rename(styles / "odd\x1b[2J.onnx")
    assert "\x1b" not in typed("show", "odd") + typed()


@pytest.fixture
def rich(styles: Path) -> Path:
    """A rich bank of the user, with a style that is in no other network."""
    return bank_of(styles / "large.onnx", ["own_candy"], "rich")


@pytest.mark.usefixtures("rich")
def test_a_style_of_two_tiers_is_listed_once_as_the_tier_chooses(typed: Typed) -> None:
    for tier, bank in (("auto", "gallery-rich"), ("rich", "gallery-rich"), ("lean", "gallery")):
        lines = [line.split() for line in typed("--tier", tier).splitlines()]
        (wave,) = [line for line in lines if any(word.endswith("water_lilies") for word in line)]
        (candy,) = [line for line in lines if "own_candy" in line]
        assert (bank in wave, "large" in candy, "rich" in candy) == (True, True, True)


def test_as_json_a_style_of_two_tiers_is_listed_twice(typed: Typed) -> None:
    listed = json.loads(typed("--json"))
    assert {card["tier"] for card in listed if card["name"] == "water_lilies"} == {"rich", "lean"}


def test_the_style_of_the_tier_is_shown(typed: Typed) -> None:
    assert json.loads(typed("show", "water_lilies", "--json"))["tier"] == "rich"
    assert json.loads(typed("show", "water_lilies", "--tier", "lean", "--json"))["tier"] == "lean"


@pytest.mark.usefixtures("rich")
def test_in_a_narrow_terminal_the_names_stay_whole_with_two_tiers_too(
    typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    table = typed()
    assert "composition_viii" in table
    assert "CC0-1.0" in table
