"""Tests of adding, finding, renaming and removing the user's own styles."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stylecam.errors import ModelFormatError, StyleNotFoundError, UsageError
from stylecam.models.model import Model
from stylecam.models.onnx.proto import FloatArray
from stylecam.models.rewrite.style_rows import StyleRows
from stylecam.models.user_styles import UserStyles
from stylecam.utils.file_lock import is_locked
from tests.models.networks import IMAGE_INPUT, bank_with_rows, network

BANK = {**IMAGE_INPUT, "style": (1, 2)}


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    folder = tmp_path / "shipped"
    folder.mkdir()
    network(folder / "gallery.onnx", BANK, metadata=styles("wave", "scream"))
    return folder


@pytest.fixture
def user_styles(tmp_path: Path, shipped: Path) -> UserStyles:
    return UserStyles(tmp_path / "data" / "styles", shipped)


def styles(*names: str) -> dict[str, str]:
    return {"styles": json.dumps([{"name": name, "title": name.title(), "year": 1889} for name in names])}


def made(folder: Path, *names: str, salt: str = "") -> bytes:
    path = network(folder / "made", BANK if len(names) > 1 else IMAGE_INPUT, metadata=styles(*names), salt=salt)
    data = path.read_bytes()
    path.unlink()
    return data


def rows_of(path: Path) -> dict[str, FloatArray]:
    bank = StyleRows.read(Model.read(path))
    assert bank is not None
    return bank.rows


def listed(user_styles: UserStyles) -> list[str]:
    return sorted(card.full_name for card in user_styles.catalog().all_cards if card.bank != "gallery")


def test_the_first_style_makes_the_folder(user_styles: UserStyles, tmp_path: Path) -> None:
    (card,) = user_styles.add("muse", made(tmp_path, "muse"))
    assert (card.name, card.year) == ("muse", 1889)
    assert [path.name for path in (tmp_path / "data" / "styles").iterdir()] == ["muse.onnx"]


@pytest.mark.parametrize("name", ["wave", "gallery", "none", "muse"])
def test_a_name_that_is_taken_is_refused_and_nothing_changes(
    user_styles: UserStyles, name: str, tmp_path: Path
) -> None:
    user_styles.add("muse", made(tmp_path, "muse"))
    before = (tmp_path / "data" / "styles" / "muse.onnx").read_bytes()
    with pytest.raises(UsageError, match=f"called {name} already"):
        user_styles.add(name, made(tmp_path, name, salt="other"))
    assert [path.read_bytes() for path in (tmp_path / "data" / "styles").iterdir()] == [before]


def test_a_network_of_another_form_is_not_kept(user_styles: UserStyles, tmp_path: Path) -> None:
    with pytest.raises(ModelFormatError):
        user_styles.add("muse", network(tmp_path / "x.onnx", {"picture": (1, 3, 9, 9)}).read_bytes())
    assert listed(user_styles) == []
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("wrong", [{"styles": "no list"}, {"styles": "[]"}], ids=["no list", "none"])
def test_a_file_gets_its_name_only_when_all_of_it_is_known_to_be_right(
    user_styles: UserStyles, wrong: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_styles.add("muse", made(tmp_path, "muse"))
    named: list[str] = []
    monkeypatch.setattr(Path, "replace", lambda _, target: named.append(target.name))
    with pytest.raises(ModelFormatError):
        user_styles.add("mosaic", network(tmp_path / "x", metadata=wrong).read_bytes())
    assert named == []


def test_a_style_is_removed_by_its_name_and_no_other_is(user_styles: UserStyles, tmp_path: Path) -> None:
    user_styles.add("muse", made(tmp_path, "muse"))
    user_styles.add("mosaic", made(tmp_path, "mosaic", salt="other"))
    user_styles.remove("muse")
    assert listed(user_styles) == ["mosaic/mosaic"]


@pytest.mark.parametrize("name", ["broken", "broken.onnx"])
def test_a_broken_file_can_be_removed(user_styles: UserStyles, name: str, tmp_path: Path) -> None:
    user_styles.add("muse", made(tmp_path, "muse"))
    broken = tmp_path / "data" / "styles" / "broken.onnx"
    broken.write_bytes(b"")
    assert "broken.onnx is empty" in user_styles.catalog().problems[0]
    assert user_styles.remove(name) == broken
    assert listed(user_styles) == ["muse/muse"]


@pytest.mark.parametrize("name", ["wave", "gallery", "gallery/wave"])
def test_shipped_styles_stay(user_styles: UserStyles, name: str, shipped: Path) -> None:
    for change in (lambda: user_styles.remove(name), lambda: user_styles.rename(name, "mine")):
        with pytest.raises(UsageError, match="came with stylecam"):
            change()
    assert [path.name for path in shipped.iterdir()] == ["gallery.onnx"]


@pytest.mark.parametrize("name", ["../shipped/gallery", "/etc/passwd", "muze"])
def test_a_name_that_is_none_of_ones_own_lists_them(user_styles: UserStyles, name: str, tmp_path: Path) -> None:
    user_styles.add("muse", made(tmp_path, "muse"))
    with pytest.raises((StyleNotFoundError, UsageError), match=r"muse|came with"):
        user_styles.remove(name)
    assert listed(user_styles) == ["muse/muse"]


def test_a_renamed_style_keeps_all_that_is_known_of_it(user_styles: UserStyles, tmp_path: Path) -> None:
    user_styles.add("muse", made(tmp_path, "muse"))
    (card,) = user_styles.rename("muse", "La Muse!")
    assert (card.name, card.title, card.year, card.bank) == ("la_muse", "Muse", 1889, "la_muse")
    assert listed(user_styles) == ["la_muse/la_muse"]


def test_a_style_without_a_card_gets_one_with_its_name(user_styles: UserStyles, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "styles"
    folder.mkdir(parents=True)
    network(folder / "Muse.onnx")
    (card,) = user_styles.rename("Muse", "other")
    assert card.name == "other"


def test_a_file_of_several_styles_is_renamed_whole(user_styles: UserStyles, tmp_path: Path) -> None:
    user_styles.add("pair", made(tmp_path, "one", "two"))
    user_styles.rename("pair", "couple")
    assert listed(user_styles) == ["couple/one", "couple/two"]


def test_one_of_several_styles_in_a_file_is_renamed_alone(user_styles: UserStyles, tmp_path: Path) -> None:
    user_styles.add("pair", made(tmp_path, "one", "two"))
    (card,) = user_styles.rename("two", "three")
    assert (card.full_name, card.title, card.year) == ("pair/three", "Two", 1889)
    assert listed(user_styles) == ["pair/one", "pair/three"]
    with pytest.raises(UsageError, match="called one already"):
        user_styles.rename("pair/three", "one")


def test_one_of_several_styles_is_removed_alone_where_the_styles_are_rows(
    user_styles: UserStyles, tmp_path: Path
) -> None:
    user_styles.add("three", bank_with_rows(tmp_path / "three", {"one": 1, "two": 2, "last": 3}).read_bytes())
    path = user_styles.remove("two")
    assert listed(user_styles) == ["three/last", "three/one"]
    assert rows_of(path)["norm.g"].flatten().tolist() == [1, 3]


def test_one_of_several_styles_that_are_no_rows_is_not_removed(user_styles: UserStyles, tmp_path: Path) -> None:
    user_styles.add("pair", made(tmp_path, "one", "two"))
    with pytest.raises(UsageError, match="one of 2 styles"):
        user_styles.remove("one")
    assert listed(user_styles) == ["pair/one", "pair/two"]


def own_names(user_styles: UserStyles) -> list[str]:
    return [card.name for card in user_styles.catalog().all_cards if card.own]


def values(user_styles: UserStyles, name: str) -> list[float]:
    mix = user_styles.catalog().parse(name)
    assert mix is not None
    return [float(value) for value in mix.values]


@pytest.fixture
def row_styles(user_styles: UserStyles, shipped: Path) -> UserStyles:
    """The user's styles beside a shipped bank whose styles are rows."""
    bank_with_rows(shipped / "gallery.onnx", {"wave": 1, "scream": 2}, licence="CC0-1.0")
    return user_styles


