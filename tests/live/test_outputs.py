"""The outputs of a run: added and removed by commands, and opened anew at another size where nobody reads them."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest

from stylecam.control.command import Command
from stylecam.control.command_queue import CommandQueue, CommandResult, PendingCommand
from stylecam.control.state import LiveState
from stylecam.errors import CommandRefusedError, SinkLostError, SinkUnavailableError, UsageError
from stylecam.live.outputs import Outputs
from stylecam.live.publisher import Publisher, SinkRunner
from stylecam.live.viewers import UPDATE_INTERVAL_S
from stylecam.media.frame import Frame, Size
from stylecam.media.sinks import pipewire
from stylecam.media.sinks.base import Sink
from stylecam.media.sinks.factory import make_sinks
from stylecam.media.testing import gray_image
from stylecam.models.catalog import Catalog
from stylecam.utils.clock import ManualClock
from stylecam.utils.worker import Worker
from tests.doubles import WatchableSink, viewers
from tests.live.fixtures import FPS, SIZE, pipeline_context

LARGE = Size(256, 192)
ADD_UNASKED = Outputs.add_unasked
RTMP = "rtmp://live.example.org/app/secret-key"


class Device(WatchableSink):
    """A sink of any kind that notes the size it is opened at, and refuses the sizes in `refused`."""

    def __init__(self, kind: str, name: str, taken: bool | None = False) -> None:
        super().__init__(taken)
        self.kind, self.name = kind, name
        self.sizes: list[Size] = []
        self.refused: dict[Size, str] = {}

    def _open(self, size: Size, fps: float) -> None:
        if size in self.refused:
            raise SinkUnavailableError(self.refused[size])
        super()._open(size, fps)
        self.sizes.append(size)


class TakingPublisher:
    """Holds runners as a publisher does."""

    def __init__(self) -> None:
        self.sink_runners: tuple[SinkRunner, ...] = ()
        self.ended = False

    def add(self, runner: SinkRunner) -> bool:
        if not self.ended:
            self.sink_runners = (*self.sink_runners, runner)
        return not self.ended

    def remove(self, runner: SinkRunner) -> bool:
        before = len(self.sink_runners)
        self.sink_runners = tuple(other for other in self.sink_runners if other is not runner)
        return len(self.sink_runners) < before


class NowWorker:
    """Does what it gets at once."""

    def submit(self, function: Callable[[], object]) -> None:
        function()


class Run:
    """Outputs without threads, whose devices are doubles."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock, self.publisher, self.worker = clock, TakingPublisher(), NowWorker()
        self.devices: dict[str, Device] = {}
        self.changes = 0
        self.camera = Device("virtual", "virtual camera /dev/video10")
        self.camera.open(SIZE, FPS)
        self.context = pipeline_context(clock, viewers(self.camera, now=clock.now()))
        self.control = CommandQueue(Catalog.load([]), LiveState())
        self.publisher.add(SinkRunner(self.camera, SIZE, FPS))
        self.outputs = Outputs(
            cast(Publisher, self.publisher), self.context, self.make, self.control, cast(Worker, self.worker),
            self.changed,
        )  # fmt: skip
        self.outputs.start_with(["virtual"], [self.camera])
        self.watch()

    def changed(self) -> None:
        self.changes += 1

    def make(self, text: str) -> Sink:
        """Make the double of an output; one that is spelled wrongly, or holds a secret, is seen by the real factory."""
        (real,) = make_sinks([text])
        return self.devices.setdefault(text, Device(real.kind, real.name))

    def submit(self, text: str) -> CommandResult:
        pending = PendingCommand(Command.parse(text))
        self.outputs.request(pending)
        return pending.future.result(0)

    def watch(self) -> None:
        """Have the viewers ask the sinks."""
        self.clock.advance(UPDATE_INTERVAL_S)
        self.context.viewers.update(self.clock.now())

    def resize(self, size: Size) -> list[str]:
        self.context.size = size
        return list(self.outputs.refit())

    @property
    def written(self) -> list[str]:
        """The kinds of the sinks that get frames."""
        return [runner.sink.kind for runner in self.publisher.sink_runners]


