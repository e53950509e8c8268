"""Reading a photo safely: the header first, then the pixels, then everything that has to come back with them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inkover.errors import InkoverError
from inkover.photo import exif as exifs
from inkover.photo import jpeg, png, tiff, webp, whole
from inkover.photo.directory import Directory, parsed
from inkover.photo.orientation import upright
from inkover.photo.photo import Array, Metadata, Photo, check_size, sealed

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF")

_GREY = ("1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N")
_COLOUR = ("RGB", "RGBA", "RGBX", "RGBa", "P", "PA", "YCbCr")
_REFUSED = {
    "CMYK": "CMYK (print colours), which cannot come back unchanged from RGB",
    "LAB": "Lab colours",
    "HSV": "HSV colours",
    "I": "32-bit integers",
    "F": "floating point values",
}
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_KNOWN = (  # how other files begin, to say what came
    (b"GIF8", "GIF"), (b"BM", "BMP"), (b"8BPS", "Photoshop"), (b"%PDF", "PDF"), (b"%!PS", "PostScript"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"), (b"\xff\x0a", "JPEG XL"), (b"\0\0\0\x0cJXL ", "JPEG XL"), (b"<svg", "SVG"),
    (b"v/1\x01", "OpenEXR"), (b"qoif", "QOI"), (b"FUJIFILM", "a raw photo"), (b"\0\0\1\0", "an icon"),
)  # fmt: skip


def read(path: str | Path, max_pixels: int = 100_000_000) -> Photo:
    """Read a photo of one of ``FORMATS``; its header is judged before a pixel is decoded."""
    path = Path(path)
    _check_file(path)
    with _calm(path):
        with _opened(path, path) as image:
            format = _judged(image, path, max_pixels)
        content = path.read_bytes()
        with _opened(BytesIO(content), path) as image:
            if _judged(image, path, max_pixels) == "JPEG":
                jpeg.check(content, image.size[::-1], path.name)
            directory = parsed(content) if format == "TIFF" else Directory("<")
            if found := tiff.strange(directory):
                raise InkoverError(f"{path} holds {found}: save it as RGB or grey of 8 or 16 bits")
            metadata = _metadata(image, format, content, directory)
            pixels, alpha, grey = _decoded(image, format, content, directory, path.name, metadata.orientation)
    lossless = format in ("PNG", "TIFF") or (format == "WEBP" and webp.is_lossless(content))
    return Photo(pixels, alpha, grey, format, lossless, metadata, path, content)


def from_array(array: Array | Image.Image, format: str = "PNG") -> Photo:
    """Make a photo of an array of 8 or 16 bits, or of a Pillow image; ``format`` is the container it counts as."""
    from PIL import Image

    if format not in FORMATS:
        raise InkoverError(f"format {format!r}: expected one of {', '.join(FORMATS)}")
    metadata = Metadata()
    if isinstance(array, Image.Image):
        metadata = _image_metadata(array)
        array = upright(_channels(array, "the image"), metadata.orientation)
    values = np.array(array)  # a copy: nobody else may write into a photo
    if values.ndim == 2:
        values = values[..., None]
    if values.dtype not in (np.uint8, np.uint16) or values.ndim != 3 or values.shape[2] not in (1, 2, 3, 4):
        raise InkoverError(
            f"an array of {values.dtype} {values.shape} came: expected uint8 or uint16, (H, W) or (H, W, 1 to 4)"
        )
    check_size((values.shape[0], values.shape[1]), "the array")
    pixels, alpha, grey = _split(values)
    if metadata.icc and metadata.icc[16:20] != (b"GRAY" if grey else b"RGB "):
        metadata = replace(metadata, icc=None)  # of the colours the image had before it was converted
    return Photo(pixels, alpha, grey, format, format in ("PNG", "TIFF"), metadata)


def jpeg_pixels(content: bytes, orientation: int) -> Array:
    """Decode a JPEG that was read before to its upright pixels (H, W, 3)."""
    from PIL import Image

    with warnings.catch_warnings(), Image.open(BytesIO(content), formats=("JPEG",)) as image:
        warnings.simplefilter("ignore")
        return _split(upright(_channels(image, "the photo"), orientation))[0]


def _image_metadata(image: Image.Image) -> Metadata:
    """Return what a Pillow image knows beside its pixels."""
    image.load()  # some decoders turn the picture, and only then say that it is upright
    info, orientation = image.info, _turn(image.getexif().get(274, 1))
    exif = exifs.bare(info.get("exif"))
    if exif is None and (made := exifs.bare(image.getexif().tobytes())):
        exif = tiff.exif(parsed(made))  # an image that was a TIFF also says how its pixels lay in the file
    exif = exif and exifs.with_orientation(exif, orientation)
    return Metadata(exif, _xmp(info), info.get("icc_profile") or None, orientation, _resolution(info.get("dpi")))


def _check_file(path: Path) -> None:
    try:
        if not path.exists():
            raise InkoverError(f"{path}: no such file: check the name")
        if path.is_dir():
            raise InkoverError(f"{path} is a folder: give one photo in it")
        if not path.is_file():
            raise InkoverError(f"{path} is not a regular file: give a photo")
        if path.stat().st_size == 0:
            raise InkoverError(f"{path} is empty (0 bytes): copy the photo again")
    except OSError as problem:
        raise InkoverError(f"{path} cannot be read: {problem.strerror or problem}") from None


@contextmanager
def _calm(path: Path) -> Iterator[None]:
    """Turn whatever a broken file makes the decoders say into one line."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's doubts about metadata; its bomb warning is judged by us
            yield
    except (InkoverError, MemoryError):
        raise
    except OSError as problem:
        if problem.errno is not None:
            raise InkoverError(f"{path} cannot be read: {problem.strerror}") from None
        raise InkoverError(_damaged(path, problem)) from None
    except Exception as problem:  # decoders of broken files raise nearly anything: struct.error, KeyError, ...
        raise InkoverError(_damaged(path, problem)) from None


