"""Whole runs with real networks that are broken on purpose: no bare camera picture, and a notice while it lasts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper, numpy_helper

from stylecam.live.session import Session
from stylecam.live.settings import Settings
from stylecam.media.frame import Frame, Size
from stylecam.media.sinks.base import Sink
from stylecam.media.testing import ScriptedSource
from stylecam.models.catalog import Catalog
from stylecam.utils.clock import SystemClock
from tests.doubles import until
from tests.live.fault_fixtures import RAW_LIMIT, camera_picture, camera_share
from tests.live.fixtures import SIZE
from tests.models.networks import write_network


class WatchingSink(Sink):
    """Notes how much camera picture each frame shows."""

    name = "watching"

    def __init__(self) -> None:
        super().__init__()
        self.shares: list[float] = []

    def _open(self, size: Size, fps: float) -> None:
        pass

    def _write(self, frame: Frame) -> None:
        self.shares.append(camera_share(frame.image))

    def _close(self) -> None:
        pass


def constant(name: str, value: Any) -> Any:
    return numpy_helper.from_array(np.asarray(value, np.float32), name)


def flat(folder: Path, name: str, level: float) -> None:
    """Write a network that paints one grey level."""
    nodes = [
        helper.make_node("Mul", ["image", "zero"], ["none"]),
        helper.make_node("Add", ["none", "level"], ["styled"]),
    ]
    shape = (1, 3, 1, 1)
    write_network(
        folder / f"{name}.onnx", nodes, [constant("zero", np.zeros(shape)), constant("level", np.full(shape, level))]
    )


def nan_where_dark(folder: Path) -> None:
    """Write a network that passes its warm-up on even grey and gives NaN for the dark parts of frames."""
    nodes = [
        helper.make_node("Sub", ["image", "dark"], ["shifted"]),
        helper.make_node("Sqrt", ["shifted"], ["root"]),
        helper.make_node("Mul", ["root", "some"], ["styled"]),
    ]
    shape = (1, 3, 1, 1)
    constants = [constant("dark", np.full(shape, 0.3)), constant("some", np.full(shape, 0.1))]
    write_network(folder / "nan.onnx", nodes, constants)


def half_size(folder: Path) -> None:
    """Write a network that returns the camera picture itself, at half the size."""
    pool = helper.make_node("MaxPool", ["image"], ["styled"], kernel_shape=[2, 2], strides=[2, 2])
    write_network(folder / "half.onnx", [pool])


def one_size(folder: Path) -> None:
    """Write a network that returns the camera picture itself, and runs at one size that stylecam never uses."""
    nodes = [helper.make_node("Add", ["image", "zeros"], ["styled"])]
    write_network(folder / "fixed.onnx", nodes, [constant("zeros", np.zeros((1, 3, 40, 48)))])


class Run:
    """A session that runs on a thread of its own."""

    def __init__(self, folder: Path) -> None:
        flat(folder, "good", 0.2)
        for write in (nan_where_dark, half_size, one_size):
            write(folder)
        clock = SystemClock()
        self.sink = WatchingSink()
        self.settings = Settings(
            style="good", size=SIZE, engine="opencv", hotkeys=False, server=False, terminal_keys=False, always_on=True
        )
        source = ScriptedSource([camera_picture(number) for number in range(4)] * 5000, clock)
        self.session = Session(
            self.settings, Catalog.load([folder]), clock, source=source, sinks=[self.sink], reload=lambda: self.settings
        )

    def command(self, text: str) -> int:
        """Carry a command out; return how many frames had been written when its future ended."""
        self.session.control.submit(text).result(20)
        return len(self.sink.shares)

    def largest_share(self, since: int, count: int = 8) -> float:
        """Return the largest share of the camera picture in the next `count` frames at least, from frame `since` on."""
        enough = len(self.sink.shares) + count
        assert until(lambda: len(self.sink.shares) >= enough)
        return max(self.sink.shares[since:])

    def described(self) -> dict[str, Any]:
        return self.session.describe(self.session.control.state)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    run = Run(tmp_path)
    with run.session as session:
        running = threading.Thread(target=session.run)
        running.start()
        assert until(lambda: run.described()["publishing"] == "painted")
        yield run
        session.interrupt()
        running.join()
    assert run.sink.shares[-1] < RAW_LIMIT


@pytest.mark.parametrize("broken", ["nan", "half", "fixed"])
def test_a_broken_network_lets_the_style_before_go_on_and_everybody_is_told(run: Run, broken: str) -> None:
    since = run.command(f"select:{broken}")
    assert until(lambda: run.described()["notice"] is not None)
    assert run.largest_share(since) < RAW_LIMIT
    assert until(lambda: run.described()["publishing"] == "painted")
    assert run.described()["notice"].startswith(f"{broken} cannot be painted")
    report = run.session.report().to_json()
    assert report["painting_trouble"] == report["notice"]
    assert run.session.report().pipeline.frames.faults.by_kind["engine"] > 0
    run.command("select:good")
    assert until(lambda: run.described()["notice"] is None)
    assert max(run.sink.shares) < RAW_LIMIT


@pytest.mark.parametrize("broken", ["nan", "half", "fixed"])
def test_from_the_plain_camera_a_broken_network_shows_no_camera_picture(run: Run, broken: str) -> None:
    run.command("select:none")
    assert until(lambda: run.sink.shares[-1] > 0.9)
    assert run.described()["publishing"] == "raw"
    since = run.command(f"select:{broken}")
    assert until(lambda: run.described()["notice"] is not None)
    assert run.largest_share(since) < RAW_LIMIT


@pytest.mark.parametrize("there_and_back", [("bypass", "bypass"), ("strength:0", "strength:1")])
def test_when_the_future_of_a_command_has_ended_no_camera_picture_is_published_any_more(
    run: Run, there_and_back: tuple[str, str]
) -> None:
    there, back = there_and_back
    for _ in range(15):
        run.command(there)
        assert until(lambda: run.sink.shares[-1] > 0.9)
        assert run.largest_share(run.command(back), 3) < RAW_LIMIT


def test_when_a_panic_has_begun_no_camera_picture_is_published_any_more(run: Run) -> None:
    run.command("select:none")
    for _ in range(10):
        assert until(lambda: run.sink.shares[-1] > 0.9)
        assert run.largest_share(run.command("panic"), 3) < RAW_LIMIT
        run.command("panic")
    run.command("select:good")
    assert until(lambda: run.sink.shares[-1] < RAW_LIMIT)


def test_a_configuration_that_names_a_broken_style_is_read_and_shows_no_camera_picture(run: Run) -> None:
    run.settings = replace(run.settings, style="fixed")
    since = run.command("reload")
    assert until(lambda: run.session.control.state.look.label == "fixed")
    assert until(lambda: run.described()["notice"] is not None)
    assert run.largest_share(since) < RAW_LIMIT
