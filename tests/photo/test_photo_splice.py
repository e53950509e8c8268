"""New blocks spliced into coded data: the coefficients of coding all anew, and the old bits around them."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from inkover.photo import Metadata, blocks, huffman, jpeg, read, splice, write, writing


def _noise(height, width, seed=0, spread=40):
    random = np.random.default_rng(seed)
    return np.clip(random.normal(128, spread, (height, width, 3)), 0, 255).astype(np.uint8)


def _file(pixels, mode="RGB", **how):
    file = BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, "JPEG", **how)
    return file.getvalue()


def _opened(content):
    parts = list(jpeg.segments(content))
    return parts, jpeg.frame(parts)


def _whole(parts, coded):
    return jpeg.reassembled(parts, Metadata(), coded)


def _patch(pixels, top, left, tall, wide, seed):
    changed = np.zeros(pixels.shape[:2], bool)
    changed[top : top + tall, left : left + wide] = True
    random = np.random.default_rng(seed).integers(60, 200, pixels.shape).astype(np.uint8)
    return np.where(changed[..., None], random, pixels), changed


@settings(max_examples=25, deadline=None)
@given(
    size=st.tuples(st.integers(64, 150), st.integers(64, 150)),
    sampling=st.integers(0, 2),
    mode=st.sampled_from(["RGB", "L"]),
    restart=st.sampled_from([0, 1, 3, 11]),
    place=st.tuples(st.floats(0, 0.95), st.floats(0, 0.95), st.integers(1, 60), st.integers(1, 60)),
    seed=st.integers(0, 99),
)
def test_a_splice_holds_the_coefficients_of_coding_anew(size, sampling, mode, restart, place, seed):
    pixels = _noise(*size, seed)
    sampling = 0 if mode == "L" else sampling  # a single component with factors of its own is coded anew
    content = _file(pixels, mode, subsampling=sampling, quality=85, restart_marker_blocks=restart)
    parts, frame = _opened(content)
    top, left = int(place[0] * size[0]), int(place[1] * size[1])
    picture, changed = _patch(pixels, top, left, place[2], place[3], seed)
    spliced = splice.coded(parts, frame, picture, changed)
    expected = blocks.edited(blocks.coefficients(parts), frame, picture, changed)
    found = blocks.coefficients(list(jpeg.segments(_whole(parts, spliced))))
    assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))
    anew = _whole(parts, huffman.coded(expected, frame))
    assert np.array_equal(_decoded(_whole(parts, spliced)), _decoded(anew))


def _decoded(content):
    return np.asarray(Image.open(BytesIO(content)))


@pytest.mark.parametrize("restart", [0, 5])
def test_the_bits_before_the_first_new_row_stay(restart):
    pixels = _noise(160, 200)
    parts, frame = _opened(_file(pixels, quality=80, restart_marker_blocks=restart))
    picture, changed = _patch(pixels, 100, 60, 30, 40, 1)
    new = list(jpeg.segments(_whole(parts, splice.coded(parts, frame, picture, changed))))
    (old_scan,), (new_scan,) = ([part for part in some if part.marker == jpeg.SOS] for some in (parts, new))
    same = len(old_scan.data) // 3  # of ten rows of MCUs six stay
    assert old_scan.data[:same] == new_scan.data[:same] and old_scan.data != new_scan.data
    assert new_scan.payload == old_scan.payload
    tables = [[part.payload for part in some if part.marker == jpeg.DHT] for some in (parts, new)]
    assert tables[0] == tables[1]
    assert b"\xff\xff" not in new_scan.data


def test_no_change_gives_every_bit_back():
    pixels = _noise(90, 110)
    parts, frame = _opened(_file(pixels))
    coded = splice.coded(parts, frame, pixels, np.zeros((90, 110), bool))
    assert coded == b"".join(part.bytes() for part in parts if jpeg.is_coding(part))


def test_symbols_that_the_tables_lack_are_said():
    flat = np.full((96, 96, 3), 90, np.uint8)
    parts, frame = _opened(_file(flat, optimize=True))
    picture, changed = _patch(flat, 20, 20, 30, 30, 1)
    assert splice.coded(parts, frame, picture, changed) is None


def test_damaged_data_is_said():
    pixels = _noise(96, 96)
    content = _file(pixels)
    parts, frame = _opened(content[: len(content) // 2] + b"\xff\xd9")
    assert splice.coded(parts, frame, *_patch(pixels, 20, 20, 30, 30, 1)) is None


def test_what_cannot_be_cut_or_is_small_is_coded_anew():
    large = _noise(1000, 1000, spread=60)
    kinds = {"plain": {}, "progressive": {"progressive": True}, "small": {"quality": 20}}
    pays = {name: splice.pays(*_opened(_file(large, **({"quality": 95} | how)))) for name, how in kinds.items()}
    assert pays == {"plain": True, "progressive": False, "small": False}


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_large_photo_is_spliced_and_reads_as_edited(tmp_path, monkeypatch, repainted, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    content = _file(_noise(1000, 1000, spread=60), quality=95, exif=exif)
    (tmp_path / "photo.jpg").write_bytes(content)
    photo = read(tmp_path / "photo.jpg")
    after = repainted(photo, slice(300, 380), slice(500, 600))
    monkeypatch.setattr(writing.huffman, "coded", None)
    write(after, tmp_path / "edited.jpg", photo)
    again = read(tmp_path / "edited.jpg")
    moved = (again.pixels != photo.pixels).any(axis=2)
    inside = np.zeros(photo.size, bool)
    inside[286:396, 486:614] = True  # whole MCUs, and the pixel that the upsampling of colour looks across
    assert moved[310:370, 510:590].mean() > 0.9 and not moved[~inside].any()
    assert again.metadata.orientation == orientation


@settings(max_examples=20, deadline=None)
@given(st.integers(64, 300), st.integers(0, 99), st.integers(0, 6))
def test_differing_pixels_are_found_part_by_part(height, seed, count):
    random = np.random.default_rng(seed)
    one = random.integers(0, 256, (height, 70, 3)).astype(np.uint8)
    other = one.copy()
    for _ in range(count):
        other[random.integers(0, height), random.integers(0, 70), random.integers(0, 3)] += 1
    assert np.array_equal(blocks.differing(one, other), (one != other).any(axis=2))
    assert not blocks.differing(one, one).any()
