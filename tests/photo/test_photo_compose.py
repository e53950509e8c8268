from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inkover.errors import InkoverError
from inkover.photo import Canvas, Photo, compose, lay
from inkover.photo.compose import replaced


def _canvas(mask, box=None):
    return Canvas.around(mask, 64, 8) if box is None else Canvas(mask.shape, box, (64, 64))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_no_change_returns_the_photo(picture, mask_of, dtype):
    photo = Photo.from_array(picture(150, 170, 4, dtype))
    canvas = Canvas.whole(photo.size, 64, 8)
    lossy = np.random.default_rng(0).random((*canvas.working, 3), dtype=np.float32)
    assert lay(photo, canvas, lossy, lossy.copy(), np.ones(photo.size, np.float32)) is photo
    assert lay(photo, canvas, lossy, lossy[::-1], np.zeros(photo.size, np.float32)) is photo


@settings(max_examples=25, deadline=None)
@given(st.integers(64, 200), st.integers(64, 200), st.integers(0, 99), st.booleans(), st.booleans())
def test_nothing_moves_outside_the_mask(height, width, seed, deep, whole):
    random = np.random.default_rng(seed)
    dtype = np.uint16 if deep else np.uint8
    photo = Photo.from_array(random.integers(0, np.iinfo(dtype).max + 1, (height, width, 4)).astype(dtype))
    mask = np.clip(random.random((height, width)) * 2 - 1, 0, 1).astype(np.float32)
    mask[: height // 4] = 0
    canvas = Canvas.whole(photo.size, 64, 8) if whole else Canvas.around(mask, 64, 8)
    before, after = random.random((2, *canvas.working, 3), dtype=np.float32)
    laid = lay(photo, canvas, before, after, mask)
    assert np.array_equal(laid.pixels[mask == 0], photo.pixels[mask == 0])
    assert np.array_equal(laid.alpha, photo.alpha)
    assert not np.array_equal(laid.pixels, photo.pixels)


def test_far_from_a_change_nothing_moves_even_inside_the_mask(picture):
    photo = Photo.from_array(picture(128, 128))
    canvas = Canvas.whole(photo.size, 128, 8)
    before = canvas.view(photo)
    after = before.copy()
    after[20:40, 20:40] = 1
    moved = (lay(photo, canvas, before, after, np.ones(photo.size, np.float32)).pixels != photo.pixels).any(axis=2)
    assert moved[20:40, 20:40].mean() > 0.9 and not moved[60:, 60:].any()


def test_a_mask_beyond_the_canvas_changes_nothing_there(picture):
    photo = Photo.from_array(picture(150, 150))
    mask = np.ones(photo.size, np.float32)
    canvas = _canvas(mask, (40, 50, 104, 114))
    laid = lay(photo, canvas, canvas.view(photo), 1 - canvas.view(photo), mask)
    moved = (laid.pixels != photo.pixels).any(axis=2)
    moved[40:104, 50:114] = False
    assert not moved.any()


def test_bands_join_without_a_seam(picture):
    photo = Photo.from_array(np.full((900, 200, 3), 90, np.uint8))
    canvas = Canvas.whole(photo.size, 64, 8)
    before = np.full((*canvas.working, 3), 0.3, np.float32)
    after = before + np.linspace(0, 0.5, canvas.working[0], dtype=np.float32)[:, None, None]
    laid = lay(photo, canvas, before, after, np.ones(photo.size, np.float32)).pixels[:, 100, 0].astype(int)
    assert np.abs(np.diff(laid)).max() <= 2


def _texture(size=256, strength=0.1):
    values = 0.4 + np.random.default_rng(0).normal(0, strength, (size, size, 1)) * np.ones(3)
    return Photo.from_array(np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8))


def _laid(photo, change):
    canvas = Canvas.whole(photo.size, 64, 8)
    before = canvas.view(photo)
    return lay(photo, canvas, before, np.clip(change(before), 0, 1), np.ones(photo.size, np.float32))


def _kept(before, after):
    return after.values().std() / before.values().std()


def test_detail_stays_under_a_tint_and_goes_under_a_replacement():
    photo = _texture()
    assert _kept(photo, _laid(photo, lambda v: v + np.float32([0.04, 0, 0.02]))) > 0.9
    assert _kept(photo, _laid(photo, lambda v: np.full_like(v, 0.9))) < 0.2


def test_a_new_structure_of_the_same_mean_replaces_the_old():
    coarse = np.kron(np.random.default_rng(1).random((32, 32, 1)), np.ones((8, 8, 1))) * 0.5 * np.ones(3) + 0.2
    photo = Photo.from_array(np.rint(coarse * 255).astype(np.uint8))
    flat = _laid(photo, lambda v: np.full_like(v, v.mean()))
    assert _kept(photo, flat) < 0.1


def test_detail_stays_where_the_structure_goes_on():
    """A recoloured cloth keeps its threads: the folds seen at working size are the same before and after."""
    y, x = np.mgrid[:256, :256]
    folds = 0.4 + 0.15 * np.sin(x / 9)
    threads = np.random.default_rng(0).normal(0, 0.05, (256, 256))
    photo = Photo.from_array(np.rint(np.clip(np.dstack([folds + threads] * 3), 0, 1) * 255).astype(np.uint8))
    laid = _laid(photo, lambda v: v * np.float32([0.4, 0.7, 1.9]))
    detail = laid.values()[..., 1] - 0.7 * folds.astype(np.float32)
    assert np.corrcoef(detail.ravel(), threads.ravel())[0, 1] > 0.8
    assert laid.values()[..., 2].mean() > 1.7 * photo.values()[..., 2].mean()


