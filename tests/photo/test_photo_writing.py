from __future__ import annotations

import errno
import os
import struct
import sys
from dataclasses import replace

import cv2
import numpy as np
import pillow_heif
import pytest
import tifffile
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from inkover.errors import InkoverError
from inkover.photo import Metadata, Photo, check_output, default_output, read, write, write_whole
from inkover.photo.xmp import COMPOSITE

LOSSLESS = {"png": {}, "tif": {"compression": "tiff_lzw"}, "webp": {"lossless": True, "exact": True}}
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="ours"/>'
    b"</rdf:RDF></x:xmpmeta>"
)


def _same_outside(before, after, mask):
    outside = mask == 0
    assert np.array_equal(before.pixels[outside], after.pixels[outside])
    assert (before.alpha is None) == (after.alpha is None)
    assert before.alpha is None or np.array_equal(before.alpha, after.alpha)


@pytest.mark.parametrize(
    ("suffix", "mode"), [(suffix, mode) for suffix in LOSSLESS for mode in ("RGB", "RGBA", "L", "LA")][:10]
)  # the two left out are grey WebP, which does not exist
def test_lossless_files_are_the_same_to_the_bit_after_ten_edits(tmp_path, picture, edited, mask_of, suffix, mode):
    channels = {"RGB": 3, "RGBA": 4, "L": 1, "LA": 2}[mode]
    array = picture(100, 120, channels)
    if channels in (2, 4):
        array[:30, ..., -1] = 0  # colours under full transparency count too
    made = Image.fromarray(array[..., 0] if channels == 1 else array, mode=None)
    made.save(tmp_path / f"0.{suffix}", **LOSSLESS[suffix])
    original = read(tmp_path / f"0.{suffix}")
    mask = mask_of(original)
    for step in range(10):
        photo = read(tmp_path / f"{step}.{suffix}")
        after = edited(photo, shade=0.1 * step)
        write(after, tmp_path / f"{step + 1}.{suffix}", photo, mask)
        again = read(tmp_path / f"{step + 1}.{suffix}")
        assert np.array_equal(again.pixels, after.pixels), "and inside the file holds the edit itself"
    _same_outside(original, again, mask)
    assert not np.array_equal(original.pixels, again.pixels)
    assert again.lossless and again.grey == (mode in ("L", "LA")) == original.grey


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_stay_sixteen(tmp_path, picture, edited, mask_of, suffix, channels):
    array = picture(90, 110, channels, np.uint16)
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]
    cv2.imwrite(str(tmp_path / f"a.{suffix}"), array[..., order])
    photo = read(tmp_path / f"a.{suffix}")
    after = edited(photo)
    write(after, tmp_path / f"b.{suffix}", photo, mask_of(photo))
    again = read(tmp_path / f"b.{suffix}")
    assert again.pixels.dtype == np.uint16 and np.array_equal(again.pixels, after.pixels)
    _same_outside(photo, again, mask_of(photo))
    seen = cv2.imread(str(tmp_path / f"b.{suffix}"), cv2.IMREAD_UNCHANGED)  # another reader sees the same
    assert seen.dtype == np.uint16
    assert np.array_equal(np.dstack([seen] * 3) if channels == 1 else seen[..., 2::-1], after.pixels)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "avif"])
