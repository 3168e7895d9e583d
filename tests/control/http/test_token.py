"""Tests of the token of the page's links, and of the file that keeps it."""

from __future__ import annotations

import os
import re
import stat
import sys
from pathlib import Path

import pytest

from stylecam.control.http.token import check_token, kept_token, new_token, renew_token
from stylecam.errors import TokenFileError, UsageError

posix = pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX")


def test_tokens_are_long_and_unique() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", check_token(token)) for token in tokens)


@pytest.mark.parametrize("text", ["", "short", "with space in it", "päckchen-mit-umlaut", "a&b=c&d=e", "x" * 129])
def test_a_token_that_is_invalid_in_an_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--token must have"):
        check_token(text)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "stylecam" / "token"


def test_the_token_of_the_first_start_is_that_of_all_later_ones(file: Path) -> None:
    first = kept_token(file)
    assert kept_token(file) == first
    assert check_token(first) == first


def test_a_new_token_replaces_the_old_one(file: Path) -> None:
    first = kept_token(file)
    assert renew_token(file) != first
    assert kept_token(file) != first


@posix
def test_only_the_user_can_read_the_file_whatever_the_umask(file: Path) -> None:
    before = os.umask(0)
    try:
        kept_token(file)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [other.name for other in file.parent.iterdir()] == ["token"]


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620], ids=oct)
def test_a_file_that_others_can_reach_is_refused_and_a_new_token_mends_it(file: Path, mode: int) -> None:
    first = kept_token(file)
    file.chmod(mode)
    with pytest.raises(TokenFileError, match=r"other users .*: stylecam token --new"):
        kept_token(file)
    renew_token(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert kept_token(file) != first


@posix
def test_a_file_of_another_user_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept_token(file)
    monkeypatch.setattr(os, "getuid", lambda: file.stat().st_uid + 1)
    with pytest.raises(TokenFileError, match="belongs to another user"):
        kept_token(file)


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_is_not_followed_and_a_new_token_takes_its_place(file: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("the-token-of-somebody-else")
    file.parent.mkdir(parents=True)
    file.symlink_to(elsewhere)
    with pytest.raises(TokenFileError, match="cannot be read"):
        kept_token(file)
    token = renew_token(file)
    assert not file.is_symlink()
    assert kept_token(file) == token
    assert elsewhere.read_text() == "the-token-of-somebody-else"


@pytest.mark.parametrize("content", [b"", b"short", b"\xff\xfe" * 20, b"x" * 500, b"two words\n"], ids=repr)
def test_a_file_without_a_token_is_refused_in_one_line(file: Path, content: bytes) -> None:
    renew_token(file)
    file.write_bytes(content)
    with pytest.raises(TokenFileError, match="holds no token; make a new one with: stylecam token --new") as refused:
        kept_token(file)
    assert "\n" not in str(refused.value)


def test_a_folder_in_its_place_is_refused(file: Path) -> None:
    file.mkdir(parents=True)
    with pytest.raises(TokenFileError, match=re.escape(str(file))):
        kept_token(file)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file in its place")
    with pytest.raises(TokenFileError, match="links will change at every start"):
        kept_token(tmp_path / "state" / "stylecam" / "token")
