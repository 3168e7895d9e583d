"""Every error that stylecam raises on purpose.

StylecamError
├── UsageError                   (ValueError)    an option or argument has a value that makes no sense
├── ConfigError                  (ValueError)    the configuration file is wrong; names the file and the key
├── SourceError
│   ├── CameraNotFoundError      (LookupError)   no such camera; carries the cameras that exist
│   ├── CameraBusyError          (OSError)       another program holds the camera; carries its name and process id
│   ├── SourceUnreadableError    (OSError)       a file, folder or URL cannot be opened or decoded
│   ├── SoundUnavailableError    (OSError)       a microphone or the sound server cannot be used
│   └── SourceLostError          (OSError)       a source that worked went away; the pipeline opens it again
├── StyleError
│   ├── StyleNotFoundError       (LookupError)   unknown style name; carries the most similar names
│   ├── ModelFormatError         (ValueError)    the file is not a network that can run; names the layer or byte offset
│   └── ImporterUnavailableError (RuntimeError)  the package that reads such files is not installed
├── EngineError
│   ├── EngineUnavailableError   (RuntimeError)  the engine or device is not installed
│   ├── EngineRunError           (RuntimeError)  the network was loaded, but running it failed
│   └── EngineLostError          (OSError)       the server that runs networks is gone, or lets nobody in
├── SinkError
│   ├── SinkUnavailableError     (OSError)       a sink cannot be opened
│   ├── SinkLostError            (OSError)       a sink that worked takes no more frames; the publisher opens it again
│   │   └── WindowClosedError                    the user closed the preview window
│   ├── TooManyViewersError      (RuntimeError)  the stream already has as many viewers as it can serve
│   └── SinkClosedError          (ValueError)    the calling code wrote to a sink that was not open
├── TrainingError
│   ├── TrainingUnavailableError (RuntimeError)  a package that training needs is not installed
│   ├── TrainingDataError        (ValueError)    a style image, photo folder, VGG file or checkpoint is unusable
│   └── TrainingFailedError      (RuntimeError)  training started and cannot go on: NaN, no memory, disk full
├── AlreadyRunningError          (RuntimeError)  another stylecam uses the same output; says how to control that one
├── NotRunningError              (LookupError)   there is no running stylecam to control
├── SessionNotOpenError          (RuntimeError)  the calling code used a session before it was open, or opened it twice
├── CommandRefusedError          (RuntimeError)  a valid command that cannot be carried out at the moment
├── ServerUnavailableError       (OSError)       the web server cannot start, for example because the port is taken
├── TokenFileError               (OSError)       the file that keeps the token of links cannot be used
├── ObsUnavailableError          (RuntimeError)  the package that talks to OBS is not installed
├── HotkeysUnavailableError      (RuntimeError)  global hotkeys do not work here: no display, no permission, Wayland
├── ClusterError                 (RuntimeError)  the computers that paint together cannot be reached, or lack something
├── BenchError                   (RuntimeError)  a benchmark cannot run here
├── ProbeError                   (OSError)       a fact about this computer cannot be found out
├── ServiceError                 (RuntimeError)  the program that starts services at login is missing or refuses
└── SetupError                   (RuntimeError)  the virtual camera's driver cannot be set up, or a step failed

Each class also derives from the built-in exception in parentheses. Each message is one line that says what happened,
why, and what to do next. The command line prints it and exits with status 2.
"""

from __future__ import annotations

from collections.abc import Sequence


class StylecamError(Exception):
    """Base class of everything that stylecam raises on purpose."""


class UsageError(StylecamError, ValueError):
    """An option or argument has a value that makes no sense."""


class ConfigError(StylecamError, ValueError):
    """The configuration file cannot be used as it is."""


class SourceError(StylecamError):
    """A source of frames failed."""


