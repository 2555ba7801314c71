"""Bytes at random, as a disk, a transfer or an editor might leave them."""


def mutated(rng, content):
    """Cut, extended, or with a few bytes replaced, left out or put in."""
    content = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8))):
        # Mostly near the ends, where headers stand.
        near = rng.choice((64, 512, len(content) + 1))
        at = min(rng.randrange(near), max(len(content) - 1, 0))
        at = at if rng.random() < 0.7 else max(len(content) - 1 - at, 0)
        kind = rng.randrange(5)
        if kind == 0:
            del content[at:]
        elif kind == 1:
            content[at : at + 1] = bytes([rng.randrange(256)])
        elif kind == 2:
            del content[at : at + rng.randrange(1, 9)]
        elif kind == 3:
            content[at:at] = rng.randbytes(rng.randrange(1, 9))
        else:
            content[at : at + 4] = rng.choice((b"\xff\xff\xff\x7f", b"\0\0\0\0", b"....", b"\x80"))
    return bytes(content)
