"""The tiers of style networks: rich ones paint bolder, lean ones hold the frame rate on slow processors."""

from __future__ import annotations

from stylecam.errors import UsageError

RICH, LEAN = "rich", "lean"
TIERS = (LEAN, RICH)
AUTO = "auto"
"""Stands for the tier that stylecam chooses: what the machine holds when live, and rich for pictures and clips."""
TIER_KEY = "tier"
"""The key of the tier in a model's metadata; a network without it is lean."""


def check_tier(tier: str) -> None:
    """Check that `tier` is `rich`, `lean` or `auto`.

    Raises:
        UsageError: it is not.
    """
    if tier not in (AUTO, *TIERS):
        raise UsageError(f"there is no tier {tier[:40]!r}; choose {AUTO}, {RICH} or {LEAN}")
