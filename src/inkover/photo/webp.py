"""What the header of a WebP says."""

from __future__ import annotations

import struct


def is_lossless(content: bytes) -> bool:
    """Tell whether the picture of a WebP is coded as VP8L, which keeps every pixel."""
    position = 12
    while position + 8 <= len(content):
        kind, length = struct.unpack_from("<4sI", content, position)
        if kind in (b"VP8L", b"VP8 "):
            return bool(kind == b"VP8L")
        position += 8 + length + length % 2
    return False
