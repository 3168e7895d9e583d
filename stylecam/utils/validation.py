"""Numbers that can be meant, and the options by which users know them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from stylecam.errors import UsageError

_AS_CALLED: Mapping[str, str] = MappingProxyType({})


def check_ranges(
    owner: object, ranges: Iterable[tuple[str, float, float]], options: Mapping[str, str] = _AS_CALLED
) -> None:
    """See that the attributes of `owner` lie within their `ranges` (name, lowest, highest), where they are not None.

    Args:
        owner: has them.
        ranges: of each.
        options: what an attribute is called on the command line, where that is not its own name.

    Raises:
        UsageError: one does not.
    """
    for name, lowest, highest in ranges:
        value = getattr(owner, name)
        if value is not None and not lowest <= value <= highest:
            option = options.get(name, "--" + name.replace("_", "-"))
            raise UsageError(f"{option} is {value} and must be between {lowest:.15g} and {highest:,.15g}")
