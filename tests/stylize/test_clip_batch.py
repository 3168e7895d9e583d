"""Tests of painting clips in pieces: the same pixels as in one piece, what is kept, and what fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from stylecam.engines.autotune import sample_picture
from stylecam.errors import ClusterError
from stylecam.media import video_segments
from stylecam.media.frame import Image, Size
from stylecam.media.video_file import transform_video
from stylecam.media.video_segments import Segment, segment_frames, split_video
from stylecam.models.catalog import Catalog
from stylecam.stylize import clip_batch, network_pictures
from stylecam.stylize.batch import BatchItem
from stylecam.stylize.clip_batch import ClipResult, paint_clips, segments_folder
from stylecam.stylize.image import Stylist
from stylecam.stylize.recipe import Recipe
from stylecam.stylize.still_look import still_look
from tests.stylize.inline_executor import InlineExecutor

av: Any = pytest.importorskip("av", reason='clips need PyAV: pip install "stylecam[video]"')
pytestmark = pytest.mark.usefixtures("own_settings", "short_segments")

SIZE = Size(96, 64)
TIMES = (0, 40, 80, 200, 240, 600, 640, 641, 700, 740, 780, 790, 820, 900)
"""The frame times of a clip with a variable rate, in milliseconds."""


@pytest.fixture
def short_segments(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    threads = cv2.getNumThreads()
    monkeypatch.setattr(video_segments, "MIN_FRAMES", 3)
    monkeypatch.setattr(video_segments, "MAX_FRAMES", 5)
    yield
    cv2.setNumThreads(threads)


def pictures(count: int) -> list[Image]:
    """A panned photo with noise, a still spell, and another scene from the middle on."""
    random, photo = np.random.default_rng(1), sample_picture(Size(160, 120))
    places = [min(number, count // 3) * 2 for number in range(count)]
    shown = [photo[8:72, place : place + SIZE.width] for place in places]
    shown[count // 2 :] = [255 - picture[::-1] for picture in shown[count // 2 :]]
    return [np.clip(picture + random.normal(0, 2, picture.shape), 0, 255).astype(np.uint8) for picture in shown]


def make_clip(path: Path, times: tuple[int, ...] = TIMES, *, sound: bool = True, key_every: int = 4) -> Path:
    with av.open(str(path), "w") as container:
        options = {"g": str(key_every), "bf": "2", "x264-params": "open-gop=1"}
        video = container.add_stream("libx264", rate=25, options=options)
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        video.codec_context.time_base = video.time_base = Fraction(1, 1000)
        audio = container.add_stream("aac", rate=48000, layout="mono") if sound else None
        for time, picture in zip(times, pictures(len(times)), strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            part = av.AudioFrame.from_ndarray(np.full((1, 1024), 900, np.int16), format="s16", layout="mono")
            part.sample_rate, part.pts, part.time_base = 48000, 0, Fraction(1, 48000)
            container.mux(audio.encode(part))
            container.mux(audio.encode(None))
    return path


def recipe_for(room: str = "camera", **options: Any) -> Recipe:
    catalog = Catalog.installed()
    catalog.prefer("lean")
    mix = catalog.mix_of(catalog.cards[0])
    settings = {"strength": 0.9, "steadiness": 0.8, "preserve_color": False, "brush": 1.0, "face": 0.0}
    look = still_look(mix, paint="everything", room=room, tier="lean", **{**settings, **options})
    return Recipe(look, engine="opencv")


def run(
    clip: Path, recipe: Recipe, executor: InlineExecutor | None = None, name: str = "out.mp4"
) -> tuple[Path, list[ClipResult]]:
    target = clip.with_name(name)
    results = list(paint_clips([BatchItem(clip, target)], recipe, executor or InlineExecutor(), 2, lambda _: None))
    return target, results


def content(path: Path) -> list[tuple[object, bytes]]:
    """Every frame with its time, and every packet of sound."""
    with av.open(str(path)) as container:
        frames = [(frame.pts * frame.time_base, frame.to_ndarray().tobytes()) for frame in container.decode(video=0)]
    with av.open(str(path)) as container:
        sound = [(packet.pts, bytes(packet)) for packet in container.demux() if packet.stream.type == "audio"]
    return [*frames, *sound]


@pytest.mark.parametrize(
    ("room", "options"),
    [("camera", {}), ("style:udnie", {"face": 0.7})],
    ids=["steadied", "person, room and face"],
)
def test_in_pieces_it_is_pixel_for_pixel_what_one_piece_is(room: str, options: dict[str, Any], tmp_path: Path) -> None:
    clip, recipe, executor = make_clip(tmp_path / "in.mp4"), recipe_for(room, **options), InlineExecutor()
    made = transform_video(clip, tmp_path / "whole.mp4", recipe.stylist(), lambda *_: None)
    shares: list[float] = []
    item = BatchItem(clip, tmp_path / "out.mp4")
    [result] = paint_clips([item], recipe, executor, 2, shares.append)
    assert result.error is None
    assert result.made == made
    assert executor.called == ["paint_segment"] * 4 + ["join_clip"]
    assert content(tmp_path / "out.mp4") == content(tmp_path / "whole.mp4")
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["in.mp4", "out.mp4", "whole.mp4"]
    assert not segments_folder(item.target).exists()


def test_steadiness_reaches_over_the_seams_of_segments(tmp_path: Path) -> None:
    """Otherwise the test above could not fail."""
    clip = make_clip(tmp_path / "in.mp4")
    steadied, _ = run(clip, recipe_for(), name="a.mp4")
    bare, _ = run(clip, recipe_for(steadiness=0.0), name="b.mp4")
    assert content(steadied) != content(bare)


@pytest.mark.parametrize("key_every", [1, 4, 100])
def test_the_segments_have_every_frame_once(key_every: int, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4", key_every=key_every)
    segments = split_video(clip)
    whole = list(segment_frames(clip, Segment(None, None, 0)))
    pieces = [frame for segment in segments for frame in segment_frames(clip, segment)]
    assert len(segments) > 2
    assert [segment.frames for segment in segments] == [len(list(segment_frames(clip, each))) for each in segments]
    assert len(pieces) == len(TIMES)
    assert all(map(np.array_equal, pieces, whole))


def test_one_frame_without_sound_is_a_clip(tmp_path: Path) -> None:
    target, [result] = run(make_clip(tmp_path / "in.mp4", (0,), sound=False), recipe_for())
    assert result.frames == 1
    assert len(content(target)) == 1


def test_what_is_painted_is_used_by_the_next_run(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4")
    with pytest.raises(ClusterError, match="the head is gone"):
        run(clip, recipe_for(), InlineExecutor(limit=3))
    folder = segments_folder(tmp_path / "out.mp4")
    assert len(list(folder.iterdir())) == 3
    (folder / "notes.txt").write_text("somebody else's")
    following = InlineExecutor()
    target, [result] = run(clip, recipe_for(), following)
    assert following.called == ["paint_segment", "join_clip"]
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    whole, _ = run(clip, recipe_for(), name="again.mp4")
    assert result.error is None
    assert content(target) == content(whole)


@pytest.mark.parametrize("changed", ["option", "clip"])
def test_what_was_painted_otherwise_is_painted_anew(changed: str, tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "in.mp4")
    with pytest.raises(ClusterError):
        run(clip, recipe_for(), InlineExecutor(limit=3))
    if changed == "clip":
        make_clip(clip, TIMES[:12])
    recipe = replace(recipe_for(), scale=0.5) if changed == "option" else recipe_for()
    following = InlineExecutor()
    run(clip, recipe, following)
    assert following.called.count("paint_segment") == len(split_video(clip))


def test_a_frame_that_no_segment_has_is_painted_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a clip whose index is wrong."""
    clip, recipe, executor = make_clip(tmp_path / "in.mp4"), recipe_for(), InlineExecutor()
    whole, _ = run(clip, recipe, name="whole.mp4")
    painted_by: list[str] = []
    own = Stylist._stylize

    def counted(*args: Any) -> Image:
        painted_by.append(executor.called[-1])
        return own(*args)

    monkeypatch.setattr(Stylist, "_stylize", counted)
    monkeypatch.setattr(clip_batch, "split_video", lambda path: split_video(path)[:2])
    target, _ = run(clip, recipe, executor)
    assert set(painted_by) == {"paint_segment", "join_clip"}
    assert content(target) == content(whole)


