"""The private folder in which running stylecams leave files for each other: where they can be reached, what they hide.

Like tmux and ssh-agent, stylecam trusts no folder for its name: one that belongs to another user, or that others can
write to, is passed over.
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
import warnings
from pathlib import Path

import platformdirs

PRIVATE = 0o700
_WRITABLE_BY_OTHERS = 0o022


def make_runtime_folder() -> Path:
    """Create the folder, for this user only, unless it exists, and return it.

    The first of these that can be had: `stylecam` in the folder that the system gives each session (on most systems
    deleted when the user logs out), `stylecam-UID` in the folder for temporary files, `run` in the user's cache.

    Raises:
        OSError: none of them can be had; the error is that of the last one.
    """
    for folder in (candidates := _candidates()):
        try:
            folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
            if is_private(folder):
                if os.name == "posix":
                    folder.chmod(PRIVATE)
                return folder
            raise PermissionError(f"{folder} belongs to another user, or others can write to it")
        except OSError:
            if folder == candidates[-1]:
                raise
    raise AssertionError("unreachable: the last candidate either works or raises")


def runtime_folders() -> list[Path]:
    """Return those of the possible folders that exist and are private, the preferred one first."""
    return [folder for folder in _candidates() if is_private(folder)]


def is_private(folder: Path) -> bool:
    """Return True if `folder` is a folder, no link, that only this user can write to."""
    try:
        facts = folder.lstat()
    except OSError:
        return False
    if sys.platform == "win32":  # both folders lie within the user's own
        return stat.S_ISDIR(facts.st_mode)
    return stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.getuid() and not facts.st_mode & _WRITABLE_BY_OTHERS


def _candidates() -> list[Path]:
    """Return the possible folders, the preferred one first. Others can neither remove nor replace any of them."""
    cache = Path(platformdirs.user_cache_path("stylecam", appauthor=False)) / "run"
    session = _session_folder()
    if sys.platform == "win32":
        return [session or cache, cache]
    temporary = Path(tempfile.gettempdir())
    return [
        *([session] if session is not None and is_private(session.parent) else []),  # under `sudo` it is another user's
        *([temporary / f"stylecam-{os.getuid()}"] if _keeps_owners_apart(temporary) else []),
        cache,
    ]


def _session_folder() -> Path | None:
    try:
        with warnings.catch_warnings():  # about a session without a folder of its own
            warnings.simplefilter("ignore")
            return Path(platformdirs.user_runtime_path("stylecam", appauthor=False))
    except OSError:  # another user has made the folder that would be taken instead
        return None


def _keeps_owners_apart(folder: Path) -> bool:
    """Return True if nobody but the administrator can remove what this user makes in `folder`, as in /tmp."""
    try:
        facts = folder.stat()
    except OSError:
        return False
    others_write = bool(facts.st_mode & _WRITABLE_BY_OTHERS)
    return facts.st_uid in (0, os.getuid()) and (not others_write or bool(facts.st_mode & stat.S_ISVTX))
