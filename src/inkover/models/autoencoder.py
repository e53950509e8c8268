"""The way from pixels to clean latents and back, which all families share: diffusers' autoencoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from diffusers import AutoencoderKL


@torch.no_grad()
def encoded(vae: AutoencoderKL, pixels: Tensor) -> Tensor:
    """Return the clean latents (n, c, h/f, w/f), float32, of pixels (n, 3, h, w) in [-1, 1]: the mode."""
    mode = vae.encode(_channels_last(vae, pixels)).latent_dist.mode().float()
    latent: Tensor = (mode - _shift(vae)) * vae.config.scaling_factor
    return latent.contiguous()


@torch.no_grad()
def decoded(vae: AutoencoderKL, latent: Tensor) -> Tensor:
    """Return the pixels (n, 3, h, w) in [-1, 1], float32, not clamped, of clean latents."""
    code = latent / vae.config.scaling_factor + _shift(vae)
    pixels: Tensor = vae.decode(_channels_last(vae, code)).sample
    return pixels.float().contiguous()


def _channels_last(vae: AutoencoderKL, x: Tensor) -> Tensor:
    """Return what the autoencoder is shown, its channels side by side: its convolutions then need no second layout."""
    return x.to(vae.device, vae.dtype, memory_format=torch.channels_last)


def factor(vae: AutoencoderKL) -> int:
    """Return how many pixels a latent's side stands for."""
    return int(2 ** (len(vae.config.block_out_channels) - 1))


def _shift(vae: AutoencoderKL) -> float:
    return float(vae.config.get("shift_factor") or 0.0)
