"""Where a training run begins: the bank, with a row and an entry for each painting."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from stylecam import __version__
from stylecam.errors import UsageError
from stylecam.training import network
from stylecam.training.bank import Bank, read_bank
from stylecam.training.network import Lean
from stylecam.training.plan import Plan


def first_bank(plan: Plan, start: Path | None) -> tuple[Bank, list[int]]:
    """A new bank, or the one in `start` with rows added for the new paintings; and the row of each painting.

    What was measured of styles that are to change is forgotten. A style that is added has its own licence: the
    painting is the user's, whatever the bank's is.

    Raises:
        UsageError: the paintings do not go together with each other or with `start`.
        ModelFormatError: `start` is no bank that training can go on from.
    """
    names = [painting.name for painting in plan.paintings]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UsageError(f"two paintings have the same name, {twice}; name them in letters a to z: NAME=FILE")
    if "none" in names:
        raise UsageError("a style cannot be called none: that is the picture unpainted; name it: NAME=FILE")
    if start is None and plan.recipe.frozen:
        raise UsageError("a frozen body needs a bank to take it from: --from BANK")
    with torch.random.fork_rng(devices=[]):  # also a bank that is read gets what it had not from chance: its grain
        torch.manual_seed(plan.recipe.seed)
        bank = read_bank(start) if start else Bank(Lean(len(names), plan.recipe.width, plan.recipe.blocks))
    entries = bank.entries if start else []
    known = [str(entry["name"]) for entry in entries]
    added = [name for name in names if name not in known]
    if start is not None:
        _check_kept(plan.recipe.frozen, known, names, start)
        if added:
            bank = Bank(network.with_styles(bank.network, len(added)), bank.metadata)
    own = {"licence": plan.licence or "unknown"} if start is not None and plan.recipe.frozen else {}
    entries += [{"name": one.name, "title": one.title, **own} for one in plan.paintings if one.name in added]
    told = {painting.name: painting.entry(plan.recipe) for painting in plan.paintings}
    entries = [{**_unmeasured(entry), **told[entry["name"]]} if entry["name"] in told else entry for entry in entries]
    bank.metadata = _metadata(plan, bank.metadata, entries)
    order = [entry["name"] for entry in entries]
    return bank, [order.index(name) for name in names]


def _unmeasured(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key != "measured"}


def _check_kept(frozen: bool, known: list[str], names: list[str], start: Path) -> None:
    if frozen and (again := [name for name in names if name in known]):
        raise UsageError(f"{start} has a style {again[0]} already; name the new one otherwise (NAME=FILE)")
    if not frozen and (lost := [name for name in known if name not in names]):
        raise UsageError(
            f"--body free changes every style of {start}: give the paintings of {', '.join(lost)} too (NAME=FILE), "
            "or use --body frozen"
        )


def _metadata(plan: Plan, old: dict[str, str], entries: list[dict[str, Any]]) -> dict[str, str]:
    version = int(old["version"]) + 1 if old.get("version", "").isdecimal() else 0
    given = None if plan.recipe.frozen and old else plan.licence  # a frozen body's other styles keep theirs
    return {
        "perceptual_network": "VGG-16 (Simonyan and Zisserman 2014)",
        **old,
        "styles": json.dumps(entries, ensure_ascii=False),
        "licence": given or old.get("licence", "unknown"),
        "trained_by": f"stylecam {__version__}",
        "recipe": "",
        "version": str(version),
    }
