"""Stable Diffusion 3 and 3.5 behind the contract: two CLIP encoders, T5 where it is there, and a joint transformer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from inkover.attention.words import Tokens
from inkover.models import flow
from inkover.models.autoencoder import factor
from inkover.models.contract import Text
from inkover.models.family import Adapter
from inkover.models.flow_scheduler import FlowScheduler, flow_scheduler
from inkover.models.prompts import check_length, clip_window, ids_of, joined, t5_said, tokens_in

if TYPE_CHECKING:
    from diffusers import AutoencoderKL, SD3Transformer2DModel
    from transformers import CLIPTextModelWithProjection, CLIPTokenizer, T5EncoderModel, T5Tokenizer

T5_WINDOW = 256
"""The T5 tokens that the model was published with, and the room that stays empty where T5 is not there."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The networks of one model, in eval mode and on one device, and its tokenizers."""

    transformer: SD3Transformer2DModel
    vae: AutoencoderKL
    text_encoder: CLIPTextModelWithProjection
    text_encoder_2: CLIPTextModelWithProjection
    tokenizer: CLIPTokenizer
    tokenizer_2: CLIPTokenizer
    text_encoder_3: T5EncoderModel | None = None
    tokenizer_3: T5Tokenizer | None = None


def model(name: str, parts: Parts, scheduler: FlowScheduler, fingerprint: str) -> flow.Flow:
    """Put a model together from its parts; what the parts do not say about themselves is worked out here."""
    config = parts.transformer.config
    side, patch, pixels = int(config.sample_size), int(config.patch_size), factor(parts.vae)
    return flow.Flow(
        name=name,
        vae=parts.vae,
        scheduler=scheduler,
        tokens=(side // patch) ** 2,
        resolution=side * pixels,
        stride=patch * pixels,
        batch=flow.ROWS,
        fingerprint=fingerprint,
        dtype=parts.transformer.dtype,
        read=lru_cache(maxsize=64)(partial(read_prompt, parts)),
        velocity=partial(velocity, parts.transformer),
    )


def velocity(network: SD3Transformer2DModel, x: Tensor, times: Tensor, hidden: Tensor, pooled: Tensor) -> Tensor:
    """Ask the transformer, which answers with eps - x0."""
    answer: Tensor = network(
        hidden_states=x,
        encoder_hidden_states=hidden,
        pooled_projections=pooled,
        timestep=times,
        return_dict=False,
    )[0]
    return answer


@torch.no_grad()
def read_prompt(parts: Parts, prompt: str) -> Text:
    """Encode a prompt to hidden states (1, CLIP's words + T5's, width) and pooled ones (1, width), float32.

    CLIP's words of both encoders lie side by side, and reach as far as CLIP does; T5 reads on.
    """
    window = clip_window(parts.tokenizer, parts.text_encoder)
    clips = ((parts.tokenizer, parts.text_encoder), (parts.tokenizer_2, parts.text_encoder_2))
    if parts.tokenizer_3 is None:
        check_length(parts.tokenizer, prompt, window)
    ids = [ids_of(tokenizer, prompt, window, encoder.device) for tokenizer, encoder in clips]
    said = [encoder(one, output_hidden_states=True) for (_, encoder), one in zip(clips, ids, strict=True)]
    words = torch.cat([one.hidden_states[-2].float() for one in said], -1)
    more, tokens = _t5(parts, prompt)
    hidden = torch.cat([F.pad(words, (0, more.shape[-1] - words.shape[-1])), more], 1)
    pooled = torch.cat([one.text_embeds.float() for one in said], -1)
    return Text(hidden, {"pooled": pooled}, joined(tokens_in(parts.tokenizer, prompt, ids[0]), tokens))


def _t5(parts: Parts, prompt: str) -> tuple[Tensor, Tokens]:
    """Return what T5 says and its tokens; zeros where it is not there, as the model was trained to do without."""
    encoder, tokenizer = parts.text_encoder_3, parts.tokenizer_3
    if encoder is None or tokenizer is None:
        width, device = parts.transformer.config.joint_attention_dim, parts.text_encoder.device
        return torch.zeros(1, T5_WINDOW, width, device=device), Tokens(prompt, (0,) * T5_WINDOW, ((0, 0),) * T5_WINDOW)
    window = int(min(T5_WINDOW, tokenizer.model_max_length))
    check_length(tokenizer, prompt, window)
    ids = ids_of(tokenizer, prompt, window, encoder.device)
    return t5_said(encoder, ids), tokens_in(tokenizer, prompt, ids)


ADAPTER = Adapter(
    scheduler=flow_scheduler,
    gathered=lambda parts: Parts(**parts),
    placed=partial(flow.placed, "text_encoder_3"),
    model=model,
)
