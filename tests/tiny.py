"""Small real networks, seeded, in the diffusers folder layout: what the families are, at a thousandth of the size.

Stable Diffusion: 64 px photos, 16x16x4 latents (factor 4), cross-attention on both grids, any prompt up to 75 tokens.
The flows: 64 px photos too, two joint layers (Flux: and a single one), T5 as well as CLIP. Their weights are random:
they prove wiring and mathematics, never what a picture looks like.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxTransformer2DModel,
    SD3Transformer2DModel,
    UNet2DConditionModel,
)
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

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


def xl_components(prediction_type: str = "epsilon", seed: int = 0) -> dict[str, Any]:
    """Build the parts of a small Stable Diffusion XL."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tokenizer = tiny_tokenizer()
        return {
            "unet": _unet(
                cross_attention_dim=64,
                addition_embed_type="text_time",
                addition_time_embed_dim=8,
                projection_class_embeddings_input_dim=6 * 8 + 24,
            ),
            "vae": _vae(),
            "text_encoder": _text_encoder(tokenizer),
            "text_encoder_2": _text_encoder(tokenizer, CLIPTextModelWithProjection, 24),
            "tokenizer": tokenizer,
            "tokenizer_2": tokenizer,
            "scheduler": _scheduler(prediction_type),
        }


def xl_pipeline(prediction_type: str = "epsilon", seed: int = 0) -> Any:
    """Build a plain diffusers pipeline around the small networks of a Stable Diffusion XL."""
    from diffusers import StableDiffusionXLPipeline

    with quiet():
        pipeline = StableDiffusionXLPipeline(**xl_components(prediction_type, seed), add_watermarker=False)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


FLOWS = ("sd3", "sd3-without-t5", "flux", "flux-distilled")
BACKBONES = ("epsilon", "v_prediction", "xl", *FLOWS)
"""What a small model can be of."""


def flow_components(kind: str, seed: int = 0) -> dict[str, Any]:
    """Build the parts of a small flow, by the names that a diffusers pipeline gives them; absent ones are None."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        clip, t5 = tiny_tokenizer(), tiny_t5_tokenizer()
        if kind.startswith("flux"):
            return {
                "transformer": _flux(distilled=kind == "flux-distilled"),
                "vae": _vae(shift=0.1),
                "text_encoder": _text_encoder(clip),
                "text_encoder_2": _t5(t5),
                "tokenizer": clip,
                "tokenizer_2": t5,
                "scheduler": FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True),
            }
        without = kind == "sd3-without-t5"
        return {
            "transformer": _sd3(),
            "vae": _vae(shift=0.1),
            "text_encoder": _text_encoder(clip, CLIPTextModelWithProjection, 16),
            "text_encoder_2": _text_encoder(clip, CLIPTextModelWithProjection, 24),
            "text_encoder_3": None if without else _t5(t5),
            "tokenizer": clip,
            "tokenizer_2": clip,
            "tokenizer_3": None if without else t5,
            "scheduler": FlowMatchEulerDiscreteScheduler(shift=3.0),
        }


def flow_pipeline(kind: str, seed: int = 0) -> Any:
    """Build a plain diffusers pipeline around the small networks of a flow."""
    from diffusers import FluxPipeline, StableDiffusion3Pipeline

    with quiet():
        pipeline = (FluxPipeline if kind.startswith("flux") else StableDiffusion3Pipeline)(
            **flow_components(kind, seed)
        )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def flow_folder(tmp: Path, kind: str, seed: int = 0) -> Path:
    """Save a small flow below ``tmp`` and return its folder."""
    folder = tmp / f"tiny-{kind}-{seed}"
    pipeline = flow_pipeline(kind, seed)
    with quiet():
        pipeline.save_pretrained(folder, safe_serialization=True)
    return folder


def tiny_backbone(kind: str, seed: int = 0) -> Model:
    """Build a small model of any kind as the house sees it, on the CPU, in float32."""
    if kind == "xl":
        return load(xl_components(seed=seed), device="cpu")
    return tiny_model(kind, seed) if kind not in FLOWS else load(flow_components(kind, seed), device="cpu")


def tiny_t5_tokenizer() -> T5Tokenizer:
    """Build a T5 tokenizer that reads printable letters and a few whole words."""
    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    letters = [(letter, -8.0) for letter in ("\u2581", *map(chr, range(33, 127)))]
    words = [(f"\u2581{word}", -2.0) for word in WORDS]
    return T5Tokenizer(vocab=[*special, *letters, *words], extra_ids=0, model_max_length=512)


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


def _unet(cross_attention_dim: int = 32, **more: Any) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=16,
        in_channels=4,
        out_channels=4,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=cross_attention_dim,
        attention_head_dim=2,
        norm_num_groups=8,
        **more,
    ).eval()


def _sd3() -> SD3Transformer2DModel:
    return SD3Transformer2DModel(
        sample_size=16,
        patch_size=2,
        in_channels=4,
        out_channels=4,
        num_layers=2,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=80,
        caption_projection_dim=16,
        pooled_projection_dim=40,
        pos_embed_max_size=16,
        qk_norm="rms_norm",
    ).eval()


def _flux(distilled: bool) -> FluxTransformer2DModel:
    return FluxTransformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=8,
        num_attention_heads=2,
        joint_attention_dim=80,
        pooled_projection_dim=32,
        guidance_embeds=distilled,
        axes_dims_rope=(2, 2, 4),
    ).eval()


def _t5(tokenizer: T5Tokenizer) -> T5EncoderModel:
    config = T5Config(
        vocab_size=len(tokenizer), d_model=80, d_kv=8, d_ff=32, num_layers=1, num_heads=2, dropout_rate=0.0
    )
    return T5EncoderModel(config).eval()


def _vae(shift: float | None = None) -> AutoencoderKL:
    return AutoencoderKL(
        sample_size=64,
        block_out_channels=(8, 16, 16),
        layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        latent_channels=4,
        norm_num_groups=4,
        scaling_factor=0.18215,
        shift_factor=shift,
    ).eval()


def _text_encoder(tokenizer: CLIPTokenizer, kind: Any = CLIPTextModel, projection: int = 32) -> Any:
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        projection_dim=projection,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=77,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return kind(config).eval()


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
