"""The token: who has it may watch and steer."""

from __future__ import annotations

import re
import secrets

from stylecam.errors import UsageError

_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,128}")


def new_token() -> str:
    """A token nobody can guess: 128 bits."""
    return secrets.token_urlsafe(16)


def check_token(text: str) -> str:
    """`text` as a token that can stand in an address.

    Raises:
        UsageError: too short, too long, or with other characters.
    """
    if not _TOKEN.fullmatch(text):
        raise UsageError("--token must have 8 to 128 letters, digits, - or _; leave it out for a random one")
    return text
