"""The tap hears what it is asked for, changes nothing by itself, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Thread
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import _len_torch_function_stack
from torch.utils._python_dispatch import TorchDispatchMode

import inkover.attention.call as calls
from inkover.attention.call import Call, Edit, Site, Weights
from inkover.attention.control import Control, chain, crossing, self_within
from inkover.attention.maps import observed
from inkover.attention.prompt_to_prompt import self_replaced
from inkover.attention.tap import Layer, tapped
from inkover.errors import InkoverError
from inkover.models.stable_diffusion import StableDiffusion
from tiny import tiny_model

ROWS = ("target/null", "source", "target")
SIZES = st.tuples(st.integers(2, 12), st.integers(2, 12))  # latents down to odd and narrow ones


def everything(site: Site) -> bool:
    return True


PLAIN = Control(everything, lambda call: call())
MEEK = Control(lambda site: False, lambda call: pytest.fail("it wants nothing"))


@pytest.fixture(scope="module", params=("epsilon", "v_prediction"))
def model(request: pytest.FixtureRequest) -> StableDiffusion:
    found = tiny_model(request.param)
    assert isinstance(found, StableDiffusion)
    return found


@pytest.fixture(scope="module")
def one() -> StableDiffusion:
    found = tiny_model()
    assert isinstance(found, StableDiffusion)
    return found


def asked(model: StableDiffusion, control: Control | None, size: tuple[int, int] = (16, 12), many: int = 1) -> Tensor:
    """Ask for three rows, each with its own latents and words; return the noise of all."""
    x = torch.randn(3 * many, 4, *size, generator=torch.Generator().manual_seed(5))
    texts = dict(zip(ROWS, map(model.text, ("", "a red ball", "a blue cube on grass")), strict=True))
    return model.predict(x, model.levels(10)[4], texts, control).eps


def explicit(*names: str) -> Control:
    """Answer cross-attention of some rows by their own weights, written out."""
    return Control(crossing, lambda call: call.edited(Edit(names, lambda weights: weights))())


def hooks(model: StableDiffusion) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.parts.unet.modules())


@settings(max_examples=8)
@given(size=SIZES, many=st.integers(1, 2))
def test_a_control_that_does_nothing_changes_no_bit(one: StableDiffusion, size: tuple[int, int], many: int) -> None:
    off = asked(one, None, size, many)
    for control in (PLAIN, MEEK, chain(PLAIN, MEEK, PLAIN), chain(None, None)):
        assert torch.equal(asked(one, control, size, many), off)


def test_both_kinds_of_answers_are_left_alone(model: StableDiffusion) -> None:
    assert torch.equal(asked(model, PLAIN), asked(model, None))


def test_off_puts_nothing_on_the_network(one: StableDiffusion) -> None:
    with tapped(one.layers, None, ROWS):
        assert hooks(one) == 0 and _len_torch_function_stack() == 0
    with pytest.raises(InkoverError), tapped(one.layers, PLAIN, ROWS):
        assert hooks(one) > 0 and _len_torch_function_stack() == 0  # nothing listens outside of a wanted layer


@pytest.mark.parametrize("problem", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("where", ["first", "later"])
def test_leaving_restores_everything_also_after_an_exception(
    one: StableDiffusion, problem: type[BaseException], where: str
) -> None:
    def fail(call: Call) -> Tensor:
        if where == "later" and call.site.depth < 0.5:
            return call()
        raise problem("stop")

    off = asked(one, None)
    with pytest.raises(problem, match="stop"):
        asked(one, Control(everything, fail))
    assert hooks(one) == 0 and _len_torch_function_stack() == 0
    assert torch.equal(asked(one, None), off)
    asked(one, PLAIN)
    assert hooks(one) == 0 and _len_torch_function_stack() == 0


@settings(max_examples=10)
@given(size=SIZES)
def test_a_site_has_its_layers_own_grid_and_place(one: StableDiffusion, size: tuple[int, int]) -> None:
    found: list[Call] = []

    def note(call: Call) -> Tensor:
        found.append(call)
        return call()

    asked(one, Control(everything, note), size)
    assert [call.site.name for call in found] == [layer.name for layer in one.layers]  # in the order in which they run
    height, width = size
    half = ((height + 1) // 2, (width + 1) // 2)
    for call in found:
        up = call.site.name.startswith(("down_blocks.0", "up_blocks.1"))
        assert call.site.grid == (size if up else half)
        assert call.q.shape == (3, 2, call.site.grid[0] * call.site.grid[1], call.q.shape[-1])
        assert call.site.kind == ("cross" if call.site.name.endswith("attn2") else "self")
        assert call.k.shape[2] == (77 if call.site.kind == "cross" else call.q.shape[2])
        assert call.rows == ROWS
    for kind in ("self", "cross"):
        depths = [call.site.depth for call in found if call.site.kind == kind]
        assert depths == [index / 7 for index in range(7)]


def test_only_wanted_layers_leave_the_fused_kernel(one: StableDiffusion, monkeypatch: pytest.MonkeyPatch) -> None:
    written, answered = list[tuple[str, str]](), list[str]()
    real = calls.weights

    def counted(call: Call, name: str) -> Tensor:
        written.append((call.site.name, name))
        return real(call, name)

    def answer(call: Call) -> Tensor:
        answered.append(call.site.name)
        return call.edited(Edit(("target",), lambda weights: weights))()

    monkeypatch.setattr(calls, "weights", counted)
    asked(one, Control(lambda site: site.kind == "cross" and site.depth == 0, answer))
    assert answered == ["down_blocks.0.attentions.0.transformer_blocks.0.attn2"]
    assert written == [(answered[0], "target")]


def test_rows_whose_weights_are_not_changed_keep_their_bits(one: StableDiffusion) -> None:
    off, on = asked(one, None).chunk(3), asked(one, explicit("target")).chunk(3)
    assert torch.equal(off[0], on[0]) and torch.equal(off[1], on[1])
    torch.testing.assert_close(on[2], off[2], atol=1e-5, rtol=1e-5)


class Widest(TorchDispatchMode):
    """Writes down the widest softmax that is written out."""

    def __init__(self) -> None:
        super().__init__()
        self.widths: list[int] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func is torch.ops.aten._softmax.default:
            self.widths.append(result.shape[-1])
        return result


def test_no_matrix_wider_than_the_text_is_written_out(one: StableDiffusion) -> None:
    widest, control = Widest(), chain(explicit(*ROWS), self_replaced(10**6))
    with widest:
        asked(one, control, (16, 16))
    assert widest.widths == [77] * 21  # seven layers, three rows
    with pytest.raises(ValueError, match="self-attention, whose weights are never written out"):
        asked(one, Control(self_within(10**6), lambda call: call.edited(Edit(ROWS, lambda weights: weights))()))


def test_explicit_weights_are_those_of_diffusers_plain_processor(one: StableDiffusion) -> None:
    modules, apart = dict(one.parts.unet.named_modules()), list[float]()

    def compare(call: Call) -> Tensor:
        theirs = modules[call.site.name].get_attention_scores(call.q.flatten(0, 1), call.k.flatten(0, 1))
        for name, expected in zip(ROWS, theirs.unflatten(0, call.q.shape[:2]).chunk(3), strict=True):
            found = calls.weights(call, name)
            apart.append(float((found - expected).abs().max()))
            torch.testing.assert_close(found.sum(-1), torch.ones(found.shape[:-1]), atol=1e-5, rtol=0)
        return call()

    asked(one, Control(crossing, compare))
    assert len(apart) == 21 and max(apart) < 1e-6


@contextmanager
def plain_processor(model: StableDiffusion) -> Iterator[None]:
    from diffusers.models.attention_processor import AttnProcessor

    before = model.parts.unet.attn_processors
    model.parts.unet.set_attn_processor(AttnProcessor())
    yield
    model.parts.unet.set_attn_processor(before)


def test_the_explicit_path_answers_as_diffusers_plain_processor_does(one: StableDiffusion) -> None:
    with plain_processor(one):
        theirs = asked(one, None)
    torch.testing.assert_close(asked(one, explicit(*ROWS)), theirs, atol=1e-5, rtol=1e-5)


def test_attention_that_cannot_be_heard_is_an_error_once_it_is_wanted(one: StableDiffusion) -> None:
    with plain_processor(one):
        asked(one, MEEK)
        with pytest.raises(InkoverError, match="attn1 made no call of PyTorch's own attention"):
            asked(one, PLAIN)
        with pytest.raises(InkoverError, match="attn2 made no call of PyTorch's own attention"):
            asked(one, explicit("target"))
    assert hooks(one) == 0 and _len_torch_function_stack() == 0
    with pytest.raises(InkoverError, match="the network made no call"), tapped(one.layers, PLAIN, ROWS):
        pass


def test_a_problem_inside_is_not_covered_by_another(one: StableDiffusion) -> None:
    with pytest.raises(ZeroDivisionError), tapped(one.layers, PLAIN, ROWS):
        _ = 1 / 0


def test_another_network_inside_is_not_heard(one: StableDiffusion) -> None:
    other, heard = tiny_model(seed=1), list[str]()
    assert isinstance(other, StableDiffusion)
    alone, before = asked(other, None), asked(one, None)

    def ask_the_other(call: Call) -> Tensor:
        heard.append(call.site.name)
        assert torch.equal(asked(other, None), alone)
        return call()

    assert torch.equal(asked(one, Control(lambda site: site.depth == 0, ask_the_other)), before)
    assert len(heard) == 2


def test_taps_on_the_same_network_nest(one: StableDiffusion) -> None:
    double = Control(crossing, lambda call: 2 * call())
    third = Control(self_within(50), lambda call: call() / 3 + 0.1)
    together = asked(one, chain(double, third))
    with tapped(one.layers, double, ROWS):
        assert torch.equal(asked(one, third), together)
    assert not torch.equal(together, asked(one, double)) and _len_torch_function_stack() == 0


def test_threads_on_one_network_do_not_hear_each_other(one: StableDiffusion) -> None:
    controls: Mapping[str, Control | None] = {
        "off": None,
        "double": Control(crossing, lambda call: 2 * call()),
        "none": Control(everything, lambda call: 0 * call()),
    }
    alone = {name: asked(one, control) for name, control in controls.items()}
    wrong = list[str]()

    def work(name: str) -> None:
        for _ in range(6):
            if not torch.equal(asked(one, controls[name]), alone[name]):
                wrong.append(name)

    threads = [Thread(target=work, args=(name,)) for name in controls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and hooks(one) == 0
    assert not torch.equal(alone["off"], alone["double"]) and not torch.equal(alone["off"], alone["none"])


class Own(nn.Module):
    """Attention that no library made, with a mask."""

    def __init__(self, mask: Tensor | None) -> None:
        super().__init__()
        self.mask = mask

    def forward(self, *, features: Tensor, words: Tensor) -> Tensor:
        tokens = features.flatten(2).transpose(1, 2)[:, None]
        return F.scaled_dot_product_attention(tokens, words, words.flip(2), attn_mask=self.mask, scale=0.7)


def tap_own(own: Own, control: Control, rows: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    features, words = (torch.randn(rows, 3, 2, 5, generator=generator), torch.randn(rows, 1, 4, 3, generator=generator))
    names = [f"row {index}" for index in range(rows)]
    with tapped([Layer("own", own, own, "cross", 0.0)], control, names):
        answer: Tensor = own(features=features, words=words)
    return answer


def masks() -> Iterator[Tensor | None]:
    keep = torch.tensor([[True, True, False, True], [False, True, True, True]])[:, None, None]
    yield from (None, keep, keep[:1, 0], keep.float() - 1, keep[:, :, 0, None].expand(2, 1, 10, 4))


@pytest.mark.parametrize("mask", list(masks()))
def test_any_torch_network_can_be_tapped_and_its_masks_and_scales_count(mask: Tensor | None) -> None:
    seen: list[Site] = []

    def same(weights: Weights) -> Weights:
        assert all(found.sum(-1).allclose(torch.ones(())) for found in weights.values())
        return weights

    def answer(call: Call) -> Tensor:
        seen.append(call.site)
        return call.edited(Edit(("row 0", "row 1"), same))()

    own = Own(mask)
    torch.testing.assert_close(tap_own(own, Control(everything, answer)), tap_own(own, PLAIN), atol=1e-6, rtol=1e-6)
    assert seen == [Site("own", "cross", (2, 5), 0.0)]


def test_a_row_that_is_not_there_is_named(one: StableDiffusion) -> None:
    with pytest.raises(ValueError, match="the row 'sauce', and this forward has target/null, source, target"):
        asked(one, Control(everything, lambda call: call.swapped(q={"target": call.row("sauce").q})()))


def swap_all(which: str) -> Callable[[Call], Tensor]:
    def answer(call: Call) -> Tensor:
        return call.swapped(**{name: {"target": getattr(call.row("source"), name)} for name in which})()

    return answer


@pytest.mark.parametrize("size", [(16, 16), (12, 20), (9, 7)])
def test_all_of_the_sources_attention_with_its_latents_is_the_source(
    one: StableDiffusion, size: tuple[int, int]
) -> None:
    x = torch.randn(1, 4, *size, generator=torch.Generator().manual_seed(5))
    texts = {"source": one.text("a red ball"), "target": one.text("a blue cube on grass")}
    for which, equal in (("qkv", True), ("qk", False)):
        control = Control(everything, swap_all(which))
        source, target = one.predict(torch.cat([x, x]), one.levels(10)[4], texts, control).eps
        assert torch.equal(source, target) == equal


def test_edits_come_in_the_order_of_the_chain_and_are_seen_by_the_next(one: StableDiffusion) -> None:
    sums: list[float] = []

    def scaled(factor: float, more: float) -> Control:
        def change(weights: Weights) -> Weights:
            sums.append(float(weights["target"].sum(-1).mean()))
            return {"target": weights["target"] * factor + more}

        wants: Callable[[Site], bool] = lambda site: site.kind == "cross" and site.depth == 0  # noqa: E731
        return Control(wants, lambda call: call.edited(Edit(("target",), change))())

    asked(one, chain(scaled(2, 0), scaled(1, 1), observed(lambda seen: None, ["target"]), scaled(1, 0)))
    assert sums == pytest.approx([1, 2, 2 + 77])
