import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from inkover.measure.figures.quality import iou, psnr, ssim

RNG = np.random.default_rng(0)
ONE = RNG.integers(0, 256, (40, 48, 3), np.uint8)
OTHER = np.clip(ONE.astype(int) + RNG.integers(-20, 20, ONE.shape), 0, 255).astype(np.uint8)


def test_psnr_agrees_with_skimage_and_knows_regions() -> None:
    assert psnr(ONE, OTHER) == pytest.approx(peak_signal_noise_ratio(ONE, OTHER, data_range=255))
    assert psnr(ONE, ONE) == math.inf
    region = np.zeros(ONE.shape[:2], bool)
    assert math.isnan(psnr(ONE, OTHER, region))
    region[:, :10] = True
    mixed = ONE.copy()
    mixed[:, :10] = OTHER[:, :10]
    assert psnr(ONE, mixed, region) == pytest.approx(psnr(ONE[:, :10], OTHER[:, :10]))
    assert psnr(ONE, mixed, ~region) == math.inf


def test_ssim_is_the_mean_of_its_map() -> None:
    _, local = structural_similarity(
        ONE, OTHER, channel_axis=2, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        full=True,
    )  # fmt: skip
    region = np.zeros(ONE.shape[:2], bool)
    region[5:20, 5:20] = True
    assert ssim(ONE, ONE) == pytest.approx(1.0)
    assert ssim(ONE, OTHER, region) == pytest.approx(float(local[region].mean()))
    assert math.isnan(ssim(ONE, OTHER, ~np.ones_like(region)))


@given(st.integers(0, 2**12 - 1), st.integers(0, 2**12 - 1))
def test_iou_counts_sets(a: int, b: int) -> None:
    one, other = (np.array([bool(x >> k & 1) for k in range(12)]).reshape(3, 4) for x in (a, b))
    both, any_ = (a & b).bit_count(), (a | b).bit_count()
    assert iou(one, other) == (both / any_ if any_ else 1.0)