def _damaged(path: Path, problem: Exception) -> str:
    reason = " ".join(str(problem).split())[:120] or type(problem).__name__
    return f"{path} is damaged or cut short ({reason}): copy it again from where it came"


def _opened(source: Any, path: Path) -> Image.Image:
    from PIL import Image, UnidentifiedImageError

    with open(path, "rb") as file:
        start = file.read(64)
    if _is_heif(start):
        import pillow_heif

        pillow_heif.register_heif_opener()
    try:
        return Image.open(source, formats=FORMATS if _is_heif(start) else tuple(f for f in FORMATS if f != "HEIF"))
    except Image.DecompressionBombError:
        raise InkoverError(f"{path}: over 178 megapixels, sides must be 64 to 12000 px: resize it first") from None
    except UnidentifiedImageError:
        raise InkoverError(_unknown(path, start)) from None


def _is_heif(start: bytes) -> bool:
    return start[4:8] == b"ftyp" and start[8:12] not in (b"avif", b"avis") and b"avif" not in start[8:]


def _unknown(path: Path, start: bytes) -> str:
    ours = "JPEG, PNG, WebP, TIFF, HEIC or AVIF"
    if start[:4] in _TIFF and (found := tiff.described(path.read_bytes())):
        return f"{path} is a TIFF of {found}, or is damaged: save it as RGB or grey of 8 or 16 bits"
    if jpeg.SIGNATURE == start[:3] or start[:8] == b"\x89PNG\r\n\x1a\n" or start[:4] in _TIFF:
        return f"{path} is damaged or cut short (its header cannot be read): copy it again from where it came"
    for begin, name in _KNOWN:
        if start.startswith(begin):
            return f"{path} is {name}, not {ours}: convert it to PNG first"
    return f"{path} is not an image Inkover reads: expected {ours}"


def _judged(image: Image.Image, path: Path, max_pixels: int) -> str:
    """Return the format of an opened image, or raise for what is too large, moving or in other colours."""
    width, height = image.size
    if width * height > max_pixels:
        raise InkoverError(
            f"{path}: {width} x {height} px are {width * height:,} pixels, the most is {max_pixels:,}: "
            f"pass --max-pixels {width * height} if you trust the file"
        )
    check_size((height, width), str(path))
    format = "JPEG" if image.format == "MPO" else str(image.format)  # MPO: a JPEG with further pictures behind it
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format in ("PNG", "WEBP", "AVIF"):
        raise InkoverError(f"{path} is animated ({frames} frames): export the frame to edit as PNG")
    if frames > 1 and format == "TIFF":
        raise InkoverError(f"{path} has {frames} pages: export the page to edit as PNG or TIFF")
    if image.mode in _REFUSED:
        raise InkoverError(f"{path} holds {_REFUSED[image.mode]}: convert it to RGB first, for instance as TIFF")
    if image.mode not in _GREY + _COLOUR:
        raise InkoverError(f"{path} holds pixels of kind {image.mode}: convert it to RGB first, for instance as PNG")
    return format


def _metadata(image: Image.Image, format: str, content: bytes, directory: Directory) -> Metadata:
    """Collect the metadata before the pixels are decoded, as some decoders change it."""
    info = image.info
    icc, dpi = info.get("icc_profile") or None, _resolution(info.get("dpi"))
    if format == "TIFF":
        return Metadata(tiff.exif(directory), tiff.xmp(directory), icc, _turn(tiff.orientation(directory)), dpi)
    exif, xmp = info.get("exif"), _xmp(info)
    if format == "PNG":  # whose decoder knows nothing of the chunks behind the pixels yet
        exif, xmp, icc = png.described(content)
    orientation = 1 if format == "HEIF" else image.getexif().get(274, 1)  # HEIF decoders turn the picture
    return Metadata(exifs.bare(exif), xmp, icc, _turn(orientation), dpi)


