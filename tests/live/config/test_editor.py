"""Editing the configuration file through a draft."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stylecam.errors import ConfigError, UsageError
from stylecam.live.config import editor as editing


def check(text: str) -> None:
    if "wrong" in text:
        raise ConfigError("there is something wrong")


def running(command: list[str]) -> Callable[[Path], None]:
    """Open a file with `command`, as an editor."""

    def open_editor(draft: Path) -> None:
        if status := subprocess.run([*command, str(draft)], check=False).returncode:
            raise UsageError(f"it ended with status {status}")

    return open_editor


def never(error: ConfigError) -> bool:
    raise AssertionError(f"asked about {error}")


def writes(*texts: str, before: str = "pass") -> Callable[[Path], None]:
    """An editor, a real program, that writes the first of `texts` at its first start, then the second, and so on."""
    code = (
        "import pathlib, sys; path = pathlib.Path(sys.argv[-1]); count = path.with_name('starts');"
        "number = int(count.read_text()) if count.exists() else 0; count.write_text(str(number + 1));"
        f"{before}; path.write_text({list(texts)!r}[number])"
    )
    return running([sys.executable, "-c", code])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "config.toml").write_text("before")
    return tmp_path / "config.toml"


def left(path: Path) -> set[str]:
    return {found.name for found in path.parent.iterdir()} - {"starts"}


def test_a_correct_draft_replaces_the_file(path: Path) -> None:
    assert editing.edit(path, "template", writes("after"), check, never)
    assert path.read_text() == "after"
    assert left(path) == {"config.toml"}


def test_a_mistake_is_reported_and_can_be_corrected(path: Path) -> None:
    reported: list[str] = []

    def retry(error: ConfigError) -> bool:
        reported.append(str(error))
        assert path.read_text() == "before"
        return True

    assert editing.edit(path, "template", writes("wrong", "right"), check, retry)
    assert reported == ["there is something wrong"]
    assert path.read_text() == "right"


def test_giving_up_keeps_the_file_and_leaves_the_draft_beside_it(path: Path) -> None:
    with pytest.raises(ConfigError, match=r"something wrong.*as it was.*config\.draft\.toml"):
        editing.edit(path, "template", writes("wrong"), check, lambda _: False)
    assert path.read_text() == "before"
    assert path.with_name("config.draft.toml").read_text() == "wrong"


def test_a_left_draft_is_continued(path: Path) -> None:
    path.with_name("config.draft.toml").write_text("half ")
    appends = running([sys.executable, "-c", "import sys; open(sys.argv[-1], 'a').write('done')"])
    assert editing.edit(path, "template", appends, check, never)
    assert path.read_text() == "half done"
    assert left(path) == {"config.toml"}


def test_a_draft_older_than_the_file_is_refused(path: Path) -> None:
    """Otherwise corrections made in the file itself meanwhile would be lost."""
    draft = path.with_name("config.draft.toml")
    draft.write_text("half ")
    os.utime(draft, (1, 1))
    with pytest.raises(UsageError, match=r"newer than what you left in .*config\.draft\.toml"):
        editing.edit(path, "template", writes("after"), check, never)
    assert (path.read_text(), draft.read_text()) == ("before", "half ")


def test_an_unchanged_draft_is_removed(path: Path) -> None:
    with pytest.raises(UsageError, match="ended with status 3"):
        editing.edit(path, "template", running([sys.executable, "-c", "raise SystemExit(3)"]), check, never)
    path.write_text("wrong")
    with pytest.raises(ConfigError, match=r"something wrong.*as it was$"):
        editing.edit(path, "template", running([sys.executable, "-c", ""]), check, lambda _: False)
    assert left(path) == {"config.toml"}


def test_without_a_file_the_template_is_edited(tmp_path: Path) -> None:
    path = tmp_path / "new" / "config.toml"
    appends = running([sys.executable, "-c", "import sys; open(sys.argv[-1], 'a').write(' and more')"])
    assert editing.edit(path, "template", appends, check, never)
    assert path.read_text() == "template and more"
    assert sys.platform == "win32" or path.stat().st_mode & 0o777 == 0o600


def test_an_editor_that_changes_nothing_writes_nothing(tmp_path: Path) -> None:
    assert not editing.edit(tmp_path / "config.toml", "template", running([sys.executable, "-c", ""]), check, never)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_another_program_changed_meanwhile_is_not_overwritten(path: Path) -> None:
    other = writes("mine", before="path.with_name('config.toml').write_text('theirs')")
    with pytest.raises(UsageError, match=r"changed by another program.*config\.draft\.toml"):
        editing.edit(path, "template", other, check, never)
    assert path.read_text() == "theirs"


def test_an_editor_that_fails_changes_nothing(path: Path) -> None:
    with pytest.raises(UsageError, match="ended with status 3"):
        editing.edit(path, "template", running([sys.executable, "-c", "raise SystemExit(3)"]), check, never)
    assert path.read_text() == "before"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be edited"):
        editing.edit(tmp_path / "file" / "config.toml", "", running([sys.executable]), check, never)
