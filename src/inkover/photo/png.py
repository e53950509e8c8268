"""PNG: new pixels among the old chunks."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from io import BytesIO

import numpy as np

from inkover.photo.photo import Array, Metadata

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PIXELS = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
_OUTDATED = (b"tRNS", b"hIST", b"sPLT", b"bKGD", b"sBIT", b"acTL", b"fcTL", b"fdAT", b"caBX")
"""Chunks about the old pixels' coding, and caBX: a signature over the old pixels."""
_XMP_KEY = b"XML:com.adobe.xmp"
_LARGEST = 1 << 26
"""Bytes of a compressed description that are unpacked at most."""
_BEFORE_PIXELS = (b"cHRM", b"gAMA", b"iCCP", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"pHYs", b"eXIf")


def encoded(stored: Array, metadata: Metadata, original: bytes | None) -> bytes:  # stored: (H, W, 1 to 4)
    """Write a PNG of 8 or 16 bits with the chunks of the original PNG, or those the metadata needs."""
    made = list(_chunks(_compressed(stored)))
    kept = list(_kept(original, metadata) if original else _fresh(metadata))
    early = [(kind, body) for kind, body in kept if kind in _BEFORE_PIXELS]
    late = [(kind, body) for kind, body in kept if kind not in _BEFORE_PIXELS]
    if metadata.xmp:
        late.insert(0, (b"iTXt", _XMP_KEY + b"\0\0\0\0\0" + metadata.xmp))
    pixels = [(kind, body) for kind, body in made if kind == b"IDAT"]
    return _SIGNATURE + b"".join(_chunk(*one) for one in [made[0], *early, *late, *pixels, (b"IEND", b"")])


def described(content: bytes) -> tuple[bytes | None, bytes | None, bytes | None]:
    """Return EXIF, XMP and ICC profile as the chunks hold them, wherever they stand; None for what is not there."""
    exif = xmp = icc = None
    for kind, body in _chunks(content):
        if kind == b"eXIf":
            exif = exif or body
        elif kind == b"iTXt" and body.startswith(_XMP_KEY + b"\0"):
            xmp = xmp or _text(body)
        elif kind == b"iCCP":
            icc = icc or _unpacked(body.partition(b"\0")[2][1:])
    return exif or None, xmp or None, icc or None


def _text(body: bytes) -> bytes | None:
    """Return the text of an iTXt chunk: after its key, two bytes of compression, a language, and the key in it."""
    rest = body.partition(b"\0")[2]
    text = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    return _unpacked(text) if rest[:1] == b"\1" else text


def _unpacked(data: bytes) -> bytes | None:
    try:
        return zlib.decompressobj().decompress(data, _LARGEST)
    except zlib.error:
        return None


def _compressed(stored: Array) -> bytes:
    if stored.dtype == np.uint16:
        return _deep(stored)
    from PIL import Image

    file = BytesIO()
    picture = Image.fromarray(stored[..., 0] if stored.shape[2] == 1 else np.ascontiguousarray(stored))
    picture.save(file, "PNG", compress_level=4)
    return file.getvalue()


def _deep(stored: Array) -> bytes:
    """Compress 16 bits a channel, each row as its difference from the left neighbour (filter 1)."""
    height, width, channels = stored.shape
    step = 2 * channels
    lines = np.ascontiguousarray(stored.astype(">u2")).view(np.uint8).reshape(height, width * step)
    filtered = np.empty((height, 1 + width * step), np.uint8)
    filtered[:, 0] = 1
    filtered[:, 1 : 1 + step] = lines[:, :step]
    np.subtract(lines[:, step:], lines[:, :-step], out=filtered[:, 1 + step :])
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    data = zlib.compress(filtered.tobytes(), 4)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _kept(original: bytes, metadata: Metadata) -> Iterator[tuple[bytes, bytes]]:
    """Yield the original's chunks that still hold; EXIF as the metadata has it, XMP left to the caller."""
    for kind, body in _chunks(original):
        if kind in _PIXELS + _OUTDATED or (kind == b"iTXt" and body.startswith(_XMP_KEY + b"\0")):
            continue
        if kind == b"eXIf" and metadata.exif:
            body = metadata.exif
        yield kind, body


def _fresh(metadata: Metadata) -> Iterator[tuple[bytes, bytes]]:
    if metadata.icc:
        yield b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc)
    if metadata.dpi:
        yield b"pHYs", struct.pack(">IIB", *(round(value / 0.0254) for value in metadata.dpi), 1)
    if metadata.exif:
        yield b"eXIf", metadata.exif


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = len(_SIGNATURE)
    while position + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, position)
        yield kind, content[position + 8 : position + 8 + length]
        if kind == b"IEND":
            return
        position += 12 + length


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
