"""Writing an edited photo: the same container, metadata and untouched pixels, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from inkover.errors import InkoverError
from inkover.photo import blocks, exif, huffman, jpeg, png, splice, tiff, xmp
from inkover.photo.atomic import writable, write_whole
from inkover.photo.orientation import stored, stored_view
from inkover.photo.photo import Array, Metadata, Photo
from inkover.photo.reading import jpeg_pixels

_SUFFIXES = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG", ".png": "PNG", ".webp": "WEBP",
    ".tif": "TIFF", ".tiff": "TIFF", ".heic": "HEIF", ".heif": "HEIF", ".hif": "HEIF", ".avif": "AVIF",
}  # fmt: skip


def default_output(path: str | Path) -> Path:
    """Return NAME.edited.EXT beside the photo; .jpg for HEIC, and for a name without one of our suffixes .png."""
    path = Path(path)
    format = _SUFFIXES.get(path.suffix.lower())
    suffix = {"HEIF": ".jpg", None: ".png"}.get(format, path.suffix)
    return path.with_name(f"{path.stem}.edited{suffix}")


def format_of(path: Path) -> str:
    """Return the format a file name asks for."""
    format = _SUFFIXES.get(path.suffix.lower())
    if format is None:
        raise InkoverError(f"{path}: unsupported suffix {path.suffix!r}: use one of {' '.join(sorted(_SUFFIXES))}")
    return format


def misnamed(photo: Photo) -> str | None:
    """Say what format a photo's name promises where its file holds another, None where the name is right or unknown."""
    promised = None if photo.path is None else _SUFFIXES.get(photo.path.suffix.lower())
    return None if promised == photo.format else promised


def check_output(photo_path: str | Path | None, out: str | Path, force: bool, option: str = "-o") -> None:
    """Raise unless a photo can be written to ``out``, so that nobody waits for an edit that has nowhere to go.

    ``option`` is the one that named it.
    """
    out = Path(out)
    format_of(out)
    try:
        if photo_path is not None and out.exists() and out.samefile(photo_path):
            raise InkoverError(f"{out} is the photo itself, which is never overwritten: use {option} with another name")
        if out.is_dir():
            raise InkoverError(f"{out} is a folder: use {option} with a file name in it")
        if os.path.lexists(out) and not force:
            raise InkoverError(f"{out} exists: use --force to replace it, or {option} with another name")
        if not out.parent.is_dir():
            raise InkoverError(f"folder {out.parent} does not exist: make it, or use {option} with another folder")
        if not writable(out.parent):
            raise InkoverError(f"folder {out.parent} cannot be written to: use {option} with another folder")
    except OSError as problem:
        raise InkoverError(f"{out} cannot be written ({problem.strerror}): use {option} with another name") from None


def write(photo: Photo, path: str | Path, original: Photo, mask: Array | None = None, mark: bool = True) -> None:
    """Write an edited photo in the format its name asks for; the file is complete or not there.

    Metadata comes from the original. In the original's own format the stored orientation stays, PNG keeps its chunks,
    TIFF its tags, lossless WebP stays lossless, and a JPEG keeps its quantisation tables, its sampling and the
    coefficients of every block that neither mask nor change touches, of this edit and of those before it in memory.
    ``mark`` adds the machine-readable mark of an edited picture (IPTC DigitalSourceType,
    compositeWithTrainedAlgorithmicMedia) to the XMP.
    """
    path = Path(path)
    format = format_of(path)
    if photo.size != original.size:
        raise InkoverError(f"the edited photo is {photo.size} (H, W), the original {original.size}: give its own")
    if mask is not None:
        photo = _restored(photo, original, mask)
    write_whole(path, _ENCODERS[format](photo, original, mark))


def _restored(photo: Photo, original: Photo, mask: Array) -> Photo:
    """Put the original's pixels back where the mask is 0: the promise holds whoever made the edit."""
    if mask.shape != photo.size:
        raise InkoverError(f"the mask is {mask.shape} (H, W), the photo {photo.size}: save it at the photo's size")
    if photo.pixels is original.pixels or photo.pixels.dtype != original.pixels.dtype:
        return photo
    astray = blocks.differing(photo.pixels, original.pixels) & ~(mask > 0)
    if not astray.any():
        return photo
    return replace(photo, pixels=np.where(astray[..., None], original.pixels, photo.pixels))


def _same(original: Photo, format: str) -> bytes | None:
    """Return the original's file where it is of this format."""
    return original.content if original.format == format else None


def _prepared(photo: Photo, original: Photo, format: str, mark: bool) -> tuple[Array, Metadata]:
    """Return the channels (H, W, 1 to 4) as they are to be stored, and the metadata that goes with them."""
    metadata = _described(original, format, mark)
    colours = photo.pixels[..., :1] if photo.grey else photo.pixels
    channels = colours if photo.alpha is None else np.concatenate([colours, photo.alpha[..., None]], axis=2)
    return stored(channels, metadata.orientation), metadata


def _described(original: Photo, format: str, mark: bool) -> Metadata:
    """Return the metadata of the file to be written: stored upright unless the original was of this format."""
    metadata = original.metadata
    keeps_frame = _same(original, format) is not None
    if not keeps_frame and metadata.orientation != 1:
        metadata = replace(
            metadata,
            orientation=1,
            exif=metadata.exif and exif.with_orientation(metadata.exif, 1),
            xmp=metadata.xmp and xmp.set_upright(metadata.xmp),
        )
    return replace(
        metadata,
        exif=metadata.exif and exif.without_thumbnail(metadata.exif),
        xmp=xmp.marked(metadata.xmp) if mark else metadata.xmp,
    )


