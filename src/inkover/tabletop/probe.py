"""The judge of edits: says of a box in a photo what stands there, and of the photo what lies under and behind it.

Trained on renders only. Nothing is conditioned on it, trained by it or chosen by it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from inkover.tabletop.scene import COLOURS
from inkover.tabletop.shapes import KINDS
from inkover.tabletop.textures import BACKGROUNDS, FINISHES, SURFACES

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "kind": (*KINDS, "nothing"),
    "colour": tuple(COLOURS),
    "finish": FINISHES,
    "surface": SURFACES,
    "background": BACKGROUNDS,
}
NEAR = ("kind", "colour", "finish")
SIDE = 64  # of the two pictures that it looks at, in pixels
Box = tuple[float, float, float, float]  # y0, x0, y1, x1 in pixels


def cut(pixels: NDArray[np.uint8], box: Box, margin: float = 0.12, side: int = SIDE) -> NDArray[np.uint8]:
    """Return the square around a box, edges repeated past the photo's, resized to (side, side, 3)."""
    import cv2

    y0, x0, y1, x1 = box
    half = max(y1 - y0, x1 - x0) * (0.5 + margin)
    cy, cx = (y0 + y1) / 2, (x0 + x1) / 2
    scale = 2 * half / side
    if scale > 1:  # an area average, or small patterns turn into others
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), 0.4 * scale, borderType=cv2.BORDER_REPLICATE), np.uint8)
    back = np.array([[scale, 0, cx - half + scale / 2 - 0.5], [0, scale, cy - half + scale / 2 - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    piece = cv2.warpAffine(pixels, back, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(piece, np.uint8)


def whole(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return all of a photo as the probe takes it."""
    return cut(pixels, (0.0, 0.0, float(pixels.shape[0]), float(pixels.shape[1])), margin=0.0)


def overlap(a: Box, b: Box) -> float:
    """Return the share of the smaller box that both hold."""
    height, width = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    least = min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
    return max(height, 0.0) * max(width, 0.0) / least


def square(box: Box) -> Box:
    """Return the least square around a box, which is what the probe is shown of it."""
    y0, x0, y1, x1 = box
    half, cy, cx = max(y1 - y0, x1 - x0) / 2, (y0 + y1) / 2, (x0 + x1) / 2
    return cy - half, cx - half, cy + half, cx + half


def alike(a: Box, b: Box) -> float:
    """Return how nearly two boxes are one: what both hold over what either holds."""
    height, width = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(height, 0.0) * max(width, 0.0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def _trunk(widths: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in zip((3, *widths), widths, strict=False):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.GroupNorm(8, after), nn.SiLU()]
        layers += [nn.Conv2d(after, after, 3, stride=2, padding=1), nn.GroupNorm(8, after), nn.SiLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten())


class Probe(nn.Module):
    """Two small convolutional trunks, one on the box and one on the photo, and a linear head an attribute."""

    def __init__(self) -> None:
        super().__init__()
        self.near, self.far = _trunk((24, 48, 96, 128)), _trunk((16, 32, 48))
        width = {name: 4 * (128 if name in NEAR else 48) for name in ATTRIBUTES}
        self.heads = nn.ModuleDict({name: nn.Linear(width[name], len(words)) for name, words in ATTRIBUTES.items()})

    def forward(self, near: Tensor, far: Tensor) -> dict[str, Tensor]:
        """Return scores of each attribute's words, for uint8 pictures (n, SIDE, SIDE, 3) of boxes and of photos."""
        seen = [
            trunk(x.permute(0, 3, 1, 2).float() / 127.5 - 1)
            for trunk, x in ((self.near, near), (self.far, far))
        ]  # fmt: skip
        return {name: head(seen[0] if name in NEAR else seen[1]) for name, head in self.heads.items()}


def load(folder: Path) -> Probe:
    """Load the trained probe from the model's folder."""
    from safetensors.torch import load_file

    probe = Probe()
    probe.load_state_dict(load_file(folder / "probe" / "model.safetensors"))
    return probe.eval()


@torch.no_grad()
def ask(probe: Probe, pixels: NDArray[np.uint8], boxes: list[Box]) -> list[dict[str, str]]:
    """Return what the probe sees in each box of a photo (H, W, 3), one word an attribute."""
    near = torch.from_numpy(np.stack([cut(pixels, box) for box in boxes]))
    far = torch.from_numpy(np.stack([whole(pixels)] * len(boxes)))
    scores = probe(near, far)
    return [
        {name: ATTRIBUTES[name][int(score[i].argmax())] for name, score in scores.items()} for i in range(len(boxes))
    ]
