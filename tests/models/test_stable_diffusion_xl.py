"""The adapter of Stable Diffusion XL says what the diffusers pipeline says, and nothing else."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from inkover.diffusion.guide import guided
from inkover.diffusion.samplers import deterministic
from inkover.errors import InkoverError
from inkover.models.contract import Model
from inkover.models.loading import load
from inkover.models.quiet import quiet
from tiny import tiny_components, xl_components, xl_pipeline

PROMPTS = {"source": "a red ball", "target": "a blue cube on grass", "null": ""}


@pytest.fixture(scope="module")
def pipeline() -> Any:
    return xl_pipeline()


@pytest.fixture(scope="module")
def model(pipeline: Any) -> Model:
    return load(pipeline)


def normal(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("size", [(64, 64), (64, 96), (96, 48)])
def test_text_to_image_equals_the_pipeline(kind: str, size: tuple[int, int]) -> None:
    """Not square too: the six numbers have the height first, and a picture of another height is another picture."""
    pipeline, (height, width) = xl_pipeline(kind), size
    model, start = load(pipeline), normal(2, 4, height // 4, width // 4)
    theirs = pipeline(
        prompt=["a red ball on grass"] * 2, num_inference_steps=6, guidance_scale=5.0, latents=start,
        height=height, width=width, output_type="latent",
    ).images  # fmt: skip
    denoiser, x = guided(model, model.text("a red ball on grass"), model.text(""), 5.0), start
    for here, there in pairwise(model.levels(6)):
        x = deterministic(denoiser(x, here), here, there)
    torch.testing.assert_close(x, theirs, atol=1e-4, rtol=1e-4)


def test_rows_of_several_latents_are_told_their_own_words(model: Model) -> None:
    x, level = normal(6, 4, 16, 24), model.levels(10)[3]
    rows = {name: model.text(prompt) for name, prompt in PROMPTS.items()}
    together = model.predict(x, level, rows).split(3)
    for k, (name, text) in enumerate(rows.items()):
        alone = model.predict(x[2 * k : 2 * k + 2], level, {name: text})
        torch.testing.assert_close(together[k].eps, alone.eps, atol=1e-5, rtol=1e-5)
    several = model.predict(x[:2], (level, model.levels(10)[7]), {"a": rows["source"]})
    torch.testing.assert_close(several.eps[:1], together[0].eps[:1], atol=1e-5, rtol=1e-5)


def test_a_prompt_is_read_by_both_encoders_and_none_is_zeros(model: Model, pipeline: Any) -> None:
    hidden, none, pooled, none_pooled = pipeline.encode_prompt("a blue cube on grass", negative_prompt=None)
    text, empty = model.text("a blue cube on grass"), model.text("")
    torch.testing.assert_close(text.hidden, hidden, atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(text.extra["pooled"], pooled, atol=1e-6, rtol=1e-6)
    assert torch.equal(empty.hidden, none) and torch.equal(empty.extra["pooled"], none_pooled)
    assert len(text.tokens) == text.hidden.shape[1]
    with pytest.raises(InkoverError, match="tokens and this model reads 75"):
        model.text("ball " * 80)


def test_folder_components_and_pipeline_are_one_model(tmp_path: Path, pipeline: Any, model: Model) -> None:
    with quiet():
        pipeline.save_pretrained(tmp_path / "xl", safe_serialization=True)
    folder, live = load(tmp_path / "xl", device="cpu"), load(xl_components())
    rows, x, level = {"a": PROMPTS["target"]}, normal(1, 4, 16, 16), model.levels(5)[2]
    answers = [one.predict(x, level, {k: one.text(p) for k, p in rows.items()}).eps for one in (model, folder, live)]
    assert torch.equal(answers[0], answers[1]) and torch.equal(answers[0], answers[2])
    assert (folder.resolution, folder.stride) == (64, 8)


@pytest.mark.parametrize(
    "changed, says",
    [
        ({"addition_embed_type": None}, "not told the picture's size"),
        ({"cross_attention_dim": 32}, r"differ in width \(32 and 64\)"),
        ({"projection_class_embeddings_input_dim": 99}, r"differ in width \(99 and 72\)"),
        ({"in_channels": 9}, "reads 9 channels"),
    ],
)
def test_a_folder_that_does_not_fit_is_refused(tmp_path: Path, pipeline: Any, changed: Any, says: str) -> None:
    with quiet():
        pipeline.save_pretrained(tmp_path / "xl", safe_serialization=True)
    file = tmp_path / "xl" / "unet" / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changed))
    with pytest.raises(InkoverError, match=says):
        load(tmp_path / "xl", device="cpu")


def test_a_refiner_is_refused(pipeline: Any) -> None:
    parts = xl_components()
    with pytest.raises(InkoverError, match="told more than"):
        load({**{name: parts[name] for name in tiny_components()}})
