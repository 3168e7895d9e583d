"""Tests that the error tree drawn in the docstring of stylecam.errors is the real one."""

from __future__ import annotations

import inspect
import re

import pytest

from stylecam import errors


def _documented_tree() -> list[tuple[str, str, str | None]]:
    """Return (class, parent, built-in base) for each line of the tree in the docstring."""
    assert errors.__doc__
    path: list[str] = []
    found = []
    for line in errors.__doc__.splitlines():
        match = re.match(r"^((?:│   |    )*)(?:[├└]── )?(\w+Error)\b(?:\s+\((\w+)\))?", line)
        if not match:
            continue
        depth = len(match[1]) // 4 + ("── " in line)
        path[depth:] = [match[2]]
        if depth:
            found.append((match[2], path[depth - 1], match[3]))
    return found


TREE = _documented_tree()
CLASSES = {
    name: thing
    for name, thing in vars(errors).items()
    if inspect.isclass(thing) and issubclass(thing, errors.StylecamError)
}


def test_the_tree_shows_every_error_and_no_other() -> None:
    assert {name for name, _, _ in TREE} == CLASSES.keys() - {"StylecamError"}


@pytest.mark.parametrize(("name", "parent", "builtin"), TREE, ids=[name for name, _, _ in TREE])
def test_each_error_has_the_parents_the_tree_shows(name: str, parent: str, builtin: str | None) -> None:
    assert [base.__name__ for base in CLASSES[name].__bases__] == [parent, *([builtin] if builtin else [])]


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_each_error_prints_as_its_message(name: str) -> None:
    assert str(CLASSES[name]("the camera is busy; close zoom")) == "the camera is busy; close zoom"


def test_an_unknown_style_carries_the_nearest_names() -> None:
    assert errors.StyleNotFoundError("no such style", ["a", "b"]).nearest == ("a", "b")


def test_a_missing_camera_carries_the_available_ones() -> None:
    assert errors.CameraNotFoundError("no such camera", ["Webcam (/dev/video0)"]).available == ("Webcam (/dev/video0)",)


def test_a_busy_camera_carries_the_programs_that_hold_it() -> None:
    assert errors.CameraBusyError("it is in use", [("zoom", 4242)]).holders == (("zoom", 4242),)
