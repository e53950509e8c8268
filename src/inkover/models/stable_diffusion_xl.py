"""Stable Diffusion XL behind the contract: a U-Net that is told of the picture's size, and two CLIP encoders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from inkover.models import stable_diffusion
from inkover.models.autoencoder import factor
from inkover.models.contract import Text
from inkover.models.family import Adapter
from inkover.models.prompts import check_length, clip_window, ids_of, tokens_in
from inkover.models.scheduler import Scheduler, scheduler
from inkover.models.stable_diffusion import StableDiffusion

if TYPE_CHECKING:
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer


@dataclass(frozen=True, slots=True)
class Parts:
    """The networks of one model, in eval mode and on one device, and its tokenizers."""

    unet: UNet2DConditionModel
    vae: AutoencoderKL
    text_encoder: CLIPTextModel
    text_encoder_2: CLIPTextModelWithProjection
    tokenizer: CLIPTokenizer
    tokenizer_2: CLIPTokenizer


def placed(parts: Parts, device: torch.device, dtype: torch.dtype) -> Parts:
    """Move freshly read networks to a device; the U-Net alone gets the dtype, the others stay in float32."""
    first = stable_diffusion.placed(
        stable_diffusion.Parts(parts.unet, parts.vae, parts.text_encoder, parts.tokenizer), device, dtype
    )
    second: Any = parts.text_encoder_2.to(device=device, dtype=torch.float32)
    still = second.eval().requires_grad_(False)
    return Parts(first.unet, first.vae, first.text_encoder, still, parts.tokenizer, parts.tokenizer_2)


def model(name: str, parts: Parts, schedule: Scheduler, fingerprint: str) -> StableDiffusion:
    """Put a model together from its parts."""
    return stable_diffusion.stable_diffusion(
        name,
        parts,
        schedule,
        fingerprint,
        read=lru_cache(maxsize=64)(partial(read_prompt, parts)),
        beside=partial(conditions, factor(parts.vae)),
    )


def conditions(pixels: int, x: Tensor, texts: Sequence[Text], dtype: torch.dtype) -> dict[str, Any]:
    """Return what the U-Net is told beside latent, time and words, for each latent of each text's block.

    The pooled text, and six numbers: height and width of the photo, where it is cut (nowhere), and height and width of
    the picture, which is as large. The height comes first.
    """
    each, (height, width) = len(x) // len(texts), (x.shape[-2] * pixels, x.shape[-1] * pixels)
    pooled = torch.cat([text.extra["pooled"].expand(each, -1) for text in texts])
    sizes = torch.tensor([[height, width, 0, 0, height, width]], dtype=dtype, device=x.device).expand(len(x), -1)
    return {"added_cond_kwargs": {"text_embeds": pooled.to(dtype), "time_ids": sizes}}


@torch.no_grad()
def read_prompt(parts: Parts, prompt: str) -> Text:
    """Encode a prompt to hidden states (1, words, width), of both encoders side by side, and pooled ones (1, width).

    No words are zeros, not what the encoders make of none: that is what the model was trained with.
    """
    clips = ((parts.tokenizer, parts.text_encoder), (parts.tokenizer_2, parts.text_encoder_2))
    window = min(clip_window(tokenizer, encoder) for tokenizer, encoder in clips)
    check_length(parts.tokenizer, prompt, window)
    ids = [ids_of(tokenizer, prompt, window, encoder.device) for tokenizer, encoder in clips]
    said = [encoder(one, output_hidden_states=True) for (_, encoder), one in zip(clips, ids, strict=True)]
    hidden = torch.cat([one.hidden_states[-2].float() for one in said], -1)
    pooled: Tensor = said[1].text_embeds.float()
    if not prompt:
        hidden, pooled = torch.zeros_like(hidden), torch.zeros_like(pooled)
    return Text(hidden, {"pooled": pooled}, tokens_in(parts.tokenizer, prompt, ids[0]))


ADAPTER = Adapter(
    scheduler=scheduler,
    gathered=lambda parts: Parts(**parts),
    placed=placed,
    model=model,
)
