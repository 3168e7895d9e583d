"""Install the wheel, then the source archive, of a folder into a fresh environment, and run stylecam from it.

    python packaging/reference.py && python -m build && python packaging/try_wheel.py dist

It prints the seconds that each took, and ends with a status other than 0 where something does not work.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

SHARED = (
    "share/man/man1/stylecam.1",
    "share/applications/app.stylecam.Stylecam.desktop",
    "share/icons/hicolor/scalable/apps/app.stylecam.Stylecam.svg",
)
"""What an installation brings beside the package."""


def main(folder: Path) -> None:
    """Try everything that `python -m build` has left in `folder`."""
    (wheel,) = folder.glob("stylecam-*.whl")
    (archive,) = folder.glob("stylecam-*.tar.gz")
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        environment = home / "environment"
        venv.create(environment, with_pip=True)
        programs = environment / ("Scripts" if os.name == "nt" else "bin")
        for package, options in ((wheel, []), (archive, ["--no-deps", "--force-reinstall"])):
            started = time.monotonic()
            _run(home, programs / "python", "-m", "pip", "install", "-q", *options, str(package.resolve()))
            _run(home, programs / "stylecam", "--version")
            picture = (
                "import stylecam, pathlib; print(pathlib.Path(stylecam.__file__).parent / 'assets' / 'astronaut.jpg')"
            )
            portrait = _run(home, programs / "python", "-c", picture).strip()
            painted = home / f"{package.suffix[1:]}.png"
            _run(home, programs / "stylecam", "image", str(portrait), "-o", str(painted), "--max-size", "320")
            missing = [name for name in (str(painted), *SHARED) if not (environment / name).exists()]
            if missing:
                sys.exit(f"{package.name} left out {', '.join(missing)}")
            print(f"{package.name}: installed and painted in {time.monotonic() - started:.0f} s")


def _run(home: Path, program: Path, *words: str) -> str:
    """Run a program away from the checkout, as a user without settings."""
    variables = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    ended = subprocess.run(
        [str(program), *words], cwd=home, env={**variables, "HOME": str(home)}, stdout=subprocess.PIPE, text=True
    )
    if ended.returncode:
        sys.exit(f"{program.name} {' '.join(words)} ended with status {ended.returncode}")
    return ended.stdout


if __name__ == "__main__":
    main(Path(sys.argv[1]))
