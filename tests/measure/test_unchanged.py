"""Identity in the little world: of the objects that an edit leaves alone, by the image encoder and nothing else."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
import torch

from inkover.measure.figures.unchanged import identity, untouched
from inkover.models.quiet import quiet
from inkover.tabletop import folder, likeness
from inkover.tabletop.edits import Edit, case
from inkover.tabletop.likeness import Likeness
from inkover.tabletop.scene import render

SIDE = 128


@pytest.fixture(scope="module")
def encoder() -> Likeness:
    with quiet():
        return likeness.load(folder())


def pictures(kind: str, index: int = 0, things: int = 2) -> tuple[Edit, Any, Any]:
    edit = case(kind, 0, index, things)
    before, true, _ = edit.truth(SIDE)
    return edit, before, true


def written_out(encoder: Likeness, before: Any, result: Any, mask: Any) -> float:
    """Cut an object out by the square around its box, 62 % of its longer side each way, and compare by CLIP itself."""
    rows, columns = np.nonzero(mask)
    y0, x0, y1, x1 = rows.min(), columns.min(), rows.max() + 1, columns.max() + 1
    half = 0.62 * max(y1 - y0, x1 - x0)
    across = (np.arange(SIDE) + 0.5) / SIDE * 2 * half - half - 0.5
    xs, ys = np.meshgrid((x0 + x1) / 2 + across, (y0 + y1) / 2 + across)
    assert 2 * half <= SIDE  # nothing is made smaller here
    vectors = []
    for picture in (before, result):
        alone = np.where(mask[..., None], picture, 128).astype(np.uint8)
        piece = cv2.remap(
            alone, *(v.astype(np.float32) for v in (xs, ys)), cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE
        )
        x = (torch.from_numpy(piece).permute(2, 0, 1)[None].float() / 255 - 0.5) / 0.27
        with torch.no_grad():
            vectors.append(encoder.image(pixel_values=x).image_embeds[0])
    one, other = vectors
    return float(one @ other / (one.norm() * other.norm()))


def test_it_is_what_the_definition_says(encoder: Likeness) -> None:
    edit, before, _ = pictures("recolour", things=3)
    blurred = cv2.GaussianBlur(before, (0, 0), 2)
    view = render(edit.after, SIDE, samples=1)  # a colour moves nothing
    expected = np.mean([written_out(encoder, before, blurred, view.mask(k)) for k in (1, 2)])
    found = identity(encoder, edit, before, blurred)
    assert found is not None and found < 0.999
    assert found == pytest.approx(expected, abs=1e-3)  # pixels are rounded in between


def test_a_photo_is_itself_and_the_order_does_not_count(encoder: Likeness) -> None:
    edit, before, _ = pictures("replace")
    other = cv2.GaussianBlur(before, (0, 0), 2)
    assert identity(encoder, edit, before, before) == pytest.approx(1, abs=1e-5)
    assert identity(encoder, edit, before, other) == pytest.approx(identity(encoder, edit, other, before), abs=1e-6)


@pytest.mark.parametrize("kind", ["recolour", "refinish", "replace", "remove", "add", "surface", "background"])
def test_a_true_edit_leaves_the_others_alone_and_a_wrong_colour_does_not(encoder: Likeness, kind: str) -> None:
    right, wrong = list[float](), list[float]()
    for index in range(4):  # one may be white, and stays so in wrong colours
        edit, before, true = pictures(kind, index)
        for values, result in ((right, true), (wrong, np.ascontiguousarray(true[..., [1, 2, 0]]))):
            value = identity(encoder, edit, before, result)
            assert value is not None
            values.append(value)
    assert min(right) > 0.85 and np.mean(right) > 0.95 and np.mean(wrong) < np.mean(right) - 0.1


def test_what_is_edited_does_not_count(encoder: Likeness) -> None:
    edit, before, _ = pictures("recolour")
    spoilt = before.copy()
    spoilt[~next(untouched(edit, SIDE))] = 0
    assert identity(encoder, edit, before, spoilt) == pytest.approx(1, abs=1e-5)


def test_without_another_object_there_is_none(encoder: Likeness) -> None:
    for kind, things in (("recolour", 1), ("remove", 1), ("two", 2)):
        edit, before, true = pictures(kind, things=things)
        assert identity(encoder, edit, before, true) is None
    assert len([*untouched(pictures("surface", things=3)[0], SIDE)]) == 3
