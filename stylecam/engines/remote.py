"""Run networks on a server that speaks the Open Inference Protocol v2 over gRPC: Triton, OpenVINO Model Server, KServe.

The server has the networks from `stylecam.models.repository`. Pictures travel as uint8.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, cast

import cv2
import numpy as np

from stylecam.engines.base import Engine, ExtraInputs, InferenceSession, Mask, StyleInput, check_mask
from stylecam.engines.names import REMOTE
from stylecam.engines.remote_call import RemoteCall
from stylecam.engines.remote_link import DEADLINE_S, RemoteLink
from stylecam.engines.remote_target import RemoteTarget
from stylecam.errors import EngineError, EngineLostError, EngineRunError, EngineUnavailableError
from stylecam.media.frame import Image, Size
from stylecam.media.transforms import Tensor, to_image, to_tensor
from stylecam.models.model import Model
from stylecam.models.repository import VERSION, served_inputs, served_name, served_output
from stylecam.models.rewrite.server_form import PAINTED, PERSON, PICTURE
from stylecam.utils.clock import Clock, SystemClock
from stylecam.utils.optional import load
from stylecam.utils.text import format_shape

ASK_S = 1.0
"""The longest that a question without a picture waits for its answer, in seconds."""
RUN_S = 20.0
"""The longest that a picture is waited for where nobody else decides: a server may have to compile for a new size."""
SPEED_SIZE = Size(480, 272)
SPEED_RUNS = 4
"""The number of runs of which the shortest counts; the first may compile."""
SPEED_S = 1.5
"""No further run begins after this long, in seconds: nothing is painted meanwhile."""
_CHANNEL = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 100),  # gRPC's own is a second, and grows to two minutes
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.enable_http_proxy", 0),
]
_LOST = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "UNAUTHENTICATED", "PERMISSION_DENIED")
"""The gRPC codes that say nothing about the network that was asked for."""
_MISTAKES = (
    ("CERTIFICATE_VERIFY_FAILED", "its certificate is not one to trust; name the authority's file with --remote-ca"),
    ("Hostname Verification", "its certificate is for another host name"),
    ("not in peer certificate", "its certificate is for another host name"),
    ("WRONG_VERSION_NUMBER", "it does not encrypt; use grpc:// in --remote"),
    ("UNAUTHENTICATED", "it wants a valid --remote-token"),
    ("PERMISSION_DENIED", "it does not allow this; it may want another --remote-token"),
)
"""What gRPC says where waiting does not help, and what that means."""
_REASONS = (
    *_MISTAKES,
    ("SSL", "the encrypted connection could not be made"),
    ("handshake", "the encrypted connection could not be made"),
    ("Connection refused", "nothing listens there"),
    ("resolving", "there is no host of that name"),
    ("No route to host", "there is no way to it"),
    ("Network is unreachable", "there is no network"),
    ("DEADLINE_EXCEEDED", "it does not answer"),
    ("Connection reset", "the connection broke"),
    ("Socket closed", "the connection broke"),
    ("Broken pipe", "the connection broke"),
)
"""What gRPC says, and what that means."""


class RemoteEngine(Engine):
    """A server that runs networks. Nothing is sent before the first question.

    Attributes:
        target: where it is.
        link: whether frames may go there now.
        latest: the session that sent the last frame; None before.
        mistake: why it does not let this computer in, with what to do, where waiting does not help; else None.
    """

    name = REMOTE

    def __init__(self, target: RemoteTarget, clock: Clock | None = None) -> None:
        """Prepare a connection to `target`.

        Raises:
            EngineUnavailableError: the client's library is not installed.
        """
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # it would print on standard error what is reported here
        library = load("tritonclient.grpc", purpose=f"--engine {REMOTE}", extra=REMOTE, error=EngineUnavailableError)
        self.target = target
        self.device = target.place
        self.version = target.place
        self._library = library
        self._clock = clock or SystemClock()
        self.link = RemoteLink(self._clock)
        self.latest: RemoteSession | None = None
        self.mistake: str | None = None
        self._headers = {"authorization": f"Bearer {target.token}"} if target.token is not None else None
        self._client = library.InferenceServerClient(
            target.place,
            ssl=target.secure,
            root_certificates=None if target.certificates is None else str(target.certificates),
            channel_args=_CHANNEL,
        )
        self._answered = threading.Condition()
        self._versions: dict[str, str] = {}

    def ping(self, timeout_s: float = ASK_S) -> float:
        """Return how long a question and an answer of a few bytes take, in seconds.

        Raises:
            EngineLostError: there was no answer, or not the one of a server that is ready.
        """
        began = self._clock.now()
        if not self._ask(self._client.is_server_live, timeout_s):
            raise EngineLostError(f"{self.device} is not ready")
        return self._clock.now() - began

    def connect(self, timeout_s: float = ASK_S) -> None:
        """Learn what the server is, for `version`, and forget which networks it had.

        Raises:
            EngineLostError: there was no answer.
            EngineRunError: it does not speak the protocol.
        """
        about = self._ask(self._client.get_server_metadata, timeout_s)
        self.version = f"{about.name} {about.version} on {self.device}"
        self._versions.clear()

    def look_after(self) -> None:
        """Measure the distance of a server that is up, and try one that is down once its pause is over.

        It goes back up once it paints a grey picture, of the size of the last frame, in time. A thread of its own calls
        this now and then.
        """
        if not self.link.up and not self.link.retry_due:
            return
        try:
            if not self.link.up:
                self.connect()
            self.link.pinged(self.ping())
            if not self.link.up and self.latest is not None:
                self.latest.rehearse()
                if (took_s := self.latest.rehearse()) > DEADLINE_S:
                    raise EngineLostError(f"the server {self.device} takes {took_s * 1000:.0f} ms for a picture")
        except EngineError as error:
            if isinstance(error, EngineRunError):  # the next try does without this network
                self.latest = None
            self.link.lost(str(error))
        else:
            if not self.link.up:
                self.link.returned()

    def session(self, model: Model, width: int, height: int) -> InferenceSession:
        """See `Engine.session`. The server is asked whether it has the network.

        Raises:
            EngineLostError: the server is gone.
            EngineRunError: it lacks the network, or has another one of that name.
        """
        return RemoteSession(self, model, width, height, self._version_of(model))

    def speed(self, model: Model) -> float:
        """Return how many milliseconds the server and the network take for a megapixel of `model`.

        Raises:
            EngineError: the server is gone, or cannot paint this.
        """
        width, height = SPEED_SIZE
        session = self.session(model, width, height)
        picture, rows = np.full((height, width, 3), 128, np.uint8), model.rows(model.one_hot(), height)
        took: list[float] = []
        while len(took) < SPEED_RUNS and sum(took) < SPEED_S:
            began = self._clock.now()
            session.stylize(picture, rows)
            took.append(self._clock.now() - began)
        return max(0.0, min(took) - self.link.distance_s) * 1000 / (width * height / 1e6)

    def wait(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until an answer has made `condition` true, at most `timeout_s`; return whether it is."""
        with self._answered:
            return self._answered.wait_for(condition, timeout_s)

    def close(self) -> None:
        """Give up what is still on its way."""
        self._client.close()

    def send(self, model: Model, version: str, inputs: list[Any], read: Callable[[Any], Image]) -> RemoteCall:
        """Send a picture to be painted by `model`; it does not wait. `read` makes a picture of the answer."""
        call = RemoteCall(self._clock.now(), read)

        def answered(result: Any, error: Any) -> None:
            failure = None if error is None else self._failure(error)
            with self._answered:
                call.answer(self._clock.now(), result, failure)
                self._answered.notify_all()

        try:
            sent = self._client.async_infer(
                served_name(model), inputs, answered, model_version=version, client_timeout=RUN_S,
                headers=self._headers,
            )  # fmt: skip
        except (self._library.InferenceServerException, ValueError) as error:  # the channel is closed
            raise EngineLostError(f"{self.device} cannot be asked: {error}") from error
        call.cancels_by(sent.cancel)
        return call

    def now(self) -> float:
        """Return the time in clock seconds."""
        return self._clock.now()

    def input(self, name: str, values: Any, datatype: str) -> Any:
        """Return an input of a request that holds the array `values`."""
        made = self._library.InferInput(name, list(values.shape), datatype)
        made.set_data_from_numpy(values)
        return made

    def _version_of(self, model: Model) -> str:
        """Return the version to ask for; the server is asked once for each network."""
        version = self._versions.get(model.key)
        if version is None:
            name = served_name(model)
            remedy = "give it this version's: stylecam models export DIR"
            try:
                about = self._ask(self._client.get_model_metadata, ASK_S, name)
            except EngineRunError as error:
                raise EngineRunError(f"{self.device} has no network {name}; {remedy}") from error
            self._versions[model.key] = version = self._checked(model, about, remedy)
        return version

    def _checked(self, model: Model, about: Any, remedy: str) -> str:
        name = served_name(model)
        if about.versions and VERSION not in about.versions:
            others = ", ".join(about.versions)
            raise EngineRunError(f"{self.device} has version {others} of {name} and not {VERSION}; {remedy}")
        expected = {each.name: each for each in (*served_inputs(model), served_output())}
        found = {each.name: each for each in (*about.inputs, *about.outputs)}
        for tensor in expected.values():
            other = found.get(tensor.name)
            if other is None or other.datatype != tensor.datatype or not _fits(tuple(other.shape), tensor.shape):
                is_there = f"{other.datatype} {format_shape(tuple(other.shape))}" if other is not None else "nothing"
                raise EngineRunError(
                    f"{name} on {self.device} has for {tensor.name!r} {is_there} in place of {tensor.datatype} "
                    f"{format_shape(tensor.shape)}; {remedy}"
                )
        return VERSION if about.versions else ""

    def _ask(self, question: Callable[..., Any], timeout_s: float, *words: str) -> Any:
        try:
            return question(*words, headers=self._headers, client_timeout=timeout_s)
        except (self._library.InferenceServerException, ValueError) as error:
            failure = self._failure(error)
            if isinstance(failure, EngineLostError):
                self.link.lost(str(failure))
            raise failure from error

    def _failure(self, error: Exception) -> EngineLostError | EngineRunError:
        """Return the client's exception as one of ours."""
        status = getattr(error, "status", lambda: None)() or ""
        text = f"{status} {error}"
        if not isinstance(error, self._library.InferenceServerException) or any(code in status for code in _LOST):
            reason = next((meaning for sign, meaning in _REASONS if sign in text), _first_line(error))
            message = f"the server {self.device} cannot be used: {reason}"
            self.mistake = message if any(reason == meaning for _, meaning in _MISTAKES) else None
            return EngineLostError(message)
        return EngineRunError(f"the server {self.device} refuses: {_first_line(error)}")