def test_the_stored_orientation_stays(tmp_path, image, edited, mask_of, suffix, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    exif[271] = "Maker"
    image().save(tmp_path / f"a.{suffix}", exif=exif, **LOSSLESS.get(suffix, {"quality": 95}))
    photo = read(tmp_path / f"a.{suffix}")
    after = edited(photo)
    write(after, tmp_path / f"b.{suffix}", photo, mask_of(photo))
    again = read(tmp_path / f"b.{suffix}")
    assert again.metadata.orientation == orientation and again.size == photo.size
    assert b"Maker" in again.metadata.exif
    if suffix in LOSSLESS:
        assert np.array_equal(again.pixels, after.pixels)
    else:
        assert np.abs(again.pixels.astype(int) - after.pixels).mean() < 5


@pytest.mark.parametrize("target", ["jpg", "png", "tif", "webp", "avif", "heic"])
@pytest.mark.parametrize("source", ["jpg", "png", "tif", "webp", "avif", "heic"])
def test_every_container_into_every_other(tmp_path, image, edited, source, target):
    exif = Image.Exif()
    exif[274], exif[271] = 6, "Maker"
    how = {"exif": exif.tobytes(), "quality": 95}
    if source == "heic":
        pillow_heif.from_pillow(image()).save(tmp_path / "a.heic", **how)
    else:
        image().save(tmp_path / f"a.{source}", icc_profile=b"profile", **how)
    photo = read(tmp_path / f"a.{source}")
    after = edited(photo)
    write(after, tmp_path / f"b.{target}", photo)
    again = read(tmp_path / f"b.{target}")
    assert again.size == photo.size
    assert np.abs(again.pixels.astype(int) - after.pixels).mean() < 8
    assert b"Maker" in again.metadata.exif and COMPOSITE.encode() in again.metadata.xmp
    assert source == "heic" or again.metadata.icc == b"profile"
    if source != target:
        assert again.metadata.orientation == 1


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp", "avif", "heic"])
@pytest.mark.parametrize("mark", [True, False])
def test_the_mark_is_merged_into_the_metadata(tmp_path, image, edited, suffix, mark):
    words = PngInfo()
    words.add_itxt("XML:com.adobe.xmp", XMP.decode())
    how = {"tif": {"tiffinfo": {700: XMP}}, "png": {"pnginfo": words}}.get(suffix, {"xmp": XMP})
    if suffix == "heic":
        pillow_heif.from_pillow(image()).save(tmp_path / "a.heic", **how)
    else:
        image().save(tmp_path / f"a.{suffix}", **how)
    photo = read(tmp_path / f"a.{suffix}")
    write(edited(photo), tmp_path / f"b.{suffix}", photo, mark=mark)
    packet = read(tmp_path / f"b.{suffix}").metadata.xmp
    assert (COMPOSITE.encode() in packet) == mark and b'dc:format="ours"' in packet
    assert mark or packet == XMP
    plain = replace(photo, metadata=Metadata(), content=None)
    write(edited(photo), tmp_path / f"c.{suffix}", plain, mark=False)
    assert read(tmp_path / f"c.{suffix}").metadata.xmp is None


def test_png_keeps_its_chunks(tmp_path, image, edited):
    words = PngInfo()
    words.add_text("Title", "a ball")
    words.add_itxt("Titel", "ein Ball", "de")
    image().save(tmp_path / "a.png", pnginfo=words, icc_profile=b"profile", dpi=(300, 300), gamma=0.45)
    photo = read(tmp_path / "a.png")
    write(edited(photo), tmp_path / "b.png", photo)
    with Image.open(tmp_path / "b.png") as result:
        result.load()
        assert result.text["Title"] == "a ball" and result.text["Titel"] == "ein Ball"
        assert result.info["icc_profile"] == b"profile" and result.info["dpi"] == pytest.approx((300, 300), abs=0.1)


def test_tiff_keeps_its_tags_and_those_below(tmp_path, picture, edited):
    path = tmp_path / "a.tif"
    tags = ImageFileDirectory_v2()
    tags[271], tags[315] = "Maker", "A. Person"
    tags[34665] = {33434: 0.01, 37500: b"maker's own note"}
    tags[34853] = {1: "N"}
    Image.fromarray(picture(90, 100)).save(path, tiffinfo=tags, icc_profile=b"profile", dpi=(240, 240))
    photo = read(path)
    write(edited(photo), tmp_path / "b.tif", photo)
    with Image.open(tmp_path / "b.tif") as result:
        found = result.getexif()
        assert found[271] == "Maker" and found[315] == "A. Person"
        assert found.get_ifd(34665)[33434] == 0.01 and found.get_ifd(34665)[37500] == b"maker's own note"
        assert found.get_ifd(34853)[1] == "N"
        assert result.info["icc_profile"] == b"profile" and result.info["dpi"] == (240, 240)
    assert tifffile.imread(tmp_path / "b.tif").shape == (90, 100, 3)


@pytest.mark.parametrize("how", [{"byteorder": ">"}, {"bigtiff": True}, {"compression": "zlib"}, {"tile": (32, 32)}])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_every_kind_of_tiff(tmp_path, picture, edited, mask_of, how, dtype):
    array = picture(100, 130, 3, dtype)
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="rgb", description="a ball", **how)
    photo = read(tmp_path / "a.tif")
    assert np.array_equal(photo.pixels, array)
    after = edited(photo)
    write(after, tmp_path / "b.tif", photo, mask_of(photo))
    assert np.array_equal(read(tmp_path / "b.tif").pixels, after.pixels)
    with tifffile.TiffFile(tmp_path / "b.tif") as result:
        assert np.array_equal(result.asarray(), after.pixels)
        assert result.pages[0].description == "a ball"
        assert (result.byteorder == ">") == (how == {"byteorder": ">"})


