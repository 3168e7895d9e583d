"""Where a service finds its files: it starts in the user's home folder, wherever it was installed from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stylecam.errors import UsageError
from stylecam.live.settings import Settings
from stylecam.utils.files import user_path


def check_places(settings: Settings, config: Path) -> None:
    """See that every file which `settings` or the command line name is found from any folder.

    Raises:
        UsageError: the first that is not, with what to write instead.
    """
    for name, path in _named(settings, config):
        if not path.is_absolute():
            raise UsageError(f"{name} {path}: a service starts in your home folder; write {Path.cwd() / path}")


def _named(settings: Settings, config: Path) -> Iterator[tuple[str, Path]]:
    yield "--config", config
    for name, named in (("--stats", settings.stats), ("--panic-picture", settings.panic_picture)):
        if named is not None:
            yield name, user_path(str(named))
    for output in settings.outputs:
        kind, _, argument = output.strip().partition(":")
        if kind == "file" and argument:
            yield "--output", user_path(argument)
    if settings.style is not None and settings.style.lower().endswith(".onnx"):
        yield "--style", user_path(settings.style)
    if settings.camera is not None and "://" not in settings.camera:
        camera = user_path(settings.camera.strip())
        if camera.exists():  # else it is a camera's number or name
            yield "--camera", camera
