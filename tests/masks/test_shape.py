from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from inkover.masks.shape import bounds, feather, grow


@st.composite
def masks(draw):
    height, width = draw(st.integers(20, 70)), draw(st.integers(20, 70))
    random = np.random.default_rng(draw(st.integers(0, 999)))
    mask = np.zeros((height, width), np.float32)
    for _ in range(draw(st.integers(1, 3))):
        y, x = random.integers(0, height - 8), random.integers(0, width - 8)
        mask[y : y + random.integers(1, 30), x : x + random.integers(1, 30)] = 1
    if draw(st.booleans()):
        mask *= random.random(mask.shape).astype(np.float32)
    return mask


def _distance(inside):
    points = np.argwhere(inside)
    if not len(points):
        return np.full(inside.shape, np.inf)
    y, x = np.mgrid[: inside.shape[0], : inside.shape[1]]
    return np.sqrt(np.min([(y - a) ** 2 + (x - b) ** 2 for a, b in points], axis=0))


def _hard(mask):
    return (mask >= 0.5).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(masks(), st.integers(0, 12))
def test_growing_is_a_disc_around_and_shrinking_its_opposite(mask, px):
    hard = _hard(mask)
    assert np.array_equal(grow(hard, px), (_distance(hard > 0) <= px).astype(np.float32))
    framed = np.pad(hard, 15)
    assert np.array_equal(grow(framed, -px), 1 - grow(1 - framed, px))


@settings(max_examples=30, deadline=None)
@given(masks(), st.integers(0, 12))
def test_growing_never_takes_and_shrinking_never_gives(mask, px):
    kept = mask.copy()
    assert (grow(mask, px) >= mask).all() and (grow(mask, -px) <= mask).all()
    assert np.array_equal(mask, kept), "the argument stays as it is"
    assert np.array_equal(grow(mask, 0), mask)


@settings(max_examples=40, deadline=None)
@given(masks(), st.floats(0, 20))
def test_a_feather_lies_outside_and_ends_where_it_says(mask, px):
    soft, used = feather(mask, px)
    y0, x0, y1, x1 = bounds(mask)
    assert used <= px and used <= min(y1 - y0, x1 - x0) / 8
    assert (soft >= mask).all() and soft.max() <= 1 and soft.dtype == np.float32
    untouched = (_distance(mask >= 0.5) > used) | (used == 0)
    assert np.array_equal(soft[untouched], mask[untouched])


def test_a_feather_falls_evenly_to_zero():
    mask = np.zeros((200, 200), np.float32)
    mask[60:140, 60:140] = 1
    soft, used = feather(mask, 8)
    edge = soft[100, 139:149]
    assert used == 8 and edge[0] == 1 and (np.diff(edge) < 0).all() and edge[8] > 0 and edge[9] == 0
    assert feather(mask, 50)[1] == 10, "an eighth of the shorter side"


def test_empty_and_full_masks():
    empty, full = np.zeros((30, 40), np.float32), np.ones((30, 40), np.float32)
    assert bounds(empty) == (0, 0, 0, 0) and bounds(full) == (0, 0, 30, 40)
    for px in (-3, 0, 3):
        assert not grow(empty, px).any() and np.array_equal(grow(full, px), full)
    assert not feather(empty, 5)[0].any() and np.array_equal(feather(full, 5)[0], full)


def test_bounds_hold_every_pixel_over_zero():
    mask = np.zeros((50, 60))
    mask[10, 20] = mask[30, 45] = 1e-6
    assert bounds(mask) == (10, 20, 31, 46)


@settings(max_examples=30, deadline=None)
@given(masks(), st.integers(-6, 12), st.floats(0, 12), st.integers(0, 90))
def test_the_frame_around_a_mask_has_no_part_in_it(mask, px, soft, seed):
    """Of a mask in a larger frame, at any place in memory, the same bits come."""
    top, left, below, right = np.random.default_rng(seed).integers(20, 60, 4)
    framed = np.pad(np.pad(mask, 20), ((top, below), (left, right)))
    here = slice(top, -below), slice(left, -right)
    assert np.array_equal(grow(framed, px)[here], grow(np.pad(mask, 20), px))
    (wide, used), (narrow, again) = feather(framed, soft), feather(np.pad(mask, 20), soft)
    assert used == again and np.array_equal(wide[here], narrow)


@settings(max_examples=30, deadline=None)
@given(masks(), st.integers(1, 12), st.floats(1, 8))
def test_looking_at_the_masked_part_is_looking_at_all(mask, px, soft):
    distance = _distance(mask >= 0.5).astype(np.float32)
    assert np.array_equal(grow(mask, px), np.where(distance <= px, np.float32(1), mask))
    result, used = feather(mask, soft)
    if used:
        fade = np.clip(1 - distance / (np.floor(used) + 1), 0, 1)
        fade[distance > used] = 0
        assert np.array_equal(result, np.maximum(mask, fade * fade * (3 - 2 * fade)).astype(np.float32))
