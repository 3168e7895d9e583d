"""An executor without processes, for tests of what is handed out to a cluster."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

from stylecam.errors import ClusterError


class InlineExecutor(Executor):
    """Calls each function, a `functools.partial`, at once; after `limit` calls the cluster fails."""

    width = 2

    def __init__(self, limit: int = 1000, failure: BaseException | None = None) -> None:
        self.limit, self.failure = limit, failure or ClusterError("the head is gone")
        self.called: list[str] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        result: Future[Any] = Future()
        self.called.append(fn.func.__name__)  # type: ignore[attr-defined]
        try:
            if len(self.called) > self.limit:
                raise self.failure
            result.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - as executors do
            result.set_exception(error)
        return result
