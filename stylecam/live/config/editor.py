"""Changing the configuration file with the user's editor, so that a broken one never takes its place."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from stylecam.errors import ConfigError, UsageError
from stylecam.utils.files import write_bytes

_USUAL = ("sensible-editor", "editor", "nano", "vim", "vi", "emacs")


def editor(environment: Mapping[str, str]) -> list[str]:
    """The command that edits a file: $VISUAL, $EDITOR, or what the platform has.

    Raises:
        UsageError: there is none, or a variable names one that is not installed.
    """
    for variable in ("VISUAL", "EDITOR"):
        text = environment.get(variable, "").strip()
        if text:
            words = [text.strip('"')] if sys.platform == "win32" else _words(variable, text)
            if shutil.which(words[0]) is None:
                raise UsageError(f"${variable} names {words[0]!r}, which is not installed; set it to another editor")
            return words
    if sys.platform == "win32":
        return ["notepad"]
    if sys.platform == "darwin":
        return ["open", "-W", "-t"]
    found = next((name for name in _USUAL if shutil.which(name)), None)
    if found is None:
        raise UsageError("there is no editor; install one, or set $EDITOR")
    return [found]


def edit(
    path: Path, beginning: str, command: list[str], check: Callable[[str], None], again: Callable[[ConfigError], bool]
) -> bool:
    """Let the user edit `path`, or `beginning` where there is no such file; True if it was changed.

    What is edited is a draft beside the file. It takes the file's place once `check` finds no fault; while it finds
    one, `again` is asked whether to go on. A draft that was given up is gone on with, unless the file is newer.

    Raises:
        ConfigError: the user gave up; the file is as it was, the message says where the draft is, if there is one.
        UsageError: the editor cannot be started or fails, the file or its folder cannot be written, or it was changed
            since an older draft was left.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_bytes() if path.exists() else None
        original = beginning.encode() if before is None else before
        draft = path.with_name(f"{path.stem}.draft.toml")
        if draft.exists() and before is not None and path.stat().st_mtime_ns > draft.stat().st_mtime_ns:
            raise UsageError(
                f"{path} is newer than what you left in {draft}; take from that what you need and remove it"
            )
        if not draft.exists():
            write_bytes(draft, original)
            draft.chmod(0o600)
        try:
            while (fault := _edited(draft, command, check)) is not None:
                if not again(fault):
                    kept = draft.read_bytes() != original
                    on = f"; `stylecam config edit` goes on with {draft}" if kept else ""
                    raise ConfigError(f"{fault}. {path} is as it was{on}") from fault
        finally:
            after = draft.read_bytes()
            if after == original:  # nobody misses it, and it would soon be out of date
                draft.unlink()
        if (path.read_bytes() if path.exists() else None) != before:
            raise UsageError(f"{path} was changed by another program meanwhile; what you wrote is in {draft}")
        if after != original:
            write_bytes(path, after)
            if before is None:
                path.chmod(0o600)  # it may hold a token or a password
        draft.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{path} cannot be edited: {error}") from error
    return after != original


def _edited(draft: Path, command: list[str], check: Callable[[str], None]) -> ConfigError | None:
    """What is wrong with the draft once the editor has ended."""
    ended = subprocess.run([*command, str(draft)], check=False)
    if ended.returncode != 0:
        raise UsageError(f"{command[0]} ended with status {ended.returncode}; the file is as it was")
    try:
        check(draft.read_text("utf-8-sig"))
    except ConfigError as error:
        return error
    except UnicodeDecodeError as error:
        return ConfigError(f"{draft} is no text: {error}")
    return None


def _words(variable: str, text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UsageError(f"${variable} is {text!r}, which is no command: {error}") from error
