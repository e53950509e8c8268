"""JPEG in, JPEG out: blocks that nothing touches keep their coefficients, whatever the file's kind."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import jpeglib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from inkover.photo import huffman, jpeg, read, write
from inkover.photo.orientation import stored

SAMPLING = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}


def _planes(path):
    with jpeglib.version("turbo210"):
        found = jpeglib.read_dct(str(path))
        return [plane for plane in (found.Y, found.Cb, found.Cr) if plane is not None], found.samp_factor


def _touched(changed, factor, most, shape):
    """The blocks of a component whose pixels hold a changed one, by counting pixels."""
    high, wide = 8 * most[0] // factor[0], 8 * most[1] // factor[1]
    rows, columns = np.nonzero(changed)
    touched = np.zeros(shape, bool)
    touched[rows // high, columns // wide] = True
    return touched


def _check_blocks(source, result, changed):
    (old, factors), (new, factors_after) = _planes(source), _planes(result)
    assert np.array_equal(factors, factors_after)
    most = np.max(factors, axis=0)
    differing = 0
    for before, after, factor in zip(old, new, factors, strict=True):
        assert before.shape == after.shape
        untouched = ~_touched(changed, factor, most, before.shape[:2])
        assert np.array_equal(before[untouched], after[untouched])
        differing += (before != after).any(axis=(2, 3)).sum()
    return differing


def _tables(path):
    return [part.payload for part in jpeg.segments(path.read_bytes()) if part.marker == jpeg.DQT]


@pytest.mark.parametrize("size", [(96, 136), (97, 139), (64, 65)])
@pytest.mark.parametrize("sampling", SAMPLING)
@pytest.mark.parametrize("how", [{}, {"progressive": True}, {"restart_marker_blocks": 3}, {"restart_marker_rows": 1}])
def test_untouched_blocks_keep_their_coefficients(tmp_path, image, edited, mask_of, size, sampling, how):
    source, result = tmp_path / "photo.jpg", tmp_path / "edited.jpg"
    image(*size).save(source, quality=83, subsampling=SAMPLING[sampling], **how)
    photo = read(source)
    mask = mask_of(photo)
    write(edited(photo), result, photo, mask)
    assert _check_blocks(source, result, mask > 0) > 0
    assert _tables(source) == _tables(result)
    restart = [part.payload for part in jpeg.segments(result.read_bytes()) if part.marker == jpeg.DRI]
    assert bool(restart) == ("restart" in str(how))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_stays_as_stored(tmp_path, image, edited, mask_of, orientation):
    source, result = tmp_path / "photo.jpg", tmp_path / "edited.jpg"
    exif = Image.Exif()
    exif[274] = orientation
    image(101, 147).save(source, quality=92, subsampling=0, exif=exif)
    photo = read(source)
    after = edited(photo)
    write(after, result, photo, mask_of(photo))
    with Image.open(source) as old, Image.open(result) as new:
        assert old.size == new.size and new.getexif()[274] == orientation
    changed = stored((after.pixels != photo.pixels).any(axis=2), orientation)
    assert _check_blocks(source, result, changed) > 0
    again = read(result)
    inside = mask_of(photo) == 1
    assert np.abs(again.pixels[inside].astype(int) - after.pixels[inside]).mean() < 6


@pytest.mark.parametrize("quality", [30, 95, 100])
def test_pixels_away_from_the_edit_decode_the_same(tmp_path, image, repainted, quality):
    source, result = tmp_path / "photo.jpg", tmp_path / "edited.jpg"
    image(160, 200).save(source, quality=quality, subsampling=2)
    photo = read(source)
    write(repainted(photo, slice(50, 70), slice(60, 99)), result, photo)
    moved = (read(result).pixels != photo.pixels).any(axis=2)
    # whole units of 16 x 16 pixels, and one more pixel that the smooth upsampling of colour looks across
    moved[47:81, 47:113] = False
    assert not moved.any()


def test_no_edit_keeps_every_coefficient(tmp_path, image):
    image(99, 101).save(tmp_path / "photo.jpg", subsampling=2)
    photo = read(tmp_path / "photo.jpg")
    write(photo, tmp_path / "same.jpg", photo, np.ones(photo.size, np.float32))
    assert _check_blocks(tmp_path / "photo.jpg", tmp_path / "same.jpg", np.zeros(photo.size, bool)) == 0
    assert np.array_equal(read(tmp_path / "same.jpg").pixels, photo.pixels)


def test_ten_edits_in_a_row_keep_the_blocks_outside(tmp_path, image, edited, mask_of):
    source = tmp_path / "0.jpg"
    image(120, 150).save(source, quality=85, subsampling=2)
    mask = mask_of(read(source))
    for step in range(10):
        photo = read(tmp_path / f"{step}.jpg")
        write(edited(photo, shade=0.1 * step), tmp_path / f"{step + 1}.jpg", photo, mask)
    assert _check_blocks(source, tmp_path / "10.jpg", mask > 0) > 0


def test_black_and_white_to_the_brim(tmp_path, repainted):
    """Quality 100 and hard black and white use the whole range of coefficients."""
    tiles = np.kron(np.indices((20, 20)).sum(axis=0) % 2, np.ones((8, 8)))[..., None] * np.full(3, 255)
    Image.fromarray(tiles.astype(np.uint8)).save(tmp_path / "photo.jpg", quality=100, subsampling=0)
    photo = read(tmp_path / "photo.jpg")
    write(repainted(photo, slice(40, 80), slice(40, 80)), tmp_path / "edited.jpg", photo)
    changed = np.zeros(photo.size, bool)
    changed[40:80, 40:80] = True
    assert _check_blocks(tmp_path / "photo.jpg", tmp_path / "edited.jpg", changed) > 0


def test_grey_stays_one_component(tmp_path, image, edited, mask_of):
    image(90, 110, "L").save(tmp_path / "photo.jpg", quality=80)
    photo = read(tmp_path / "photo.jpg")
    write(edited(photo), tmp_path / "edited.jpg", photo, mask_of(photo))
    with Image.open(tmp_path / "edited.jpg") as result:
        assert result.mode == "L"
    assert _check_blocks(tmp_path / "photo.jpg", tmp_path / "edited.jpg", mask_of(photo) > 0) > 0


def test_a_jpeg_of_rgb_components_keeps_its_colours(tmp_path, image, edited, mask_of):
    image(90, 110).save(tmp_path / "photo.jpg", quality=92, keep_rgb=True)
    photo = read(tmp_path / "photo.jpg")
    after = edited(photo)
    write(after, tmp_path / "edited.jpg", photo, mask_of(photo))
    again = read(tmp_path / "edited.jpg")
    assert _check_blocks(tmp_path / "photo.jpg", tmp_path / "edited.jpg", mask_of(photo) > 0) > 0
    assert np.abs(again.pixels.astype(int) - after.pixels).mean() < 2


def test_new_blocks_are_as_good_as_an_encoder_makes_them(tmp_path, image, edited):
    image(96, 128).save(tmp_path / "photo.jpg", quality=90, subsampling=2)
    photo = read(tmp_path / "photo.jpg")
    after = edited(photo)
    write(after, tmp_path / "edited.jpg", photo)
    file = BytesIO()
    with Image.open(tmp_path / "photo.jpg") as old:
        Image.fromarray(after.pixels).save(file, "JPEG", qtables=old.quantization, subsampling=2)
    moved = (after.pixels != photo.pixels).any(axis=2)
    ours = np.abs(read(tmp_path / "edited.jpg").pixels[moved].astype(int) - after.pixels[moved]).mean()
    theirs = np.abs(np.asarray(Image.open(file))[moved].astype(int) - after.pixels[moved]).mean()
    assert ours < theirs * 1.05


def test_other_segments_stay_and_pictures_of_the_old_photo_go(tmp_path, image, edited):
    source = tmp_path / "photo.jpg"
    image().save(source, comment=b"a word", icc_profile=b"p" * 70_000)
    content = source.read_bytes()
    extra = b"".join(
        jpeg.Segment(marker, payload).bytes()
        for marker, payload in [(0xED, b"Photoshop 3.0\0 words"), (0xE2, b"MPF\0" + bytes(20)), (0xEB, b"JP signed")]
    )
    source.write_bytes(content[:2] + extra + content[2:] + b"behind the end")
    photo = read(source)
    write(edited(photo), tmp_path / "edited.jpg", photo)
    result = (tmp_path / "edited.jpg").read_bytes()
    payloads = [part.payload for part in jpeg.segments(result)]
    assert b"a word" in payloads and b"Photoshop 3.0\0 words" in payloads
    assert not any(payload.startswith((b"MPF", b"JP signed")) for payload in payloads)
    assert result.endswith(b"\xff\xd9")
    assert read(tmp_path / "edited.jpg").metadata.icc == b"p" * 70_000


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 5000), min_size=256, max_size=256), st.integers(1, 256))
def test_huffman_codes_are_prefix_free_and_short(counts, used):
    counts = np.array(counts) ** 3  # steep, so that the limit of 16 bits matters
    counts[used:] = 0
    counts[0] = 1
    table = huffman.table(counts)
    words = {format(int(table.code[s]), f"0{table.length[s]}b") for s in table.symbols}
    assert set(table.symbols) == set(np.flatnonzero(counts)) and len(words) == len(table.symbols)
    assert max(map(len, words)) <= 16 and not any(set(word) == {"1"} for word in words)
    ordered = sorted(words)
    assert not any(b.startswith(a) for a, b in zip(ordered, ordered[1:], strict=False))
    assert sum(table.counts) == len(table.symbols)


def test_steep_counts_stay_within_sixteen_bits():
    counts = np.zeros(256, np.int64)
    counts[:40] = [int(1.6**i) + 1 for i in range(40)]
    table = huffman.table(counts)
    assert table.length.max() == 16 and sum(2.0 ** -int(n) for n in table.length if n) < 1


@settings(max_examples=20, deadline=None)
@given(st.integers(64, 90), st.integers(64, 90), st.integers(0, 2), st.integers(0, 99), st.floats(0, 1))
def test_any_coefficients_come_back(tmp_path_factory, height, width, sampling, seed, density):
    """Coefficients of every size and long runs of zeros, through our coder and libjpeg's decoder."""
    folder = tmp_path_factory.mktemp("coefficients")
    Image.new("RGB", (width, height)).save(folder / "photo.jpg", subsampling=sampling)
    parts = list(jpeg.segments((folder / "photo.jpg").read_bytes()))
    frame = jpeg.frame(parts)
    random = np.random.default_rng(seed)

    def plane(component):
        shape = (*frame.blocks(component), 8, 8)
        values = random.integers(-1023, 1024, shape) >> random.integers(0, 11, shape)
        return (values * (random.random(shape) < density**3)).astype(np.int16)

    planes = tuple(plane(component) for component in frame.components)
    for restart in (0, 1, 7):
        content = huffman.coded(planes, replace(frame, restart=restart))
        (folder / "coded.jpg").write_bytes(jpeg.reassembled(parts, read(folder / "photo.jpg").metadata, content))
        found, _ = _planes(folder / "coded.jpg")
        assert all(np.array_equal(a, b) for a, b in zip(planes, found, strict=True))