def test_the_same_frame_is_painted_once_in_a_segment_and_each_is_found(tmp_path: Path) -> None:
    calls: list[Image] = []

    class Painter:
        def network_pictures(self, image: Image) -> tuple[Image, ...]:
            calls.append(image)
            return image, 255 - image

    frame, other = pictures(2)
    files = [tmp_path / "a.zip", tmp_path / "b.zip", tmp_path / "c.zip"]
    for file, frames in zip(files, ([frame, frame], [frame], [other]), strict=True):  # a still spell fills the second
        network_pictures.write_network_pictures(file, frames, Painter())  # type: ignore[arg-type]
    found = network_pictures.NetworkPictures(files)
    assert len(calls) == 3
    for shown in (frame, frame, frame, other):
        main, room = found.find(shown) or ()
        assert np.array_equal(main, shown)
        assert np.array_equal(room, 255 - shown)
    assert found.find(frame + 1) is None
    found.close()


def test_a_clip_that_cannot_be_read_costs_no_other(tmp_path: Path) -> None:
    good, bad = make_clip(tmp_path / "in.mp4"), tmp_path / "bad.mp4"
    bad.write_bytes(good.read_bytes()[:200])
    items = [BatchItem(bad, tmp_path / "a.mp4"), BatchItem(good, tmp_path / "b.mp4")]
    failed, made = paint_clips(items, recipe_for(), InlineExecutor(), 4, lambda _: None)
    assert "bad.mp4 holds no video" in str(failed.error)
    assert made.frames == len(TIMES)
    assert not segments_folder(items[0].target).exists()


def test_a_computer_that_does_not_see_the_clips_ends_the_run_in_one_line(tmp_path: Path) -> None:
    recipe, segment = recipe_for(), Segment(None, None, 1)
    with pytest.raises(ClusterError, match=r"cannot see .*a folder that all its computers have"):
        clip_batch.paint_segment(recipe, tmp_path / "gone.mp4", segment, tmp_path / "a.zip")
    with pytest.raises(ClusterError, match=r"has stylecam .*, and this computer 0\.0\.1; install the same"):
        clip_batch.paint_segment(replace(recipe, version="0.0.1"), tmp_path, segment, tmp_path / "a.zip")
