"""A JPEG that was cut short and closed with an end marker is no photo; every whole one is."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from inkover.errors import InkoverError
from inkover.photo import jpeg, read, whole

KINDS = {
    "4:4:4": {"subsampling": 0},
    "4:2:0": {"subsampling": 2},
    "optimized": {"optimize": True},
    "restarts": {"restart_marker_rows": 1},
    "few restarts": {"restart_marker_blocks": 7},
    "progressive": {"progressive": True},
    "rgb": {"keep_rgb": True},
}


def _cut(content, part):
    """Take the last of a JPEG's coded data away, all but a part of the whole."""
    *before, last = list(jpeg.segments(content))
    start = content.rindex(last.data) - len(b"".join(one.data for one in before))
    kept = max(start + int(part * sum(len(one.data) for one in (*before, last))), 0)
    return content[:kept].rstrip(b"\xff") + b"\xff\xd9"


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.98])
def test_a_cut_jpeg_with_an_end_marker_is_refused(tmp_path, image, mode, kind, part):
    if mode == "L" and kind == "rgb":
        pytest.skip("one component has no such thing")
    image(190, 230, mode).save(tmp_path / "photo.jpg", quality=90, **KINDS[kind])
    content = (tmp_path / "photo.jpg").read_bytes()
    read(tmp_path / "photo.jpg")
    (tmp_path / "photo.jpg").write_bytes(_cut(content, part))
    with pytest.raises(InkoverError, match=r"photo.jpg is damaged or cut short"):
        read(tmp_path / "photo.jpg")


@pytest.mark.parametrize("kind", KINDS)
def test_whole_jpegs_are_read_also_with_a_grey_corner_and_bytes_behind_the_data(tmp_path, kind):
    pixels = np.random.default_rng(0).integers(0, 256, (97, 131, 3)).astype(np.uint8)
    pixels[-40:, -40:] = 128
    Image.fromarray(pixels).save(tmp_path / "photo.jpg", quality=90, **KINDS[kind])
    content = (tmp_path / "photo.jpg").read_bytes()
    before = read(tmp_path / "photo.jpg").pixels
    (tmp_path / "photo.jpg").write_bytes(content[:-2] + bytes(40) + content[-2:])
    assert np.array_equal(read(tmp_path / "photo.jpg").pixels, before)


def test_colours_whose_scans_never_came_are_missed(tmp_path, image):
    image().save(tmp_path / "photo.jpg", progressive=True)
    content = (tmp_path / "photo.jpg").read_bytes()
    start, *_ = (part for part in jpeg.segments(content) if part.marker == jpeg.SOS)
    alone = bytes([1]) + start.payload[1:3] + start.payload[-3:]
    parts = [part for part in jpeg.segments(content) if part.marker != jpeg.SOS]
    cut = b"\xff\xd8" + b"".join(p.bytes() for p in [*parts, jpeg.Segment(jpeg.SOS, alone, start.data)]) + b"\xff\xd9"
    assert whole.missing(cut, np.zeros((96, 136, 3), np.uint8)) == "scans are missing"


def test_most_photos_are_decoded_once(tmp_path, image, monkeypatch):
    image().save(tmp_path / "photo.jpg")
    monkeypatch.setattr(whole, "_decoded", None)
    read(tmp_path / "photo.jpg")
