"""LPIPS, the distance of two pictures in a network's features (Zhang et al. 2018, arXiv:1801.03924).

The networks are those of torchvision, by their names for the weights; the heads are those of the authors, as
torchmetrics brings them. The arithmetic is that of torchmetrics 1.9.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from inkover.errors import InkoverError
from inkover.measure.figures.scores import Unknown, Values
from inkover.models.folder import PICKLES, first_line

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
EPSILON = 1e-8
PREFIX = "features."


@dataclass(frozen=True, slots=True)
class Backbone:
    """One of the three networks, and where its heads lie."""

    build: Callable[[], nn.Sequential]
    taps: tuple[int, ...]  # the layers whose output is compared
    widths: tuple[int, ...]  # channels of these outputs
    heads: tuple[int, ...]  # at which byte of torchmetrics' file the floats of each begin
    sha256: str  # of that file


class Fire(nn.Module):
    """SqueezeNet's block: few channels, then many by two kernels."""

    def __init__(self, width: int, squeezed: int, each: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(width, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, each, 1)
        self.expand3x3 = nn.Conv2d(squeezed, each, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, 2 each, H, W) for (n, width, H, W)."""
        few = F.relu(self.squeeze(x))
        return torch.cat([F.relu(self.expand1x1(few)), F.relu(self.expand3x3(few))], 1)


def _alex() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(),
    )  # fmt: skip


def _vgg() -> nn.Sequential:
    layers: list[nn.Module] = []
    width = 3
    for stage, (count, wide) in enumerate(((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))):
        layers += [nn.MaxPool2d(2, 2)] if stage else []
        for _ in range(count):
            layers += [nn.Conv2d(width, wide, 3, padding=1), nn.ReLU()]
            width = wide
    return nn.Sequential(*layers)


def _squeeze() -> nn.Sequential:
    def pool() -> nn.Module:
        return nn.MaxPool2d(3, 2, ceil_mode=True)

    return nn.Sequential(
        nn.Conv2d(3, 64, 3, stride=2), nn.ReLU(), pool(),
        Fire(64, 16, 64), Fire(128, 16, 64), pool(),
        Fire(128, 32, 128), Fire(256, 32, 128), pool(),
        Fire(256, 48, 192), Fire(384, 48, 192), Fire(384, 64, 256), Fire(512, 64, 256),
    )  # fmt: skip


BACKBONES = {
    "alex": Backbone(
        _alex, (1, 4, 7, 9, 11), (64, 192, 384, 256, 256), (4721, 1369, 2145, 3689, 4985),
        "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
    ),
    "vgg": Backbone(
        _vgg, (3, 8, 15, 22, 29), (64, 128, 256, 512, 512), (6001, 5481, 6265, 3425, 1369),
        "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
    ),
    "squeeze": Backbone(
        _squeeze, (1, 4, 7, 9, 10, 11, 12), (64, 128, 256, 384, 384, 512, 512),
        (6443, 3347, 3867, 4899, 1803, 6707, 8763),
        "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76",
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lpips:
    """A network cut into parts; what comes out of each is compared."""

    kind: str
    parts: tuple[nn.Sequential, ...]

    def distance(self, one: Values, other: Values) -> float:
        """Return how far two pictures (H, W, 3) in [0, 1] are apart; Unknown where the heads are not there."""
        return float(self.distances(_rows(one), _rows(other), heads(self.kind))[0])

    @torch.no_grad()
    def distances(self, one: Tensor, other: Tensor, heads: Sequence[Tensor]) -> Tensor:
        """Return the distance of each pair of rows (n, 3, H, W) in [-1, 1]; a head is (1, channels, 1, 1)."""
        total = torch.zeros(len(one))
        shift, scale = (torch.tensor(v).view(1, 3, 1, 1) for v in (SHIFT, SCALE))
        a, b = (one - shift) / scale, (other - shift) / scale
        for part, head in zip(self.parts, heads, strict=True):
            a, b = part(a), part(b)
            total += ((_unit(a) - _unit(b)).square() * head).sum(1).mean((1, 2))
        return total


def load(file: Path) -> Lpips:
    """Load a network, recognised by its weights."""
    weights = read_weights(file)
    kind = recognised(file, weights)
    backbone = BACKBONES[kind]
    network = backbone.build()
    network.load_state_dict({name.removeprefix(PREFIX): weights[name] for name in _names(network)})  # in float32
    return Lpips(kind, parts(network.eval(), backbone.taps))


def parts(network: nn.Sequential, taps: tuple[int, ...]) -> tuple[nn.Sequential, ...]:
    """Cut a network behind each of its taps."""
    layers, starts = list(network), (0, *(tap + 1 for tap in taps[:-1]))
    return tuple(nn.Sequential(*layers[start : tap + 1]) for start, tap in zip(starts, taps, strict=True))


def read_weights(file: Path) -> Mapping[str, Tensor]:
    """Read a safetensors file."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not file.is_file():
        what = "is a folder" if file.is_dir() else "is not there"
        raise InkoverError(f"--lpips {file} {what}: give torchvision's alexnet, vgg16 or squeezenet1_1 as safetensors")
    if file.suffix in PICKLES:
        raise InkoverError(f"--lpips {file} is a pickle, which can run code when read: give safetensors")
    try:
        return load_file(file)
    except (SafetensorError, OSError, ValueError) as problem:
        raise InkoverError(f"--lpips {file} cannot be read ({first_line(problem)}): get it again") from problem


def recognised(file: Path, weights: Mapping[str, Tensor]) -> str:
    """Return which network the weights are of."""
    for kind, backbone in BACKBONES.items():
        with torch.device("meta"):
            wanted = backbone.build()
        if all(name in weights and weights[name].shape == shape for name, shape in _names(wanted).items()):
            return kind
    raise InkoverError(
        f"--lpips {file} holds no network that LPIPS knows: give torchvision's alexnet, vgg16 or squeezenet1_1, whose "
        "weights are called features.0.weight and so on"
    )


def _names(network: nn.Module) -> dict[str, torch.Size]:
    """Return the names by which torchvision knows a network's weights, with their shapes."""
    return {PREFIX + name: weight.shape for name, weight in network.state_dict().items()}


def heads(kind: str) -> tuple[Tensor, ...]:
    """Return the authors' heads for a network, out of the installed torchmetrics.

    Their file is a pickle, and is not read as one: it is known by its hash, and then where in it the floats lie.
    """
    found = find_spec("torchmetrics")
    if found is None or not found.submodule_search_locations:
        raise Unknown("LPIPS takes its heads from torchmetrics: pip install torchmetrics")
    file = Path(found.submodule_search_locations[0]) / "functional" / "image" / "lpips_models" / f"{kind}.pth"
    content, backbone = file.read_bytes() if file.is_file() else b"", BACKBONES[kind]
    if hashlib.sha256(content).hexdigest() != backbone.sha256:
        raise Unknown("the installed torchmetrics brings other heads than are known: pip install torchmetrics==1.9.0")
    return tuple(
        torch.from_numpy(np.frombuffer(content, "<f4", width, start).copy()).view(1, width, 1, 1)
        for width, start in zip(backbone.widths, backbone.heads, strict=True)
    )


def _rows(picture: Values) -> Tensor:
    return torch.from_numpy(picture).permute(2, 0, 1)[None].float() * 2 - 1


def _unit(features: Tensor) -> Tensor:
    return features / (EPSILON + features.square().sum(1, keepdim=True)).sqrt()