@pytest.fixture
def run(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(Outputs, "add_unasked", ADD_UNASKED)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(pipewire, "is_available", lambda: True)
    return Run(clock)


def test_an_output_is_added_and_removed(run: Run) -> None:
    assert run.submit("output:pipewire").extra == {"outputs": ["virtual", "pipewire"]}
    assert run.written == ["virtual", "pipewire"]
    assert run.devices["pipewire"].sizes == [SIZE]
    assert run.submit("output:pipewire").extra == {"outputs": ["virtual"]}
    assert (run.written, run.devices["pipewire"].opened, run.changes) == (["virtual"], False, 2)


@pytest.mark.parametrize("name", ["virtual", "virtual camera /dev/video10"])
def test_the_camera_of_the_start_is_removed_by_its_kind_or_name(run: Run, name: str) -> None:
    run.submit(f"output:{name},off")
    assert (run.written, run.camera.opened) == ([], False)


def test_what_two_pages_ask_for_at_once_is_done_once(run: Run) -> None:
    for _ in range(2):
        run.submit("output:pipewire,on")
    assert run.written == ["virtual", "pipewire"]
    for _ in range(2):
        run.submit("output:pipewire,off")
    assert run.written == ["virtual"]


def test_an_output_that_cannot_be_opened_is_refused_with_the_fix_and_the_others_go_on(run: Run) -> None:
    cast(Device, run.make("pipewire")).refused[SIZE] = "PipeWire: it does not answer; start it"
    with pytest.raises(SinkUnavailableError, match="does not answer; start it"):
        run.submit("output:pipewire,on")
    assert run.written == ["virtual"]


@pytest.mark.parametrize("text", ["carrier pigeon", "virtuel", "pipewire:x"])
@pytest.mark.parametrize("switch", ["on", "off"])
def test_a_wrong_spelling_is_refused_in_one_line(run: Run, text: str, switch: str) -> None:
    with pytest.raises(UsageError, match="is none of virtual"):
        run.submit(f"output:{text},{switch}")
    assert run.written == ["virtual"]


@pytest.mark.parametrize("text", ["file:/tmp/stolen.mp4", RTMP, "srt:9000", "udp:192.0.2.7:9000"])
def test_files_and_addresses_that_the_settings_do_not_name_cannot_be_added(run: Run, text: str) -> None:
    with pytest.raises(CommandRefusedError, match="only your settings can name") as refused:
        run.submit(f"output:{text},on")
    assert "secret-key" not in str(refused.value)
    assert run.written == ["virtual"]


def test_what_the_settings_name_may_be_added_and_shows_no_secret(run: Run) -> None:
    run.outputs.allow([RTMP])
    (choice,) = [choice for choice in run.outputs.choices() if choice["kind"] == "stream"]
    assert (choice["on"], choice["changeable"]) == (False, True)
    assert "secret-key" not in str(choice)
    run.submit(f"output:{choice['which']},on")
    assert run.written == ["virtual", "stream"]
    assert "secret-key" not in str(run.outputs.choices())


def test_a_preview_window_cannot_be_added_later(run: Run) -> None:
    run.outputs.allow(["window"])
    with pytest.raises(CommandRefusedError, match="window can only be chosen at the start"):
        run.submit("output:window,on")


def test_the_page_cannot_be_removed(run: Run) -> None:
    page = Device("web", "web")
    page.open(SIZE, FPS)
    run.publisher.add(SinkRunner(page, SIZE, FPS))
    run.outputs.start_with(["virtual", "web"], [run.camera, page])
    with pytest.raises(CommandRefusedError, match="the page stays"):
        run.submit("output:web,off")
    assert [choice["changeable"] for choice in run.outputs.choices()[:2]] == [True, False]


def test_after_the_end_of_the_run_nothing_is_opened(run: Run) -> None:
    run.publisher.ended = True
    with pytest.raises(CommandRefusedError, match="stylecam is stopping"):
        run.submit("output:pipewire,on")
    assert not run.devices["pipewire"].opened


def test_the_choices_are_what_is_there_and_what_may_be_added(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipewire, "is_available", lambda: False)
    monkeypatch.setattr(pipewire, "install_hint", lambda: "run: sudo apt install gstreamer1.0-pipewire")
    assert [(one["which"], one["on"], one["problem"]) for one in run.outputs.choices()] == [
        ("virtual", True, None),
        ("pipewire", False, "run: sudo apt install gstreamer1.0-pipewire"),
    ]


def test_settings_may_be_read_again_while_a_page_asks_for_the_choices(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.outputs.allow(["srt:9000"])
    later = ["srt:9001"]

    def make(text: str) -> Sink:
        if later:
            run.outputs.allow([later.pop()])
        return run.make(text)

    monkeypatch.setattr(run.outputs, "_make", make)
    assert "stream" in [choice["kind"] for choice in run.outputs.choices()]


def test_outputs_follow_the_settings(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    run.outputs.allow(["srt:9000", RTMP])
    run.make("srt:9000")
    run.outputs.follow_settings((), ("srt:9000", RTMP))
    assert run.written == ["stream", "stream"]
    run.outputs.follow_settings(("srt:9000", RTMP), ("srt:9000",))
    assert run.written == ["stream"]
    cast(Device, run.make("virtual")).refused[SIZE] = "no driver; run stylecam setup"
    run.outputs.follow_settings(("srt:9000",), ())
    assert (run.written, caplog.messages[-1]) == ([], "no driver; run stylecam setup")


def test_an_output_that_nobody_reads_is_opened_anew_at_another_size(run: Run) -> None:
    assert run.resize(LARGE) == []
    assert run.camera.sizes == [SIZE, LARGE]
    assert run.written == ["virtual"]


@pytest.mark.parametrize("taken", [True, None], ids=["read", "perhaps read"])
def test_an_output_that_may_be_read_keeps_its_size_and_gets_the_picture_scaled(run: Run, taken: bool | None) -> None:
    run.camera.taken = taken
    run.watch()
    (line,) = run.resize(LARGE)
    assert line == "virtual camera /dev/video10 stays at 128x96 while it is read, and gets the picture scaled"
    (runner,) = run.publisher.sink_runners
    runner.write(Frame(gray_image(200, LARGE), 1, 0.0), 0.0)
    assert run.camera.sizes == [SIZE]
    assert run.camera.frames[-1].size == SIZE
    assert (run.camera.frames[-1].image == 200).all()


def test_once_the_reader_has_gone_it_is_opened_anew_once(run: Run) -> None:
    run.camera.taken = True
    run.watch()
    run.resize(LARGE)
    run.outputs.maintain()
    assert run.camera.sizes == [SIZE]
    run.camera.taken = False
    for _ in range(3):
        run.watch()
        run.outputs.maintain()
    assert run.camera.sizes == [SIZE, LARGE]


def test_a_reader_who_comes_while_it_is_opened_anew_keeps_the_size_before(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    run.camera.refused[LARGE] = "/dev/video10 is held at 128x96 by a program that reads it"
    run.resize(LARGE)
    assert run.camera.sizes == [SIZE, SIZE]
    assert run.written == ["virtual"]
    assert caplog.messages == [
        "virtual camera /dev/video10 stays at 128x96: /dev/video10 is held at 128x96 by a program that reads it"
    ]


@pytest.mark.parametrize("failure", [SinkLostError("the driver hung"), RuntimeError("the driver hung")], ids=repr)
def test_an_output_that_cannot_be_closed_well_is_opened_anew_all_the_same(
    run: Run, failure: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise failure

    monkeypatch.setattr(run.camera, "_close", fail)
    assert run.resize(LARGE) == []
    assert (run.camera.sizes, run.written) == ([SIZE, LARGE], ["virtual"])
    assert caplog.messages == ["virtual camera /dev/video10 could not be closed: the driver hung"]


def test_an_output_that_can_be_opened_at_no_size_is_tried_again_by_the_publisher(run: Run) -> None:
    run.camera.refused = {LARGE: "it has gone", SIZE: "it has gone"}
    run.resize(LARGE)
    (runner,) = run.publisher.sink_runners
    assert runner.trouble == "it has gone"
    run.camera.refused.clear()
    runner.write(Frame(gray_image(200, SIZE), 1, 0.0), 0.0)
    assert len(run.camera.frames) == 1
    assert not runner.trouble


def test_an_output_that_is_lost_comes_back_at_the_new_size(run: Run) -> None:
    run.camera.close()
    run.resize(LARGE)
    (runner,) = run.publisher.sink_runners
    runner.open()
    assert run.camera.sizes == [SIZE, LARGE]


def test_a_mistake_of_ours_is_refused_and_logged(
    run: Run, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: SinkRunner) -> bool:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(run.publisher, "add", broken)
    with pytest.raises(RuntimeError, match="a mistake"):
        run.submit("output:pipewire,on")
    assert "the command output:pipewire,on failed" in caplog.text


def test_where_pipewire_runs_its_camera_is_there_without_being_asked_for(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "stylecam")
    run.outputs.add_unasked()
    run.outputs.settle(0)
    assert run.written == ["virtual", "pipewire"]
    assert [record.is_detail for record in caplog.records] == [True]  # type: ignore[attr-defined]


def test_where_pipewire_does_not_run_nobody_is_bothered(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "stylecam")
    cast(Device, run.make("pipewire")).refused[SIZE] = "PipeWire: it does not answer"
    run.outputs.add_unasked()
    run.outputs.settle(0)
    assert run.written == ["virtual"]
    assert [record.is_detail for record in caplog.records] == [True]  # type: ignore[attr-defined]


def test_where_its_programs_are_missing_it_is_not_tried(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipewire, "is_available", lambda: False)
    run.outputs.add_unasked()
    assert "pipewire" not in run.devices


def test_a_camera_that_comes_after_the_first_lines_is_named_by_itself(
    run: Run, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("INFO", "stylecam")
    waiting: list[Callable[[], object]] = []
    monkeypatch.setattr(run.worker, "submit", waiting.append)
    run.outputs.add_unasked()
    run.outputs.settle(0)
    (work,) = waiting
    work()
    assert [(record.getMessage(), record.is_detail) for record in caplog.records] == [  # type: ignore[attr-defined]
        ("the picture also goes to PipeWire camera", False)
    ]
