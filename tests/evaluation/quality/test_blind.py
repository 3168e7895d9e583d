"""Tests of blind comparisons: what the pairs give away, and how votes are counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from stylecam.errors import TrainingDataError, UsageError
from stylecam.evaluation.quality.blind import BlindResult, count_votes, make_pairs

NAMES = ["a.png", "b.png", "c.png", "d.png"]


@pytest.fixture
def look(tmp_path: Path) -> Path:
    """Pairs of bright pictures (the first way) and dark ones."""
    for folder, level in (("bright", 200), ("dark", 50)):
        (tmp_path / folder).mkdir()
        for number, name in enumerate(NAMES):
            cv2.imwrite(str(tmp_path / folder / name), np.full((8, 12, 3), level + number, np.uint8))
    cv2.imwrite(str(tmp_path / "dark" / "alone.png"), np.zeros((8, 12, 3), np.uint8))
    assert make_pairs(tmp_path / "bright", tmp_path / "dark", tmp_path / "look", 3) == 8
    return tmp_path / "look"


def halves(look: Path) -> dict[str, tuple[int, int]]:
    found = {}
    for path in sorted(look.glob("*.png")):
        image = cv2.imread(str(path))
        assert image is not None
        found[path.stem] = (int(image[0, 0, 0]), int(image[0, -1, 0]))
    return found


def votes(look: Path, choose: Any, name: str = "votes.json") -> Path:
    """Write the votes of a judge who sees the brightness of both halves and chooses a side."""
    answers = {number: {"hand": choose(*sides), "wear": choose(*sides)} for number, sides in halves(look).items()}
    path = look.parent / name
    path.write_text(json.dumps(answers))
    return path


def brighter(left: int, right: int) -> str:
    return "left" if left > right else "right"


def darker(left: int, right: int) -> str:
    return "left" if left < right else "right"


def test_each_pair_is_shown_twice_with_the_sides_swapped(look: Path) -> None:
    shown = list(halves(look).values())
    assert len(shown) == 8
    assert sorted(shown) == sorted((right, left) for left, right in shown)
    assert {left > right for left, right in shown[:4]} == {True, False}  # the first showings give no side away


def test_the_page_shows_every_pair_and_nothing_of_the_key(look: Path) -> None:
    page = (look / "index.html").read_text()
    assert all(f'"{number}"' in page for number in halves(look))
    assert not any(word in page for word in ("bright", "dark", "a.png", "first"))


def test_a_judge_who_knows_what_he_likes_decides_every_pair(look: Path) -> None:
    hand, wear = count_votes(look, [votes(look, brighter)])
    assert hand == BlindResult("hand", 4, 4, 0, 1 / 16)
    assert (wear.question, wear.wins) == ("wear", 4)
    (lost, _) = count_votes(look, [votes(look, darker)])
    assert (lost.wins, lost.decided, lost.p) == (0, 4, 1.0)


def test_a_judge_who_always_chooses_one_side_decides_nothing(look: Path) -> None:
    hand, _ = count_votes(look, [votes(look, lambda left, right: "left")])
    assert (hand.wins, hand.decided, hand.discarded) == (0, 0, 4)
    assert hand.as_dict()["share"] is None


def test_the_votes_of_several_judges_add_up(look: Path) -> None:
    files = [votes(look, brighter, "1.json"), votes(look, brighter, "2.json"), votes(look, darker, "3.json")]
    hand, _ = count_votes(look, files)
    assert (hand.wins, hand.decided) == (8, 12)
    assert hand.p == pytest.approx(0.194, abs=1e-3)


def test_a_pair_that_was_answered_once_is_not_decided(look: Path) -> None:
    path = look.parent / "votes.json"
    path.write_text(json.dumps({"001": {"hand": "left"}}))
    assert [(one.decided, one.discarded) for one in count_votes(look, [path])] == [(0, 0), (0, 0)]


@pytest.mark.parametrize(
    "text", ["", "[]", '{"009": {}}', '{"001": {"hand": "up"}}', '{"001": {"look": "left"}}', "{1"]
)
def test_votes_of_another_form_are_refused_by_name(text: str, look: Path) -> None:
    path = look.parent / "votes.json"
    path.write_text(text)
    with pytest.raises(TrainingDataError, match=r"votes\.json"):
        count_votes(look, [path])


def test_folders_that_cannot_be_compared_are_refused(look: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not an empty folder"):
        make_pairs(tmp_path / "bright", tmp_path / "dark", look)
    (tmp_path / "empty").mkdir()
    with pytest.raises(TrainingDataError, match="no pictures of the same name"):
        make_pairs(tmp_path / "bright", tmp_path / "empty", tmp_path / "new")
    cv2.imwrite(str(tmp_path / "dark" / "a.png"), np.zeros((9, 12, 3), np.uint8))
    with pytest.raises(TrainingDataError, match="differs in size"):
        make_pairs(tmp_path / "bright", tmp_path / "dark", tmp_path / "new")
    assert not (tmp_path / "new").exists()
