"""Tests of the executor that is a Ray cluster: bad addresses, and a real cluster where Ray is installed."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from stylecam.errors import ClusterError, SourceUnreadableError, UsageError
from stylecam.utils import optional, ray_executor
from stylecam.utils.ray_executor import RayExecutor


@pytest.mark.parametrize(
    "address", ["", "rays", "ray://", "ray://host", "ray://host:0", "ray://host:99999", "http://h:1"]
)
def test_an_address_of_another_form_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match=r"must be ray or ray://HOST:PORT, for example ray://"):
        RayExecutor(address)


def test_without_ray_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optional, "is_installed", lambda _: False)
    with pytest.raises(ClusterError, match=r'needs Ray, not installed here; run: pip install "stylecam\[cluster\]"'):
        RayExecutor("ray")


def test_a_head_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_executor, "load", lambda *_, **__: None)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # nobody listens
        address = f"ray://127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(ClusterError, match=f"{address} does not answer .*ray start --head"):
            RayExecutor(address)


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        ("X\n  at y\nNo module named 'stylecam.stylize'", "lacks stylecam; run there: pip install stylecam=="),
        ("a\nb\n\n  the node died\n", "the cluster gave up: the node died"),
        ("", "the cluster gave up: RuntimeError"),
    ],
)  # fmt: skip
def test_what_ray_says_in_many_lines_becomes_one(failure: str, message: str) -> None:
    line = ray_executor._reason(RuntimeError(failure))
    assert message in line
    assert "\n" not in line


def test_an_answer_that_cannot_be_read_is_an_error_and_not_waited_for() -> None:
    ended, result = Future[bytes](), Future[object]()
    ended.set_result(b"no pickle")
    ray_executor._settle(result, ended)
    with pytest.raises(ClusterError, match="the cluster gave up"):
        result.result(0)


def refuse(name: str) -> None:
    raise SourceUnreadableError(f"{name} cannot be read")


def die_once(folder: Path) -> str:
    """Kill the process that this runs in, but only the first time."""
    mark = folder / "died"
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def lack() -> None:
    raise ModuleNotFoundError("No module named 'cv2'", name="cv2")


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayExecutor]:
    if not optional.is_installed("ray"):  # imported here, it would not see what RayExecutor tells it before its import
        pytest.skip('needs Ray: pip install "stylecam[cluster]"')
    if sys.platform == "win32":
        pytest.skip("needs kill -9")
    with RayExecutor("ray") as executor:
        yield executor


@pytest.mark.system
@pytest.mark.filterwarnings("ignore")  # of Ray's own threads and files
def test_a_real_cluster_calls_again_what_died_and_passes_errors_on(
    cluster: RayExecutor, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    killed, refused = cluster.submit(die_once, tmp_path), cluster.submit(refuse, "a.mp4")
    assert killed.result(60) == "done"
    assert (tmp_path / "died").exists()
    with pytest.raises(SourceUnreadableError, match=r"a\.mp4 cannot be read"):
        refused.result(60)
    with pytest.raises(ClusterError, match="a computer of the cluster lacks cv2; run there: pip install cv2"):
        cluster.submit(lack).result(60)
    assert cluster.width >= 2
    assert capfd.readouterr().out == ""
