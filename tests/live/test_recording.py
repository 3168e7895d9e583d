"""Snapshots, recordings and reloads while it runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from stylecam.control.command import Command
from stylecam.control.command_queue import CommandQueue, CommandResult, PendingCommand
from stylecam.control.state import LiveState
from stylecam.errors import CommandRefusedError, ConfigError, StylecamError, UsageError
from stylecam.live import recording as recording_module
from stylecam.live.config.keeper import ConfigKeeper
from stylecam.live.notifications import Notifications
from stylecam.live.pipeline import Pipeline
from stylecam.live.recording import MediaSaver
from stylecam.live.viewers import Viewers
from stylecam.media.overlays import panic_cover
from stylecam.media.sinks import recorder as recorder_module
from stylecam.media.sinks.recorder import RecorderSink
from stylecam.media.testing import CollectingSink, ScriptedSource, gray_image
from stylecam.models.catalog import Catalog
from stylecam.stylize.frame_stylizer import PADDING, FrameStylizer
from stylecam.utils.clock import ManualClock
from tests.doubles import ManualSessionPool, TintEngine, until, viewers
from tests.live.fixtures import FPS, SIZE, pipeline_context


class SteppedSaver:
    """A pipeline stepped by hand, with a saver that writes into a folder."""

    def __init__(self, clock: ManualClock, folder: Path, reload: Callable[[], None] = lambda: None) -> None:
        self.control = CommandQueue(Catalog([]), LiveState())
        source, sink = ScriptedSource([gray_image(200, SIZE)], clock), CollectingSink()
        source.open(SIZE, FPS)
        sink.open(SIZE, FPS)
        self.viewers: Viewers = viewers(sink)
        self.context = pipeline_context(clock, self.viewers)
        pool = ManualSessionPool(TintEngine(), PADDING)
        stylizer = FrameStylizer(pool, SIZE, FPS, clock, self.context.stats.count_fault)
        self.pipeline = Pipeline(source, [sink], stylizer, self.control, self.context, panic_cover(SIZE))
        self.changes: list[Path | None] = []
        self.pictures, self.videos = folder / "pictures", folder / "videos"
        self.media_saver = MediaSaver(
            self.control,
            self.pipeline.publisher,
            self.context,
            self.pictures,
            self.videos,
            changed=lambda: self.changes.append(self.media_saver.recording),
        )
        self.reload = reload
        self.switches: list[PendingCommand] = []
        self.keeper = ConfigKeeper(None, self.control, lambda _: None, lambda: None)

    def step(self, count: int = 1) -> None:
        for _ in range(count):
            self.pipeline.capture.step()
            self.pipeline.style_step()
            self.pipeline.publisher.step()

    def carry_out(self, command: str) -> CommandResult:
        """Carry out `command` and return its result."""
        future = self.control.submit(command)
        self.control.apply()
        self.media_saver.handle_commands(self.reload, {"camera": self.switches.append}, self.keeper)
        return future.result(20)

    def file(self, command: str) -> Path:
        """Return the file that `command` made."""
        extra = self.carry_out(command).extra
        assert extra is not None
        return Path(extra["file"])


def recorder_of(stepped: SteppedSaver) -> RecorderSink:
    """Return the recorder that is running."""
    (recorder,) = [o.sink for o in stepped.pipeline.publisher.sink_runners if isinstance(o.sink, RecorderSink)]
    return recorder


@pytest.fixture
def stepped(clock: ManualClock, tmp_path: Path) -> Iterator[SteppedSaver]:
    stepped = SteppedSaver(clock, tmp_path)
    yield stepped
    stepped.media_saver.close()
    for runner in stepped.pipeline.publisher.sink_runners:  # a recording that a test has begun ends with it
        runner.sink.discard()


def test_a_snapshot_is_the_published_picture_to_the_pixel(stepped: SteppedSaver) -> None:
    stepped.step()
    path = stepped.file("snapshot")
    assert path.parent == stepped.pictures
    assert path.name.startswith("stylecam-20")
    image = cv2.imread(str(path))
    assert image is not None
    assert np.array_equal(image, stepped.pipeline.publisher.shown.frame.image)


def test_a_snapshot_in_a_panic_shows_what_others_see(stepped: SteppedSaver) -> None:
    stepped.step()
    stepped.control.submit(Command.parse("panic"))
    stepped.step()
    image = cv2.imread(str(stepped.file("snapshot:me")))
    assert image is not None
    assert image.mean() < 100


def test_what_a_command_has_just_hidden_is_in_no_snapshot(stepped: SteppedSaver) -> None:
    stepped.control.submit("room:color:black")
    stepped.step()
    stepped.control.submit("room:camera")
    stepped.step()
    assert stepped.pipeline.publisher.shown.frame.image.mean() > 150
    stepped.control.submit("room:color:black")
    stepped.control.apply()  # the publisher has made no step since
    image = cv2.imread(str(stepped.file("snapshot")))
    assert image is not None
    assert image.max() == 0


def test_with_the_camera_off_a_snapshot_is_refused_with_that_reason(stepped: SteppedSaver) -> None:
    stepped.step()
    stepped.control.submit(Command.parse("rest:on"))
    stepped.step(12)
    with pytest.raises(CommandRefusedError, match="the camera is off; switch it on first"):
        stepped.carry_out("snapshot")


def test_snapshots_of_one_second_get_different_names(stepped: SteppedSaver) -> None:
    stepped.step()
    paths = [stepped.file("snapshot:me and you") for _ in range(3)]
    assert len(set(paths)) == 3
    assert all(path.name.startswith("me and you-") and path.stat().st_size for path in paths)


def test_before_the_first_frame_a_snapshot_is_refused(stepped: SteppedSaver) -> None:
    with pytest.raises(CommandRefusedError, match="no picture yet"):
        stepped.carry_out("snapshot")
    assert not stepped.pictures.exists()


@pytest.mark.parametrize("name", ["../up", "/etc/passwd", "a/b", "a\\b", "..", "a.png", "C:x", "x" * 81])
@pytest.mark.parametrize("action", ["snapshot:", "record:on,"])
def test_a_name_outside_the_folder_is_refused(stepped: SteppedSaver, action: str, name: str) -> None:
    stepped.step()
    with pytest.raises(UsageError, match="cannot be a file's name"):
        stepped.carry_out(action + name)
    assert not stepped.pictures.exists()
    assert not stepped.videos.exists()


def test_a_folder_that_cannot_be_made_is_named(stepped: SteppedSaver) -> None:
    stepped.step()
    stepped.pictures.write_text("a file in its place")
    with pytest.raises(CommandRefusedError, match=r"pictures: .*exists"):
        stepped.carry_out("snapshot")


def test_a_full_disk_leaves_no_half_picture(stepped: SteppedSaver, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    stepped.step()
    monkeypatch.setattr(recording_module, "write_bytes", full)
    with pytest.raises(CommandRefusedError, match="No space left"):
        stepped.carry_out("snapshot")
    assert list(stepped.pictures.iterdir()) == []


def test_the_end_waits_a_while_for_a_disk_that_does_not_answer_and_says_what_was_not_written(
    stepped: SteppedSaver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    go, began = threading.Event(), threading.Event()

    def hang(*_: object) -> None:
        began.set()
        go.wait(60)

    monkeypatch.setattr(recording_module, "write_bytes", hang)
    monkeypatch.setattr(recording_module, "SAVE_TIMEOUT_S", 0.1)
    stepped.step()
    futures = [stepped.control.submit(command) for command in ("snapshot:me", "record:on")]
    stepped.control.apply()
    stepped.media_saver.handle_commands(stepped.reload, {"camera": stepped.switches.append}, stepped.keeper)
    assert began.wait(20)
    stepped.media_saver.close()
    for future, folder in zip(futures, (stepped.pictures, stepped.videos), strict=True):
        with pytest.raises(CommandRefusedError, match=rf"not finished within 0\.1 s: the disk of {folder} does not"):
            future.result(20)
    assert len(caplog.messages) == 2
    stepped.media_saver.close()
    assert len(caplog.messages) == 2
    go.set()
    assert until(lambda: not any(thread.name == "stylecam-media" for thread in threading.enumerate()))


def test_a_recording_that_begins_while_the_run_ends_leaves_no_file(stepped: SteppedSaver) -> None:
    stepped.step()
    stepped.context.stopping.set()
    stepped.pipeline.publisher.run()
    with pytest.raises(CommandRefusedError, match="stylecam is stopping"):
        stepped.carry_out("record:on")
    assert list(stepped.videos.iterdir()) == []


def test_a_recording_begins_and_ends_while_it_runs(stepped: SteppedSaver) -> None:
    stepped.step(2)
    path = stepped.file("record:on,talk")
    assert path.parent == stepped.videos
    assert path.name.startswith("talk-")
    stepped.step(6)
    assert not path.exists()
    assert stepped.file("record:off") == path
    clip = cv2.VideoCapture(str(path))
    frames = int(clip.get(cv2.CAP_PROP_FRAME_COUNT))
    clip.release()
    assert frames == 6
    assert stepped.changes == [path, None]
    assert [entry.name for entry in stepped.videos.iterdir()] == [path.name]


def test_files_that_are_saved_are_named_in_the_terminal_and_not_on_the_page_again(
    stepped: SteppedSaver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "stylecam")
    stepped.step(2)
    picture, clip = stepped.file("snapshot"), stepped.file("record:on")
    stepped.step(2)
    stepped.file("record:off")
    expected = [
        f"snapshot saved: {picture}",
        f"recording to: {clip}, without sound (--audio adds it)",
        f"recording saved: {clip}",
    ]
    reports = [record for record in caplog.records if record.getMessage().startswith(("snapshot ", "recording "))]
    assert [record.getMessage() for record in reports] == expected
    assert all(getattr(record, "only_on_terminal", False) for record in reports)


def test_one_key_begins_and_ends_a_recording(stepped: SteppedSaver) -> None:
    stepped.step()
    began = stepped.file("record")
    stepped.step(3)
    assert stepped.file("record") == began


def test_a_recording_counts_as_a_viewer(stepped: SteppedSaver) -> None:
    stepped.step()
    stepped.file("record:on")
    assert any(isinstance(sink, RecorderSink) for sink in stepped.viewers._sinks)
    stepped.step()
    stepped.file("record:off")
    assert not any(isinstance(sink, RecorderSink) for sink in stepped.viewers._sinks)


def test_switching_on_twice_keeps_the_recording_and_switching_off_twice_does_nothing(stepped: SteppedSaver) -> None:
    stepped.step()
    assert stepped.carry_out("record:off").extra is None
    path = stepped.file("record:on,talk")
    stepped.step(2)
    assert stepped.file("record:on") == path
    assert stepped.changes == [path]
    assert stepped.file("record:off") == path


def test_a_recording_under_another_name_is_refused_while_there_is_one(stepped: SteppedSaver) -> None:
    stepped.step()
    path = stepped.file("record:on,talk")
    with pytest.raises(CommandRefusedError, match=r"already recording to .*talk"):
        stepped.carry_out("record:on,walk")
    stepped.step(2)
    assert stepped.file("record:off") == path


def test_a_recording_without_a_frame_is_refused(stepped: SteppedSaver) -> None:
    stepped.file("record:on")
    with pytest.raises(CommandRefusedError, match="no frame was recorded"):
        stepped.carry_out("record:off")
    assert list(stepped.videos.iterdir()) == []


def test_a_recording_that_fails_on_the_way_is_dropped(stepped: SteppedSaver, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "stylecam")
    stepped.step()
    stepped.file("record:on")
    recorder_of(stepped).failure = "the disk is nearly full"
    stepped.step(2)
    assert stepped.media_saver.recording is None
    notifications = Notifications()
    notifications.update(stepped.pipeline.troubles())
    stepped.media_saver.maintain()
    assert until(lambda: len(stepped.pipeline.publisher.sink_runners) == 1)
    notifications.update(stepped.pipeline.troubles())
    assert [message for message in caplog.messages if not message.startswith("recording")] == [
        "the disk is nearly full"
    ]
    stepped.media_saver.maintain()
    assert stepped.file("record:on")


def test_switching_off_a_recording_that_has_failed_reports_why_once(stepped: SteppedSaver) -> None:
    stepped.step()
    stepped.file("record:on")
    recorder_of(stepped).failure = "the disk is nearly full; nothing is left of it"
    stepped.step(2)
    with pytest.raises(CommandRefusedError, match="nearly full; nothing is left"):
        stepped.carry_out("record:off")
    assert stepped.carry_out("record:off").extra is None
    assert len(stepped.pipeline.publisher.sink_runners) == 1


def test_switching_off_reports_that_the_file_is_not_finished_yet(
    stepped: SteppedSaver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    finishing, go = recorder_module._PyAVEncoder.close, threading.Event()
    monkeypatch.setattr(recorder_module, "FINISH_TIMEOUT_S", 0.05)

    def slow(encoder: recorder_module._PyAVEncoder) -> None:
        go.wait(60)
        finishing(encoder)

    monkeypatch.setattr(recorder_module._PyAVEncoder, "close", slow)
    pytest.importorskip("av")
    stepped.step()
    path = stepped.file("record:on,talk")
    stepped.step(3)
    with pytest.raises(CommandRefusedError, match=r"not finished after .* it is called .*\.part"):
        stepped.carry_out("record:off")
    assert stepped.media_saver.recording is None
    go.set()
    assert until(path.exists)
    assert until(lambda: f"recording {path} is finished now" in caplog.text)


def test_the_end_of_the_run_finishes_a_recording(stepped: SteppedSaver) -> None:
    stepped.step()
    path = stepped.file("record:on")
    stepped.step(5)
    stepped.control.close()
    stepped.media_saver.close()
    stepped.context.stopping.set()
    stepped.pipeline.publisher.run()
    assert path.exists()


def test_a_reload_calls_its_function(clock: ManualClock, tmp_path: Path) -> None:
    read: list[bool] = []
    stepped = SteppedSaver(clock, tmp_path, lambda: read.append(True))
    assert stepped.carry_out("reload").state
    assert read == [True]
    stepped.media_saver.close()


def test_a_configuration_that_cannot_be_read_is_the_commands_error(clock: ManualClock, tmp_path: Path) -> None:
    def wrong() -> None:
        raise ConfigError("config.toml, line 3: no such key")

    stepped = SteppedSaver(clock, tmp_path, wrong)
    with pytest.raises(StylecamError, match="line 3"):
        stepped.carry_out("reload")
    stepped.media_saver.close()


def test_a_mistake_of_ours_is_the_commands_error_and_the_run_goes_on(
    stepped: SteppedSaver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a mistake of ours")

    stepped.step()
    monkeypatch.setattr(recording_module, "create_unique_file", broken)
    with pytest.raises(ZeroDivisionError):
        stepped.carry_out("snapshot")
    stepped.media_saver.maintain()
    faults = stepped.context.stats.snapshot(0.0).faults
    assert (faults.by_kind["command"], faults.total) == (1, 1)
    assert "snapshot failed with an unexpected ZeroDivisionError: a mistake of ours" in caplog.text


def test_a_mistake_in_a_recording_ends_only_that_command(
    stepped: SteppedSaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a mistake of ours")

    stepped.step()
    with monkeypatch.context() as patched:
        patched.setattr(RecorderSink, "_open", broken)
        with pytest.raises(ZeroDivisionError):
            stepped.carry_out("record:on")
    assert stepped.media_saver.recording is None
    assert stepped.file("record:on")
