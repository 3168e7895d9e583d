"""The `stylecam` command, with one thin module per subcommand: parse, call the core, print."""

from __future__ import annotations

import os
import sys
import threading

# The libraries read these variables when they load or open a device. A variable that the user has set is kept.
_ENVIRONMENT = {
    "OPENCV_LOG_LEVEL": "FATAL",  # stylecam reports failures itself
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
    "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT": "2",  # seconds; with the default of 10 an unplugged camera is noticed late
    "OPENCV_THREAD_POOL_ACTIVE_WAIT_WORKER": "0",  # workers that spin for work cost a tenth of the processor time
    "OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS": "0",  # opening a camera on Windows takes 4 to 12 s with it
    "GRPC_VERBOSITY": "NONE",  # gRPC logs on standard error what it also reports
    "QT_LOGGING_RULES": "*.debug=false;*.warning=false",
}


def main() -> None:
    """Run the command line and exit with its status: 0, 2 for a mistake of the user, 1 for one of the program."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from stylecam.cli import streams
    from stylecam.cli.group import run_command_line

    streams.open_missing_streams()
    status = run_command_line(sys.argv[1:])
    if any(thread.name.startswith("stylecam-") for thread in threading.enumerate()):
        # A thread is still inside the engine and cannot be interrupted. A normal exit would let OpenCV 5 destroy its
        # thread pool under that thread, and abort. Or the terminal takes nothing, and a
        # flush of stderr would wait for it.
        flush = threading.Thread(target=streams.flush_all, daemon=True)
        flush.start()
        flush.join(streams.WRITE_S)
        os._exit(status)
    streams.flush_all()
    sys.exit(status)
