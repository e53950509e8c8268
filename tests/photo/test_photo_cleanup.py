from __future__ import annotations

import importlib
from dataclasses import replace

import numpy as np
import pytest

from inkover.errors import InkoverError
from inkover.photo import Photo, cleanup


def _square(size, inset):
    mask = np.zeros((size, size), np.float32)
    mask[inset:-inset, inset:-inset] = 1
    return mask


def test_off_is_the_same_photo(picture):
    photo = Photo.from_array(picture(80, 80))
    assert cleanup(photo, photo, _square(80, 20)) is photo
    assert cleanup(photo, photo, np.zeros((80, 80)), color=True) is photo


@pytest.mark.parametrize("how", [{"color": True}, {"sharpen": 0.5}, {"denoise": 0.7}])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_each_changes_the_inside_and_only_that(picture, edited, mask_of, how, dtype):
    before = Photo.from_array(picture(140, 160, 4, dtype))
    after = edited(before)
    mask = mask_of(before)
    clean = cleanup(before, after, mask, **how)
    assert np.array_equal(clean.pixels[mask == 0], after.pixels[mask == 0])
    assert not np.array_equal(clean.pixels[mask > 0], after.pixels[mask > 0])
    assert clean.pixels.dtype == dtype and np.array_equal(clean.alpha, after.alpha)


def test_a_drift_of_colour_at_the_seam_is_taken_away():
    before = Photo.from_array(np.full((128, 128, 3), 120, np.uint8))
    pixels = before.pixels.copy()
    pixels[32:96, 32:96] = np.array([128, 114, 122])  # the drift
    pixels[52:76, 52:76] = np.array([230, 30, 30])  # the edit
    mask = _square(128, 32)
    clean = cleanup(before, replace(before, pixels=pixels), mask, color=True).pixels.astype(int)
    assert np.abs(clean[33:40, 40:88] - 120).mean() < 2
    assert np.abs(clean[60:68, 60:68] - [230, 30, 30]).max() <= 6


def test_denoise_calms_and_sharpen_steepens():
    random = np.random.default_rng(0)
    noisy = np.clip(120 + random.normal(0, 6, (100, 100, 3)), 0, 255).astype(np.uint8)
    noisy[:, 50:] += 80
    photo, mask = Photo.from_array(noisy), _square(100, 10)
    calm = cleanup(photo, photo, mask, denoise=1.0).pixels[15:85, 15:45].std()
    assert calm < 0.7 * photo.pixels[15:85, 15:45].std()
    sharp = cleanup(photo, photo, mask, sharpen=1.0).pixels[15:85, 40:60].astype(float)
    assert np.abs(np.diff(sharp, axis=1)).max() > np.abs(np.diff(noisy[15:85, 40:60].astype(float), axis=1)).max()


def test_grey_stays_grey(picture):
    photo = Photo.from_array(picture(100, 100, 1))
    clean = cleanup(photo, photo, _square(100, 20), sharpen=1.0)
    assert (clean.pixels == clean.pixels[..., :1]).all() and not np.array_equal(clean.pixels, photo.pixels)


def test_amounts_out_of_range_and_other_sizes_are_refused(picture):
    photo = Photo.from_array(picture(80, 80))
    for how in ({"sharpen": 1.5}, {"denoise": -0.1}, {"denoise": float("nan")}):
        with pytest.raises(InkoverError, match="expected 0"):
            cleanup(photo, photo, _square(80, 20), **how)
    with pytest.raises(InkoverError, match="differ"):
        cleanup(photo, photo, _square(90, 20), color=True)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("how", [{"color": True}, {"sharpen": 0.7}, {"color": True, "sharpen": 0.3}])
def test_cleaning_the_masked_part_is_cleaning_all_of_the_frame(picture, monkeypatch, seed, how):
    random = np.random.default_rng(seed)
    height, width = random.integers(80, 300, 2)
    photo = Photo.from_array(picture(height, width, seed=seed))
    mask = np.zeros(photo.size, np.float32)
    top, left = random.integers(0, height - 40), random.integers(0, width - 40)
    mask[top : top + random.integers(10, 90), left : left + random.integers(10, 90)] = 1
    drifted = np.where(mask[..., None] > 0, np.minimum(photo.pixels, 245) + np.uint8(9), photo.pixels)
    after = replace(photo, pixels=drifted)
    part = cleanup(photo, after, mask, **how)
    module = importlib.import_module("inkover.photo.cleanup")  # the package gives its function that name
    monkeypatch.setattr(module, "_margin", lambda box, size: (0, 0, *size))
    assert np.array_equal(part.pixels, cleanup(photo, after, mask, **how).pixels)
    assert not np.array_equal(part.pixels, drifted)
