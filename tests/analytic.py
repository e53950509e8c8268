"""Networks whose answers are known: small models of the whole contract, in which a prompt means something exactly.

A prompt's words are patches: each sets the mean of the world inside a box, smaller boxes over larger ones. The words
of ``WORLD`` have their given box; every other word has one of its own, drawn from its spelling; ``SILENT`` ones none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from hypothesis import settings
from torch import Tensor
from torch.nn import functional as F

from inkover.attention.control import Control
from inkover.diffusion import straight
from inkover.diffusion.level import At, Level, Levels, Prediction
from inkover.diffusion.schedule import Spacing, cumulative, levels, scaled_linear
from inkover.errors import InkoverError
from inkover.methods.contract import Cut, Task
from inkover.models.contract import Text

quick = settings(max_examples=25, deadline=None)  # for property tests that run a method
CHANNELS, WINDOW = 3, 16
TABLE = cumulative(scaled_linear())

Patch = tuple[tuple[float, float, float, float], tuple[float, float, float]]  # box (y0, x0, y1, x1) in parts; values
ALL, SQUARE, CORNER = (0.0, 0.0, 1.0, 1.0), (0.25, 0.25, 0.75, 0.75), (0.75, 0.75, 1.0, 1.0)
WORLD: Mapping[str, Patch] = {
    "grass": (ALL, (-0.4, 0.5, -0.4)),
    "sand": (ALL, (0.5, 0.4, 0.0)),
    "red": (SQUARE, (0.9, -0.7, -0.7)),
    "blue": (SQUARE, (-0.7, -0.7, 0.9)),
    "mug": (CORNER, (0.8, 0.8, 0.8)),
}
SILENT = frozenset({"a", "on", "the", "of", "and", "ball"})

Answer = Callable[[Tensor, Level, Text], Prediction]


def read(prompt: str) -> Text:
    """Read a prompt as patches: hidden (1, WINDOW, 7) of box and values, NaN-free, unused rows of no area."""
    words = [word for word in prompt.lower().split() if word not in SILENT]
    if len(words) > WINDOW:
        raise InkoverError(f"the prompt has {len(words)} words and the model reads {WINDOW}: shorten it")
    hidden = torch.zeros(1, WINDOW, 7, dtype=torch.float64)
    for row, word in enumerate(words):
        box, values = WORLD.get(word) or spelled(word)
        hidden[0, row] = torch.tensor([*box, *values], dtype=torch.float64)
    return Text(hidden)


def spelled(word: str) -> Patch:
    """Draw a word's patch from its spelling."""
    a, b, c, d, *rest = (byte / 255 for byte in hashlib.sha256(word.encode()).digest())
    box = (a / 2, b / 2, a / 2 + 0.25 + c / 4, b / 2 + 0.25 + d / 4)
    return box, (2 * rest[0] - 1, 2 * rest[1] - 1, 2 * rest[2] - 1)


def meant(text: Text, like: Tensor) -> Tensor:
    """Return the mean (1, CHANNELS, h, w) of the world that a text speaks of."""
    height, width = like.shape[-2:]
    mean = torch.zeros(1, CHANNELS, height, width, dtype=like.dtype, device=like.device)
    largest_first = sorted(text.hidden[0].tolist(), key=lambda row: -(row[2] - row[0]) * (row[3] - row[1]))
    for y0, x0, y1, x1, *values in largest_first:
        rows, columns = slice(round(y0 * height), round(y1 * height)), slice(round(x0 * width), round(x1 * width))
        mean[:, :, rows, columns] = torch.tensor(values, dtype=like.dtype).view(1, CHANNELS, 1, 1)
    return mean


def gaussians(spread: float = 0.2, modes: Sequence[float] = (0.0,)) -> Answer:
    """Return the exact answer for a world of Gaussian mixtures, each position on its own.

    At every position the components have the text's mean plus one of ``modes`` (in all channels), equal weights and
    standard deviation ``spread``.
    """

    def answer(x: Tensor, level: Level, text: Text) -> Prediction:
        shift = torch.tensor(modes, dtype=x.dtype).view(-1, 1, 1, 1, 1)
        mean = meant(text, x)[None] + shift  # (modes, 1, c, h, w)
        variance = (level.alpha * spread) ** 2 + level.sigma**2
        off = x[None] - level.alpha * mean
        weight = (-(off**2).sum(2, keepdim=True) / (2 * variance)).softmax(0)
        x0 = (weight * (mean + level.alpha * spread**2 / variance * off)).sum(0)
        return Prediction(x0, (weight * level.sigma / variance * off).sum(0))

    return answer


def tangled(amplitude: float = 0.3) -> Answer:
    """Return the answer of a small random convolution network in which every position, word and time matters."""
    generator = torch.Generator().manual_seed(7)
    kernel = torch.randn(CHANNELS, 2 * CHANNELS, 3, 3, generator=generator, dtype=torch.float64) / 4

    def answer(x: Tensor, level: Level, text: Text) -> Prediction:
        seen = torch.cat([x, meant(text, x).expand_as(x)], 1)
        hidden = F.conv2d(F.pad(seen, (1, 1, 1, 1), mode="replicate"), kernel.to(x.dtype))
        return level.from_eps(x, 0.9 * level.sigma * x + amplitude * torch.tanh(hidden + level.time / 500 - 1))

    return answer


