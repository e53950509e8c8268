"""The adapter says what the diffusers modules say, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from inkover.attention.call import Call
from inkover.attention.control import Control
from inkover.diffusion.guide import guided
from inkover.diffusion.samplers import deterministic
from inkover.diffusion.schedule import Spacing
from inkover.errors import InkoverError
from inkover.models.contract import Model
from inkover.models.loading import load
from inkover.models.scheduler import ANSWERS
from tiny import tiny_components, tiny_model, tiny_pipeline

KINDS = ("epsilon", "v_prediction")


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def pipeline(kind: str) -> Any:
    return tiny_pipeline(kind)


@pytest.fixture(scope="module")
def small() -> Model:
    return tiny_model()


def normal(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def raw(pipeline: Any, x: Tensor, time: float, prompt: str) -> Tensor:
    """Ask the diffusers modules directly."""
    with torch.no_grad():
        ids = pipeline.tokenizer(prompt, padding="max_length", max_length=77, return_tensors="pt").input_ids
        words = pipeline.text_encoder(ids)[0].expand(len(x), -1, -1)
        answer: Tensor = pipeline.unet(x, time, encoder_hidden_states=words).sample
        return answer


def test_facts() -> None:
    model = tiny_model()
    assert (model.resolution, model.stride) == (64, 8)
    assert model.batch * 16 * 16 == 8 * 64 * 64


def test_predict_equals_the_network_called_alone_for_each_row(kind: str, pipeline: Any) -> None:
    model, x = load(pipeline), normal(6, 4, 16, 24)
    prompts = {"source": "a red ball", "target": "a blue cube on grass", "null": ""}
    level = model.levels(10)[3]
    found = model.predict(x, level, {name: model.text(prompt) for name, prompt in prompts.items()})
    answers = torch.cat([raw(pipeline, x[2 * k : 2 * k + 2], level.time, p) for k, p in enumerate(prompts.values())])
    expected = ANSWERS[kind](level, x, answers)
    torch.testing.assert_close(found.x0, expected.x0, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(found.eps, expected.eps, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(level.noised(found.x0, found.eps), x, atol=1e-5, rtol=1e-5)


def test_every_latent_may_have_a_level_of_its_own(kind: str) -> None:
    model, x = tiny_model(kind), normal(6, 4, 16, 24)
    rows, at = {"a": model.text("a red ball"), "b": model.text("")}, model.levels(10)[2:8:2]
    found = model.predict(x, at, rows).split(2)
    for name, block, said in zip(rows, x.chunk(2), found, strict=True):
        for k, level in enumerate(at):
            alone = model.predict(block[k : k + 1], level, {name: rows[name]})
            torch.testing.assert_close(said.x0[k : k + 1], alone.x0, atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(said.eps[k : k + 1], alone.eps, atol=1e-5, rtol=1e-5)


def test_rows_differ_by_their_words_and_by_nothing_else() -> None:
    model, x = tiny_model(), normal(1, 4, 16, 16)
    rows = {"a": model.text("a red ball"), "b": model.text("a red ball"), "c": model.text("grass")}
    same, again, other = model.predict(torch.cat([x, x, x]), model.levels(4)[0], rows).split(3)
    torch.testing.assert_close(same.eps, again.eps, atol=1e-6, rtol=1e-6)
    assert (same.eps - other.eps).abs().max() > 1e-3


def test_latents_that_do_not_fit_the_rows_are_refused() -> None:
    model = tiny_model()
    with pytest.raises(ValueError, match="equal rows"):
        model.predict(normal(3, 4, 16, 16), model.levels(4)[0], {"a": model.text("a"), "b": model.text("b")})


def test_text_to_image_equals_the_diffusers_pipeline(kind: str, pipeline: Any) -> None:
    """Our grid, reading, guidance and step, all together, against theirs."""
    model, start = load(pipeline), normal(2, 4, 16, 16)
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(
        prompt=["a red ball on grass"] * 2,
        num_inference_steps=8,
        guidance_scale=5.0,
        latents=start,
        height=64,
        width=64,
        output_type="latent",
    ).images
    denoiser = guided(model, model.text("a red ball on grass"), model.text(""), 5.0)
    levels, x = model.levels(8), start
    for here, there in zip(levels, levels[1:], strict=False):
        x = deterministic(denoiser(x, here), here, there)
    torch.testing.assert_close(x, theirs, atol=1e-4, rtol=1e-4)


def test_encode_and_decode_equal_the_autoencoder(pipeline: Any) -> None:
    model, pixels = load(pipeline), normal(2, 3, 64, 96).clamp(-1, 1)
    with torch.no_grad():
        latent = pipeline.vae.encode(pixels).latent_dist.mode() * 0.18215
        decoded = pipeline.vae.decode(latent / 0.18215).sample
    torch.testing.assert_close(model.encode(pixels), latent, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(model.decode(latent), decoded, atol=1e-5, rtol=1e-5)
    assert torch.equal(model.encode(pixels), model.encode(pixels))  # the mode, not a sample


def test_shift_and_scale_of_the_autoencoder_are_honoured() -> None:
    parts = tiny_components()
    plain, pixels = load(parts), normal(1, 3, 64, 64).clamp(-1, 1)
    mode = plain.encode(pixels) / 0.18215
    parts["vae"].register_to_config(scaling_factor=0.5, shift_factor=0.25)
    shifted = load(parts)
    torch.testing.assert_close(shifted.encode(pixels), (mode - 0.25) * 0.5)
    torch.testing.assert_close(shifted.decode(shifted.encode(pixels)), plain.decode(plain.encode(pixels)))


@settings(max_examples=20, deadline=None)
@given(prompt=st.text(max_size=15))
def test_any_prompt_that_fits_is_read_in_full_width(small: Model, prompt: str) -> None:
    assert small.text(prompt).hidden.shape == (1, 77, 32)


def test_a_prompt_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parts, calls = tiny_components(), []
    parts["text_encoder"].register_forward_pre_hook(lambda *_: calls.append(1))
    model = load(parts)
    assert model.text("a red ball") is model.text("a red ball")
    model.text("a blue ball")
    assert len(calls) == 2


def test_a_prompt_that_is_too_long_is_an_error_not_a_cut() -> None:
    model = tiny_model()
    assert model.text("ball " * 75).hidden.shape == (1, 77, 32)
    with pytest.raises(InkoverError, match="has 76 tokens and this model reads 75: shorten it"):
        model.text("ball " * 76)


def test_a_bf16_network_keeps_float32_state(tmp_path_factory: pytest.TempPathFactory) -> None:
    from tiny import tiny_folder

    folder = tiny_folder(tmp_path_factory.mktemp("half"))
    full, half = (load(folder, device="cpu", dtype=dtype) for dtype in ("float32", "bfloat16"))
    x, level = normal(2, 4, 16, 16), full.levels(10)[2]
    a, b = (model.predict(x, level, {"row": model.text("a red ball")}) for model in (full, half))
    assert b.x0.dtype == b.eps.dtype == torch.float32
    assert 1e-5 < (a.eps - b.eps).abs().max() < 0.05 * a.eps.abs().max()
    torch.testing.assert_close(level.noised(b.x0, b.eps), x, atol=1e-5, rtol=1e-5)  # the line itself is not rounded
    pixels = normal(1, 3, 64, 64).clamp(-1, 1)
    assert torch.equal(full.encode(pixels), half.encode(pixels))
    assert torch.equal(full.text("a ball").hidden, half.text("a ball").hidden)


def test_float64_latents_stay_float64() -> None:
    model = tiny_model()
    found = model.predict(normal(1, 4, 16, 16).double(), model.levels(4)[1], {"row": model.text("a")})
    assert found.x0.dtype == found.eps.dtype == torch.float64


def test_a_gradient_is_kept_where_it_is_asked_for_and_nowhere_else() -> None:
    model, x = tiny_model(), normal(1, 4, 16, 16)
    rows, level = {"row": model.text("a")}, model.levels(4)[0]
    assert not model.predict(x, level, rows).eps.requires_grad
    assert model.predict(x.requires_grad_(), level, rows).eps.requires_grad
    assert not model.encode(normal(1, 3, 64, 64)).requires_grad
    assert not model.decode(normal(1, 4, 16, 16)).requires_grad


@pytest.mark.parametrize("spacing", [Spacing(), Spacing("trailing", "one"), Spacing("linspace", "one")])
def test_levels_are_the_asked_ones(spacing: Spacing) -> None:
    levels = tiny_model().levels(10, spacing)
    assert len(levels) == 11
    assert [level.sigma for level in levels] == sorted((level.sigma for level in levels), reverse=True)
    assert (levels[-1].sigma == 0) == (spacing.end == "one")


def test_a_text_knows_its_tokens() -> None:
    text = tiny_model().text("a red pup")
    assert text.tokens.prompt == "a red pup"
    assert len(text.tokens) == text.hidden.shape[1] == 77
    assert text.tokens.spans[:8] == ((0, 0), (0, 1), (2, 5), (6, 7), (7, 8), (8, 9), (0, 0), (0, 0))


def test_a_control_hears_the_named_rows_and_its_answer_counts(kind: str) -> None:
    model, x = tiny_model(kind), normal(2, 4, 16, 24)
    heard = set[tuple[str, ...]]()

    def silent(call: Call) -> Tensor:
        heard.add(call.rows)
        return torch.zeros_like(call())

    rows = {"source": model.text("a red ball"), "target": model.text("a blue cube")}
    level, control = model.levels(10)[3], Control(lambda site: site.kind == "cross", silent)
    plain, deaf = (model.predict(torch.cat([x, x]), level, rows, one) for one in (None, control))
    assert heard == {("source", "target")}
    assert torch.equal(*(half.eps for half in deaf.split(2)))  # words that are not heard make no difference
    assert not torch.equal(*(half.eps for half in plain.split(2)))


def test_a_control_keeps_gradients() -> None:
    model, x = tiny_model(), normal(2, 4, 16, 16).requires_grad_()
    rows = {"source": model.text("a red ball"), "target": model.text("a blue cube")}
    control = Control(lambda site: site.kind == "self", lambda call: call.swapped(k={"target": call.row("source").k})())
    (grad,) = torch.autograd.grad(model.predict(x, model.levels(4)[1], rows, control).eps[1].sum(), x)
    assert grad[0].abs().max() > 0  # the target's answer now depends on the source's latents
