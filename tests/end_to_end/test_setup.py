"""The steps of `stylecam setup`, run as root by a real `su`, which asks for the password on the terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Need
from tests.end_to_end.outside import PATIENCE_S, wait_for

pytestmark = [pytest.mark.system, pytest.mark.skipif(sys.platform == "win32", reason="su is of Unix")]

PASSWORD = "correct horse"
WITH_PASSWORD = """
mount --make-rprivate / || exit 77
sed "s|^root:[^:]*:|root:$(openssl passwd -6 "$PASSWORD"):|" /etc/shadow > "$FOLDER/shadow"
mount --bind "$FOLDER/shadow" /etc/shadow || exit 77
exec "$@"
"""
"""Gives root a password for the programs that are run in here, and for no others."""
SU = """#!/bin/sh
exec setpriv --reuid 65534 --regid 65534 --clear-groups {su} "$@"
"""
"""`su` as another user than root runs it: it asks."""
RUN = """
import sys
from stylecam.system.setup.steps import run_steps, write_file_step
options, boot = sys.argv[1:]
run_steps([write_file_step("options", options, '# one\\noptions a card_label="b,c"\\n'),
           write_file_step("boot", boot, "it's loaded at 100%\\n")], "su", print)
"""


def test_files_are_written_although_su_asks_for_a_password(need: Need, tmp_path: Path) -> None:
    for name in ("unshare", "setsid", "setpriv", "openssl"):
        need(name)
    if os.getuid() != 0:
        pytest.skip("only root can give root another password in a namespace of its own")
    shim = tmp_path / "bin" / "su"
    shim.parent.mkdir()
    shim.write_text(SU.format(su=need("su")))
    shim.chmod(0o755)
    options, boot = tmp_path / "it's options.conf", tmp_path / "boot.conf"
    ours, theirs = os.openpty()
    variables = {**os.environ, "PATH": f"{shim.parent}:{os.environ['PATH']}", "FOLDER": str(tmp_path), "LC_ALL": "C"}
    program = subprocess.Popen(
        ["setsid", "--ctty", "unshare", "--mount", "sh", "-c", WITH_PASSWORD, "sh",
         sys.executable, "-c", RUN, str(options), str(boot)],
        env=variables | {"PASSWORD": PASSWORD, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=theirs, stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    os.set_blocking(ours, False)
    shown = bytearray()

    def asked(times: int) -> bool:
        with suppress(OSError):
            shown.extend(os.read(ours, 4096))
        if program.poll() == 77:
            pytest.skip("no namespace can be made here")
        assert program.poll() is None, shown.decode()
        return shown.count(b"Password:") == times

    try:
        for times in (1, 2):
            wait_for("su to ask", lambda times=times: asked(times))  # type: ignore[misc]
            os.write(ours, f"{PASSWORD}\n".encode())
        assert program.wait(PATIENCE_S) == 0
    finally:
        program.kill()
        program.wait(PATIENCE_S)
        os.close(ours)
    assert options.read_text() == '# one\noptions a card_label="b,c"\n'
    assert boot.read_text() == "it's loaded at 100%\n"
    assert options.stat().st_mode & 0o777 == 0o644