def _xmp(info: Mapping[Any, Any]) -> bytes | None:
    """Return the XMP packet under either of Pillow's names."""
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp") or None
    return xmp.encode() if isinstance(xmp, str) else xmp


def _turn(orientation: Any) -> int:
    """Return an orientation there is, 1 for any other value."""
    return int(orientation) if orientation in range(1, 9) else 1


def _resolution(dpi: Any) -> tuple[float, float] | None:
    try:
        x, y = (float(value) for value in dpi)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return (x, y) if 0 < x < 1e6 and 0 < y < 1e6 else None


def _decoded(
    image: Image.Image, format: str, content: bytes, directory: Directory, name: str, orientation: int
) -> tuple[Array, Array | None, bool]:
    """Decode to upright pixels (H, W, 3), alpha (H, W) or None, and whether the file has one channel."""
    depth = _depth(format, content, directory)
    if depth not in (1, 2, 4, 8, 16):
        raise InkoverError(f"{name} holds {depth} bits a channel: convert it to 8 or 16 bits first")
    image.load()  # also finds truncated files, which OpenCV reads without a word
    if depth == 16:
        straight = format == "PNG"
        deep = _deep(content if straight else tiff.as_stored(content), name)
        stored = deep if straight else tiff.straight(deep, directory)
        grey = image.mode in _GREY or (format == "PNG" and content[25] in (0, 4))  # PNG's kinds without colour
        return _split(upright(_keyed(_as_grey(stored) if grey else stored, image), orientation))
    stored = _channels(image, name)
    if format == "JPEG" and (lack := whole.missing(content, stored)):
        raise ValueError(lack)
    turned = format == "TIFF"  # Pillow turns TIFF upright while loading, and nothing else
    return _split(stored if turned else upright(stored, orientation))


def _depth(format: str, content: bytes, directory: Directory) -> int:
    if format == "PNG":
        return content[24]
    return tiff.depth(directory) if format == "TIFF" else 8


def _channels(image: Image.Image, name: str) -> Array:
    """Return a Pillow image of 8 bits as (H, W, 1 to 4)."""
    if image.mode in _REFUSED:
        raise InkoverError(f"{name} holds {_REFUSED[image.mode]}: convert it to RGB first")
    transparent = image.has_transparency_data
    if image.mode.startswith("I;16"):
        return np.asarray(image, dtype=np.uint16)[..., None]
    if image.mode in _GREY:
        array = np.asarray(image.convert("LA" if transparent else "L"))
        return array.reshape(*array.shape[:2], -1)
    return np.asarray(image.convert("RGBA" if transparent else "RGB"))


def _deep(content: bytes, name: str) -> Array:
    """Decode 16 bits a channel as (H, W, 1, 3 or 4) in the stored frame: Pillow would keep only 8 of them."""
    import cv2

    loud = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # it talks of every tag it does not know
    try:
        array = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    finally:
        cv2.utils.logging.setLogLevel(loud)
    if array is None or array.dtype != np.uint16:
        raise InkoverError(f"{name}: this kind of 16-bit file cannot be read: save it as plain 16-bit RGB or grey")
    if array.ndim == 2:
        return array[..., None]
    if array.shape[2] not in (3, 4):
        raise InkoverError(f"{name} has {array.shape[2]} channels of 16 bits: save it as RGB, RGBA or grey")
    return np.concatenate([array[..., 2::-1], array[..., 3:]], axis=2)


def _as_grey(stored: Array) -> Array:
    """Return the first of three equal channels, and the transparency where there is one."""
    return np.concatenate([stored[..., :1], stored[..., 3:]], axis=2)


def _keyed(stored: Array, image: Image.Image) -> Array:
    """Turn a PNG's one grey that means transparent, which OpenCV leaves as it is, into a channel."""
    key = image.info.get("transparency")
    if stored.shape[2] != 1 or not isinstance(key, int):
        return stored
    return np.concatenate([stored, np.where(stored == key, 0, 65535).astype(np.uint16)], axis=2)


def _split(values: Array) -> tuple[Array, Array | None, bool]:
    """Split (H, W, 1 to 4) into (H, W, 3), alpha and whether it was grey."""
    count = values.shape[2]
    alpha = sealed(np.ascontiguousarray(values[..., -1])) if count in (2, 4) else None
    grey = count < 3
    pixels = np.repeat(values[..., :1], 3, axis=2) if grey else np.ascontiguousarray(values[..., :3])
    return sealed(pixels), alpha, grey
