"""The token of the page's links: make one, check one, and keep one, so that links outlive a restart."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from stylecam.errors import TokenFileError, UsageError
from stylecam.utils.files import write_private
from stylecam.utils.message import Message

_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,128}")
_REMEDY = "make a new one with: stylecam token --new"
_READABLE_BY_OTHERS = 0o077
_LARGEST = 200


def new_token() -> str:
    """Return a random token of 128 bits."""
    return secrets.token_urlsafe(16)


def check_token(text: str) -> str:
    """Return `text` if it can be used as a token in an address.

    Raises:
        UsageError: it is too short, too long, or has other characters.
    """
    if not _TOKEN.fullmatch(text):
        raise UsageError("--token must have 8 to 128 letters, digits, - or _; leave it out for a random one")
    return text


def kept_token(path: Path) -> str:
    """Return the token that `path` keeps; where there is no such file, a new one, which is then kept.

    Raises:
        TokenFileError: the file is not this user's alone, holds no token, or cannot be read or written.
    """
    try:
        with _opened(path) as descriptor:
            _check_owner(path, os.fstat(descriptor))
            text = os.read(descriptor, _LARGEST).decode("ascii", "replace").strip()
    except (FileNotFoundError, NotADirectoryError):
        return renew_token(path)
    except OSError as error:
        raise TokenFileError(
            Message(
                "the token in {path} cannot be read: {reason}; {remedy}",
                path=path,
                reason=error.strerror or error,
                remedy=_REMEDY,
            )
        ) from error
    try:
        return check_token(text)
    except UsageError as error:
        raise TokenFileError(Message("{path} holds no token; {remedy}", path=path, remedy=_REMEDY)) from error


def renew_token(path: Path) -> str:
    """Make a new token, keep it in `path` in place of the old one, and return it.

    Raises:
        TokenFileError: the file cannot be written.
    """
    token = new_token()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.is_symlink():  # a link could lead into a folder where others read
            path.unlink()
        write_private(path, f"{token}\n".encode("ascii"))
    except OSError as error:
        reason = error.strerror or error
        raise TokenFileError(
            f"the token cannot be kept in {path}: {reason}; links will change at every start"
        ) from error
    return token


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _check_owner(path: Path, facts: os.stat_result) -> None:
    if not stat.S_ISREG(facts.st_mode):
        raise TokenFileError(Message("{path} is not a regular file; {remedy}", path=path, remedy=_REMEDY))
    if sys.platform == "win32":  # it lies in the user's own folder
        return
    if facts.st_uid != os.getuid():
        raise TokenFileError(
            Message("{path} belongs to another user and is not used; delete it, or use --token", path=path)
        )
    if facts.st_mode & _READABLE_BY_OTHERS:
        raise TokenFileError(
            Message("{path} can be read by other users and is not used; {remedy}", path=path, remedy=_REMEDY)
        )
