"""The figures that need no model, against skimage, torchmetrics where it is there, and formulas written out."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.filters import gaussian
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from inkover.measure.figures.scores import EQUAL, MEASURES, NEEDS, NOTHING_OUTSIDE, Pair, score
from small_photo import pixels

ONE = pixels() / 255
OTHER = np.clip(ONE + np.random.default_rng(1).normal(0, 0.08, ONE.shape), 0, 1)
MASK = np.zeros(ONE.shape[:2], np.float32)
MASK[30:60, 40:80] = 1
SOFT = MASK.copy()
SOFT[28:30, 40:80] = 0.25
PIXELS = tuple(m.name for m in MEASURES if set(m.needs) <= {"mask"})


def values(before: Any = ONE, after: Any = OTHER, mask: Any = None) -> dict[str, float | None]:
    return dict(score(Pair(before, after, mask)).values)


def skimage_map() -> Any:
    """Return SSIM's map of the two pictures as skimage has it."""
    gauss = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return structural_similarity(ONE, OTHER, channel_axis=2, data_range=1, full=True, **gauss)[1]


def ssim_map(one: Any, other: Any) -> Any:
    """Write SSIM out as torchmetrics has it: Gaussian window of 11 px, sigma 1.5, edges mirrored."""

    def blur(picture: Any) -> Any:
        return gaussian(picture, 1.5, mode="mirror", truncate=3.5, channel_axis=2)

    a, b = blur(one), blur(other)
    aa, bb, ab = blur(one * one) - a * a, blur(other * other) - b * b, blur(one * other) - a * b
    return (2 * a * b + 1e-4) * (2 * ab + 9e-4) / ((a * a + b * b + 1e-4) * (aa + bb + 9e-4))


def test_whole_pictures_agree_with_skimage() -> None:
    found = values()
    assert found["mse"] == pytest.approx(np.square(ONE - OTHER).mean())
    assert found["psnr"] == pytest.approx(peak_signal_noise_ratio(ONE, OTHER, data_range=1))
    assert found["ssim"] == pytest.approx(skimage_map().mean())


@pytest.mark.parametrize("mask", [MASK, SOFT], ids=["hard", "soft"])
def test_outside_is_where_the_mask_is_black(mask: Any) -> None:
    found, region = values(mask=mask), mask == 0
    expected = np.square(ONE - OTHER)[region].sum() / (3 * region.sum())
    assert found["mse_outside"] == pytest.approx(expected)
    assert found["psnr_outside"] == pytest.approx(-10 * math.log10(expected))
    assert found["change_outside"] == pytest.approx(np.abs(ONE - OTHER)[region].mean())
    assert found["change_inside"] == pytest.approx(np.abs(ONE - OTHER)[~region].mean())


def test_what_is_changed_inside_is_no_difference_outside() -> None:
    after = ONE.copy()
    after[30:60, 40:80] = 1 - after[30:60, 40:80]
    found = score(Pair(ONE, after, MASK))
    assert found.values["mse_outside"] == found.values["pie_mse"] == found.values["change_outside"] == 0
    assert found.values["ssim_outside"] == pytest.approx(1) and found.values["pie_ssim"] == pytest.approx(1)
    assert found.reasons["psnr_outside"] == found.reasons["pie_psnr"] == EQUAL


def test_ssim_outside_is_the_mean_of_the_map_where_no_window_meets_the_mask() -> None:
    near = np.zeros(MASK.shape, bool)
    near[25:65, 35:85] = True  # 5 px around the mask: half a window
    assert values(mask=MASK)["ssim_outside"] == pytest.approx(skimage_map()[~near].mean())


