"""Prompt-to-Prompt's identities, to the bit, on small real networks."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from inkover.attention.alignment import refined, replaced_words
from inkover.attention.call import Call, Row, Site
from inkover.attention.control import Control, chain, crossing
from inkover.attention.memory import recalled, remembered
from inkover.attention.prompt_to_prompt import cross_replaced, reweighted, self_replaced
from inkover.attention.schedule import active
from inkover.models.contract import Model
from tiny import WORDS, tiny_model

SIZES = st.tuples(st.integers(2, 12), st.integers(2, 12))
PROMPTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=5).map(" ".join)
PARTS = st.sampled_from([(0.0, 1.0), (0.0, 0.5), (0.3, 0.9), (0.0, 0.0)])
ALL = torch.ones(77, dtype=torch.bool)


@pytest.fixture(scope="module")
def model() -> Model:
    return tiny_model()


def blocks(
    model: Model,
    source: str,
    target: str,
    control: Control | None,
    size: tuple[int, int] = (12, 8),
    rows: tuple[str, ...] = ("source", "target", "target/null"),
    seeds: tuple[int, ...] = (1, 1, 1),
    step: int = 3,
) -> dict[str, Tensor]:
    """Ask once; return the noise of each row."""
    latents = [torch.randn(1, 4, *size, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    texts = {"source": model.text(source), "target": model.text(target), "target/null": model.text("")}
    asked = {name: texts[name] for name in rows}
    answer = model.predict(torch.cat(latents[: len(rows)]), model.levels(10)[step], asked, control)
    return dict(zip(rows, answer.eps.chunk(len(rows)), strict=True))


@settings(max_examples=15)
@given(SIZES, PROMPTS, PARTS, PARTS, PARTS, st.integers(0, 9), st.sampled_from([replaced_words, refined]))
def test_with_equal_prompts_the_rows_are_equal_to_the_bit(
    model: Model, size: tuple[int, int], prompt: str, part: object, own: object, early: object, step: int, align: object
) -> None:
    tokens = model.text(prompt).tokens
    chosen = active(tokens, step, 10, part, {prompt.split()[0]: own})  # type: ignore[dict-item,arg-type]
    still = self_replaced(30) if active(tokens, step, 10, early).all() else None  # type: ignore[arg-type]
    control = chain(cross_replaced(align(tokens, tokens), chosen), still)  # type: ignore[operator]
    found = blocks(model, prompt, prompt, control, size, step=step)
    assert torch.equal(found["target"], found["source"])


def test_replacing_changes_the_target_alone(model: Model) -> None:
    source, target = "a red ball on grass", "a blue cube on grass"
    aligned = replaced_words(model.text(source).tokens, model.text(target).tokens)
    off = blocks(model, source, target, None, seeds=(1, 2, 3))
    cross = blocks(model, source, target, cross_replaced(aligned, ALL), seeds=(1, 2, 3))
    still = blocks(model, source, target, self_replaced(10**6), seeds=(1, 2, 3))
    for on in (cross, still):
        assert torch.equal(on["target/null"], off["target/null"])
        assert (on["target"] - off["target"]).abs().max() > 1e-3
    torch.testing.assert_close(cross["source"], off["source"], atol=1e-5, rtol=1e-5)
    assert torch.equal(still["source"], off["source"])


def test_what_is_never_active_is_no_control(model: Model) -> None:
    tokens = model.text("a red ball").tokens
    aligned = refined(tokens, tokens)
    assert cross_replaced(aligned, active(tokens, 0, 10, (0, 0))) is None
    assert reweighted(torch.ones(77)) is None
    assert chain(cross_replaced(aligned, ~ALL), reweighted(torch.ones(77))) is None


def test_replacing_takes_the_sources_weights_for_active_tokens_alone(model: Model) -> None:
    source, target = model.text("a red ball").tokens, model.text("a blue ball").tokens
    aligned, chosen = refined(source, target), ALL.clone()
    chosen[1] = False  # "a"
    found: list[bool] = []

    def check(call: Call) -> Tensor:
        change = call.edits[-1].change
        before = {name: torch.rand(1, 2, 5, 77) for name in ("source", "target")}
        after = change(before)
        taken = torch.tensor([True, False, False, *[True] * 74])  # "a" is not active, "blue" is not in the source
        found.append(torch.equal(after["target"], torch.where(taken, before["source"], before["target"])))
        assert torch.equal(after["source"], before["source"])
        return call()

    control = cross_replaced(aligned, chosen)
    blocks(model, "a red ball", "a blue ball", chain(control, Control(crossing, check)))
    assert found == [True] * 7


def test_reweighting_changes_the_target_alone(model: Model) -> None:
    scales = torch.ones(77)
    scales[2] = 3
    off = blocks(model, "a red ball", "a blue ball", None)
    on = blocks(model, "a red ball", "a blue ball", reweighted(scales))
    assert torch.equal(on["source"], off["source"]) and torch.equal(on["target/null"], off["target/null"])
    assert (on["target"] - off["target"]).abs().max() > 1e-4


def test_reweighting_comes_after_replacing(model: Model) -> None:
    """The source's attention, scaled: with the scales on the target's own, the order would show."""
    tokens = model.text("a red ball").tokens
    scales = torch.linspace(0, 2, 77)
    whole = cross_replaced(replaced_words(tokens, tokens), ALL)
    first = blocks(model, "a red ball", "a red ball", chain(whole, reweighted(scales)), seeds=(1, 2, 3))
    undone = blocks(model, "a red ball", "a red ball", chain(reweighted(scales), whole), seeds=(1, 2, 3))
    plain = blocks(model, "a red ball", "a red ball", whole, seeds=(1, 2, 3))
    assert torch.equal(undone["target"], plain["target"])
    assert (first["target"] - plain["target"]).abs().max() > 1e-4


@settings(max_examples=10)
@given(SIZES)
def test_self_attention_is_replaced_up_to_a_grid(model: Model, size: tuple[int, int]) -> None:
    wants = self_replaced(30).wants
    for grid in (size, (1, 30), (31, 1)):
        assert wants(Site("", "self", grid, 0.0)) == (grid[0] * grid[1] <= 30)
        assert not wants(Site("", "cross", grid, 0.0))
    off = blocks(model, "a red ball", "a blue ball", None, size, seeds=(1, 2, 3))
    small = blocks(model, "a red ball", "a blue ball", self_replaced(0), size, seeds=(1, 2, 3))
    assert torch.equal(small["target"], off["target"])


def test_rows_may_be_paired_freely(model: Model) -> None:
    off = blocks(model, "a red ball", "a blue ball", None, seeds=(1, 2, 3))
    pairs = {"target/null": "source"}
    on = blocks(model, "a red ball", "a blue ball", self_replaced(10**6, pairs), seeds=(1, 2, 3))
    assert torch.equal(on["target"], off["target"]) and not torch.equal(on["target/null"], off["target/null"])


def test_a_remembered_source_need_not_be_asked_again(model: Model) -> None:
    """The row is kept from a forward of its own; the controls after it find it as if it were in the batch."""
    source, target = "a red ball on grass", "a blue cube on grass"
    aligned = replaced_words(model.text(source).tokens, model.text(target).tokens)
    edits = chain(cross_replaced(aligned, ALL), self_replaced(10**6))
    kept: dict[str, dict[str, Row]] = {}

    def note(site: Site, rows: object) -> None:
        kept[site.name] = rows  # type: ignore[assignment]

    everything = remembered(note, ["source"], lambda site: True)
    alone = blocks(model, source, target, everything, rows=("source",))
    plain = blocks(model, source, target, None, rows=("source",))
    together = blocks(model, source, target, edits, seeds=(1, 2, 3))
    recall = chain(recalled(kept), edits)
    without = blocks(model, source, target, recall, rows=("target", "target/null"), seeds=(2, 3))
    assert torch.equal(alone["source"], plain["source"]) and len(kept) == 14
    for name in ("target", "target/null"):
        torch.testing.assert_close(without[name], together[name], atol=1e-5, rtol=1e-5)
    assert torch.equal(
        blocks(model, source, target, recalled(kept), rows=("target", "target/null"))["target"],
        blocks(model, source, target, None, rows=("target", "target/null"))["target"],
    )
