"""Random damage to files."""

from __future__ import annotations

import random
import struct


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Return `data` with one to four random changes: bytes or whole integers overwritten, removed or repeated."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(out) - 8)
        kind = rng.randrange(5)
        if kind == 0:
            out[at] = rng.randrange(256)
        elif kind == 1:
            out[at : at + 4] = struct.pack("<i", rng.choice([-1, 0, 1, 3, 4, 8, 2**31 - 1, -(2**31)]))
        elif kind == 2:
            out[at : at + 8] = struct.pack("<q", rng.choice([-1, 0, 2**31, 2**62]))
        elif kind == 3:
            del out[at : at + rng.randrange(1, 8)]
        else:
            out[at:at] = out[at : at + rng.randrange(1, 64)]
    return bytes(out)
