"""Pictures kept, recordings made and the configuration read again while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from stylecam.control.actions import Command
from stylecam.control.commands import CommandQueue, CommandResult
from stylecam.control.state import LiveState
from stylecam.errors import CommandRefusedError, ConfigError, StylecamError, UsageError
from stylecam.live import recording as room
from stylecam.live.pipeline import Pipeline
from stylecam.live.recording import MediaSaver
from stylecam.live.viewers import Viewers
from stylecam.media.overlays import panic_cover
from stylecam.media.sinks.recorder import RecorderSink
from stylecam.models.catalog import Catalog
from stylecam.stylize.live import PADDING, FrameStylizer
from stylecam.testing import CollectingSink, ScriptedSource, gray_image
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

    def step(self, count: int = 1) -> None:
        for _ in range(count):
            self.pipeline.capture.step()
            self.pipeline.style_step()
            self.pipeline.publisher.step()

    def ask(self, command: str) -> CommandResult:
        """Carry out `command` and return its result."""
        future = self.control.submit(command)
        self.control.apply()
        self.media_saver.handle_commands(self.reload)
        return future.result(20)

    def file(self, command: str) -> Path:
        """Return the file that `command` made."""
        extra = self.ask(command).extra
        assert extra is not None
        return Path(extra["file"])


@pytest.fixture
def stage(clock: ManualClock, tmp_path: Path) -> Iterator[SteppedSaver]:
    stage = SteppedSaver(clock, tmp_path)
    yield stage
    stage.media_saver.close()
    for runner in stage.pipeline.publisher.sink_runners:  # a recording that a test has begun ends with it
        runner.sink.discard()


def test_a_snapshot_is_the_published_picture_to_the_pixel(stage: SteppedSaver) -> None:
    stage.step()
    path = stage.file("snapshot")
    assert path.parent == stage.pictures
    assert path.name.startswith("stylecam-20")
    image = cv2.imread(str(path))
    assert image is not None
    assert np.array_equal(image, stage.pipeline.publisher.shown.image)


def test_a_snapshot_in_a_panic_shows_what_others_see(stage: SteppedSaver) -> None:
    stage.step()
    stage.control.submit(Command.parse("panic"))
    stage.step()
    image = cv2.imread(str(stage.file("snapshot:me")))
    assert image is not None
    assert image.mean() < 100


def test_pictures_of_one_second_get_names_of_their_own(stage: SteppedSaver) -> None:
    stage.step()
    paths = [stage.file("snapshot:me and you") for _ in range(3)]
    assert len(set(paths)) == 3
    assert all(path.name.startswith("me and you-") and path.stat().st_size for path in paths)


def test_before_there_is_a_picture_none_can_be_kept(stage: SteppedSaver) -> None:
    with pytest.raises(CommandRefusedError, match="no picture yet"):
        stage.ask("snapshot")
    assert not stage.pictures.exists()


@pytest.mark.parametrize("name", ["../up", "/etc/passwd", "a/b", "a\\b", "..", "a.png", "C:x", "x" * 81])
@pytest.mark.parametrize("action", ["snapshot:", "record:on,"])
def test_a_name_that_leads_elsewhere_is_refused(stage: SteppedSaver, action: str, name: str) -> None:
    stage.step()
    with pytest.raises(UsageError, match="cannot be a file's name"):
        stage.ask(action + name)
    assert not stage.pictures.exists()
    assert not stage.videos.exists()


def test_a_folder_that_cannot_be_made_is_said(stage: SteppedSaver) -> None:
    stage.step()
    stage.pictures.write_text("a file in its place")
    with pytest.raises(CommandRefusedError, match=r"pictures: .*exists"):
        stage.ask("snapshot")


def test_a_full_disk_leaves_no_half_picture(stage: SteppedSaver, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    stage.step()
    monkeypatch.setattr(room, "write_bytes", full)
    with pytest.raises(CommandRefusedError, match="No space left"):
        stage.ask("snapshot")
    assert list(stage.pictures.iterdir()) == []


def test_a_recording_begins_and_ends_while_it_runs(stage: SteppedSaver) -> None:
    stage.step(2)
    path = stage.file("record:on,talk")
    assert path.parent == stage.videos
    assert path.name.startswith("talk-")
    stage.step(6)
    assert not path.exists()
    assert stage.file("record:off") == path
    clip = cv2.VideoCapture(str(path))
    frames = int(clip.get(cv2.CAP_PROP_FRAME_COUNT))
    clip.release()
    assert frames == 6
    assert stage.changes == [path, None]
    assert [entry.name for entry in stage.videos.iterdir()] == [path.name]


def test_one_key_begins_and_ends_it(stage: SteppedSaver) -> None:
    stage.step()
    began = stage.file("record")
    stage.step(3)
    assert stage.file("record") == began


def test_a_recording_counts_as_a_viewer(stage: SteppedSaver) -> None:
    stage.step()
    stage.file("record:on")
    assert any(isinstance(sink, RecorderSink) for sink in stage.viewers._sinks)
    stage.step()
    stage.file("record:off")
    assert not any(isinstance(sink, RecorderSink) for sink in stage.viewers._sinks)


def test_what_is_so_already_stays_so_as_with_every_switch(stage: SteppedSaver) -> None:
    stage.step()
    assert stage.ask("record:off").extra is None
    path = stage.file("record:on,talk")
    stage.step(2)
    assert stage.file("record:on") == path
    assert stage.changes == [path]
    assert stage.file("record:off") == path


def test_a_recording_under_another_name_is_refused_while_there_is_one(stage: SteppedSaver) -> None:
    stage.step()
    path = stage.file("record:on,talk")
    with pytest.raises(CommandRefusedError, match=r"already recording to .*talk"):
        stage.ask("record:on,walk")
    stage.step(2)
    assert stage.file("record:off") == path


def test_a_recording_of_nothing_is_said(stage: SteppedSaver) -> None:
    stage.file("record:on")
    with pytest.raises(CommandRefusedError, match="nothing to record"):
        stage.ask("record:off")
    assert list(stage.videos.iterdir()) == []


def test_a_recording_that_fails_on_the_way_is_let_go(stage: SteppedSaver) -> None:
    stage.step()
    stage.file("record:on")
    (recorder,) = [o.sink for o in stage.pipeline.publisher.sink_runners if isinstance(o.sink, RecorderSink)]
    recorder._failure = "the disk is nearly full"
    stage.step(2)
    assert stage.media_saver.recording is None
    stage.media_saver.maintain()
    assert until(lambda: len(stage.pipeline.publisher.sink_runners) == 1)
    stage.media_saver.maintain()
    assert stage.file("record:on")


def test_the_end_of_the_run_finishes_a_recording(stage: SteppedSaver) -> None:
    stage.step()
    path = stage.file("record:on")
    stage.step(5)
    stage.control.close()
    stage.media_saver.close()
    stage.context.stopping.set()
    stage.pipeline.publisher.run()
    assert path.exists()


def test_the_configuration_is_read_again(clock: ManualClock, tmp_path: Path) -> None:
    read: list[bool] = []
    stage = SteppedSaver(clock, tmp_path, lambda: read.append(True))
    assert stage.ask("reload").state
    assert read == [True]
    stage.media_saver.close()


def test_a_configuration_that_cannot_be_read_is_said(clock: ManualClock, tmp_path: Path) -> None:
    def wrong() -> None:
        raise ConfigError("config.toml, line 3: no such key")

    stage = SteppedSaver(clock, tmp_path, wrong)
    with pytest.raises(StylecamError, match="line 3"):
        stage.ask("reload")
    stage.media_saver.close()


def test_a_mistake_of_ours_is_the_commands_error_and_the_run_goes_on(
    stage: SteppedSaver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a mistake of ours")

    stage.step()
    monkeypatch.setattr(room, "create_unique_file", broken)
    with pytest.raises(ZeroDivisionError):
        stage.ask("snapshot")
    stage.media_saver.maintain()
    faults = stage.context.stats.snapshot(0.0).faults
    assert (faults.by_kind["command"], faults.total) == (1, 1)
    assert "snapshot failed with an unexpected ZeroDivisionError: a mistake of ours" in caplog.text


def test_a_mistake_in_a_recording_ends_only_that_command(stage: SteppedSaver, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a mistake of ours")

    stage.step()
    with monkeypatch.context() as patched:
        patched.setattr(RecorderSink, "_open", broken)
        with pytest.raises(ZeroDivisionError):
            stage.ask("record:on")
    assert stage.media_saver.recording is None
    assert stage.file("record:on")
