"""Commands, options, styles, cameras and file names complete by tab in a real bash, with the line of the help."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from stylecam.cli.group import group
from tests.end_to_end.outside import environment, wait_for

pytestmark = [pytest.mark.system, pytest.mark.skipif(sys.platform == "win32", reason="there is no bash")]

if sys.platform != "win32":
    import pty

    class Bash:
        """An interactive bash that has read the line of the help, in a folder with a photograph and a clip."""

        def __init__(self, folder: Path) -> None:
            program = folder / "stylecam"
            program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m stylecam "$@"\n')
            program.chmod(0o755)
            (folder / "my photo.jpg").touch()
            (folder / "clip.mp4").touch()
            variables = environment(folder) | {
                "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "TERM": "dumb", "INPUTRC": os.devnull,
            }  # fmt: skip
            self._line = folder / "line.txt"
            self._keyboard, screen = pty.openpty()
            self._process = subprocess.Popen(
                ["bash", "--norc", "--noprofile", "-i"],
                stdin=screen, stdout=screen, stderr=screen, env=variables, cwd=folder, start_new_session=True,
            )  # fmt: skip
            os.close(screen)
            self._reader = threading.Thread(target=self._read, daemon=True)
            self._reader.start()
            documented = next(
                line.partition("bash")[2].strip()
                for line in str(group.epilog).splitlines()
                if line.startswith("  bash ")
            )
            self._type(f"{documented}\r")
            # Ctrl-G writes what stands on the command line into a file, and clears the line.
            self._type(
                'bind -x \'"\\C-g": printf %s "$READLINE_LINE" >line.new; mv line.new line.txt; READLINE_LINE=\'\r'
            )

        def completed(self, line: str) -> str:
            """Type `line` and a tab; return what stands on the command line then."""
            self._line.unlink(missing_ok=True)
            self._type(f"{line}\t\x07")
            wait_for(f"bash to complete {line!r}", self._line.exists)
            return self._line.read_text()

        def close(self) -> None:
            self._process.kill()
            self._process.wait()
            self._reader.join(2)
            os.close(self._keyboard)

        def _type(self, keys: str) -> None:
            os.write(self._keyboard, keys.encode())

        def _read(self) -> None:
            with suppress(OSError):  # EIO: bash has ended
                while os.read(self._keyboard, 4096):
                    pass

    @pytest.fixture(scope="module")
    def bash(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bash]:
        started = Bash(tmp_path_factory.mktemp("bash"))
        yield started
        started.close()

    @pytest.mark.parametrize(
        ("line", "completed"),
        [
            ("stylecam vid", "stylecam video "),
            ("stylecam --prof", "stylecam --profile "),
            ("stylecam --style the_", "stylecam --style the_scream "),
            ("stylecam styles sho", "stylecam styles show "),
            ("stylecam run --camera de", "stylecam run --camera demo "),
            ("stylecam run --output fi", "stylecam run --output file:"),
            ("stylecam run --output file:cl", "stylecam run --output file:clip.mp4 "),
            ("stylecam image my", "stylecam image my\\ photo.jpg "),
            ("stylecam image my\\ photo.jpg --styl", "stylecam image my\\ photo.jpg --style "),
            ("stylecam video cl", "stylecam video clip.mp4 "),
            ("stylecam image a.jpg -o cl", "stylecam image a.jpg -o clip.mp4 "),
        ],
    )
    def test_a_real_bash_completes_with_the_line_of_the_help(bash: Bash, line: str, completed: str) -> None:
        assert bash.completed(line) == completed
