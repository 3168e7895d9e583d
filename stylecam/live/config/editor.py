"""Edit the configuration file through a draft, which replaces it only when it has no mistakes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from stylecam.errors import ConfigError, UsageError
from stylecam.utils.files import write_bytes


def edit(
    path: Path,
    beginning: str,
    open_editor: Callable[[Path], None],
    check: Callable[[str], None],
    ask_retry: Callable[[ConfigError], bool],
) -> bool:
    """Let the user edit `path`, or a new file that starts with `beginning`; return whether it was changed.

    The user edits a draft beside the file. A draft that was left earlier is continued, unless the file is newer.

    Args:
        path: the configuration file.
        beginning: the text of a new file.
        open_editor: opens a file in the user's editor and returns when that has ended; raises `UsageError` if it fails.
        check: raises `ConfigError` for a text that is not a valid configuration.
        ask_retry: gets the mistake and returns whether the user goes on editing.

    Raises:
        ConfigError: the user gave up; the file is unchanged, and the message says where the draft is, if there is one.
        UsageError: the editor failed, the file cannot be written, or another program has changed it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_bytes() if path.exists() else None
        original = beginning.encode() if before is None else before
        draft = _draft(path, original, exists=before is not None)
        try:
            _edit_until_right(path, draft, original, open_editor, check, ask_retry)
        finally:
            after = draft.read_bytes()
            if after == original:  # an unchanged draft would soon be out of date
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


def _draft(path: Path, original: bytes, *, exists: bool) -> Path:
    """Return the draft beside `path`: one that was left earlier, or a new one with the `original` text."""
    draft = path.with_name(f"{path.stem}.draft.toml")
    if not draft.exists():
        write_bytes(draft, original)
        draft.chmod(0o600)
    elif exists and path.stat().st_mtime_ns > draft.stat().st_mtime_ns:
        raise UsageError(f"{path} is newer than what you left in {draft}; take from that what you need and remove it")
    return draft


def _edit_until_right(
    path: Path,
    draft: Path,
    original: bytes,
    open_editor: Callable[[Path], None],
    check: Callable[[str], None],
    ask_retry: Callable[[ConfigError], bool],
) -> None:
    """Open the editor again and again until the draft is right or the user gives up."""
    while True:
        open_editor(draft)
        try:
            check(draft.read_text("utf-8-sig"))
            return
        except ConfigError as error:
            fault = error
        except UnicodeDecodeError as error:
            fault = ConfigError(f"{draft} is no text: {error}")
        if not ask_retry(fault):
            kept = draft.read_bytes() != original
            hint = f"; `stylecam config edit` goes on with {draft}" if kept else ""
            raise ConfigError(f"{fault}. {path} is as it was{hint}") from fault