def test_the_new_styles_of_a_shipped_body_are_installed_as_own_styles(row_styles: UserStyles, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "styles"
    for value in (3, 4):  # trained again, it replaces what was installed
        trained = bank_with_rows(tmp_path / "mine.onnx", {"wave": 1, "scream": 2, "own": value})
        assert row_styles.install(trained, {"own": b"\xff\xd8\xff"}) == [folder / "own.style"]
        assert (own_names(row_styles), values(row_styles, "own")) == (["own"], [value])
    assert row_styles.own_style("own").picture == b"\xff\xd8\xff"
    friends = bank_with_rows(tmp_path / "friends.onnx", {"scream": 2, "own": 5, "theirs": 6}).read_bytes()
    assert [card.name for card in row_styles.add("friends", friends)] == ["own_2", "theirs"]
    one = bank_with_rows(tmp_path / "one.onnx", {"sea": 7}).read_bytes()
    assert [card.name for card in row_styles.add("ocean", one)] == ["ocean"]
    assert [path.suffix for path in folder.iterdir()] == [".style"] * 4


def test_a_style_that_is_trained_again_keeps_its_picture_and_no_rows_of_another_one(
    row_styles: UserStyles, shipped: Path, tmp_path: Path
) -> None:
    one, other = b"\xff\xd8\xff one", b"\xff\xd8\xff another"
    bank_with_rows(shipped / "gallery-rich.onnx", {"wave": 8, "scream": 9}, body=2)
    lean = bank_with_rows(tmp_path / "lean.onnx", {"own": 3})
    rich = bank_with_rows(tmp_path / "rich.onnx", {"own": 30}, body=2)
    row_styles.install(rich)  # with others, from whose pictures it was trained
    for pictures in ({"own": one}, {}):
        row_styles.install(lean, pictures)
    assert (row_styles.own_style("own").picture, len(row_styles.own_style("own").rows)) == (one, 2)
    row_styles.install(lean, {"own": other})
    assert (row_styles.own_style("own").picture, len(row_styles.own_style("own").rows)) == (other, 1)


def test_networks_of_earlier_versions_are_taken_over_once_and_nothing_is_lost(
    row_styles: UserStyles, shipped: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "data" / "styles"
    folder.mkdir(parents=True)
    rich = bank_with_rows(shipped / "gallery-rich.onnx", {"wave": 8, "scream": 9}, body=2)
    assert rich.exists()
    kept = {
        "lean.onnx": bank_with_rows(folder / "lean.onnx", {"wave": 1, "harbor": 3, "scream_2": 4}).read_bytes(),
        "rich.onnx": bank_with_rows(folder / "rich.onnx", {"harbor": 30}, body=2).read_bytes(),
        "mine.onnx": bank_with_rows(folder / "mine.onnx", {"other": 5}, body=3).read_bytes(),
    }
    (folder / "broken.onnx").write_bytes(b"no network")
    assert row_styles.take_over() == {
        folder / "earlier" / "lean.onnx": ("harbor", "scream_2"), folder / "earlier" / "rich.onnx": ("harbor",),
    }  # fmt: skip
    assert row_styles.take_over() == {}
    assert {name: next(folder.rglob(name)).read_bytes() for name in kept} == kept
    assert sorted(path.name for path in folder.iterdir()) == [
        "broken.onnx", "earlier", "harbor.style", "mine.onnx", "scream_2.style",
    ]  # fmt: skip
    assert (values(row_styles, "gallery/harbor"), values(row_styles, "gallery-rich/harbor")) == ([3], [30])


def test_a_takeover_that_was_interrupted_makes_no_style_twice(
    row_styles: UserStyles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data" / "styles"
    folder.mkdir(parents=True)
    bank_with_rows(folder / "lean.onnx", {"harbor": 3.1})
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", lambda *_: (folder / "nowhere").unlink())
        with pytest.raises(UsageError, match="cannot be put aside"):
            row_styles.take_over()
    assert row_styles.take_over() == {folder / "earlier" / "lean.onnx": ("harbor",)}
    assert [path.name for path in folder.glob("*.style")] == ["harbor.style"]


def test_a_bank_that_is_put_back_makes_no_style_twice(row_styles: UserStyles, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "styles"
    folder.mkdir(parents=True)
    kept = bank_with_rows(folder / "lean.onnx", {"wave": 5.1, "harbor": 3.1}).read_bytes()
    assert row_styles.take_over() == {folder / "earlier" / "lean.onnx": ("wave_2", "harbor")}
    row_styles.rename("harbor", "port")
    (folder / "lean.onnx").write_bytes(kept)
    assert set(row_styles.take_over().values()) == {("wave_2", "port")}
    assert sorted(path.stem for path in folder.glob("*.style")) == ["port", "wave_2"]


def test_a_copied_file_is_shared_under_its_own_name(row_styles: UserStyles, tmp_path: Path) -> None:
    (path,) = row_styles.install(bank_with_rows(tmp_path / "mine.onnx", {"own": 3}))
    path.with_stem("copy").write_bytes(path.read_bytes())
    assert row_styles.own_style("copy").name == "copy"


def test_an_own_style_is_renamed_shared_added_and_removed(
    row_styles: UserStyles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row_styles.install(bank_with_rows(tmp_path / "mine.onnx", {"own": 3}))
    alone: list[bool] = []
    unlink = Path.unlink

    def noted(path: Path, **options: bool) -> None:
        alone.append(is_locked(path.parent))
        unlink(path, **options)

    monkeypatch.setattr(Path, "unlink", noted)
    (card,) = row_styles.rename("own", "My Harbor")
    assert (card.name, card.own, own_names(row_styles)) == ("my_harbor", True, ["my_harbor"])
    style = row_styles.own_style("gallery/my_harbor")
    with pytest.raises(UsageError, match="a style is called my_harbor already"):
        row_styles.add_style(style)
    with pytest.raises(UsageError, match="a style is called wave already"):
        row_styles.rename("my_harbor", "wave")
    assert row_styles.remove("my_harbor").name == "my_harbor.style"
    assert alone == [True, True]
    assert own_names(row_styles) == []
    assert [card.name for card in row_styles.add_style(style)] == ["my_harbor"]
    with pytest.raises(UsageError, match="scream came with stylecam"):
        row_styles.own_style("scream")


def test_a_bank_of_another_body_is_installed_whole(user_styles: UserStyles, shipped: Path, tmp_path: Path) -> None:
    bank_with_rows(shipped / "gallery.onnx", {"wave": 1, "scream": 2})
    trained = bank_with_rows(tmp_path / "own.onnx", {"wave": 1, "scream": 2, "own": 3}, body=2)
    (path,) = user_styles.install(trained)
    assert path.read_bytes() == trained.read_bytes()


def test_the_name_of_a_shipped_style_never_means_one_of_a_users_own(
    user_styles: UserStyles, shipped: Path, tmp_path: Path
) -> None:
    user_styles.add("mine", bank_with_rows(tmp_path / "mine", {"wave": 5, "other": 6}).read_bytes())
    with pytest.raises(UsageError, match="wave came with stylecam and stays; your own are mine"):
        user_styles.remove("wave")
    user_styles.remove("mine/wave")
    assert listed(user_styles) == ["mine/other"]


@pytest.mark.parametrize("name", ["wave", "other", "none"])
def test_a_style_is_not_renamed_to_one_that_is_there(user_styles: UserStyles, name: str, tmp_path: Path) -> None:
    user_styles.add("muse", made(tmp_path, "muse"))
    user_styles.add("other", made(tmp_path, "other", salt="other"))
    with pytest.raises(UsageError, match="already"):
        user_styles.rename("muse", name)
    assert listed(user_styles) == ["muse/muse", "other/other"]


def test_a_style_is_not_renamed_onto_one_whose_name_differs_by_capitals_alone(
    user_styles: UserStyles, tmp_path: Path
) -> None:
    folder = tmp_path / "data" / "styles"
    folder.mkdir(parents=True, exist_ok=True)
    network(folder / "La-Muse.onnx")
    before = network(folder / "la_muse.onnx", salt="other").read_bytes()
    with pytest.raises(UsageError, match="called la_muse already"):
        user_styles.rename("La-Muse", "la_muse")
    assert (folder / "la_muse.onnx").read_bytes() == before
    assert (folder / "La-Muse.onnx").is_file()


def test_the_very_name_goes_before_one_that_is_like_it(user_styles: UserStyles, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "styles"
    folder.mkdir(parents=True, exist_ok=True)
    network(folder / "La-Muse.onnx")
    network(folder / "la_muse.onnx", salt="other")
    assert user_styles.remove("la_muse.onnx") == folder / "la_muse.onnx"


@pytest.mark.parametrize("name", ["", "ü", "elsewhere/style"])
def test_a_name_without_letters_removes_nothing(user_styles: UserStyles, name: str, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "styles"
    folder.mkdir(parents=True, exist_ok=True)
    network(folder / "style.onnx")
    with pytest.raises(StyleNotFoundError):
        user_styles.remove(name)
    assert (folder / "style.onnx").is_file()


def test_a_name_longer_than_any_disk_takes_is_refused(user_styles: UserStyles, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="too long"):
        user_styles.add("b" * 300, network(tmp_path / "a.onnx").read_bytes())


def test_new_metadata_replaces_the_old_and_the_network_stays(tmp_path: Path) -> None:
    path = network(tmp_path / "a.onnx", BANK, metadata=styles("one", "two"))
    model = Model.read(path)
    path.write_bytes(model.with_metadata({"licence": "CC0", "ü": "ö"}))
    reread = Model.read(path)
    assert reread.metadata == {"licence": "CC0", "ü": "ö"}
    assert reread.style_count == 2
    path.write_bytes(reread.with_metadata(model.metadata))
    assert Model.read(path).metadata == model.metadata
