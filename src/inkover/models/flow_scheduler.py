"""What a flow's scheduler configuration says: how far its grids are shifted towards noise."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from inkover.diffusion.level import Levels
from inkover.diffusion.schedule import Spacing
from inkover.diffusion.straight import levels, shifted
from inkover.errors import InkoverError
from inkover.models.family import Config


@dataclass(frozen=True, slots=True)
class FlowScheduler:
    """The grids that a rectified flow was published with."""

    shift: Callable[[int], float]  # tokens of the picture -> the shift
    least: float  # the place where a linspace grid ends before its step to the clean latent
    times: int  # what the network is told at noise alone

    def levels(self, steps: int, spacing: Spacing, tokens: int) -> Levels:
        """Return the steps + 1 levels of a grid for a picture of that many tokens, noisiest first."""
        return levels(self.shift(tokens), steps, spacing, self.least, self.times)


def flow_scheduler(name: str, config: Config) -> FlowScheduler:
    """Read a scheduler's configuration; ``name`` is the model's, for the errors.

    InkoverError when it is not one of diffusers' flow matching schedulers, or walks another way than ours.
    """
    if not {"shift", "use_dynamic_shifting"} & config.keys():
        given = config.get("_class_name", "one without a shift")
        raise InkoverError(f"{name}: its scheduler is {given}, expected the configuration of a flow matching one")
    for key in ("invert_sigmas", "shift_terminal"):
        if config.get(key):
            raise InkoverError(
                f"{name}: its scheduler's {key} is {config[key]}, expected none: its grid ends elsewhere"
            )
    times = int(config.get("num_train_timesteps", 1000))
    if config.get("use_dynamic_shifting"):
        return FlowScheduler(_dynamic(name, config), 1 / times, times)
    shift = float(config.get("shift", 1.0))
    # diffusers shifts the least noisy place of this grid twice, and that is the grid that pictures were judged by
    return FlowScheduler(lambda tokens: shift, float(shifted(np.asarray(1 / times), shift)), times)


def _dynamic(name: str, config: Config) -> Callable[[int], float]:
    """Return the shift that grows with the picture, as Flux has it: along a line in the tokens, or its exponential."""
    kind = config.get("time_shift_type", "exponential")
    if kind not in ("exponential", "linear"):
        raise InkoverError(f"{name}: its scheduler's time_shift_type is {kind!r}, expected exponential or linear")
    low, high = float(config.get("base_shift", 0.5)), float(config.get("max_shift", 1.15))
    few, many = int(config.get("base_image_seq_len", 256)), int(config.get("max_image_seq_len", 4096))

    def line(tokens: int) -> float:
        return low + (high - low) * (tokens - few) / (many - few)

    return line if kind == "linear" else lambda tokens: math.exp(line(tokens))