def _exif_with_thumbnail(thumbnail: bytes) -> bytes:
    maker = b"Maker\0"
    first = struct.pack("<HHHIIHHIHHI", 2, 271, 2, 6, 38, 274, 3, 1, 6, 0, 44) + maker
    second = struct.pack("<HHHIIHHIII", 2, 513, 4, 1, 74, 514, 4, 1, len(thumbnail), 0)
    return b"II" + struct.pack("<HI", 42, 8) + first + second + thumbnail


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_the_thumbnail_of_the_old_photo_goes_and_all_else_stays(tmp_path, image, edited, suffix):
    block = _exif_with_thumbnail(b"OLD PICTURE")
    image().save(tmp_path / f"a.{suffix}", exif=(b"" if suffix == "png" else b"Exif\0\0") + block)
    photo = read(tmp_path / f"a.{suffix}")
    assert photo.metadata.exif == block and photo.metadata.orientation == 6
    write(edited(photo), tmp_path / f"b.{suffix}", photo)
    after = read(tmp_path / f"b.{suffix}").metadata
    assert b"OLD PICTURE" not in (tmp_path / f"b.{suffix}").read_bytes()
    assert b"Maker" in after.exif and after.orientation == 6
    with Image.open(tmp_path / f"b.{suffix}") as result:
        assert result.getexif()[271] == "Maker"


def test_pixels_where_the_mask_is_zero_never_reach_the_file(tmp_path, picture, repainted):
    photo = Photo.from_array(picture(80, 90))
    careless = repainted(photo, slice(0, 80), slice(0, 90))
    mask = np.zeros(photo.size, np.float32)
    mask[20:30, 20:30] = 1
    write(careless, tmp_path / "b.png", photo, mask)
    _same_outside(photo, read(tmp_path / "b.png"), mask)


def test_what_a_format_cannot_hold_is_said(tmp_path, picture):
    clear, plain = Photo.from_array(picture(80, 90, 4)), Photo.from_array(picture(80, 90))
    with pytest.raises(InkoverError, match="transparency"):
        write(clear, tmp_path / "b.jpg", clear)
    with pytest.raises(InkoverError, match="unsupported suffix"):
        write(plain, tmp_path / "b.gif", plain)
    with pytest.raises(InkoverError, match="size"):
        write(plain, tmp_path / "b.png", plain, np.ones((3, 3)))
    with pytest.raises(InkoverError, match="original"):
        write(plain, tmp_path / "b.png", Photo.from_array(picture(90, 80)))
    assert not list(tmp_path.iterdir())


def test_default_names(tmp_path):
    names = {"a.JPG": "a.edited.JPG", "b.c.png": "b.c.edited.png", "d.heic": "d.edited.jpg", "e": "e.edited.png"}
    for name, expected in names.items():
        assert default_output(tmp_path / name) == tmp_path / expected


