"""Maps are what the network looked at, handed out as values; masks are made from them alone."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from inkover.attention.call import Edit, Weights
from inkover.attention.control import Control, chain, cross_at
from inkover.attention.maps import Seen, foreground, gathered, local_blend, observed, of_words
from inkover.attention.prompt_to_prompt import reweighted
from inkover.methods.parts import inside
from inkover.models.contract import Model
from tiny import tiny_model

SIZES = st.tuples(st.integers(2, 12), st.integers(2, 12))


@pytest.fixture(scope="module")
def model() -> Model:
    return tiny_model()


def ask(model: Model, control: object, size: tuple[int, int], many: int = 1) -> Tensor:
    x = torch.randn(2 * many, 4, *size, generator=torch.Generator().manual_seed(1))
    rows = {"source": model.text("a red ball"), "target": model.text("a blue ball")}
    return model.predict(x, model.levels(10)[2], rows, control).eps  # type: ignore[arg-type]


@settings(max_examples=8)
@given(SIZES, st.integers(1, 2))
def test_maps_sum_to_one_everywhere_and_looking_changes_no_bit(model: Model, size: tuple[int, int], many: int) -> None:
    seen: list[Seen] = []
    found = ask(model, observed(seen.append, ["source", "target"]), size, many)
    assert torch.equal(found, ask(model, None, size, many))
    assert len(seen) == 7
    for one in seen:
        for maps in one.maps.values():
            assert maps.shape == (many, 77, *one.site.grid)
            torch.testing.assert_close(maps.sum(1), torch.ones(many, *one.site.grid), atol=1e-5, rtol=0)
    mean = gathered(seen, size)
    torch.testing.assert_close(mean["source"].sum(1), torch.ones(many, *size), atol=1e-5, rtol=0)
    twice = gathered(seen, size, gathered(seen, size))
    torch.testing.assert_close(twice["target"], 2 * mean["target"])


def test_a_map_is_the_mean_of_its_heads_at_its_place(model: Model) -> None:
    seen, written = list[Seen](), list[Tensor]()

    def keep(weights: Weights) -> Weights:
        written.append(weights["target"])
        return {}

    wants = cross_at((6, 10))
    both = chain(
        observed(seen.append, ["target"], wants), Control(wants, lambda c: c.edited(Edit(("target",), keep))())
    )
    ask(model, both, (6, 10))
    assert len(seen) == len(written) == 3
    for one, weights in zip(seen, written, strict=True):
        maps = one.maps["target"]
        assert maps.shape == (1, 77, 6, 10)
        for token, y, x in ((0, 0, 0), (3, 2, 7), (5, 5, 9)):
            assert float(maps[0, token, y, x]) == pytest.approx(float(weights[0, :, 10 * y + x, token].mean()))


def test_the_first_of_a_chain_sees_unedited_maps_and_later_ones_edited_ones(model: Model) -> None:
    first, later = list[Seen](), list[Seen]()
    double = reweighted(torch.full((77,), 2.0))
    ask(model, chain(observed(first.append, ["target"]), double, observed(later.append, ["target"])), (8, 8))
    assert float(first[0].maps["target"].sum(1).mean()) == pytest.approx(1)
    assert torch.equal(later[0].maps["target"], 2 * first[0].maps["target"])


def test_no_layer_is_no_map() -> None:
    with pytest.raises(ValueError, match="wants no layer of this network"):
        gathered([], (8, 8))


def spot(*places: tuple[int, int], grid: tuple[int, int] = (4, 8), value: float = 1.0) -> Tensor:
    """Return maps (1, 3, *grid) in which the second token is looked at in some places."""
    maps = torch.full((1, 3, *grid), 0.1)
    for y, x in places:
        maps[0, 1, y, x] = value
    return maps


def test_a_blend_is_where_any_row_looks_spread_by_one_position() -> None:
    maps = {"source": spot((0, 0)), "target": spot((3, 7))}
    mask = local_blend(maps, {"source": [1], "target": [1]}, (8, 16))
    expected = torch.zeros(1, 1, 8, 16)
    expected[..., :4, :4] = expected[..., 4:, 12:] = 1
    assert torch.equal(mask, expected)
    only = local_blend(maps, {"target": [1]}, (8, 16))
    assert torch.equal(only[..., 4:, 12:], torch.ones(1, 1, 4, 4)) and only.sum() == 16


def test_what_is_left_out_of_a_blend_is_not_spread() -> None:
    maps = {"source": spot((1, 1)), "target": spot((1, 1))}
    mask = local_blend(maps, {"source": [1]}, (4, 8), without={"target": [1]})
    assert mask.sum() == 8 and mask[0, 0, 1, 1] == 0


def test_a_blend_is_cut_picture_by_picture() -> None:
    faint = spot((0, 0), value=1.0) / 100
    both = torch.cat([faint, spot((3, 7))])
    mask = local_blend({"row": both}, {"row": [1]}, (4, 8))
    assert torch.equal(mask[:1], local_blend({"row": faint}, {"row": [1]}, (4, 8)))


def test_flat_maps_blend_nowhere_at_zero_and_everywhere_above() -> None:
    zero, some = torch.zeros(1, 3, 4, 8), torch.full((1, 3, 4, 8), 0.2)
    kept, edited = torch.randn(2, 1, 4, 8, 16).unbind()
    nowhere = local_blend({"row": zero}, {"row": [1]}, (8, 16))
    everywhere = local_blend({"row": some}, {"row": [1]}, (8, 16))
    assert torch.equal(inside(nowhere, edited, kept), kept)
    assert torch.equal(inside(everywhere, edited, kept), edited)


@given(SIZES, st.floats(0.1, 10), st.floats(0, 5))
def test_the_foreground_does_not_depend_on_scale_or_offset(grid: tuple[int, int], scale: float, offset: float) -> None:
    maps = torch.rand(2, 3, *grid, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    found = foreground(maps, [1], grid, 0.5)
    assert torch.equal(found, foreground(maps * scale + offset, [1], grid, 0.5))
    assert set(found.unique().tolist()) == {0, 1}
    assert torch.equal(of_words(maps, [0, 2]), maps[:, :1] + maps[:, 2:])
