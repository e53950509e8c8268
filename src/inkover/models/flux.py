"""Flux behind the contract: CLIP's pooled word, T5's words, and a transformer over latents packed two by two."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from inkover.models import flow
from inkover.models.autoencoder import factor
from inkover.models.contract import Text
from inkover.models.family import Adapter
from inkover.models.flow_scheduler import FlowScheduler, flow_scheduler
from inkover.models.prompts import check_length, clip_window, ids_of, t5_said, tokens_in

if TYPE_CHECKING:
    from diffusers import AutoencoderKL, FluxTransformer2DModel
    from transformers import CLIPTextModel, CLIPTokenizer, T5EncoderModel, T5Tokenizer

T5_WINDOW = 512
"""The T5 tokens that the model was published with."""

SIDE = 128
"""The native side in latents, which no part of the model tells."""

EMBEDDED = 3.5
"""The guidance that a distilled network is told, at which it was published; it is no scale between two texts."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The networks of one model, in eval mode and on one device, and its tokenizers."""

    transformer: FluxTransformer2DModel
    vae: AutoencoderKL
    text_encoder: CLIPTextModel
    text_encoder_2: T5EncoderModel
    tokenizer: CLIPTokenizer
    tokenizer_2: T5Tokenizer


def model(name: str, parts: Parts, scheduler: FlowScheduler, fingerprint: str) -> flow.Flow:
    """Put a model together from its parts; what the parts do not say about themselves is worked out here."""
    pixels = factor(parts.vae)
    return flow.Flow(
        name=name,
        vae=parts.vae,
        scheduler=scheduler,
        tokens=(SIDE // 2) ** 2,
        resolution=SIDE * pixels,
        stride=2 * pixels,
        batch=flow.ROWS,
        fingerprint=fingerprint,
        dtype=parts.transformer.dtype,
        read=lru_cache(maxsize=64)(partial(read_prompt, parts)),
        velocity=partial(velocity, parts.transformer),
    )


def velocity(network: FluxTransformer2DModel, x: Tensor, times: Tensor, hidden: Tensor, pooled: Tensor) -> Tensor:
    """Ask the transformer, which answers with eps - x0."""
    height, width = x.shape[-2:]
    answer = network(
        hidden_states=packed(x),
        encoder_hidden_states=hidden,
        pooled_projections=pooled,
        timestep=times / 1000,
        img_ids=places(height // 2, width // 2, x.device),
        txt_ids=torch.zeros(hidden.shape[1], 3, device=x.device),
        guidance=torch.full_like(times, EMBEDDED) if network.config.guidance_embeds else None,
        return_dict=False,
    )[0]
    return unpacked(answer, height, width)


def packed(x: Tensor) -> Tensor:  # (n, c, h, w) -> (n, h/2 * w/2, 4c)
    """Lay two by two latents into one token."""
    n, channels, height, width = x.shape
    cells = x.reshape(n, channels, height // 2, 2, width // 2, 2)
    return cells.permute(0, 2, 4, 1, 3, 5).reshape(n, (height // 2) * (width // 2), 4 * channels)


def unpacked(tokens: Tensor, height: int, width: int) -> Tensor:  # -> (n, c, height, width)
    """Lay the tokens out as latents again."""
    n, _, values = tokens.shape
    cells = tokens.reshape(n, height // 2, width // 2, values // 4, 2, 2)
    return cells.permute(0, 3, 1, 4, 2, 5).reshape(n, values // 4, height, width)


def places(rows: int, columns: int, device: torch.device) -> Tensor:  # (rows * columns, 3)
    """Return where each token stands: nowhere in time, in its row and its column."""
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    return torch.stack([torch.zeros_like(y), y, x], -1).reshape(-1, 3).to(device, torch.float32)


@torch.no_grad()
def read_prompt(parts: Parts, prompt: str) -> Text:
    """Encode a prompt to T5's hidden states (1, words, width) and CLIP's pooled one (1, width), float32.

    CLIP sums up as much as it reads; T5 reads on.
    """
    window = int(min(T5_WINDOW, parts.tokenizer_2.model_max_length))
    check_length(parts.tokenizer_2, prompt, window)
    ids = ids_of(parts.tokenizer_2, prompt, window, parts.text_encoder_2.device)
    start = clip_window(parts.tokenizer, parts.text_encoder)
    summed = parts.text_encoder(ids_of(parts.tokenizer, prompt, start, parts.text_encoder.device)).pooler_output
    hidden, tokens = t5_said(parts.text_encoder_2, ids), tokens_in(parts.tokenizer_2, prompt, ids)
    return Text(hidden, {"pooled": summed.float()}, tokens)


ADAPTER = Adapter(
    scheduler=flow_scheduler,
    gathered=lambda parts: Parts(**parts),
    placed=partial(flow.placed, "text_encoder_2"),
    model=model,
)
