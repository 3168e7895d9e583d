"""Photographs of telephones: HEIC with an extra package, AVIF with a Pillow that knows it."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import features

from stylecam.errors import SourceUnreadableError
from stylecam.media.image_file import ImageFile
from stylecam.utils import optional
from tests.media.test_image_file import four_colors, opened

HEIC_HEAD = b"\0\0\0\x1cftypheic\0\0\0\0mif1heicmiaf"
AVIF_HEAD = b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf"


def photograph(kind: str) -> bytes:
    """Return four colours as a telephone held upright writes them: with an EXIF orientation of 6."""
    exif = Pillow.Exif()
    exif[0x0112], exif[0x010F] = 6, "A maker"
    encoded = io.BytesIO()
    four_colors().save(encoded, kind, exif=exif.tobytes(), quality=100)
    return encoded.getvalue()


def heic() -> bytes:
    heif = pytest.importorskip("pillow_heif", reason='HEIC needs pillow-heif: pip install "stylecam[heic]"')
    heif.register_heif_opener()
    return photograph("HEIF")


def avif() -> bytes:
    if not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    return photograph("AVIF")


@pytest.mark.parametrize("encoded", [heic, avif], ids=lambda encoded: encoded.__name__)
def test_a_telephones_photograph_is_read_upright_with_its_exif(encoded: object, tmp_path: Path) -> None:
    assert callable(encoded)
    (tmp_path / "photo").write_bytes(encoded())
    picture = ImageFile.read(tmp_path / "photo")
    shown = np.rot90(np.asarray(four_colors()), -1)
    assert picture.image.shape == shown.shape
    assert np.abs(picture.image[4:12, 4:12, ::-1].astype(int) - shown[4:12, 4:12]).max() < 12  # lossy
    assert picture.notes == ()
    picture.write(tmp_path / "out.jpg")
    exif = opened(tmp_path / "out.jpg").getexif()
    assert exif.get(0x010F) == "A maker"
    assert 0x0112 not in exif


@pytest.mark.parametrize("encoded", [heic, avif], ids=lambda encoded: encoded.__name__)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.8])
def test_a_damaged_one_is_named(encoded: object, share: float, tmp_path: Path) -> None:
    assert callable(encoded)
    whole = encoded()
    (tmp_path / "photo").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(SourceUnreadableError, match="photo"):
        ImageFile.read(tmp_path / "photo")


def test_without_the_package_the_command_that_installs_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photo.heic").write_bytes(HEIC_HEAD + bytes(100))
    monkeypatch.setattr(optional, "is_installed", lambda module: module != "pillow_heif")
    with pytest.raises(SourceUnreadableError, match=r'photo.heic: reading HEIC needs pillow-heif.*"stylecam\[heic\]"'):
        ImageFile.read(tmp_path / "photo.heic")


def test_a_pillow_without_avif_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photo.avif").write_bytes(AVIF_HEAD + bytes(100))
    monkeypatch.setattr(features, "check", lambda _: False)
    with pytest.raises(SourceUnreadableError, match=r'photo.avif: reading AVIF needs a newer Pillow.*"pillow>=11.3"'):
        ImageFile.read(tmp_path / "photo.avif")


def test_other_pictures_do_not_load_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    four_colors().save(tmp_path / "photo.png")
    assert ImageFile.read(tmp_path / "photo.png").image.shape == (32, 48, 3)
