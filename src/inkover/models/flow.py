"""Rectified flows behind the contract: what Stable Diffusion 3 and Flux have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from inkover.attention.control import Control
from inkover.diffusion.level import At, Level, Levels, Prediction, answered, times
from inkover.diffusion.schedule import Spacing
from inkover.errors import InkoverError
from inkover.models.autoencoder import decoded, encoded
from inkover.models.contract import Text
from inkover.models.flow_scheduler import FlowScheduler

if TYPE_CHECKING:
    from diffusers import AutoencoderKL

ROWS = 4
"""Rows that one forward should hold at the native resolution: a text and its null text, for two prompts."""

Velocity = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""(latents (n, c, h, w), times (n,), hidden (n, words, width), pooled (n, width)) -> eps - x0, as the latents."""


@dataclass(frozen=True, slots=True)
class Flow:
    """A rectified flow with joint attention. State is float32 outside whatever the network's dtype is inside.

    The model is taken as it is when it is wrapped: after a change of its weights, wrap it again.
    """

    name: str
    vae: AutoencoderKL
    scheduler: FlowScheduler
    tokens: int  # of a picture at the native resolution, which the grids are laid for
    resolution: int
    stride: int
    batch: int
    fingerprint: str  # SHA-256 of the weights, hex
    dtype: torch.dtype  # of the transformer
    read: Callable[[str], Text]
    velocity: Velocity

    @property
    def heard(self) -> bool:
        """Whether its attention to words can be heard: words and picture attend in one call, so it cannot."""
        return False

    @property
    def exact(self) -> bool:
        """Whether another batch moves an answer by the rounding of the state only: not in half precision."""
        return torch.finfo(self.dtype).bits >= 32

    def text(self, prompt: str) -> Text:
        """Read a prompt, once for each wording; InkoverError when it has more tokens than the model reads."""
        return self.read(prompt)

    def levels(self, steps: int, spacing: Spacing = Spacing()) -> Levels:  # noqa: B008 - frozen
        """Return the steps + 1 levels of a grid for the native resolution, noisiest first.

        Both of a spacing's ends are the clean latent, which is a level of a flow like any other.
        """
        return self.scheduler.levels(steps, spacing, self.tokens)

    def encode(self, pixels: Tensor) -> Tensor:
        """Turn pixels (n, 3, h, w) in [-1, 1] into clean latents (n, c, h/f, w/f), float32: the mode."""
        return encoded(self.vae, pixels)

    def decode(self, latent: Tensor) -> Tensor:
        """Turn clean latents into pixels (n, 3, h, w) in [-1, 1], float32, not clamped."""
        return decoded(self.vae, latent)

    def predict(self, x: Tensor, at: At, rows: Mapping[str, Text], control: Control | None = None) -> Prediction:
        """Ask the transformer once, for all blocks of rows together; the answer is read in x's own dtype.

        Gradients are kept where the latent or a prompt asks for them, and cost nothing anywhere else. InkoverError
        for any control: words and picture attend to themselves and each other in one call, and a control's sites are
        of either kind.
        """
        if control is not None:
            raise InkoverError(
                f"the attention of {self.name} is joint, words and picture in one, and cannot be steered: "
                "use a method without attention control, such as flowedit, or a Stable Diffusion 1.x or 2.x"
            )
        if not rows or len(x) % len(rows):
            raise ValueError(f"{len(x)} latents cannot be cut into {len(rows)} equal rows")
        each = len(x) // len(rows)
        hidden = torch.cat([text.hidden.expand(each, -1, -1) for text in rows.values()])
        pooled = torch.cat([text.extra["pooled"].expand(each, -1) for text in rows.values()])
        grad = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in (x, hidden, pooled))
        with torch.set_grad_enabled(grad):
            raw = self.velocity(x.to(self.dtype), times(at, x), hidden.to(self.dtype), pooled.to(self.dtype))
        return answered(Level.from_velocity, at, x, raw.to(x.dtype))


def placed(large: str, parts: Any, device: torch.device, dtype: torch.dtype) -> Any:
    """Move a dataclass of freshly read networks to a device: the transformer gets the dtype, the others float32.

    The one named ``large`` takes bfloat16 beside a transformer in half precision: in float16 it overflows, and in
    float32 it is larger than that.
    """
    half = torch.float32 if dtype == torch.float32 else torch.bfloat16
    numbers = {"transformer": dtype, large: half}
    held = {field.name: getattr(parts, field.name) for field in fields(parts)}
    networks = {part: network for part, network in held.items() if isinstance(network, torch.nn.Module)}
    moved = {part: network.to(device, numbers.get(part, torch.float32)) for part, network in networks.items()}
    return replace(parts, **{part: network.eval().requires_grad_(False) for part, network in moved.items()})
