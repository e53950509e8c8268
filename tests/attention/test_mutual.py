"""MasaCtrl's identities, on small real networks."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from inkover.attention.call import Call, Row
from inkover.attention.control import Control, chain, self_from
from inkover.attention.memory import recalled
from inkover.attention.mutual import mutual, mutual_masked
from inkover.models.contract import Model
from tiny import tiny_model

SIZES = st.tuples(st.integers(2, 12), st.integers(2, 12))
PAIRS = {"target": "source", "target/null": "source/null"}
NAMES = ("source/null", "target/null", "source", "target")


@pytest.fixture(scope="module")
def model() -> Model:
    return tiny_model()


def ask(
    model: Model,
    control: Control | None,
    size: tuple[int, int] = (8, 12),
    target: str = "a blue cube",
    same: bool = False,
) -> dict[str, Tensor]:
    drawn = [torch.randn(1, 4, *size, generator=torch.Generator().manual_seed(seed)) for seed in (1, 1 if same else 2)]
    texts = dict(zip(NAMES, map(model.text, ("", "", "a red ball", target)), strict=True))
    answer = model.predict(torch.cat(drawn + drawn), model.levels(10)[5], texts, control)
    return dict(zip(NAMES, answer.eps.chunk(4), strict=True))


@settings(max_examples=8)
@given(SIZES)
def test_the_source_is_left_alone_and_the_target_is_not(model: Model, size: tuple[int, int]) -> None:
    off, on = ask(model, None, size), ask(model, mutual(PAIRS, self_from(0.0)), size)
    for name in ("source", "source/null"):
        assert torch.equal(on[name], off[name])
    for name in ("target", "target/null"):
        assert (on[name] - off[name]).abs().max() > 1e-4


@settings(max_examples=8)
@given(SIZES)
def test_the_same_prompt_and_latent_give_the_same_rows(model: Model, size: tuple[int, int]) -> None:
    found = ask(model, mutual(PAIRS, self_from(0.0)), size, "a red ball", same=True)
    assert torch.equal(found["target"], found["source"])
    assert torch.equal(found["target/null"], found["source/null"])


def test_no_target_or_no_layer_is_plain(model: Model) -> None:
    off = ask(model, None)
    for control in (mutual({}, self_from(0.0)), mutual(PAIRS, self_from(1.0))):
        found = ask(model, control)
        assert all(torch.equal(found[name], off[name]) for name in NAMES)


@pytest.mark.parametrize("depth", [0.0, 10 / 16])
def test_layers_are_wanted_by_their_depth(model: Model, depth: float) -> None:
    heard: list[float] = []

    def note(call: Call) -> Tensor:
        heard.append(call.site.depth)
        assert call.site.kind == "self"
        return call()

    ask(model, Control(self_from(depth), note))
    assert heard == [index / 7 for index in range(7) if index / 7 >= depth]


@settings(max_examples=8)
@given(SIZES)
def test_full_masks_are_no_masks(model: Model, size: tuple[int, int]) -> None:
    ones = torch.ones(1, 1, *size)
    plain, full = (
        ask(model, mutual(PAIRS, self_from(0.3)), size),
        ask(model, mutual_masked(PAIRS, ones, ones, self_from(0.3)), size),
    )
    for name in NAMES:
        torch.testing.assert_close(full[name], plain[name], atol=1e-5, rtol=1e-5)
    assert torch.equal(full["source"], plain["source"])


def test_an_empty_mask_looks_at_all_there_is(model: Model) -> None:
    none, plain = torch.zeros(1, 1, 8, 12), ask(model, mutual(PAIRS, self_from(0.0)))
    for source, target in ((none, none), (none, none + 1), (none + 1, none)):
        found = ask(model, mutual_masked(PAIRS, source, target, self_from(0.0)))
        torch.testing.assert_close(found["target"], plain["target"], atol=1e-5, rtol=1e-5)


def test_each_side_looks_at_its_own_side(model: Model) -> None:
    """Against the definition, written out for one layer: a softmax over the allowed keys."""
    source, target = torch.zeros(2, 1, 1, 8, 12).unbind()
    source[..., :4], target[..., 2:, :] = 1, 1
    apart: list[float] = []

    def check(call: Call) -> Tensor:
        answer = Control(lambda site: True, mutual_masked(PAIRS, source, target, lambda site: True).answer).answer(call)
        mine, theirs = call.row("target"), call.row("source")
        assert theirs.v is not None
        logits = mine.q @ theirs.k.transpose(-1, -2) * mine.q.shape[-1] ** -0.5
        ahead = source.flatten().bool() == target.flatten().bool()[:, None]  # (positions, keys): on the same side
        expected = logits.masked_fill(~ahead, -torch.inf).softmax(-1) @ theirs.v
        apart.append(float((answer.chunk(4)[3] - expected).abs().max()))
        return answer

    ask(model, Control(lambda site: site.kind == "self" and site.grid == (8, 12), check))
    assert len(apart) == 3 and max(apart) < 1e-5


def test_a_memory_without_values_is_refused(model: Model) -> None:
    row = Row(torch.zeros(1, 2, 96, 8), torch.zeros(1, 2, 96, 8))
    memory = {layer.name: {"old": row} for layer in model.layers}  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="the memory of the row 'old' holds no values"):
        ask(model, chain(recalled(memory), mutual({"target": "old"}, self_from(0.0))))
