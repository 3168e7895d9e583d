"""Check numbers that the user gave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from stylecam.errors import UsageError

_NO_OPTIONS: Mapping[str, str] = MappingProxyType({})


def check_ranges(
    owner: object, ranges: Iterable[tuple[str, float, float]], options: Mapping[str, str] = _NO_OPTIONS
) -> None:
    """Check that attributes of `owner` lie within their ranges; None is always accepted.

    Args:
        owner: the object that has the attributes.
        ranges: attribute name, lowest and highest value of each.
        options: the command-line option of an attribute, where it is not `--NAME-WITH-DASHES`.

    Raises:
        UsageError: a value lies outside; the message names the option and its range.
    """
    for name, lowest, highest in ranges:
        value = getattr(owner, name)
        if value is not None and not lowest <= value <= highest:
            option = options.get(name, "--" + name.replace("_", "-"))
            raise UsageError(f"{option} is {value} and must be between {lowest:.15g} and {highest:,.15g}")
