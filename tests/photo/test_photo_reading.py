from __future__ import annotations

import os
import struct
import zlib
from io import BytesIO

import cv2
import numpy as np
import pillow_heif
import pytest
import tifffile
from PIL import Image, ImageCms, ImageOps

from inkover.errors import InkoverError
from inkover.photo import Photo, directory, read, write
from inkover.photo.orientation import stored, upright

LOSSLESS = {"png": {}, "tif": {}, "webp": {"lossless": True}}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "jpg", "avif"])
def test_every_orientation_comes_upright(tmp_path, image, suffix, orientation):
    path = tmp_path / f"photo.{suffix}"
    exif = Image.Exif()
    exif[274] = orientation
    image().save(path, exif=exif, **LOSSLESS.get(suffix, {"quality": 90}))
    with Image.open(path) as opened:
        truth = np.asarray(ImageOps.exif_transpose(opened).convert("RGB"))
    photo = read(path)
    assert np.array_equal(photo.pixels, truth)
    assert photo.metadata.orientation == orientation
    assert photo.size == ((136, 96) if orientation > 4 else (96, 136))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turning_upright_and_back_is_nothing(picture, orientation):
    array = picture(12, 17)
    assert np.array_equal(stored(upright(array, orientation), orientation), array)
    reference = Image.fromarray(array)
    reference.getexif()[274] = orientation
    assert np.array_equal(upright(array, orientation), np.asarray(ImageOps.exif_transpose(reference)))


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_are_read_whole(tmp_path, picture, suffix, channels):
    array = picture(70, 90, channels, np.uint16)
    path = tmp_path / f"deep.{suffix}"
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]
    cv2.imwrite(str(path), array[..., order])
    photo = read(path)
    assert photo.pixels.dtype == np.uint16 and photo.top == 65535
    assert photo.grey == (channels == 1)
    assert np.array_equal(photo.pixels, np.repeat(array, 3, 2) if channels == 1 else array[..., :3])
    assert (photo.alpha is None) == (channels < 4)
    if channels == 4:
        assert np.array_equal(photo.alpha, array[..., 3])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("how", [{}, {"byteorder": ">"}, {"bigtiff": True}], ids=str)
def test_a_deep_tiff_comes_upright_once(tmp_path, picture, how, orientation):
    array = picture(70, 90, 3, np.uint16)
    tags = [(274, "H", 1, orientation, True)]
    tifffile.imwrite(tmp_path / "deep.tif", array, photometric="rgb", extratags=tags, **how)
    photo = read(tmp_path / "deep.tif")
    assert np.array_equal(photo.pixels, upright(array, orientation)) and photo.metadata.orientation == orientation


def test_a_deep_tiff_with_tags_of_its_own_is_read_without_a_word(tmp_path, picture, capfd):
    tags = [(65001, "H", 1, 7, True)]
    tifffile.imwrite(tmp_path / "deep.tif", picture(70, 90, 3, np.uint16), photometric="rgb", extratags=tags)
    read(tmp_path / "deep.tif")
    assert capfd.readouterr().err == ""


def test_a_deep_tiff_whose_white_is_zero(tmp_path, picture):
    array = picture(70, 90, 1, np.uint16)
    tifffile.imwrite(tmp_path / "deep.tif", array[..., 0], photometric="miniswhite")
    assert np.array_equal(read(tmp_path / "deep.tif").pixels[..., :1], 65535 - array)


