"""Stable Diffusion 1.x and 2.x behind the contract: a convolutional U-Net, a CLIP text encoder, an autoencoder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from inkover.attention.control import Control
from inkover.attention.tap import Layer, tapped
from inkover.diffusion.level import At, Level, Levels, Prediction, answered, times
from inkover.diffusion.schedule import Spacing
from inkover.diffusion.schedule import levels as grid
from inkover.errors import InkoverError
from inkover.models.attended import attention_layers
from inkover.models.autoencoder import decoded, encoded, factor
from inkover.models.contract import Text
from inkover.models.family import Adapter
from inkover.models.scheduler import Scheduler, scheduler
from inkover.models.tokens import tokens_of

if TYPE_CHECKING:
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

LATENTS_A_FORWARD = 8 * 64 * 64
"""Latent positions that one forward should hold: eight rows at 512 px, which stays below 4 GB in float32."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The networks of one model, in eval mode and on one device, and its tokenizer."""

    unet: UNet2DConditionModel
    vae: AutoencoderKL
    text_encoder: CLIPTextModel
    tokenizer: CLIPTokenizer


def placed(parts: Parts, device: torch.device, dtype: torch.dtype) -> Parts:
    """Move freshly read networks to a device; the U-Net alone gets the dtype, the other two stay in float32."""
    layout = torch.channels_last if device.type == "cuda" else torch.contiguous_format  # no gain measured elsewhere
    return Parts(
        unet=_still(parts.unet.to(device=device, dtype=dtype, memory_format=layout)),
        vae=_still(parts.vae.to(device=device, dtype=torch.float32, memory_format=layout)),
        text_encoder=_still(parts.text_encoder.to(device=device, dtype=torch.float32)),
        tokenizer=parts.tokenizer,
    )


def _still(network: torch.nn.Module) -> Any:
    return network.eval().requires_grad_(False)


class Networks(Protocol):
    """The parts that are asked once the texts are read; Stable Diffusion XL has them too."""

    @property
    def unet(self) -> UNet2DConditionModel: ...
    @property
    def vae(self) -> AutoencoderKL: ...


Beside = Callable[[Tensor, Sequence[Text], torch.dtype], Mapping[str, Any]]
"""Latents, the texts of their blocks, the U-Net's dtype -> what it is told beside latent, time and words."""


def nothing(x: Tensor, texts: Sequence[Text], dtype: torch.dtype) -> Mapping[str, Any]:
    """Tell nothing more."""
    return {}


