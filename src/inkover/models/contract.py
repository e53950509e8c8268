"""What every backbone is to the rest of the house: five verbs and a few facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor

from inkover.attention.control import Control
from inkover.attention.words import Tokens
from inkover.diffusion.level import At, Levels, Prediction
from inkover.diffusion.schedule import Spacing

__all__ = ["Model", "Spacing", "Text"]


@dataclass(frozen=True, slots=True)
class Text:
    """One prompt as a backbone reads it."""

    hidden: Tensor  # (1, words, width)
    extra: Mapping[str, Tensor] = field(default_factory=dict[str, Tensor])  # each (1, ...): pooled text, sizes
    tokens: Tokens = Tokens("", (), ())  # the prompt's, one for each of hidden's words; none where nothing was read


class Model(Protocol):
    """A backbone. State (latents, levels) is float32/float64 on ``device``, whatever the network's dtype."""

    @property
    def name(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...  # hash of the weights, hex
    @property
    def resolution(self) -> int: ...  # native side, in pixels
    @property
    def stride(self) -> int: ...  # a working side is a multiple of this, in pixels
    @property
    def batch(self) -> int: ...  # most rows that one forward should hold at the native resolution
    @property
    def exact(self) -> bool: ...  # another batch moves an answer by the rounding of the state only
    @property
    def heard(self) -> bool: ...  # its attention to words can be heard and steered

    def text(self, prompt: str) -> Text:
        """Read a prompt; InkoverError when it has more tokens than the model reads."""
        ...

    def levels(self, steps: int, spacing: Spacing = ...) -> Levels:
        """Return the steps + 1 levels of a grid, noisiest first."""
        ...

    def encode(self, pixels: Tensor) -> Tensor:
        """Turn pixels (n, 3, h, w) in [-1, 1] into clean latents (n, c, h/f, w/f): the mode, never a sample."""
        ...

    def decode(self, latent: Tensor) -> Tensor:
        """Turn clean latents into pixels (n, 3, h, w) in [-1, 1], not clamped."""
        ...

    def predict(self, x: Tensor, at: At, rows: Mapping[str, Text], control: Control | None = None) -> Prediction:
        """Ask the network once, with a control of its attention or without one.

        x is (len(rows) * n, c, h, w): one block of n latents for each named row, in order. The answer has x's shape.
        ``at`` is one level, or n of them: one for each latent of a block.
        InkoverError when there is a control and the network's attention cannot be heard.
        """
        ...
