"""The `stylecam` command. One module per subcommand, each thin: parse, call, print."""

from __future__ import annotations

import os
import sys
import threading

# Read by OpenCV's own code when it loads or opens a device; a user's setting wins.
_OPENCV_ENVIRONMENT = {
    "OPENCV_LOG_LEVEL": "FATAL",  # stylecam says what failed, once and in words
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
    "OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT": "2",  # seconds; the default of 10 hides an unplugged camera for as long
    "OPENCV_THREAD_POOL_ACTIVE_WAIT_WORKER": "0",  # workers that spin for more work take a tenth of the processor time
    "OPENCV_VIDEOIO_MSMF_ENABLE_HW_TRANSFORMS": "0",  # opening a camera on Windows takes 4 to 12 s with it
    "QT_LOGGING_RULES": "*.debug=false;*.warning=false",
}


def main() -> None:
    """Run the command line and exit with its status: 0, 2 for a user's mistake, 1 for ours."""
    for name, value in _OPENCV_ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    from stylecam.cli.group import run_command_line

    status = run_command_line(sys.argv[1:])
    if any(thread.name.startswith("stylecam-") for thread in threading.enumerate()):
        # One is still inside the engine, which cannot be interrupted. Leaving the usual way, OpenCV 5 would take down
        # its own threads under it and abort.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)
