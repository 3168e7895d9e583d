"""Random damage to files."""

from __future__ import annotations

import random
import struct


def mutated(data: bytes, chance: random.Random) -> bytes:
    """`data` with one to four bytes, or whole 32-bit numbers, changed, repeated or taken out."""
    out = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(out) - 8)
        kind = chance.randrange(5)
        if kind == 0:
            out[at] = chance.randrange(256)
        elif kind == 1:
            out[at : at + 4] = struct.pack("<i", chance.choice([-1, 0, 1, 3, 4, 8, 2**31 - 1, -(2**31)]))
        elif kind == 2:
            out[at : at + 8] = struct.pack("<q", chance.choice([-1, 0, 2**31, 2**62]))
        elif kind == 3:
            del out[at : at + chance.randrange(1, 8)]
        else:
            out[at:at] = out[at : at + chance.randrange(1, 64)]
    return bytes(out)
