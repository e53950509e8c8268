"""Stages 3 and 5: latents of the photos, and the U-Net that denoises them, with the text encoder tuned along."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import CLIPTokenizer

from inkover.attention.maps import Seen
from inkover.attention.tap import tapped
from inkover.diffusion.schedule import cumulative, scaled_linear
from inkover.models.attended import attention_layers
from inkover.tabletop.captions import told
from inkover.tabletop.training import clip, data, gaze, locality
from inkover.tabletop.training.loop import Run, fit

LATENT = data.SIDE // data.CELL
MISLED = 3
"""One example in so many is told a second time, with a word wrong."""
GAZE = 0.02
"""How much looking astray counts beside the noise that was not found."""


def network() -> UNet2DConditionModel:
    """Return the untrained U-Net: cross-attention on the 16 x 16 and 8 x 8 grids."""
    return UNet2DConditionModel(
        sample_size=LATENT,
        in_channels=4,
        out_channels=4,
        block_out_channels=(64, 128, 192),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=clip.WIDTH,
        attention_head_dim=4,
        norm_num_groups=16,
    )


class Pair(nn.Module):
    """The U-Net and the text encoder that is tuned along with it."""

    unet: Any  # diffusers and transformers publish no types
    text: Any

    def __init__(self, unet: nn.Module, text: nn.Module) -> None:
        super().__init__()
        self.unet, self.text = unet, text


def trace(net: AutoencoderKL, photos: data.Photos, folder: Path, device: str, batch: int = 50) -> None:
    """Encode every photo, and its mirror image, into shards of latents (SHARD, 2, 4, LATENT, LATENT), not scaled."""
    folder.mkdir(parents=True, exist_ok=True)
    for place, number in enumerate(photos.shards):
        path = folder / f"{number:04d}.npy"
        if path.exists():
            continue
        made = np.zeros((data.SHARD, 2, 4, LATENT, LATENT), np.float16)
        for k in range(0, data.SHARD, batch):
            rows = np.asarray(photos.pixels[place][k : k + batch])
            both = np.concatenate([rows, rows[:, :, ::-1]])
            x = torch.from_numpy(both).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1
            with torch.no_grad(), torch.autocast(device.split(":")[0], torch.bfloat16):
                mode = net.encode(x.contiguous(memory_format=torch.channels_last)).latent_dist.mode()
            made[k : k + batch, 0], made[k : k + batch, 1] = mode.float().cpu().numpy().reshape(2, -1, *mode.shape[1:])
        part = path.with_suffix(".part.npy")
        np.save(part, made)
        part.rename(path)


def spread(folder: Path) -> float:
    """Return the standard deviation of the latents: one over the autoencoder's scaling factor."""
    return float(np.load(sorted(folder.glob("[0-9]*[0-9].npy"))[0], mmap_mode="r")[:200].astype(np.float32).std())


@dataclass(frozen=True)
class Drawn:
    """One example."""

    latent: NDArray[np.float32]  # (4, window, window), scaled
    text: str
    named: dict[int, tuple[int, int]]  # by object: the characters of its words in the text
    index: NDArray[np.int8]  # (window, window): which object each cell shows, counted from 1
    wrong: str  # the same with one word wrong, or the same
    elsewhere: NDArray[np.bool_]  # (window, window): where the wrong word says nothing