def deaf(x: Tensor, level: Level, text: Text) -> Prediction:
    """Answer with noise that depends on the time and the words, not on the latent."""
    mean = meant(text, x).expand_as(x)
    return level.from_eps(x, torch.cos(3 * mean + level.time / 100))


def oracle(photo: Tensor) -> Answer:
    """Return the answer of a network that knows the photo."""
    return lambda x, level, text: level.from_x0(x, photo.expand_as(x))


@dataclass(frozen=True)
class Analytic:
    """A model of the contract around an answer; latents are pixels, averaged two by two."""

    answer: Answer = field(default_factory=gaussians)
    name: str = "analytic"
    fingerprint: str = "0" * 64
    resolution: int = 32
    stride: int = 8
    batch: int = 8
    exact: bool = True
    heard: bool = True

    def text(self, prompt: str) -> Text:
        return read(prompt)

    def levels(self, steps: int, spacing: Spacing = Spacing()) -> Levels:  # noqa: B008 - frozen
        return levels(TABLE, steps, spacing)

    def encode(self, pixels: Tensor) -> Tensor:
        return F.avg_pool2d(pixels.float(), 2)

    def decode(self, latent: Tensor) -> Tensor:
        return F.interpolate(latent, scale_factor=2.0, mode="nearest")

    def predict(self, x: Tensor, at: At, rows: Mapping[str, Text], control: Control | None = None) -> Prediction:
        if control is not None:
            raise InkoverError("an analytic model has no attention that could be steered: use a network")
        if not rows or len(x) % len(rows):
            raise ValueError(f"{len(x)} latents cannot be cut into {len(rows)} equal rows")
        blocks = zip(x.chunk(len(rows)), rows.values(), strict=True)
        if isinstance(at, Level):
            answers = [self.answer(block, at, text) for block, text in blocks]
        else:
            apart = [(*pair, text) for block, text in blocks for pair in zip(block.split(1), at, strict=True)]
            answers = [self.answer(one, level, text) for one, level, text in apart]
        return Prediction(torch.cat([one.x0 for one in answers]), torch.cat([one.eps for one in answers]))


@dataclass(frozen=True)
class Straight(Analytic):
    """The same on a straight path, with the shift of Stable Diffusion 3."""

    def levels(self, steps: int, spacing: Spacing = Spacing("trailing", "one")) -> Levels:  # noqa: B008 - frozen
        return straight.levels(3.0, steps, spacing, 0.001, 1000)


@dataclass(frozen=True)
class Counted(Analytic):
    """The same, writing down the names of the rows and the samples of every forward."""

    forwards: list[tuple[tuple[str, ...], int]] = field(default_factory=list)

    def predict(self, x: Tensor, at: At, rows: Mapping[str, Text], control: Control | None = None) -> Prediction:
        self.forwards.append((tuple(rows), len(x)))
        return super().predict(x, at, rows, control)

    @property
    def samples(self) -> int:
        return sum(samples for _, samples in self.forwards)


@dataclass
class Ledger:
    """A watch that writes down a stage's announced and taken steps, and a counted model's samples, in all its runs."""

    model: Counted | None = None
    announced: dict[str, int] = field(default_factory=dict)
    taken: dict[str, int] = field(default_factory=dict)
    samples: dict[str, int] = field(default_factory=dict)
    now: str = ""

    @contextmanager
    def stage(self, name: str, steps: int) -> Iterator[None]:
        before = self.model.samples if self.model else 0
        self.now, self.announced[name] = name, self.announced.get(name, 0) + steps
        self.taken.setdefault(name, 0)
        yield
        self.samples[name] = self.samples.get(name, 0) + (self.model.samples if self.model else 0) - before
        self.now = ""

    def step(self) -> None:
        self.taken[self.now] += 1

    def acted(self, concept: int, mask: Tensor) -> None:
        assert mask.ndim == 4

    def compared(self, concept: int, cut: Cut) -> None:
        assert cut.found.shape == cut.mask.shape


def picture(
    height: int = 16,
    width: int = 16,
    seed: int = 0,
    prompt: str = "a red ball on grass",
    spread: float = 0.2,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Draw a clean latent (1, CHANNELS, height, width) of the Gaussian world that a prompt speaks of."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(1, CHANNELS, height, width, generator=generator, dtype=torch.float64)
    return (meant(read(prompt), noise) + spread * noise).to(dtype)


def task(
    model: Any = None,
    photo: Tensor | None = None,
    source: str = "a red ball on grass",
    target: str = "a blue ball on grass",
    seed: int = 0,
    mask: Tensor | None = None,
    watch: Any = None,
) -> Task:
    """Put a task together from what a test cares about."""
    photo = picture() if photo is None else photo
    return Task(model or Analytic(), photo, source, target, seed, watch or Ledger(), mask)


def box_mask(photo: Tensor, y0: float = 0.25, x0: float = 0.25, y1: float = 0.75, x1: float = 0.75) -> Tensor:
    """Return the hard mask (1, 1, h, w) of a box given in parts of the sides."""
    height, width = photo.shape[-2:]
    mask = torch.zeros(1, 1, height, width, dtype=photo.dtype)
    mask[..., round(y0 * height) : round(y1 * height), round(x0 * width) : round(x1 * width)] = 1
    return mask
