"""NVIDIA Triton, as the package nvidia-pytriton brings it, with the networks that `stylecam models export` writes.

That package has Triton's Python backend only, so a few lines beside each network run it with ONNX Runtime, as Triton's
own backend does. The environment in the variable STYLECAM_TRITON has been made with:

    python -m venv DIR && DIR/bin/pip install "numpy<2" onnxruntime && DIR/bin/pip install --no-deps nvidia-pytriton

(Triton's Python backend gives back empty results with NumPy 2.)
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.doubles import until

NETWORK_PY = """\
import os

import onnxruntime
import triton_python_backend_utils as utils


class TritonPythonModel:
    def initialize(self, args):
        path = os.path.join(args["model_repository"], args["model_version"], "model.onnx")
        self._session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        self._names = [each.name for each in self._session.get_inputs()]

    def execute(self, requests):
        return [self._answer(request) for request in requests]

    def _answer(self, request):
        values = {name: utils.get_input_tensor_by_name(request, name).as_numpy() for name in self._names}
        painted = self._session.run(None, values)[0]
        return utils.InferenceResponse([utils.Tensor("painted", painted)])
"""


@contextlib.contextmanager
def triton(environment: Path, repository: Path) -> Iterator[int]:
    """Run Triton of `environment` on the networks of `repository` while the block lasts; its port for gRPC."""
    for config in repository.glob("*/config.pbtxt"):
        config.write_text(config.read_text().replace('"onnxruntime"', '"python"'))
        (config.parent / "1" / "model.py").write_text(NETWORK_PY)
    packages = next(environment.glob("lib/python3*/site-packages"))
    home = packages / "pytriton" / "tritonserver"
    backends = repository.parent / "backends"
    shutil.copytree(home / "backends", backends)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = home / "python_backend_stubs" / version / "triton_python_backend_stub"
    shutil.copy(stub, backends / "python")
    ports = [_free_port(), _free_port()]
    server = subprocess.Popen(
        [home / "bin" / "tritonserver", "--model-repository", repository, "--backend-directory", backends,
         "--grpc-address", "127.0.0.1", "--grpc-port", str(ports[0]), "--http-address", "127.0.0.1",
         "--http-port", str(ports[1]), "--allow-metrics", "false", "--exit-timeout-secs", "2"],
        env={**os.environ, "LD_LIBRARY_PATH": str(packages / "nvidia_pytriton.libs"),
             "PATH": f"{environment / 'bin'}:{os.environ['PATH']}", "VIRTUAL_ENV": str(environment)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert until(lambda: server.poll() is not None or _answers(ports[0]), 60)
        assert server.poll() is None, "Triton has ended"
        yield ports[0]
    finally:
        server.kill()
        server.wait(10)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0
