"""The adapters of Stable Diffusion 3 and Flux say what the diffusers pipelines say, and nothing else."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from inkover.attention.control import Control
from inkover.diffusion.guide import guided
from inkover.diffusion.level import Level
from inkover.diffusion.samplers import deterministic
from inkover.diffusion.schedule import Spacing
from inkover.errors import InkoverError
from inkover.models.contract import Model
from inkover.models.flux import packed, places, unpacked
from inkover.models.loading import load
from tiny import FLOWS, flow_components, flow_folder, flow_pipeline, tiny_backbone, tiny_components

PROMPTS = {"source": "a red ball", "target": "a blue cube on grass", "null": ""}
LONG = "a red ball on grass " * 30  # longer than CLIP reads
every = pytest.mark.parametrize("kind", FLOWS)


def normal(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def spoken(pipeline: Any, kind: str, prompt: str) -> tuple[Tensor, Tensor]:
    """Let a pipeline read a prompt."""
    if kind.startswith("flux"):
        hidden, pooled, _ = pipeline.encode_prompt(prompt, None)
    else:
        hidden, _, pooled, _ = pipeline.encode_prompt(prompt, None, None, do_classifier_free_guidance=False)
    return hidden, pooled


@torch.no_grad()
def raw(pipeline: Any, kind: str, x: Tensor, level: Level, prompt: str) -> Tensor:
    """Ask the diffusers modules as the pipelines do."""
    hidden, pooled = (tensor.expand(len(x), *tensor.shape[1:]) for tensor in spoken(pipeline, kind, prompt))
    time = torch.full((len(x),), level.time)
    words = {"encoder_hidden_states": hidden, "pooled_projections": pooled, "return_dict": False}
    if not kind.startswith("flux"):
        answer: Tensor = pipeline.transformer(hidden_states=x, timestep=time, **words)[0]
        return answer
    n, channels, height, width = x.shape
    tokens = pipeline.transformer(
        hidden_states=pipeline._pack_latents(x, n, channels, height, width),
        timestep=time / 1000,
        guidance=torch.full((n,), 3.5) if kind == "flux-distilled" else None,
        img_ids=pipeline._prepare_latent_image_ids(n, height // 2, width // 2, "cpu", torch.float32),
        txt_ids=torch.zeros(hidden.shape[1], 3),
        **words,
    )[0]
    back: Tensor = pipeline._unpack_latents(tokens, 4 * height, 4 * width, 4)
    return back


@every
def test_every_latent_may_have_a_level_of_its_own(kind: str) -> None:
    model, x = load(flow_components(kind)), normal(4, 4, 8, 12)
    rows, at = {"a": model.text("a red ball"), "b": model.text("")}, model.levels(10)[2:8:3]
    found = model.predict(x, at, rows).split(2)
    for name, block, said in zip(rows, x.chunk(2), found, strict=True):
        for k, level in enumerate(at):
            alone = model.predict(block[k : k + 1], level, {name: rows[name]})
            torch.testing.assert_close(said.x0[k : k + 1], alone.x0, atol=1e-5, rtol=1e-5)


@every
@pytest.mark.parametrize("step", [0, 5])
def test_predict_equals_the_transformer_called_alone_for_each_row(kind: str, step: int) -> None:
    pipeline, x = flow_pipeline(kind), normal(6, 4, 8, 12)
    model = load(pipeline)
    level = model.levels(10, Spacing("trailing", "one"))[step]
    found = model.predict(x, level, {name: model.text(prompt) for name, prompt in PROMPTS.items()})
    answers = [raw(pipeline, kind, x[2 * k : 2 * k + 2], level, p) for k, p in enumerate(PROMPTS.values())]
    torch.testing.assert_close(found.eps - found.x0, torch.cat(answers), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(level.noised(found.x0, found.eps), x, atol=1e-5, rtol=1e-5)
    assert found.x0.isfinite().all() and found.eps.isfinite().all()


@every
@pytest.mark.parametrize("prompt", ["", "a red ball on grass", "seven green pears", "a red ball on grass " * 30])
def test_a_prompt_is_read_as_the_pipeline_reads_it(kind: str, prompt: str, caplog: pytest.LogCaptureFixture) -> None:
    if prompt == LONG and kind == "sd3-without-t5":
        return
    pipeline = flow_pipeline(kind)
    text = load(pipeline).text(prompt)
    with torch.no_grad():
        hidden, pooled = spoken(pipeline, kind, prompt)
    torch.testing.assert_close(text.hidden, hidden)
    torch.testing.assert_close(text.extra["pooled"], pooled)
    assert len(text.tokens) == len(text.tokens.spans) == text.hidden.shape[1]


@pytest.mark.parametrize(("kind", "words"), [("sd3", 255), ("sd3-without-t5", 75), ("flux", 511)])
def test_a_prompt_that_no_encoder_reads_to_its_end_is_an_error_not_a_cut(kind: str, words: int) -> None:
    model = tiny_backbone(kind)
    model.text("ball " * words)
    with pytest.raises(InkoverError, match=f"has {words + 1} tokens and this model reads {words}: shorten it"):
        model.text("ball " * (words + 1))


def test_words_are_found_in_both_encoders_of_stable_diffusion_3() -> None:
    from inkover.attention.words import find

    places = find(tiny_backbone("sd3").text("a red pup").tokens, "red")
    assert places == (2, 78)


@settings(max_examples=15, deadline=None)
@given(prompt=st.text(max_size=15))
def test_any_prompt_that_fits_is_read_in_full_width(prompt: str) -> None:
    assert MODELS["sd3"].text(prompt).hidden.shape == (1, 77 + 256, 80)
    assert MODELS["flux"].text(prompt).hidden.shape == (1, 512, 80)


MODELS = {kind: tiny_backbone(kind) for kind in ("sd3", "flux")}


@pytest.mark.parametrize("kind", ["sd3", "sd3-without-t5"])
def test_text_to_image_equals_the_pipeline_of_stable_diffusion_3(kind: str) -> None:
    pipeline, start = flow_pipeline(kind), normal(2, 4, 16, 12)
    theirs = pipeline(
        prompt=["a red ball on grass"] * 2,
        num_inference_steps=6,
        guidance_scale=5.0,
        latents=start,
        height=64,
        width=48,
        output_type="latent",
    ).images
    model = load(pipeline)
    x, denoiser = start, guided(model, model.text("a red ball on grass"), model.text(""), 5.0)
    for here, there in pairwise(model.levels(6, Spacing("linspace", "one"))):
        x = deterministic(denoiser(x, here), here, there)
    torch.testing.assert_close(x, theirs, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", ["flux", "flux-distilled"])
def test_text_to_image_equals_the_pipeline_of_flux(kind: str) -> None:
    pipeline, start = flow_pipeline(kind), normal(1, 4, 16, 12)
    theirs = pipeline(
        prompt="a red ball on grass",
        negative_prompt="a cube",
        true_cfg_scale=4.0,
        num_inference_steps=6,
        latents=packed(start),
        height=64,
        width=48,
        output_type="latent",
    ).images
    model: Any = load(pipeline)
    x, denoiser = start, guided(model, model.text("a red ball on grass"), model.text("a cube"), 4.0)
    for here, there in pairwise(model.scheduler.levels(6, Spacing("trailing", "one"), 8 * 6)):
        x = deterministic(denoiser(x, here), here, there)
    torch.testing.assert_close(packed(x), theirs, atol=1e-4, rtol=1e-4)


@given(n=st.integers(1, 3), channels=st.integers(1, 4), h=st.integers(1, 5), w=st.integers(1, 5))
def test_packing_is_taken_back_and_is_that_of_the_pipeline(n: int, channels: int, h: int, w: int) -> None:
    from diffusers import FluxPipeline

    x = normal(n, channels, 2 * h, 2 * w)
    assert torch.equal(unpacked(packed(x), 2 * h, 2 * w), x)
    assert torch.equal(packed(x), FluxPipeline._pack_latents(x, n, channels, 2 * h, 2 * w))
    assert torch.equal(places(h, w, x.device), FluxPipeline._prepare_latent_image_ids(1, h, w, "cpu", torch.float32))


@every
def test_encode_and_decode_equal_the_autoencoder(kind: str) -> None:
    pipeline, pixels = flow_pipeline(kind), normal(2, 3, 64, 96).clamp(-1, 1)
    model = load(pipeline)
    with torch.no_grad():
        latent = (pipeline.vae.encode(pixels).latent_dist.mode() - 0.1) * 0.18215
        decoded = pipeline.vae.decode(latent / 0.18215 + 0.1).sample
    torch.testing.assert_close(model.encode(pixels), latent, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(model.decode(latent), decoded, atol=1e-5, rtol=1e-5)


@every
def test_facts(kind: str) -> None:
    model = tiny_backbone(kind)
    assert (model.resolution, model.stride) == (512 if kind.startswith("flux") else 64, 8) and model.batch > 1
    assert model.levels(5)[-1] == Level(0.0, 1.0, 0.0)


@every
def test_a_control_of_joint_attention_is_refused(kind: str) -> None:
    model, control = tiny_backbone(kind), Control(lambda site: False, lambda call: call())
    rows = {"row": model.text("a red ball")}
    with pytest.raises(InkoverError, match="the attention of components is joint.*use a method without") as caught:
        model.predict(normal(1, 4, 16, 16), model.levels(4)[1], rows, control)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["sd3", "flux"])
def test_latents_rows_and_gradients(kind: str) -> None:
    model, x = MODELS[kind], normal(1, 4, 8, 8)
    rows, level = {"row": model.text("a")}, model.levels(4)[0]
    assert not model.predict(x, level, rows).eps.requires_grad
    assert model.predict(x.clone().requires_grad_(), level, rows).eps.requires_grad
    assert model.predict(x.double(), level, rows).x0.dtype == torch.float64
    with pytest.raises(ValueError, match="equal rows"):
        model.predict(normal(3, 4, 8, 8), level, {**rows, "other": model.text("b")})


# loading


def answer(model: Model) -> Tensor:
    return model.predict(normal(1, 4, 16, 16), model.levels(4)[1], {"row": model.text("a red ball on grass")}).eps


def refused(match: str, spec: Any, **options: Any) -> None:
    with pytest.raises(InkoverError, match=match) as caught:
        load(spec, **options)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


@every
def test_folder_components_and_pipeline_are_one_model(kind: str, tmp_path: Path) -> None:
    given = [flow_folder(tmp_path, kind), flow_components(kind), flow_pipeline(kind)]
    models = [load(spec, device="cpu") for spec in given]
    for model in models[1:]:
        torch.testing.assert_close(answer(model), answer(models[0]), atol=1e-5, rtol=1e-5)
    assert models[1].fingerprint == models[2].fingerprint != load(flow_components(kind, seed=1)).fingerprint


@pytest.mark.parametrize("kind", ["sd3", "flux"])
def test_half_precision_is_the_transformers_and_t5s(
    kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = flow_folder(tmp_path, kind)
    capfd.readouterr()
    full, half = (load(folder, device="cpu", dtype=dtype) for dtype in ("float32", "bfloat16"))
    assert capfd.readouterr() == ("", "")
    a, b = answer(full), answer(half)
    assert b.dtype == torch.float32 and 0 < (a - b).abs().max() < 0.05 * a.abs().max()
    assert half.text("a ball").hidden.dtype == torch.float32
    assert torch.equal(full.text("a ball").extra["pooled"], half.text("a ball").extra["pooled"])
    assert full.fingerprint == half.fingerprint


def drop(folder: Path, path: str) -> None:
    (folder / path).unlink()


def setting(folder: Path, part: str, **changes: Any) -> None:
    file = folder / part / ("scheduler_config.json" if part == "scheduler" else "config.json")
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def index(folder: Path, **changes: Any) -> None:
    file = folder / "model_index.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


WEIGHTS = "diffusion_pytorch_model.safetensors"
WRONG: list[tuple[str, Any, str]] = [
    ("sd3", lambda f: drop(f, "text_encoder_3/model.safetensors"), "missing parts: text_encoder_3/model.safetensors"),
    ("sd3", lambda f: drop(f, "tokenizer_3/tokenizer.json"), "missing parts: tokenizer_3/vocab.json and merges.txt"),
    ("sd3", lambda f: index(f, text_encoder_2=[None, None]), "a StableDiffusion3Pipeline without a text_encoder_2"),
    ("sd3", lambda f: setting(f, "transformer", in_channels=8), "reads 8 channels where the photo has 4"),
    ("sd3", lambda f: setting(f, "transformer", out_channels=8), "answers with 8 channels, not 4"),
    ("sd3", lambda f: setting(f, "transformer", pooled_projection_dim=64), r"differ in width \(64 and 40\)"),
    ("sd3", lambda f: setting(f, "text_encoder_3", d_model=64), r"text_encoder_3 differ in width \(80 and 64\)"),
    ("sd3", lambda f: setting(f, "transformer", sample_size=None), "sample_size in its transformer's configuration"),
    ("sd3", lambda f: setting(f, "text_encoder_3", auto_map={"x": "y"}), "text_encoder_3 asks for code of its own"),
    ("sd3", lambda f: setting(f, "scheduler", invert_sigmas=True), "invert_sigmas is True"),
    ("flux", lambda f: (f / "transformer" / WEIGHTS).rename(f / "transformer" / "x.bin"), "pickle weights only"),
    ("flux", lambda f: setting(f, "transformer", in_channels=64), "reads 64 channels where the photo has 16"),
    ("flux", lambda f: setting(f, "transformer", pooled_projection_dim=64), r"differ in width \(64 and 32\)"),
    ("flux", lambda f: setting(f, "transformer", quantization_config={"a": 1}), "its transformer is quantised"),
    ("flux", lambda f: (f / "scheduler" / "scheduler_config.json").write_text("{}"), "expected .* a flow matching one"),
]


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    home = tmp_path_factory.mktemp("flows")
    return {kind: flow_folder(home, kind) for kind in ("sd3", "flux")}


@pytest.mark.parametrize(("kind", "spoil", "said"), WRONG, ids=[said[:40] for _, _, said in WRONG])
def test_a_folder_that_is_wrong_is_refused_with_the_reason(
    kind: str, spoil: Any, said: str, originals: dict[str, Path], tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(originals[kind], tmp_path / "model"))
    spoil(folder)
    refused(said, folder, device="cpu")


def test_a_vocabulary_that_only_another_library_reads_is_refused(originals: dict[str, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(originals["flux"], tmp_path / "model"))
    (folder / "tokenizer_2" / "tokenizer.json").rename(folder / "tokenizer_2" / "spiece.model")
    refused("tokenizer_2/tokenizer.json is not there, and its .model file alone is not read", folder, device="cpu")


def test_live_networks_that_do_not_fit() -> None:
    sd3, flux, sd = flow_components("sd3"), flow_components("flux"), tiny_components()
    refused("components has no text_encoder_2: give transformer, vae, text_encoder", {**sd3, "text_encoder_2": None})
    refused("its text_encoder is of class CLIPTextModel, ", {**sd3, "text_encoder": flux["text_encoder"]})
    refused("further networks", {**flux, "unet": sd["unet"]})
    refused("further networks", {**flux, "transformer": sd["vae"]})
    refused("its transformer is in training mode", {**flux, "transformer": flux["transformer"].train()})
    refused("computes in float32, not in bfloat16", sd3, dtype="bfloat16")
    without = load({**sd3, "text_encoder_3": None, "tokenizer_3": None})
    assert without.text("a").hidden.shape == (1, 333, 80) and not without.text("a").hidden[:, 77:].any()
