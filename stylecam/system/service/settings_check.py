"""Checks that settings suit a service, which starts in the user's home folder and never ends by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stylecam.errors import UsageError
from stylecam.live.settings import Settings
from stylecam.utils.files import user_path


def check_service_settings(settings: Settings, config: Path) -> None:
    """Check that every file that `settings` name, and the configuration file itself, is found from any folder.

    Raises:
        UsageError: a path is relative, with what to write instead; or the run would end by itself.
    """
    if settings.seconds is not None:
        raise UsageError("--seconds ends the run, and a service is not meant to end; leave it out")
    for option, path in _paths(settings, config):
        if not path.is_absolute():
            raise UsageError(f"{option} {path}: a service starts in your home folder; write {Path.cwd() / path}")


def _paths(settings: Settings, config: Path) -> Iterator[tuple[str, Path]]:
    yield "--config", config
    for option, file in (("--stats", settings.stats), ("--panic-picture", settings.panic_picture)):
        if file is not None:
            yield option, user_path(str(file))
    for output in settings.outputs:
        kind, _, argument = output.strip().partition(":")
        if kind == "file" and argument:
            yield "--output", user_path(argument)
    if settings.style is not None and settings.style.lower().endswith(".onnx"):
        yield "--style", user_path(settings.style)
    if settings.camera is not None and "://" not in settings.camera:
        camera = user_path(settings.camera.strip())
        if camera.exists():  # otherwise it is a camera's number or name
            yield "--camera", camera
