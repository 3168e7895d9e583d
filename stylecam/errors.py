"""Everything stylecam raises on purpose.

StylecamError
├── UsageError                (ValueError)    a value that cannot be meant: a size, a blend, an output, a hotkey
├── ConfigError               (ValueError)    the configuration file is wrong; names file and key
├── SourceError
│   ├── CameraNotFoundError   (LookupError)   no such camera; names the ones that exist
│   ├── CameraBusyError       (OSError)       another program holds it; names it where the system lets us
│   ├── SourceUnreadableError (OSError)       a file, folder or URL that cannot be opened or decoded
│   └── SourceLostError       (OSError)       it was there and went away; the pipeline recovers from this one
├── StyleError
│   ├── StyleNotFoundError    (LookupError)   unknown name; carries the nearest ones
│   ├── ModelFormatError      (ValueError)    the file is not a network we can run; says why, with a byte offset
│   └── ImporterUnavailableError (RuntimeError) what reads such files is not installed; says what to install
├── EngineError
│   ├── EngineUnavailableError (RuntimeError) the device asked for is not in this OpenCV; says what to install
│   └── EngineRunError        (RuntimeError)  the network loaded but did not run
├── SinkError
│   ├── SinkUnavailableError  (OSError)       an output cannot be opened; says why and what to do
│   ├── SinkLostError         (OSError)       an output stopped taking frames; the publisher tries again
│   ├── TooManyViewersError   (RuntimeError)  the page is sent to as many viewers as it can be
│   └── SinkClosedError       (ValueError)    written to before it was opened: a mistake in the calling code
├── TrainingError
│   ├── TrainingUnavailableError (RuntimeError) PyTorch is not installed; says what to install
│   ├── TrainingDataError     (ValueError)    a painting, photo folder, perceptual network or checkpoint is no good
│   └── TrainingFailedError   (RuntimeError)  it began and cannot go on: NaN, no memory, disk full; says what is kept
├── AlreadyRunningError       (RuntimeError)  another stylecam publishes there; says how to steer it
├── NotRunningError           (LookupError)   there is no stylecam to steer; says how to start one
├── RefusedError              (RuntimeError)  an order that cannot be carried out now: no picture yet, already recording
├── ServerUnavailableError    (OSError)       the page and its control cannot be served: the port is taken
├── ObsUnavailableError       (RuntimeError)  what follows OBS is not installed; says what to install
├── HotkeysUnavailableError   (RuntimeError)  no display, no permission or Wayland; the program goes on without
├── BenchError                (RuntimeError)  something that was to be measured cannot be run here; says why
├── UncheckedError            (OSError)       something of this machine cannot be looked at; says why
├── ServiceError              (RuntimeError)  what starts programs at login is not there or refuses; in its own words
└── SetupError                (RuntimeError)  the driver cannot be set up here, or a step failed; says how to go on

Each message says what happened, why, and what to do next; the command line prints it on one line and exits with 2.
"""

from __future__ import annotations

from collections.abc import Sequence


class StylecamError(Exception):
    """The root: catch this to catch everything stylecam raises on purpose."""


class UsageError(StylecamError, ValueError):
    """A value given by the user that cannot be meant."""


class ConfigError(StylecamError, ValueError):
    """The configuration file cannot be used as it is."""


class SourceError(StylecamError):
    """Something about where frames come from."""


class CameraNotFoundError(SourceError, LookupError):
    """No camera answers to what was asked for."""


class CameraBusyError(SourceError, OSError):
    """The camera is there but another program holds it."""


class SourceUnreadableError(SourceError, OSError):
    """A file, folder or URL cannot be opened or holds no picture."""


class SourceLostError(SourceError, OSError):
    """A source that worked went away (unplugged, stalled, stream ended)."""


class StyleError(StylecamError):
    """Something about styles and their networks."""


class StyleNotFoundError(StyleError, LookupError):
    """No style of this name; `nearest` holds names that look alike."""

    def __init__(self, message: str, nearest: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.nearest = tuple(nearest)


class ModelFormatError(StyleError, ValueError):
    """The file is not a network we can run."""


class ImporterUnavailableError(StyleError, RuntimeError):
    """What reads this kind of foreign network is not installed."""


class EngineError(StylecamError):
    """Something about running a network."""


class EngineUnavailableError(EngineError, RuntimeError):
    """The engine or device asked for is not installed here."""


class EngineRunError(EngineError, RuntimeError):
    """A network was loaded but running it failed."""


class SinkError(StylecamError):
    """Something about where frames go."""


class SinkUnavailableError(SinkError, OSError):
    """An output cannot be opened."""


class SinkLostError(SinkError, OSError):
    """An output that worked stopped taking frames."""


class TooManyViewersError(SinkError, RuntimeError):
    """One viewer more than can be served."""


class SinkClosedError(SinkError, ValueError):
    """A sink was written to while closed."""


class TrainingError(StylecamError):
    """Something about training a style."""


class TrainingUnavailableError(TrainingError, RuntimeError):
    """What training needs is not installed."""


class TrainingDataError(TrainingError, ValueError):
    """What training was given cannot be learned from."""


class TrainingFailedError(TrainingError, RuntimeError):
    """Training began and cannot go on."""


class AlreadyRunningError(StylecamError, RuntimeError):
    """Another stylecam publishes to the same output."""


class NotRunningError(StylecamError, LookupError):
    """No running stylecam can be steered."""


class RefusedError(StylecamError, RuntimeError):
    """An order that makes sense and cannot be carried out now."""


class ServerUnavailableError(StylecamError, OSError):
    """The page and the control beside it cannot be served."""


class ObsUnavailableError(StylecamError, RuntimeError):
    """What follows OBS is not installed."""


class HotkeysUnavailableError(StylecamError, RuntimeError):
    """Global hotkeys cannot be had on this system as it is."""


class BenchError(StylecamError, RuntimeError):
    """What was to be measured cannot be run here."""


class UncheckedError(StylecamError, OSError):
    """Something of this machine cannot be looked at, so nothing is known of it."""


class SetupError(StylecamError, RuntimeError):
    """The virtual camera's driver cannot be set up here, or a step towards it failed."""


class ServiceError(StylecamError, RuntimeError):
    """What starts programs at login is not there, or refuses."""