class CameraNotFoundError(SourceError, LookupError):
    """No camera, or more than one, matches the query.

    Attributes:
        available: the cameras to choose from, as `NAME (PATH)`.
    """

    def __init__(self, message: str, available: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.available = tuple(available)


class CameraBusyError(SourceError, OSError):
    """The camera exists and cannot be used now, most often because another program holds it.

    Attributes:
        holders: name and process id of each program that holds the camera; empty where the system does not tell.
    """

    def __init__(self, message: str, holders: Sequence[tuple[str, int]] = ()) -> None:
        super().__init__(message)
        self.holders = tuple(holders)


class SourceUnreadableError(SourceError, OSError):
    """A file, folder or URL cannot be opened, or holds no picture."""


class SoundUnavailableError(SourceError, OSError):
    """A microphone or the sound server cannot be used."""


class SourceLostError(SourceError, OSError):
    """A source that worked went away: unplugged, stalled, or the stream ended."""


class StyleError(StylecamError):
    """A style or its network cannot be used."""


class StyleNotFoundError(StyleError, LookupError):
    """No style has this name.

    Attributes:
        nearest: the names of styles that look similar.
    """

    def __init__(self, message: str, nearest: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.nearest = tuple(nearest)


class ModelFormatError(StyleError, ValueError):
    """The file is not a network that stylecam can run."""


class ImporterUnavailableError(StyleError, RuntimeError):
    """The package that reads this kind of network file is not installed."""


class EngineError(StylecamError):
    """An engine cannot load or run a network."""


class EngineUnavailableError(EngineError, RuntimeError):
    """The requested engine or device is not installed."""


class EngineRunError(EngineError, RuntimeError):
    """A network was loaded, but running it failed."""


class EngineLostError(EngineError, OSError):
    """The server that runs networks does not answer, or not in time; what was asked of it says nothing of the cause."""


class SinkError(StylecamError):
    """A sink failed."""


class SinkUnavailableError(SinkError, OSError):
    """A sink cannot be opened, or a result cannot be written.

    Attributes:
        fix: what to do, in a few words; empty where only the message says it.
        command: the command that does it, to be copied; None where no command does.
    """

    def __init__(self, message: str, fix: str = "", command: str | None = None) -> None:
        super().__init__(message)
        self.fix, self.command = fix, command


class SinkLostError(SinkError, OSError):
    """A sink that worked takes no more frames."""


class WindowClosedError(SinkLostError):
    """The user closed the preview window."""


class TooManyViewersError(SinkError, RuntimeError):
    """The stream already has as many viewers as it can serve."""


class SinkClosedError(SinkError, ValueError):
    """A sink was written to while it was not open."""


class TrainingError(StylecamError):
    """Training a style failed."""


class TrainingUnavailableError(TrainingError, RuntimeError):
    """A package that training needs is not installed."""


class TrainingDataError(TrainingError, ValueError):
    """A style image, photo folder, VGG file or checkpoint cannot be used for training."""


class TrainingFailedError(TrainingError, RuntimeError):
    """Training started and cannot go on."""


class AlreadyRunningError(StylecamError, RuntimeError):
    """Another stylecam publishes to the same output."""


class NotRunningError(StylecamError, LookupError):
    """There is no running stylecam to control."""


class SessionNotOpenError(StylecamError, RuntimeError):
    """A session was used before it was open, or opened twice."""


class CommandRefusedError(StylecamError, RuntimeError):
    """A valid command cannot be carried out at the moment."""


class ServerUnavailableError(StylecamError, OSError):
    """The web server cannot be started."""


class TokenFileError(StylecamError, OSError):
    """The file that keeps the token of the page's links cannot be used."""


class ObsUnavailableError(StylecamError, RuntimeError):
    """The package that talks to OBS is not installed."""


class HotkeysUnavailableError(StylecamError, RuntimeError):
    """Global hotkeys do not work on this system as it is.

    The message says why. `display_unreachable` is True if no X server answers this user, `lacks_menu_entry` if the
    desktop's portal knows no application that asks.
    """

    def __init__(self, message: str, display_unreachable: bool = False, *, lacks_menu_entry: bool = False) -> None:
        super().__init__(message)
        self.display_unreachable, self.lacks_menu_entry = display_unreachable, lacks_menu_entry


class ClusterError(StylecamError, RuntimeError):
    """The computers that paint together cannot be reached, or one of them lacks something."""


class BenchError(StylecamError, RuntimeError):
    """A benchmark cannot run on this computer."""


class ProbeError(StylecamError, OSError):
    """A fact about this computer cannot be found out."""


class ServiceError(StylecamError, RuntimeError):
    """The program that starts services at login is missing or refuses."""


class SetupError(StylecamError, RuntimeError):
    """The virtual camera's driver cannot be set up here, or a step of the setup failed."""
