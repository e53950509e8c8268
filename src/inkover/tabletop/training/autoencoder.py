"""Stage 1: the autoencoder, 128 px photos to 32 x 32 x 4 latents and back."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor

from inkover.tabletop.training import data
from inkover.tabletop.training.loop import Run, fit


def network() -> AutoencoderKL:
    """Return the untrained autoencoder: factor 4, no attention in the middle, so that any size decodes alike."""
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        latent_channels=4,
        block_out_channels=(24, 48, 96),
        layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        mid_block_add_attention=False,
        norm_num_groups=8,
        sample_size=data.SIDE,
    )


def _slopes(x: Tensor) -> tuple[Tensor, Tensor]:
    return x[..., 1:, :] - x[..., :-1, :], x[..., :, 1:] - x[..., :, :-1]


def distance(made: Tensor, photo: Tensor) -> Tensor:
    """Return how far two pictures are apart: mean square for PSNR, absolute error and slopes for edges."""
    slopes = [(a - b).abs().mean() for a, b in zip(_slopes(made), _slopes(photo), strict=True)]
    return 4.0 * F.mse_loss(made, photo) + 0.5 * F.l1_loss(made, photo) + 0.5 * torch.stack(slopes).mean()


def train(photos: data.Photos, run: Run, batch: int = 16, crop: int = 64, kl: float = 2e-4) -> AutoencoderKL:
    """Train on random crops; the noise of the posterior keeps the latent space smooth."""
    net = network().to(run.device)

    def draw(rng: np.random.Generator) -> tuple[Tensor, NDArray[np.float32]]:
        rows = []
        for number in rng.integers(len(photos), size=batch):
            y, x = 4 * rng.integers((data.SIDE - crop) // 4 + 1, size=2)
            patch = photos.photo(int(number))[y : y + crop, x : x + crop]
            rows.append(patch[:, ::-1] if rng.random() < 0.5 else patch)
        noise = rng.standard_normal((batch, 4, crop // data.CELL, crop // data.CELL), np.float32)
        return torch.from_numpy(np.stack(rows)), noise

    def loss(drawn: tuple[Tensor, NDArray[np.float32]]) -> Tensor:
        pixels = drawn[0].to(run.device).permute(0, 3, 1, 2).float() / 127.5 - 1
        with torch.autocast(run.device.split(":")[0], torch.bfloat16):
            posterior = net.encode(pixels).latent_dist
            noise = torch.from_numpy(drawn[1]).to(run.device)
            made = net.decode(posterior.mean + posterior.std * noise).sample
        mean, logvar = posterior.mean.float(), posterior.logvar.float()
        penalty: Tensor = 0.5 * (mean.pow(2) + logvar.exp() - 1 - logvar).mean()
        return distance(made.float(), pixels) + kl * penalty

    trained: AutoencoderKL = fit("autoencoder", net, draw, loss, run)
    return trained
