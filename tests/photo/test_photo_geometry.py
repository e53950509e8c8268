from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inkover.errors import InkoverError
from inkover.photo import Canvas, Photo
from inkover.photo.resample import grown_rows, shrunk_or_grown

SIDES = st.integers(64, 3000)


@settings(deadline=None, max_examples=50)
@given(SIDES, SIDES, st.sampled_from([128, 512, 768]), st.sampled_from([4, 8, 16, 64]))
def test_a_whole_canvas_keeps_area_and_aspect(height, width, resolution, stride):
    canvas = Canvas.whole((height, width), resolution, stride)
    h, w = canvas.working
    assert canvas.box == (0, 0, height, width) and canvas.box_size == canvas.size
    assert h % stride == 0 and w % stride == 0 and min(h, w) >= resolution / 2
    aspect = min(max(width / height, 0.25), 4)
    assert abs(h - resolution / aspect**0.5) <= stride and abs(w - resolution * aspect**0.5) <= stride


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_a_canvas_around_a_mask_holds_it_with_context(data):
    height, width = data.draw(st.integers(64, 400)), data.draw(st.integers(64, 400))
    y0, x0 = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    y1, x1 = data.draw(st.integers(y0 + 1, height)), data.draw(st.integers(x0 + 1, width))
    mask = np.zeros((height, width), np.float32)
    mask[y0:y1, x0:x1] = 0.01
    canvas = Canvas.around(mask, 128, 8)
    top, left, bottom, right = canvas.box
    assert 0 <= top <= y0 < y1 <= bottom <= height and 0 <= left <= x0 < x1 <= right <= width
    tall, wide = canvas.box_size
    padding = max(max(y1 - y0, x1 - x0) / 16, (y1 - y0 + x1 - x0) / 4)
    side = max(max(y1 - y0, x1 - x0) + 2 * padding, 128)
    assert tall >= min(side, height) and wide >= min(side, width)
    if tall < height and wide < width:
        assert tall == wide and canvas.working == (128, 128)


def test_an_empty_mask_has_no_canvas():
    with pytest.raises(InkoverError, match="empty"):
        Canvas.around(np.zeros((80, 80), np.float32), 64, 8)


@settings(deadline=None, max_examples=50)
@given(st.integers(3, 40), st.integers(3, 40), st.integers(3, 90), st.integers(3, 90))
def test_resizing_keeps_constants_and_size(height, width, tall, wide):
    picture = np.full((height, width, 2), 0.625, np.float32)
    resized = shrunk_or_grown(picture, (tall, wide))
    assert resized.shape == (tall, wide, 2) and resized.dtype == np.float32
    assert np.allclose(resized, 0.625, atol=1e-5)


@settings(deadline=None, max_examples=50)
@given(st.integers(4, 30), st.integers(4, 30), st.integers(4, 90), st.integers(4, 90), st.data())
def test_rows_are_those_of_the_whole(height, width, tall, wide, data):
    first = data.draw(st.integers(0, tall - 1))
    last = data.draw(st.integers(first + 1, tall))
    picture = np.random.default_rng(height).random((height, width, 7), dtype=np.float32)
    rows = grown_rows(picture, (tall, wide), first, last)
    assert np.allclose(rows, shrunk_or_grown(picture, (tall, wide))[first:last], atol=1e-5)


def test_equal_sizes_are_untouched_and_small_ones_are_means(picture):
    values = picture(96, 64).astype(np.float32) / 255
    canvas = Canvas((96, 64), (16, 0, 80, 64), (64, 64))
    assert np.array_equal(canvas.open(values), values[16:80])
    assert np.array_equal(canvas.grow_back(values[16:80]), values[16:80])
    half = Canvas((96, 64), (0, 0, 96, 64), (48, 32))
    assert np.allclose(half.open(values), values.reshape(48, 2, 32, 2, 3).mean(axis=(1, 3)), atol=1e-6)
    mask = values[..., 0]
    assert np.allclose(half.shrink(mask), mask.reshape(48, 2, 32, 2).mean(axis=(1, 3)), atol=1e-6)


def test_a_view_is_the_opened_values_and_stays_in_range(picture):
    photo = Photo.from_array(picture(200, 180))
    for canvas in (Canvas.whole(photo.size, 128, 8), Canvas((200, 180), (10, 20, 60, 70), (96, 96))):
        view = canvas.view(photo)
        assert np.array_equal(view, canvas.open(photo.values()))
        assert view.shape == (*canvas.working, 3) and 0 <= view.min() and view.max() <= 1
        assert canvas.grow_back(view).shape == (*canvas.box_size, 3)


def test_there_and_back_is_near_on_smooth_pictures():
    y, x = np.mgrid[:300, :240] / 300
    values = np.stack([x, y, (x + y) / 2], -1).astype(np.float32)
    canvas = Canvas.whole((300, 240), 128, 8)
    assert np.abs(canvas.grow_back(canvas.open(values)) - values)[3:-3, 3:-3].max() < 0.004


def test_other_sizes_are_refused(picture):
    canvas = Canvas.whole((100, 120), 64, 8)
    for call in (
        lambda: canvas.open(np.zeros((120, 100, 3))),
        lambda: canvas.shrink(np.zeros((10, 10))),
        lambda: canvas.grow_back(np.zeros((3, 3))),
        lambda: canvas.view(Photo.from_array(picture(64, 64))),
    ):
        with pytest.raises(InkoverError):
            call()
