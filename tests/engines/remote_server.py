"""A server that speaks the Open Inference Protocol inside the test's process, and can be made to misbehave."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import onnxruntime
from tritonclient.grpc import service_pb2, service_pb2_grpc

from stylecam.models.model import Model
from stylecam.models.repository import ServedTensor, served_inputs, served_name, served_output
from stylecam.models.rewrite.server_form import server_form

TYPES = {"UINT8": np.uint8, "FP32": np.float32}


class FakeServer(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]
    """Has the networks `models`; each answers with the negative of the picture.

    Attributes:
        port: where it listens.
        inputs: what it takes by the network's name; a test may change it.
        versions: the versions of each network.
        token: the token it wants, or None.
        answer: makes the answer of the inputs by name.
        datatype: what it calls the answer.
        hold: while it is set, pictures wait.
        received: the inputs of each picture, by name.
    """

    def __init__(self, *models: Model) -> None:
        self.inputs = {served_name(model): list(served_inputs(model)) for model in models}
        self.versions = ["1"]
        self.token: str | None = None
        self.answer: Callable[[dict[str, Any]], Any] = lambda values: 255 - values["picture"]
        self.datatype = "UINT8"
        self.hold = threading.Event()
        self.received: list[dict[str, Any]] = []
        self.port = 0
        self._free = threading.Condition()

    def release(self) -> None:
        """Let the pictures go on that wait."""
        with self._free:
            self.hold.clear()
            self._free.notify_all()

    def ServerLive(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        self._check(context)
        return service_pb2.ServerLiveResponse(live=True)

    def ServerMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._check(context)
        return service_pb2.ServerMetadataResponse(name="fake", version="7")

    def ModelMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._check(context)
        if request.name not in self.inputs:
            context.abort(grpc.StatusCode.NOT_FOUND, f"no model {request.name}")
        return service_pb2.ModelMetadataResponse(
            name=request.name,
            versions=self.versions,
            inputs=[_described(each) for each in self.inputs[request.name]],
            outputs=[_described(served_output())],
        )

    def ModelInfer(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._check(context)
        values = {
            tensor.name: np.frombuffer(raw, TYPES[tensor.datatype]).reshape(tuple(tensor.shape))
            for tensor, raw in zip(request.inputs, request.raw_input_contents, strict=True)
        }
        self.received.append(values)
        with self._free:
            self._free.wait_for(lambda: not self.hold.is_set(), 10)
        painted = self.answer(values)
        output = service_pb2.ModelInferResponse.InferOutputTensor(
            name="painted", datatype=self.datatype, shape=painted.shape
        )
        return service_pb2.ModelInferResponse(
            model_name=request.model_name, outputs=[output], raw_output_contents=[painted.tobytes()]
        )

    def _check(self, context: Any) -> None:
        if self.token is not None and ("authorization", f"Bearer {self.token}") not in context.invocation_metadata():
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you?")


@contextlib.contextmanager
def serving(server: FakeServer, credentials: Any = None) -> Iterator[FakeServer]:
    """Serve on this computer while the block lasts, encrypted where there are `credentials`.

    A server that has been served before comes back at the same port.
    """
    running = grpc.server(ThreadPoolExecutor(8), options=[("grpc.max_receive_message_length", -1)])
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(server, running)
    if credentials is None:
        server.port = running.add_insecure_port(f"127.0.0.1:{server.port}")
    else:
        server.port = running.add_secure_port(f"127.0.0.1:{server.port}", credentials)
    running.start()
    try:
        yield server
    finally:
        stopped = running.stop(None)  # at once, with what is on its way
        server.release()
        stopped.wait(5)


def network(model: Model) -> Callable[[dict[str, Any]], Any]:
    """Return what makes the answers of a server that runs `model`, as `stylecam models export` writes it."""
    session = onnxruntime.InferenceSession(server_form(model), providers=["CPUExecutionProvider"])
    return lambda values: session.run(None, values)[0]


def _described(tensor: ServedTensor) -> Any:
    return service_pb2.ModelMetadataResponse.TensorMetadata(
        name=tensor.name, datatype=tensor.datatype, shape=tensor.shape
    )