def test_a_deep_tiff_with_multiplied_colours(tmp_path, picture):
    array = picture(70, 90, 4, np.uint16)
    array[..., 3] = 32767
    tifffile.imwrite(tmp_path / "deep.tif", array // 2, photometric="rgb", extrasamples=["assocalpha"])
    photo = read(tmp_path / "deep.tif")
    assert np.all(photo.alpha == 16383)
    assert np.abs(photo.pixels.astype(int) - np.minimum(array[..., :3] // 2 * (65535 / 16383), 65535)).max() <= 1


@pytest.mark.parametrize(
    ("dtype", "channels", "how", "said"),
    [
        (np.uint8, 5, {"photometric": "rgb", "planarconfig": "contig"}, "5 channels"),
        (np.uint16, 5, {"photometric": "rgb", "planarconfig": "contig"}, "5 channels"),
        (np.uint8, 4, {"photometric": "rgb", "extrasamples": ["unspecified"]}, "neither colour nor transparency"),
        (np.int8, 1, {}, "signed numbers"),
        (np.float16, 3, {"photometric": "rgb"}, "floating point"),
        (np.uint32, 3, {"photometric": "rgb"}, "32 bits a channel"),
    ],
)
def test_a_tiff_that_could_not_come_back_as_it_was_is_refused(tmp_path, dtype, channels, how, said):
    tifffile.imwrite(tmp_path / "photo.tif", np.ones((70, 90, channels), dtype).squeeze(), **how)
    _refused(tmp_path / "photo.tif", said)


def test_a_deep_tiff_in_planes_is_refused(tmp_path, picture):
    planes = np.moveaxis(picture(70, 90, 3, np.uint16), 2, 0).copy()
    tifffile.imwrite(tmp_path / "photo.tif", planes, photometric="rgb", planarconfig="separate")
    _refused(tmp_path / "photo.tif", "separate planes")


def _deep_png(array, kind, extra=b""):
    height, width = array.shape[:2]
    lines = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    body = [_chunk(b"IHDR", header), extra, _chunk(b"IDAT", zlib.compress(lines)), _chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def _chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def test_a_deep_grey_png_keeps_its_transparency_and_stays_grey(tmp_path, picture):
    array = picture(70, 90, 2, np.uint16)
    (tmp_path / "a.png").write_bytes(_deep_png(array, kind=4))
    photo = read(tmp_path / "a.png")
    assert photo.grey and np.array_equal(photo.pixels[..., 0], array[..., 0])
    assert np.array_equal(photo.alpha, array[..., 1])
    array[:9, :9, 0] = 7
    (tmp_path / "b.png").write_bytes(_deep_png(array[..., :1], kind=0, extra=_chunk(b"tRNS", b"\0\x07")))
    photo = read(tmp_path / "b.png")
    assert photo.grey and np.array_equal(photo.alpha == 0, array[..., 0] == 7)


def test_a_quantisation_step_of_nothing_is_a_damaged_jpeg(tmp_path, image):
    path = tmp_path / "photo.jpg"
    image().save(path)
    content = bytearray(path.read_bytes())
    content[content.index(b"\xff\xdb") + 7] = 0
    path.write_bytes(content)
    _refused(path, "damaged")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_every_kind_of_pixel(tmp_path, image, mode):
    made = image().convert("RGB").quantize(32) if mode == "P" else image().convert(mode)
    made.save(tmp_path / "photo.png")
    photo = read(tmp_path / "photo.png")
    assert photo.grey == (mode in ("1", "L", "LA"))
    assert (photo.alpha is not None) == (mode in ("LA", "RGBA"))
    assert np.array_equal(photo.pixels, np.asarray(made.convert("RGB")))


def test_a_transparent_palette_keeps_its_transparency(tmp_path, image):
    made = image().quantize(16)
    made.save(tmp_path / "photo.png", transparency=3)
    truth = np.asarray(Image.open(tmp_path / "photo.png").convert("RGBA"))
    photo = read(tmp_path / "photo.png")
    assert np.array_equal(np.dstack([photo.pixels, photo.alpha]), truth)


def test_heic_is_read_upright(tmp_path, image):
    path = tmp_path / "photo.HEIC"
    exif = Image.Exif()
    exif[274] = 6
    pillow_heif.from_pillow(image()).save(path, quality=90, exif=exif.tobytes())
    photo = read(path)
    assert photo.format == "HEIF" and photo.metadata.orientation == 1 and not photo.lossless
    assert min(photo.size) == 96


def test_metadata_comes_with_it(tmp_path, image):
    exif = Image.Exif()
    exif[271] = "Maker"
    for suffix in ("jpg", "png", "webp", "tif", "avif"):
        path = tmp_path / f"photo.{suffix}"
        how = {"tiffinfo": {700: b"<x/>", 271: "Maker"}} if suffix == "tif" else {"exif": exif, "xmp": b"<x/>"}
        image().save(path, icc_profile=b"profile", dpi=(72, 72), **how)
        found = read(path).metadata
        assert found.icc == b"profile" and b"Maker" in found.exif and found.exif[:2] in (b"II", b"MM")
        assert suffix == "png" or found.xmp == b"<x/>"
        assert suffix in ("webp", "avif") or found.dpi == pytest.approx((72, 72), abs=0.1)


def test_lossless_is_told(tmp_path, image):
    image().save(tmp_path / "a.webp", lossless=True)
    image().save(tmp_path / "b.webp", quality=80)
    image().save(tmp_path / "c.jpg")
    image().save(tmp_path / "d.png")
    assert [read(tmp_path / name).lossless for name in ("a.webp", "b.webp", "c.jpg", "d.png")] == [
        True, False, False, True,
    ]  # fmt: skip


def test_arrays_and_images(picture, image):
    array = picture(80, 70)
    photo = Photo.from_array(array)
    assert np.array_equal(photo.pixels, array) and photo.path is None and not photo.grey
    array[:] = 0
    assert photo.pixels.any(), "a photo is a copy"
    with pytest.raises(ValueError):
        photo.pixels[0, 0] = 1
    assert Photo.from_array(picture(80, 70, 1)[..., 0]).grey
    assert Photo.from_array(image(mode="RGBA")).alpha is not None
    turned = image()
    turned.getexif()[274] = 6
    assert Photo.from_array(turned).size == (136, 96)
    assert Photo.from_array(array.astype(np.uint16)).top == 65535
    for wrong in (array.astype(float), array[..., None], array[:10]):
        with pytest.raises(InkoverError):
            Photo.from_array(wrong)
    with pytest.raises(InkoverError, match="expected one of"):
        Photo.from_array(array, "GIF")


def test_what_a_png_says_behind_its_pixels_is_read(tmp_path, image):
    """EXIF, XMP and profile are allowed, or at least met, behind IDAT; XMP also compressed."""
    block = Image.Exif()
    block[271], block[274] = "Maker", 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    packet, key = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>", b"XML:com.adobe.xmp\0"
    image().save(tmp_path / "plain.png")
    plain = (tmp_path / "plain.png").read_bytes()
    for head, text in ((b"\0\0en\0key\0", packet), (b"\1\0\0\0", zlib.compress(packet))):
        late = _chunk(b"eXIf", block.tobytes()[6:]) + _chunk(b"iTXt", key + head + text)
        late += _chunk(b"iCCP", b"ours\0\0" + zlib.compress(profile))
        (tmp_path / "late.png").write_bytes(plain[:-12] + late + plain[-12:])
        photo = read(tmp_path / "late.png")
        assert photo.metadata.exif == block.tobytes()[6:] and photo.metadata.orientation == 6
        assert photo.metadata.xmp == packet and photo.metadata.icc == profile and photo.size == (136, 96)
        write(photo, tmp_path / "again.png", photo, mark=False)
        assert read(tmp_path / "again.png").metadata == photo.metadata
    broken = _chunk(b"iTXt", key + b"\1\0\0\0no zlib") + _chunk(b"iCCP", b"x\0\0no zlib")
    (tmp_path / "late.png").write_bytes(plain[:-12] + broken + plain[-12:])
    assert read(tmp_path / "late.png").metadata == read(tmp_path / "plain.png").metadata


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_an_image_brings_its_metadata(tmp_path, image, suffix):
    block = Image.Exif()
    block[271], block[274] = "Maker", 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image().save(tmp_path / f"a.{suffix}", exif=block, icc_profile=profile, dpi=(300, 300))
    with Image.open(tmp_path / f"a.{suffix}") as opened:
        photo = Photo.from_array(opened)
        opened.load()
        grey = Photo.from_array(opened.convert("L"))
    assert photo.size == read(tmp_path / f"a.{suffix}").size == (136, 96)
    assert np.array_equal(photo.pixels, read(tmp_path / f"a.{suffix}").pixels)
    assert photo.metadata.icc == profile and photo.metadata.dpi == pytest.approx((300, 300), abs=0.1)
    assert grey.metadata.icc is None, "a profile of three colours says nothing of one"
    for name in ("b.png", "b.jpg", "b.tif"):
        write(photo, tmp_path / name, photo)
        with Image.open(tmp_path / name) as result:
            assert result.getexif()[271] == "Maker" and result.getexif().get(274, 1) == 1
            assert result.info["icc_profile"] == profile and result.size == (96, 136)


def test_a_tiff_s_directory_is_parsed_once(tmp_path, picture, monkeypatch):
    seen, real = [], directory._directory
    monkeypatch.setattr(directory, "_directory", lambda *given, **how: seen.append(given) or real(*given, **how))
    tifffile.imwrite(tmp_path / "photo.tif", picture(70, 90, 3, np.uint16))
    assert read(tmp_path / "photo.tif").pixels.dtype == np.uint16 and len(seen) == 1


def test_values_of_a_box(picture):
    photo = Photo.from_array(picture(80, 70))
    assert photo.values().dtype == np.float32 and photo.values().max() <= 1
    assert np.array_equal(photo.values((3, 5, 20, 30)), photo.values()[3:20, 5:30])


def _png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def _refused(path, match, **how):
    with pytest.raises(InkoverError, match=match) as caught:
        read(path, **how)
    assert "\n" not in str(caught.value)


def test_what_is_no_photo_is_refused(tmp_path, image):
    _refused(tmp_path / "none.jpg", "no such file")
    _refused(tmp_path, "is a folder")
    cases = {"empty.jpg": b"", "text.jpg": b"hello" * 50, "gif.jpg": b"GIF89a" + bytes(40), "bmp.png": b"BM" + bytes(9)}
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
    _refused(tmp_path / "empty.jpg", "0 bytes")
    _refused(tmp_path / "text.jpg", "not an image")
    _refused(tmp_path / "gif.jpg", "is GIF")
    _refused(tmp_path / "bmp.png", "is BMP")
    os.mkfifo(tmp_path / "pipe")
    _refused(tmp_path / "pipe", "not a regular file")


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "avif", "heic"])
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_file_cut_short_is_refused(tmp_path, image, suffix, part):
    path = tmp_path / f"photo.{suffix}"
    if suffix == "heic":
        pillow_heif.from_pillow(image(400, 500)).save(path)
    else:
        image(400, 500).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    _refused(path, "photo")


def test_a_deep_file_cut_short_is_refused(tmp_path, picture):
    for suffix in ("png", "tif"):
        path = tmp_path / f"deep.{suffix}"
        cv2.imwrite(str(path), picture(200, 200, 3, np.uint16))
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        _refused(path, "damaged")


def test_bits_flipped_at_random_end_well_or_in_one_line(tmp_path, image):
    random = np.random.default_rng(1)
    path = tmp_path / "photo"
    for suffix in ("JPEG", "PNG", "WEBP", "TIFF"):
        file = BytesIO()
        image(64, 64).save(file, suffix)
        for _ in range(25):
            content = bytearray(file.getvalue())
            for _ in range(4):
                content[random.integers(4, len(content))] = random.integers(256)
            path.write_bytes(content)
            try:
                assert read(path).pixels.ndim == 3
            except InkoverError as problem:
                assert "\n" not in str(problem)


def test_bombs_are_refused_by_their_header(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(_png(11_000, 10_000))
    _refused(path, "--max-pixels 110000000")
    _refused(path, "damaged", max_pixels=200_000_000)  # asked for, it is decoded, and found empty
    path.write_bytes(_png(60_000, 60_000))
    _refused(path, "megapixels")


@pytest.mark.parametrize("size", [(63, 200), (200, 63), (12_001, 64)])
def test_sides_out_of_range_are_refused(tmp_path, size):
    Image.new("RGB", size).save(tmp_path / "photo.png")
    _refused(tmp_path / "photo.png", "64 to 12000")


def test_the_smallest_and_the_longest_side_are_read(tmp_path):
    Image.new("RGB", (12_000, 64)).save(tmp_path / "photo.png")
    assert read(tmp_path / "photo.png").size == (64, 12_000)


def test_other_colours_and_moving_pictures_are_refused(tmp_path, image):
    image(mode="CMYK").save(tmp_path / "cmyk.jpg")
    _refused(tmp_path / "cmyk.jpg", "CMYK")
    image(mode="CMYK").save(tmp_path / "cmyk.tif")
    _refused(tmp_path / "cmyk.tif", "CMYK")
    image(mode="F").save(tmp_path / "float.tif")
    _refused(tmp_path / "float.tif", "floating point")
    other = image().transpose(Image.Transpose.ROTATE_180)
    for suffix, word in (("png", "animated"), ("webp", "animated"), ("tif", "pages"), ("avif", "animated")):
        image().save(tmp_path / f"two.{suffix}", save_all=True, append_images=[other])
        _refused(tmp_path / f"two.{suffix}", word)


def test_a_photo_with_further_pictures_behind_it_is_read_as_jpeg(tmp_path, image):
    image().save(tmp_path / "phone.jpg", "MPO", save_all=True, append_images=[image()])
    with Image.open(tmp_path / "phone.jpg") as opened:
        assert opened.format == "MPO"
    assert read(tmp_path / "phone.jpg").format == "JPEG"


def test_what_cannot_be_opened_is_said(tmp_path, image, monkeypatch):
    path = tmp_path / "photo.png"
    image().save(path)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    _refused(path, "Permission denied")


@pytest.mark.parametrize("how", [{}, {"compression": "zlib"}, {"compression": "zlib", "planarconfig": "separate"}])
@pytest.mark.parametrize("channels", [2, 4])
def test_eight_bits_multiplied_with_their_transparency_come_straight(tmp_path, picture, how, channels):
    straight = picture(70, 90, channels)
    straight[..., -1] = np.linspace(255, 40, 90).astype(np.uint8)
    multiplied = straight.copy()
    multiplied[..., :-1] = straight[..., :-1].astype(int) * straight[..., -1:] // 255
    kind = {"photometric": "rgb" if channels == 4 else "minisblack", "extrasamples": ["assocalpha"]}
    if channels == 2 and "planarconfig" in how:
        pytest.skip("Pillow opens no such file")
    stored = np.moveaxis(multiplied, -1, 0) if "planarconfig" in how else multiplied
    tifffile.imwrite(tmp_path / "photo.tif", stored, **({"planarconfig": "contig"} | kind | how))
    photo = read(tmp_path / "photo.tif")
    assert np.array_equal(photo.alpha, straight[..., -1])
    apart = np.abs(photo.pixels.astype(int) - straight[..., : channels - 1])
    assert (apart <= 2 * 255 / straight[..., -1:].astype(float)).all()  # what two roundings can take


def test_multiplied_colours_in_planes_are_refused_for_what_they_are(tmp_path, picture):
    planes = np.moveaxis(picture(70, 90, 4), -1, 0)
    tifffile.imwrite(
        tmp_path / "photo.tif", planes, photometric="rgb", extrasamples=["assocalpha"], planarconfig="separate"
    )
    with pytest.raises(InkoverError, match="multiplied with their transparency, in separate planes"):
        read(tmp_path / "photo.tif")