@dataclass(frozen=True, slots=True)
class StableDiffusion:
    """A Stable Diffusion model. State is float32 outside whatever the network's dtype is inside.

    The model is taken as it is when it is wrapped: after a change of its weights, wrap it again.
    """

    name: str
    parts: Networks
    scheduler: Scheduler
    resolution: int
    stride: int
    batch: int
    fingerprint: str  # SHA-256 of the weights, hex
    device: torch.device  # where the networks are, and the latents with them
    dtype: torch.dtype  # of the U-Net; asking the network itself costs a walk over its modules
    read: Callable[[str], Text]
    layers: tuple[Layer, ...]  # the U-Net's attention
    beside: Beside = nothing

    @property
    def heard(self) -> bool:
        """Whether its attention to words can be heard and steered."""
        return True

    @property
    def exact(self) -> bool:
        """Whether another batch moves an answer by the rounding of the state only: not in half precision."""
        return torch.finfo(self.dtype).bits >= 32

    def text(self, prompt: str) -> Text:
        """Read a prompt, once for each wording; InkoverError when it has more tokens than the model reads."""
        return self.read(prompt)

    def levels(self, steps: int, spacing: Spacing = Spacing()) -> Levels:  # noqa: B008 - frozen
        """Return the steps + 1 levels of a grid over the model's schedule, noisiest first."""
        return grid(self.scheduler.table, steps, spacing, self.scheduler.offset)

    def encode(self, pixels: Tensor) -> Tensor:
        """Turn pixels (n, 3, h, w) in [-1, 1] into clean latents (n, c, h/f, w/f), float32: the mode."""
        return encoded(self.parts.vae, pixels)

    def decode(self, latent: Tensor) -> Tensor:
        """Turn clean latents into pixels (n, 3, h, w) in [-1, 1], float32, not clamped."""
        return decoded(self.parts.vae, latent)

    def predict(self, x: Tensor, at: At, rows: Mapping[str, Text], control: Control | None = None) -> Prediction:
        """Ask the U-Net once, for all blocks of rows together; the answer is read in x's own dtype.

        Gradients are kept where the latent or a prompt asks for them, and cost nothing anywhere else.
        """
        if not rows or len(x) % len(rows):
            raise ValueError(f"{len(x)} latents cannot be cut into {len(rows)} equal rows")
        unet, when = self.parts.unet, at.time if isinstance(at, Level) else times(at, x)
        words = torch.cat([text.hidden.expand(len(x) // len(rows), -1, -1) for text in rows.values()])
        grad = torch.is_grad_enabled() and (x.requires_grad or words.requires_grad)
        with torch.set_grad_enabled(grad), tapped(self.layers, control, tuple(rows)):
            more = self.beside(x, tuple(rows.values()), self.dtype)
            raw = unet(x.to(self.dtype), when, words.to(self.dtype), return_dict=False, **more)[0]
        return answered(self.scheduler.read, at, x, raw.to(x.dtype))


def stable_diffusion(
    name: str,
    parts: Networks,
    scheduler: Scheduler,
    fingerprint: str,
    read: Callable[[str], Text],
    beside: Beside = nothing,
) -> StableDiffusion:
    """Put a model together from its parts; what the parts do not say about themselves is worked out here."""
    pixels, side = factor(parts.vae), int(parts.unet.config.sample_size)
    return StableDiffusion(
        name=name,
        parts=parts,
        scheduler=scheduler,
        resolution=side * pixels,
        stride=pixels * 2 ** (len(parts.unet.config.block_out_channels) - 1),
        batch=max(1, LATENTS_A_FORWARD // side**2),
        fingerprint=fingerprint,
        device=parts.unet.device,
        dtype=parts.unet.dtype,
        read=read,
        layers=attention_layers(parts.unet),
        beside=beside,
    )


def model(name: str, parts: Parts, schedule: Scheduler, fingerprint: str) -> StableDiffusion:
    """Put a model of Stable Diffusion 1.x or 2.x together from its parts."""
    read = lru_cache(maxsize=64)(partial(read_prompt, parts))
    return stable_diffusion(name, parts, schedule, fingerprint, read)


@torch.no_grad()
def read_prompt(parts: Parts, prompt: str) -> Text:
    """Encode a prompt to hidden states (1, words, width), float32, padded to the encoder's window."""
    encoder, tokenizer = parts.text_encoder, parts.tokenizer
    window = min(tokenizer.model_max_length, encoder.config.max_position_embeddings)
    tokens = tokenizer(prompt, padding="max_length", max_length=window, return_tensors="pt", verbose=False)
    count = tokens.input_ids.shape[1]
    if count > window:
        raise InkoverError(
            f"the prompt {prompt[:40] + '...'!r} has {count - 2} tokens and this model reads {window - 2}: shorten it"
        )
    wants_mask = getattr(encoder.config, "use_attention_mask", False)  # as diffusers' pipelines do
    mask = tokens.attention_mask.to(encoder.device) if wants_mask else None
    hidden: Tensor = encoder(tokens.input_ids.to(encoder.device), attention_mask=mask)[0]
    return Text(hidden.float(), tokens=tokens_of(tokenizer, prompt, tuple(tokens.input_ids[0].tolist())))


ADAPTER = Adapter(
    scheduler=scheduler,
    gathered=lambda parts: Parts(**parts),
    placed=placed,
    model=model,
)