class Latents:
    """Latents of the photos, whole or windows of them, with captions of what the window shows."""

    def __init__(self, photos: data.Photos, folder: Path, window: int, scale: float) -> None:
        self.photos, self.window, self.scale = photos, window, scale
        self.shards = [np.load(folder / f"{n:04d}.npy", mmap_mode="r") for n in photos.shards]

    def draw(self, rng: np.random.Generator) -> Drawn:
        """Draw a window and its caption, which is empty one time in ten."""
        while True:
            number, flip = int(rng.integers(len(self.photos))), int(rng.integers(2))
            y, x = rng.integers(LATENT - self.window + 1, size=2)
            seen = self._seen(number, flip, int(y), int(x))
            if seen is not None:
                break
        row = self.shards[number // data.SHARD][number % data.SHARD, flip]
        cut = row[:, y : y + self.window, x : x + self.window].astype(np.float32) * self.scale
        scene, seed = self.photos.scene(number, seen), int(rng.integers(1 << 31))
        text, named = told(scene, np.random.default_rng(seed))
        if rng.random() < 0.1:
            text, named = "", {}
        kept = self.photos.kept(number, seen)
        index = self._index(number, flip)[y : y + self.window, x : x + self.window]
        wrong = locality.retold(scene, seed, named, rng)
        elsewhere = np.ones(index.shape, bool) if wrong is None else locality.elsewhere(index == kept[wrong[1]] + 1)
        spans = {kept[k]: span for k, span in named.items()}
        return Drawn(cut, text, spans, index, text if wrong is None else wrong[0], elsewhere)

    def _seen(self, number: int, flip: int, y: int, x: int) -> NDArray[np.bool_] | None:
        """Return which objects a window shows, or None where one is cut in two."""
        index = self._index(number, flip)
        cut = index[y : y + self.window, x : x + self.window]
        share = np.array([(cut == k).sum() / max((index == k).sum(), 1) for k in (1, 2, 3)])
        clear = (share > 0.7) | (share < 0.06)
        return share > 0.7 if self.window == LATENT or clear.all() else None

    def _index(self, number: int, flip: int) -> NDArray[np.int8]:
        """Return which object each cell shows, counted from 1."""
        index: NDArray[np.int8] = self.photos.index[number // data.SHARD][number % data.SHARD]
        return index[:, ::-1] if flip else index


def is_matrix(name: str) -> bool:
    """Return whether Muon is to step a weight: all but the tables of words and places, and the first and last layer."""
    return not any(part in name for part in ("embedding.", "conv_in", "conv_out"))


def train(name: str, net: Pair, words: CLIPTokenizer, latents: Latents, run: Run, batch: int) -> Pair:
    """Train on eps, on looking at an object where its words are read, and on wrong words that stay with their object.

    An error of the clean latent counts as in v prediction (Salimans and Ho 2022), capped as in min-SNR (Hang et al.
    2023). Min-SNR alone all but forgives it at the noisy levels, where a small network must learn what shape a word is.
    """
    alphas = torch.from_numpy(cumulative(scaled_linear())).float().to(run.device)
    ratio = alphas / (1 - alphas)
    weight = (ratio + 1).clamp(max=5.0) / ratio
    layers = attention_layers(net.unet)

    def draw(rng: np.random.Generator) -> tuple[Tensor, ...]:
        drawn = [latents.draw(rng) for _ in range(batch)]
        clean = np.stack([one.latent for one in drawn])
        noise = rng.standard_normal(clean.shape, np.float32)
        # one time in each equal part of the schedule: less noise in the loss
        times = ((np.arange(batch) + rng.random(batch)) / batch * len(alphas)).astype(np.int64)
        misled = drawn[::MISLED]
        read = clip.read(words, [one.text for one in drawn] + [one.wrong for one in misled])
        masks = np.stack([[one.index == k + 1 for k in range(3)] for one in drawn])
        wanted = gaze.targets(read.spans[:batch], [one.named for one in drawn], torch.from_numpy(masks))
        free = np.stack([one.elsewhere for one in misled])[:, None].astype(np.float32)
        return *(torch.from_numpy(part) for part in (clean, noise, times, free)), read.ids, wanted

    def loss(drawn: tuple[Tensor, ...]) -> Tensor:
        clean, noise, t, free, ids, wanted = (part.to(run.device) for part in drawn)
        a, again = alphas[t].view(-1, 1, 1, 1), t[::MISLED]
        x = a.sqrt() * clean + (1 - a).sqrt() * noise
        x = torch.cat([x, x[::MISLED]]).contiguous(memory_format=torch.channels_last)
        seen = list[Seen]()
        with torch.autocast(run.device.split(":")[0], torch.bfloat16), _kernels(run.device):
            hidden = net.text(input_ids=ids).last_hidden_state
            with tapped(layers, gaze.listening(seen), (gaze.ROW,)):
                said = net.unet(x, torch.cat([t, again]), encoder_hidden_states=hidden).sample.float()
        apart: Tensor = (said[:batch] - noise).pow(2).mean((1, 2, 3))
        # the wrong word may change the answer at its object, and nowhere else
        moved: Tensor = (free * (said[batch:] - said[:batch:MISLED].detach())).pow(2).mean((1, 2, 3))
        # in pure noise nobody can tell where an object will be
        astray = alphas[t].sqrt() * gaze.apart(seen, wanted)
        total: Tensor = (weight[t] * apart).mean() + (weight[again] * moved).mean() + GAZE * astray.mean()
        return total

    return fit(name, net, draw, loss, run, is_matrix)


def _kernels(device: str) -> AbstractContextManager[None]:
    """Choose plain attention on a CPU, where the way back through the fused kernel is the slower one."""
    return sdpa_kernel(SDPBackend.MATH) if device == "cpu" else nullcontext()