def test_where_all_is_new_the_edit_itself_is_laid(picture):
    photo = _texture()
    canvas = Canvas.whole(photo.size, 64, 8)
    target = np.clip(canvas.view(photo)[::-1] + 0.45, 0, 1)
    laid = _laid(photo, lambda _: target)
    assert np.abs(laid.values() - np.clip(canvas.grow_back(target), 0, 1)).mean() < 0.03


def test_equal_pictures_lose_nothing(picture):
    values = picture(64, 64).astype(np.float32) / 255
    assert not replaced(values, values).any()
    assert replaced(values, 1 - values).mean() > 0.7


def test_a_grey_photo_stays_grey(picture):
    photo = Photo.from_array(picture(100, 100, 1))
    canvas = Canvas.whole(photo.size, 64, 8)
    before = canvas.view(photo)
    laid = lay(photo, canvas, before, before * np.float32([1, 0.3, 0.1]), np.ones(photo.size, np.float32))
    assert (laid.pixels == laid.pixels[..., :1]).all() and not np.array_equal(laid.pixels, photo.pixels)


def test_half_a_mask_lays_half_the_change(picture):
    photo = Photo.from_array(np.full((64, 64, 3), 100, np.uint8))
    canvas = Canvas.whole(photo.size, 64, 8)
    before = canvas.view(photo)
    half = lay(photo, canvas, before, before + np.float32(40 / 255), np.full(photo.size, 0.5, np.float32))
    assert np.abs(half.pixels.astype(int) - 120).max() <= 1


def test_what_does_not_fit_is_refused(picture):
    photo = Photo.from_array(picture(100, 100))
    canvas = Canvas.whole(photo.size, 64, 8)
    view, mask = canvas.view(photo), np.ones(photo.size, np.float32)
    with pytest.raises(InkoverError, match="mask"):
        lay(photo, canvas, view, view, mask[:50])
    with pytest.raises(InkoverError, match="expected"):
        lay(photo, canvas, view, view[:10], mask)
    with pytest.raises(InkoverError, match="not numbers"):
        lay(photo, canvas, view, np.full_like(view, np.nan), mask)


def test_ten_edits_in_a_row_leave_the_outside_alone(picture, mask_of, edited):
    photo = original = Photo.from_array(picture(140, 160, 4, np.uint16))
    for step in range(10):
        photo = edited(photo, shade=step / 10)
    outside = mask_of(original) == 0
    assert np.array_equal(photo.pixels[outside], original.pixels[outside])
    assert replace(photo).path is None


@settings(max_examples=25, deadline=None)
@given(st.integers(64, 400), st.integers(64, 200), st.integers(0, 99), st.booleans())
def test_laying_inside_the_mask_is_laying_over_all_of_the_frame(height, width, seed, deep):
    """Band by band inside the mask's extent, or all at once: the same, but for ties of rounding."""
    random = np.random.default_rng(seed)
    dtype = np.uint16 if deep else np.uint8
    photo = Photo.from_array(random.integers(0, np.iinfo(dtype).max + 1, (height, width, 3)).astype(dtype))
    mask = np.zeros(photo.size, np.float32)
    top, left = random.integers(0, height - 20), random.integers(0, width - 20)
    tall, wide = random.integers(1, height - top + 1), random.integers(1, width - left + 1)
    mask[top : top + tall, left : left + wide] = random.random((tall, wide))
    canvas = Canvas.around(mask, 64, 8)
    before, after = random.random((2, *canvas.working, 3), dtype=np.float32)
    pictures = after - before, after, np.repeat(replaced(before, after)[..., None], 3, axis=2)
    expected = photo.pixels.copy()
    y0, x0, y1, x1 = canvas.box
    grown = (canvas.grow_rows(one, 0, y1 - y0) for one in pictures)
    expected[y0:y1, x0:x1] = compose._laid(expected[y0:y1, x0:x1], canvas.crop(mask), photo.top, *grown)
    apart = np.abs(lay(photo, canvas, before, after, mask).pixels.astype(int) - expected)
    assert apart.max() <= 1 and (apart > 0).mean() < 1e-3  # OpenCV's last bit depends on how many rows it resizes
    assert not apart[mask == 0].any()


@settings(max_examples=20, deadline=None)
@given(st.integers(64, 300), st.integers(64, 300), st.integers(0, 99))
def test_cells_that_a_mask_touches_are_those_of_the_whole_frame(height, width, seed):
    random = np.random.default_rng(seed)
    mask = np.zeros((height, width), np.float32)
    top, left = random.integers(0, height - 9), random.integers(0, width - 9)
    mask[top : top + random.integers(1, 60), left : left + random.integers(1, 60)] = 0.01
    canvas = Canvas.around(mask, 64, 8)
    assert np.array_equal(canvas.touched(mask), canvas.shrink((mask > 0).astype(np.float32)))
