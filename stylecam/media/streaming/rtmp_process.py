"""Send FLV from standard input to an RTMP server: the process behind `stylecam.media.streaming.rtmp`.

The first line of standard input is the server's address, and the rest is the stream. The line `connected` on standard
output tells that the server takes it; a line `ERROR: …` says why it does not.
"""

from __future__ import annotations

import signal
import sys
from typing import Any

CONNECTED = "connected"
STALL_S = 10
"""How long the server may let one call wait. Then the system ends the process (not on Windows)."""
_INPUT_OPTIONS = {"analyzeduration": "0", "probesize": "32", "fflags": "nobuffer"}
_OUTPUT_OPTIONS = {"flush_packets": "1", "flvflags": "no_duration_filesize"}


def send(url: str, stream: Any) -> None:
    """Copy the FLV of `stream` to the server at `url` until it ends."""
    import av

    with av.open(stream, "r", format="flv", options=_INPUT_OPTIONS) as source:
        _set_alarm(STALL_S)
        target = av.open(url, "w", format="flv", options=_OUTPUT_OPTIONS)
        copies = {each.index: target.add_stream_from_template(each) for each in source.streams}
        target.start_encoding()
        sys.stdout.buffer.write(f"{CONNECTED}\n".encode())
        sys.stdout.buffer.flush()
        _set_alarm(0)
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = copies[packet.stream.index]
                _set_alarm(STALL_S)
                target.mux(packet)
                _set_alarm(0)


def _set_alarm(seconds: int) -> None:
    """End this process in `seconds`, whatever it does then; 0 for not at all. PyAV would let no thread do that."""
    if sys.platform != "win32":
        signal.alarm(seconds)


def _reason(error: OSError, log: list[Any]) -> str:
    """Return why the server is not reached: the server's own words if it has said any."""
    words = [message.strip() for _, _, message in log if "error" in message.lower()]
    return f"{error.strerror}: {words[-1]}" if words else str(error.strerror)


def main() -> None:
    """Run the process."""
    with open(0, "rb", buffering=0, closefd=False) as stream:  # unbuffered: `read` returns what there is
        url = b""
        while not url.endswith(b"\n"):
            url += stream.read(1) or b"\n"
        import av

        av.logging.set_level(av.logging.ERROR)
        with av.logging.Capture(local=False) as log:
            try:
                send(url.decode().strip(), stream)
            except OSError as error:
                sys.exit(f"ERROR: {_reason(error, log)}")


if __name__ == "__main__":
    main()
