"""Tests of the encoded stream: picture, times and key frames, read back with PyAV."""

from __future__ import annotations

import io
import sys
from typing import Any

import cv2
import numpy as np
import pytest

from stylecam.errors import SinkUnavailableError
from stylecam.media.frame import Image, Size
from stylecam.media.streaming.muxer import (
    MAX_RTMP_BITRATE,
    MIN_BITRATE,
    Container,
    StreamMuxer,
    default_bitrate,
    has_picture,
)

av: Any = pytest.importorskip("av")
SIZE = Size(320, 180)
CONTAINERS: list[Container] = ["mpegts", "flv"]


def picture(index: int) -> Image:
    """Return colored fields and a bar that moves with the index."""
    image: Image = np.zeros((SIZE.height, SIZE.width, 3), np.uint8)
    image.reshape(SIZE.height, 4, -1, 3)[:] = np.array([[40, 40, 200], [60, 180, 60], [200, 60, 40], [128] * 3])[
        :, None
    ]
    image[20:40, 4 * index % 280 : 4 * index % 280 + 40] = 230
    return image


def encoded(container: Container, times: list[float], keys: frozenset[int] = frozenset()) -> tuple[bytes, list[bool]]:
    """Encode one picture for each time; those with an index in `keys` are asked to be key frames."""
    muxer = StreamMuxer(container, SIZE, 30, 2_000_000)
    pieces, marks = [muxer.header], []
    for index, at in enumerate(times):
        data, key = muxer.encode(picture(index), at, key=index in keys)
        assert data, "a picture waits in the encoder"
        pieces.append(data)
        marks.append(key)
    muxer.close()
    return b"".join(pieces), marks


def packets(data: bytes) -> list[Any]:
    with av.open(io.BytesIO(data)) as container:
        return [packet for packet in container.demux(video=0) if packet.pts is not None]


@pytest.mark.parametrize("container", CONTAINERS)
def test_the_picture_comes_back_with_its_colors(container: Container) -> None:
    data, _ = encoded(container, [index / 30 for index in range(45)])
    with av.open(io.BytesIO(data)) as source:
        frames = list(source.decode(video=0))
    assert len(frames) == 45
    assert frames[0].colorspace == 1  # BT.709, and the stream says so
    for index in (0, 29, 44):
        shown = frames[index].reformat(format="bgr24", src_colorspace=1).to_ndarray()
        assert cv2.PSNR(shown, picture(index)) > 30


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_picture_is_complete_at_once_and_none_is_reordered(container: Container) -> None:
    data, _ = encoded(container, [index / 30 for index in range(20)])
    found = packets(data)
    assert len(found) == 20
    assert all(packet.pts == packet.dts for packet in found)


@pytest.mark.parametrize("container", CONTAINERS)
def test_times_are_those_of_the_pictures_also_where_some_are_missing(container: Container) -> None:
    times = [100.0, 100.033, 100.066, 100.5, 100.533, 103.0]
    found = [float(packet.pts * packet.time_base) for packet in packets(encoded(container, times)[0])]
    assert np.allclose(np.diff(found), np.diff(times), atol=0.002)


@pytest.mark.parametrize("container", CONTAINERS)
def test_times_always_increase(container: Container) -> None:
    found = [packet.pts for packet in packets(encoded(container, [5.0, 5.0, 5.0, 4.9, 5.2])[0])]
    assert all(np.diff(found) > 0)


@pytest.mark.parametrize("fps", [30, 10, 2])
def test_there_is_a_key_frame_each_second_at_every_rate(fps: int) -> None:
    times = [index / fps for index in range(4 * fps)]
    data, marks = encoded("mpegts", times)
    keys = [float(packet.pts * packet.time_base) for packet in packets(data) if packet.is_keyframe]
    assert np.allclose(np.diff(keys), 1.0, atol=0.01)
    assert [at for at, key in zip(times, marks, strict=True) if key] == pytest.approx([0, 1, 2, 3])


def test_a_receiver_can_start_at_a_requested_key_frame() -> None:
    muxer = StreamMuxer("mpegts", SIZE, 30, 2_000_000)
    for index in range(10):
        muxer.encode(picture(index), index / 30)
    late = []
    for index in range(10, 20):
        data, key = muxer.encode(picture(index), index / 30, key=index == 10)
        assert key == (index == 10)
        late.append(data)
    with av.open(io.BytesIO(b"".join(late))) as source:
        frames = list(source.decode(video=0))
    assert len(frames) == 10
    assert cv2.PSNR(frames[0].reformat(format="bgr24", src_colorspace=1).to_ndarray(), picture(10)) > 30


def test_mpegts_is_whole_packets() -> None:
    data, _ = encoded("mpegts", [index / 30 for index in range(5)])
    assert len(data) % 188 == 0
    assert set(data[::188]) == {0x47}


def test_the_default_rate_follows_the_size_within_limits() -> None:
    assert default_bitrate(Size(1280, 720), 30, "mpegts") == pytest.approx(5.5e6, rel=0.01)
    assert default_bitrate(Size(64, 64), 1, "mpegts") == MIN_BITRATE
    assert default_bitrate(Size(1920, 1080), 60, "flv") == MAX_RTMP_BITRATE


def test_without_pyav_the_install_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stylecam.utils.optional.is_installed", lambda module: module != "av")
    monkeypatch.delitem(sys.modules, "av")
    with pytest.raises(SinkUnavailableError, match=r'pip install "stylecam\[video\]"'):
        StreamMuxer("mpegts", SIZE, 30, 1_000_000)


def test_a_picture_is_found_among_the_tags_of_a_stream() -> None:
    def tag(kind: int, size: int) -> bytes:
        return bytes([kind]) + size.to_bytes(3, "big") + bytes(7) + bytes([9]) * size + (11 + size).to_bytes(4, "big")

    sound, picture = tag(8, 25), tag(9, 1600)
    assert not has_picture(b"")
    assert not has_picture(sound + sound)
    assert has_picture(sound + picture)