@pytest.mark.parametrize("mask", [MASK, SOFT], ids=["hard", "soft"])
def test_pie_bench_blackens_the_mask_and_divides_by_the_full_frame(mask: Any) -> None:
    kept = (1 - mask)[..., None].astype(float)
    found, expected = values(mask=mask), np.square((ONE - OTHER) * kept).mean()
    assert found["pie_mse"] == pytest.approx(expected)
    assert found["pie_psnr"] == pytest.approx(-10 * math.log10(expected))
    assert found["pie_ssim"] == pytest.approx(ssim_map(ONE * kept, OTHER * kept).mean(), abs=1e-6)


def test_pie_bench_agrees_with_torchmetrics() -> None:
    image = pytest.importorskip("torchmetrics.functional.image")
    regression = pytest.importorskip("torchmetrics.functional.regression")
    import torch

    kept = (1 - MASK)[..., None]
    one, other = (torch.from_numpy((p * kept).astype(np.float32)).permute(2, 0, 1)[None] for p in (ONE, OTHER))
    found = values(mask=MASK)
    assert found["pie_psnr"] == pytest.approx(
        image.peak_signal_noise_ratio(other, one, data_range=1.0).item(), abs=1e-4
    )
    ssim = image.structural_similarity_index_measure(other, one, data_range=1.0)
    assert found["pie_ssim"] == pytest.approx(ssim.item(), abs=1e-4)
    mse = regression.mean_squared_error(other.flatten(), one.flatten())
    assert found["pie_mse"] == pytest.approx(mse.item(), abs=1e-4 * mse.item())


def test_an_equal_picture_has_no_distance_and_infinite_psnr_is_said() -> None:
    found = score(Pair(ONE, ONE, MASK))
    for name in ("mse", "mse_outside", "pie_mse", "change_inside", "change_outside"):
        assert found.values[name] == 0
    for name in ("ssim", "ssim_outside", "pie_ssim"):
        assert found.values[name] == pytest.approx(1)
    for name in ("psnr", "psnr_outside", "pie_psnr"):
        assert found.values[name] is None and found.reasons[name] == EQUAL


@given(st.integers(0, 2**32 - 1))
def test_which_picture_comes_first_makes_no_difference(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, other = rng.random((2, 16, 20, 3))
    mask = rng.integers(0, 2, (16, 20)).astype(np.float32)
    there, back = values(one, other, mask), values(other, one, mask)
    assert {name: there[name] for name in PIXELS} == pytest.approx({name: back[name] for name in PIXELS})


def test_a_mask_with_nothing_outside_or_inside_is_a_reason() -> None:
    full, empty = (score(Pair(ONE, OTHER, np.full_like(MASK, value))) for value in (1, 0))
    for name in ("mse", "psnr", "ssim"):
        assert full.reasons[f"{name}_outside"] == full.reasons[f"pie_{name}"] == NOTHING_OUTSIDE
    assert full.reasons["change_outside"] == NOTHING_OUTSIDE and full.values["change_inside"] is not None
    assert "black all over" in empty.reasons["change_inside"]
    narrow = np.ones_like(MASK)
    narrow[:, :3] = 0
    assert "5 px" in score(Pair(ONE, OTHER, narrow)).reasons["ssim_outside"]


def test_what_is_not_given_is_named() -> None:
    found = score(Pair(ONE, OTHER))
    for measure in MEASURES:
        assert (found.values[measure.name] is None) == bool(measure.needs)
        for need in measure.needs:
            assert NEEDS[need] in found.reasons[measure.name]


def test_the_table_is_in_plain_words() -> None:
    assert len({measure.name for measure in MEASURES}) == len(MEASURES)
    for measure in MEASURES:
        assert measure.says.endswith(".") and set(measure.needs) <= NEEDS.keys()


def test_the_page_names_every_measure_once_and_which_way_is_better() -> None:
    page = (Path(__file__).parents[2] / "docs" / "measures.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*?) \|.*\| ([a-z, ]+) \|$", page, re.MULTILINE)
    named = [(name, way) for names, ways in rows for name, way in zip(names.split(", "), ways.split(", "), strict=True)]
    assert named == [(f"`{measure.name}`", measure.better) for measure in MEASURES]
