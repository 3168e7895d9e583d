"""Setting one value of the configuration file."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from stylecam.errors import ConfigError, UsageError
from stylecam.live.config.setter import set_value


def accept(_: str) -> None:
    """Find nothing wrong with a configuration."""


def refuse_fps(text: str) -> None:
    if "fps = 5" in text:
        raise ConfigError("there is something wrong with fps")


@pytest.mark.parametrize("before", ["[run]\r\n# rate\r\nfps = 25\r\n", "\ufeff[run]\nfps = 25\n"], ids=["CRLF", "BOM"])
def test_line_ends_and_byte_order_mark_stay(before: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(before.encode())
    set_value(path, "", ("run", "fps"), 5, "5", accept)
    assert path.read_bytes().decode() == before.replace("25", "5")


def test_a_new_file_has_the_text_of_a_new_file_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "config.toml"
    set_value(path, "[run]\n## the rate\n# fps = 30\n", ("run", "fps"), 5, "5", accept)
    assert path.read_text() == "[run]\n## the rate\nfps = 5\n"
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
@pytest.mark.parametrize(("secret", "mode"), [(False, 0o644), (True, 0o600)])
def test_a_file_with_a_secret_becomes_private(secret: bool, mode: int, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[server]\n")
    path.chmod(0o644)
    set_value(path, "", ("server", "token"), "word", '"word"', accept, secret=secret)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[run]\nfps = 1", ConfigError),
        ("run = {fps = 1}", UsageError),
        ("[[run]]\nfps = 1", UsageError),
        ("[run]\nfps = 5 # was wrong before", ConfigError),
    ],
)
def test_what_cannot_be_set_leaves_the_file_as_it_was(text: str, error: type[Exception], tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(error):
        set_value(path, "", ("run", "fps"), 5, "5", refuse_fps)
    assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is no UTF-8 text; save it as UTF-8"):
        set_value(tmp_path / "config.toml", "", ("run", "fps"), 5, "5", accept)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("stylecam.live.config.setter.write_private", refuse)
    with pytest.raises(UsageError, match="cannot be written: Permission denied"):
        set_value(tmp_path / "config.toml", "", ("run", "fps"), 5, "5", accept)
