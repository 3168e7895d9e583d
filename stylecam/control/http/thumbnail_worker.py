"""Render thumbnails for `stylecam.control.http.thumbnails` in a process of its own.

The process reads requests from standard input, each a line of JSON followed by the picture's bytes, and answers on
standard output with a line of JSON followed by a JPEG. It uses one thread with the lowest priority. It is separate
because OpenCV has one thread pool per process, where a thumbnail would delay the frames of the live picture.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np
import psutil

from stylecam.engines.base import SessionCache
from stylecam.engines.opencv import OpenCVEngine
from stylecam.errors import StylecamError
from stylecam.media.frame import Image
from stylecam.media.transforms import pad_by_reflection
from stylecam.models.model import Model
from stylecam.models.rewrite.row_input import row_form

RIM = 8
"""The padding of the live picture, so that both look alike."""
JPEG_QUALITY = 84
NICENESS = 12
"""Of the process: painting comes first, but on a busy computer 19 left the gallery empty for minutes."""
SHARE = 2 / 3
"""Pictures are painted larger than they are shown: in a tiny one, strokes of the usual size would cover a face."""
MAX_SESSIONS = 4


class ThumbnailWorker:
    """Styles pictures whose sides are multiples of 8; recently used networks stay loaded."""

    def __init__(self) -> None:
        self._sessions = SessionCache(OpenCVEngine("cpu"), MAX_SESSIONS)
        self._read_model = lru_cache(MAX_SESSIONS)(lambda path: row_form(Model.read(path)))

    def render(self, path: str, values: Sequence[float], image: Image) -> bytes:
        """Style `image` (H×W×3 uint8 BGR) with the network in `path` and a style's `values`; return a JPEG.

        Raises:
            ModelFormatError: the file is not a network any more.
            EngineRunError: OpenCV cannot run it.
        """
        padded = pad_by_reflection(image, RIM)
        model = self._read_model(Path(path))
        session = self._sessions.get(model, padded.shape[1], padded.shape[0])
        style = model.style_input(np.array(values, np.float32), min(image.shape[:2]))
        painted = session.stylize(padded, style)[RIM:-RIM, RIM:-RIM]
        small = cv2.resize(painted, None, fx=SHARE, fy=SHARE, interpolation=cv2.INTER_AREA)
        _, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        return data.tobytes()


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer requests until standard input is closed."""
    worker = ThumbnailWorker()
    while line := requests.readline():
        request: dict[str, Any] = json.loads(line)
        width, height = request["size"]
        data = requests.read(width * height * 3)
        if len(data) < width * height * 3:
            return
        image = np.frombuffer(data, np.uint8).reshape(height, width, 3)
        try:
            jpeg = worker.render(request["path"], request["values"], image)
            answer: dict[str, Any] = {"bytes": len(jpeg)}
        except StylecamError as error:
            jpeg, answer = b"", {"error": str(error)}
        answers.write(json.dumps(answer).encode() + b"\n" + jpeg)
        answers.flush()


def main() -> None:
    """Run the process."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # so that what libraries print is not taken for an answer
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the main process, which then ends this one
    # It stays in the session of the main process, as Linux compares niceness within one session only (autogroups).
    with contextlib.suppress(OSError, psutil.Error):
        psutil.Process().nice(psutil.IDLE_PRIORITY_CLASS if sys.platform == "win32" else NICENESS)
    cv2.setNumThreads(1)
    with contextlib.suppress(BrokenPipeError):
        serve(sys.stdin.buffer, answers)
