"""Tests of reading and writing pictures: formats, metadata, transparency and errors."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageCms, ImageOps
from PIL.ExifTags import IFD

from stylecam.errors import SinkUnavailableError, SourceUnreadableError, UsageError
from stylecam.media.image_file import ImageFile

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def opened(path: Path) -> Pillow.Image:
    return Pillow.open(io.BytesIO(path.read_bytes()))


def four_colors(mode: str = "RGB") -> Pillow.Image:
    """Return a 48×32 picture with red, green, blue and white corners."""
    made = Pillow.new("RGB", (48, 32), (128, 128, 128))
    for place, color in (((0, 0), "red"), ((32, 0), "lime"), ((0, 16), "blue"), ((32, 16), "white")):
        made.paste(color, (*place, place[0] + 16, place[1] + 16))
    return made.convert(mode)


@pytest.mark.parametrize("kind", ["JPEG", "MPO", "PNG"])
@pytest.mark.parametrize(
    ("min_side", "size"), [(None, (640, 480)), (300, (640, 480)), (240, (320, 240)), (1, (80, 60))]
)
def test_a_large_photograph_may_be_decoded_smaller_but_never_too_small(
    min_side: int | None, size: tuple[int, int], kind: str, tmp_path: Path
) -> None:
    made = four_colors().resize((640, 480), Pillow.Resampling.NEAREST)
    made.save(tmp_path / "in", kind, **({"save_all": True, "append_images": [made]} if kind == "MPO" else {}))
    image = ImageFile.read(tmp_path / "in", min_side).image
    assert image.shape[1::-1] == ((640, 480) if kind == "PNG" else size)
    assert tuple(image[2, 2]) == pytest.approx((0, 0, 255), abs=3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_orientation_is_applied_and_removed_from_the_exif(orientation: int, tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x0112], exif[0x010F] = orientation, "A maker"
    made = four_colors()
    made.save(tmp_path / "in.png", exif=exif)
    picture = ImageFile.read(tmp_path / "in.png")
    shown = np.asarray(ImageOps.exif_transpose(opened(tmp_path / "in.png")).convert("RGB"))
    np.testing.assert_array_equal(picture.image[:, :, ::-1], shown)
    picture.write(tmp_path / "out.jpg")
    metadata = opened(tmp_path / "out.jpg").getexif()
    assert metadata[0x010F] == "A maker"
    assert 0x0112 not in metadata


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_colour_profile_and_exif_are_kept(suffix: str, tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x8298] = "The author"
    exif.get_ifd(0x8769)[0x9003] = "2026:11:22 12:00:00"
    four_colors().save(tmp_path / f"in{suffix}", icc_profile=PROFILE, exif=exif)
    ImageFile.read(tmp_path / f"in{suffix}").write(tmp_path / f"out{suffix}")
    metadata = opened(tmp_path / f"out{suffix}")
    assert metadata.info["icc_profile"] == PROFILE
    assert metadata.getexif()[0x8298] == "The author"
    if suffix != ".tif":  # Pillow does not write it into our test's TIFF in the first place
        assert metadata.getexif().get_ifd(0x8769)[0x9003] == "2026:11:22 12:00:00"


def test_a_thumbnail_of_the_original_picture_is_not_kept(tmp_path: Path) -> None:
    directories = [(0x010F, 2, 4, b"Me!\0", 26), (0x0103, 3, 1, b"\x06\0\0\0", 0)]  # the second is the thumbnail's
    entries = [struct.pack("<HHHI4sI", 1, *entry) for entry in directories]
    four_colors().save(tmp_path / "in.jpg", exif=b"Exif\0\0II*\0\x08\0\0\0" + b"".join(entries))
    assert opened(tmp_path / "in.jpg").getexif().get_ifd(IFD.IFD1)
    ImageFile.read(tmp_path / "in.jpg").write(tmp_path / "out.jpg")
    metadata = opened(tmp_path / "out.jpg").getexif()
    assert metadata[0x010F] == "Me!"
    assert not metadata.get_ifd(IFD.IFD1)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_kept(mode: str, tmp_path: Path) -> None:
    if mode == "P":
        made = four_colors().quantize(8)
        made.save(tmp_path / "in.png", transparency=made.getpixel((0, 0)))
    else:
        made = four_colors(mode)
        made.putalpha(Pillow.linear_gradient("L").resize((48, 32)))
        made.save(tmp_path / "in.png")
    expected = np.asarray(opened(tmp_path / "in.png").convert("RGBA"))[:, :, 3]
    assert expected.min() < expected.max()
    ImageFile.read(tmp_path / "in.png").write(tmp_path / "out.png")
    np.testing.assert_array_equal(np.asarray(opened(tmp_path / "out.png"))[:, :, 3], expected)


def test_a_transparent_picture_gets_a_white_background_in_a_jpeg(tmp_path: Path) -> None:
    ImageFile(np.zeros((32, 32, 3), np.uint8), np.zeros((32, 32), np.uint8)).write(tmp_path / "out.jpg")
    assert ImageFile.read(tmp_path / "out.jpg").image.min() > 250


@pytest.mark.parametrize("mode", ["L", "1", "CMYK", "P", "RGB"])
def test_every_pixel_format_is_converted_to_bgr(mode: str, tmp_path: Path) -> None:
    four_colors(mode).save(tmp_path / "in.tif")
    picture = ImageFile.read(tmp_path / "in.tif")
    assert picture.image.shape == (32, 48, 3)
    assert picture.alpha is None
    assert picture.image[24, 40].min() > 250


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("shape", [(32, 48), (32, 48, 3)], ids=["grey", "colour"])
def test_sixteen_bits_are_rounded_to_eight(shape: tuple[int, ...], suffix: str, tmp_path: Path) -> None:
    deep = np.random.default_rng(0).integers(0, 65536, shape).astype(np.uint16)
    cv2.imwrite(str(tmp_path / f"in{suffix}"), deep)
    found = ImageFile.read(tmp_path / f"in{suffix}").image
    expected = deep / 257 if deep.ndim == 3 else np.dstack([deep / 257] * 3)
    assert np.abs(found - expected).max() <= 1


def test_a_grey_color_profile_is_dropped(tmp_path: Path) -> None:
    grey = PROFILE[:16] + b"GRAY" + PROFILE[20:]
    four_colors("L").save(tmp_path / "in.png", icc_profile=grey)
    assert ImageFile.read(tmp_path / "in.png").profile is None


def png() -> bytes:
    made = io.BytesIO()
    Pillow.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(made, "PNG")
    return made.getvalue()


def huge() -> bytes:
    """Return a small PNG file that claims 2,500 megapixels."""
    head = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(b"nothing"))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no picture"),
        (b"no picture at all", "no picture"),
        (png()[:2000], "damaged"),
        (png()[:20], ""),
        (huge(), "megapixels"),
    ],
    ids=["empty", "text", "truncated", "head only", "huge"],
)
def test_an_invalid_file_is_named(data: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(data)
    with pytest.raises(SourceUnreadableError, match=r"bad\.png") as raised:
        ImageFile.read(tmp_path / "bad.png")
    assert message in str(raised.value)
    with pytest.raises(SourceUnreadableError, match="standard input"):
        ImageFile.read(data)


def test_a_missing_file_is_reported_as_missing(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreadableError, match="there is no file"):
        ImageFile.read(tmp_path / "nowhere.png")


def test_a_float_picture_is_refused(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "in.tif"), np.zeros((8, 8, 3), np.float32))
    with pytest.raises(SourceUnreadableError, match="float32"):
        ImageFile.read(tmp_path / "in.tif")


def test_a_suffix_without_a_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"write out\.png"):
        ImageFile(np.zeros((8, 8, 3), np.uint8)).write(tmp_path / "out.xyz")
    assert not list(tmp_path.iterdir())


def test_a_transparent_grey_level_of_sixteen_bits_becomes_alpha(tmp_path: Path) -> None:
    values = np.full((8, 8), 30_000, np.uint16)
    values[0, 0] = 7
    Pillow.fromarray(values).save(tmp_path / "a.png", transparency=7)
    alpha = ImageFile.read(tmp_path / "a.png").alpha
    assert alpha is not None
    assert (alpha[0, 0], int(alpha.min()), int(alpha.sum())) == (0, 0, 63 * 255)


def test_exif_too_large_for_a_jpeg_is_left_out(tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x010E] = "x" * 70_000
    Pillow.new("RGB", (16, 16)).save(tmp_path / "a.png", exif=exif)
    ImageFile.read(tmp_path / "a.png").save(tmp_path / "b.jpg")
    assert ImageFile.read(tmp_path / "b.jpg").image.shape == (16, 16, 3)


def test_a_picture_too_large_for_its_format_is_refused_with_another_format(tmp_path: Path) -> None:
    with pytest.raises(SinkUnavailableError, match=r"16400×2 cannot be written as WEBP.*\.png"):
        ImageFile(np.zeros((2, 16_400, 3), np.uint8)).save(tmp_path / "a.webp")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("maximum", [1023, 4095, 65535])
def test_grey_pictures_of_any_bit_depth_keep_their_brightness(maximum: int, tmp_path: Path) -> None:
    numbers = np.linspace(0, maximum, 64).round().astype(">u2").reshape(8, 8)
    (tmp_path / "a.pgm").write_bytes(b"P5 8 8 %d\n" % maximum + numbers.tobytes())
    found = ImageFile.read(tmp_path / "a.pgm").image
    assert np.abs(found[:, :, 0] - numbers.astype(float) / maximum * 255).max() <= 1


def animated(path: Path, **more: object) -> Path:
    frames = [Pillow.new("RGB", (16, 16), (level, 0, 0)) for level in (50, 150, 250)]
    frames[0].save(path, save_all=True, append_images=frames[1:], **more)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize(
    ("name", "notes"),
    [
        ("a.gif", ("is animated, and only its first picture was read; stylecam video paints all",)),
        ("a.webp", ("is animated, and only its first picture was read",)),
        ("a.apng", ("is animated, and only its first picture was read; stylecam video paints all",)),
        ("a.tif", ("has several pages, and only the first was read",)),
        ("a.mpo", ()),  # phones store previews and depth maps this way
    ],
)
def test_more_pictures_in_a_file_are_noted(name: str, notes: tuple[str, ...], tmp_path: Path) -> None:
    kind = {"format": "PNG"} if name == "a.apng" else {}
    picture = ImageFile.read(animated(tmp_path / name, **kind))
    assert picture.notes == notes
    assert abs(int(picture.image[8, 8, 2]) - 50) < 4  # the first


def test_a_file_with_one_picture_has_no_note(tmp_path: Path) -> None:
    four_colors().save(tmp_path / "a.gif")
    assert ImageFile.read(tmp_path / "a.gif").notes == ()


def test_formats_that_only_opencv_reads_are_noted(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.pam"), np.full((8, 8, 3), 99, np.uint8))
    picture = ImageFile.read(tmp_path / "a.pam")
    assert picture.image[0, 0, 0] == 99
    assert picture.notes == ("was read without EXIF data and colour profile, if it has any",)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_grey_tiffs_are_rotated_once(kind: type[np.uint8 | np.uint16], tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    pixels = np.linspace(0, np.iinfo(kind).max, 48).astype(kind).reshape(6, 8)
    Pillow.fromarray(pixels).save(tmp_path / "a.tif", exif=exif)
    found = ImageFile.read(tmp_path / "a.tif").image[:, :, 0]
    np.testing.assert_allclose(found, np.rot90(pixels, -1) / (np.iinfo(kind).max / 255), atol=1)


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize(
    "data",
    [
        b"P7\nWIDTH 30000\nHEIGHT 30000\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n" + bytes(1000),
        b"junk\xff\x4f\xff\x51" + struct.pack(">HH8IH", 47, 0, 30000, 30000, 0, 0, 30000, 30000, 0, 0, 3) + bytes(1000),
    ],
    ids=["PAM", "JPEG 2000"],
)
def test_a_file_for_opencv_that_claims_a_huge_size_is_refused(data: bytes, live: bool) -> None:
    with pytest.raises(SourceUnreadableError, match=r"more than \d+ megapixels|no picture that can be read"):
        ImageFile.read(data, live=live)


def test_a_format_whose_size_is_unknown_is_not_given_to_opencv() -> None:
    _, encoded = cv2.imencode(".hdr", np.ones((8, 8, 3), np.float32))
    with pytest.raises(SourceUnreadableError, match="no picture that can be read"):
        ImageFile.read(encoded.tobytes())


def test_an_animation_that_ends_after_its_first_picture_is_read() -> None:
    file = io.BytesIO()
    first = Pillow.new("P", (8, 8))
    first.save(file, "GIF", save_all=True, append_images=[first.rotate(90)], duration=100)
    data = file.getvalue()
    second = data.rindex(b"\x21\xf9")
    for end in range(second, second + 12):
        with contextlib.suppress(SourceUnreadableError):
            assert ImageFile.read(data[:end]).image.shape == (8, 8, 3)
