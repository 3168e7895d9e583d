"""A blind comparison of two ways to paint: pairs of pictures, and the votes of judges who do not know which is which.

Each pair is shown twice, with the sides swapped. A judge who answers by side contradicts himself; such answers are
discarded.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from stylecam.errors import TrainingDataError, UsageError
from stylecam.media.image_file import READABLE_SUFFIXES
from stylecam.training.dataset import read_picture
from stylecam.utils.files import write_bytes

QUESTIONS = {"hand": "Which one looks painted by hand?", "wear": "Which one would you wear in a call?"}
SIDES = ("left", "right")
_KEY, _PAGE, _GAP_PX = "key.json", "index.html", 24


@dataclass(frozen=True, slots=True)
class BlindResult:
    """The votes on one question.

    Attributes:
        question: a key of `QUESTIONS`.
        wins: how many pairs were decided for the first way, by one judge each.
        decided: how many pairs were decided at all: both showings answered, and alike.
        discarded: how many pairs a judge decided once for each.
        p: the probability of so many wins or more by chance.
    """

    question: str
    wins: int
    decided: int
    discarded: int
    p: float

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        share = self.wins / self.decided if self.decided else None
        return {**asdict(self), "share": share, "text": QUESTIONS[self.question]}


def make_pairs(first: Path, second: Path, folder: Path, seed: int = 0) -> int:
    """Write pairs of the pictures that have the same name in the folders `first` and `second`, and a page to vote on.

    Args:
        first: the pictures of one way to paint.
        second: the pictures of another way, of the same sizes.
        folder: where the pairs, the page and the key are written; must be new or empty.
        seed: of the order and the sides.

    Returns:
        The number of pictures that were written, two for each pair.

    Raises:
        TrainingDataError: the folders have no picture in common, or one cannot be read or differs in size.
        UsageError: `folder` is not empty.
        OSError: a file cannot be written.
    """
    names = sorted(set(_pictures(first)) & set(_pictures(second)))
    if not names:
        raise TrainingDataError(f"{first} and {second} have no pictures of the same name; paint the same ones in both")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not an empty folder; name a new one")
    for name in names:
        if len({read_picture(path / name).shape for path in (first, second)}) > 1:
            raise TrainingDataError(f"{name} differs in size in {first} and {second}; paint both at one size")
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    swapped = {name: bool(rng.integers(2)) for name in names}
    shown = [(name, swapped[name] != again) for again in (False, True) for name in rng.permutation(names)]
    key = {}
    for number, (name, swap) in enumerate(shown, 1):
        pair = [read_picture(path / name) for path in (first, second)]
        gap = np.full((pair[0].shape[0], _GAP_PX, 3), 24, np.uint8)
        left, right = reversed(pair) if swap else pair
        encoded = cv2.imencode(".png", np.hstack([left, gap, right]))[1]
        write_bytes(folder / f"{number:03d}.png", encoded.tobytes())
        key[f"{number:03d}"] = {"picture": name, "first": SIDES[swap]}
    write_bytes(folder / _PAGE, _page(list(key)).encode())
    text = json.dumps({"first": str(first), "second": str(second), "pairs": key}, ensure_ascii=False, indent=1)
    write_bytes(folder / _KEY, text.encode())
    return len(shown)


def count_votes(folder: Path, files: Sequence[Path]) -> list[BlindResult]:
    """Return the result of each question, from the votes in `files`, one a judge.

    A file holds JSON as the page saves it: `{"001": {"hand": "left", "wear": "right"}, ...}`.

    Raises:
        TrainingDataError: the key or a file cannot be read, or has another form.
    """
    key = _read(folder / _KEY).get("pairs")
    if not isinstance(key, dict):
        raise TrainingDataError(f"{folder / _KEY} is not the key of a blind comparison; make the pairs again")
    judges = [_votes(file, key) for file in files]
    return [_result(question, key, judges) for question in QUESTIONS]


def _result(question: str, key: dict[str, Any], judges: list[dict[str, Any]]) -> BlindResult:
    wins = decided = discarded = 0
    for votes in judges:
        choices: dict[str, list[bool]] = {}
        for number, pair in key.items():
            side = votes.get(number, {}).get(question)
            if side is not None:
                choices.setdefault(pair["picture"], []).append(side == pair["first"])
        both = [chosen for chosen in choices.values() if len(chosen) == 2]
        alike = [chosen[0] for chosen in both if chosen[0] == chosen[1]]
        wins, decided, discarded = wins + sum(alike), decided + len(alike), discarded + len(both) - len(alike)
    p = sum(math.comb(decided, count) for count in range(wins, decided + 1)) / 2**decided
    return BlindResult(question, wins, decided, discarded, p)


def _votes(file: Path, key: dict[str, Any]) -> dict[str, Any]:
    votes = _read(file)
    for number, answers in votes.items():
        if number not in key:
            raise TrainingDataError(f"{file} votes on {number!r}, which is no picture of this comparison")
        if not isinstance(answers, dict) or any(
            question not in QUESTIONS or side not in SIDES for question, side in answers.items()
        ):
            raise TrainingDataError(f'{file}: the votes on {number} must be like {{"hand": "left", "wear": "right"}}')
    return votes


def _read(file: Path) -> dict[str, Any]:
    try:
        values = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise TrainingDataError(f"{file} cannot be read as JSON: {error}") from error
    if not isinstance(values, dict):
        raise TrainingDataError(f"{file} must hold an object in JSON")
    return values


def _pictures(folder: Path) -> list[str]:
    if not folder.is_dir():
        raise TrainingDataError(f"{folder} is not a folder of pictures")
    return [path.name for path in folder.iterdir() if path.suffix.lower() in READABLE_SUFFIXES and path.is_file()]


def _page(numbers: list[str]) -> str:
    """Return a page that shows one pair after the other and saves the votes."""
    names = json.dumps(numbers)
    questions = json.dumps({name: escape(text) for name, text in QUESTIONS.items()})
    return _HTML.replace("NUMBERS", names).replace("QUESTIONS", questions)


_HTML = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Blind comparison</title>
<style>
  body { background: #222; color: #eee; font: 18px sans-serif; text-align: center; margin: 1em }
  img { max-width: 100% } button, a { font: inherit; margin: .5em; padding: .4em 2em } a { color: #8cf }
</style>
<p id="count"></p>
<p><img id="pair" alt="two pictures side by side"></p>
<p id="question"></p>
<p id="answers"><button id="left">left (←)</button><button id="right">right (→)</button></p>
<script>
const numbers = NUMBERS, questions = Object.entries(QUESTIONS), votes = {}
const show = (id) => document.getElementById(id)
let at = 0
const next = () => {
  const pair = Math.floor(at / questions.length), number = numbers[pair]
  if (number === undefined) {
    const data = "data:application/json," + encodeURIComponent(JSON.stringify(votes, null, 1))
    show("pair").remove()
    show("answers").innerHTML = `<a download="votes.json" href="${data}">save the votes</a>`
    show("count").textContent = "Thank you."
    show("question").textContent = ""
    return
  }
  show("pair").src = number + ".png"
  show("count").textContent = `${pair + 1} of ${numbers.length}`
  show("question").textContent = questions[at % questions.length][1]
}
const vote = (side) => {
  const number = numbers[Math.floor(at / questions.length)]
  if (number === undefined) return
  votes[number] = {...votes[number], [questions[at % questions.length][0]]: side}
  at += 1
  next()
}
show("left").onclick = () => vote("left")
show("right").onclick = () => vote("right")
document.onkeydown = (event) => {
  if (event.key === "ArrowLeft") vote("left")
  if (event.key === "ArrowRight") vote("right")
}
next()
</script>
</html>
"""