def _png(photo: Photo, original: Photo, mark: bool) -> bytes:
    channels, metadata = _prepared(photo, original, "PNG", mark)
    return png.encoded(channels, metadata, _same(original, "PNG"))


def _tiff(photo: Photo, original: Photo, mark: bool) -> bytes:
    channels, metadata = _prepared(photo, original, "TIFF", mark)
    if channels.shape[2] == 2 and channels.dtype == np.uint16:  # Pillow, and so many a reader, opens no such TIFF
        channels = channels[..., [0, 0, 0, 1]]
    return tiff.encoded(channels, metadata, _same(original, "TIFF"))


def _jpeg(photo: Photo, original: Photo, mark: bool) -> bytes:
    if photo.alpha is not None:
        raise InkoverError("JPEG cannot hold the photo's transparency: use -o NAME.png")
    content = _same(original, "JPEG")
    if content is None or photo.pixels.dtype != np.uint8:
        channels, metadata = _prepared(photo, original, "JPEG", mark)
        return _new_jpeg(_eight_bits(channels), metadata)
    metadata = _described(original, "JPEG", mark)
    held = jpeg_pixels(content, metadata.orientation) if original.edited else original.pixels
    changed = stored_view(blocks.differing(photo.pixels, held), metadata.orientation)
    picture = stored_view(photo.pixels, metadata.orientation)
    parts = list(jpeg.segments(content))
    frame = jpeg.frame(parts)
    return jpeg.reassembled(parts, metadata, _recoded(parts, frame, picture, changed))


def _recoded(parts: list[jpeg.Segment], frame: jpeg.Frame, picture: Array, changed: Array) -> bytes:
    """Return the segments from the frame to the end of the last scan, with the picture where it changed."""
    if splice.pays(parts, frame) and (spliced := splice.coded(parts, frame, picture, changed)):
        return spliced
    return huffman.coded(blocks.edited(blocks.coefficients(parts), frame, picture, changed), frame)


def _new_jpeg(channels: Array, metadata: Metadata) -> bytes:
    """Write a JPEG of a photo that was none: quality 95, colours at full size."""
    dpi = {"dpi": metadata.dpi} if metadata.dpi else {}
    icc = {"icc_profile": metadata.icc} if metadata.icc else {}
    content = _saved(channels, "JPEG", quality=95, subsampling=0, **dpi, **icc)
    parts = list(jpeg.segments(content))
    named = [part for part in parts if part.marker == jpeg.APP0]
    others = [part for part in parts if part.marker != jpeg.APP0]
    return b"\xff\xd8" + b"".join(p.bytes() for p in [*named, *jpeg.described(metadata), *others]) + b"\xff\xd9"


def _webp(photo: Photo, original: Photo, mark: bool) -> bytes:
    channels, metadata = _prepared(photo, original, "WEBP", mark)
    lossless = original.lossless  # of a lossy original nothing is won by keeping its every fault
    how: dict[str, Any] = {"lossless": True, "exact": True, "quality": 50} if lossless else {"quality": 95}
    return _saved(_eight_bits(channels), "WEBP", **how, **_named(metadata))


def _avif(photo: Photo, original: Photo, mark: bool) -> bytes:
    channels, metadata = _prepared(photo, original, "AVIF", mark)
    block = exif.with_orientation(metadata.exif, metadata.orientation) if metadata.exif else None
    how = {"quality": 90, "subsampling": "4:0:0" if photo.grey else "4:4:4", "max_threads": 1}
    return _saved(_eight_bits(channels), "AVIF", **how, **_named(replace(metadata, exif=block)))


def _heif(photo: Photo, original: Photo, mark: bool) -> bytes:
    import pillow_heif

    pillow_heif.register_heif_opener()
    if not pillow_heif.libheif_info()["HEIF"]:
        raise InkoverError("this machine's libheif cannot write HEIC: use -o NAME.jpg")
    channels, metadata = _prepared(photo, original, "HEIF", mark)
    return _saved(_eight_bits(channels), "HEIF", quality=90, chroma=444, **_named(metadata))


def _named(metadata: Metadata) -> dict[str, bytes]:
    """Return the metadata there is, under Pillow's names."""
    found = {"exif": metadata.exif, "xmp": metadata.xmp, "icc_profile": metadata.icc}
    return {name: value for name, value in found.items() if value}


def _saved(channels: Array, format: str, **how: Any) -> bytes:
    from PIL import Image

    file = BytesIO()
    picture = Image.fromarray(np.ascontiguousarray(channels[..., 0] if channels.shape[2] == 1 else channels))
    picture.save(file, format, **how)
    return file.getvalue()


def _eight_bits(channels: Array) -> Array:
    """Round 16 bits to 8."""
    if channels.dtype == np.uint8:
        return channels
    return ((channels.astype(np.uint32) + 128) // 257).astype(np.uint8)


_ENCODERS: dict[str, Callable[[Photo, Photo, bool], bytes]] = {
    "JPEG": _jpeg, "PNG": _png, "TIFF": _tiff, "WEBP": _webp, "AVIF": _avif, "HEIF": _heif,
}  # fmt: skip
