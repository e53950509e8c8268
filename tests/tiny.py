"""Small real networks, seeded, in the diffusers folder layout: what a Stable Diffusion is, at a thousandth of the size.

64 px photos, 16x16x4 latents (factor 4), cross-attention on both grids, any prompt up to 75 tokens. Their weights are
random: they prove wiring and mathematics, never what a picture looks like.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from inkover.models.contract import Model
from inkover.models.loading import load
from inkover.models.quiet import quiet

WORDS = ("a", "red", "blue", "ball", "cube", "on", "grass", "photo", "of")
START, END = "<|startoftext|>", "<|endoftext|>"


def tiny_components(prediction_type: str = "epsilon", seed: int = 0) -> dict[str, Any]:
    """Build the parts of a small Stable Diffusion, by the names that a diffusers pipeline gives them."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tokenizer = tiny_tokenizer()
        return {
            "unet": _unet(),
            "vae": _vae(),
            "text_encoder": _text_encoder(tokenizer),
            "tokenizer": tokenizer,
            "scheduler": _scheduler(prediction_type),
        }


def tiny_pipeline(prediction_type: str = "epsilon", seed: int = 0) -> Any:
    """Build a plain diffusers pipeline around the small networks."""
    from diffusers import StableDiffusionPipeline

    with quiet():
        return StableDiffusionPipeline(
            **tiny_components(prediction_type, seed),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )


def tiny_folder(tmp: Path, prediction_type: str = "epsilon", seed: int = 0) -> Path:
    """Save a small Stable Diffusion below ``tmp`` and return its folder."""
    folder = tmp / f"tiny-{prediction_type}-{seed}"
    pipeline = tiny_pipeline(prediction_type, seed)
    with quiet():
        pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


def tiny_model(prediction_type: str = "epsilon", seed: int = 0) -> Model:
    """Build a small Stable Diffusion as the house sees it, on the CPU, in float32."""
    return load(tiny_components(prediction_type, seed), device="cpu")


def tiny_tokenizer() -> CLIPTokenizer:
    """Build a CLIP tokenizer that reads anything: every byte, and a few whole words."""
    letters = _byte_letters()
    merges, joined = [], []
    for word in WORDS:
        pieces = [*word[:-1], word[-1] + "</w>"]
        while len(pieces) > 1:
            merges.append((pieces[0], pieces[1]))
            pieces = [pieces[0] + pieces[1], *pieces[2:]]
            joined.append(pieces[0])
    tokens = dict.fromkeys([*letters, *(letter + "</w>" for letter in letters), *joined, START, END])
    vocabulary = {token: index for index, token in enumerate(tokens)}
    return CLIPTokenizer(vocab=vocabulary, merges=list(dict.fromkeys(merges)), model_max_length=77)


def _byte_letters() -> list[str]:
    """Return the letters that byte-level tokenizers write the 256 bytes with."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(byte) for byte in plain] + [chr(256 + index) for index in range(256 - len(plain))]


def _unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=4,
        out_channels=4,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=32,
        attention_head_dim=2,
        norm_num_groups=8,
    ).eval()


def _vae() -> AutoencoderKL:
    return AutoencoderKL(
        sample_size=64,
        block_out_channels=(8, 16, 16),
        layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        latent_channels=4,
        norm_num_groups=4,
        scaling_factor=0.18215,
    ).eval()


def _text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        projection_dim=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=77,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return CLIPTextModel(config).eval()


def _scheduler(prediction_type: str) -> DDIMScheduler:
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type=prediction_type,
    )
