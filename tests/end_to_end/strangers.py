"""Hold connections to a port without the token, as a flood does; `python -m tests.end_to_end.strangers PORT COUNT`.

Some connections send nothing, some half a request, some a whole one without the token, some half a body. A connection
that is closed is opened again, until the standard input is closed.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import sys
import time

REQUESTS = (
    b"",
    b"GET /api/state HTTP/1.1\r\nHost: ",
    b"GET /api/state HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"POST /api/actions/quit HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n{",
)
PAUSE_S = 0.01
"""Between two connections that are opened again, so that the flood is one of connections and not of work."""


def main(port: int, count: int) -> None:
    """Hold `count` connections."""
    ready = selectors.DefaultSelector()
    ready.register(sys.stdin, selectors.EVENT_READ)
    for number in range(count):
        _connect(ready, port, REQUESTS[number % len(REQUESTS)])
    print("holding", flush=True)
    while True:
        for key, _ in ready.select():
            if key.fileobj is sys.stdin:
                return
            connection = key.fileobj
            assert isinstance(connection, socket.socket)
            with contextlib.suppress(OSError):
                if connection.recv(65536):
                    continue
            ready.unregister(connection)
            connection.close()
            time.sleep(PAUSE_S)
            _connect(ready, port, key.data)


def _connect(ready: selectors.BaseSelector, port: int, request: bytes) -> None:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(request)
    ready.register(connection, selectors.EVENT_READ, request)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