class RemoteSession(InferenceSession):
    """A network on a server, for pictures of one size."""

    def __init__(self, engine: RemoteEngine, model: Model, width: int, height: int, version: str) -> None:
        """Prepare for pictures of `width`×`height`; `version` is that of the network on the server."""
        self._engine, self._model, self._version = engine, model, version
        self._width, self._height = width, height
        self._right, self._bottom = -width % model.alignment, -height % model.alignment
        self._extra = ExtraInputs(model, width + self._right, height + self._bottom)
        self._kept: dict[str, Any] = {}

    def rehearse(self) -> float:
        """Have a grey picture painted like the last one, and return how long that took, in seconds.

        Raises:
            EngineLostError: the server is gone.
            EngineRunError: it cannot paint this.
        """
        began, picture = self._engine.now(), np.full((self._height, self._width, 3), 128, np.uint8)
        self._wait_for(self._send(picture, None))
        return self._engine.now() - began

    def send(
        self, image: Image, style: StyleInput, origin: tuple[int, int] = (0, 0), mask: Mask | None = None
    ) -> RemoteCall:
        """Send a picture to be painted, and do not wait; the arguments are those of `stylize`.

        Raises:
            EngineLostError: the connection was closed.
            EngineRunError: the mask is none of this picture.
        """
        for name, values in self._extra.changed(style, origin).items():
            if name != "mask":
                self._kept[name] = self._engine.input(name, np.ascontiguousarray(values), "FP32")
        self._engine.latest = self
        return self._send(image, mask)

    def _send(self, image: Image, mask: Mask | None) -> RemoteCall:
        picture = self._enlarged(image)
        inputs = [self._engine.input(PICTURE, picture[None], "UINT8"), *self._kept.values()]
        if self._model.takes_mask:
            inputs.append(self._engine.input(PERSON, self._person(mask, picture.shape[:2])[None, None], "UINT8"))
        return self._engine.send(self._model, self._version, inputs, self._read)

    def stylize(
        self, image: Image, style: StyleInput, origin: tuple[int, int] = (0, 0), mask: Mask | None = None
    ) -> Image:
        """See `InferenceSession.stylize`.

        Raises:
            EngineLostError: the server is gone.
            EngineRunError: it cannot paint this.
        """
        return self._wait_for(self.send(image, style, origin, mask))

    def run(
        self, image: Tensor, style: StyleInput, origin: tuple[int, int] = (0, 0), mask: Mask | None = None
    ) -> Tensor:
        """See `InferenceSession.run`; the values are rounded to 256 levels."""
        return to_tensor(self.stylize(to_image(image), style, origin, mask))

    def _wait_for(self, call: RemoteCall) -> Image:
        try:
            if not self._engine.wait(lambda: call.done, RUN_S + 1):
                call.cancel()
                raise EngineLostError(f"the server {self._engine.device} cannot be used: it does not answer")
            return call.result()
        except EngineLostError as error:
            self._engine.link.lost(str(error))
            raise

    def _read(self, answer: Any) -> Image:
        """Return the picture in the client's `answer`; raises EngineRunError if there is none of the right size.

        The message is the same for every size, so that it is shown once.
        """
        described = answer.get_output(PAINTED)
        if described is None or described.datatype != "UINT8":
            found = f"no {PAINTED!r}" if described is None else str(described.datatype)
            raise EngineRunError(f"the server {self._engine.device} answered {found} where UINT8 was expected")
        try:  # the client fails in many ways at what is no numbers
            painted = answer.as_numpy(PAINTED)
        except ValueError:  # its bytes are not those of its shape
            painted = None
        expected = (1, self._height + self._bottom, self._width + self._right, 3)
        if painted is None or painted.shape != expected or painted.dtype != np.uint8:
            raise EngineRunError(
                f"the server {self._engine.device} answered a picture of another size than the one it was sent"
            )
        return np.array(painted[0, : self._height, : self._width])

    def _enlarged(self, image: Image) -> Image:
        if not (self._right or self._bottom):
            return np.ascontiguousarray(image)
        return cast(Image, cv2.copyMakeBorder(image, 0, self._bottom, 0, self._right, cv2.BORDER_REFLECT_101))

    def _person(self, mask: Mask | None, shape: tuple[int, ...]) -> Mask:
        if mask is None:
            return np.full(shape, 255, np.uint8)
        check_mask(mask, self._width, self._height)
        return self._enlarged(mask)


def _fits(shape: tuple[int, ...], expected: tuple[int, ...]) -> bool:
    """Return whether a tensor on the server takes all that is sent: a side of any length must be free."""
    return len(shape) == len(expected) and all(
        there == -1 or there == here for there, here in zip(shape, expected, strict=True)
    )


def _first_line(error: Exception) -> str:
    message = getattr(error, "message", lambda: None)() or str(error)
    return " ".join(str(message).split())[:200] or type(error).__name__
