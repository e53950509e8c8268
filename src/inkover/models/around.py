"""A model around another: all that it does not change is the other's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from inkover.attention.control import Control
from inkover.diffusion.level import At, Levels, Prediction
from inkover.diffusion.schedule import Spacing
from inkover.models.contract import Model, Text


@dataclass(frozen=True, slots=True)
class Around:
    """The contract, handed on to the model inside."""

    model: Model

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.name

    @property
    def fingerprint(self) -> str:
        """The hash of the model's weights."""
        return self.model.fingerprint

    @property
    def resolution(self) -> int:
        """The model's native side in pixels."""
        return self.model.resolution

    @property
    def stride(self) -> int:
        """What a working side is a multiple of, in pixels."""
        return self.model.stride

    @property
    def batch(self) -> int:
        """How many rows one forward should hold at most."""
        return self.model.batch

    @property
    def heard(self) -> bool:
        """Whether its attention to words can be heard and steered."""
        return self.model.heard

    @property
    def exact(self) -> bool:
        """Whether another batch moves an answer by the rounding of the state only."""
        return self.model.exact

    def text(self, prompt: str) -> Text:
        """Read a prompt."""
        return self.model.text(prompt)

    def levels(self, steps: int, spacing: Spacing | None = None) -> Levels:
        """Return the model's grid."""
        return self.model.levels(steps) if spacing is None else self.model.levels(steps, spacing)

    def encode(self, pixels: Tensor) -> Tensor:
        """Encode."""
        return self.model.encode(pixels)

    def decode(self, latent: Tensor) -> Tensor:
        """Decode."""
        return self.model.decode(latent)

    def predict(self, x: Tensor, at: At, rows: Mapping[str, Text], control: Control | None = None) -> Prediction:
        """Ask the network."""
        return self.model.predict(x, at, rows, control)
