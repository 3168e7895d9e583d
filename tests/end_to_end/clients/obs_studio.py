"""A real OBS Studio with files of its own, controlled by obs-websocket."""

from __future__ import annotations

import asyncio
import base64
import configparser
import subprocess
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import simpleobsws

from stylecam.media.frame import Image, Size
from tests.end_to_end.outside import HOST, PATIENCE_S, decoded, environment, wait_for

PASSWORD = "a:pass/word@of the tests?"
SIZE = Size(640, 360)
"""The canvas: small, because the pictures are composed by the processor."""
FPS = 30
_LAST_VERSION = 29 << 24
"""What OBS notes after its first start; without it, OBS asks questions."""


class ObsRequestError(AssertionError):
    """OBS refused a request; the text has its reason."""


class ObsStudio:
    """OBS in an X display, with its own settings; it can be started and killed repeatedly.

    Attributes:
        log: what OBS writes to its standard output.
    """

    def __init__(self, program: str, display: str, folder: Path, port: int) -> None:
        """Write the settings for the OBS at `program` below `folder`; its WebSocket will listen on `port`."""
        self._program, self._port = program, port
        kept = {key: value for key, value in environment(folder).items() if not key.startswith("QT_")}  # cv2 sets some
        self._environment = kept | {
            "DISPLAY": display,
            "QT_QPA_PLATFORM": "xcb",
            "LIBGL_ALWAYS_SOFTWARE": "1",
        }
        self.log = folder / "obs.txt"
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: _Connection | None = None
        _write_settings(Path(self._environment["XDG_CONFIG_HOME"]) / "obs-studio", port)

    @property
    def address(self) -> str:
        """The address for `stylecam run --obs`, with the password."""
        return f"ws://:{quote(PASSWORD, safe='')}@{HOST}:{self._port}"

    def start(self) -> None:
        """Start OBS and wait until its WebSocket server answers."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "--multi"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._connection = wait_for("OBS's WebSocket server", self._connect)

    def kill(self) -> None:
        """Kill OBS, as a crash would; its scenes of this moment are lost. May be called twice."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._process is not None:
            self._process.kill()
            self._process.wait(PATIENCE_S)
            self._process = None

    def call(self, request: str, **data: Any) -> dict[str, Any]:
        """Send a request of obs-websocket 5 and return the data of its answer.

        Raises:
            ObsRequestError: OBS refuses it.
        """
        assert self._connection is not None, "OBS is not running"
        return self._connection.call(request, data)

    def create_scene(self, name: str) -> None:
        """Create an empty scene. One of this name that was just removed may live on for a moment in a transition."""

        def create() -> bool:
            try:
                self.call("CreateScene", sceneName=name)
            except ObsRequestError:
                return False
            return True

        wait_for(f"a new scene {name}", create)

    def picture(self, source: str, size: Size = SIZE) -> Image:
        """Return what `source` or a scene of this name shows now, scaled to `size`; black while it shows nothing."""
        request = {"sourceName": source, "imageFormat": "png", "imageWidth": size.width, "imageHeight": size.height}
        try:
            answer = self.call("GetSourceScreenshot", **request)
        except ObsRequestError:  # it has no size yet
            return np.zeros((size.height, size.width, 3), np.uint8)
        return decoded(base64.b64decode(answer["imageData"].partition(",")[2]))

    def _connect(self) -> _Connection | None:
        assert self._process is not None
        assert self._process.poll() is None, f"OBS ended: {self.log.read_text('utf-8', 'replace')[-2000:]}"
        try:
            return _Connection(f"ws://{HOST}:{self._port}")
        except OSError:
            return None


class _Connection:
    """A connection to obs-websocket; its event loop has a thread of its own, beside Playwright's."""

    def __init__(self, url: str) -> None:
        """Connect.

        Raises:
            OSError: nobody listens there.
        """
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="obs-connection", daemon=True)
        self._thread.start()
        self._client = simpleobsws.WebSocketClient(url, PASSWORD)
        try:
            self._run(self._client.connect())
            assert self._run(self._client.wait_until_identified(PATIENCE_S)), "OBS does not accept the password"
        except BaseException:
            self._end_loop()
            raise

    def call(self, request: str, data: dict[str, Any]) -> dict[str, Any]:
        answer = self._run(self._client.call(simpleobsws.Request(request, data), PATIENCE_S))
        if not answer.ok():
            raise ObsRequestError(f"OBS refused {request} {data}: {answer.requestStatus}")
        return answer.responseData or {}

    def close(self) -> None:
        self._run(self._client.disconnect())
        self._end_loop()

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(2 * PATIENCE_S)

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()


def _write_settings(folder: Path, port: int) -> None:
    """Write settings with which OBS starts without a question, a small canvas and the WebSocket server on."""
    _write_ini(
        folder / "global.ini",
        {
            "General": {"FirstRun": "true", "LastVersion": _LAST_VERSION, "EnableAutoUpdates": "false"},
            "OBSWebSocket": {
                "FirstLoad": "false",
                "ServerEnabled": "true",
                "ServerPort": port,
                "AuthRequired": "true",
                "ServerPassword": PASSWORD,
                "AlertsEnabled": "false",
            },
            "Basic": {
                "Profile": "Tests",
                "ProfileDir": "Tests",
                "SceneCollection": "Tests",
                "SceneCollectionFile": "Tests",
            },
        },
    )
    _write_ini(
        folder / "basic" / "profiles" / "Tests" / "basic.ini",
        {
            "General": {"Name": "Tests"},
            "Video": {
                "BaseCX": SIZE.width,
                "BaseCY": SIZE.height,
                "OutputCX": SIZE.width,
                "OutputCY": SIZE.height,
                "FPSType": 0,
                "FPSCommon": FPS,
            },
        },
    )


def _write_ini(path: Path, sections: dict[str, dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    ini = configparser.RawConfigParser()
    ini.optionxform = str  # type: ignore[assignment, method-assign]
    ini.read_dict(sections)
    with path.open("w", encoding="utf-8") as file:
        ini.write(file, space_around_delimiters=False)
    path.chmod(0o600)  # it has a password
