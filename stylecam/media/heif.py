"""HEIC and AVIF, the formats of telephones' photographs: recognize them, and load what reads them."""

from __future__ import annotations

from PIL import features

from stylecam.errors import SourceUnreadableError
from stylecam.utils.optional import load

HEAD_BYTES = 64
"""How much of a file's beginning tells its format."""
_HEIC_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"))
_AVIF_BRANDS = frozenset((b"avif", b"avis"))


def prepare(head: bytes, name: str) -> None:
    """Make sure that Pillow can read a HEIC or AVIF file; do nothing for any other.

    Args:
        head: the first `HEAD_BYTES` of the file.
        name: what messages call it.

    Raises:
        SourceUnreadableError: the package that reads it is missing or too old; the message has the command that helps.
    """
    brands = _brands(head)
    if brands & _HEIC_BRANDS:
        heif = load("pillow_heif", purpose=f"{name}: reading HEIC", extra="heic", error=SourceUnreadableError)
        heif.register_heif_opener()  # once more does no harm
    elif brands & _AVIF_BRANDS and not features.check("avif"):
        raise SourceUnreadableError(f'{name}: reading AVIF needs a newer Pillow; run: pip install "pillow>=11.3"')


def _brands(head: bytes) -> frozenset[bytes]:
    """Return the major and compatible brands of a file of the ISO family (ISO/IEC 14496-12, 4.3); empty for others."""
    if head[4:8] != b"ftyp":
        return frozenset()
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return frozenset(head[at : at + 4] for at in (8, *range(16, end, 4)))
