"""Call functions on the computers of a Ray cluster, as an executor of Python's `concurrent.futures`.

Ray (https://docs.ray.io, extra `cluster`) calls a function again when the process or the computer that ran it dies.
"""

from __future__ import annotations

import logging
import os
import pickle
import re
import socket
import warnings
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

from stylecam.errors import ClusterError, UsageError
from stylecam.utils.optional import error_summary, load
from stylecam.utils.version import __version__

_CONNECT_S = 5.0
"""Seconds in which the head of the cluster must answer."""
_Result = TypeVar("_Result")


class RayExecutor(Executor):
    """Calls functions on a Ray cluster, each on one core. Everything they take and return is pickled.

    A function is sent once, with what it is bound to, as `functools.partial` binds arguments; so bind what is large.
    Only the processes that call functions need stylecam, not the head of the cluster.
    """

    def __init__(self, address: str = "ray", *, gpus: int = 0) -> None:
        """Connect to the cluster.

        Args:
            address: `ray://HOST:PORT` of its head; `ray` for a new one of all cores of this computer, which ends with
                this object.
            gpus: how many graphics cards a function takes.

        Raises:
            UsageError: the address has another form.
            ClusterError: Ray is not installed, or no cluster answers.
        """
        host_and_port = _check_address(address)
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would report to its makers
        os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".*")  # and print on standard output what it mends itself
        self._ray = load("ray", purpose="--on ray", extra="cluster", error=ClusterError)
        if host_and_port is not None:
            _check_reachable(address, *host_and_port)
        logging.getLogger("ray").setLevel(logging.ERROR)
        quiet = {"logging_level": logging.ERROR, "log_to_driver": False}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                if host_and_port is None:
                    self._ray.init("local", include_dashboard=False, **quiet)
                else:
                    self._ray.init(address, **quiet)
            except (OSError, RuntimeError, ValueError, AssertionError, ImportError) as error:
                token = "; if it wants a token: RAY_AUTH_MODE=token RAY_AUTH_TOKEN=… stylecam" if host_and_port else ""
                raise ClusterError(f"{address} cannot be used: {error_summary(error)}{token}") from error
        self._call = self._ray.remote(num_cpus=1, num_gpus=gpus)(_portable_call())
        self._sent: dict[Callable[..., Any], Any] = {}

    @property
    def width(self) -> int:
        """How many calls are worth handing over at a time: two for every core, so that none waits for us."""
        return max(2, 2 * int(self._ray.cluster_resources().get("CPU", 0)))

    def submit(self, fn: Callable[..., _Result], /, *args: Any, **kwargs: Any) -> Future[_Result]:
        """Have `fn` called; what it raises on purpose is raised from the result, anything else as `ClusterError`."""
        result: Future[_Result] = Future()
        result.set_running_or_notify_cancel()
        try:
            if fn not in self._sent:
                self._sent[fn] = self._ray.put(pickle.dumps(fn))
            called = self._call.remote(self._sent[fn], pickle.dumps((args, kwargs)))
            called.future().add_done_callback(lambda ended: _settle(result, ended))
        except (ConnectionError, RuntimeError) as error:  # the head is gone
            result.set_exception(ClusterError(_reason(error)))
        return result

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster; calls that have not returned are given up."""
        self._sent.clear()
        self._ray.shutdown()


def _portable_call() -> Callable[[bytes, bytes], bytes]:
    """Return the function that is called in the cluster. An inner one is sent whole, not as the name of a module."""

    def call(function: bytes, arguments: bytes) -> bytes:
        from stylecam.errors import StylecamError

        args, kwargs = pickle.loads(arguments)
        try:
            return pickle.dumps((pickle.loads(function)(*args, **kwargs), None))
        except StylecamError as error:
            return pickle.dumps((None, error))

    return call


def _settle(result: Future[Any], ended: Future[Any]) -> None:
    """Give `result` what Ray's own future says. Whoever waits for it would wait forever if this raised."""
    try:
        value, error = pickle.loads(ended.result())
    except Exception as failure:  # noqa: BLE001 - of Ray, or of an answer that cannot be read here
        value, error = None, ClusterError(_reason(failure))
    if error is None:
        result.set_result(value)
    else:
        result.set_exception(error)


def _reason(error: BaseException) -> str:
    missing = re.search(r"No module named '([\w.]+)'", str(error))
    if missing:
        package = missing[1].partition(".")[0]
        exact = f"=={__version__}" if package == "stylecam" else ""
        return f"a computer of the cluster lacks {package}; run there: pip install {package}{exact}"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"the cluster gave up: {(lines or [type(error).__name__])[-1][:300]}"


def _check_address(address: str) -> tuple[str, int] | None:
    """Return host and port of `ray://HOST:PORT`, and None for `ray`."""
    if address == "ray":
        return None
    found = re.fullmatch(r"ray://(\[[0-9a-fA-F:]+\]|[^\s/:]+):(\d{1,5})", address)
    if found is None or not 0 < int(found[2]) < 65536:
        raise UsageError(f"--on {address[:60]!r} must be ray or ray://HOST:PORT, for example ray://192.168.1.10:10001")
    return found[1].strip("[]"), int(found[2])


def _check_reachable(address: str, host: str, port: int) -> None:
    """Check that something listens there, for Ray itself would go on trying for half a minute."""
    try:
        socket.create_connection((host, port), _CONNECT_S).close()
    except OSError as error:
        raise ClusterError(
            f"{address} does not answer ({error.strerror or error}); start the head there with: ray start --head"
        ) from error
    load("grpc", purpose="--on ray://", extra="cluster", error=ClusterError)
