"""Tests of reading the picture that a style is learned from: every kind of good and bad file."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageCms

from stylecam.errors import SourceUnreadableError, UsageError
from stylecam.stylize import style_picture
from stylecam.stylize.style_picture import StylePicture
from stylecam.utils import sandbox
from stylecam.utils.message import Message
from stylecam.utils.sandbox import SandboxLimits


@pytest.fixture(autouse=True)
def in_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do the child's work in this process, which is quicker, unless the test is about the child."""
    if "child" not in request.node.name:
        monkeypatch.setattr("stylecam.utils.sandbox.run", lambda _, folder, __: style_picture.run_in_child(folder))


def painting(width: int = 120, height: int = 90, mode: str = "RGB") -> Pillow.Image:
    """A picture whose left half is reddish and whose right half is bluish, with some noise."""
    pixels = np.random.default_rng(1).integers(0, 40, (height, width, 3), np.uint8)
    pixels[:, : width // 2, 0] += 200
    pixels[:, width // 2 :, 2] += 200
    return Pillow.fromarray(pixels).convert(mode)


def saved(picture: Pillow.Image, kind: str = "PNG", **options: Any) -> bytes:
    encoded = io.BytesIO()
    picture.save(encoded, kind, **options)
    return encoded.getvalue()


def is_red_and_blue(read: StylePicture) -> bool:
    blue, _, red = cv2.mean(read.image[:, : read.image.shape[1] // 3])[:3]
    right_blue, _, right_red = cv2.mean(read.image[:, -read.image.shape[1] // 3 :])[:3]
    return red > 150 > blue and right_blue > 150 > right_red


def heic() -> bytes:
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    return saved(painting(), "HEIF")


def sixteen_bits() -> bytes:
    deep = np.asarray(painting())[:, :, ::-1].astype(np.uint16) * 257
    return cv2.imencode(".png", deep)[1].tobytes()


def turned() -> bytes:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    return saved(painting().transpose(Pillow.Transpose.ROTATE_90), "JPEG", exif=exif)


@pytest.mark.parametrize(
    "make",
    [
        lambda: saved(painting()),
        lambda: saved(painting(mode="CMYK"), "JPEG"),
        lambda: saved(painting(mode="P")),
        lambda: saved(painting(), "WEBP"),
        sixteen_bits,
        turned,
        heic,
    ],
    ids=["plain", "cmyk", "palette", "webp", "16 bits", "turned", "heic"],
)
def test_every_usual_file_is_read_upright_and_in_color(make: Callable[[], bytes]) -> None:
    read = StylePicture.read(make())
    assert read.image.shape == (90, 120, 3)
    assert is_red_and_blue(read)
    assert read.notes == ()
    assert read.jpeg.startswith(b"\xff\xd8\xff")


def test_a_large_picture_is_reduced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(style_picture, "PICTURE_SIDE", 100)
    assert StylePicture.read(saved(painting(300, 200))).image.shape == (100, 150, 3)


def test_the_crop_of_a_large_photograph_is_cut_out_at_its_full_detail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(style_picture, "PICTURE_SIDE", 100)
    read = StylePicture.read(saved(painting(300, 200), "JPEG"), (0.5, 0.25, 0.5, 0.5))
    assert read.image.shape == (100, 150, 3)
    assert cv2.mean(read.image)[0] > 150 > cv2.mean(read.image)[2]


@pytest.mark.parametrize("crop", [(0.5, 0, 0.6, 1), (0, 0, 0, 1), (-0.1, 0, 1, 1), (0, 0, 1), (0, 0, np.nan, 1)])
def test_a_crop_outside_of_the_picture_is_refused(crop: tuple[float, ...]) -> None:
    with pytest.raises(UsageError, match=r"must be left, top, width and height.* for example 0\.1,0\.1,0\.8,0\.8"):
        StylePicture.read(saved(painting()), crop)


def test_what_is_transparent_is_white_and_said() -> None:
    picture = painting(mode="RGBA")
    picture.putalpha(Pillow.linear_gradient("L").resize(picture.size))
    read = StylePicture.read(saved(picture))
    assert read.notes == ("is transparent in places, which are white here",)
    assert cv2.mean(read.image[:3])[0] > 200


def test_of_an_animation_the_first_picture_is_used_and_said() -> None:
    others = [painting().transpose(Pillow.Transpose.FLIP_LEFT_RIGHT)]
    read = StylePicture.read(saved(painting(), "GIF", save_all=True, append_images=others))
    assert read.notes == ("is animated, and only its first picture was read",)
    assert is_red_and_blue(read)


def test_of_a_long_strip_the_middle_is_used_and_said() -> None:
    read = StylePicture.read(saved(painting(2000, 100)))
    assert read.image.shape == (100, 300, 3)
    assert read.notes == ("is a long strip, of which the middle is used",)


def test_colors_are_those_that_a_viewer_shows() -> None:
    """In the profile of this picture red and blue are exchanged."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = profile.replace(b"rXYZ", b"?XYZ").replace(b"bXYZ", b"rXYZ").replace(b"?XYZ", b"bXYZ")
    assert is_red_and_blue(StylePicture.read(saved(painting(), icc_profile=profile)))
    shown = StylePicture.read(saved(painting(), icc_profile=swapped)).image
    assert cv2.mean(shown[:, :40])[0] > 150 > cv2.mean(shown[:, :40])[2]


def bomb() -> bytes:
    """A PNG of 16384×16384 pixels in a few bytes."""
    parts = ((b"IHDR", struct.pack(">IIBBBBB", 16384, 16384, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(b"\0" * 999)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in (*parts, (b"IEND", b""))
    )


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is no picture that can be read"),
        (b"%PDF-1.7 a document", "is no picture that can be read"),
        (saved(painting())[:3000], "is a damaged picture"),
        (saved(painting(), "JPEG")[:900], "is a damaged picture"),
        (bomb(), "has more than 50 megapixels; make it smaller"),
        (saved(painting(1, 1)), "is 1×1; a style is learned from at least 64 pixels"),
        (saved(painting(800, 40)), "is 800×40; a style is learned from at least 64 pixels"),
        (saved(Pillow.new("RGB", (100, 100), "teal")), "is of one color, so there is nothing to learn"),
        (saved(Pillow.new("RGBA", (100, 100), (0, 0, 0, 0))), "is of one color"),
    ],
    ids=["empty", "document", "cut png", "cut jpeg", "bomb", "1×1", "flat", "one color", "transparent"],
)
def test_what_is_no_picture_to_learn_from_is_said_in_one_line(data: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(data)
    for source in (data, tmp_path / "a.png"):
        with pytest.raises(SourceUnreadableError) as caught:
            StylePicture.read(source)
        name = "the file" if isinstance(source, bytes) else f"{source}"
        assert str(caught.value).startswith(f"{name} ")
        assert says in str(caught.value)
        assert "\n" not in str(caught.value)
        assert isinstance(str(caught.value), Message)  # the page says it in its own language


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadableError, match=r"there is no file .*nowhere\.png; check the path"):
        StylePicture.read(tmp_path / "nowhere.png")
    with pytest.raises(SourceUnreadableError, match="is a folder or a device, and no picture"):
        StylePicture.read(tmp_path)


def test_heic_without_its_reader_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stylecam.utils.optional.is_installed", lambda _: False)
    with pytest.raises(SourceUnreadableError, match=r'reading HEIC needs pillow-heif.*pip install "stylecam\[heic\]"'):
        StylePicture.read(b"\0\0\0\x18ftypheic" + bytes(200))


def test_a_full_disk_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(style_picture, "_LEAST_FREE", 2**60)
    with pytest.raises(SourceUnreadableError, match=r"no place for temporary files \(No space left on device\)"):
        StylePicture.read(saved(painting()))


def test_a_child_process_reads_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(saved(painting(mode="CMYK"), "TIFF"))
    assert is_red_and_blue(StylePicture.read(tmp_path / "a.png"))


def test_a_child_process_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(style_picture, "LIMITS", SandboxLimits(0.0, 2**30))
    monkeypatch.setattr(sandbox, "_POLL_S", 0.001)  # no Python has started by then
    with pytest.raises(SourceUnreadableError, match="the file is refused: reading it took longer than 0 s"):
        StylePicture.read(saved(painting()))
