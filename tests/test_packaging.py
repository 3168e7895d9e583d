"""What packages are made of: the man page, the entry for menus, the icon and the workflows."""

from __future__ import annotations

import configparser
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PACKAGING = ROOT / "packaging"


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    """The module that makes the page of options and the man page."""
    spec = importlib.util.spec_from_file_location("reference", PACKAGING / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["reference"] = module
    spec.loader.exec_module(module)
    return module


def test_the_man_page_has_every_command_and_option(reference: ModuleType) -> None:
    page = reference.man_page()
    assert page.startswith(".TH STYLECAM 1 ")
    for one in reference.references():
        assert one.name in page or one.name.upper() in page
        assert all(reference._roff(name) in page for section in one.sections for name, _ in section.records)


def test_every_option_of_every_command_is_on_the_page_of_options(reference: ModuleType) -> None:
    page = reference.options_page()
    for one in reference.references():
        assert f"\n## {one.name}\n" in f"\n{page}"
        for section in one.sections:
            assert all(f"| `{name.replace('|', chr(92) + '|')}` |" in page for name, _ in section.records)
    assert "--panic-picture FILE" in page
    assert f"{Path.home()}/.config" not in page


def test_the_page_of_options_has_the_place_where_they_are_put(reference: ModuleType) -> None:
    assert len(reference._PLACE.findall((ROOT / "docs" / "options.md").read_text("utf-8"))) == 1


def test_the_menu_entry_starts_stylecam_with_its_icon_in_a_terminal() -> None:
    (path,) = PACKAGING.glob("*.desktop")
    parsed = configparser.ConfigParser(interpolation=None, delimiters="=")
    parsed.optionxform = str  # type: ignore[assignment, method-assign]
    parsed.read(path, "utf-8")
    entry = parsed["Desktop Entry"]
    assert entry["Exec"] == "stylecam run"
    assert entry["Terminal"] == "true"
    assert (PACKAGING / f"{entry['Icon']}.svg").is_file()
    assert path.stem == entry["Icon"]
    for name in entry["Actions"].strip(";").split(";"):
        assert parsed[f"Desktop Action {name}"]["Exec"] == f"stylecam ctl {name}"


def test_the_icon_is_a_square_drawing() -> None:
    (path,) = PACKAGING.glob("*.svg")
    drawing = ElementTree.parse(path).getroot()
    assert drawing.tag.endswith("}svg")
    assert drawing.get("viewBox") == "0 0 128 128"


def jobs(name: str) -> list[dict[str, Any]]:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text("utf-8"))
    return list(workflow["jobs"].values())


@pytest.mark.parametrize("name", [path.name for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))])
def test_workflows_run_scripts_of_the_repository(name: str) -> None:
    commands = [step["run"] for job in jobs(name) for step in job["steps"] if "run" in step]
    scripts = [word for command in commands for word in command.split() if word.endswith((".py", ".sh"))]
    assert scripts
    assert all((ROOT / script).is_file() for script in scripts)


def test_the_tests_run_on_three_systems() -> None:
    test, *_ = jobs("tests.yml")
    assert test["strategy"]["matrix"]["os"] == ["ubuntu-latest", "windows-latest", "macos-latest"]