def test_outputs_that_cannot_be_are_refused_before_the_work(tmp_path, image):
    photo = tmp_path / "photo.png"
    image().save(photo)
    (tmp_path / "there.png").write_bytes(b"x")
    os.link(photo, tmp_path / "linked.png")
    (tmp_path / "pointer.png").symlink_to(photo)
    (tmp_path / "folder.png").mkdir()
    cases = {
        "photo.png": "photo itself", "linked.png": "photo itself", "pointer.png": "photo itself",
        "none/out.png": "does not exist", "folder.png": "is a folder", "out.gif": "unsupported suffix", "out": "suffix",
    }  # fmt: skip
    for name, match in cases.items():
        with pytest.raises(InkoverError, match=match) as caught:
            check_output(photo, tmp_path / name, force=True)
        assert "\n" not in str(caught.value)
    with pytest.raises(InkoverError, match="--force"):
        check_output(photo, tmp_path / "there.png", force=False)
    check_output(photo, tmp_path / "there.png", force=True)
    check_output(photo, tmp_path / "new.png", force=False)
    check_output(None, tmp_path / "new.jpg", force=False)


@pytest.mark.skipif(sys.platform != "linux", reason="nobody can write into /proc")
def test_a_folder_that_takes_no_file_is_refused_whatever_its_rights_say():
    with pytest.raises(InkoverError, match="folder /proc cannot be written to: use --save-result with another"):
        check_output(None, "/proc/new.jpg", False, "--save-result")


def test_a_look_at_a_folder_leaves_nothing_there(tmp_path):
    check_output(None, tmp_path / "new.jpg", force=False)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("call", ["write", "fsync", "replace", "chmod", "open"])
@pytest.mark.parametrize("problem", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_anywhere_leaves_nothing(tmp_path, monkeypatch, call, problem):
    path = tmp_path / "out.png"
    path.write_bytes(b"what was there")

    def fail(*_: object, **__: object) -> None:
        raise problem

    class Full:
        def __init__(self, handle: int) -> None:
            self.handle = handle

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None:
            os.close(self.handle)

        write = fail

    if call == "write":
        monkeypatch.setattr(os, "fdopen", lambda handle, mode: Full(handle))
    elif call == "chmod":
        monkeypatch.setattr("pathlib.Path.chmod", fail)
    else:
        monkeypatch.setattr(os, call, fail)
    with pytest.raises(InkoverError if isinstance(problem, OSError) else KeyboardInterrupt) as caught:
        write_whole(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"what was there" and [p.name for p in tmp_path.iterdir()] == ["out.png"]
    assert isinstance(problem, KeyboardInterrupt) or "disk is full" in str(caught.value)


def test_a_full_disk_leaves_nothing(tmp_path):
    """A file system of its own size limit: this process may write no file over a few kilobytes."""
    import resource
    import signal

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
        with pytest.raises(InkoverError, match="cannot be written"):
            write_whole(tmp_path / "out.png", bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, old)
    assert not list(tmp_path.iterdir())


def test_rights_are_those_of_any_new_file_or_of_the_one_replaced(tmp_path):
    plain, ours = tmp_path / "plain", tmp_path / "ours"
    plain.write_bytes(b"")
    write_whole(ours, b"1")
    assert ours.stat().st_mode == plain.stat().st_mode
    ours.chmod(0o640)
    write_whole(ours, b"2")
    assert ours.stat().st_mode & 0o777 == 0o640 and ours.read_bytes() == b"2"


def test_a_deep_grey_photo_with_transparency_comes_back_from_a_tiff(tmp_path, picture):
    photo = Photo.from_array(picture(70, 90, 2, np.uint16))
    write(photo, tmp_path / "a.tif", photo)
    back = read(tmp_path / "a.tif")
    assert np.array_equal(back.pixels, photo.pixels) and np.array_equal(back.alpha, photo.alpha)
