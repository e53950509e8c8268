from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from inkover.errors import InkoverError
from inkover.masks.files import read_mask, write_mask


def test_a_mask_comes_back_and_zero_means_zero(tmp_path):
    mask = np.random.default_rng(0).random((80, 100)).astype(np.float32)
    mask[:20] = 0
    mask[20] = 1e-7
    write_mask(mask, tmp_path / "mask.png")
    with Image.open(tmp_path / "mask.png") as picture:
        assert picture.mode == "L" and picture.size == (100, 80)
        stored = np.asarray(picture)
    assert np.array_equal(stored > 0, mask > 0)
    assert np.abs(read_mask(tmp_path / "mask.png", (80, 100)) - mask).max() <= 1 / 255
    assert [path.name for path in tmp_path.iterdir()] == ["mask.png"]


def test_colours_and_transparency_of_a_painted_mask(tmp_path):
    picture = Image.new("RGBA", (90, 70), (255, 255, 255, 0))
    picture.paste((255, 255, 255, 255), (10, 10, 40, 40))
    picture.save(tmp_path / "mask.png")
    mask = read_mask(tmp_path / "mask.png", (70, 90))
    assert mask.dtype == np.float32 and mask[20, 20] == 1 and mask[60, 60] == 0 and mask.mean() == pytest.approx(1 / 7)


def test_a_mask_of_one_bit_or_sixteen(tmp_path):
    truth = np.zeros((70, 90), bool)
    truth[10:30, 20:50] = True
    Image.fromarray(truth).save(tmp_path / "one.png")
    Image.fromarray(truth.astype(np.uint16) * 65535).save(tmp_path / "deep.png")
    for name in ("one.png", "deep.png"):
        assert np.array_equal(read_mask(tmp_path / name, (70, 90)), truth.astype(np.float32))


def test_what_is_no_mask_is_refused(tmp_path):
    Image.new("L", (90, 70)).save(tmp_path / "black.png")
    Image.new("L", (90, 70), 255).save(tmp_path / "white.png")
    (tmp_path / "text.png").write_text("white")
    with pytest.raises(InkoverError, match="empty"):
        read_mask(tmp_path / "black.png", (70, 90))
    with pytest.raises(InkoverError, match=r"90 x 70 px, the photo 100 x 80"):
        read_mask(tmp_path / "white.png", (80, 100))
    with pytest.raises(InkoverError, match="not an image"):
        read_mask(tmp_path / "text.png", (70, 90))
    with pytest.raises(InkoverError, match="no such file"):
        read_mask(tmp_path / "none.png", (70, 90))


def test_a_folder_that_is_missing_is_said(tmp_path):
    with pytest.raises(InkoverError, match="cannot be written"):
        write_mask(np.ones((70, 90)), tmp_path / "none" / "mask.png")


@pytest.mark.parametrize(("name", "how"), [("m.jpg", {"quality": 88}), ("m.webp", {"quality": 85}), ("m.avif", {})])
def test_the_noise_of_a_lossy_mask_is_none_of_the_mask(tmp_path, name, how):
    truth = np.zeros((150, 170), np.uint8)
    truth[43:101, 37:119] = 255
    Image.fromarray(truth).convert("RGB").save(tmp_path / name, **how)
    with Image.open(tmp_path / name) as noisy:
        assert name == "m.avif" or (np.asarray(noisy)[truth == 0] > 0).any()
    assert np.array_equal(read_mask(tmp_path / name, (150, 170)), truth / np.float32(255))


def test_the_greys_of_a_lossless_mask_stay(tmp_path):
    values = np.tile(np.arange(256, dtype=np.uint8), (64, 1))
    Image.fromarray(values).save(tmp_path / "m.png")
    Image.fromarray(values).save(tmp_path / "m.tif")
    for name in ("m.png", "m.tif"):
        assert np.array_equal(read_mask(tmp_path / name, (64, 256)), values / np.float32(255))
