"""How far an edit moved a photo's layout: self-similarity of DINO's keys (Tumanyan et al. 2022, arXiv:2201.00424)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inkover.measure.figures import networks
from inkover.measure.figures.scores import Unknown, Values
from inkover.models.quiet import quiet

if TYPE_CHECKING:
    from transformers import ViTModel

SHORT, LONG = 224, 480
"""The shorter side that the network sees, as long as the longer is not over the other."""

MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet
KEYS = ("key", "k_proj")  # what transformers calls them, before and since 5


@dataclass(frozen=True, slots=True)
class Structure:
    """A vision transformer whose last block's keys are compared."""

    network: ViTModel

    def distance(self, one: Values, other: Values, *, pie: bool = False) -> float:
        """Return the mean squared difference of the pictures' self-similarities.

        ``pie`` as PIE-Bench has it: values up to 255 where the network expects up to 1, made smaller without smoothing.
        """
        return float(F.mse_loss(self._similarity(one, pie), self._similarity(other, pie)))

    def _similarity(self, picture: Values, pie: bool) -> Tensor:  # (tokens, tokens)
        keys = F.normalize(self.keys(prepared(picture, pie))[0], dim=-1)
        return keys @ keys.T

    @torch.no_grad()
    def keys(self, pixels: Tensor, behind: int = 0) -> Tensor:  # (n, 3, H, W) -> (n, tokens, width)
        """Return the keys of the last block, or of one with others behind it, its heads one beside the other."""
        patch = self.network.config.patch_size
        if min(pixels.shape[2:]) < patch:
            raise Unknown(f"the pictures are too narrow: made small for the network they are under {patch} px")
        found: list[Tensor] = []
        hook = _keys(self.network, behind).register_forward_hook(lambda _, __, output: found.append(output))
        try:
            self.network(pixel_values=pixels.to(self.network.device), interpolate_pos_encoding=True)
        finally:
            hook.remove()
        return found[0]


def load(folder: Path) -> Structure:
    """Load a ViT, which DINO is, from a transformers folder."""
    with quiet():
        return Structure(networks.network("--dino", folder, "ViTModel", "vit", add_pooling_layer=False))


def prepared(picture: Values, pie: bool) -> Tensor:
    """Return a picture (H, W, 3) as the network sees it, (1, 3, h, w)."""
    size = seen_size(picture.shape[0], picture.shape[1])
    return resized(picture * 255 if pie else picture, size, smooth=not pie)


def resized(picture: Values, size: tuple[int, int], smooth: bool = True) -> Tensor:
    """Return a picture (H, W, 3) at a size, its colours spread as the network knows them, (1, 3, h, w)."""
    values = torch.from_numpy(picture).permute(2, 0, 1)[None].float()
    small = F.interpolate(values, size=size, mode="bilinear", antialias=smooth)
    mean, spread = (torch.tensor(v).view(1, 3, 1, 1) for v in (MEAN, SPREAD))
    return (small - mean) / spread


def seen_size(height: int, width: int, least: int = SHORT, most: int = LONG) -> tuple[int, int]:
    """Return the size at which a picture is seen, rounded down as torchvision's Resize does.

    The shorter side is ``least`` px, or fewer where the longer would be over ``most``.
    """
    short, long = least, least * max(height, width) // min(height, width)
    if long > most:
        short, long = most * short // long, most
    return (short, long) if height <= width else (long, short)


def _keys(network: Any, behind: int) -> nn.Module:
    """Return the linear layer that makes the keys of a block: with that many behind it, or the first."""
    layers = [layer for name, layer in network.named_modules() if name.rsplit(".", 1)[-1] in KEYS]
    found: nn.Module = layers[max(len(layers) - 1 - behind, 0)]
    return found
